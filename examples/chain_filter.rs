//! A consumer that drops repeats: it asks the filter about every message of a `source_position: chain` task, and
//! processes each row once although the stream holds copies.
//!
//! `cargo run --example chain_filter` reads a stream that a crash and a failed record went through.

use std::io::Write;

use anyhow::{Context, Result};
use bucket_brigade::chain::filter::{ChainFilter, Decision, Metadata};
use serde::Deserialize;
use serde_json::Value;

/// What the consumer looks at. Every other member is left alone.
#[derive(Debug, Deserialize)]
struct Message {
    #[serde(default)]
    data: Value,
    metadata: Metadata,
}

/// The messages of one shard, oldest first, as `GetRecords` gives them.
const STREAM: [&str; 9] = [
    r#"{"data":{"id":1},"metadata":{"chain":7,"lane":"orders/changes/3","position":"1:1","previous":"0:0"}}"#,
    r#"{"data":{"id":2},"metadata":{"chain":7,"lane":"orders/changes/3","position":"1:2","previous":"1:1"}}"#,
    // The task was killed here, before it had committed these two rows: both come again.
    r#"{"data":{"id":1},"metadata":{"chain":7,"lane":"orders/changes/3","position":"1:1","previous":"0:0"}}"#,
    r#"{"data":{"id":2},"metadata":{"chain":7,"lane":"orders/changes/3","position":"1:2","previous":"1:1"}}"#,
    // The row with id 3 failed and the one after it did not; both are sent again, in order.
    r#"{"data":{"id":4},"metadata":{"chain":7,"lane":"orders/changes/3","position":"1:4","previous":"1:3"}}"#,
    r#"{"data":{"id":3},"metadata":{"chain":7,"lane":"orders/changes/3","position":"1:3","previous":"1:2"}}"#,
    r#"{"data":{"id":4},"metadata":{"chain":7,"lane":"orders/changes/3","position":"1:4","previous":"1:3"}}"#,
    // The consumer was away for longer than the stream keeps records. A `sync` record tells what it missed.
    r#"{"metadata":{"operation":"sync","chain":7,"lane":"orders/changes/3","position":"1:6"}}"#,
    r#"{"data":{"id":7},"metadata":{"chain":7,"lane":"orders/changes/3","position":"1:7","previous":"1:6"}}"#,
];

/// The consumer's own checkpoint: where it is in the shard, and the state of the filter. Both are stored in one step,
/// together with whatever the consumer makes of the rows.
#[derive(Debug, Default)]
struct Checkpoint {
    read_count: usize,
    filter_json: String,
}

/// Reads from the checkpoint on, so many messages at most, and gives the next checkpoint.
fn consume(from: &Checkpoint, count: usize, out: &mut impl Write) -> Result<Checkpoint> {
    let mut filter = match from.filter_json.as_str() {
        "" => ChainFilter::default(),
        stored => serde_json::from_str(stored).context("the stored filter cannot be read")?,
    };
    let mut read_count = from.read_count;
    for text in STREAM.iter().skip(from.read_count).take(count) {
        let message: Message = serde_json::from_str(text).with_context(|| format!("message {text}"))?;
        match filter.accept(&message.metadata) {
            Decision::Accept => writeln!(out, "process  {}", message.data)?,
            Decision::Drop => writeln!(out, "drop     {}", message.data)?,
            // A real consumer tells somebody: rows are missing that nobody is going to send again.
            Decision::Resync(gap) => {
                writeln!(out, "missing  what follows {} up to {}", gap.from, gap.to)?;
            }
        }
        read_count += 1;
    }
    Ok(Checkpoint {
        read_count,
        filter_json: serde_json::to_string(&filter)?,
    })
}

/// Consumes the stream in two lives; the second one knows only the checkpoint of the first.
///
/// # Errors
/// If a message is none, or nothing can be written.
pub(crate) fn run(out: &mut impl Write) -> Result<()> {
    let first = consume(&Checkpoint::default(), 4, out)?;
    writeln!(
        out,
        "-- starts again at message {} with {}",
        first.read_count, first.filter_json
    )?;
    consume(&first, STREAM.len(), out)?;
    Ok(())
}

fn main() -> Result<()> {
    run(&mut std::io::stdout().lock())
}
