//! Builds with a known defect: the kills and the simulation must find it, and the simulation must pass without it.

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
/// Enough histories to meet each defect.
const HISTORIES: &str = "2000";

pub(crate) fn run(seed: u64) -> ScenarioResult {
    for (defect, mode) in SIMULATED {
        let (is_passed, said) = simulate(mode, seed, None)?;
        if !is_passed {
            return Err(format!("the simulation fails without a defect: {said}"));
        }
        let (is_passed, said) = simulate(mode, seed, Some(defect))?;
        if is_passed {
            return Err(format!(
                "seed {seed}: the simulation did not find the defect {defect}"
            ));
        }
        println!("planted {defect}: found by the simulation: {said}");
    }
    let killed = kills::run_planted(seed)?;
    Ok(format!(
        "{killed}; {} times the simulation found one",
        SIMULATED.len()
    ))
}

/// Runs the simulation in a process of its own, because a process has one defect for its life; gives whether it
/// passed, and its last line.
fn simulate(mode: &str, seed: u64, defect: Option<&str>) -> Result<(bool, String), String> {
    let program = std::env::current_exe().map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command.args(["simulate", "--mode", mode, "--histories", HISTORIES]);
    command.args(["--seed", &seed.to_string()]);
    if let Some(defect) = defect {
        command.env(DEFECT_VARIABLE, defect);
    }
    let output = command
        .output()
        .map_err(|error| format!("cannot start the simulation: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout);
    let verdict = said.lines().last().unwrap_or_default().to_owned();
    match output.status.code() {
        Some(0) => Ok((true, verdict)),
        Some(1) if verdict.starts_with("verdict: FAILED") => Ok((false, verdict)),
        Some(_) | None => Err(format!("the simulation ended with {}", output.status)),
    }
}
