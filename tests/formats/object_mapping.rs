//! Object mapping and source filters of the kinds that the user guide of DMS shows, and what is refused.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use bucket_brigade::limits::RECORD_BYTES_DEFAULT;
use bucket_brigade::model::{RowSource, TableIndex};
use bucket_brigade::settings::MessageFormat;
use serde_json::{Value, json};

use crate::mapped_task::{
    CUSTOMER, EMPLOYEE, config, employee, employee_column, include, load, message, problems, rendered,
    transformation,
};

/// The object-mapping rule of the guide's example.
fn customers_rule(action: &str, parameters: &Value) -> Value {
    json!({"rule-type": "object-mapping", "rule-id": "2", "rule-name": "2", "rule-action": action,
           "target-table-name": "CustomerData", "mapping-parameters": parameters,
           "object-locator": {"schema-name": "Test", "table-name": "Customers"}})
}

#[test]
fn a_record_is_mapped_to_a_record_with_attributes_and_its_own_key() {
    // The names of excluded columns differ from the columns in upper and lower case, as in the guide.
    let parameters = json!({
        "partition-key-type": "attribute-name", "partition-key-name": "CustomerName",
        "exclude-columns": ["firstname", "lastname", "homeaddress", "homephone", "workaddress", "workphone"],
        "attribute-mappings": [
            {"target-attribute-name": "CustomerName", "attribute-type": "scalar", "attribute-sub-type": "string",
             "value": "${LastName}, ${FirstName}"},
            {"target-attribute-name": "ContactDetails", "attribute-type": "document", "attribute-sub-type": "json",
             "value": {"Home": {"Address": "${HomeAddress}", "Phone": "${HomePhone}"}, "Kinds": ["home", "work ${StoreId}"], "n": 1},
            },
        ],
    });
    let config = config(&[
        include("Test", "%"),
        customers_rule("map-record-to-record", &parameters),
    ]);
    let (message, key) = message(&config, RowSource::Load(TableIndex(0)), CUSTOMER);
    assert_eq!(
        message["data"],
        json!({"StoreId": 5, "DateofBirth": "02/29/1988", "CustomerName": "Marsh, Randy",
               "ContactDetails": {"Home": {"Address": "221B Baker Street", "Phone": "1234567890"},
                                  "Kinds": ["home", "work 5"], "n": 1}})
    );
    assert_eq!(key, "Marsh, Randy");
    assert_eq!(message["metadata"]["table-name"], "CustomerData");
    assert_eq!(message["metadata"]["partition-key-type"], "attribute-name");
}

#[test]
fn a_record_is_mapped_to_a_document() {
    let parameters = json!({
        "partition-key-type": "constant",
        "exclude-columns": ["homeaddress", "homephone", "workaddress", "workphone"],
        "attribute-mappings": [{"attribute-name": "Name", "attribute-type": "scalar", "value": "${FirstName}"}],
    });
    let config = config(&[
        include("Test", "%"),
        customers_rule("map-record-to-document", &parameters),
    ]);
    let (message, key) = message(&config, RowSource::Load(TableIndex(0)), CUSTOMER);
    let document =
        json!({"FirstName": "Randy", "LastName": "Marsh", "StoreId": 5, "DateofBirth": "02/29/1988"});
    assert_eq!(message["data"], json!({"_doc": document, "Name": "Randy"}));
    assert_eq!(key, "constant");
    assert_eq!(message["metadata"]["partition-key-type"], "constant");
}

#[test]
fn null_in_an_attribute_is_null_alone_and_nothing_in_a_text() {
    let parameters = json!({"exclude-columns": ["HomePhone"], "attribute-mappings": [
        {"target-attribute-name": "alone", "attribute-type": "scalar", "value": "${HomePhone}"},
        {"target-attribute-name": "within", "attribute-type": "scalar", "value": "tel ${HomePhone}."},
        {"target-attribute-name": "quoted", "attribute-type": "scalar", "value": "\"${LastName}\""}]});
    let config = config(&[
        include("Test", "%"),
        customers_rule("map-record-to-record", &parameters),
    ]);
    let row = "Randy,\"M\"\"x\",,,,,,";
    let (message, key) = message(&config, RowSource::Load(TableIndex(0)), row);
    assert_eq!(
        message["data"],
        json!({"FirstName": "Randy", "LastName": "M\"x", "alone": null, "within": "tel .", "quoted": "\"M\"x\""})
    );
    assert_eq!(
        key, "Test.CustomerData",
        "without a primary key, the table's name in the message"
    );
}

