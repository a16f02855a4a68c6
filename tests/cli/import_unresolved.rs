//! `brigade import dms` on documents that leave open what shapes the data: nothing that runs is written.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::path::Path;

use serde_json::{Value, json};

use crate::imported_task::{CONFIGURATION, brigade, definition, expect, mappings, write};

const CANARY: &str = "CANARY-hunter2";

/// A template with one task, whose parts can be replaced.
fn template() -> Value {
    json!({"Resources": {
        "In": {"Type": "AWS::DMS::Endpoint", "Properties": {"EndpointType": "source", "EngineName": "s3",
            "S3Settings": {"BucketName": "shop-exports", "ExternalTableDefinition": definition()}}},
        "Out": {"Type": "AWS::DMS::Endpoint", "Properties": {"EndpointType": "target", "EngineName": "kinesis",
            "KinesisSettings": {"StreamArn": "arn:aws:kinesis:eu-west-1:111122223333:stream/orders"}}},
        "Task": {"Type": "AWS::DMS::ReplicationTask", "Properties": {"ReplicationTaskIdentifier": "orders",
            "MigrationType": "full-load", "SourceEndpointArn": {"Ref": "In"}, "TargetEndpointArn": {"Ref": "Out"},
            "TableMappings": mappings()}}
    }})
}

/// The exit code and what is said about a document; nothing may be written.
#[track_caller]
fn refused(document: &str) -> String {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "task.json", document);
    let output = import(folder.path(), &[]);
    expect(&output, 78);
    assert!(
        !folder.path().join("new").exists(),
        "something was written of {document}"
    );
    String::from_utf8(output.stderr).unwrap()
}

fn import(folder: &Path, more: &[&str]) -> std::process::Output {
    brigade(
        folder,
        &[&["import", "dms", "--task", "task.json", "--out", "new"], more].concat(),
    )
}

#[test]
fn a_task_without_known_mappings_is_not_taken_over() {
    let join = json!({"Fn::Join": ["", ["{\"rules\":[", {"Fn::ImportValue": "shop-rules"}, "]}"]]});
    for (mappings, expected) in [
        (json!({"Fn::Sub": "{\"rules\": ${Rules}}"}), "`Rules`"),
        (join, "`shop-rules`"),
        (json!({"Ref": "Mappings"}), "`Mappings`"),
        (json!({"rules": [{"rule-type": {"Ref": "Kind"}}]}), "`Kind`"),
        (
            json!("{{resolve:ssm:/shop/mappings}}"),
            "`{{resolve:ssm:/shop/mappings}}`",
        ),
        (
            json!("{\"rules\":\"${file(\\\"m.json\\\")}${var.rules}\"}"),
            "`var.rules`",
        ),
        (json!(""), "is not set"),
        (json!("  "), "is not set"),
        (json!({}), "is not set"),
        (Value::Null, "is not set"),
    ] {
        let mut document = template();
        document["Resources"]["Task"]["Properties"]["TableMappings"] = mappings;
        let said = refused(&document.to_string());
        assert!(
            said.contains("Task: TableMappings") && said.contains(expected),
            "{said}"
        );
    }
    let mut document = template();
    let task = &mut document["Resources"]["Task"]["Properties"];
    task.as_object_mut().unwrap().remove("TableMappings");
    assert!(
        refused(&document.to_string()).contains("TableMappings is not set"),
        "absent"
    );
}

