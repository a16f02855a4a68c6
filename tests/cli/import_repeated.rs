//! `brigade import dms` on documents in which a key is given twice: it matters where it belongs to the task.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fs;

use crate::imported_task::{CONFIGURATION, brigade, definition, mappings, write};

/// Where the lines of each case go.
const TEMPLATE: &str = "\
Parameters:
  Stream:
    Type: String
    Default: orders
#parameters
Resources:
  Cleaner:
    Type: AWS::Lambda::Function
    Properties:
      Handler: index.handler
      Timeout: 3
#other
  In:
    Type: AWS::DMS::Endpoint
    Properties:
      EndpointType: source
      EngineName: s3
      S3Settings:
        BucketName: shop-exports
        CsvDelimiter: '|'
#source
        ExternalTableDefinition: 'DEFINITION'
  Out:
    Type: AWS::DMS::Endpoint
    Properties:
      EndpointType: target
      EngineName: kinesis
      KinesisSettings:
        StreamArn: !Sub arn:aws:kinesis:eu-west-1:111122223333:stream/${Stream}
  Task:
    Type: AWS::DMS::ReplicationTask
    Properties:
      ReplicationTaskIdentifier: orders
      MigrationType: full-load
      SourceEndpointArn: !Ref In
      TargetEndpointArn: !Ref Out
      TableMappings: 'MAPPINGS'
#task
#resources
";

/// The exit code of an import, what was said, and whether a configuration was written.
fn import(text: &str) -> (i32, String, bool) {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "task.yaml", text);
    let output = brigade(
        folder.path(),
        &["import", "dms", "--task", "task.yaml", "--out", "new"],
    );
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let is_written = fs::exists(folder.path().join(CONFIGURATION)).unwrap();
    (output.status.code().unwrap(), said, is_written)
}

/// The template with lines at a place.
fn with(place: &str, lines: &str) -> String {
    assert!(TEMPLATE.contains(place), "{place}");
    TEMPLATE
        .replace("DEFINITION", &definition())
        .replace("MAPPINGS", &mappings())
        .replace(place, lines)
}

#[test]
fn what_other_resources_say_twice_does_not_matter() {
    for (place, lines) in [
        (
            "#other",
            "      Timeout: 9\n      Timeout: 9\n      EngineName: a\n      EngineName: b",
        ),
        ("#other", "  Cleaner:\n    Type: AWS::SNS::Topic"),
        (
            "#parameters",
            "  Unused:\n    Type: String\n  Unused:\n    Type: Number",
        ),
        ("#resources", "Outputs:\n  A: { Value: 1 }\n  A: { Value: 2 }"),
        ("#resources", "Metadata: { a: 1 }\nMetadata: { a: 2, a: 3 }"),
    ] {
        let (code, said, is_written) = import(&with(place, lines));
        assert_eq!((code, is_written), (0, true), "{lines}: {said}");
    }
}

#[test]
fn what_the_task_or_its_endpoints_say_twice_is_a_mistake_with_its_place() {
    for (place, lines, expected) in [
        (
            "#source",
            "        CsvDelimiter: ','",
            "task.yaml:21:9: error: `CsvDelimiter` is given twice, first at line 20",
        ),
        (
            "#source",
            "        CsvDelimiter: '|'",
            "`CsvDelimiter` is given twice",
        ),
        (
            "#task",
            "      Tags: { a: 1, a: 2 }",
            "task.yaml:38:21: error: `a` is given twice, first at line 38",
        ),
        ("#task", "    Properties: {}", "`Properties` is given twice"),
        ("#task", "    Type: AWS::SNS::Topic", "`Type` is given twice"),
        (
            "#resources",
            "  In:\n    Type: AWS::SNS::Topic",
            "`In` is given twice",
        ),
        ("#resources", "Resources: {}", "`Resources` is given twice"),
    ] {
        let (code, said, is_written) = import(&with(place, lines));
        assert_eq!((code, is_written), (78, false), "{lines}: {said}");
        assert!(said.contains(expected), "{lines}: {expected}: {said}");
    }
}

#[test]
fn what_the_task_needs_and_is_said_twice_elsewhere_is_not_known() {
    for (place, lines) in [
        ("#parameters", "  Stream:\n    Type: String\n    Default: other"),
        ("#parameters", "    Default: other"),
    ] {
        let text = with(place, lines);
        let (code, said, is_written) = import(&text);
        assert_eq!((code, is_written), (78, false), "{lines}: {said}");
        assert!(
            said.contains("StreamArn needs: `Stream`") && said.contains("given twice"),
            "{lines}: {said}"
        );
    }
}

#[test]
fn json_is_read_the_same_way() {
    let task = |more: &str, own: &str| {
        format!(
            r#"{{"Other": {{"a": 1, "a": 2}}, {more}
               "ReplicationTasks": [{{"ReplicationTaskIdentifier": "orders", "MigrationType": "full-load", {own}
                 "SourceEndpointArn": "in", "TargetEndpointArn": "out", "TableMappings": {}}}],
               "Endpoints": [
                 {{"EndpointArn": "in", "EndpointType": "SOURCE", "EngineName": "s3", "S3Settings": {{"BucketName": "shop-exports",
                   "ExternalTableDefinition": {}}}}},
                 {{"EndpointArn": "out", "EndpointType": "TARGET", "EngineName": "kinesis", "KinesisSettings":
                   {{"StreamArn": "arn:aws:kinesis:eu-west-1:111122223333:stream/orders"}}}}]}}"#,
            serde_json::Value::from(mappings()),
            serde_json::Value::from(definition())
        )
    };
    let (code, said, _) = import(&task("\"b\": 1, \"b\": [],", ""));
    assert_eq!(code, 0, "{said}");
    let (code, said, _) = import(&task("", "\"MigrationType\": \"cdc\","));
    assert_eq!(code, 78, "{said}");
    assert!(said.contains("`MigrationType` is given twice"), "{said}");
    let (code, said, _) = import(&task("\"Endpoints\": [],", ""));
    assert_eq!(code, 78, "{said}");
    assert!(said.contains("`Endpoints` is given twice"), "{said}");
}
