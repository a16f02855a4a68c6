//! The outcome of a demo, for people and for programs.

use std::fmt;
use std::time::Duration;

use serde::Serialize;

use super::crash::{Kill, mid_load_count};
use super::doubt::FoundInStream;
use super::reshard::Reshard;
use crate::cli::text::grouped;
use crate::sandbox::allowance::{Allowance, FileOrder};
use crate::sandbox::blog_task::{Aggregation, Delivery, Ordering};
use crate::sandbox::fault_proxy::FaultCounts;
use crate::sandbox::verdict::StreamFindings;
use crate::saturate;

/// Version of the JSON shape; a member that changes its meaning or goes away makes a new one.
pub(super) const SCHEMA_VERSION: u32 = 1;

/// Everything a demo found out. Its JSON form is what `--output json` prints.
#[derive(Debug, Clone, Serialize)]
pub(super) struct DemoReport {
    /// Version of this shape.
    pub(super) schema_version: u32,
    /// Seed of the data and of the kills.
    pub(super) seed: u64,
    /// Files in the bucket.
    pub(super) files: u64,
    /// Bytes of the files.
    pub(super) source_bytes: u64,
    /// Shards of the stream.
    pub(super) shards: u32,
    /// Whether shard limits were enforced and paced.
    pub(super) real_limits: bool,
    /// Time from the first start of the engine to its end, in milliseconds; restarts are part of it.
    pub(super) engine_ms: u64,
    /// Records that the server refused because of shard limits.
    pub(super) refused: u64,
    /// What the engine promised about repeats.
    pub(super) delivery: Delivery,
    /// What it promised about order.
    pub(super) ordering: Ordering,
    /// How rows became records of the stream. All counts here are of rows.
    pub(super) aggregation: Aggregation,
    /// What went wrong on purpose; none without a fault proxy.
    pub(super) faults: Option<FaultCounts>,
    /// The kills, in order; empty without `--crash`.
    pub(super) kills: Vec<Kill>,
    /// Records in doubt that the engine found in the stream and did not send again, in all of its lives.
    pub(super) found: FoundInStream,
    /// The splits and merges of shards, in order.
    pub(super) reshards: Vec<Reshard>,
    /// What was allowed.
    pub(super) allowance: Allowance,
    /// What was found.
    pub(super) verdict: StreamFindings,
    /// Whether the one fits the other.
    pub(super) passed: bool,
}

impl DemoReport {
    /// One sentence on where the allowed number of repeats comes from.
    fn bound(&self) -> String {
        let allowed = grouped(self.allowance.repeats_max);
        let is_in_doubt = self.is_in_doubt();
        match self.delivery {
            Delivery::AtLeastOnce if is_in_doubt => format!(
                "at most {allowed} repeats allowed: what was in the stream after each kill and not in the last durable \
                 checkpoint, and what was stored without an answer"
            ),
            Delivery::Dedupe if is_in_doubt && self.allowance.repeats_max == 0 => {
                "no repeats allowed: what was in doubt is read back from the stream".to_owned()
            }
            Delivery::AtLeastOnce | Delivery::Dedupe if self.allowance.repeats_max == 0 => {
                "no repeats allowed: nothing was interrupted".to_owned()
            }
            Delivery::AtLeastOnce | Delivery::Dedupe => format!(
                "at most {allowed} repeats allowed: records stored after a refused one of the same request"
            ),
        }
    }

    fn write_kills(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kills.is_empty() {
            return Ok(());
        }
        let hits = mid_load_count(&self.kills, self.verdict.rows_in);
        writeln!(
            f,
            "\n  {} kills with SIGKILL, {hits} of them mid-load",
            self.kills.len()
        )?;
        for (number, kill) in (1..).zip(&self.kills) {
            let [stored, covered, window, recovered] =
                [kill.stored, kill.covered, kill.window, kill.recovered].map(grouped);
            let outcome = match self.delivery {
                Delivery::Dedupe => format!(", {recovered} of it found there by the next process"),
                Delivery::AtLeastOnce => String::new(),
            };
            writeln!(
                f,
                "    kill {number}: {stored} records in the stream, {covered} in the checkpoint, window {window}{outcome}"
            )?;
        }
        Ok(())
    }

