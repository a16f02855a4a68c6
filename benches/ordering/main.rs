//! What order costs when all changes of a table share one partition key, the default of DMS: `ordering: strict` with
//! `aggregation: kpl` against `ordering: none` without aggregation.
//!
//! ```text
//! cargo bench --bench ordering
//! ```
//!
//! The real program streams change files to the embedded Kinesis server, which runs in a process of its own and stores
//! everything. The figure is MiB of messages per second of wall time; rounds alternate, and the median of each
//! counts. Exit code 1 if strict order is below its floor.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "measures real time and prints what it measured"
)]

mod sink;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::process::ExitCode;

use bucket_brigade::sandbox::blog_data::{BlogData, BlogSize, TABLE_DEFINITION};

use support::engine::Task;
use support::server::Server;
use support::{Trouble, engine, exit_code, median};

/// Rows of the data set, a little under half of which are changes; only those are sent.
const ROWS_COUNT: u64 = 270_000;
const SEED: u64 = 42;
/// Rounds; the median counts.
const ROUNDS_COUNT: usize = 3;
/// Strict order reaches at least this part of the speed without order.
const FLOOR: f64 = 0.8;

const SUBJECTS: [(&str, &str); 2] = [
    ("none", "    ordering: none\n    aggregation: none\n"),
    ("strict, kpl", "    ordering: strict\n    aggregation: kpl\n"),
];

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let result = match arguments.first().map(String::as_str) {
        Some(sink::ROLE) => sink::be().map(|()| true),
        Some(_) | None => compare(),
    };
    exit_code(result)
}

fn compare() -> Result<bool, Trouble> {
    let folder = tempfile::tempdir()?;
    let data = BlogData::new(BlogSize::Rows(ROWS_COUNT), SEED);
    let source = folder.path().join(engine::SOURCE);
    fs::create_dir_all(source.join("cdc"))?;
    for file in data.change_files() {
        fs::write(source.join(&file.key), data.content(file))?;
    }
    let mut speeds: [Vec<f64>; 2] = [Vec::new(), Vec::new()];
    for _round in 0..ROUNDS_COUNT {
        for ((_, target), speeds) in SUBJECTS.iter().zip(&mut speeds) {
            // A server of its own for each run: it keeps all records in memory.
            let server = Server::start(sink::ROLE)?;
            let task = Task {
                migration_type: "cdc",
                source: "    cdc_path: cdc\n",
                target,
            };
            engine::write_task(folder.path(), TABLE_DEFINITION, &server.endpoint, task)?;
            let cost = engine::run(folder.path())?;
            let mebibytes = sink::stored_bytes(&server.endpoint)? / f64::from(1 << 20);
            speeds.push(mebibytes / cost.wall.as_secs_f64());
        }
    }
    let medians = speeds.map(median);
    for ((name, _), speed) in SUBJECTS.iter().zip(&medians) {
        println!("{name:<12} {speed:>7.1} MiB/s");
    }
    let [none, strict] = medians;
    let ratio = strict / none;
    println!(
        "strict with aggregation / none without: {ratio:.2} (floor {FLOOR}); median of {ROUNDS_COUNT} rounds"
    );
    Ok(ratio >= FLOOR)
}
