//! Destructive tests of the real binary, behind one door: see `chaos/README.md`.

#![expect(clippy::print_stdout, reason = "a test program talks to whoever runs it")]

mod call_gate;
mod clock;
mod config_change;
#[path = "../tests/support/copy_folder.rs"]
mod copy_folder;
mod demo;
mod equal_rows;
mod field;
mod foreign_traffic;
mod kills;
mod lagging_shard;
mod large;
mod listening;
mod live_damage;
mod local_task;
mod nth_call;
mod numbered;
mod outage;
mod planted;
mod power_cut;
mod reshard;
mod restore;
mod retention;
#[expect(dead_code, reason = "the tests in `tests/peers` use all of it")]
#[path = "../tests/support/servers/mod.rs"]
mod servers;
mod shim;
mod simulate;
#[expect(dead_code, reason = "the tests in `tests/state` use all of it")]
#[path = "../tests/state/snapshot.rs"]
mod snapshot;
mod scraper;
mod soak;
mod stored_row;
mod window;

use std::process::ExitCode;

use bucket_brigade::sandbox::large_object::LargeFormat;
use clap::{Args, Parser, Subcommand};

use crate::demo::{Conditions, Server};

/// Destructive tests of the real binary
#[derive(Debug, Parser)]
#[command(name = "chaos/run")]
struct Chaos {
    /// Name the tests
    #[arg(long)]
    list: bool,
    /// Run the set that continuous integration runs
    #[arg(long)]
    quick: bool,
    #[command(subcommand)]
    scenario: Option<Scenario>,
}

#[derive(Debug, Subcommand)]
enum Scenario {
    /// SIGKILL at seeded moments over one data set, while records are refused and answers get lost
    Kills(kills::Arguments),
    /// Shards are split and merged during the load and during a recovery
    Reshard(reshard::Arguments),
    /// SIGKILL in the middle of a file: the restart reads from the watermark on, not the file again
    Window(window::Arguments),
    /// SIGKILL in the middle of one large object, plain, gzip or Parquet
    Large(large::Arguments),
    /// The power goes at seeded moments: what was not synced is gone (takes root)
    PowerCut(power_cut::Arguments),
    /// One call fails, the first of its kind in one run, the second in the next, until there are no more
    NthCall(nth_call::Arguments),
    /// The clock is set on and back, loading, idle and over a SIGKILL
    Clock(clock::Arguments),
    /// What was sent before a SIGKILL is older than the stream keeps its records
    Retention(retention::Arguments),
    /// Others write into the stream while the engine recovers from SIGKILL
    ForeignTraffic(foreign_traffic::Arguments),
    /// Source or target or both are away for a while, idle and loading
    Outage(outage::Arguments),
    /// The configuration changes over a SIGKILL
    ConfigChange(config_change::Arguments),
    /// Rows that are equal in every byte, over SIGKILL, throttling and other shards
    EqualRows(equal_rows::Arguments),
    /// SIGKILL while one of two shards is far behind, and a merge of both
    LaggingShard(lagging_shard::Arguments),
    /// A state of an earlier time is put back: an older export, a copy, imports that are killed
    Restore(restore::Arguments),
    /// The state of a killed process is damaged in one place
    LiveDamage(live_damage::Arguments),
    /// All of it in a seeded mix, for as long as is asked for
    Soak(soak::Arguments),
    /// Seeded histories of the delivery protocol in virtual time, judged by an oracle
    Simulate(simulate::Arguments),
    /// Builds with a known defect: the doors must find it (chaos/run builds them)
    Planted(SeedArgument),
}

