//! What table mappings without expressions cost: the engine with and without them.
//!
//! ```text
//! cargo bench --bench mappings
//! ```
//!
//! The real program streams the same rows to a sink that stores nothing, with no mappings and with each kind of rule. The
//! figure is records per second of CPU time; rounds alternate, and the median of each subject counts. Exit code 1 if a
//! kind of rule is below its floor.
#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "measures real time and prints what it measured"
)]

#[path = "../support/mod.rs"]
mod support;

use std::fs;
use std::process::ExitCode;

use bucket_brigade::sandbox::blog_data::{BlogData, BlogSize, TABLE_DEFINITION};

use support::null_sink::NullSink;
use support::{Trouble, engine, exit_code, median, null_sink};

/// Rows of the data set, a little over half of which are full-load rows; only those are sent.
const ROWS_COUNT: u64 = 2_400_000;
const SEED: u64 = 42;
/// Rounds; the median counts.
const ROUNDS_COUNT: usize = 3;
/// Mappings keep at least this part of the speed without.
const FLOOR: f64 = 0.9;

const SELECTION: &str = r#"{"rule-type":"selection","rule-id":"1","rule-name":"1","rule-action":"include",
  "object-locator":{"schema-name":"schema01","table-name":"%"}}"#;
/// All rows pass it, so that every subject sends the same number of records.
const FILTERED: &str = r#"{"rule-type":"selection","rule-id":"1","rule-name":"1","rule-action":"include",
  "object-locator":{"schema-name":"schema01","table-name":"table01"},
  "filters":[{"filter-type":"source","column-name":"id",
    "filter-conditions":[{"filter-operator":"gte","value":"0"}]}]}"#;
const NAMES: &str = r#",{"rule-type":"transformation","rule-id":"2","rule-name":"2","rule-target":"schema",
  "object-locator":{"schema-name":"schema01"},"rule-action":"rename","value":"lake"},
 {"rule-type":"transformation","rule-id":"3","rule-name":"3","rule-target":"column",
  "object-locator":{"schema-name":"schema01","table-name":"%","column-name":"%"},
  "rule-action":"convert-uppercase"}"#;
const MASK: &str = r#",{"rule-type":"transformation","rule-id":"4","rule-name":"4","rule-target":"column",
  "object-locator":{"schema-name":"schema01","table-name":"%","column-name":"doi"},
  "rule-action":"data-masking-digits-mask","value":"*"}"#;

/// A kind of rule.
struct Subject {
    name: &'static str,
    /// The document, unless there is none.
    rules: Option<String>,
    speeds: Vec<f64>,
}

fn main() -> ExitCode {
    let result = match std::env::args().nth(1).as_deref() {
        Some(null_sink::ROLE) => null_sink::be().map(|()| true),
        Some(_) | None => compare(),
    };
    exit_code(result)
}

fn subjects() -> Vec<Subject> {
    let rules = [
        ("no mappings", None),
        ("selection and filter", Some(FILTERED.to_owned())),
        ("other names", Some(format!("{SELECTION}{NAMES}"))),
        ("a masked column", Some(format!("{SELECTION}{MASK}"))),
        ("all of them", Some(format!("{FILTERED}{NAMES}{MASK}"))),
    ];
    let subjects = rules.into_iter().map(|(name, rules)| Subject {
        name,
        rules,
        speeds: Vec::new(),
    });
    subjects.collect()
}

fn compare() -> Result<bool, Trouble> {
    let folder = tempfile::tempdir()?;
    let data = BlogData::new(BlogSize::Rows(ROWS_COUNT), SEED);
    let source = folder.path().join(engine::SOURCE);
    for file in data.load_files() {
        let path = source.join(&file.key);
        fs::create_dir_all(path.parent().ok_or("a file without a folder")?)?;
        fs::write(path, data.content(file))?;
    }
    let mut sink = NullSink::start()?;
    engine::write_task(
        folder.path(),
        TABLE_DEFINITION,
        sink.endpoint(),
        engine::FULL_LOAD,
    )?;
    let mut subjects = subjects();
    for _round in 0..ROUNDS_COUNT {
        for subject in &mut subjects {
            engine::map_tables(folder.path(), subject.rules.as_deref())?;
            let before = sink.taken()?.records_count;
            let cost = engine::run(folder.path())?;
            let records_count = sink.taken()?.records_count - before;
            if records_count < data.load_rows_count() {
                return Err(format!("{}: only {records_count} records", subject.name).into());
            }
            let records_count = u32::try_from(records_count)?;
            subject
                .speeds
                .push(f64::from(records_count) / cost.cpu.as_secs_f64());
        }
    }
    Ok(report(&subjects))
}

/// Says what each kind of rule costs; whether all are above the floor.
fn report(subjects: &[Subject]) -> bool {
    let plain = subjects
        .first()
        .map_or(f64::NAN, |subject| median(subject.speeds.clone()));
    let mut is_fine = true;
    for subject in subjects {
        let speed = median(subject.speeds.clone());
        let part = speed / plain;
        println!("{:<22} {speed:>9.0} records/CPU s  {part:.2}", subject.name);
        is_fine &= part >= FLOOR;
    }
    println!("of the speed without mappings (floor {FLOOR}); median of {ROUNDS_COUNT} rounds");
    is_fine
}
