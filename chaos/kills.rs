//! SIGKILL at seeded moments, judged by a consumer that shares no code with the engine.

use std::process::Command;

use clap::Args;
use serde_json::Value;

use crate::Verdict;
use crate::planted::DEFECT_VARIABLE;

/// Planted defects and the count that shows each of them.
const DEFECTS: [&str; 2] = ["refused-counted-as-sent", "watermark-runs-ahead"];

#[derive(Debug, Clone, Args)]
pub(crate) struct Arguments {
    /// How often to kill
    #[arg(long, default_value_t = 50)]
    pub(crate) count: u64,
    /// Seed of the data, of the moments and of the refusals
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Rows of the data set
    #[arg(long, default_value_t = 300_000)]
    pub(crate) rows: u64,
    /// Share of records that the stream refuses, in per cent
    #[arg(long, default_value_t = 5)]
    pub(crate) refuse: u8,
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            count: 50,
            seed: 1,
            rows: 300_000,
            refuse: 5,
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> Verdict {
    let Arguments {
        count,
        seed,
        rows,
        refuse,
    } = arguments;
    println!("kills: seed {seed}, {rows} rows, {count} kills, {refuse} % of records refused");
    let (is_passed, report) = crash(arguments, None)?;
    let number = |path: &str| report.pointer(path).and_then(Value::as_u64).unwrap_or(u64::MAX);
    let kills = report
        .pointer("/kills")
        .and_then(Value::as_array)
        .map_or(0, Vec::len);
    let finding = format!(
        "seed {seed}: {kills} kills, {} rows, {} missing, {} wrong, {} out of order per key, {} repeated of {} allowed, {} refused",
        number("/verdict/rows_in"),
        number("/verdict/missing"),
        number("/verdict/wrong"),
        number("/verdict/out_of_order_by_key"),
        number("/verdict/repeated"),
        number("/allowance/repeats_max"),
        number("/refused"),
    );
    if !is_passed {
        let examples = report
            .pointer("/verdict/examples")
            .map(Value::to_string)
            .unwrap_or_default();
        return Err(format!("{finding}; {examples}"));
    }
    if u64::try_from(kills).unwrap_or(u64::MAX) < *count {
        return Err(format!(
            "{finding}: the load was over before {count} kills; give it more --rows"
        ));
    }
    Ok(finding)
}

/// Each defect must make the verdict fail; a verdict that cannot be had is no find.
pub(crate) fn run_planted(seed: u64) -> Verdict {
    for defect in DEFECTS {
        let arguments = Arguments {
            count: 8,
            seed,
            rows: 60_000,
            refuse: 5,
        };
        let (is_passed, report) = crash(&arguments, Some(defect))?;
        if is_passed {
            return Err(format!("seed {seed}: the defect {defect} was not found"));
        }
        let missing = report
            .pointer("/verdict/missing")
            .and_then(Value::as_u64)
            .unwrap_or(0);
        println!("planted {defect}: found, {missing} rows missing");
        if missing == 0 {
            return Err(format!(
                "seed {seed}: the defect {defect} failed for another reason: {report}"
            ));
        }
    }
    Ok(format!(
        "seed {seed}: {} planted defects, each of them found",
        DEFECTS.len()
    ))
}

/// Runs the crash demo; gives whether it passed, and its report.
fn crash(arguments: &Arguments, defect: Option<&str>) -> Result<(bool, Value), String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_brigade"));
    command.args(["demo", "--crash", "--output", "json"]);
    for (flag, value) in [
        ("--kills", arguments.count),
        ("--seed", arguments.seed),
        ("--rows", arguments.rows),
        ("--refuse", arguments.refuse.into()),
    ] {
        command.arg(flag).arg(value.to_string());
    }
    if let Some(defect) = defect {
        command.env(DEFECT_VARIABLE, defect);
    }
    let output = command
        .output()
        .map_err(|error| format!("cannot start the engine: {error}"))?;
    let report = serde_json::from_slice(&output.stdout).map_err(|error| {
        format!(
            "no report ({error}), {}: {}",
            output.status,
            String::from_utf8_lossy(&output.stderr)
        )
    })?;
    match output.status.code() {
        Some(0) => Ok((true, report)),
        Some(1) => Ok((false, report)),
        Some(_) | None => Err(format!("the demo ended with {}", output.status)),
    }
}
