//! Builds with a known defect: the kills, the simulation and other doors must find it, and must pass without it.

use std::process::Command;

use crate::{ScenarioResult, kills};

/// Names the defect that this program and the engine shall contain.
pub(crate) const DEFECT_VARIABLE: &str = "BRIGADE_PLANTED_DEFECT";
/// Planted defects, and the mode of the simulation that shows each of them.
const SIMULATED: [(&str, &str); 11] = [
    ("refused-counted-as-sent", "at_least_once"),
    ("watermark-runs-ahead", "at_least_once"),
    ("cut-not-with-watermark", "dedupe"),
    ("read-back-too-late", "dedupe"),
    ("doubt-resent-blindly", "dedupe"),
    ("doubt-resent-blindly", "strict"),
    ("refused-counted-as-sent", "chain"),
    ("watermark-runs-ahead", "chain"),
    ("cut-not-with-watermark", "kpl"),
    ("read-back-too-late", "kpl"),
    ("doubt-resent-blindly", "kpl"),
];
/// Planted defects, and the door that shows each of them.
const DOORS: [(&str, &[&str]); 9] = [
    ("state-not-synced", &["power-cut", "--count", "24"]),
    ("doubt-resent-blindly", &["nth-call", "--kind", "put"]),
    ("read-back-too-late", &["foreign-traffic", "--records", "20000"]),
    ("read-back-too-late", &["clock"]),
    (
        "framing-not-in-fingerprint",
        &["config-change", "--change", "limits-row"],
    ),
    ("misses-of-all-shards", &["lagging-shard"]),
    ("identity-behind", &["live-damage", "--count", "400"]),
    ("look-without-new-files", &["restore", "--from", "export"]),
    ("gone-place-believed", &["retention"]),
];
/// Seeds that a defect may take to be found.
const SEEDS_MAX: u64 = 4;
/// Enough histories to meet each defect.
const HISTORIES: &str = "2000";

pub(crate) fn run(seed: u64) -> ScenarioResult {
    for (defect, mode) in SIMULATED {
        let arguments = ["simulate", "--mode", mode, "--histories", HISTORIES];
        find(defect, &arguments, seed)?;
    }
    let mut found = 0;
    for (defect, arguments) in DOORS {
        found += u32::from(find(defect, arguments, seed)? == Find::Found);
    }
    let killed = kills::run_planted(seed)?;
    Ok(format!(
        "{killed}; {} times the simulation found one, {found} of {} times another door",
        SIMULATED.len(),
        DOORS.len(),
    ))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Find {
    Found,
    Skipped,
}

/// A door that passes without a defect has to fail with it.
fn find(defect: &str, arguments: &[&str], seed: u64) -> Result<Find, String> {
    let door = arguments.first().copied().unwrap_or_default();
    let (verdict, said) = run_door(arguments, seed, None)?;
    match verdict {
        Verdict::Passed => {}
        Verdict::Skipped => {
            println!("planted {defect}: {said}");
            return Ok(Find::Skipped);
        }
        Verdict::Failed => return Err(format!("{door} fails without a defect: {said}")),
    }
    // A kill right after a commit leaves nothing in doubt, and so nothing that some of the defects could spoil.
    for seed in seed..seed + SEEDS_MAX {
        let (verdict, said) = run_door(arguments, seed, Some(defect))?;
        if verdict == Verdict::Failed {
            println!("planted {defect}: found by {door}: {said}");
            return Ok(Find::Found);
        }
    }
    Err(format!(
        "seed {seed}: {door} did not find the defect {defect}, nor with the {} seeds after it",
        SEEDS_MAX - 1
    ))
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Passed,
    Skipped,
    Failed,
}

/// Runs a door in a process of its own, because a process has one defect for its life; gives its verdict, also in words.
fn run_door(arguments: &[&str], seed: u64, defect: Option<&str>) -> Result<(Verdict, String), String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command.args(arguments).args(["--seed", &seed.to_string()]);
    if let Some(defect) = defect {
        command.env(DEFECT_VARIABLE, defect);
    }
    let output = command
        .output()
        .map_err(|error| format!("cannot start {arguments:?}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let verdict = said.lines().rfind(|line| line.starts_with("verdict: "));
    let said = verdict.unwrap_or_default().to_owned();
    match output.status.code() {
        Some(0) if said.starts_with("verdict: SKIPPED") => Ok((Verdict::Skipped, said)),
        Some(0) => Ok((Verdict::Passed, said)),
        Some(1) if said.starts_with("verdict: FAILED") => Ok((Verdict::Failed, said)),
        Some(_) | None => Err(format!("{arguments:?} ended with {}", output.status)),
    }
}