#[test]
fn a_filter_leaves_out_rows_of_loads_and_changes_by_their_own_values() {
    let mut rule = include("hr", "employee");
    rule["filters"] = json!([
        {"filter-type": "source", "column-name": "salary", "filter-conditions": [{"filter-operator": "gte", "value": "20000.5"}]},
        {"filter-type": "source", "column-name": "HireDate", "filter-conditions": [
            {"filter-operator": "between", "start-value": "2014-06-04", "end-value": "2014-06-05"}]},
    ]);
    let config = config(&[rule]);
    let count = |row: &str, source| {
        let rendered = rendered(&config, source, row);
        (
            rendered.records.len(),
            rendered.filtered.len(),
            rendered.rejected.len(),
        )
    };
    let load = RowSource::Load(TableIndex(0));
    assert_eq!(count(EMPLOYEE, load), (1, 0, 0));
    assert_eq!(count(&EMPLOYEE.replace("20000.50", "20000.49"), load), (0, 1, 0));
    assert_eq!(
        count(&EMPLOYEE.replace("2014-06-04", "2014-06-06"), load),
        (0, 1, 0)
    );
    assert_eq!(count(&EMPLOYEE.replace("20000.50", "much"), load), (0, 0, 1));
    let change = |row: &str| format!("D,employee,hr,{row}");
    assert_eq!(count(&change(EMPLOYEE), RowSource::Changes), (1, 0, 0));
    assert_eq!(
        count(&change(&EMPLOYEE.replace("20000", "1")), RowSource::Changes),
        (0, 1, 0)
    );
    // A table that is not selected is left out; one that nobody knows is a dead letter.
    assert_eq!(count("I,pay,hr,1,2", RowSource::Changes), (0, 1, 0));
    assert_eq!(count("I,nobody,hr,1,2", RowSource::Changes), (0, 0, 1));
}

#[test]
fn one_rule_per_object_counts_and_the_others_are_named() {
    let rules = [
        include("hr", "employee"),
        employee_column(2, "%", "convert-lowercase", json!({})),
        employee_column(3, "Id", "rename", json!({"value": "key"})),
    ];
    assert_eq!(employee(&rules).0["data"]["id"], 101);
    let problems = problems(&rules);
    assert!(
        problems.contains("rule 3 has no effect on the column \"Id\" of hr.employee")
            && problems.contains("which is rule 2"),
        "{problems}"
    );
}

/// Each group of rules is refused, with this in the text.
#[track_caller]
fn check_refused<const N: usize>(cases: [(Vec<Value>, &str); N]) {
    for (rules, part) in cases {
        let problems = problems(&rules);
        assert!(
            problems.contains(part) && problems.contains("m.json:1:"),
            "{part}: {problems}"
        );
        assert!(load(&rules).is_err(), "{part}");
    }
}

#[test]
fn what_cannot_be_is_an_error_at_its_rule() {
    let rename = |id, from: &str, to: &str| employee_column(id, from, "rename", json!({"value": to}));
    let add = |expression: &str| {
        let more = json!({"value": "new", "expression": expression, "data-type": {"type": "string"}});
        employee_column(2, "%", "add-column", more)
    };
    let table = json!({"schema-name": "hr", "table-name": "pay"});
    check_refused([
        (
            vec![include("hr", "%"), rename(2, "Id", "salary")],
            "two columns of hr.employee would be called \"salary\"",
        ),
        (
            vec![
                include("hr", "%"),
                transformation(2, "table", &table, "rename", json!({"value": "employee"})),
            ],
            "would both be called hr.employee",
        ),
        (
            vec![include("hr", "%"), add("$nobody")],
            "$nobody is neither a column",
        ),
        (
            vec![include("hr", "%"), add("random()")],
            "gives something else each time",
        ),
        (
            vec![
                include("hr", "%"),
                employee_column(
                    2,
                    "notes",
                    "change-data-type",
                    json!({"data-type": {"type": "string"}}),
                ),
            ],
            "which holds large values",
        ),
    ]);
    let idle = problems(&[include("hr", "%"), rename(2, "id", "x")]);
    assert!(idle.contains("rule 2 has no effect: no column"), "{idle}");
}

#[test]
fn an_object_mapping_that_cannot_be_is_an_error_at_its_rule() {
    let mapping = |parameters: Value| customers_rule("map-record-to-record", &parameters);
    check_refused([
        (
            vec![include("%", "%"), mapping(json!({"exclude-columns": ["nobody"]}))],
            "Test.Customers has no column \"nobody\"",
        ),
        (
            vec![
                include("%", "%"),
                mapping(json!({"partition-key-type": "primary-key"})),
            ],
            "has no primary key",
        ),
        (
            vec![
                include("%", "%"),
                mapping(json!({"attribute-mappings": [
                {"target-attribute-name": "StoreId", "attribute-type": "scalar", "value": "${StoreId"}]})),
            ],
            "does not close it",
        ),
    ]);
}

