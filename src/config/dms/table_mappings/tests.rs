//! Table mapping documents: what is taken, and what each mistake is called and where it is.

use super::*;
use crate::map::rules::{Change, ColumnAction, Naming, SelectionAction, Test};
use crate::model::ColumnType;
use crate::settings::problems::Problem;

const INCLUDE: &str = r#"{"rule-type":"selection","rule-id":"1","rule-name":"1","rule-action":"include",
"object-locator":{"schema-name":"hr","table-name":"%"}}"#;

fn document(rules: &[&str]) -> String {
    format!("{{\"rules\":[\n{}\n]}}", rules.join(",\n"))
}

fn parsed(text: &str) -> (Option<Rules>, Vec<String>) {
    let mut report = Report::new("m.json");
    let rules = parse(text, &mut report);
    let problems = report.into_problems();
    (rules, problems.iter().map(Problem::to_string).collect())
}

#[track_caller]
fn rules(texts: &[&str]) -> Rules {
    let (rules, problems) = parsed(&document(texts));
    rules.unwrap_or_else(|| panic!("{problems:#?}"))
}

/// The one problem of a document begins so, and contains that.
#[track_caller]
fn check(text: &str, start: &str, part: &str) {
    let (_, problems) = parsed(text);
    assert_eq!(problems.len(), 1, "{text}: {problems:#?}");
    assert!(
        problems[0].starts_with(start) && problems[0].contains(part),
        "{problems:#?}"
    );
}

/// The same for a second rule after one that includes everything; it starts in line 4.
#[track_caller]
fn check_rule(rule: &str, start: &str, part: &str) {
    check(&document(&[INCLUDE, rule]), start, part);
}

fn transformation(rest: &str) -> String {
    format!(
        "{{\"rule-type\":\"transformation\",\"rule-id\":2,\"rule-name\":\"2\",\"object-locator\":{{\"schema-name\":\"hr\",\
         \"table-name\":\"t\",\"column-name\":\"c\"}},{rest}}}"
    )
}

