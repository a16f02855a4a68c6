//! Finds tasks and endpoints in answers of the API, CloudFormation templates and Terraform's JSON.
//! Pure: no I/O, no clock.

use super::super::super::suggest::normalized;
use super::super::super::tree::{Entry, Node, Value};
use super::resolve::parameters::Parameters;
use super::resolve::template::Template;
use super::resolve::{self, terraform};

/// A task or an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resource {
    /// Its name in a template, or its address in Terraform, if it has one.
    label: Option<String>,
    /// Its members.
    pub(super) entries: Vec<Entry>,
}

/// What was found.
#[derive(Debug, Default)]
pub(super) struct Found {
    tasks: Vec<Resource>,
    endpoints: Vec<Resource>,
}

impl Resource {
    /// A member, in any spelling.
    pub(super) fn get(&self, name: &str) -> Option<&Value> {
        get(&self.entries, name)
    }

    /// A member that is text.
    pub(super) fn text(&self, name: &str) -> Option<&str> {
        text(self.get(name))
    }

    /// The name of a task.
    pub(super) fn task_name(&self) -> Option<&str> {
        [
            "ReplicationTaskIdentifier",
            "ReplicationTaskId",
            "ReplicationConfigIdentifier",
        ]
        .into_iter()
        .find_map(|member| self.text(member))
        .or(self.label.as_deref())
    }

    fn is_named(&self, name: &str) -> bool {
        self.task_name() == Some(name) || self.label.as_deref() == Some(name)
    }

    /// How people find it: by its place in a document, or by its name.
    pub(super) fn shown_name(&self) -> &str {
        let names = ["EndpointIdentifier", "EndpointId"];
        let label = self.label.as_deref();
        label
            .or_else(|| names.into_iter().find_map(|member| self.text(member)))
            .or_else(|| self.task_name())
            .unwrap_or("without a name")
    }

    /// Whether it is what a task needs; what is not known does not speak against it.
    pub(super) fn is(&self, direction: &str, engine: &str) -> bool {
        let is_open = |member: &str| self.get(member).is_some_and(resolve::is_marked);
        let matches = |member: &str, expected: &str| {
            is_open(member)
                || self
                    .text(member)
                    .is_some_and(|text| text.eq_ignore_ascii_case(expected))
        };
        matches("EndpointType", direction)
            && (matches("EngineName", engine)
                || self.get("EngineName").is_none_or(|name| *name == Value::Null))
    }

    /// Whether a task means it by an ARN, or by its name in the template.
    pub(super) fn is_meant_by(&self, reference: &str) -> bool {
        self.label.as_deref() == Some(reference)
            || ["EndpointArn", "Arn"]
                .into_iter()
                .any(|arn| self.text(arn) == Some(reference))
    }
}

/// A value that is text.
fn text(value: Option<&Value>) -> Option<&str> {
    if let Some(Value::Text(text)) = value {
        Some(text)
    } else {
        None
    }
}

/// The value of a member, in any spelling.
pub(super) fn get<'a>(entries: &'a [Entry], name: &str) -> Option<&'a Value> {
    let exact = entries.iter().find(|entry| entry.key == name);
    let alike = || {
        entries
            .iter()
            .find(|entry| normalized(&entry.key) == normalized(name))
    };
    exact.or_else(alike).map(|entry| &entry.node.value)
}

impl Found {
    /// Adds what is in a document.
    ///
    /// # Errors
    /// If it is of a form that says too little.
    pub(super) fn collect(&mut self, node: &Node, parameters: &Parameters) -> Result<(), String> {
        let entries: &[Entry] = match &node.value {
            Value::Map(entries) => entries,
            Value::List(_) | Value::Null | Value::Boolean(_) | Value::Number(_) | Value::Text(_) => &[],
        };
        let version = get(entries, "version").and_then(Value::scalar_text);
        match (get(entries, "Resources"), get(entries, "TemplateBody"), version) {
            (Some(Value::Map(_)), ..) => {
                for found in Template::new(entries, parameters).resources(is_kind) {
                    self.push(&found.kind, Some(&found.label), found.entries);
                }
            }
            (_, Some(Value::Map(_)), _) => {
                for body in entries
                    .iter()
                    .filter(|entry| normalized(&entry.key) == "templatebody")
                {
                    self.collect(&body.node, parameters)?;
                }
            }
            (Some(Value::List(resources)), _, Some("4")) => self.add(terraform::state(resources)),
            (_, _, Some("3")) if get(entries, "modules").is_some() => {
                return Err(
                    "is a state of Terraform before 0.12; give what `terraform show -json` prints".to_owned(),
                );
            }
            _ if get(entries, "format_version").is_some() => self.add(terraform::shown(entries, parameters)),
            _ if get(entries, "resource").is_some() => {
                self.add(terraform::source::resources(node, is_kind, parameters));
            }
            _ if entries.iter().any(|entry| is_resource(&entry.node.value)) => {
                // A part of a template: its resources alone.
                let resources = Entry {
                    key: "Resources".to_owned(),
                    place: node.place,
                    node: node.clone(),
                };
                for found in Template::new(&[resources], parameters).resources(is_kind) {
                    self.push(&found.kind, Some(&found.label), found.entries);
                }
            }
            _ => self.answer(node, parameters),
        }
        Ok(())
    }

