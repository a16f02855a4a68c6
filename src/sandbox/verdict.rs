//! The judge: compares what a consumer read with what the seed says must be there. Pure: no I/O, no clock.
//!
//! It makes the expected values again from the seed and takes no count from the engine.

use crate::saturate;

use std::collections::HashMap;
use std::fmt;

use serde::Serialize;

use super::allowance::{Allowance, FileOrder};
use super::blog_data::BlogData;
use super::blog_row::ChangeKey;
use super::consumer::{ConsumedRecord, ConsumedShard};
use super::message::{Message, difference};
use super::order::{Delivered, DeliveryOrder, LastDeliveries};

/// Findings that are spelled out; the others are only counted.
const EXAMPLES_MAX: usize = 5;

/// Takes record after record, shard after shard, and keeps the score.
#[derive(Debug)]
pub struct Judge<'a> {
    data: &'a BlogData,
    change_key: ChangeKey,
    deliveries: Vec<u32>,
    by_key: HashMap<String, KeyOrder>,
    by_shard: HashMap<String, DeliveryOrder>,
    verdict: StreamFindings,
}

/// What was delivered of one partition key.
#[derive(Debug, Default)]
struct KeyOrder {
    /// What a consumer has at the end.
    last: LastDeliveries,
    /// What it had at any moment.
    always: DeliveryOrder,
}

/// What the judge found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct StreamFindings {
    /// Rows in the files.
    pub rows_in: u64,
    /// Data records in the stream.
    pub records_out: u64,
    /// Control records in the stream.
    pub control_records: u64,
    /// Bytes of all messages.
    pub payload_bytes: u64,
    /// Rows without a record that says what the row says.
    pub missing: u64,
    /// Records beyond the first of their row.
    pub repeated: u64,
    /// Records of a row that say something else than the row.
    pub wrong: u64,
    /// Records that belong to no row or cannot be read.
    pub foreign: u64,
    /// Records in aggregated ones that consumers drop, because a member belongs to another shard; nothing else here
    /// counts them.
    pub dropped: u64,
    /// Deliveries after which a partition key holds an older state than it was given.
    pub out_of_order_by_key: u64,
    /// Rows that came, for the first time or again, where a row of their key does not belong: after later ones, or
    /// with a gap. A hole that was repaired leaves such rows, although each key ends in order.
    pub unordered_by_key: u64,
    /// The same as out of order by key, for a shard as a whole.
    pub out_of_order_by_shard: u64,
    /// Rows that came after later rows of their shard, and were put right afterwards if they share a key.
    pub late: u64,
    /// The first few findings in words.
    pub examples: Vec<String>,
}

impl<'a> Judge<'a> {
    /// A judge of this data set, who has seen nothing yet.
    pub fn new(data: &'a BlogData) -> Self {
        let rows_count = saturate::to_usize(data.rows_count());
        Self {
            data,
            change_key: ChangeKey::default(),
            deliveries: vec![0; rows_count],
            by_key: HashMap::new(),
            by_shard: HashMap::new(),
            verdict: StreamFindings {
                rows_in: data.rows_count(),
                ..StreamFindings::default()
            },
        }
    }

    /// The same judge, who expects the partition keys of changes to be made like this.
    #[must_use]
    pub fn expecting(self, change_key: ChangeKey) -> Self {
        Self { change_key, ..self }
    }

    /// The verdict on a whole stream.
    pub fn judge(data: &'a BlogData, stream: &[ConsumedShard]) -> StreamFindings {
        let mut judge = Self::new(data);
        for shard in stream {
            for record in &shard.records {
                judge.take(&shard.shard_id, record);
            }
        }
        judge.finish()
    }

