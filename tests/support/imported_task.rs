//! Documents of a task of DMS in a folder, and what `brigade import dms` makes of them.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test program has no public, and a test that cannot be set up has to fail"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use serde_json::json;

/// The command that reads `task.json` and `endpoints.json`.
pub const IMPORT: &[&str] = &[
    "import",
    "dms",
    "--task",
    "task.json",
    "--endpoints",
    "endpoints.json",
    "--out",
    "new",
];
/// What it writes.
pub const CONFIGURATION: &str = "new/brigade.yaml";

/// The definition of one table, as a document in a document.
pub fn definition() -> String {
    json!({"TableCount": "1", "Tables": [{
        "TableName": "orders", "TablePath": "shop/orders/", "TableOwner": "shop",
        "TableColumns": [{"ColumnName": "id", "ColumnType": "INT8", "ColumnIsPk": "true"}], "TableColumnsTotal": "1"
    }]})
    .to_string()
}

/// A rule that selects it.
pub fn mappings() -> String {
    json!({"rules": [{"rule-type": "selection", "rule-id": "1", "rule-name": "1", "rule-action": "include",
        "object-locator": {"schema-name": "shop", "table-name": "%"}}]})
    .to_string()
}

/// The binary with arguments.
pub fn brigade(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_brigade"))
        .args(arguments)
        .current_dir(folder)
        .output()
        .unwrap()
}

/// Checks its exit code; gives its output.
#[track_caller]
pub fn expect(output: &Output, code: i32) -> String {
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{text}\n{errors}");
    text
}

/// Writes a file below the folder.
pub fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}

/// Runs the imported task with the folder `data` in place of the bucket and files in place of the stream; gives the
/// lines of those.
#[track_caller]
pub fn run_with_folders(folder: &Path) -> Vec<String> {
    let path = folder.join(CONFIGURATION);
    let text: Vec<String> = fs::read_to_string(&path).unwrap().lines().map(local).collect();
    fs::write(&path, text.join("\n")).unwrap();
    expect(&brigade(folder, &["run", "--once", "--config", CONFIGURATION]), 0);
    let files = fs::read_dir(folder.join("new/out")).unwrap();
    let mut paths: Vec<_> = files.map(|file| file.unwrap().path()).collect();
    paths.sort();
    let records = paths
        .iter()
        .filter(|path| path.extension().is_some_and(|name| name == "ndjson"));
    records
        .flat_map(|path| {
            fs::read_to_string(path)
                .unwrap()
                .lines()
                .map(ToOwned::to_owned)
                .collect::<Vec<_>>()
        })
        .collect()
}

/// A line of the configuration with folders in place of bucket and stream.
fn local(line: &str) -> String {
    let key = line.trim().split(':').next().unwrap_or_default();
    match key {
        "s3" => "  local:".to_owned(),
        "bucket" => "    directory: ../data".to_owned(),
        "kinesis" => "  ndjson:".to_owned(),
        "stream" => "    path: ./out".to_owned(),
        "region" => String::new(),
        _ => line.to_owned(),
    }
}
