//! The most memory the engine takes, on objects that are much larger than it (plain, gzip and Parquet), and on very many
//! small ones:
//!
//! ```text
//! cargo bench --bench memory            # all of them
//! cargo bench --bench memory -- gzip    # those with a word in their name
//! ```
//!
//! Needs 3 GiB below the folder for temporary files (`TMPDIR`). Exit code 1 if a peak is above the limit.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "measures real time and prints what it measured"
)]

#[path = "../support/mod.rs"]
mod support;

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use flate2::Compression;
use flate2::write::GzEncoder;
use parquet::data_type::{ByteArray, ByteArrayType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use support::null_sink::NullSink;
use support::{Trouble, engine, null_sink};

/// The most memory that the engine may ever have resident.
const PEAK_BYTES_MAX: u64 = 256 << 20;
/// Size of the large object.
const LARGE_BYTES: u64 = 2 << 30;
/// Number of the small ones, of one to three rows each.
const SMALL_FILES_COUNT: u64 = 200_000;

const TABLE_DEFINITION: &str = r#"{
  "TableCount": "1",
  "Tables": [{
    "TableName": "t", "TablePath": "s/t/", "TableOwner": "s",
    "TableColumns": [
      { "ColumnName": "id", "ColumnType": "INT8", "ColumnNullable": "false", "ColumnIsPk": "true" },
      { "ColumnName": "note", "ColumnType": "STRING", "ColumnLength": "1000", "ColumnNullable": "true" }
    ],
    "TableColumnsTotal": "2"
  }]
}"#;

fn main() -> ExitCode {
    let is_sink = std::env::args()
        .nth(1)
        .is_some_and(|role| role == null_sink::ROLE);
    let result = if is_sink {
        null_sink::be().map(|()| true)
    } else {
        measure_all()
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(trouble) => {
            println!("no result: {trouble}");
            ExitCode::from(2)
        }
    }
}

fn measure_all() -> Result<bool, Trouble> {
    let subjects: [(&str, Make); 4] = [
        ("one object of 2 GiB", write_large),
        ("one gzip object of 2 GiB of text", write_gzip),
        ("one Parquet object of 2 GiB of values", write_parquet),
        ("200,000 objects of 1 to 3 rows", write_small),
    ];
    let words: Vec<_> = std::env::args()
        .skip(1)
        .filter(|word| !word.starts_with('-'))
        .collect();
    let mut is_fine = true;
    for (name, write) in subjects {
        if words.is_empty() || words.iter().any(|word| name.contains(word)) {
            is_fine &= measure(name, write)?;
        }
    }
    Ok(is_fine)
}

/// Makes objects; gives the number of their rows.
type Make = fn(&Path) -> Result<u64, Trouble>;

/// Makes the objects, runs the engine, and says whether its peak is within the limit.
fn measure(name: &str, write: Make) -> Result<bool, Trouble> {
    let folder = tempfile::tempdir()?;
    let table = folder.path().join(engine::SOURCE).join("s/t");
    fs::create_dir_all(&table)?;
    let rows_count = write(&table)?;
    let mut sink = NullSink::start()?;
    engine::write_task(
        folder.path(),
        TABLE_DEFINITION,
        sink.endpoint(),
        engine::FULL_LOAD,
    )?;
    let cost = engine::run(folder.path())?;
    let records_count = sink.taken()?.records_count;
    if records_count < rows_count {
        return Err(format!("{name}: {records_count} records of {rows_count} rows").into());
    }
    println!(
        "{name}: peak {} MiB (limit {} MiB), {rows_count} rows, wall {:.1} s, CPU {:.1} s",
        cost.peak_bytes >> 20,
        PEAK_BYTES_MAX >> 20,
        cost.wall.as_secs_f64(),
        cost.cpu.as_secs_f64(),
    );
    Ok(cost.peak_bytes <= PEAK_BYTES_MAX)
}

/// One file of rows of about 1 KB.
fn write_large(folder: &Path) -> Result<u64, Trouble> {
    let note = "0123456789 abcdefghijklmnopqrstuvwxyz ".repeat(26);
    let mut file = BufWriter::with_capacity(1 << 20, File::create(folder.join("large.csv"))?);
    let (mut rows_count, mut bytes) = (0, 0);
    while bytes < LARGE_BYTES {
        let id = rows_count.to_string();
        writeln!(file, "{id},{note}")?;
        bytes += u64::try_from(id.len() + note.len() + 2)?;
        rows_count += 1;
    }
    file.into_inner()?.sync_all()?;
    Ok(rows_count)
}

/// The same amount of rows that compress to about half.
fn write_gzip(folder: &Path) -> Result<u64, Trouble> {
    let file = BufWriter::with_capacity(1 << 20, File::create(folder.join("large.csv.gz"))?);
    let mut encoder = GzEncoder::new(file, Compression::fast());
    let (mut rows_count, mut bytes) = (0, 0);
    while bytes < LARGE_BYTES {
        let row = format!("{rows_count},{}\n", note(rows_count));
        encoder.write_all(row.as_bytes())?;
        bytes += u64::try_from(row.len())?;
        rows_count += 1;
    }
    encoder.finish()?.into_inner()?.sync_all()?;
    Ok(rows_count)
}

/// The same rows again, in row groups of about 128 MiB.
fn write_parquet(folder: &Path) -> Result<u64, Trouble> {
    const GROUP_ROWS: u64 = 128 * 1024;
    let schema = Arc::new(parse_message_type(
        "message rows { required int64 id; optional binary note (utf8); }",
    )?);
    let properties = WriterProperties::builder()
        .set_compression(parquet::basic::Compression::SNAPPY)
        .build();
    let mut writer = SerializedFileWriter::new(
        File::create(folder.join("large.parquet"))?,
        schema,
        Arc::new(properties),
    )?;
    let (mut rows_count, mut bytes) = (0, 0);
    while bytes < LARGE_BYTES {
        let rows = rows_count..rows_count + GROUP_ROWS;
        let notes: Vec<_> = rows
            .clone()
            .map(|row| ByteArray::from(note(row).into_bytes()))
            .collect();
        bytes += notes
            .iter()
            .map(|note| u64::try_from(note.len()).unwrap_or(0))
            .sum::<u64>();
        let ids = rows.map(i64::try_from).collect::<Result<Vec<_>, _>>()?;
        let mut group = writer.next_row_group()?;
        let mut column = group.next_column()?.ok_or("no first column")?;
        column.typed::<Int64Type>().write_batch(&ids, None, None)?;
        column.close()?;
        let mut column = group.next_column()?.ok_or("no second column")?;
        let levels = vec![1; notes.len()];
        column
            .typed::<ByteArrayType>()
            .write_batch(&notes, Some(&levels), None)?;
        column.close()?;
        group.close()?;
        rows_count += GROUP_ROWS;
    }
    writer.into_inner()?.sync_all()?;
    Ok(rows_count)
}

/// A text of about 1 KB that is unlike its neighbours.
fn note(row: u64) -> String {
    let mut state = row.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    let words = (0..55).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        format!("{state:016x}")
    });
    words.collect::<Vec<_>>().join(" ")
}

/// Many files, each with a row or a few.
fn write_small(folder: &Path) -> Result<u64, Trouble> {
    let mut rows_count = 0;
    for number in 0..SMALL_FILES_COUNT {
        let mut content = Vec::new();
        for _row in 0..=number % 3 {
            writeln!(content, "{rows_count},small {number}")?;
            rows_count += 1;
        }
        fs::write(folder.join(format!("LOAD{number:08}.csv")), content)?;
    }
    Ok(rows_count)
}
