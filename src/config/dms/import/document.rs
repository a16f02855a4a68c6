//! Finds tasks and endpoints in answers of the API, CloudFormation templates and Terraform's JSON.
//! Pure: no I/O, no clock.

use super::super::super::suggest::normalized;
use super::super::super::tree::{Entry, Node, Value};

/// A task or an endpoint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resource {
    /// Its name in a template, if it has one.
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

    /// A member that is text, or a reference to a resource by its name.
    fn text(&self, name: &str) -> Option<&str> {
        let value = self.get(name)?;
        if let Value::Map(entries) = value {
            return text(get(entries, "Ref"));
        }
        text(Some(value))
    }

    /// The name of a task.
    pub(super) fn task_name(&self) -> Option<&str> {
        ["ReplicationTaskIdentifier", "ReplicationTaskId"]
            .into_iter()
            .find_map(|member| self.text(member))
            .or(self.label.as_deref())
    }

    fn endpoint_name(&self) -> &str {
        ["EndpointIdentifier", "EndpointId"]
            .into_iter()
            .find_map(|member| self.text(member))
            .or(self.label.as_deref())
            .unwrap_or("without a name")
    }

    fn is(&self, direction: &str, engine: &str) -> bool {
        let matches = |member: &str, expected: &str| {
            self.text(member)
                .is_some_and(|text| text.eq_ignore_ascii_case(expected))
        };
        matches("EndpointType", direction)
            && (matches("EngineName", engine) || self.get("EngineName").is_none())
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
    pub(super) fn collect(&mut self, node: &Node) {
        match &node.value {
            Value::List(nodes) => nodes.iter().for_each(|node| self.collect(node)),
            Value::Map(entries) => self.collect_map(entries),
            Value::Null | Value::Boolean(_) | Value::Number(_) | Value::Text(_) => {}
        }
    }

    fn collect_map(&mut self, entries: &[Entry]) {
        let kind = text(get(entries, "Type")).unwrap_or_default();
        for body in ["Properties", "Values"] {
            if let (true, Some(Value::Map(members))) = (is_kind(kind), get(entries, body)) {
                let label = text(get(entries, "Name"));
                self.push(kind, label, members);
                return;
            }
        }
        if get(entries, "EngineName").is_some() {
            return self.push("AWS::DMS::Endpoint", None, entries);
        }
        if get(entries, "MigrationType").is_some() {
            return self.push("AWS::DMS::ReplicationTask", None, entries);
        }
        // A plan of Terraform holds each resource several times; what is planned is what counts.
        let planned = get(entries, "planned_values").or_else(|| get(entries, "values"));
        if let (Some(Value::Map(planned)), true) = (planned, get(entries, "format_version").is_some()) {
            return self.collect_map(planned);
        }
        for entry in entries {
            self.collect_entry(entry);
        }
    }

    /// A resource by its name in a template, or in the source form of Terraform.
    fn collect_entry(&mut self, entry: &Entry) {
        let Value::Map(members) = &entry.node.value else {
            return self.collect(&entry.node);
        };
        if is_kind(&entry.key) {
            for labelled in members {
                if let Value::Map(body) = &labelled.node.value {
                    self.push(&entry.key, Some(&labelled.key), body);
                }
            }
            return;
        }
        if let (Some(kind), Some(Value::Map(body))) = (text(get(members, "Type")), get(members, "Properties"))
        {
            if is_kind(kind) {
                self.push(kind, Some(&entry.key), body);
            }
            return;
        }
        self.collect(&entry.node);
    }

    fn push(&mut self, kind: &str, label: Option<&str>, entries: &[Entry]) {
        let resource = Resource {
            label: label.map(ToOwned::to_owned),
            entries: entries.to_vec(),
        };
        if normalized(kind).ends_with("task") {
            self.tasks.push(resource);
        } else {
            self.endpoints.push(resource);
        }
    }

    /// The named task, or the only one.
    ///
    /// # Errors
    /// Which there are.
    pub(super) fn task(&self, name: Option<&str>) -> Result<&Resource, String> {
        let chosen: Vec<_> = self
            .tasks
            .iter()
            .filter(|task| name.is_none() || task.task_name() == name)
            .collect();
        let names: Vec<_> = self.tasks.iter().filter_map(Resource::task_name).collect();
        match chosen.as_slice() {
            [only] => Ok(only),
            [] if self.tasks.is_empty() => Err(
                "has no replication task; give what `aws dms describe-replication-tasks` prints, a CloudFormation \
                 template or what `terraform show -json` prints"
                    .to_owned(),
            ),
            _ => Err(format!(
                "has the tasks {}; name one with --name",
                names.join(", ")
            )),
        }
    }

    /// The endpoint of a task: the one it names, or the only one there is.
    ///
    /// # Errors
    /// Which there are.
    pub(super) fn endpoint(
        &self,
        task: &Resource,
        direction: &str,
        engine: &str,
    ) -> Result<&Resource, String> {
        let named = task.text(&format!("{direction}EndpointArn"));
        let by_name = self.endpoints.iter().find(|endpoint| {
            named.is_some() && (endpoint.text("EndpointArn") == named || endpoint.label.as_deref() == named)
        });
        if let Some(endpoint) = by_name {
            return if endpoint.is(direction, engine) {
                Ok(endpoint)
            } else {
                Err(format!(
                    "the {direction} endpoint {} is not of the engine {engine}; brigade reads S3 and writes Kinesis only",
                    endpoint.endpoint_name()
                ))
            };
        }
        let chosen: Vec<_> = self
            .endpoints
            .iter()
            .filter(|endpoint| endpoint.is(direction, engine))
            .collect();
        match chosen.as_slice() {
            [only] => Ok(only),
            [] => Err(format!(
                "has no {direction} endpoint of the engine {engine}; give what `aws dms describe-endpoints` prints \
                 with --endpoints"
            )),
            _ => Err(format!(
                "has several {direction} endpoints of the engine {engine}, and none is the task's {}: {}",
                named.unwrap_or("(it names none)"),
                chosen
                    .iter()
                    .map(|endpoint| endpoint.endpoint_name())
                    .collect::<Vec<_>>()
                    .join(", ")
            )),
        }
    }
}

/// Whether a resource is one of those looked for; CloudFormation and Terraform differ in the separators alone.
fn is_kind(kind: &str) -> bool {
    ["awsdmsreplicationtask", "awsdmsendpoint", "awsdmss3endpoint"]
        .contains(&normalized(&kind.replace(':', "")).as_str())
}
