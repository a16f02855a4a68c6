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

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::ExitCode;

use bucket_brigade::sandbox::large_object::{LargeFormat, TABLE_DEFINITION, TABLE_PATH};

use support::null_sink::NullSink;
use support::{Trouble, engine, exit_code, null_sink};

/// The most memory that the engine may ever have resident.
const PEAK_BYTES_MAX: u64 = 256 << 20;
/// Size of the large object.
const LARGE_BYTES: u64 = 2 << 30;
/// Number of the small ones, of one to three rows each.
const SMALL_FILES_COUNT: u64 = 200_000;

fn main() -> ExitCode {
    let is_sink = std::env::args()
        .nth(1)
        .is_some_and(|role| role == null_sink::ROLE);
    let result = if is_sink {
        null_sink::be().map(|()| true)
    } else {
        measure_all()
    };
    exit_code(result)
}

fn measure_all() -> Result<bool, Trouble> {
    let subjects: [(&str, Make); 4] = [
        ("one object of 2 GiB", |folder| {
            write_large(LargeFormat::Csv, folder)
        }),
        ("one gzip object of 2 GiB of text", |folder| {
            write_large(LargeFormat::Gzip, folder)
        }),
        ("one Parquet object of 2 GiB of values", |folder| {
            write_large(LargeFormat::Parquet, folder)
        }),
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
    let table = folder.path().join(engine::SOURCE).join(TABLE_PATH);
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

fn write_large(format: LargeFormat, folder: &Path) -> Result<u64, Trouble> {
    Ok(format.write(folder, LARGE_BYTES)?)
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
