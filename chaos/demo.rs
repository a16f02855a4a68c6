//! Runs `brigade demo` under conditions of a test, against the embedded Kinesis server or an independent one.

use std::process::Command;

use bucket_brigade::sandbox::blog_task::{Aggregation, Delivery, Ordering};
use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::servers;
use crate::servers::process::ServerProcess;

/// Whose Kinesis it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Server {
    /// The one that is part of the program.
    Embedded,
    /// kinesalite, another project's, installed on first use.
    Kinesalite,
}

/// What a run is made of.
#[derive(Debug, Clone, Args)]
pub(crate) struct Conditions {
    /// Seed of the data, of the moments and of the faults
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Rows of the data set
    #[arg(long, default_value_t = 300_000)]
    pub(crate) rows: u64,
    /// Share of records that the stream refuses one by one, in per cent
    #[arg(long, default_value_t = 10)]
    pub(crate) throttle: u8,
    /// Share of requests that are carried out and never answered, in per cent
    #[arg(long, default_value_t = 2)]
    pub(crate) swallow: u8,
    /// Share of requests that are neither carried out nor answered, in per cent
    #[arg(long, default_value_t = 0)]
    pub(crate) lose: u8,
    /// Share of requests that are not answered and carried out later, in per cent; needs dedupe
    #[arg(long, default_value_t = 0)]
    pub(crate) late: u8,
    /// What the engine promises about repeats
    #[arg(long, value_enum, default_value_t)]
    pub(crate) delivery: Delivery,
    /// What the engine promises about order
    #[arg(long, value_enum, default_value_t)]
    pub(crate) ordering: Ordering,
    /// What a record of the stream holds
    #[arg(long, value_enum, default_value_t)]
    pub(crate) aggregation: Aggregation,
    /// The Kinesis server
    #[arg(long, value_enum, default_value_t = Server::Embedded)]
    pub(crate) server: Server,
}

impl Default for Conditions {
    fn default() -> Self {
        Self {
            seed: 1,
            rows: 300_000,
            throttle: 10,
            swallow: 2,
            lose: 0,
            late: 0,
            delivery: Delivery::default(),
            ordering: Ordering::default(),
            aggregation: Aggregation::default(),
            server: Server::Embedded,
        }
    }
}

/// The report of a run, and whether it passed.
#[derive(Debug)]
pub(crate) struct DemoResult {
    pub(crate) is_passed: bool,
    pub(crate) report: Value,
}

impl Conditions {
    /// One line about all of them.
    pub(crate) fn describe(&self) -> String {
        let Self {
            seed,
            rows,
            throttle,
            swallow,
            lose,
            late,
            ..
        } = self;
        format!(
            "seed {seed}, {rows} rows, {}, {}, aggregation {} on {}, {throttle} % of records refused, {swallow} % of requests swallowed, \
             {lose} % lost, {late} % late",
            word(&self.delivery),
            word(&self.ordering),
            word(&self.aggregation),
            word(&self.server),
        )
    }

