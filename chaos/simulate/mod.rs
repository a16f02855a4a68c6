//! Seeded histories of the delivery protocol in virtual time, judged by an oracle: the very same pure parts that the
//! actors drive (delivery, ledger, packer, cut, shard map, recovery; with a chain also router and filter, with
//! aggregates their codec), without actors, network or disk.

#![allow(
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::expect_used,
    reason = "a test program fails by panicking"
)]

mod consumer;
mod history;
mod look;
mod oracle;
mod outside;
mod parcel;
mod plan;
mod process;
mod requests;
mod rows;
mod sender;
mod store;
mod stream;
mod world;

use std::collections::BTreeMap;
use std::sync::Arc;

use bucket_brigade::flow::budget::Budget;
use bucket_brigade::observe::object_trace::ObjectTrace;
use clap::Args;
use futures_util::FutureExt;

use self::history::{Name, Report};
use self::outside::Tally;
pub(crate) use self::plan::{Defect, Mode};
use self::process::Baggage;
use self::rows::ChainTask;
use self::world::Contents;

/// How many histories to go on for after one failed, to find one that is shorter to read.
const SHORTER_WITHIN: u64 = 5_000;

#[derive(Debug, Clone, Args)]
pub(crate) struct Arguments {
    /// What is promised
    #[arg(long, value_enum)]
    pub(crate) mode: Mode,
    /// How many histories
    #[arg(long, default_value_t = 100_000)]
    pub(crate) histories: u64,
    /// Seed of all histories
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Print this history alone, step by step
    #[arg(long)]
    pub(crate) history: Option<u64>,
    /// Take something away, to see that the histories are judged
    #[arg(long, value_enum)]
    pub(crate) defect: Option<Defect>,
}

/// Histories of one mode and seed.
struct Histories<'a> {
    arguments: &'a Arguments,
    contents: Contents,
    baggage: Baggage,
}

/// Runs all histories, or prints one of them; the verdict in one line.
pub(crate) fn run(arguments: &Arguments) -> Result<String, String> {
    let credit = Budget::new(1 << 20).acquire(1).now_or_never();
    let histories = Histories {
        arguments,
        contents: Contents::new(),
        baggage: Baggage {
            credit: Arc::new(credit.ok_or("no credit in an empty budget")?),
            trace: ObjectTrace::none(),
            chain_task: Arc::new(ChainTask::new()?),
        },
    };
    match arguments.history {
        Some(number) => histories.tell(number),
        None => histories.judge(),
    }
}

impl Histories<'_> {
    fn report(&self, number: u64, is_traced: bool) -> Report {
        let name = Name {
            mode: self.arguments.mode,
            seed: self.arguments.seed,
            number,
            defect: self.arguments.defect,
        };
        history::run(name, &self.contents, &self.baggage, is_traced)
    }

    #[expect(clippy::print_stdout, reason = "a test program talks to whoever runs it")]
    fn tell(&self, number: u64) -> Result<String, String> {
        let report = self.report(number, true);
        println!("{}", report.trace.join("\n"));
        let finding = self.in_words(1, &report.tally);
        match report.problem {
            Some(problem) => Err(format!("{finding}; history {number}: {problem}")),
            None => Ok(finding),
        }
    }

    /// Goes on for a while after a failure, to print the failure that is the shortest to read.
    #[expect(clippy::print_stdout, reason = "a test program talks to whoever runs it")]
    fn judge(&self) -> Result<String, String> {
        let mut tally = Tally::default();
        let mut failures: BTreeMap<String, u64> = BTreeMap::new();
        let mut shortest: Option<(u64, Report)> = None;
        let (mut number, mut end) = (0, self.arguments.histories);
        while number < end {
            let report = self.report(number, false);
            tally.add(&report.tally);
            if let Some(problem) = &report.problem {
                let kind = problem.split(':').next().unwrap_or_default().to_owned();
                *failures.entry(kind).or_default() += 1;
                if shortest.is_none() {
                    end = end.min(number + SHORTER_WITHIN);
                }
                if shortest
                    .as_ref()
                    .is_none_or(|(_, other)| report.steps < other.steps)
                {
                    shortest = Some((number, report));
                }
            }
            number += 1;
        }
        let finding = self.in_words(number, &tally);
        let Some((number, Report { problem, .. })) = shortest else {
            return Ok(finding);
        };
        println!("{}", self.report(number, true).trace.join("\n"));
        println!("again: {}", self.command(number));
        let problem = problem.unwrap_or_default();
        Err(format!(
            "{finding}; failed: {failures:?}; history {number}: {problem}"
        ))
    }

    fn command(&self, number: u64) -> String {
        let (mode_name, seed) = (mode_name(self.arguments.mode), self.arguments.seed);
        format!("chaos/run simulate --mode {mode_name} --seed {seed} --history {number}")
    }

    fn in_words(&self, histories: u64, tally: &Tally) -> String {
        let (mode_name, seed) = (mode_name(self.arguments.mode), self.arguments.seed);
        in_words(mode_name, seed, histories, tally)
    }
}

fn mode_name(mode: Mode) -> &'static str {
    match mode {
        Mode::AtLeastOnce => "at_least_once",
        Mode::Dedupe => "dedupe",
        Mode::Strict => "strict",
        Mode::Final => "final",
        Mode::Chain => "chain",
        Mode::Kpl => "kpl",
    }
}

fn in_words(mode_name: &str, seed: u64, histories: u64, tally: &Tally) -> String {
    format!(
        "simulate {mode_name}, seed {seed}: {histories} histories, {} rows, {} requests, {} doubts, {} looks, {} commits, {} \
         crashes, {} stops, {} reshards, {} repeats",
        tally.rows,
        tally.requests,
        tally.doubts,
        tally.looks,
        tally.commits,
        tally.crashes,
        tally.stops,
        tally.reshards,
        tally.repeats
    )
}