#[test]
fn faults_that_dms_names_begin_with_its_words() {
    check(
        "{\"rules\":[{]}",
        "m.json:1:12: error: Invalid Table Mappings document. Invalid json\n    ",
        "is not JSON",
    );
    check(
        "{}",
        "m.json:1:1: error: Valid Table mappings is required\n",
        "no member `rules`",
    );
    check(
        "[]",
        "m.json:1:1: error: Valid Table mappings is required\n",
        "is a list",
    );
    check(
        "{\"rules\":[]}",
        "m.json:1:1: error: Valid Table mappings is required\n",
        "is empty",
    );
    check_rule(
        r#"{"rule-type":"selektion","rule-id":2}"#,
        "m.json:4:14: error: Invalid table mappings document.\n    rules[1].rule-type is \"selektion\"; did you mean selection?",
        "allowed, in lower case",
    );
    check_rule(
        r#"{"rule-type":"selection","rule-id":1,"rule-action":"include"}"#,
        "m.json:4:36: error: Error in mapping rules. Duplicate ruleid 1\n",
        "the first rule with it stands at line 2",
    );
    check_rule(
        r#"{"rule-type":"selection","rule-id":"2","rule-action":"include"}"#,
        "m.json:4:1: error: Error in mapping rules. Rule with ruleId = 2 failed validation. object locator cannot be null\n",
        "add an `object-locator`",
    );
    check_rule(
        &transformation(r#""rule-target":"column","rule-action":"Rename","value":"x""#),
        "m.json:4:",
        "Invalid table mappings document.\n    rules[1].rule-action is \"Rename\"",
    );
}

#[test]
fn all_mistakes_are_reported_at_once_each_with_its_place() {
    let filter = r#"{"rule-type":"selection","rule-id":"2","rule-name":"2","rule-action":"include",
"object-locator":{"schema-name":"hr","table-name":"t"},
"filters":[{"filter-type":"source","column-name":"c","filter-conditions":[
{"filter-operator":"eq"},{"filter-operator":"null","value":"3"},{"filter-operator":"lt","value":"3"}]}]}"#;
    let mask =
        transformation(r#""rule-target":"column","rule-action":"data-masking-digits-mask","value":" #""#)
            .replace("\"rule-id\":2", "\"rule-id\":3");
    let (rules, problems) = parsed(&document(&[INCLUDE, filter, &mask]));
    assert_eq!(rules, None);
    let starts = [
        ("m.json:7:1: error", "has no `value`"),
        ("m.json:7:60: error", "does not go with the operator null"),
        ("m.json:7:84: error", "\"lt\""),
        ("m.json:8:", "one printable ASCII character"),
    ];
    assert_eq!(problems.len(), starts.len(), "{problems:#?}");
    for (problem, (start, part)) in problems.iter().zip(starts) {
        assert!(problem.starts_with(start) && problem.contains(part), "{problem}");
    }
}

#[test]
fn what_could_only_be_applied_in_part_is_refused_with_a_cure() {
    let selection =
        |rest: &str| format!("{{\"rule-type\":\"selection\",\"rule-id\":2,\"rule-name\":\"2\",{rest}}}");
    let filters = r#""filters":[{"filter-type":"source","column-name":"c","filter-conditions":[{"filter-operator":"null"}]}]"#;
    let anything = r#""object-locator":{"schema-name":"hr","table-name":"%"}"#;
    let one = r#""object-locator":{"schema-name":"hr","table-name":"t"}"#;
    for (rule, part) in [
        (selection(&format!(r#""rule-action":"include",{anything},{filters}"#)), "one rule per table"),
        (selection(&format!(r#""rule-action":"exclude",{one},{filters}"#)), "rules that include"),
        (selection(&format!(r#""rule-action":"explicit",{anything}"#)), "one exact name"),
        (selection(&format!(r#""rule-action":"include",{one},"load-order":0"#)), "from 1 to 2147483647"),
        (
            transformation(r#""rule-target":"table","rule-action":"remove-column""#),
            "for the rule-target column, not table",
        ),
        (
            transformation(r#""rule-target":"column","rule-action":"add-before-image-columns""#),
            "which files do not have",
        ),
        (transformation(r#""rule-target":"column","rule-action":"rename""#), "has no `value`"),
        (
            transformation(r#""rule-target":"column","rule-action":"change-data-type","data-type":{"type":"set"}"#),
            "one of other targets",
        ),
        (
            transformation(r#""rule-target":"column","rule-action":"change-data-type","data-type":{"type":"numeric"}"#),
            "without `precision`",
        ),
        (
            transformation(
                r#""rule-target":"table","rule-action":"define-primary-key","primary-key-def":{"columns":["id",3]}"#,
            ),
            "the number `3` among its names",
        ),
        (
            r#"{"rule-type":"object-mapping","rule-id":2,"rule-action":"map-record-to-record",
"object-locator":{"schema-name":"hr","table-name":"t"},"mapping-parameters":{"partition-key-type":"transaction-id"}}"#
                .to_owned(),
            "files have no transactions",
        ),
    ] {
        check_rule(&rule, "m.json:", part);
    }
    check(
        &document(&[&transformation(
            r#""rule-target":"column","rule-action":"remove-column""#,
        )]),
        "m.json:1:1: error: there is no selection rule",
        "add one",
    );
}

#[test]
fn what_has_no_meaning_here_is_taken_with_a_warning() {
    for (rule, part) in [
        (
            r#"{"rule-type":"table-settings","rule-id":2,"parallel-load":{"type":"ranges"}}"#.to_owned(),
            "warning: rule 2 (table-settings) has no effect here",
        ),
        (
            r#"{"rule-type":"validation","rule-id":2}"#.to_owned(),
            "`brigade verify` reads the stream back",
        ),
        (
            transformation(r#""rule-target":"table-tablespace","rule-action":"rename","value":"x""#),
            "table-tablespaces of Oracle",
        ),
        (
            transformation(r#""rule-target":"column","rule-action":"remove-column","valeu":"x""#),
            "did you mean `value`?",
        ),
        (
            r#"{"rule-type":"object-mapping","rule-id":2,"rule-name":"2","rule-action":"map-record-to-record",
"object-locator":{"schema-name":"hr","table-name":"%"}}"#
                .to_owned(),
            "which DMS refuses",
        ),
    ] {
        check_rule(&rule, "m.json:4:", part);
        assert!(parsed(&document(&[INCLUDE, &rule])).0.is_some(), "{rule}");
    }
}

#[test]
fn rules_are_read_by_their_id_and_with_all_they_say() {
    let explicit = r#"{"rule-type":"selection","rule-id":7,"rule-action":"explicit","load-order":"3",
"object-locator":{"schema-name":"hr","table-name":"a%b","table-type":"all"}}"#
        .replace("a%b", "emp");
    let between = r#"{"rule-type":"selection","rule-id":"4","rule-name":"4","rule-action":"include",
"object-locator":{"schema-name":"hr","table-name":"emp"},"filters":[{"filter-type":"source","column-name":"id",
"filter-conditions":[{"filter-operator":"notbetween","start-value":5,"end-value":"7"},{"filter-operator":"ste","value":"9"}]}]}"#;
    let rename = transformation(
        r#""rule-target":"column","rule-action":"replace-suffix","old-value":"_a","value":"_b""#,
    );
    let retype = transformation(
        r#""rule-target":"column","rule-action":"change-data-type","data-type":{"type":"string","length":"4092","scale":""}"#,
    )
    .replace("\"rule-id\":2", "\"rule-id\":3")
    .replace("\"column-name\":\"c\"", "\"column-name\":\"%\",\"data-type\":\"nclob\"");
    let rules = rules(&[&explicit, between, INCLUDE, &retype, &rename]);
    let ids: Vec<_> = rules.selections.iter().map(|rule| rule.head.id).collect();
    assert_eq!(ids, [1, 4, 7]);
    assert_eq!(rules.selections[2].action, SelectionAction::Explicit);
    assert_eq!(rules.selections[2].load_order, 3);
    let conditions = &rules.selections[1].filters[0].conditions;
    assert_eq!(
        conditions[0].test,
        Test::NotBetween("5".to_owned(), "7".to_owned())
    );
    assert_eq!(conditions[1].test, Test::AtMost("9".to_owned()));
    let actions: Vec<_> = rules.transformations.iter().map(|rule| &rule.change).collect();
    let [
        Change::Column {
            action: ColumnAction::Name(naming),
            ..
        },
        Change::Column {
            action: ColumnAction::Retype(column_type),
            data_type,
            ..
        },
    ] = actions.as_slice()
    else {
        panic!("{actions:?}");
    };
    assert_eq!(
        *naming,
        Naming::ReplaceSuffix {
            old: "_a".to_owned(),
            new: "_b".to_owned()
        }
    );
    assert_eq!(*column_type, ColumnType::String { length: Some(4092) });
    assert_eq!(data_type.as_deref(), Some("clob"));
}

proptest::proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "[\\[\\]{}\":,a-z0-9-]{0,60}") {
        parsed(&text);
        parsed(&document(&[&text]));
    }
}