    /// Takes the next record of a shard. Parents come before their children.
    pub fn take(&mut self, shard_id: &str, record: &ConsumedRecord) {
        self.verdict.payload_bytes += saturate::to_u64(record.payload.len());
        let place = || format!("record {} of {shard_id}", record.sequence_number);
        let message: Message<'_> = match serde_json::from_slice(&record.payload) {
            Ok(message) => message,
            Err(error) => {
                self.verdict.records_out += 1;
                self.verdict.foreign += 1;
                self.report(|| format!("{} cannot be read: {error}", place()));
                return;
            }
        };
        if message.metadata.record_type == "control" {
            self.verdict.control_records += 1;
            return;
        }
        self.verdict.records_out += 1;
        let number = message.data.as_ref().map(|data| data.id);
        let Some(number) = number.filter(|number| *number < self.data.rows_count()) else {
            self.verdict.foreign += 1;
            self.report(|| format!("{} belongs to no row", place()));
            return;
        };
        let row = self.data.row(number);
        if let Some(difference) = difference(&row, &message, &record.partition_key, self.change_key) {
            self.verdict.wrong += 1;
            self.report(|| format!("{} (row {number}): {difference}", place()));
            return;
        }
        self.count_delivery(shard_id, &record.partition_key, number);
    }

    /// Takes note of records that a consumer did not get.
    pub fn note_dropped(&mut self, records: u64) {
        self.verdict.dropped += records;
    }

    fn count_delivery(&mut self, shard_id: &str, partition_key: &str, number: u64) {
        let index = saturate::to_usize(number);
        if let Some(deliveries) = self.deliveries.get_mut(index) {
            self.verdict.repeated += u64::from(*deliveries > 0);
            *deliveries = deliveries.saturating_add(1);
        }
        let of_key = self.by_key.entry(partition_key.to_owned()).or_default();
        of_key.last.deliver(number);
        let in_key = of_key.always.deliver(number);
        self.verdict.unordered_by_key += u64::from(in_key != Delivered::InOrder);
        let of_shard = self.by_shard.entry(shard_id.to_owned()).or_default();
        let in_shard = of_shard.deliver(number);
        self.verdict.late += u64::from(in_shard == Delivered::Late);
        self.verdict.out_of_order_by_shard += u64::from(in_shard == Delivered::OutOfOrder);
        if in_shard == Delivered::OutOfOrder {
            self.report(|| format!("row {number} is out of order in {shard_id}"));
        }
    }

    /// The verdict, when all records of the stream have been taken.
    pub fn finish(mut self) -> StreamFindings {
        let unfinished = |orders: &HashMap<String, DeliveryOrder>| {
            let count = orders.values().filter(|order| order.is_unfinished()).count();
            saturate::to_u64(count)
        };
        self.verdict.out_of_order_by_key += self
            .by_key
            .values()
            .map(|order| order.last.out_of_order_count())
            .sum::<u64>();
        self.verdict.out_of_order_by_shard += unfinished(&self.by_shard);
        let deliveries = std::mem::take(&mut self.deliveries);
        for (number, _) in (0_u64..)
            .zip(deliveries)
            .filter(|(_, deliveries)| *deliveries == 0)
        {
            self.verdict.missing += 1;
            self.report(|| format!("row {number} is missing"));
        }
        self.verdict
    }

    fn report(&mut self, example: impl FnOnce() -> String) {
        if self.verdict.examples.len() < EXAMPLES_MAX {
            self.verdict.examples.push(example());
        }
    }
}

impl StreamFindings {
    /// Whether the run did nothing that is not allowed.
    pub fn passed(&self, allowance: Allowance) -> bool {
        let disorder = match allowance.file_order {
            FileOrder::PerShard => self.out_of_order_by_key + self.out_of_order_by_shard + self.late,
            FileOrder::PerKey => self.out_of_order_by_key,
            FileOrder::PerKeyAlways => self.out_of_order_by_key + self.unordered_by_key,
            FileOrder::None => 0,
        };
        let never = self.missing + self.wrong + self.foreign;
        never + disorder == 0 && self.repeated <= allowance.repeats_max
    }

    /// The counts with their names, in the order in which people ask for them.
    pub fn counts(&self) -> [(&'static str, u64); 11] {
        [
            ("rows in", self.rows_in),
            ("records out", self.records_out),
            ("missing", self.missing),
            ("repeated", self.repeated),
            ("wrong content", self.wrong),
            ("foreign", self.foreign),
            ("dropped by consumers", self.dropped),
            ("out of order per key", self.out_of_order_by_key),
            ("unordered per key", self.unordered_by_key),
            ("out of order per shard", self.out_of_order_by_shard),
            ("late in their shard", self.late),
        ]
    }
}

impl fmt::Display for StreamFindings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (name, count) in self.counts() {
            writeln!(f, "  {name:<24}{count:>12}")?;
        }
        for example in &self.examples {
            writeln!(f, "    {example}")?;
        }
        Ok(())
    }
}
