//! Tests of the external table definition: every mistake, and the documents people paste.

use proptest::prelude::*;

use super::*;
use crate::model::{ColumnType, DateFormat};

/// The document of the AWS blog post about S3 to Kinesis, in plain quotes and complete.
const SEED: &str = r#"{
	"TableCount": "1",
	"Tables": [
		{
			"TableName": "table01",
			"TablePath": "schema01/table01",
			"TableOwner": "schema01",
			"TableColumns": [
				{"ColumnName": "ingest_time", "ColumnType": "TIMESTAMP", "ColumnNullable": "false", "ColumnIsPk": "true"},
				{"ColumnName": "doi", "ColumnType": "STRING", "ColumnLength": "30", "ColumnNullable": "true"},
				{"ColumnName": "id", "ColumnType": "INT8"},
				{"ColumnName": "value", "ColumnType": "NUMERIC", "ColumnPrecision": "5", "ColumnScale": "2"},
				{"ColumnName": "data_sig", "ColumnType": "STRING", "ColumnLength": "10"}
			],
			"TableColumnsTotal": "5"
		}
	]
}"#;

fn read(document: &str) -> (Option<Vec<Table>>, Vec<String>) {
    let mut report = Report::new("t.json");
    let tables = parse(document, &mut report);
    (
        tables,
        report.into_problems().iter().map(ToString::to_string).collect(),
    )
}

/// A change to the example makes one problem that contains this text; a warning lets the tables through.
fn check(from: &str, to: &str, expected: &str) {
    assert!(SEED.contains(from), "{from}");
    let (tables, found) = read(&SEED.replacen(from, to, 1));
    assert_eq!(found.len(), 1, "{to}: {found:#?}");
    assert!(found[0].contains(expected), "{to}: {found:#?}");
    assert_eq!(
        tables.is_some(),
        found[0].contains(": warning: "),
        "{to}: {found:#?}"
    );
}

#[test]
fn the_example_is_taken_as_it_is() {
    let (tables, problems) = read(SEED);
    assert_eq!(problems, Vec::<String>::new());
    let table = &tables.unwrap()[0];
    assert_eq!(
        (table.path.as_str(), table.full_name().as_str()),
        ("schema01/table01/", "schema01.table01")
    );
    let types: Vec<_> = table.columns.iter().map(|column| column.column_type).collect();
    assert_eq!(
        types,
        [
            ColumnType::DateTime {
                scale: 0,
                format: None
            },
            ColumnType::String { length: Some(30) },
            ColumnType::Int8,
            ColumnType::Numeric {
                precision: 5,
                scale: 2
            },
            ColumnType::String { length: Some(10) },
        ]
    );
    assert!(
        table.columns[0].is_primary_key && !table.columns[0].nullable,
        "{table:?}"
    );
    assert!(
        table.columns[1].nullable && !table.columns[1].is_primary_key,
        "{table:?}"
    );
}

#[test]
fn numbers_and_booleans_may_be_bare_and_type_names_in_any_case() {
    let bare = SEED
        .replace("\"true\"", "true")
        .replace("\"5\"", "5")
        .replace("NUMERIC", "Numeric")
        .replace("\"STRING\"", "\"wstring\"");
    assert_eq!(read(&bare), read(SEED));
}

#[test]
fn the_snippet_of_the_blog_is_refused_for_exactly_what_is_wrong_with_it() {
    let mut is_opening = false;
    let curled: String = SEED
        .chars()
        .map(|character| match character {
            '"' => {
                is_opening = !is_opening;
                if is_opening { '\u{201c}' } else { '\u{201d}' }
            }
            other => other,
        })
        .collect();
    let (tables, found) = read(curled.strip_suffix("\n}").unwrap());
    assert_eq!(tables, None);
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(
        found[0].starts_with("t.json:2:2: error: is not JSON: curly quotes at 2:2, "),
        "{found:#?}"
    );
    assert!(
        found[1].starts_with("t.json:17:3: error: is not JSON: the closing brace `}` is missing"),
        "{found:#?}"
    );
    assert!(found[1].contains("opens at line 1, column 1"), "{found:#?}");
}