    /// Runs the demo; more arguments say what happens in it.
    pub(crate) fn run(&self, more: &[&str], defect: Option<(&str, &str)>) -> Result<DemoResult, String> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_brigade"));
        command.args(["demo", "--output", "json"]).args(more);
        for (flag, value) in [
            ("--seed", self.seed),
            ("--rows", self.rows),
            ("--throttle", self.throttle.into()),
            ("--swallow", self.swallow.into()),
            ("--lose", self.lose.into()),
            ("--late", self.late.into()),
        ] {
            command.arg(flag).arg(value.to_string());
        }
        command.args(["--delivery", &word(&self.delivery)]);
        command.args(["--ordering", &word(&self.ordering)]);
        command.args(["--aggregation", &word(&self.aggregation)]);
        // Runs until the demo has read the stream back.
        let server = self.start_server()?;
        if let Some(server) = &server {
            command.args(["--kinesis-endpoint", &server.endpoint]);
        }
        command.envs(defect);
        let output = command
            .output()
            .map_err(|error| format!("cannot start the engine: {error}"))?;
        let complaint = String::from_utf8_lossy(&output.stderr);
        // Without a verdict there is no report, whatever the exit code.
        let report = serde_json::from_slice(&output.stdout)
            .map_err(|_no_report| format!("the demo ended with {}: {complaint}", output.status))?;
        let is_passed = output.status.success();
        if !is_passed {
            // It says where it left the evidence.
            println!("{}", complaint.trim_end());
        }
        Ok(DemoResult { is_passed, report })
    }

    fn start_server(&self) -> Result<Option<ServerProcess>, String> {
        match self.server {
            Server::Embedded => Ok(None),
            Server::Kinesalite => {
                let modules = servers::install::kinesalite()?;
                servers::process::start_kinesalite(&modules).map(Some)
            }
        }
    }
}

/// The word that the command line takes.
fn word(value: &impl ValueEnum) -> String {
    let value = value.to_possible_value();
    value.map_or_else(String::new, |value| value.get_name().to_owned())
}

impl DemoResult {
    /// A count of the report.
    pub(crate) fn number(&self, path: &str) -> u64 {
        let number = self.report.pointer(path).and_then(Value::as_u64);
        number.unwrap_or(u64::MAX)
    }

    /// A list of the report.
    pub(crate) fn list(&self, path: &str) -> &[Value] {
        let list = self.report.pointer(path).and_then(Value::as_array);
        list.map_or(&[], Vec::as_slice)
    }

    /// The counts that every verdict is about.
    pub(crate) fn counts(&self) -> String {
        let fault = |name: &str| {
            let count = self.report.pointer(&format!("/faults/{name}"));
            count.and_then(Value::as_u64).unwrap_or(0)
        };
        format!(
            "{} rows, {} missing, {} wrong, {} dropped by consumers, {} out of order per key, {} unordered per key, {} repeated \
             of {} allowed; {} records refused, {} requests swallowed, {} lost, {} late",
            self.number("/verdict/rows_in"),
            self.number("/verdict/missing"),
            self.number("/verdict/wrong"),
            self.number("/verdict/dropped"),
            self.number("/verdict/out_of_order_by_key"),
            self.number("/verdict/unordered_by_key"),
            self.number("/verdict/repeated"),
            self.number("/allowance/repeats_max"),
            fault("throttled_records"),
            fault("swallowed_requests"),
            fault("lost_requests"),
            fault("late_requests"),
        )
    }

    /// What looking at the stream was good for.
    pub(crate) fn found(&self) -> String {
        let (recovered, unanswered) = (self.number("/found/recovered"), self.number("/found/unanswered"));
        format!(
            "{} records in doubt found in the stream and not sent again ({recovered} of killed processes, {unanswered} of \
             requests without an answer)",
            recovered.saturating_add(unanswered),
        )
    }

    /// Median and maximum of the times from the restart of the process to the first record it stored.
    pub(crate) fn recovery(&self) -> String {
        let times = self.list("/kills").iter();
        let mut times: Vec<u64> = times
            .filter_map(|kill| kill.pointer("/first_record_ms")?.as_u64())
            .collect();
        times.sort_unstable();
        match (times.get(times.len() / 2), times.last()) {
            (Some(median), Some(max)) => {
                format!("first record after a restart: median {median} ms, maximum {max} ms")
            }
            _none => "no restart stored a record".to_owned(),
        }
    }

    /// The finding, or why it is a failure.
    pub(crate) fn judge(&self, finding: String) -> Result<String, String> {
        if self.is_passed {
            return Ok(finding);
        }
        let examples = self.report.pointer("/verdict/examples");
        let examples = examples.map(Value::to_string).unwrap_or_default();
        Err(format!("{finding}; {examples}"))
    }
}
