//! What the files are: the keys `data_format` and `csv` of `source`. Pure: no I/O, no clock.

use super::super::values::Section;
use crate::settings::problems::{DocumentPlace, Report};
use crate::settings::{
    CompressionChoice, CsvColumns, CsvDialect, DataFormat, HeaderDrift, LoadOperationColumn, NarrowRows,
    SourceFormat, TextEncoding,
};

/// CSV or Parquet, and how compressed.
pub(super) fn format(source: &Section<'_>, report: &mut Report) -> Option<SourceFormat> {
    let csv = source.section("csv")?;
    let label = csv.text("encoding")?;
    let encoding = TextEncoding::of(label);
    if encoding.is_none() {
        let message = format!(
            "`source.csv.encoding` is `{label}`, which is not known; known are utf-8, utf-16le, utf-16be, windows-1252, \
             iso-8859-2, shift_jis, gb18030 and the other names of the WHATWG Encoding Standard"
        );
        report.error(csv.place("encoding"), &message);
    }
    Some(SourceFormat {
        data: data_format(source)?,
        compression: csv.choice(
            "compression",
            &[
                ("auto", CompressionChoice::Auto),
                ("none", CompressionChoice::None),
                ("gzip", CompressionChoice::Gzip),
                ("zstd", CompressionChoice::Zstd),
            ],
        )?,
        encoding: encoding.unwrap_or(TextEncoding::UTF_8),
        expansion_max: csv.number("expansion_max")?,
    })
}

/// CSV or Parquet.
pub(super) fn data_format(source: &Section<'_>) -> Option<DataFormat> {
    let words = [
        ("auto", DataFormat::Auto),
        ("csv", DataFormat::Csv),
        ("parquet", DataFormat::Parquet),
    ];
    source.choice("data_format", &words)
}

/// The CSV dialect.
pub(super) fn dialect(csv: &Section<'_>, report: &mut Report) -> Option<CsvDialect> {
    let delimiter = csv.text("delimiter")?;
    let row_delimiter = csv.text("row_delimiter")?;
    let null_value = csv.text("null_value")?;
    let rfc4180 = csv.boolean("rfc4180")?;
    let mut refuse = |place: Option<DocumentPlace>, message: &str| report.error(place, message);
    if delimiter.contains(row_delimiter) || row_delimiter.contains(delimiter) {
        refuse(
            csv.place("delimiter"),
            "`source.csv.delimiter` and `source.csv.row_delimiter` contain one another; fields and rows could not be \
             distinguished: change one of them",
        );
    }
    let narrow_rows = csv.choice(
        "narrow_rows",
        &[("reject", NarrowRows::Reject), ("prefix", NarrowRows::Prefix)],
    )?;
    let columns = columns(csv)?;
    if narrow_rows == NarrowRows::Prefix && !columns.is_by_position() {
        refuse(
            csv.place("narrow_rows"),
            "`source.csv.narrow_rows` is prefix, and with `columns: by_header` each header says what the rows of its file have; \
             take one of them out, or see `header_drift: accept`",
        );
    }
    let (quote, escape) = quoting(csv, [delimiter, row_delimiter], &mut refuse)?;
    if !null_value.is_empty() && (null_value.contains(delimiter) || null_value.contains(row_delimiter)) {
        refuse(
            csv.place("null_value"),
            "`source.csv.null_value` contains a delimiter, so no field could ever be equal to it; change one of them",
        );
    }
    if null_value.contains('\u{85}') {
        refuse(
            csv.place("null_value"),
            r"`source.csv.null_value` has the character U+0085: that is what YAML makes of \N in double quotes; write '\N' in single quotes",
        );
    }
    Some(CsvDialect {
        delimiter: delimiter.as_bytes().to_vec(),
        row_delimiter: row_delimiter.as_bytes().to_vec(),
        null_value: null_value.to_owned(),
        ignore_header_rows: csv.number("ignore_header_rows")?,
        ignore_header_rows_in_changes: csv.number("ignore_header_rows_in_changes")?,
        rfc4180,
        quote,
        escape,
        load_operation_column: csv.choice(
            "load_operation_column",
            &[
                ("detect", LoadOperationColumn::Detect),
                ("present", LoadOperationColumn::Present),
                ("absent", LoadOperationColumn::Absent),
            ],
        )?,
        narrow_rows,
        columns,
    })
}

/// Quote and escape.
fn quoting(
    csv: &Section<'_>,
    delimiters: [&str; 2],
    refuse: &mut impl FnMut(Option<DocumentPlace>, &str),
) -> Option<(u8, Option<u8>)> {
    let quote = character(csv, "quote", refuse)?.first().copied();
    if csv.text("quote")?.is_empty() {
        refuse(
            csv.place("quote"),
            "`source.csv.quote` is empty; for files without quotes set `source.csv.rfc4180` to false",
        );
    }
    // A quote before a quote means a quote anyway.
    let escape = character(csv, "escape", refuse)?.first().copied();
    let escape = escape.filter(|escape| Some(*escape) != quote);
    let is_in_delimiter = |byte: u8| delimiters.iter().any(|text| text.as_bytes().contains(&byte));
    if csv.boolean("rfc4180")? && quote.is_some_and(is_in_delimiter) {
        refuse(
            csv.place("quote"),
            "`source.csv.rfc4180` is true, and a delimiter contains the quote (`source.csv.quote`); set it to false or \
             change one of them",
        );
    }
    if escape.is_some_and(is_in_delimiter) {
        refuse(
            csv.place("escape"),
            "a delimiter contains `source.csv.escape`; change one of them",
        );
    }
    Some((quote.unwrap_or(b'"'), escape))
}

/// A key with one character, none if it is empty. Longer ones are a problem.
fn character<'s>(
    csv: &Section<'s>,
    name: &'static str,
    refuse: &mut impl FnMut(Option<DocumentPlace>, &str),
) -> Option<&'s [u8]> {
    let text = csv.text(name)?;
    match text.as_bytes() {
        [] => Some(&[]),
        // A letter or a digit stands in values; whoever writes one has mistaken the key.
        [byte] if byte.is_ascii() && !byte.is_ascii_alphanumeric() && !matches!(byte, b'\n' | b'\r') => {
            Some(std::slice::from_ref(byte))
        }
        _other => {
            let message = format!(
                "`source.csv.{name}` must be one ASCII character, and not a letter, a digit or the end of a line"
            );
            refuse(csv.place(name), &message);
            Some(&[])
        }
    }
}

fn columns(csv: &Section<'_>) -> Option<CsvColumns> {
    let drift = csv.choice(
        "header_drift",
        &[
            ("accept", HeaderDrift::Accept),
            ("quarantine", HeaderDrift::Quarantine),
            ("stop", HeaderDrift::Stop),
        ],
    )?;
    csv.choice(
        "columns",
        &[
            ("by_position", CsvColumns::ByPosition { drift }),
            ("by_header", CsvColumns::ByHeader { drift }),
        ],
    )
}
