//! `brigade import dms` on templates of CloudFormation and the CDK in the forms that people use: each is taken over right,
//! or refused with everything that is missing, at once.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use serde_json::Value;

use crate::import_form::{Form, form};
use crate::imported_task::expect;

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
    form(
        file,
        &[
            "Name=orders",
            "Masking=on",
            "Bucket=shop-exports",
            "NullAndEmpty=true",
            "Stream.Arn=arn:aws:kinesis:eu-west-1:111122223333:stream/orders",
        ],
    )
    .has(&[
        "task: \"orders\"",
        "bucket: \"shop-exports\"",
        "include_null_and_empty: true",
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
