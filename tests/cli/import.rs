//! `brigade import dms` as a user runs it: the answers of the API go in, a configuration that runs comes out.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;
use std::{fs, iter};

use serde_json::{Value, json};

use crate::imported_task::{
    CONFIGURATION, IMPORT, brigade, definition, expect, mappings, run_with_folders, write,
};
use crate::init::write_parquet;

const SETTINGS: &str = include_str!("../data/import/task-settings.json");

fn prepare(folder: &Path) {
    let task = json!({"ReplicationTasks": [{
        "ReplicationTaskIdentifier": "orders-to-stream", "SourceEndpointArn": "arn:aws:dms:eu-west-1:111122223333:endpoint:IN",
        "TargetEndpointArn": "arn:aws:dms:eu-west-1:111122223333:endpoint:OUT", "MigrationType": "full-load-and-cdc",
        "TableMappings": mappings(), "ReplicationTaskSettings": SETTINGS, "Status": "stopped",
        "CdcStartPosition": "2020-01-01T00:00:00",
        "CdcStopPosition": "commit_time: 2026-01-01T00:00:00", "ReplicationTaskStats": {"TablesLoaded": 1}, "TaskData": null
    }]});
    let endpoints = json!({"Endpoints": [
        {"EndpointIdentifier": "in", "EndpointType": "SOURCE", "EngineName": "s3", "EndpointArn": "arn:aws:dms:eu-west-1:111122223333:endpoint:IN",
         "ExtraConnectionAttributes": "bucketName=invented-bucket;cdcPath=cdc;rfc4180=true", "Status": "active",
         "S3Settings": {"BucketName": "invented-bucket", "CdcPath": "cdc", "IgnoreHeaderRows": 1, "CsvDelimiter": "|", "CsvRowDelimiter": "\\n",
                        "ExternalTableDefinition": definition(), "EnableStatistics": true, "DataFormat": "csv", "CompressionType": "NONE"}},
        {"EndpointIdentifier": "out", "EndpointType": "TARGET", "EngineName": "kinesis", "EndpointArn": "arn:aws:dms:eu-west-1:111122223333:endpoint:OUT",
         "KinesisSettings": {"StreamArn": "arn:aws:kinesis:eu-west-1:111122223333:stream/orders", "MessageFormat": "json-unformatted",
                             "IncludeNullAndEmpty": true, "IncludeTransactionDetails": false}}
    ]});
    write(folder, "task.json", &task.to_string());
    write(folder, "endpoints.json", &endpoints.to_string());
    write(folder, "data/shop/orders/LOAD001.csv", "id\n1\n2\n");
    write(folder, "data/cdc/CDC001.csv", "header\nINSERT|orders|shop|3\n");
}

/// Every leaf of the settings, as the report names it.
fn names(settings: &Value) -> Vec<String> {
    let groups = settings.as_object().unwrap().iter();
    groups
        .flat_map(|(group, members)| match members.as_object() {
            Some(members) => members.keys().map(|name| format!("{group}.{name}")).collect(),
            None => iter::once(group.clone()).collect::<Vec<_>>(),
        })
        .collect()
}

#[test]
fn every_setting_is_in_the_report() {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    let output = brigade(folder.path(), &[IMPORT, &["--output", "json"]].concat());
    let report: Value = serde_json::from_str(&expect(&output, 0)).unwrap();
    let settings = report["settings"].as_array().unwrap();
    let fate = |name: &str| {
        settings
            .iter()
            .find(|one| one["setting"] == name)
            .map(|one| one["fate"].clone())
    };
    let names = names(&serde_json::from_str(SETTINGS).unwrap());
    assert!(names.len() > 80, "the settings are whole: {}", names.len());
    for name in &names {
        assert!(fate(name).is_some(), "{name} is not in the report");
    }
    for (name, expected) in [
        ("FullLoadSettings.MaxFullLoadSubTasks", "mapped"),
        ("ErrorBehavior.DataErrorPolicy", "mapped"),
        ("ControlTablesSettings.historyTimeslotInMinutes", "ignored"),
        ("S3Settings.EnableStatistics", "ignored"),
        ("S3Settings.DataFormat", "mapped"),
        ("TargetMetadata.BatchApplyEnabled", "kept"),
        ("CdcStartPosition", "mapped"),
        ("CdcStopPosition", "refused"),
        ("FullLoadSettings.StopTaskCachedChangesApplied", "kept"),
        ("ErrorBehavior.EventErrorPolicy", "mapped"),
    ] {
        assert_eq!(fate(name), Some(json!(expected)), "{name}");
    }
    assert_eq!(report["refused"], 1, "{report:#}");
}

