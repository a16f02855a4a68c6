//! What the engine costs per record, against the AWS SDK alone and against the plain loop one would write first:
//!
//! ```text
//! cargo bench --bench end_to_end
//! ```
//!
//! Each is a process of its own and sends the same messages to the same sink, a Kinesis server that stores nothing,
//! also in a process of its own. The figure is records per second of CPU time, which a busy machine disturbs
//! least; rounds alternate, and the median of each subject counts. Exit code 1 if the engine is below its floors.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "measures real time and prints what it measured"
)]

mod subjects;
#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};

use bucket_brigade::sandbox::blog_data::{BlogData, BlogSize, SCHEMA, TABLE, TABLE_DEFINITION};
use comfy_table::{CellAlignment, Table};

use support::child::{Cost, measure};
use support::null_sink::{NullSink, Taken};
use support::{Trouble, engine, exit_code, null_sink};

/// Rows of the data set, a little over half of which are full-load rows; only those are sent. Enough that what a
/// process takes to start does not count.
const ROWS_COUNT: u64 = 3_600_000;
const SEED: u64 = 42;
/// Rounds; the median counts.
const ROUNDS_COUNT: usize = 3;
/// The engine sends at least this many records per CPU second, as a part of what the SDK alone does.
const FLOOR_OF_SDK: f64 = 0.5;
/// The same against the plain loop.
const FLOOR_OF_LOOP: f64 = 1.0;
const SDK_ALONE: &str = "sdk-alone";
const PLAIN_LOOP: &str = "plain-loop";

/// Something that sends the records.
struct Subject {
    name: &'static str,
    runs: Vec<Run>,
}

#[derive(Debug, Clone, Copy)]
struct Run {
    cost: Cost,
    taken: Taken,
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        [null_sink::ROLE] => null_sink::be().map(|()| true),
        [SDK_ALONE, endpoint, folder, count] => count
            .parse()
            .map_err(Trouble::from)
            .and_then(|count| subjects::sdk_alone(endpoint, Path::new(folder), count))
            .map(|()| true),
        [PLAIN_LOOP, endpoint, folder] => subjects::plain_loop(endpoint, Path::new(folder)).map(|()| true),
        _ => compare(),
    };
    exit_code(result)
}

fn compare() -> Result<bool, Trouble> {
    let folder = tempfile::tempdir()?;
    let data = BlogData::new(BlogSize::Rows(ROWS_COUNT), SEED);
    let source = folder.path().join(engine::SOURCE).join(SCHEMA).join(TABLE);
    fs::create_dir_all(&source)?;
    for file in data.load_files() {
        let path = folder.path().join(engine::SOURCE).join(&file.key);
        fs::write(path, data.content(file))?;
    }
    let rows_count = data.load_rows_count();
    let mut sink = NullSink::start()?;
    engine::write_task(
        folder.path(),
        TABLE_DEFINITION,
        sink.endpoint(),
        engine::FULL_LOAD,
    )?;
    let program = std::env::current_exe()?;
    let mut subjects = ["engine", SDK_ALONE, PLAIN_LOOP].map(|name| Subject {
        name,
        runs: Vec::new(),
    });
    for _round in 0..ROUNDS_COUNT {
        for subject in &mut subjects {
            let before = sink.taken()?;
            let cost = if subject.name == "engine" {
                engine::run(folder.path())?
            } else {
                let mut command = Command::new(&program);
                command.args([subject.name, sink.endpoint()]).arg(&source);
                if subject.name == SDK_ALONE {
                    command.arg(rows_count.to_string());
                }
                measure(&mut command, subject.name == SDK_ALONE)?
            };
            let after = sink.taken()?;
            let taken = Taken {
                records_count: after.records_count - before.records_count,
                bytes_count: after.bytes_count - before.bytes_count,
            };
            subject.runs.push(Run { cost, taken });
        }
    }
    Ok(report(&subjects))
}

fn report(subjects: &[Subject]) -> bool {
    let mut table = Table::new();
    table.set_header([
        "sender",
        "records",
        "B/record",
        "wall s",
        "CPU s",
        "records/wall s",
        "records/CPU s",
        "peak MiB",
    ]);
    let mut speeds = Vec::new();
    for subject in subjects {
        let Some(run) = subject.median() else { continue };
        let records = run.taken.records_count;
        speeds.push(run.records_per_cpu_second());
        table.add_row([
            subject.name.to_owned(),
            records.to_string(),
            (run.taken.bytes_count / records.max(1)).to_string(),
            format!("{:.2}", run.cost.wall.as_secs_f64()),
            format!("{:.2}", run.cost.cpu.as_secs_f64()),
            format!("{:.0}", number(records) / run.cost.wall.as_secs_f64()),
            format!("{:.0}", run.records_per_cpu_second()),
            (run.cost.peak_bytes >> 20).to_string(),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    println!("{table}");
    println!(
        "to a sink that stores nothing, {} shards; median of {ROUNDS_COUNT} rounds",
        null_sink::SHARDS_COUNT
    );
    let [engine, sdk, plain] = speeds.as_slice() else {
        return false;
    };
    let (of_sdk, of_loop) = (engine / sdk, engine / plain);
    println!("engine / SDK alone:  {of_sdk:.2} (floor {FLOOR_OF_SDK})");
    println!("engine / plain loop: {of_loop:.2} (floor {FLOOR_OF_LOOP})");
    of_sdk >= FLOOR_OF_SDK && of_loop >= FLOOR_OF_LOOP
}

impl Subject {
    fn median(&self) -> Option<Run> {
        let mut runs = self.runs.clone();
        runs.sort_by_key(|run| run.cost.cpu);
        runs.get(runs.len() / 2).copied()
    }
}

impl Run {
    fn records_per_cpu_second(&self) -> f64 {
        number(self.taken.records_count) / self.cost.cpu.as_secs_f64()
    }
}

fn number(count: u64) -> f64 {
    u32::try_from(count).map_or(f64::INFINITY, f64::from)
}
