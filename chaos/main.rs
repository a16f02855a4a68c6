//! Destructive tests of the real binary, behind one door: see `chaos/README.md`.

#![expect(clippy::print_stdout, reason = "a test program talks to whoever runs it")]

mod kills;
mod planted;
mod simulate;
mod window;

use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

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
    /// SIGKILL at seeded moments over one data set, while the stream refuses records
    Kills(kills::Arguments),
    /// SIGKILL in the middle of a file: the restart reads from the watermark on, not the file again
    Window(window::Arguments),
    /// Seeded histories of the delivery protocol in virtual time, judged by an oracle
    Simulate(simulate::Arguments),
    /// Builds with a known defect: the kills and the simulation must find it (chaos/run builds them)
    Planted(SeedArgument),
}

#[derive(Debug, Clone, Copy, Args)]
struct SeedArgument {
    /// Seed of the data and of the moments
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

/// What a scenario found.
type Verdict = Result<String, String>;

fn main() -> ExitCode {
    let chaos = Chaos::parse();
    if chaos.list {
        println!("kills\nwindow\nsimulate\nplanted");
        return ExitCode::SUCCESS;
    }
    let verdict = match chaos.scenario {
        Some(Scenario::Kills(arguments)) => kills::run(&arguments),
        Some(Scenario::Window(arguments)) => window::run(&arguments),
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

/// What continuous integration runs: with refusals keys must end in order, without them every shard must be in order.
fn quick() -> Verdict {
    let window = window::run(&window::Arguments::default())?;
    println!("window: {window}");
    let undisturbed = kills::Arguments {
        count: 10,
        rows: 150_000,
        refuse: 0,
        ..kills::Arguments::default()
    };
    let in_shard_order = kills::run(&undisturbed)?;
    println!("kills without refusals: {in_shard_order}");
    kills::run(&kills::Arguments::default())
}
