//! Selection and transformation rules of the kinds that the user guide of DMS shows: names, columns, types, keys,
//! expressions and masks, as the messages show them.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

use bucket_brigade::encode::control::{ControlOperation, encode_control};
use bucket_brigade::map::summary::summarize;
use bucket_brigade::model::{RowSource, Table, TableIndex};
use bucket_brigade::settings::MessageConfig;
use bucket_brigade::value::timestamp::MessageTimestamp;
use serde_json::{Value, json};

use crate::mapped_task::{
    EMPLOYEE, config, employee, employee_column, include, message, problems, rendered, transformation,
};

#[test]
fn a_table_that_no_rule_changes_is_sent_as_it_is_defined_and_costs_nothing() {
    let config = config(&[include("hr", "%")]);
    assert_eq!(config.mappings.tables, [None, None]);
    assert_eq!(config.mappings.unselected.len(), 1);
    let (message, key) = message(&config, RowSource::Load(TableIndex(0)), EMPLOYEE);
    assert_eq!(message["data"]["LastName"], "Smith");
    assert_eq!(message["metadata"]["table-name"], "employee");
    assert_eq!(key, "101");
}

#[test]
fn selection_takes_what_is_included_and_not_excluded() {
    let names = |rules: &[Value]| {
        let config = config(rules);
        let tables = config.tables.iter().map(Table::full_name);
        tables.collect::<Vec<_>>()
    };
    let rule = |id: u64, action: &str, schema: &str, table: &str| {
        json!({"rule-type": "selection", "rule-id": id, "rule-name": "x", "rule-action": action,
               "object-locator": {"schema-name": schema, "table-name": table}})
    };
    assert_eq!(names(&[include("%", "%")]).len(), 3);
    assert_eq!(
        names(&[include("%", "%"), rule(2, "exclude", "hr", "p__")]),
        ["hr.employee", "Test.Customers"]
    );
    // An excluded table stays out, whichever rule comes first.
    assert_eq!(
        names(&[rule(1, "exclude", "%", "%ee"), rule(2, "include", "hr", "%")]),
        ["hr.pay"]
    );
    assert_eq!(names(&[rule(1, "explicit", "hr", "pay")]), ["hr.pay"]);
    assert!(
        problems(&[include("HR", "%")]).contains("fit no table of the definition"),
        "case counts"
    );
}

#[test]
fn a_higher_load_order_is_loaded_first() {
    let rule = |id: u64, table: &str, load_order: u64| {
        json!({"rule-type": "selection", "rule-id": id, "rule-name": "x", "rule-action": "include",
               "load-order": load_order, "object-locator": {"schema-name": "%", "table-name": table}})
    };
    let config = config(&[include("%", "%"), rule(2, "pay", 5), rule(3, "Customers", 9)]);
    let order = config.mappings.in_load_order(3);
    assert_eq!(order, [TableIndex(2), TableIndex(1), TableIndex(0)]);
    let summary = summarize(&config.mappings, &config.tables);
    assert_eq!(summary[0].table, "Test.Customers");
}

#[test]
fn schema_table_and_columns_get_new_names() {
    let schema = json!({"schema-name": "hr"});
    let table = json!({"schema-name": "hr", "table-name": "employee"});
    let rules = [
        include("hr", "%"),
        transformation(2, "schema", &schema, "rename", json!({"value": "people"})),
        transformation(3, "table", &table, "convert-uppercase", json!({})),
        employee_column(4, "Id", "rename", json!({"value": "employee_id"})),
        employee_column(5, "%Name", "convert-lowercase", json!({})),
        employee_column(
            6,
            "passport_no",
            "replace-suffix",
            json!({"old-value": "_no", "value": "_number"}),
        ),
        employee_column(7, "HireDate", "add-prefix", json!({"value": "x_"})),
        employee_column(8, "salary", "remove-prefix", json!({"value": "sal"})),
        employee_column(
            9,
            "notes",
            "rename",
            json!({"expression": "$AR_M_SOURCE_TABLE_NAME||'_'||$AR_M_SOURCE_COLUMN_NAME"}),
        ),
    ];
    let (message, key) = employee(&rules);
    let expected = json!({"employee_id": 101, "lastname": "Smith", "firstname": "Bob",
        "x_HireDate": "2014-06-04T10:20:30Z", "passport_number": "C6BGJ566669K", "ary": 20000.5,
        "employee_notes": "long, note"});
    assert_eq!(message["data"], expected);
    let names: Vec<_> = message["data"].as_object().unwrap().keys().collect();
    assert_eq!(names.len(), 7);
    assert_eq!(message["metadata"]["schema-name"], "people");
    assert_eq!(message["metadata"]["table-name"], "EMPLOYEE");
    assert_eq!(key, "101");
    let change = format!("U,employee,hr,{EMPLOYEE}");
    let config = config(&rules);
    let (_, key) = self::message(&config, RowSource::Changes, &change);
    assert_eq!(key, "people.EMPLOYEE", "the key is the name that the message has");
}