    fn add(&mut self, resources: Vec<terraform::TerraformResource>) {
        for found in resources.into_iter().filter(|found| is_kind(&found.kind)) {
            self.push(&found.kind, Some(&found.label), found.entries);
        }
    }

    /// What the API answers, or a part of any of the other forms.
    fn answer(&mut self, node: &Node, parameters: &Parameters) {
        match &node.value {
            Value::List(nodes) => nodes.iter().for_each(|node| self.answer(node, parameters)),
            Value::Map(entries) => self.answer_map(entries, parameters),
            Value::Null | Value::Boolean(_) | Value::Number(_) | Value::Text(_) => {}
        }
    }

    fn answer_map(&mut self, entries: &[Entry], parameters: &Parameters) {
        let kind = text(get(entries, "Type")).unwrap_or_default();
        for body in ["Properties", "Values"] {
            if let (true, Some(Value::Map(members))) = (is_kind(kind), get(entries, body)) {
                let label = text(get(entries, "Name"));
                return self.push(kind, label, Template::new(&[], parameters).map_entries(members));
            }
        }
        let bare = [
            ("EngineName", "AWS::DMS::Endpoint"),
            ("MigrationType", "AWS::DMS::ReplicationTask"),
            ("ReplicationType", "AWS::DMS::ReplicationConfig"),
        ];
        match bare
            .into_iter()
            .find(|(member, _)| get(entries, member).is_some())
        {
            Some((_, kind)) => self.push(kind, None, Template::new(&[], parameters).map_entries(entries)),
            None => entries
                .iter()
                .for_each(|entry| self.answer(&entry.node, parameters)),
        }
    }

    fn push(&mut self, kind: &str, label: Option<&str>, entries: Vec<Entry>) {
        let resource = Resource {
            label: label.map(ToOwned::to_owned),
            entries,
        };
        if normalized(kind).ends_with("endpoint") {
            self.endpoints.push(resource);
        } else {
            self.tasks.push(resource);
        }
    }

    /// The endpoints of a direction and an engine.
    pub(super) fn endpoints(&self) -> &[Resource] {
        &self.endpoints
    }

    /// The named task, or the only one.
    ///
    /// # Errors
    /// Which there are.
    pub(super) fn task(&self, name: Option<&str>) -> Result<&Resource, String> {
        let chosen: Vec<_> = self
            .tasks
            .iter()
            .filter(|task| name.is_none_or(|name| task.is_named(name)))
            .collect();
        let names: Vec<_> = self.tasks.iter().filter_map(Resource::task_name).collect();
        match chosen.as_slice() {
            [only] => Ok(only),
            [] if self.tasks.is_empty() => Err(
                "has no replication task; give what `aws dms describe-replication-tasks` or \
                 `describe-replication-configs` prints, a CloudFormation template or what `terraform show -json` prints"
                    .to_owned(),
            ),
            _ => Err(format!(
                "has the tasks {}; name one with --name",
                names.join(", ")
            )),
        }
    }
}

fn is_resource(value: &Value) -> bool {
    matches!(value, Value::Map(body)
        if is_kind(text(get(body, "Type")).unwrap_or_default()) && get(body, "Properties").is_some())
}

/// Whether a resource is one of those looked for; CloudFormation and Terraform differ in the separators alone.
pub(super) fn is_kind(kind: &str) -> bool {
    [
        "awsdmsreplicationtask",
        "awsdmsreplicationconfig",
        "awsdmsendpoint",
        "awsdmss3endpoint",
    ]
    .contains(&normalized(&kind.replace(':', "")).as_str())
}
