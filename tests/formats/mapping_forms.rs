//! Table mapping documents in the forms that people write: what each means, and which of them are refused because
//! something would go out in the clear.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::needless_pass_by_value,
    reason = "a test fails by panicking, and its rules are written down in the shortest way"
)]

use bucket_brigade::model::{RowSource, Table, TableIndex};
use serde_json::{Value, json};

use crate::mapped_task::{
    CUSTOMER, EMPLOYEE, config, employee, employee_column, include, load, message, problems, transformation,
};

const LOAD: RowSource = RowSource::Load(TableIndex(0));

/// A rule that adds the column `new` to `hr.employee`.
fn add(id: u64, expression: &str) -> Value {
    let more = json!({"value": "new", "expression": expression, "data-type": {"type": "string"}});
    employee_column(id, "%", "add-column", more)
}

/// The value of the column `new` that an expression gives.
#[track_caller]
fn added(expression: &str) -> Value {
    employee(&[include("hr", "employee"), add(2, expression)]).0["data"]["new"].clone()
}

/// An object-mapping rule of `Test.Customers`; `more` stands beside the parameters.
fn mapping(action: &str, more: Value, parameters: Value) -> Value {
    let mut rule = json!({"rule-type": "object-mapping", "rule-id": "2", "rule-name": "2", "rule-action": action,
        "object-locator": {"schema-name": "Test", "table-name": "Customers"}, "mapping-parameters": parameters});
    rule.as_object_mut()
        .unwrap()
        .extend(more.as_object().unwrap().clone());
    rule
}

/// Message and partition key of a customer under an object-mapping rule.
#[track_caller]
fn customer(rule: Value) -> (Value, String) {
    message(&config(&[include("Test", "%"), rule]), LOAD, CUSTOMER)
}

/// The rules are refused with an error that says this.
#[track_caller]
fn check_refused(rules: &[Value], part: &str) {
    let Err(refused) = load(rules) else {
        panic!("{part}: taken, with {}", problems(rules));
    };
    let refused = refused.to_string();
    assert!(refused.contains(part), "{part}: {refused}");
}

#[test]
fn typographic_quotes_are_mended_where_they_delimit_and_kept_where_they_are_text() {
    assert_eq!(
        added("'it\u{2019}s ' || \u{2018}fine\u{2019}"),
        "it\u{2019}s fine"
    );
}

#[test]
fn words_of_an_expression_are_told_from_names_and_texts_that_hold_them() {
    assert_eq!(added("'now'"), "now");
    assert_eq!(
        added("CASE WHEN $LastName = 'now' THEN 'random()' ELSE 'current_time' END"),
        "current_time"
    );
    assert_eq!(
        added("replace($LastName, 'date()', '') /* random() */ -- current_date"),
        "Smith"
    );
    for unstable in [
        "date(coalesce($HireDate, 'NOW'))",
        "(SELECT date(v) FROM (SELECT 'now' AS v))",
        "\"random\"()",
        "current_date",
    ] {
        check_refused(
            &[include("hr", "employee"), add(2, unstable)],
            "gives something else each time",
        );
    }
}

#[test]
fn a_column_that_a_rule_removes_is_not_sent_whatever_other_rules_say_of_it() {
    let rules = [
        include("hr", "employee"),
        employee_column(2, "%", "convert-uppercase", json!({})),
        employee_column(3, "passport_no", "remove-column", json!({})),
    ];
    let data = employee(&rules).0["data"].clone();
    assert_eq!(data["LASTNAME"], "Smith");
    assert_eq!(
        (&data["passport_no"], &data["PASSPORT_NO"]),
        (&Value::Null, &Value::Null)
    );
    let said = problems(&rules);
    assert!(
        said.contains("rule 3 leaves out the column \"passport_no\"") && said.contains("rule 2"),
        "{said}"
    );
}

#[test]
fn a_column_may_take_the_name_of_one_that_is_left_out() {
    let rules = [
        include("hr", "employee"),
        employee_column(2, "passport_no", "remove-column", json!({})),
        employee_column(
            3,
            "%",
            "add-column",
            json!({"value": "passport_no", "expression": "substr($passport_no, 1, 2)", "data-type": {"type": "string", "length": 9}}),
        ),
    ];
    assert_eq!(employee(&rules).0["data"]["passport_no"], "C6");
    let kept = [rules[0].clone(), rules[2].clone()];
    check_refused(
        &kept,
        "two columns of hr.employee would be called \"passport_no\"",
    );
}

