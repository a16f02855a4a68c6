//! What the files are: the keys `data_format` and `csv` of `source`. Pure: no I/O, no clock.

use super::super::values::Section;
use crate::settings::problems::{DocumentPlace, Report};
use crate::settings::{
    CompressionChoice, CsvColumns, CsvDialect, DataFormat, HeaderDrift, LoadOperationColumn, SourceFormat,
};

/// CSV or Parquet, and how compressed.
pub(super) fn format(source: &Section<'_>) -> Option<SourceFormat> {
    let csv = source.section("csv")?;
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
    if rfc4180 && (delimiter.contains('"') || row_delimiter.contains('"')) {
        refuse(
            csv.place("rfc4180"),
            "`source.csv.rfc4180` is true, and a delimiter contains a double quote; set it to false or change the \
             delimiter",
        );
    }
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
        rfc4180,
        load_operation_column: csv.choice(
            "load_operation_column",
            &[
                ("detect", LoadOperationColumn::Detect),
                ("present", LoadOperationColumn::Present),
                ("absent", LoadOperationColumn::Absent),
            ],
        )?,
        columns: columns(csv)?,
    })
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
            ("by_position", CsvColumns::ByPosition),
            ("by_header", CsvColumns::ByHeader { drift }),
        ],
    )
}