    /// What looking at the stream was good for.
    fn write_found(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let FoundInStream {
            recovered,
            unanswered,
        } = self.found;
        let [total, recovered, unanswered] = [self.found.total(), recovered, unanswered].map(grouped);
        match self.delivery {
            Delivery::Dedupe if self.is_in_doubt() => writeln!(
                f,
                "  {total} records in doubt were found in the stream and not sent again: {recovered} of killed processes, \
                 {unanswered} of requests without an answer"
            ),
            Delivery::Dedupe | Delivery::AtLeastOnce => Ok(()),
        }
    }

    /// Whether anything was interrupted.
    fn is_in_doubt(&self) -> bool {
        let untold = self.faults.is_some_and(|faults| faults.stored_untold() > 0);
        !self.kills.is_empty() || untold
    }
}

impl fmt::Display for DemoReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, count) in self.verdict.counts() {
            writeln!(f, "  {name:<24}{:>12}", grouped(count))?;
        }
        for example in &self.verdict.examples {
            writeln!(f, "    {example}")?;
        }
        self.write_kills(f)?;
        self.write_found(f)?;
        let elapsed = Duration::from_millis(self.engine_ms.max(1));
        let rows = grouped(per_second(self.verdict.records_out, elapsed));
        let source = megabytes_per_second(self.source_bytes, elapsed);
        let sent = megabytes_per_second(self.verdict.payload_bytes, elapsed);
        writeln!(
            f,
            "\n  {}: {rows} records/s, {source} MB/s read, {sent} MB/s sent",
            seconds(elapsed)
        )?;
        writeln!(
            f,
            "  seed {}, {} files, {} shards, {} control records",
            self.seed, self.files, self.shards, self.verdict.control_records
        )?;
        if self.aggregation == Aggregation::Kpl {
            let requests = grouped(self.faults.map_or(0, |faults| faults.requests));
            writeln!(
                f,
                "  the rows of a request aggregated, {requests} requests; all counts are of rows"
            )?;
        }
        if self.real_limits {
            let refused = grouped(self.refused);
            writeln!(
                f,
                "  shard limits enforced and paced, {refused} records refused by the server"
            )?;
        }
        let order = match self.allowance.file_order {
            FileOrder::PerShard => None,
            FileOrder::PerKey => Some("judged per key: a refused record lets other keys overtake it"),
            FileOrder::PerKeyAlways => Some("judged per key, at any moment"),
            FileOrder::None => Some("not judged"),
        };
        if let Some(order) = order {
            writeln!(f, "  order is {order}")?;
        }
        writeln!(f, "  {}", self.bound())?;
        let word = if self.passed { "PASSED" } else { "FAILED" };
        write!(f, "\nverdict: {word}")
    }
}

/// Seconds with two places.
pub(super) fn seconds(elapsed: Duration) -> String {
    format!("{:.2} s", elapsed.as_secs_f64())
}

/// Milliseconds, as far as 64 bits go.
pub(super) fn milliseconds(elapsed: Duration) -> u64 {
    saturate::to_u64(elapsed.as_millis())
}

fn per_second(count: u64, elapsed: Duration) -> u64 {
    count.saturating_mul(1_000) / milliseconds(elapsed).max(1)
}

/// Millions of bytes a second, with two places.
fn megabytes_per_second(bytes: u64, elapsed: Duration) -> String {
    let hundredths = per_second(bytes, elapsed) / 10_000;
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_per_second() {
        let elapsed = Duration::from_millis(2_500);
        assert_eq!(per_second(5_000, elapsed), 2_000);
        assert_eq!(megabytes_per_second(31_400_000, elapsed), "12.56");
    }
}