#[test]
fn columns_are_left_out_added_and_given_other_types() {
    let add = |id, value: &str, expression: Value, data_type: Value| {
        employee_column(
            id,
            "%",
            "add-column",
            json!({"value": value, "expression": expression, "data-type": data_type}),
        )
    };
    let rules = [
        include("hr", "employee"),
        employee_column(2, "%Name", "remove-column", json!({})),
        employee_column(3, "notes", "remove-column", json!({})),
        employee_column(
            4,
            "Id",
            "change-data-type",
            json!({"data-type": {"type": "string", "length": "20", "scale": ""}}),
        ),
        employee_column(
            5,
            "HireDate",
            "change-data-type",
            json!({"data-type": {"type": "date"}}),
        ),
        add(
            6,
            "FULL_NAME",
            json!("$FirstName||'_'||$LastName"),
            json!({"type": "string", "length": 50}),
        ),
        add(
            7,
            "seniority",
            json!("CASE WHEN round($salary)>=20000 THEN 'SENIOR' ELSE 'JUNIOR' END"),
            json!({"type": "string"}),
        ),
        add(8, "rounded", json!("round($salary)"), json!({"type": "int8"})),
        add(9, "nothing", Value::Null, json!({"type": "int4"})),
        add(
            10,
            "operation",
            json!("operation_indicator('D', 'U', 'I')"),
            json!({"type": "string", "length": 1}),
        ),
        add(
            11,
            "position",
            json!("$AR_H_STREAM_POSITION"),
            json!({"type": "string", "length": 50}),
        ),
    ];
    let config = config(&rules);
    let row = format!("D,employee,hr,{EMPLOYEE}");
    let (message, _) = message(&config, RowSource::Changes, &row);
    let expected = json!({"Id": "101", "HireDate": "2014-06-04", "passport_no": "C6BGJ566669K", "salary": 20000.5,
        "FULL_NAME": "Bob_Smith", "seniority": "SENIOR", "rounded": 20001, "operation": "D", "position": "cdc/1.csv:0"});
    assert_eq!(message["data"], expected);
}

#[test]
fn control_records_show_a_table_as_its_messages_do() {
    let change = json!({"data-type": {"type": "string", "length": "20", "scale": ""}});
    let add = json!({"value": "rounded", "expression": "round($salary)", "data-type": {"type": "int8"}});
    let config = config(&[
        include("hr", "employee"),
        employee_column(3, "notes", "remove-column", json!({})),
        employee_column(4, "Id", "change-data-type", change),
        employee_column(5, "%", "add-column", add),
    ]);
    let control = encode_control(
        "hr",
        config.mappings.output(TableIndex(0), &config.tables[0]),
        ControlOperation::CreateTable,
        &MessageConfig {
            include_control_details: true,
            ..config.message.clone()
        },
        &MessageTimestamp::from_unix_us(0),
    );
    let control: Value = serde_json::from_slice(&control.payload).unwrap();
    let columns = &control["control"]["table-def"]["columns"];
    assert_eq!(
        columns["Id"],
        json!({"type": "STRING", "length": 20, "nullable": false})
    );
    assert_eq!(columns["rounded"]["type"], "INT64");
    assert_eq!(columns["notes"], Value::Null);
}

#[test]
fn include_column_leaves_out_all_others_and_a_key_can_be_defined() {
    let table = json!({"schema-name": "hr", "table-name": "employee"});
    let key = json!({"primary-key-def": {"name": "k", "columns": ["LastName", "Id"]}});
    let rules = [
        include("hr", "employee"),
        employee_column(2, "Id", "include-column", json!({})),
        employee_column(3, "LastName", "include-column", json!({})),
        transformation(4, "table", &table, "define-primary-key", key),
    ];
    let (message, key) = employee(&rules);
    assert_eq!(message["data"], json!({"Id": 101, "LastName": "Smith"}));
    assert_eq!(key, "101.Smith", "in the order of the columns");
}