#[test]
fn rules_that_change_messages_change_the_fingerprint_and_others_do_not() {
    let fingerprint = |rules: &[Value]| config(rules).fingerprint(RECORD_BYTES_DEFAULT);
    let plain = fingerprint(&[include("hr", "%")]);
    let mut renamed_rule = include("hr", "%");
    renamed_rule["rule-name"] = json!("another");
    renamed_rule["load-order"] = json!(4);
    assert_eq!(fingerprint(&[renamed_rule]), plain);
    let mask = |value: &str| {
        employee_column(
            2,
            "passport_no",
            "data-masking-digits-mask",
            json!({"value": value}),
        )
    };
    let masked = fingerprint(&[include("hr", "%"), mask("#")]);
    assert_ne!(masked, plain);
    assert_ne!(fingerprint(&[include("hr", "%"), mask("*")]), masked);
    assert_ne!(fingerprint(&[include("%", "%")]), plain, "another table is read");
}

/// The message of a customer, byte for byte, up to the end of `data`.
fn data_text(format: MessageFormat) -> String {
    let parameters = json!({
        "exclude-columns": ["HomeAddress", "HomePhone", "WorkAddress", "WorkPhone", "DateofBirth"],
        "attribute-mappings": [
            {"target-attribute-name": "Contact", "attribute-type": "document", "attribute-sub-type": "json",
             "value": {"Home": {"Phone": "${HomePhone}"}, "Both": ["${HomePhone}", "${WorkPhone}"], "None": {}}},
        ],
    });
    let mut config = config(&[
        include("Test", "%"),
        customers_rule("map-record-to-document", &parameters),
    ]);
    config.message.format = format;
    let rendered = rendered(&config, RowSource::Load(TableIndex(0)), CUSTOMER);
    let text = String::from_utf8(rendered.buffer[rendered.records[0].payload.clone()].to_vec()).unwrap();
    text.split_once("\"metadata\"").unwrap().0.to_owned()
}

#[test]
fn copied_columns_come_first_and_attributes_behind_them_in_both_forms() {
    assert_eq!(
        data_text(MessageFormat::JsonUnformatted),
        concat!(
            r#"{"data":{"_doc":{"FirstName":"Randy","LastName":"Marsh","StoreId":5},"#,
            r#""Contact":{"Both":["1234567890","9876543210"],"Home":{"Phone":"1234567890"},"None":{}}},"#
        )
    );
    let lines = [
        "{",
        "\t\"data\":\t{",
        "\t\t\"_doc\":\t{",
        "\t\t\t\"FirstName\":\t\"Randy\",",
        "\t\t\t\"LastName\":\t\"Marsh\",",
        "\t\t\t\"StoreId\":\t5",
        "\t\t},",
        "\t\t\"Contact\":\t{",
        "\t\t\t\"Both\":\t[\"1234567890\", \"9876543210\"],",
        "\t\t\t\"Home\":\t{",
        "\t\t\t\t\"Phone\":\t\"1234567890\"",
        "\t\t\t},",
        "\t\t\t\"None\":\t{",
        "\t\t\t}",
        "\t\t}",
        "\t},",
        "\t",
    ];
    assert_eq!(data_text(MessageFormat::Json), lines.join("\n"));
}

#[test]
fn what_is_transformed_is_then_mapped() {
    let column = |id, name: &str, action: &str, more| {
        let locator = json!({"schema-name": "Test", "table-name": "Customers", "column-name": name});
        transformation(id, "column", &locator, action, more)
    };
    let parameters = json!({
        "partition-key-type": "attribute-name", "partition-key-name": "Who",
        "exclude-columns": ["work_phone", "HomeAddress"],
        "attribute-mappings": [
            {"target-attribute-name": "Who", "attribute-type": "scalar", "attribute-sub-type": "string",
             "value": "${surname}/${store}"},
        ],
    });
    let config = config(&[
        include("Test", "%"),
        customers_rule("map-record-to-record", &parameters),
        column(3, "LastName", "rename", json!({"value": "surname"})),
        column(4, "WorkPhone", "rename", json!({"value": "work_phone"})),
        column(5, "WorkAddress", "remove-column", json!({})),
        column(6, "HomePhone", "data-masking-digits-mask", json!({"value": "#"})),
        column(
            7,
            "%",
            "add-column",
            json!({"value": "store", "expression": "'store ' || $StoreId",
                   "data-type": {"type": "string", "length": 20, "scale": ""}}),
        ),
    ]);
    let (message, key) = message(&config, RowSource::Load(TableIndex(0)), CUSTOMER);
    assert_eq!(
        message["data"],
        json!({"FirstName": "Randy", "surname": "Marsh", "StoreId": 5, "HomePhone": "##########",
               "DateofBirth": "02/29/1988", "store": "store 5", "Who": "Marsh/store 5"})
    );
    assert_eq!(key, "Marsh/store 5");
    assert_eq!(message["metadata"]["table-name"], "CustomerData");
}
