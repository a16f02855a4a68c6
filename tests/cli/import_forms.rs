//! `brigade import dms` on templates and states in the forms that people use: each is taken over right, or refused
//! with everything that is missing, at once.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use crate::imported_task::{CONFIGURATION, brigade, expect};

const DATA: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/import");
/// A password, a token and an access key in the states; none of them is for people.
const CANARY: &str = "CANARY-hunter2";

/// A document, and what is given beside it.
struct Form {
    file: &'static str,
    name: Option<&'static str>,
    parameters: &'static [&'static str],
}

fn form(file: &'static str, parameters: &'static [&'static str]) -> Form {
    Form {
        file,
        name: None,
        parameters,
    }
}

impl Form {
    fn run(&self, folder: &Path, more: &[&str]) -> std::process::Output {
        let path = PathBuf::from(DATA).join(self.file).display().to_string();
        let mut arguments = vec!["import", "dms", "--task", path.as_str(), "--out", "new"];
        arguments.extend(self.name.into_iter().flat_map(|name| ["--name", name]));
        arguments.extend(self.parameters.iter().flat_map(|one| ["--parameter", one]));
        arguments.extend(more);
        let output = brigade(folder, &arguments);
        let said = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
        assert!(
            !said.concat().contains(CANARY),
            "{}: a secret was shown: {said:?}",
            self.file
        );
        output
    }

    /// What is written, which `validate` takes.
    #[track_caller]
    fn written(&self) -> (String, Option<Value>) {
        let folder = tempfile::tempdir().unwrap();
        let report = expect(&self.run(folder.path(), &["--output", "json"]), 0);
        let report: Value = serde_json::from_str(&report).unwrap();
        assert_eq!(report["unresolved"], Value::Array(Vec::new()), "{}", self.file);
        expect(
            &brigade(folder.path(), &["validate", "--config", CONFIGURATION]),
            0,
        );
        let read = |name: &str| fs::read_to_string(folder.path().join("new").join(name));
        let written = read("brigade.yaml").unwrap();
        assert!(!written.contains(CANARY), "{}: a secret was written", self.file);
        let definition: Value = serde_json::from_str(&read("table-definition.json").unwrap()).unwrap();
        assert_eq!(definition["Tables"][0]["TableName"], "orders", "{}", self.file);
        let mappings = read("table-mappings.json").ok();
        (written, mappings.map(|text| serde_json::from_str(&text).unwrap()))
    }

    /// Checks the values of keys, and that the mappings are there; gives these.
    #[track_caller]
    fn has(&self, lines: &[&str]) -> Value {
        let (written, mappings) = self.written();
        for line in lines {
            let found = written
                .lines()
                .any(|own| own.trim().split("  #").next() == Some(*line));
            assert!(found, "{}: {line} is not in\n{written}", self.file);
        }
        mappings.unwrap()
    }

    /// Checks what is missing: setting and references of each. Nothing is written; with `--allow-unresolved` nothing
    /// that `validate` takes.
    #[track_caller]
    fn misses(&self, expected: &[(&str, &str)]) {
        let folder = tempfile::tempdir().unwrap();
        let output = self.run(folder.path(), &["--output", "json"]);
        let report: Value = serde_json::from_str(&expect(&output, 78)).unwrap();
        let settings = report["unresolved"].as_array().unwrap().iter().map(|one| {
            let references = one["references"].as_array().unwrap().iter();
            let names: Vec<_> = references.map(|one| one["name"].as_str().unwrap()).collect();
            (one["setting"].as_str().unwrap().to_owned(), names.join(" "))
        });
        let settings: Vec<_> = settings.collect();
        let expected: Vec<_> = expected
            .iter()
            .map(|(one, other)| ((*one).to_owned(), (*other).to_owned()))
            .collect();
        assert_eq!(settings, expected, "{}", self.file);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        for (setting, names) in &settings {
            assert!(
                said.contains(setting.as_str()),
                "{}: {setting}: {said}",
                self.file
            );
            assert!(
                names.split(' ').all(|name| said.contains(name)),
                "{}: {names}: {said}",
                self.file
            );
        }
        assert!(
            !folder.path().join("new").exists(),
            "{}: something was written",
            self.file
        );

        expect(&self.run(folder.path(), &["--allow-unresolved"]), 78);
        let output = brigade(folder.path(), &["validate", "--config", CONFIGURATION]);
        expect(&output, 78);
        let said =
            String::from_utf8_lossy(&output.stderr).into_owned() + &String::from_utf8_lossy(&output.stdout);
        assert!(
            said.contains("unresolved") || said.contains("left open"),
            "{}: {said}",
            self.file
        );
        let written = fs::read_to_string(folder.path().join(CONFIGURATION)).unwrap();
        for (_, names) in settings.iter().filter(|(_, names)| !names.is_empty()) {
            let first = names.split(' ').next().unwrap();
            assert!(written.contains(first), "{}: {first}: {written}", self.file);
        }
    }
}

fn schema(mappings: &Value) -> &str {
    mappings["rules"][0]["object-locator"]["schema-name"]
        .as_str()
        .unwrap()
}

#[test]
fn a_template_with_sub_and_parameters_is_worked_out() {
    form("cloudformation/sub-and-parameters.yaml", &[]).misses(&[("S3Settings.BucketName", "Bucket")]);
    let mappings = form(
        "cloudformation/sub-and-parameters.yaml",
        &[
            "Bucket=shop-exports",
            "Environment=prod",
            "Schema=shop",
            "AWS::Region=eu-west-1",
        ],
    )
    .has(&[
        "task: \"orders-prod\"",
        "migration_type: full-load-and-cdc",
        "bucket: \"shop-exports\"",
        "bucket_folder: \"prod/in\"",
        "cdc_path: \"changes\"",
        "delimiter: \"\\\\t\"",
        "stream: \"orders-prod\"",
        "region: \"eu-west-1\"",
    ]);
    assert_eq!(schema(&mappings), "shop");
    assert_eq!(mappings["rules"].as_array().unwrap().len(), 2);
}

#[test]
fn a_value_that_the_template_does_not_allow_is_not_taken() {
    form(
        "cloudformation/sub-and-parameters.yaml",
        &["Bucket=shop-exports", "Environment=production"],
    )
    .misses(&[
        ("ReplicationTaskIdentifier", "Environment"),
        ("S3Settings.BucketFolder", "Environment"),
        ("KinesisSettings.StreamArn", "Environment"),
    ]);
}

#[test]
fn what_other_stacks_export_is_listed_and_can_be_given() {
    form("cloudformation/exports.yaml", &[]).misses(&[
        ("ReplicationTaskSettings", "shop-task-settings"),
        ("TableMappings", "shop-mappings"),
        ("S3Settings.BucketName", "shop-storage-bucket"),
        ("S3Settings.IgnoreHeaderRows", "shop-header-rows"),
        ("KinesisSettings.StreamArn", "shop-stream-arn"),
        ("KinesisSettings.MessageFormat", "shop-message-format"),
    ]);
    form(
        "cloudformation/exports.yaml",
        &[
            "Storage=other",
            "other-bucket=shop-exports",
            "shop-header-rows=1",
            "shop-stream-arn=arn:aws:kinesis:eu-west-1:111122223333:stream/orders",
            "shop-message-format=json",
            "shop-task-settings={\"FullLoadSettings\":{\"MaxFullLoadSubTasks\":3}}",
            "shop-mappings={\"rules\":[{\"rule-type\":\"selection\",\"rule-id\":\"1\",\"rule-name\":\"1\",\
             \"object-locator\":{\"schema-name\":\"shop\",\"table-name\":\"orders\"},\"rule-action\":\"include\"}]}",
        ],
    )
    .has(&["bucket: \"shop-exports\"", "ignore_header_rows: 1", "files_in_parallel: 3"]);
}

#[test]
fn conditions_and_mappings_of_a_template_decide() {
    let file = "cloudformation/conditions-and-mappings.yaml";
    form(file, &["Stage=live", "Folder=in"]).has(&[
        "bucket: \"shop-live\"",
        "bucket_folder: \"in\"",
        "rfc4180: true",
        "null_value: \"\\\\N\"",
        "message_format: json-unformatted",
        "migration_type: full-load-and-cdc",
    ]);
    let (written, _) = form(file, &["Tier=silver"]).written();
    for line in [
        "bucket: \"shop-test\"",
        "rfc4180: false",
        "migration_type: full-load ",
    ] {
        assert!(written.contains(line), "{line}: {written}");
    }
    for left_out in ["bucket_folder", "null_value"] {
        assert!(!written.contains(left_out), "{left_out}: {written}");
    }
    form(file, &[]).misses(&[("S3Settings.Rfc4180", "Tier")]);
}

#[test]
fn what_the_cdk_makes_is_a_template() {
    let mappings = form("cloudformation/cdk.json", &[]).has(&[
        "task: \"orders\"",
        "bucket: \"shop-exports\"",
        "bucket_folder: \"in\"",
        "stream: \"orders\"",
        "control_records: false",
    ]);
    assert_eq!(schema(&mappings), "shop");
    form("cloudformation/cdk-cross-stack.json", &[]).misses(&[
        ("TableMappings", "Storage:Schema"),
        (
            "S3Settings.BucketName",
            "Storage:ExportsOutputRefExportsBucket5F2A9C11",
        ),
        (
            "S3Settings.BucketFolder",
            "SsmParameterValueordersfolderC96584B6F00A464EAD1953AFF4B05118Parameter",
        ),
        (
            "KinesisSettings.StreamArn",
            "Storage:ExportsOutputFnGetAttOrdersStream3D7E0A42Arn",
        ),
    ]);
}

#[test]
fn where_a_stack_is_put_counts_only_if_it_is_given() {
    let file = "cloudformation/region-and-account.json";
    form(file, &[]).misses(&[
        ("ExtraConnectionAttributes", "AWS::AccountId"),
        ("BucketName", ""),
        ("KinesisSettings.StreamArn", "AWS::Region AWS::AccountId"),
    ]);
    form(file, &["AWS::Region=cn-north-1", "AWS::AccountId=111122223333"]).has(&[
        "task: \"shop-orders\"",
        "bucket: \"shop-111122223333\"",
        "delimiter: \"|\"",
        "ignore_header_rows: 1",
        "stream: \"orders\"",
        "region: \"cn-north-1\"",
    ]);
}

#[test]
fn a_serverless_replication_of_a_template_is_a_task() {
    let mappings = form("cloudformation/serverless.yaml", &["Subtasks=2"]).has(&[
        "task: \"orders\"",
        "migration_type: full-load-and-cdc",
        "files_in_parallel: 2",
        "control_records: false",
    ]);
    assert_eq!(schema(&mappings), "shop");
    // A column of DMS, and no variable of the template.
    let attribute = &mappings["rules"][1]["mapping-parameters"]["attribute-mappings"][0];
    assert_eq!(attribute["value"], "${id}");
}

#[test]
fn dynamic_references_are_listed() {
    let file = "cloudformation/dynamic-references.yaml";
    let named = |parameters| Form {
        name: Some("orders"),
        ..form(file, parameters)
    };
    named(&[]).misses(&[
        ("TableMappings", "{{resolve:ssm:/shop/schema}}"),
        ("S3Settings.BucketName", "{{resolve:ssm:/shop/bucket:3}}"),
        ("S3Settings.BucketFolder", "var.folder"),
        ("S3Settings.CsvDelimiter", "{{resolve:ssm:/shop/delimiter}}"),
    ]);
    let mappings = named(&[
        "{{resolve:ssm:/shop/schema}}=shop",
        "{{resolve:ssm:/shop/bucket:3}}=shop-exports",
        "{{resolve:ssm:/shop/delimiter}}=;",
        "var.folder=in",
    ])
    .has(&[
        "bucket: \"shop-exports\"",
        "bucket_folder: \"in\"",
        "delimiter: \";\"",
    ]);
    assert_eq!(schema(&mappings), "shop");
}

#[test]
fn lists_of_a_template_are_split_and_joined() {
    let mappings = form("cloudformation/split-and-select.yaml", &[]).has(&[
        "task: \"orders-in\"",
        "bucket: \"shop-exports\"",
        "bucket_folder: \"in/orders\"",
        "cdc_path: \"changes\"",
        "stream: \"orders\"",
        "region: \"eu-west-1\"",
    ]);
    assert_eq!(mappings["rules"][0]["object-locator"]["table-name"], "%");
}

#[test]
fn resources_without_a_name_are_asked_for() {
    let file = "cloudformation/unnamed-resources.yaml";
    form(file, &[]).misses(&[
        ("ReplicationTaskIdentifier", "Name"),
        ("TableMappings", "Masking"),
        ("S3Settings.BucketName", "Bucket"),
        ("KinesisSettings.StreamArn", "Stream.Arn"),
        ("KinesisSettings.IncludeNullAndEmpty", "NullAndEmpty"),
    ]);
    form(
        file,
        &[
            "Name=orders",
            "Masking=off",
            "Bucket=shop-exports",
            "NullAndEmpty=true",
            "Stream.Arn=arn:aws:kinesis:eu-west-1:111122223333:stream/orders",
        ],
    )
    .misses(&[("TableMappings", "")]);
}

#[test]
fn a_raw_state_of_terraform_is_read() {
    let mappings = form("terraform/state.tfstate", &[]).has(&[
        "task: \"orders\"",
        "migration_type: full-load-and-cdc",
        "bucket: \"shop-exports\"",
        "bucket_folder: \"in\"",
        "delimiter: \"|\"",
        "ignore_header_rows: 1",
        "include_null_and_empty: true",
        "control_records: false",
    ]);
    assert_eq!(mappings["rules"].as_array().unwrap().len(), 2);
    form("terraform/s3-endpoint-in-a-module.tfstate", &[]).has(&[
        "delimiter: \";\"",
        "null_value: \"\\\\N\"",
        "expected_bucket_owner: \"111122223333\"",
        "message_format: json-unformatted",
        "include_control_details: true",
    ]);
    form("terraform/serverless.tfstate", &[]).has(&["task: \"orders\"", "migration_type: full-load-and-cdc"]);
}

#[test]
fn modules_and_repeated_resources_of_a_state_are_told_apart() {
    form("terraform/show-child-modules.json", &[]).has(&[
        "migration_type: cdc",
        "rfc4180: false",
        "partition_include_schema_table: true",
        "changes_from: { modified_since: \"2026-01-01T00:00:00Z\" }",
    ]);
    for (file, name, lines) in [
        (
            "terraform/show-count.json",
            "orders-1",
            ["bucket: \"shop-1\"", "stream: \"orders\""],
        ),
        (
            "terraform/show-count.json",
            "aws_dms_replication_task.orders[0]",
            ["bucket: \"shop-0\"", "stream: \"orders\""],
        ),
        (
            "terraform/for-each.tfstate",
            "orders-us",
            ["bucket: \"shop-us\"", "stream: \"orders-us\""],
        ),
    ] {
        let named = Form {
            name: Some(name),
            ..form(file, &[])
        };
        named.has(&lines);
    }
    let folder = tempfile::tempdir().unwrap();
    let output = form("terraform/for-each.tfstate", &[]).run(folder.path(), &[]);
    expect(&output, 78);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(
        said.contains("orders-eu, orders-us; name one with --name"),
        "{said}"
    );
}

#[test]
fn a_plan_is_read_by_its_references() {
    let lines = [
        "bucket: \"shop-exports\"",
        "bucket_folder: \"in\"",
        "stream: \"orders\"",
        "migration_type: full-load",
    ];
    form("terraform/plan.json", &[]).has(&lines);
    form("terraform/plan-modules.json", &[]).has(&lines);
}

#[test]
fn what_a_plan_knows_only_later_is_listed() {
    let file = "terraform/plan-unknown.json";
    form(file, &[]).misses(&[
        ("table_mappings", "aws_dms_replication_task.orders.table_mappings"),
        (
            "s3_settings.bucket_name",
            "aws_dms_endpoint.s3.s3_settings[0].bucket_name",
        ),
        (
            "s3_settings.bucket_folder",
            "aws_dms_endpoint.s3.s3_settings[0].bucket_folder",
        ),
    ]);
    form(
        file,
        &[
            "aws_dms_endpoint.s3.s3_settings[0].bucket_name=shop-exports",
            "aws_dms_endpoint.s3.s3_settings[0].bucket_folder=in",
            "aws_dms_replication_task.orders.table_mappings={\"rules\":[{\"rule-type\":\"selection\",\"rule-id\":\"1\",\
             \"rule-name\":\"1\",\"object-locator\":{\"schema-name\":\"shop\",\"table-name\":\"%\"},\
             \"rule-action\":\"include\"}]}",
        ],
    )
    .has(&["bucket: \"shop-exports\"", "bucket_folder: \"in\""]);
}

#[test]
fn what_the_cdk_for_terraform_makes_is_read() {
    let file = "terraform/cdktf.json";
    form(file, &[]).misses(&[
        ("source.bucket_name", "var.bucket"),
        ("source.cdc_path", "data.aws_ssm_parameter.path.value"),
    ]);
    form(
        file,
        &[
            "var.bucket=shop-exports",
            "data.aws_ssm_parameter.path.value=changes",
        ],
    )
    .has(&[
        "bucket: \"shop-exports\"",
        "bucket_folder: \"in/orders\"",
        "cdc_path: \"changes\"",
        "stream: \"orders\"",
    ]);
}

#[test]
fn a_parameter_that_no_document_knows_is_a_mistake() {
    let folder = tempfile::tempdir().unwrap();
    let output = form("cloudformation/cdk.json", &["Bukcet=x"]).run(folder.path(), &[]);
    expect(&output, 78);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(said.contains("no parameter and no reference Bukcet"), "{said}");
    let output = form("cloudformation/cdk.json", &["Bucket"]).run(folder.path(), &[]);
    expect(&output, 64);
}