/// The template with everything that shapes the data left open.
fn open_template() -> Value {
    let mut document = template();
    let resources = &mut document["Resources"];
    let properties = |resource: &mut Value| resource["Properties"].clone();
    let mut task = properties(&mut resources["Task"]);
    task["MigrationType"] = json!({"Ref": "Phase"});
    task["ReplicationTaskSettings"] = json!({"TargetMetadata": {"BatchApplyEnabled": {"Ref": "Batch"}},
        "ErrorBehavior": {"DataTruncationErrorPolicy": {"Ref": "Truncation"}}, "Logging": {"EnableLogging": {"Ref": "Log"}}});
    task["TableMappings"] = json!({"Fn::Sub": "{\"rules\": ${Rules}}"});
    resources["Task"]["Properties"] = task;
    resources["In"]["Properties"]["S3Settings"] = json!({"BucketName": "${var.bucket}", "BucketFolder": {"Fn::Sub": "${Env}/in"},
        "CsvDelimiter": {"Ref": "Delimiter"}, "IgnoreHeaderRows": {"Ref": "Header"}, "Rfc4180": {"Fn::GetAtt": ["Odd", "Rfc"]},
        "ExternalTableDefinition": {"Fn::Transform": {"Name": "AWS::Include"}}, "ServiceAccessRoleArn": {"Fn::GetAtt": ["Role", "Arn"]}});
    resources["In"]["Properties"]["ExtraConnectionAttributes"] = json!({"Ref": "Attributes"});
    resources["Out"]["Properties"]["KinesisSettings"] = json!({"StreamArn": {"Fn::ImportValue": "stream"},
        "MessageFormat": {"Ref": "Format"}, "IncludeNullAndEmpty": "maybe"});
    document
}

const OPEN: &[&str] = &[
    "Task: MigrationType needs: `Phase`",
    "Task: TargetMetadata.BatchApplyEnabled needs: `Batch`",
    "Task: ErrorBehavior.DataTruncationErrorPolicy needs: `Truncation`",
    "Task: TableMappings needs: `Rules`",
    "In: S3Settings.BucketName needs: `var.bucket`",
    "In: S3Settings.BucketFolder needs: `Env`",
    "In: S3Settings.CsvDelimiter needs: `Delimiter`",
    "In: S3Settings.IgnoreHeaderRows needs: `Header`",
    "In: S3Settings.Rfc4180 needs: `Odd.Rfc`",
    "In: S3Settings.ExternalTableDefinition needs: `Fn::Transform`",
    "In: ExtraConnectionAttributes needs: `Attributes`",
    "Out: KinesisSettings.StreamArn needs: `stream`",
    "Out: KinesisSettings.MessageFormat needs: `Format`",
    "Out: KinesisSettings.IncludeNullAndEmpty is maybe, which target.kinesis.include_null_and_empty does not take",
];

#[test]
fn everything_that_is_not_known_is_listed_at_once() {
    let said = refused(&open_template().to_string());
    for expected in OPEN {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    assert!(
        said.contains(&format!("not known ({} settings)", OPEN.len())),
        "{said}"
    );
    for other in ["ServiceAccessRoleArn", "Logging"] {
        assert!(!said.contains(other), "{other} changes nothing: {said}");
    }
}

#[test]
fn what_is_left_open_stands_in_the_configuration_so_that_nothing_runs_it() {
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "task.json", &open_template().to_string());
    let report = import(folder.path(), &["--allow-unresolved", "--output", "json"]);
    let report: Value = serde_json::from_str(&expect(&report, 78)).unwrap();
    assert_eq!(report["unresolved"].as_array().unwrap().len(), OPEN.len());
    assert!(
        !folder.path().join("new/table-mappings.json").exists(),
        "there are none"
    );
    for command in ["validate", "plan", "preview", "run"] {
        let output = brigade(folder.path(), &[command, "--config", CONFIGURATION]);
        let said = expect(&output, 78) + &String::from_utf8_lossy(&output.stderr);
        for key in [
            "`unresolved` is unknown",
            "`migration_type`",
            "`source.s3.bucket`",
            "`source.s3.bucket_folder`",
            "`source.s3.tables`",
            "`source.csv.delimiter`",
            "`source.csv.ignore_header_rows`",
            "`source.csv.rfc4180`",
            "`table_mappings`",
            "`target.kinesis.stream`",
            "`target.kinesis.message_format`",
            "`target.kinesis.include_null_and_empty`",
            "`errors.data_truncation_error_policy`",
        ] {
            let key = key.replace("source.s3.tables", "source.tables");
            assert!(said.contains(&key), "{command}: {key}: {said}");
        }
        assert!(
            said.contains("was left open by `brigade import dms`: Env"),
            "{said}"
        );
    }
}

