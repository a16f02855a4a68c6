//! Twelve dialects and more, as programs write them.

use super::*;

fn seen(text: &str) -> DialectSeen {
    DialectSeen::of(text.as_bytes(), true, None)
}

/// Delimiter, quote and escape.
fn dialect(text: &str) -> (String, Option<char>, Option<char>) {
    let CsvDialect {
        delimiter, escape, ..
    } = seen(text).dialect;
    let quote = seen(text).dialect.quote();
    (
        String::from_utf8(delimiter).unwrap(),
        quote.map(char::from),
        escape.map(char::from),
    )
}

#[test]
fn delimiters_are_told_by_the_table_that_they_make() {
    for (delimiter, text) in [
        (",", "id,name\n1,a\n2,b\n"),
        ("\t", "1\ta, b\tx\n2\tc, d\ty\n"),
        ("\u{1}", "1\u{1}a;b\u{1}2024-01-01\n2\u{1}c;d\u{1}2024-01-02\n"),
        (";", "1;10,5;x\n2;11,5;y\n"),
        (";", "a;10,5\nb;11,5\n"),
        ("|", "1|a, b|2.5\n2|c|3.5\n"),
        ("||", "1||a||2.5\n2||c||3.5\n"),
        ("^", "1^a^2.5\n2^c^3.5\n"),
        (",", "1,a;b;c\n2,d;e;f\n"),
        (",", "1,\"a;b\",2\n2,\"c;d\",3\n"),
        (",", "alone\nfew\n"),
        (",", "1\n2\n"),
        (",", ""),
        (";", "\"1\";\"a\nb\"\n\"2\";\"c\"\n"),
    ] {
        assert_eq!(dialect(text).0, delimiter, "{text:?}");
    }
}

#[test]
fn quotes_and_escapes_are_told_by_what_they_keep_together() {
    let quote = Some('"');
    for (text, expected) in [
        ("1,\"a, b\"\n2,\"c \"\"d\"\"\"\n", (quote, None)),
        ("1,\"a \\\" b\"\n2,\"c\"\n", (quote, Some('\\'))),
        ("1,\"{\\\"a\\\":1,\\\"b\\\":2}\"\n2,\"{}\"\n", (quote, Some('\\'))),
        ("1,'a, b'\n2,'c'\n", (Some('\''), None)),
        ("1,'a\\'s, b'\n2,'c'\n", (Some('\''), Some('\\'))),
        ("1,a\\, b\n2,c\n", (quote, Some('\\'))),
        ("1,5\" pipe\n2,6\" pipe\n", (quote, None)),
        ("1,\"24\" monitor\"\n2,\"27\" monitor\"\n", (None, None)),
        ("1,it's\n2,that's\n", (quote, None)),
        ("1,C:\\temp\n2,C:\\new\n", (quote, None)),
    ] {
        let (delimiter, quote, escape) = dialect(text);
        assert_eq!((delimiter.as_str(), (quote, escape)), (",", expected), "{text:?}");
    }
}

#[test]
fn null_line_ends_and_operations_are_told_as_well() {
    assert_eq!(seen("1\t\\N\tx\n2\t5\ty\n").dialect.null_value, "\\N");
    assert_eq!(seen("1,,x\n2,5,y\n").dialect.null_value, "");
    assert_eq!(seen("1,a\r2,b\r").dialect.row_delimiter, b"\r");
    assert_eq!(seen("1,a\r\n2,b\r\n").dialect.row_delimiter, b"\n");
    assert_eq!(seen("I,1,a\nI,2,b\n").first_field, FirstField::Insert);
    assert_eq!(
        seen("I,1,a\n").first_field,
        FirstField::Value,
        "one row says nothing"
    );
    assert_eq!(seen("I,1,a\nX,2,b\n").first_field, FirstField::Value);
    assert_eq!(seen("I,1,a\nD,2,b\n").first_field, FirstField::Operation);
    let changes = "INSERT,orders,shop,1,a\nUPDATE,orders,shop,1,b\n";
    assert_eq!(seen(changes).first_field, FirstField::Change);
}

#[test]
fn what_is_not_certain_is_said() {
    let notes = seen("a;10,5\nb;11,5\n").notes.join("\n");
    assert!(notes.contains("\";\" gives 2 fields in 2 of 2 rows"), "{notes}");
    assert!(
        notes.contains("\",\" as the delimiter would give 2 fields"),
        "{notes}"
    );
    assert_eq!(seen("1,a\n2,b\n").notes, [""; 0]);
    let given = DialectSeen::of(b"a;10,5\nb;11,5\n", true, Some(b","));
    assert_eq!(given.dialect.delimiter, b",");
}

#[test]
fn the_last_row_of_a_beginning_is_cut_off_and_says_nothing() {
    let text = b"1;a;x\n2;b;y\n3;c";
    let seen = DialectSeen::of(text, false, None);
    assert_eq!((seen.dialect.delimiter, seen.rows), (b";".to_vec(), 2));
}
