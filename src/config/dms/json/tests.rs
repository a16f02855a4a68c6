//! Tests of the JSON reader alone; how it goes on after mistakes is tested with the table definition.

use proptest::prelude::*;

use super::*;

fn value(text: &str) -> Result<Value, String> {
    let mut report = Report::new("t");
    let node = read(text, &mut report);
    match node {
        Some(node) if !report.has_errors() => Ok(node.value),
        _ => {
            let problems: Vec<_> = report.into_problems().iter().map(ToString::to_string).collect();
            Err(problems.join(" "))
        }
    }
}

#[test]
fn escaped_surrogates_are_paired_or_refused() {
    let text = |text: &str| Ok(Value::Text(text.to_owned()));
    assert_eq!(value(r#""\uD83D\uDE00""#), text("\u{1f600}"));
    assert_eq!(value(r#""\udbff\udfff\u00e4""#), text("\u{10ffff}\u{e4}"));
    for wrong in [
        r#""\ud83d""#,
        r#""\ude00""#,
        r#""\ud83dx""#,
        r#""\ud83d\ud83d""#,
        r#""\u12""#,
    ] {
        assert!(value(wrong).unwrap_err().contains("unknown escape"), "{wrong}");
    }
}

#[test]
fn only_the_numbers_of_json_are_numbers() {
    for number in ["0", "-1", "1.5e+3", "12345678901234567890123"] {
        assert_eq!(value(number), Ok(Value::Number(number.to_owned())));
    }
    for wrong in ["+1", ".5", "5.", "01", "NaN", "0x1", "nul", "True"] {
        assert!(
            value(wrong).unwrap_err().contains("where a value should stand"),
            "{wrong}"
        );
    }
}

/// Any JSON value, as serde has it.
fn any_json() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(4, 40, 5, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(Into::into),
            prop::collection::hash_map(any::<String>(), inner, 0..5)
                .prop_map(|members| members.into_iter().collect::<serde_json::Map<_, _>>().into()),
        ]
    })
}

fn as_serde(value: &Value) -> serde_json::Value {
    match value {
        Value::Null => serde_json::Value::Null,
        Value::Boolean(value) => (*value).into(),
        Value::Number(text) => serde_json::from_str(text).unwrap(),
        Value::Text(text) => text.clone().into(),
        Value::List(nodes) => nodes
            .iter()
            .map(|node| as_serde(&node.value))
            .collect::<Vec<_>>()
            .into(),
        Value::Map(entries) => {
            let members = entries
                .iter()
                .map(|entry| (entry.key.clone(), as_serde(&entry.node.value)));
            members.collect::<serde_json::Map<_, _>>().into()
        }
    }
}

proptest! {
    #[test]
    fn what_serde_writes_is_read_as_it_was(json in any_json(), is_pretty: bool) {
        let text = if is_pretty { serde_json::to_string_pretty(&json) } else { serde_json::to_string(&json) };
        let read = value(&text.unwrap());
        prop_assert_eq!(read.as_ref().map(as_serde), Ok(json));
    }

    #[test]
    fn what_serde_refuses_is_refused(text in "[{}\\[\\]:,\"a1 \\\\.e-]{0,12}") {
        let is_json = serde_json::from_str::<serde_json::Value>(&text).is_ok();
        prop_assert!(is_json || value(&text).is_err(), "{}", text);
    }

    #[test]
    fn the_place_of_a_text_is_where_its_quote_stands(space in "[ \t\r\n]{0,20}") {
        let node = read(&format!("{space}\"x\""), &mut Report::new("t")).unwrap();
        let last_line = space.rsplit('\n').next().unwrap();
        let expected = DocumentPlace { line: space.matches('\n').count() + 1, column: last_line.chars().count() + 1 };
        prop_assert_eq!(node.place, expected);
    }
}