#[test]
fn what_is_written_is_valid_and_runs() {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    expect(&brigade(folder.path(), IMPORT), 0);
    expect(
        &brigade(folder.path(), &["validate", "--config", CONFIGURATION]),
        0,
    );
    assert_eq!(
        fs::read_to_string(folder.path().join("new/table-definition.json")).unwrap(),
        definition()
    );
    assert_eq!(
        fs::read_to_string(folder.path().join("new/table-mappings.json")).unwrap(),
        mappings()
    );

    let path = folder.path().join("new/brigade.yaml");
    let written = fs::read_to_string(&path).unwrap();
    let start = "  changes_from: { modified_since: \"2020-01-01T00:00:00Z\" }  # CdcStartPosition\n";
    assert!(written.contains(start), "{written}");
    for habit in [
        "    text_format: dms  # DMS for Kinesis\n",
        "  data_truncation_error_policy: TRUNCATE  # ErrorBehavior.DataTruncationErrorPolicy\n",
    ] {
        assert!(written.contains(habit), "{written}");
    }
    let records = run_with_folders(folder.path()).concat();
    let rows = ["load", "insert"].map(|operation| {
        records
            .matches(&format!(r#"\"operation\":\"{operation}\""#))
            .count()
            + records.matches(&format!(r#""operation":"{operation}""#)).count()
    });
    assert_eq!(rows, [2, 1], "{records}");
}

#[test]
fn nothing_is_overwritten_without_force() {
    let folder = tempfile::tempdir().unwrap();
    prepare(folder.path());
    expect(&brigade(folder.path(), IMPORT), 0);
    let path = folder.path().join(CONFIGURATION);
    fs::write(&path, "mine").unwrap();
    expect(&brigade(folder.path(), IMPORT), 73);
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
    expect(&brigade(folder.path(), &[IMPORT, &["--force"]].concat()), 0);
    assert_ne!(fs::read_to_string(&path).unwrap(), "mine");
}

/// The documents of a task that reads Parquet and has no table definition.
fn prepare_parquet(folder: &Path, settings: &Value, tables: &[(&str, &str)]) {
    let rules = (1..).zip(tables).map(|(number, (schema, table))| {
        let id = i32::to_string(&number);
        json!({"rule-type": "selection", "rule-id": id, "rule-name": id, "rule-action": "include",
               "object-locator": {"schema-name": schema, "table-name": table}})
    });
    let rules: Vec<_> = rules.collect();
    let task = json!({"ReplicationTasks": [{"ReplicationTaskIdentifier": "orders", "MigrationType": "full-load-and-cdc",
        "SourceEndpointArn": "in", "TargetEndpointArn": "out", "TableMappings": json!({"rules": rules}).to_string()}]});
    let mut source = json!({"BucketName": "invented-bucket", "DataFormat": "parquet"});
    source
        .as_object_mut()
        .unwrap()
        .extend(settings.as_object().unwrap().clone());
    let endpoints = json!({"Endpoints": [
        {"EndpointType": "SOURCE", "EngineName": "s3", "EndpointArn": "in", "S3Settings": source},
        {"EndpointType": "TARGET", "EngineName": "kinesis", "EndpointArn": "out",
         "KinesisSettings": {"StreamArn": "arn:aws:kinesis:eu-west-1:111122223333:stream/orders",
                             "MessageFormat": "json-unformatted"}}
    ]});
    write(folder, "task.json", &task.to_string());
    write(folder, "endpoints.json", &endpoints.to_string());
}

#[test]
fn a_parquet_task_without_a_definition_gets_one_of_its_files() {
    let folder = tempfile::tempdir().unwrap();
    prepare_parquet(folder.path(), &json!({}), &[("shop", "orders")]);
    let output = brigade(folder.path(), &[IMPORT, &["--output", "json"]].concat());
    let report: Value = serde_json::from_str(&expect(&output, 78)).unwrap();
    assert_eq!(report["unresolved"], json!([]), "{report:#}");
    let command = "brigade init --definition-only --to new --sample \
                   s3://invented-bucket/shop/orders/LOAD00000001.parquet";
    assert_eq!(report["definition_command"], command, "{report:#}");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains(command), "{said}");
    // Nothing that runs was written.
    let written = fs::read_to_string(folder.path().join(CONFIGURATION)).unwrap();
    assert!(written.contains("  data_format: parquet"), "{written}");
    let validate = ["validate", "--config", CONFIGURATION];
    expect(&brigade(folder.path(), &validate), 78);

    write(folder.path(), "data/shop/orders/.keep", "");
    let sample = "data/shop/orders/LOAD00000001.parquet";
    write_parquet(&folder.path().join(sample));
    let init = ["init", "--definition-only", "--to", "new", "--sample", sample];
    let made = expect(&brigade(folder.path(), &init), 0);
    assert!(made.contains("wrote new/table-definition.json"), "{made}");
    assert!(!made.contains("brigade.yaml"), "{made}");
    assert_eq!(
        fs::read_to_string(folder.path().join(CONFIGURATION)).unwrap(),
        written
    );
    expect(&brigade(folder.path(), &validate), 0);
    let records = run_with_folders(folder.path()).concat();
    assert_eq!(
        records.matches(r#"\"operation\":\"load\""#).count(),
        3,
        "{records}"
    );

    // With a definition there, an import is whole.
    expect(&brigade(folder.path(), &[IMPORT, &["--force"]].concat()), 0);
}

#[test]
fn samples_are_named_by_folder_and_mappings() {
    let folder = tempfile::tempdir().unwrap();
    let tables = [
        ("shop", "order_items"),
        ("shop", "a b"),
        ("%", "%"),
        ("shop", "order_items"),
    ];
    prepare_parquet(folder.path(), &json!({"BucketFolder": "/exports/"}), &tables);
    let said = String::from_utf8(brigade(folder.path(), IMPORT).stdout).unwrap();
    let samples = "--sample s3://invented-bucket/exports/shop/order_items/LOAD00000001.parquet \
                   's3://invented-bucket/exports/shop/a b/LOAD00000001.parquet' \
                   s3://invented-bucket/exports/SCHEMA/TABLE/LOAD00000001.parquet\n";
    assert!(said.contains(samples), "{said}");
    // CSV says nothing of types: there a definition has to come with the task.
    prepare_parquet(folder.path(), &json!({"DataFormat": "csv"}), &tables);
    let output = brigade(folder.path(), &[IMPORT, &["--force"]].concat());
    expect(&output, 78);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("ExternalTableDefinition is not set"), "{said}");
}
