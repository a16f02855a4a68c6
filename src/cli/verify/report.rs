//! The findings of `brigade verify` as people read them.

use std::fmt;

use crate::cli::text::{counted, grouped, lines, table};
use crate::printable::printable;
use crate::saturate;
use crate::verify::report::{Completeness, Counts, MissingRow, ObjectFindings, Report};

/// Objects that are shown; programs get all of them.
const OBJECTS_SHOWN_MAX: usize = 50;
/// What is counted of tables and objects.
const NUMBERS: [&str; 6] = [
    "expected",
    "found",
    "missing",
    "expired",
    "repeated",
    "out of order",
];

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tables = self.tables.iter().map(|table| (&table.table, &table.counts));
        f.write_str(&counts_text("table", tables))?;
        f.write_str(&objects_text(&self.objects))?;
        f.write_str(&missing_text(&self.missing_rows))?;
        writeln!(f)?;
        for object in &self.set_aside {
            let rows = counted(object.rows_settled, "row");
            let (key, reason) = (printable(&object.key), printable(&object.reason));
            writeln!(f, "set aside after {rows}: {key}: {reason}")?;
        }
        for note in &self.notes {
            writeln!(f, "note: {}", printable(note))?;
        }
        writeln!(
            f,
            "{} in the stream, the oldest built at {}; {} foreign; {} dead-lettered",
            counted(self.stream_records, "record"),
            self.oldest_record_time.as_deref().unwrap_or("-"),
            grouped(self.foreign_records),
            counted(self.dead_lettered_rows, "row"),
        )?;
        writeln!(f, "task {}: {}", self.task, verdict_text(self))
    }
}

fn counts_text<'c>(first: &str, rows: impl Iterator<Item = (&'c String, &'c Counts)>) -> String {
    let headers: Vec<_> = [first].into_iter().chain(NUMBERS).collect();
    let rows = rows.map(|(name, counts)| {
        let mut row = vec![printable(name).into_owned()];
        let numbers = [
            counts.rows_expected,
            counts.rows_found,
            counts.rows_missing,
            counts.rows_expired,
            counts.rows_repeated,
            counts.rows_out_of_order,
        ];
        row.extend(numbers.map(grouped));
        row
    });
    table(&headers, &NUMBERS, rows)
}

fn objects_text(objects: &[ObjectFindings]) -> String {
    let remarkable: Vec<_> = objects.iter().filter(|object| object.is_remarkable()).collect();
    if remarkable.is_empty() {
        return String::new();
    }
    let shown = remarkable.iter().take(OBJECTS_SHOWN_MAX);
    let counts = shown.clone().map(|object| (&object.key, &object.counts));
    let problems = shown.filter_map(|object| object.problem.as_deref());
    let problems = problems.map(|problem| format!("not compared: {}", printable(problem)));
    let count = saturate::to_u64(remarkable.len());
    let title = format!("\n{} with findings\n", counted(count, "object"));
    title + &counts_text("object", counts) + &lines(problems)
}

fn missing_text(rows: &[MissingRow]) -> String {
    if rows.is_empty() {
        return String::new();
    }
    let headers = ["object", "row", "line", "byte", "table"];
    let places = table(&headers, &["row", "line", "byte"], rows.iter().map(place));
    let reasons = rows.iter().filter_map(|row| {
        let reason = row.reason.as_deref()?;
        Some(format!(
            "row {} of {}: {}",
            row.ordinal,
            printable(&row.key),
            printable(reason)
        ))
    });
    format!("\nthe first missing rows\n{places}{}", lines(reasons))
}

fn place(row: &MissingRow) -> Vec<String> {
    let number = |number: Option<u64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
    let text = |text: &Option<String>| text.as_deref().map_or("-".into(), printable).into_owned();
    vec![
        printable(&row.key).into_owned(),
        row.ordinal.to_string(),
        number(row.line),
        number(row.byte),
        text(&row.table),
    ]
}

fn verdict_text(report: &Report) -> String {
    let found = counted(report.total.rows_found, "row");
    match report.verdict {
        Completeness::Complete => format!("complete, {found} found"),
        Completeness::CompleteFromOldest => format!(
            "nothing is missing as far back as the stream goes, {found} found, {} expired",
            grouped(report.total.rows_expired)
        ),
        Completeness::Incomplete => format!(
            "incomplete, {found} found, the rest of {} not sent",
            counted(saturate::to_u64(report.set_aside.len()), "file")
        ),
        Completeness::Unproven => format!("unproven, {found} found"),
        Completeness::Missing => format!("{} missing", counted(report.total.rows_missing, "row")),
    }
}