#[test]
fn a_table_is_renamed_and_given_a_key_at_once() {
    let table = json!({"schema-name": "hr", "table-name": "employee"});
    let key = json!({"primary-key-def": {"name": "k", "columns": ["LastName"]}});
    let rename = transformation(2, "table", &table, "rename", json!({"value": "people"}));
    let define = transformation(3, "table", &table, "define-primary-key", key);
    let (message, key) = employee(&[include("hr", "employee"), rename, define]);
    assert_eq!(
        (message["metadata"]["table-name"].as_str(), key.as_str()),
        (Some("people"), "Smith")
    );
}

#[test]
fn characters_in_brackets_stand_for_one_of_them() {
    let names = |schema: &str, table: &str| {
        let tables = config(&[include(schema, table)]).tables;
        tables.iter().map(Table::full_name).collect::<Vec<_>>()
    };
    assert_eq!(names("[gh]r", "[a-e]mployee"), ["hr.employee"]);
    assert_eq!(names("%", "[^a-e]%"), ["hr.pay", "Test.Customers"]);
    let rename = |name: &str| {
        let rules = [
            include("hr", "employee"),
            employee_column(2, name, "rename", json!({"value": "x"})),
        ];
        employee(&rules).0["data"]["x"].clone()
    };
    assert_eq!(
        rename("passport[_]no"),
        "C6BGJ566669K",
        "an underscore and nothing else"
    );
    // An exact name in brackets is one for whatever needs one.
    let mut exact = include("hr", "emplo[y]ee");
    exact["rule-action"] = json!("explicit");
    assert_eq!(config(&[exact.clone()]).tables.len(), 1);
    exact["object-locator"]["table-name"] = json!("[a-z]mployee");
    check_refused(&[exact], "one exact name");
}

#[test]
fn a_partition_key_is_found_wherever_examples_have_it() {
    let constant = json!({"partition-key": {"value": "ConstantKey"}});
    let (_, key) = customer(mapping("map-record-to-document", constant.clone(), json!({})));
    assert_eq!(key, "ConstantKey");
    let (_, key) = customer(mapping("map-record-to-document", json!({}), constant));
    assert_eq!(key, "ConstantKey");
    let attributes = json!([{"target-attribute-name": "Name", "attribute-type": "scalar", "value": "${FirstName} ${LastName}"}]);
    for (more, mut parameters) in [
        (json!({}), json!({"partition-key-name": "Name"})),
        (json!({"partition-key-name": "Name"}), json!({})),
        (
            json!({}),
            json!({"partition-key": {"attribute-name": "Name", "value": "${FirstName} ${LastName}"}}),
        ),
    ] {
        parameters["attribute-mappings"] = attributes.clone();
        let (message, key) = customer(mapping("map-record-to-record", more.clone(), parameters.clone()));
        assert_eq!(key, "Randy Marsh", "{more} {parameters}");
        assert_eq!(message["metadata"]["partition-key-type"], "attribute-name");
    }
    let unknown = json!({"partition-key": {"value": "${FirstName}"}});
    check_refused(
        &[
            include("Test", "%"),
            mapping("map-record-to-record", json!({}), unknown),
        ],
        "make it an attribute",
    );
}

#[test]
fn the_example_of_a_constant_key_has_a_scalar_that_is_a_group() {
    let scalar = |name: &str, value: Value| json!({"target-attribute-name": name, "attribute-type": "scalar", "attribute-sub-type": "string", "value": value});
    let parameters = json!({
        "partition-key-type": "constant",
        "exclude-columns": ["FirstName", "LastName", "HomeAddress", "HomePhone", "WorkAddress", "WorkPhone"],
        "attribute-mappings": [
            scalar("CustomerName", json!("${FirstName},${LastName}")),
            scalar("ContactDetails", json!({"Home": {"Address": "${HomeAddress}", "Phone": "${HomePhone}"}})),
            scalar("DateOfBirth", json!("${DateOfBirth}")),
        ],
    });
    let rules = [
        include("Test", "%"),
        mapping("map-record-to-document", json!({}), parameters),
    ];
    let (message, key) = message(&config(&rules), LOAD, CUSTOMER);
    assert_eq!(
        message["data"],
        json!({"_doc": {"StoreId": 5, "DateofBirth": "02/29/1988"}, "CustomerName": "Randy,Marsh",
               "ContactDetails": {"Home": {"Address": "221B Baker Street", "Phone": "1234567890"}},
               "DateOfBirth": "02/29/1988"})
    );
    assert_eq!(key, "constant");
    assert!(problems(&rules).contains("is sent as the document that it is"));
}