#[test]
fn a_task_whose_endpoint_is_not_known_is_not_taken_over() {
    let mut document = template();
    document["Resources"]["Task"]["Properties"]["SourceEndpointArn"] =
        json!({"Fn::ImportValue": "shop-source"});
    document["Resources"]["In"]["Properties"]["S3Settings"]["BucketFolder"] = json!({"Ref": "Folder"});
    let said = refused(&document.to_string());
    for expected in ["In may be another endpoint", "`shop-source`", "`Folder`"] {
        assert!(said.contains(expected), "{expected}: {said}");
    }
    // Which one it is can be said: by its ARN, or by its name in the template.
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "task.json", &document.to_string());
    expect(
        &import(
            folder.path(),
            &["--parameter", "shop-source=In", "--parameter", "Folder=in"],
        ),
        0,
    );
    // An ARN that no document has: the only endpoint there is would be a guess.
    document["Resources"]["Task"]["Properties"]["SourceEndpointArn"] =
        json!("arn:aws:dms:eu-west-1:111122223333:endpoint:OTHER");
    let said = refused(&document.to_string());
    assert!(said.contains("endpoint:OTHER is not in the documents"), "{said}");
}

#[test]
fn other_forms_of_terraform_are_told_what_to_give() {
    for (document, expected) in [
        (
            "# orders\nresource \"aws_dms_endpoint\" \"in\" {\n  endpoint_type = \"source\"\n}\n",
            "terraform show -json",
        ),
        (
            "variable \"bucket\" {}\n\nlocals {\n  a = 1\n}\n",
            "terraform show -json",
        ),
        ("{\"version\": 3, \"modules\": []}", "before 0.12"),
    ] {
        let said = refused(document);
        assert!(said.contains(expected), "{document}: {said}");
    }
}

#[test]
fn a_plan_that_is_not_text_is_told_what_to_give() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("task.json"), b"PK\x03\x04\xff\xfe").unwrap();
    let output = import(folder.path(), &[]);
    expect(&output, 66);
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("terraform show -json FILE"), "{said}");
}

#[test]
fn a_template_within_the_answer_that_has_it_is_read() {
    for body in [template(), json!(template().to_string())] {
        let folder = tempfile::tempdir().unwrap();
        let answer = json!({"TemplateBody": body, "StagesAvailable": ["Original", "Processed"]});
        write(folder.path(), "task.json", &answer.to_string());
        expect(&import(folder.path(), &[]), 0);
        expect(
            &brigade(folder.path(), &["validate", "--config", CONFIGURATION]),
            0,
        );
    }
}

#[test]
fn a_serverless_replication_of_the_api_is_a_task() {
    let arn = |name: &str| format!("arn:aws:dms:eu-west-1:111122223333:endpoint:{name}");
    let folder = tempfile::tempdir().unwrap();
    let task = json!({"ReplicationConfigs": [{"ReplicationConfigIdentifier": "orders",
        "ReplicationConfigArn": "arn:aws:dms:eu-west-1:111122223333:replication-config:C", "SourceEndpointArn": arn("IN"),
        "TargetEndpointArn": arn("OUT"), "ReplicationType": "full-load-and-cdc", "ComputeConfig": {"MaxCapacityUnits": 8},
        "ReplicationSettings": "{\"FullLoadSettings\":{\"MaxFullLoadSubTasks\":2}}", "SupplementalSettings": "",
        "TableMappings": mappings(), "ReplicationConfigCreateTime": "2026-01-01T00:00:00Z"}]});
    let endpoints = json!({"Endpoints": [
        {"EndpointIdentifier": "in", "EndpointType": "SOURCE", "EngineName": "s3", "EndpointArn": arn("IN"),
         "S3Settings": {"BucketName": "shop-exports", "CdcPath": "changes", "ExternalTableDefinition": definition()}},
        {"EndpointIdentifier": "out", "EndpointType": "TARGET", "EngineName": "kinesis", "EndpointArn": arn("OUT"),
         "KinesisSettings": {"StreamArn": "arn:aws:kinesis:eu-west-1:111122223333:stream/orders"}}]});
    write(folder.path(), "task.json", &task.to_string());
    write(folder.path(), "endpoints.json", &endpoints.to_string());
    let report = import(
        folder.path(),
        &["--endpoints", "endpoints.json", "--output", "json"],
    );
    let report: Value = serde_json::from_str(&expect(&report, 0)).unwrap();
    assert_eq!(report["refused"], 0, "{report:#}");
    let written = std::fs::read_to_string(folder.path().join(CONFIGURATION)).unwrap();
    assert!(written.contains("files_in_parallel: 2"), "{written}");
    expect(
        &brigade(folder.path(), &["validate", "--config", CONFIGURATION]),
        0,
    );
}

