//! `brigade import dms` on states, plans and configurations of Terraform in the forms that people use: each is taken over
//! right, or refused with everything that is missing, at once.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use crate::import_form::{Form, form};
use crate::imported_task::expect;

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
    // Endpoints that another configuration made, and this one looks up.
    form("terraform/plan-data-sources.json", &[]).has(&lines);
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
