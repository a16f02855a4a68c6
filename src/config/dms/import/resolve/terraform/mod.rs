//! Terraform: its state, what it prints of a state or a plan, and its configuration in JSON. Pure: no I/O, no clock.

mod address;
mod plan;
pub(in super::super) mod source;

use super::super::super::super::suggest::normalized;
use super::super::super::super::tree::{Entry, Node, Value};
use super::parameters::Parameters;
use super::template::member;

/// A resource with the values it has.
#[derive(Debug)]
pub(in super::super) struct TerraformResource {
    pub(in super::super) kind: String,
    /// Its address: `module.a.aws_dms_endpoint.in[0]`.
    pub(in super::super) label: String,
    pub(in super::super) entries: Vec<Entry>,
}

/// The resources of what `terraform show -json` prints.
pub(in super::super) fn shown(root: &[Entry], parameters: &Parameters) -> Vec<TerraformResource> {
    match member(root, "planned_values") {
        Some(planned) => plan::resources(root, planned, parameters),
        None => of_modules(member(root, "values")),
    }
}

/// The resources of a file `terraform.tfstate`.
pub(in super::super) fn state(resources: &[Node]) -> Vec<TerraformResource> {
    let mut found = Vec::new();
    for resource in resources {
        let text = |name: &str| text_of(&resource.value, name);
        let (Some(kind), Some(name)) = (text("type"), text("name")) else {
            continue;
        };
        let module = text("module").map_or_else(String::new, |module| format!("{module}."));
        let data = if text("mode") == Some("data") { "data." } else { "" };
        for instance in list(below(&resource.value, "instances")) {
            let index = match below(&instance.value, "index_key") {
                Some(Value::Number(index)) => format!("[{index}]"),
                Some(Value::Text(key)) => format!("[{key:?}]"),
                Some(Value::Null | Value::Boolean(_) | Value::List(_) | Value::Map(_)) | None => {
                    String::new()
                }
            };
            // One that was replaced, and could not be destroyed yet, is not the resource any more.
            let is_deposed = below(&instance.value, "deposed").is_some();
            if let (false, Some(Value::Map(entries))) = (is_deposed, below(&instance.value, "attributes")) {
                found.push(TerraformResource {
                    kind: kind.to_owned(),
                    label: format!("{module}{data}{kind}.{name}{index}"),
                    entries: entries.clone(),
                });
            }
        }
    }
    found
}

/// The resources of a module and those below it.
fn of_modules(values: Option<&Node>) -> Vec<TerraformResource> {
    of_root(values.and_then(|values| below(&values.value, "root_module")))
}

fn of_root(root: Option<&Value>) -> Vec<TerraformResource> {
    let mut found = Vec::new();
    let mut modules: Vec<&Value> = root.into_iter().collect();
    while let Some(module) = modules.pop() {
        for resource in list(below(module, "resources")) {
            let text = |name: &str| text_of(&resource.value, name);
            if text("deposed_key").is_some() {
                continue;
            }
            let (Some(kind), Some(Value::Map(entries))) = (text("type"), below(&resource.value, "values"))
            else {
                continue;
            };
            found.push(TerraformResource {
                kind: kind.to_owned(),
                label: text("address")
                    .or_else(|| text("name"))
                    .unwrap_or_default()
                    .to_owned(),
                entries: entries.clone(),
            });
        }
        modules.extend(
            list(below(module, "child_modules"))
                .iter()
                .map(|node| &node.value),
        );
    }
    found
}

fn below<'a>(value: &'a Value, name: &str) -> Option<&'a Value> {
    match value {
        Value::Map(entries) => member(entries, name).map(|node| &node.value),
        Value::Null | Value::Boolean(_) | Value::Number(_) | Value::Text(_) | Value::List(_) => None,
    }
}

fn list(value: Option<&Value>) -> &[Node] {
    match value {
        Some(Value::List(nodes)) => nodes,
        Some(Value::Null | Value::Boolean(_) | Value::Number(_) | Value::Text(_) | Value::Map(_)) | None => {
            &[]
        }
    }
}

fn text_of<'a>(value: &'a Value, name: &str) -> Option<&'a str> {
    below(value, name).and_then(Value::scalar_text)
}

fn is_stream(kind: &str) -> bool {
    normalized(kind) == "awskinesisstream"
}

fn is_endpoint(kind: &str) -> bool {
    ["awsdmsendpoint", "awsdmss3endpoint"].contains(&normalized(kind).as_str())
}

/// The ARN of a stream of which only the name is known.
fn stream_arn(name: &str) -> Value {
    Value::Text(format!("arn:aws:kinesis:::stream/{name}"))
}

#[cfg(test)]
mod tests {
    use super::super::super::super::json;
    use super::*;
    use crate::settings::problems::Report;

    #[test]
    fn what_was_replaced_is_not_the_resource_any_more() {
        let read = |text: &str| json::read(text, &mut Report::new("t")).unwrap();
        let state_file = read(
            r#"[{"type":"aws_dms_endpoint","name":"in","instances":[
                {"attributes":{"endpoint_id":"new"}},{"deposed":"5a","attributes":{"endpoint_id":"old"}}]}]"#,
        );
        let Value::List(resources) = &state_file.value else {
            panic!("{state_file:?}");
        };
        let printed = read(
            r#"{"values":{"root_module":{"resources":[
                {"address":"aws_dms_endpoint.in","type":"aws_dms_endpoint","values":{"endpoint_id":"new"}},
                {"address":"aws_dms_endpoint.in","type":"aws_dms_endpoint","deposed_key":"5a","values":{}}]}}}"#,
        );
        let Value::Map(entries) = &printed.value else {
            panic!("{printed:?}");
        };
        for found in [state(resources), shown(entries, &Parameters::default())] {
            let [only] = found.as_slice() else {
                panic!("{found:?}");
            };
            assert_eq!(only.label, "aws_dms_endpoint.in");
            assert_eq!(
                only.entries.first().and_then(|id| id.node.value.scalar_text()),
                Some("new")
            );
        }
    }
}
