//! The most memory the engine takes, on an object that is much larger than it, and on very many small ones:
//!
//! ```text
//! cargo bench --bench memory
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
    let is_large_fine = measure("one object of 2 GiB", write_large)?;
    let is_small_fine = measure("200,000 objects of 1 to 3 rows", write_small)?;
    Ok(is_large_fine && is_small_fine)
}

/// Makes the objects, runs the engine, and says whether its peak is within the limit. `write` gives the number of rows.
fn measure(name: &str, write: fn(&Path) -> Result<u64, Trouble>) -> Result<bool, Trouble> {
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