#[test]
fn an_attribute_takes_the_place_of_the_column_of_its_name() {
    let parameters = json!({"attribute-mappings": [
        {"target-attribute-name": "StoreId", "attribute-type": "scalar", "value": "store ${StoreId}"}]});
    let (message, _) = customer(mapping("map-record-to-record", json!({}), parameters));
    assert_eq!(message["data"]["StoreId"], "store 5");
    let twice = json!({"attribute-mappings": [
        {"target-attribute-name": "x", "attribute-type": "scalar", "value": "${StoreId}"},
        {"target-attribute-name": "x", "attribute-type": "scalar", "value": "${LastName}"}]});
    check_refused(
        &[
            include("Test", "%"),
            mapping("map-record-to-record", json!({}), twice),
        ],
        "two members \"x\"",
    );
}

#[test]
fn a_mask_that_hides_nothing_is_refused() {
    let mask = |id, column: &str| employee_column(id, column, "data-masking-hash-mask", json!({}));
    let include = include("hr", "employee");
    check_refused(&[include.clone(), mask(2, "passport")], "rule 2 hides nothing");
    check_refused(&[include.clone(), mask(2, "Passport_No")], "rule 2 hides nothing");
    let mut elsewhere = mask(2, "passport_no");
    elsewhere["object-locator"]["table-name"] = json!("employees");
    check_refused(&[include.clone(), elsewhere], "rule 2 hides nothing");
    let mut of_numbers = mask(2, "passport_no");
    of_numbers["object-locator"]["data-type"] = json!("int4");
    check_refused(&[include.clone(), of_numbers], "rule 2 hides nothing");
    let rename = employee_column(2, "passport_no", "rename", json!({"value": "document"}));
    check_refused(
        &[include.clone(), rename.clone(), mask(3, "document")],
        "the source calls it \"passport_no\"",
    );
    check_refused(
        &[
            include.clone(),
            rename.clone(),
            employee_column(3, "document", "remove-column", json!({})),
        ],
        "the source calls it \"passport_no\"",
    );
    let (message, _) = employee(&[include, rename, mask(3, "passport_no")]);
    assert_eq!(message["data"]["document"].as_str().map(str::len), Some(64));
}

#[test]
fn an_added_column_knows_the_column_it_is_about() {
    let about = |column: &str, expression: &str| {
        let more =
            json!({"value": "new", "expression": expression, "data-type": {"type": "string", "length": 40}});
        let rule = employee_column(2, column, "add-column", more);
        employee(&[include("hr", "employee"), rule]).0["data"]["new"].clone()
    };
    let both = "$AR_M_SOURCE_COLUMN_NAME || ':' || $AR_M_SOURCE_COLUMN_DATATYPE";
    assert_eq!(about("salary", both), "salary:numeric");
    assert_eq!(
        about("%", both),
        "new:string",
        "of no column in particular, it is itself"
    );
    assert_eq!(
        added("'$AR_M_SOURCE_COLUMN_NAME'"),
        "$AR_M_SOURCE_COLUMN_NAME",
        "a text stays one"
    );
}

#[test]
fn bytes_is_another_name_of_byte() {
    let change = json!({"data-type": {"type": "BYTES", "length": 30}});
    let rule = employee_column(2, "LastName", "change-data-type", change);
    let row = EMPLOYEE.replace("Smith", "80057d942e");
    let (message, _) = message(&config(&[include("hr", "employee"), rule]), LOAD, &row);
    assert_eq!(
        message["data"]["LastName"], "0x80057D942E",
        "digits in upper case, as DMS writes them"
    );
}