#[test]
fn broken_json_is_refused_with_its_place() {
    check(
        "\"schema01\",",
        "\"schema01\"",
        "t.json:8:4: error: is not JSON: `\"` where a comma",
    );
    check(
        "\"INT8\"}",
        "INT8}",
        "t.json:11:40: error: is not JSON: \"INT8\" where a value should stand",
    );
    check("\"10\"}\n", "\"10\"},\n", "a comma before `]`; remove it");
    check(
        "\"TableName\": ",
        "\"TableName\" ",
        "no `:` after the member name",
    );
    check(
        "\"INT8\"}",
        "\"INT8\"]",
        "where the `}` of line 11, column 5 should stand",
    );
    check("\"table01\"", "\"table\n01\"", "is not closed in its line");
    check("\"table01\"", "\"\\q\"", "unknown escape");
    check("\"table01\"", "\u{a0}\"table01\"", "no-break");
    check(
        "\"5\"\n",
        "\"5\", \"TableName\": \"x\"\n",
        "`TableName` is given twice, first at line 5",
    );
    assert!(read("{} x").1[0].contains("after the end"), "{:?}", read("{} x"));
    assert!(
        read("").1[0].contains("ends where a value should stand"),
        "{:?}",
        read("")
    );
    assert!(
        read(&"[".repeat(9_999)).1[0].contains("nested deeper"),
        "no stack overflow"
    );
    assert!(
        read(&" ".repeat(DOCUMENT_BYTES_MAX + 1)).1[0].contains("2 MB"),
        "too large"
    );
}

#[test]
fn mistakes_of_columns_are_named() {
    check(
        "\"INT8\"",
        "\"BIGINT\"",
        "is \"BIGINT\", which is not known; perhaps INT8 is meant; allowed: BYTE, DATE",
    );
    check("\"INT8\"", "\"INT9\"", "perhaps INT");
    check(
        ", \"ColumnType\": \"INT8\"",
        "",
        "Tables[0].TableColumns[2] has no `ColumnType`",
    );
    check("\"ColumnName\": \"id\", ", "", "has no `ColumnName`");
    check("\"id\"", "\"doi\"", "has the column \"doi\" twice");
}

#[test]
fn mistakes_of_numbers_and_formats_are_named() {
    check(
        "\"ColumnPrecision\": \"5\", ",
        "",
        "NUMERIC without `ColumnPrecision`",
    );
    check(
        "\"ColumnPrecision\": \"5\"",
        "\"ColumnPrecision\": \"39\"",
        "allowed: a whole number from 1 to 38",
    );
    check(
        "\"ColumnPrecision\": \"5\"",
        "\"ColumnPrecision\": \"five\"",
        "is the text \"five\"",
    );
    check(
        "\"ColumnScale\": \"2\"",
        "\"ColumnScale\": \"32\"",
        "from 0 to 31",
    );
    check(
        "\"ColumnScale\": \"2\"",
        "\"ColumnScale\": \"6\"",
        "more than its ColumnPrecision 5",
    );
    check(
        "\"TIMESTAMP\"",
        "\"DATETIME\", \"ColumnScale\": \"10\"",
        "from 0 to 9",
    );
    check("\"INT8\"", "\"BYTES\"", "BYTE without `ColumnLength`");
    check("\"INT8\"", "\"BYTE\"", "BYTE without `ColumnLength`");
    check(
        "\"INT8\"",
        "\"BYTE\", \"ColumnLength\": \"2147483648\"",
        "from 1 to 2147483647",
    );
    check(
        "\"ColumnLength\": \"30\"",
        "\"ColumnLength\": \"2147483648\"",
        "from 0 to 2147483647",
    );
    check(
        "\"TIMESTAMP\"",
        "\"DATE\", \"ColumnDateFormat\": \"dd.MM.YYYY\"",
        "allowed: YYYY-MM-dd HH:mm:ss | ",
    );
    check(
        "\"INT8\"",
        "\"INT8\", \"ColumnNullable\": \"maybe\"",
        "allowed: \"true\" or \"false\"",
    );
}

#[test]
fn odd_things_are_warnings() {
    check(
        "\"TableCount\": \"1\"",
        "\"TableCount\": \"2\"",
        "warning: TableCount is 2, but Tables has 1",
    );
    check(
        "\"ColumnLength\": \"30\", ",
        "",
        "warning: Tables[0].TableColumns[1] is STRING without",
    );
    check(
        "\"ColumnLength\": \"30\"",
        "\"ColumnLength\": \"0\"",
        "warning: Tables[0].TableColumns[1] is STRING without",
    );
    check(", \"ColumnIsPk\": \"true\"", "", "no primary key");
    check(", \"ColumnNullable\": \"true\"", "", "has no nullable column");
    check(
        "\"INT8\"",
        "\"INT8\", \"ColumnLenght\": \"8\"",
        "did you mean `ColumnLength`?",
    );
    check(
        "\"INT8\"",
        "\"INT8\", \"ColumnDateFormat\": \"YYYY-MM-dd HH:mm:ss\"",
        "has no effect on INT8",
    );
    check(
        "\"INT8\"",
        "\"INT8\", \"ColumnNullable\": \"true\", \"ColumnIsPk\": \"true\"",
        "rows with NULL in it",
    );
    check("\"schema01/table01\"", "\"schema01/*\"", "taken literally");
}