#[test]
fn the_report_ends_with_what_is_refused_and_shows_no_secret() {
    let mut document = template();
    let resources = &mut document["Resources"];
    resources["In"]["Properties"]["Password"] = json!(CANARY);
    resources["In"]["Properties"]["MongoDbSettings"] = json!({"Password": CANARY, "Port": 1});
    resources["In"]["Properties"]["Tags"] = json!([{"Key": "api-token", "Value": CANARY}]);
    resources["In"]["Properties"]["ExtraConnectionAttributes"] =
        json!(format!("odd=1;secretAccessKey={CANARY}"));
    let task = &mut resources["Task"]["Properties"];
    task["Invented"] = Value::Null;
    task["AlsoInvented"] = json!({"A": [], "B": ""});
    task["ReplicationTaskSettings"] = json!({
        "Odd": {"Token": CANARY}, "Empty": {}, "Nothing": null,
        "BeforeImageSettings": {"EnableBeforeImage": false, "FieldName": "", "ColumnFilter": "pk-only"},
        "CharacterSetSettings": {"CharacterReplacements": [], "CharacterSetSupport": null},
        "FullLoadSettings": {"FullLoadEnabled": true, "ApplyChangesEnabled": false, "New": null, "MaxFullLoadSubTasks": 2},
        "PostProcessingRules": null, "LoopbackPreventionSettings": null, "ErrorBehavior": {"EventErrorPolicy": null}
    });
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "task.json", &document.to_string());
    let output = import(folder.path(), &["--output", "json"]);
    let text = expect(&output, 0);
    assert!(!text.contains(CANARY), "{text}");
    let report: Value = serde_json::from_str(&text).unwrap();
    let fates: Vec<_> = report["settings"].as_array().unwrap().iter().collect();
    let refused: Vec<_> = fates.iter().filter(|one| one["fate"] == "refused").collect();
    let names: Vec<_> = refused
        .iter()
        .map(|one| one["setting"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "Odd",
            "source.MongoDbSettings",
            "ExtraConnectionAttributes.odd",
            "ExtraConnectionAttributes.secretAccessKey"
        ]
    );
    let first = fates.iter().position(|one| one["fate"] == "refused").unwrap();
    assert_eq!(
        fates.len() - first,
        refused.len(),
        "they stand together at the end"
    );

    let output = import(folder.path(), &["--force"]);
    let text = expect(&output, 0);
    assert!(!text.contains(CANARY) && text.contains("4 refused"), "{text}");
    let at = |name: &str| text.find(name).unwrap();
    assert!(at("Odd ") > at("S3Settings.BucketName"), "{text}");
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(!errors.contains(CANARY), "{errors}");
}

#[test]
fn the_arn_of_a_bucket_is_no_name() {
    let mut document = template();
    document["Resources"]["In"]["Properties"]["S3Settings"]["BucketName"] =
        json!("arn:aws:s3:::shop-exports");
    let folder = tempfile::tempdir().unwrap();
    write(folder.path(), "task.json", &document.to_string());
    expect(&import(folder.path(), &[]), 78);
    let output = brigade(folder.path(), &["validate", "--config", CONFIGURATION]);
    let said = expect(&output, 78) + &String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("of `arn:aws:s3:::NAME` write NAME alone"), "{said}");
}
