//! SIGKILL at seeded moments, judged by a consumer that shares no code with the engine.

use bucket_brigade::saturate;

use clap::Args;
use serde_json::Value;

use crate::ScenarioResult;
use crate::demo::Conditions;
use crate::planted::DEFECT_VARIABLE;
use crate::scraper::Scraper;

/// Planted defects and the count that shows each of them.
const DEFECTS: [&str; 2] = ["refused-counted-as-sent", "watermark-runs-ahead"];
/// What the demo says as soon as it sees a checkpoint that the stream does not confirm (C1).
const CHECKPOINT_AHEAD: &str = "the checkpoint is ahead";

#[derive(Debug, Clone, Args)]
pub(crate) struct Arguments {
    /// How often to kill
    #[arg(long, default_value_t = 50)]
    pub(crate) count: u64,
    #[command(flatten)]
    pub(crate) conditions: Conditions,
}

impl Default for Arguments {
    fn default() -> Self {
        Self {
            count: 50,
            conditions: Conditions::default(),
        }
    }
}

pub(crate) fn run(arguments: &Arguments) -> ScenarioResult {
    let Arguments { count, conditions } = arguments;
    println!("kills: {count} kills, {}", conditions.describe());
    let scraper = Scraper::start()?;
    let address = scraper.address.to_string();
    let outcome = conditions.run(
        &["--crash", "--kills", &count.to_string(), "--listen", &address],
        None,
    );
    let sums = scraper.stop()?;
    let outcome = outcome?;
    for (number, kill) in (1..).zip(outcome.list("/kills")) {
        println!("{}", describe(number, kill));
    }
    let kills = outcome.list("/kills").len();
    let finding = format!(
        "seed {}: {kills} kills, {}; {}; {}",
        conditions.seed,
        outcome.counts(),
        outcome.found(),
        outcome.recovery(),
    );
    let finding = outcome.judge(finding)?;
    // At least one for each life.
    let finding = format!("{finding}; {}", sums.judge(*count)?);
    if saturate::to_u64(kills) < *count {
        return Err(format!(
            "{finding}: the load was over before {count} kills; give it more --rows"
        ));
    }
    Ok(finding)
}

fn describe(number: usize, kill: &Value) -> String {
    let count = |name: &str| kill.get(name).and_then(Value::as_u64);
    let shown = |name: &str| count(name).map_or_else(|| "?".to_owned(), |count| count.to_string());
    let recovery = match count("first_record_ms") {
        Some(elapsed) => format!("first record {elapsed} ms after the restart"),
        None => "no record before the next kill".to_owned(),
    };
    format!(
        "  kill {number}: {} records in the stream, {} in the checkpoint, window {}, {} of it found by the next process; \
         {recovery}",
        shown("stored"),
        shown("covered"),
        shown("window"),
        shown("recovered"),
    )
}

/// Each defect must make the verdict fail, or be seen in the checkpoint before; any other run without a verdict is not a
/// find.
pub(crate) fn run_planted(seed: u64) -> ScenarioResult {
    for defect in DEFECTS {
        let conditions = Conditions {
            seed,
            rows: 240_000,
            ..Conditions::default()
        };
        let outcome = match conditions.run(&["--crash", "--kills", "8"], Some((DEFECT_VARIABLE, defect))) {
            Err(complaint) if complaint.contains(CHECKPOINT_AHEAD) => {
                println!("planted {defect}: found, {CHECKPOINT_AHEAD}");
                continue;
            }
            outcome => outcome?,
        };
        if outcome.is_passed {
            return Err(format!("seed {seed}: the defect {defect} was not found"));
        }
        let missing = outcome.number("/verdict/missing");
        println!("planted {defect}: found, {missing} rows missing");
        if missing == 0 {
            return Err(format!(
                "seed {seed}: the defect {defect} failed for another reason: {}",
                outcome.report
            ));
        }
    }
    Ok(format!(
        "seed {seed}: {} planted defects, each of them found",
        DEFECTS.len()
    ))
}