#[test]
fn masks_hide_what_the_guide_says_and_the_same_way_each_time() {
    let masked = |action: &str, more: Value| {
        let config = config(&[
            include("hr", "employee"),
            employee_column(2, "passport_no", action, more),
        ]);
        let text = || {
            let (message, _) = message(&config, RowSource::Load(TableIndex(0)), EMPLOYEE);
            message["data"]["passport_no"].as_str().unwrap().to_owned()
        };
        assert_eq!(text(), text(), "{action}");
        text()
    };
    assert_eq!(
        masked("data-masking-digits-mask", json!({"value": "#"})),
        "C#BGJ######K"
    );
    assert_eq!(
        masked("data-masking-hash-mask", json!({})),
        "7CB06784764C9030CCC41E25C15339FEB293FFE9B329A72B5FED564E99900C75"
    );
    let random = masked("data-masking-digits-randomize", json!({}));
    assert_eq!(random.replace(|c: char| c.is_ascii_digit(), "#"), "C#BGJ######K");
    assert_ne!(random, "C6BGJ566669K");
    // With a change of type in front, a number can be masked too.
    let rules = [
        include("hr", "employee"),
        employee_column(
            2,
            "salary",
            "change-data-type",
            json!({"data-type": {"type": "string", "length": 20}}),
        ),
        employee_column(3, "salary", "data-masking-digits-mask", json!({"value": "*"})),
    ];
    assert_eq!(employee(&rules).0["data"]["salary"], "*****.*");
    assert!(
        problems(&[
            include("hr", "employee"),
            employee_column(2, "salary", "data-masking-hash-mask", json!({}))
        ])
        .contains("cannot hide the column \"salary\""),
        "a mask that is not applied would send the value in the clear"
    );
}

#[test]
fn a_value_that_does_not_fit_what_a_rule_makes_of_it_is_a_dead_letter_with_its_column() {
    let retype = |column: &str, data_type: Value| {
        employee_column(2, column, "change-data-type", json!({"data-type": data_type}))
    };
    let add = |expression: &str, data_type: Value| {
        let more = json!({"value": "new", "expression": expression, "data-type": data_type});
        employee_column(2, "%", "add-column", more)
    };
    for (rule, column, code) in [
        (
            retype("LastName", json!({"type": "int4"})),
            "LastName",
            "not_a_number",
        ),
        (retype("salary", json!({"type": "int1"})), "salary", "too_precise"),
        (
            retype("HireDate", json!({"type": "string", "length": 5})),
            "HireDate",
            "too_long",
        ),
        (add("$LastName", json!({"type": "date"})), "new", "not_a_date"),
        (
            add("abs(-9223372036854775807 - $Id)", json!({"type": "int8"})),
            "new",
            "number_out_of_range",
        ),
        (
            add(
                "$passport_no || $FirstName",
                json!({"type": "string", "length": 3}),
            ),
            "new",
            "too_long",
        ),
    ] {
        let config = config(&[include("hr", "employee"), rule]);
        let rendered = rendered(&config, RowSource::Load(TableIndex(0)), EMPLOYEE);
        let [rejected] = rendered.rejected.as_slice() else {
            panic!("{column}: {:?}", rendered.records);
        };
        assert_eq!((rejected.column.as_deref(), rejected.code), (Some(column), code));
        assert_eq!((rejected.table, rejected.ordinal), (Some(TableIndex(0)), 0));
        assert_eq!(
            String::from_utf8_lossy(&rejected.row),
            EMPLOYEE,
            "the row as it is in the file"
        );
    }
}

#[test]
fn a_number_with_random_digits_stays_a_number_of_its_column() {
    let rules = [
        include("hr", "employee"),
        employee_column(2, "salary", "data-masking-digits-randomize", json!({})),
    ];
    let (message, _) = employee(&rules);
    let salary = message["data"]["salary"].as_f64().unwrap();
    assert!((0.0..100_000.0).contains(&salary), "{salary}");
}
