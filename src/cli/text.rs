//! Numbers, times and tables as people read them. Pure: no I/O, no clock.

use crate::model::{Comparison, ComparisonOutcome};
use std::time::Duration;

use comfy_table::{CellAlignment, Table, presets};

pub(super) use crate::counted::{counted, grouped, is_or_are};

/// Millions with one place, as in `12.3` of `12.3 MB`.
pub(super) fn millions(number: u64) -> String {
    let tenths = number / 100_000;
    format!("{}.{}", grouped(tenths / 10), tenths % 10)
}

/// A time span to the second: `42 s`, `3 min 05 s`, `2 h 07 min`.
pub(super) fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    let (hours, minutes) = (seconds / 3_600, seconds / 60 % 60);
    if hours > 0 {
        format!("{hours} h {minutes:02} min")
    } else if minutes > 0 {
        format!("{minutes} min {:02} s", seconds % 60)
    } else {
        format!("{seconds} s")
    }
}

/// A moment in RFC 3339, to the millisecond.
pub(super) fn moment(epoch_ms: i64) -> String {
    let time = jiff::Timestamp::from_millisecond(epoch_ms).unwrap_or_default();
    time.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// Lines, each with its end.
pub(super) fn lines(lines: impl IntoIterator<Item = String>) -> String {
    lines.into_iter().fold(String::new(), |mut text, line| {
        text.push_str(&line);
        text.push('\n');
        text
    })
}

/// A table without lines, which `cut` and `awk` can read; the named columns are numbers.
pub(super) fn table(
    headers: &[&str],
    numbers: &[&str],
    rows: impl IntoIterator<Item = Vec<String>>,
) -> String {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_header(headers)
        .add_rows(rows);
    for (index, header) in headers.iter().enumerate() {
        if let (true, Some(column)) = (numbers.contains(header), table.column_mut(index)) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    lines(table.lines().map(|line| line.trim_end().to_owned()))
}

/// What a comparison of the stream with the files came to, one sentence.
pub(super) fn comparison_text(comparison: &Comparison) -> String {
    let found = counted(comparison.rows_found, "row");
    let what = match comparison.outcome {
        ComparisonOutcome::Complete => format!("complete, {found} found"),
        ComparisonOutcome::CompleteFromOldest => format!(
            "nothing missing as far back as the stream goes, {found} found, {} expired",
            counted(comparison.rows_expired, "row")
        ),
        ComparisonOutcome::Incomplete => format!("incomplete: files are set aside, {found} found"),
        ComparisonOutcome::Unproven => format!("unproven: a file cannot be read again, {found} found"),
        ComparisonOutcome::Missing => format!("{} missing", counted(comparison.rows_missing, "row")),
    };
    let part = if comparison.is_partial { " in part" } else { "" };
    format!("compared{part} at {}: {what}", moment(comparison.at_ms))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn millions_have_one_place() {
        assert_eq!((millions(0), millions(12_345_678)), ("0.0".into(), "12.3".into()));
    }

    #[test]
    fn spans_name_the_two_greatest_units() {
        let cases = [
            (0, "0 s"),
            (59, "59 s"),
            (185, "3 min 05 s"),
            (7_620, "2 h 07 min"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(span(Duration::from_secs(seconds)), expected);
        }
    }

    #[test]
    fn moments_are_rfc_3339_in_utc() {
        assert_eq!(moment(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(moment(1_793_450_096_005), "2026-10-31T12:34:56.005Z");
    }

    #[test]
    fn a_table_has_no_lines_and_no_blanks_at_the_ends() {
        let rows = [
            vec!["a".to_owned(), "1".to_owned()],
            vec!["bb".to_owned(), "22".to_owned()],
        ];
        let text = table(&["name", "rows"], &["rows"], rows);
        assert_eq!(text, " name  rows\n a        1\n bb      22\n");
    }
}