#[derive(Debug, Clone, Copy, Args)]
struct SeedArgument {
    /// Seed of the data and of the moments
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What a scenario found.
type ScenarioResult = Result<String, String>;
/// What a finding begins with that says why nothing was tested.
const SKIPPED: &str = "SKIPPED: ";

fn main() -> ExitCode {
    let chaos = Chaos::parse();
    if chaos.list {
        println!(
            "kills\nreshard\nwindow\nlarge\npower-cut\nnth-call\nclock\nretention\nforeign-traffic\noutage\nconfig-change\nequal-rows\nlagging-shard\nrestore\nlive-damage\n\
             soak\nsimulate\nplanted"
        );
        return ExitCode::SUCCESS;
    }
    let verdict = match chaos.scenario {
        Some(Scenario::Kills(arguments)) => kills::run(&arguments),
        Some(Scenario::Reshard(arguments)) => reshard::run(&arguments),
        Some(Scenario::Window(arguments)) => window::run(&arguments),
        Some(Scenario::Large(arguments)) => large::run(&arguments),
        Some(Scenario::PowerCut(arguments)) => power_cut::run(&arguments),
        Some(Scenario::NthCall(arguments)) => nth_call::run(&arguments),
        Some(Scenario::Clock(arguments)) => clock::run(&arguments),
        Some(Scenario::Retention(arguments)) => retention::run(&arguments),
        Some(Scenario::ForeignTraffic(arguments)) => foreign_traffic::run(&arguments),
        Some(Scenario::Outage(arguments)) => outage::run(&arguments),
        Some(Scenario::ConfigChange(arguments)) => config_change::run(&arguments),
        Some(Scenario::EqualRows(arguments)) => equal_rows::run(&arguments),
        Some(Scenario::LaggingShard(arguments)) => lagging_shard::run(&arguments),
        Some(Scenario::Restore(arguments)) => restore::run(&arguments),
        Some(Scenario::LiveDamage(arguments)) => live_damage::run(&arguments),
        Some(Scenario::Soak(arguments)) => soak::run(&arguments),
        Some(Scenario::Simulate(arguments)) => simulate::run(&arguments),
        Some(Scenario::Planted(SeedArgument { seed })) => planted::run(seed),
        None if chaos.quick => quick(),
        None => {
            println!(
                "nothing was run: `chaos/run --list` names the tests, `chaos/run --quick` runs a short set"
            );
            return ExitCode::SUCCESS;
        }
    };
    match verdict {
        Ok(finding) if finding.starts_with(SKIPPED) => {
            println!("verdict: {finding}");
            ExitCode::SUCCESS
        }
        Ok(finding) => {
            println!("verdict: PASSED: {finding}");
            ExitCode::SUCCESS
        }
        Err(finding) => {
            println!("verdict: FAILED: {finding}");
            ExitCode::FAILURE
        }
    }
}

/// What continuous integration runs: with faults keys must end in order, without them every shard must be in order.
fn quick() -> ScenarioResult {
    let window = window::run(&window::Arguments::default())?;
    println!("window: {window}");
    for format in [LargeFormat::Gzip, LargeFormat::Parquet] {
        let large = large::run(&large::Arguments {
            format,
            ..large::Arguments::default()
        })?;
        println!("large: {large}");
    }
    quick_doors()?;
    let conditions = Conditions {
        rows: 150_000,
        ..Conditions::default()
    };
    let undisturbed = kills::run(&kills::Arguments {
        count: 10,
        conditions: Conditions {
            throttle: 0,
            swallow: 0,
            ..conditions.clone()
        },
    })?;
    println!("kills without faults: {undisturbed}");
    let resharded = reshard::run(&reshard::Arguments {
        during: reshard::During::Both,
        conditions: Conditions {
            rows: 60_000,
            ..conditions.clone()
        },
    })?;
    println!("reshard: {resharded}");
    quick_failures()?;
    if servers::kinesalite().is_some() {
        let independent = kills::run(&kills::Arguments {
            count: 5,
            conditions: Conditions {
                rows: 40_000,
                server: Server::Kinesalite,
                ..conditions.clone()
            },
        })?;
        println!("kills on an independent server: {independent}");
    }
    kills::run(&kills::Arguments {
        count: 20,
        conditions,
    })
}

/// Small sizes of the doors that take seconds.
fn quick_doors() -> Result<(), String> {
    for change in [config_change::Change::LimitsRow, config_change::Change::Mappings] {
        let changed = config_change::run(&config_change::Arguments {
            seed: 1,
            change: Some(change),
        })?;
        println!("config-change: {changed}");
    }
    let equal = equal_rows::run(&equal_rows::Arguments {
        rows: 6_000,
        count: 2,
        ..equal_rows::Arguments::default()
    })?;
    println!("equal-rows: {equal}");
    let lagging = lagging_shard::run(&lagging_shard::Arguments { seed: 1, count: 1 })?;
    println!("lagging-shard: {lagging}");
    let restored = restore::run(&restore::Arguments {
        seed: 1,
        from: Some(restore::From::KilledImport),
    })?;
    println!("restore: {restored}");
    let damaged = live_damage::run(&live_damage::Arguments {
        rows: 6_000,
        count: 8,
        ..live_damage::Arguments::default()
    })?;
    println!("live-damage: {damaged}");
    Ok(())
}

/// The same of calls, disks and clocks that fail.
fn quick_failures() -> Result<(), String> {
    let cut = power_cut::run(&power_cut::Arguments {
        count: 4,
        ..power_cut::Arguments::default()
    })?;
    println!("power-cut: {cut}");
    let nth = nth_call::run(&nth_call::Arguments {
        seed: 1,
        kind: vec![nth_call::Kind::Get],
        every: 1,
    })?;
    println!("nth-call: {nth}");
    let clock = clock::run(&clock::Arguments { seed: 1, count: 6 })?;
    println!("clock: {clock}");
    let retention = retention::run(&retention::Arguments {
        seed: 1,
        gone: vec![retention::Gone::Refused],
    })?;
    println!("retention: {retention}");
    Ok(())
}