#[test]
fn mistakes_of_tables_are_named() {
    check(
        "\"TableColumnsTotal\": \"5\"",
        "\"TableColumnsTotal\": \"4\"",
        "is 4, but TableColumns has 5",
    );
    check(
        "\"TableOwner\": \"schema01\",",
        "",
        "Tables[0] has no `TableOwner`",
    );
    check("\"schema01/table01\"", "\"/\"", "names no folder");
    check("\"table01\"", "\"\"", "Tables[0].TableName is empty");
    assert!(read("{\"Tables\": []}").1[0].contains("at least one"), "no table");
    assert!(read("[]").1[0].contains("should be an object"), "no object");
    assert!(
        read("{\"json\": \"test\"}")
            .1
            .iter()
            .any(|problem| problem.contains("has no `Tables`")),
        "structure"
    );
    let without_total = SEED.replace(",\n\t\t\t\"TableColumnsTotal\": \"5\"", "");
    assert!(
        read(&without_total).0.is_some(),
        "TableColumnsTotal may be left out: {without_total}"
    );
}

#[test]
fn two_tables_may_not_be_one_and_may_not_share_files_unnoticed() {
    let (start, rest) = SEED.split_once("\t\t{\n").unwrap();
    let (table, end) = rest.split_once("\t\t}\n").unwrap();
    let both = |second: &str| {
        read(
            &format!("{start}\t\t{{\n{table}\t\t}},\n\t\t{{\n{second}\t\t}}\n{end}")
                .replace("\"1\"", "\"2\""),
        )
        .1
    };
    let found = both(table);
    assert!(
        found
            .iter()
            .any(|problem| problem.contains("schema01.table01 is there twice, first at line 4")),
        "{found:#?}"
    );
    let found = both(
        &table
            .replace("\"table01\"", "\"table02\"")
            .replace("schema01/table01", "schema01/table01/x"),
    );
    assert_eq!(found.len(), 1, "{found:#?}");
    assert!(
        found[0].contains("warning: ")
            && found[0].contains("lies in \"schema01/table01/\" of schema01.table01"),
        "{found:#?}"
    );
    // A sibling whose name only begins alike is not a nested folder.
    let found = both(
        &table
            .replace("\"table01\"", "\"table02\"")
            .replace("schema01/table01", "schema01/table012"),
    );
    assert_eq!(found, Vec::<String>::new());
}

#[test]
fn all_problems_are_reported_at_once() {
    let document = SEED
        .replace("\"INT8\"", "\"BIGINT\"")
        .replace("\"ColumnScale\": \"2\"", "\"ColumnScale\": \"9\"")
        .replace("\"TableCount\": \"1\"", "\"TableCount\": \"9\"")
        .replace("\"TableColumnsTotal\": \"5\"", "\"TableColumnsTotal\": \"6\"");
    assert_eq!(read(&document).1.len(), 4, "{:#?}", read(&document).1);
}

#[test]
fn date_formats_are_known() {
    let document = SEED.replace(
        "\"TIMESTAMP\"",
        "\"DATETIME\", \"ColumnScale\": 6, \"ColumnDateFormat\": \"YYYYMMdd HH:mm:ss.F\"",
    );
    assert_eq!(
        read(&document).0.unwrap()[0].columns[0].column_type,
        ColumnType::DateTime {
            scale: 6,
            format: Some(DateFormat::YearMonthDayPlain { fraction: true })
        }
    );
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused_with_a_reason(text in "[{}\\[\\]:,\"“”a-z0-9\\\\ \n]{0,60}") {
        let (tables, problems) = read(&text);
        prop_assert!(tables.is_some() || !problems.is_empty());
    }

    #[test]
    fn the_example_cut_anywhere_is_refused(cut in 1..SEED.len()) {
        let (tables, problems) = read(SEED.get(..cut).unwrap());
        prop_assert!(tables.is_none() && problems.iter().any(|problem| problem.contains(": error: ")));
    }
}
