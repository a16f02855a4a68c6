//! What `brigade dlq replay` says it did. Pure: no I/O, no clock.

use serde::Serialize;

use crate::cli::text::{counted, lines};
use crate::printable::printable;
use crate::replay::log::Replay;
use crate::replay::plan::{ReplayRow, StillRejected};
use crate::saturate;

/// Version of the JSON shape; consumers ignore members they do not know.
pub(super) const SCHEMA_VERSION: u32 = 1;

/// What `dlq replay --output json` prints.
#[derive(Debug, Serialize)]
pub(super) struct ReplayReport {
    pub(super) schema_version: u32,
    pub(super) dry_run: bool,
    /// Rows that were sent, or would be.
    pub(super) rows: Vec<Sent>,
    pub(super) still_rejected: Vec<StillRejected>,
    pub(super) sent_before: u64,
}

/// A row that was sent, or would be.
#[derive(Debug, Serialize)]
pub(super) struct Sent {
    pub(super) id: String,
    pub(super) table: String,
    pub(super) object: String,
    pub(super) ordinal: u64,
    /// Only of a row that would be sent: who tries it asks for its values.
    pub(super) partition_key: Option<String>,
    /// The same of its message.
    pub(super) payload: Option<String>,
    pub(super) shard_id: Option<String>,
    pub(super) sequence_number: Option<String>,
}

impl Sent {
    /// A row that would be sent; without its values where others could read them.
    pub(super) fn not_yet(row: ReplayRow, is_masked: bool) -> Self {
        let shown = |value| (!is_masked).then_some(value);
        Self {
            partition_key: shown(row.partition_key),
            payload: shown(row.payload),
            id: row.id,
            table: row.table,
            object: row.object,
            ordinal: row.ordinal,
            shard_id: None,
            sequence_number: None,
        }
    }
}

impl From<Replay> for Sent {
    fn from(replay: Replay) -> Self {
        Self {
            partition_key: None,
            payload: None,
            id: replay.row.id,
            table: replay.row.table,
            object: replay.row.object,
            ordinal: replay.row.ordinal,
            shard_id: Some(replay.shard_id),
            sequence_number: Some(replay.sequence_number),
        }
    }
}

impl ReplayReport {
    pub(super) fn text(&self) -> String {
        let verb = if self.dry_run { "would send" } else { "sent" };
        let rows = self.rows.iter().map(|row| {
            let key = row.partition_key.as_deref().map(printable);
            let payload = row
                .payload
                .as_deref()
                .map(|payload| printable(payload.trim_end()));
            let values = key.zip(payload);
            let values = values.map_or_else(String::new, |(key, payload)| format!(", key {key}: {payload}"));
            format!("{verb} {}{values}", printable(&row.id))
        });
        let rejected = self
            .still_rejected
            .iter()
            .map(|row| format!("not {}: {}", printable(&row.id), printable(&row.reason)));
        let count = |length: usize| counted(saturate::to_u64(length), "row");
        let before = if self.sent_before > 0 {
            format!(
                ", {} sent before (--again sends them once more)",
                self.sent_before
            )
        } else {
            String::new()
        };
        let sum = format!(
            "{verb} {}, {} still rejected{before}",
            count(self.rows.len()),
            self.still_rejected.len()
        );
        lines(rows.chain(rejected).chain([sum]))
    }
}
