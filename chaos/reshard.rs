//! Shards are split and merged under the running engine, and under one that is recovering from a SIGKILL.

use bucket_brigade::sandbox::blog_task::Delivery;
use clap::{Args, ValueEnum};
use serde_json::Value;

use crate::ScenarioResult;
use crate::demo::{Conditions, Server};

/// One restart for the split, one for the merge.
const KILLS: &str = "2";

/// When shards are split and merged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum During {
    /// While rows are loaded.
    Load,
    /// After a kill, while the restarted engine recovers.
    Recovery,
    /// Both.
    Both,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct Arguments {
    /// When
    #[arg(long, value_enum, default_value_t = During::Both)]
    pub(crate) during: During,
    #[command(flatten)]
    pub(crate) conditions: Conditions,
}

pub(crate) fn run(arguments: &Arguments) -> ScenarioResult {
    let Arguments { during, conditions } = arguments;
    if conditions.server == Server::Kinesalite && conditions.delivery == Delivery::Dedupe {
        return Err(
            "kinesalite never answers GetShardIterator AT_TIMESTAMP for a shard that began later, which dedupe asks for; \
             use --delivery at_least_once or the embedded server"
                .to_owned(),
        );
    }
    println!("reshard: {during:?}, {}", conditions.describe());
    let (kills, steps_expected): (&[&str], usize) = match during {
        During::Load => (&["--reshard", "load"], 2),
        During::Recovery => (&["--reshard", "recovery", "--crash", "--kills", KILLS], 2),
        During::Both => (&["--reshard", "both", "--crash", "--kills", KILLS], 4),
    };
    let outcome = conditions.run(kills, None)?;
    let steps = outcome.list("/reshards");
    for step in steps {
        println!("  {}", describe(step));
    }
    let recovering = steps
        .iter()
        .filter(|step| step.get("is_recovering") == Some(&Value::Bool(true)));
    let finding = format!(
        "seed {}: {} splits and merges, {} of them during a recovery, {} kills, {}; {}; {}",
        conditions.seed,
        steps.len(),
        recovering.count(),
        outcome.list("/kills").len(),
        outcome.counts(),
        outcome.found(),
        outcome.recovery(),
    );
    let finding = outcome.judge(finding)?;
    if steps.len() < steps_expected {
        return Err(format!("{finding}: {steps_expected} steps were asked for"));
    }
    Ok(finding)
}

fn describe(step: &Value) -> String {
    let text = |name: &str| step.get(name).map(Value::to_string).unwrap_or_default();
    format!(
        "{} of {} at {} records in the stream, recovering: {}",
        text("step"),
        text("parents"),
        text("stored"),
        text("is_recovering"),
    )
}
