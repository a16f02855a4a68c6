//! A task with three tables and a table mapping document, from its configuration to the messages of its rows: each
//! document is loaded as a task has it, and each row goes through the framer and the renderer of the engine.

#![allow(
    clippy::needless_pass_by_value,
    clippy::format_collect,
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a broken fixture must fail the test, and is written down in the shortest way"
)]
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

use bucket_brigade::config::{Config, Environment, Loaded, load_str};
use bucket_brigade::model::{Mark, ObjectVersion, RowSource, TableIndex};
use bucket_brigade::parse::row::{RenderedChunk, RowRenderer};
use bucket_brigade::read::framer::{Framer, FramerConfig};
use bucket_brigade::settings::ConfigProblems;
use bucket_brigade::value::timestamp::MessageTimestamp;
use serde_json::{Value, json};

/// Files of one folder.
#[derive(Debug, Default)]
pub(crate) struct Files(BTreeMap<PathBuf, String>);

impl Environment for Files {
    fn variable(&self, _name: &str) -> Result<Option<String>, OsString> {
        Ok(None)
    }

    fn read_file(&self, path: &Path) -> io::Result<Vec<u8>> {
        let text = self.0.get(path).ok_or(io::ErrorKind::NotFound)?;
        Ok(text.clone().into_bytes())
    }
}

pub(crate) fn column(name: &str, column_type: &str, is_primary_key: bool) -> Value {
    json!({
        "ColumnName": name, "ColumnType": column_type, "ColumnLength": "60", "ColumnPrecision": "9", "ColumnScale": "2",
        "ColumnNullable": (!is_primary_key).to_string(), "ColumnIsPk": is_primary_key.to_string(),
    })
}

/// `hr.employee`, `hr.pay` and `Test.Customers`.
pub(crate) fn definition() -> String {
    let table = |owner: &str, name: &str, columns: Vec<Value>| json!({"TableName": name, "TablePath": format!("{owner}/{name}/"), "TableOwner": owner, "TableColumns": columns});
    let employee = vec![
        column("Id", "INT8", true),
        column("LastName", "STRING", false),
        column("FirstName", "STRING", false),
        column("HireDate", "DATETIME", false),
        column("passport_no", "STRING", false),
        column("salary", "NUMERIC", false),
        column("notes", "CLOB", false),
    ];
    let pay = vec![
        column("employee_id", "INT8", true),
        column("amount", "NUMERIC", false),
    ];
    let customers = vec![
        column("FirstName", "STRING", false),
        column("LastName", "STRING", false),
        column("StoreId", "INT4", false),
        column("HomeAddress", "STRING", false),
        column("HomePhone", "STRING", false),
        column("WorkAddress", "STRING", false),
        column("WorkPhone", "STRING", false),
        column("DateofBirth", "STRING", false),
    ];
    let tables = [
        table("hr", "employee", employee),
        table("hr", "pay", pay),
        table("Test", "Customers", customers),
    ];
    json!({"TableCount": "3", "Tables": tables}).to_string()
}

pub(crate) const EMPLOYEE: &str = "101,Smith,Bob,2014-06-04 10:20:30,C6BGJ566669K,20000.50,\"long, note\"";
pub(crate) const CUSTOMER: &str =
    "Randy,Marsh,5,221B Baker Street,1234567890,\"31 Spooner Street, Quahog\",9876543210,02/29/1988";

pub(crate) fn load(rules: &[Value]) -> Result<Loaded, ConfigProblems> {
    load_from(&json!({ "rules": rules }).to_string())
}

pub(crate) fn load_from(mappings: &str) -> Result<Loaded, ConfigProblems> {
    let task = "version: 1\ntask: hr\nmigration_type: full-load-and-cdc\n\
                source: { local: { directory: data, cdc_path: cdc }, tables: t.json }\ntable_mappings: m.json\n\
                target: { ndjson: { path: out, message_format: json-unformatted } }\n";
    let mut files = Files::default();
    files.0.insert("/task/t.json".into(), definition());
    files.0.insert("/task/m.json".into(), mappings.to_owned());
    load_str(task, Path::new("/task/brigade.yaml"), &files)
}

#[track_caller]
pub(crate) fn config(rules: &[Value]) -> Config {
    load(rules).unwrap_or_else(|problems| panic!("{problems}")).config
}

pub(crate) fn include(schema: &str, table: &str) -> Value {
    json!({"rule-type": "selection", "rule-id": "1", "rule-name": "1", "rule-action": "include",
           "object-locator": {"schema-name": schema, "table-name": table}})
}

/// A transformation rule of the columns of `hr.employee`.
pub(crate) fn employee_column(id: u64, column: &str, action: &str, more: Value) -> Value {
    let locator = json!({"schema-name": "hr", "table-name": "employee", "column-name": column});
    transformation(id, "column", &locator, action, more)
}

pub(crate) fn transformation(id: u64, target: &str, locator: &Value, action: &str, more: Value) -> Value {
    let mut rule = json!({"rule-type": "transformation", "rule-id": id, "rule-name": id.to_string(), "rule-target": target,
                          "object-locator": locator, "rule-action": action});
    for (name, value) in more.as_object().unwrap() {
        rule[name.as_str()] = value.clone();
    }
    rule
}

pub(crate) fn rendered(config: &Config, source: RowSource, row: &str) -> RenderedChunk {
    let framing = FramerConfig {
        dialect: config.source.csv.clone(),
        row_bytes_max: 1 << 20,
        chunk_bytes_max: 1 << 20,
    };
    let mut framer = Framer::new(&framing, Mark::START);
    framer.push(row.as_bytes());
    framer.finish();
    let object = ObjectVersion {
        key: "cdc/1.csv".to_owned(),
        etag: "e".to_owned(),
        size_bytes: 1,
        modified_ms: 1_600_000_000_000,
    };
    let mut rows = RowRenderer::new(
        &config.tables,
        &config.mappings,
        &config.source.csv,
        &config.message,
    );
    let timestamp = MessageTimestamp::from_unix_us(0);
    rows.render_chunk(source, &object, &framer.next_chunk().unwrap(), &timestamp)
}

/// The one message of a row and its partition key.
#[track_caller]
pub(crate) fn message(config: &Config, source: RowSource, row: &str) -> (Value, String) {
    let rendered = rendered(config, source, row);
    let [record] = rendered.records.as_slice() else {
        panic!("{:?} {:?}", rendered.rejected, rendered.filtered);
    };
    let payload = &rendered.buffer[record.payload.clone()];
    let key = String::from_utf8(rendered.buffer[record.key.clone()].to_vec()).unwrap();
    (serde_json::from_slice(payload).unwrap(), key)
}

/// The message of a row of `hr.employee`, which is the first table in all tests that read it.
#[track_caller]
pub(crate) fn employee(rules: &[Value]) -> (Value, String) {
    message(&config(rules), RowSource::Load(TableIndex(0)), EMPLOYEE)
}

/// What is wrong with rules, as one text.
pub(crate) fn problems(rules: &[Value]) -> String {
    match load(rules) {
        Ok(loaded) => loaded
            .warnings
            .iter()
            .map(|problem| format!("{problem}\n"))
            .collect(),
        Err(problems) => problems.to_string(),
    }
}
