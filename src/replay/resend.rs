//! Sends rows again, outside the engine: one request after another, every entry of every answer judged, and each row
//! recorded durably when it is stored.

use std::collections::HashMap;
use std::fmt;
use std::time::Duration;

use backoff::backoff::Backoff;
use tokio::time::Instant;

use super::log::{Replay, ReplayLog, SCHEMA_VERSION};
use super::pending::{Pending, PendingFile};
use super::plan::ReplayRow;
use crate::clock::Clock;
use crate::delays::Delays;
use crate::fault::{Fault, FaultKind};
use crate::limits::{REQUEST_BYTES_TARGET, REQUEST_RECORDS_MAX};
use crate::model::BatchRecord;
use crate::publish::attempt::{Attempt, InDoubt, NextAttempt};
use crate::publish::pacer::Pacer;
use crate::route::shard_map::{HashKey, Shard, ShardIndex};
use crate::saturate;
use crate::settings::{DeliveryConfig, Guarantee};
use crate::sink::{RecordSink, StreamDescription};

/// How long nothing may be stored before the command gives up, unless told otherwise.
pub const PATIENCE: Duration = Duration::from_mins(2);

/// Delays between two attempts.
const DELAYS: Delays = Delays::new(Duration::from_millis(50), Duration::from_mins(1));

/// What sending needs.
pub struct Resender<'a> {
    /// Where rows go.
    pub sink: &'a dyn RecordSink,
    /// Its shards.
    pub stream: StreamDescription,
    /// Order and pace.
    pub delivery: DeliveryConfig,
    /// Where stored rows are recorded.
    pub log: ReplayLog,
    /// Where a request is noted while it is sent.
    pub pending: PendingFile,
    /// Time of day.
    pub clock: &'a dyn Clock,
    /// How long nothing may be stored before it gives up.
    pub patience: Duration,
    /// Hears of everything that goes wrong and is tried again.
    pub tell: &'a dyn Fn(&str),
    /// Whether it is to end before the next request.
    pub is_stopping: &'a dyn Fn() -> bool,
}

impl fmt::Debug for Resender<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Resender(to {})", self.sink)
    }
}

/// Rows on their way to one shard.
#[derive(Default)]
struct Queue {
    rows: Vec<ReplayRow>,
    bytes: usize,
}

impl Resender<'_> {
    /// Sends the rows, those of one partition key in this order, until every one of them is stored and recorded.
    ///
    /// # Errors
    /// If the stream or the file takes nothing more, or the stream refuses rows, once the others are sent; what was stored
    /// is recorded.
    pub async fn send(&mut self, rows: Vec<ReplayRow>) -> Result<Vec<Replay>, Fault> {
        let mut queues: Vec<Queue> = self
            .stream
            .shards
            .shards()
            .iter()
            .map(|_| Queue::default())
            .collect();
        let (mut sent, mut refused) = (Vec::new(), Vec::new());
        for row in rows {
            let bytes = row.partition_key.len() + row.payload.len();
            let hash = HashKey::of_partition_key(row.partition_key.as_bytes());
            let index = self.stream.shards.locate(hash);
            let Some(queue) = queues.get_mut(index.0) else {
                continue;
            };
            let is_full = queue.rows.len() >= REQUEST_RECORDS_MAX
                || (!queue.rows.is_empty() && queue.bytes + bytes > REQUEST_BYTES_TARGET);
            if is_full {
                let full = std::mem::take(queue);
                sent.extend(self.deliver(index, full.rows, &mut refused).await?);
            }
            queue.bytes += bytes;
            queue.rows.push(row);
        }
        for (index, queue) in queues.into_iter().enumerate() {
            if !queue.rows.is_empty() {
                sent.extend(self.deliver(ShardIndex(index), queue.rows, &mut refused).await?);
            }
        }
        let Some(first) = refused.first() else {
            return Ok(sent);
        };
        let (stored, count) = (sent.len(), refused.len());
        let message = format!(
            "rows that were sent again: {stored}; rows that the stream refuses, which stay dead letters: {count}: {first}"
        );
        Err(Fault::new(FaultKind::Data, message))
    }

    /// Sends one request until every record of it is acknowledged or refused, then records it.
    async fn deliver(
        &mut self,
        index: ShardIndex,
        rows: Vec<ReplayRow>,
        refused: &mut Vec<String>,
    ) -> Result<Vec<Replay>, Fault> {
        if (self.is_stopping)() {
            let message =
                "the task is stopping; rows that were sent are recorded, order the replay again for the rest";
            return Err(Fault::new(FaultKind::StateLocked, message));
        }
        let internal = |what: &str| Fault::new(FaultKind::Internal, what.to_owned());
        let shard = self.stream.shards.shard(index).cloned();
        let shard = shard.ok_or_else(|| internal("a row belongs to no shard"))?;
        let records: Vec<_> = (0..)
            .zip(&rows)
            .map(|(ordinal, row)| {
                BatchRecord::new(ordinal, row.payload.as_bytes(), row.partition_key.as_bytes())
            })
            .collect();
        self.note(&rows)?;
        let attempt = self.attempt(&shard, &records).await?;
        let details: HashMap<usize, &str> = attempt.refused().collect();
        let rows: Vec<_> = (0..)
            .zip(rows)
            .filter_map(|(index, row)| {
                let Some(detail) = details.get(&index) else {
                    return Some(row);
                };
                refused.push(format!("row {} of {}: {detail}", row.ordinal, row.object));
                None
            })
            .collect();
        let places: Vec<_> = attempt
            .places()
            .take(rows.len())
            .map(|(shard_id, number)| (shard_id.to_owned(), number.to_owned()))
            .collect();
        attempt
            .settle(saturate::to_u64(records.len()))
            .map_err(|_attempt| internal("an unacknowledged record at settlement (D1)"))?;
        self.record(rows.into_iter().zip(places))
    }

    /// Notes what is about to be sent.
    fn note(&self, rows: &[ReplayRow]) -> Result<(), Fault> {
        let pending = Pending {
            begun_ms: self.clock.now_ms(),
            rows: rows.to_vec(),
        };
        self.pending.note(&pending).map_err(|error| {
            let message = format!("cannot note which rows are sent, so none is: {error}");
            Fault::new(FaultKind::StateIo, message)
        })
    }

    /// Records rows with their places in the stream.
    fn record(
        &mut self,
        stored: impl Iterator<Item = (ReplayRow, (String, String))>,
    ) -> Result<Vec<Replay>, Fault> {
        let time = jiff::Timestamp::from_microsecond(self.clock.now_us()).unwrap_or_default();
        let replays: Vec<_> = stored
            .map(|(row, (shard_id, sequence_number))| Replay {
                schema_version: SCHEMA_VERSION,
                time: time.to_string(),
                row,
                shard_id,
                sequence_number,
            })
            .collect();
        self.log.append(&replays).map_err(|error| {
            let message = format!(
                "{} rows were stored and could not be recorded: {error}; the next replay looks for them in the stream",
                replays.len()
            );
            Fault::new(FaultKind::StateIo, message)
        })?;
        if let Err(error) = self.pending.forget() {
            // The next replay finds its rows in the log.
            (self.tell)(&format!("a note of rows that were sent stays: {error}"));
        }
        Ok(replays)
    }

    /// What becomes of a request without an answer.
    fn in_doubt(&self) -> InDoubt {
        match self.delivery.guarantee {
            Guarantee::Dedupe => InDoubt::Look,
            Guarantee::AtLeastOnce => InDoubt::SendAgain,
        }
    }

    async fn attempt(&self, shard: &Shard, records: &[BatchRecord]) -> Result<Attempt, Fault> {
        let key_of = |index: usize| records.get(index).map(BatchRecord::partition_key);
        let ordering = self.delivery.ordering;
        let mut attempt = Attempt::new(records.len(), ordering, REQUEST_RECORDS_MAX, key_of);
        let mut backoff = DELAYS.start();
        let (mut pacer, epoch) = (Pacer::new(self.delivery.pace), Instant::now());
        let mut progress = epoch;
        loop {
            let to_send = attempt.to_send().iter();
            let to_send: Vec<_> = to_send.filter_map(|index| records.get(*index)).cloned().collect();
            let bytes = to_send.iter().map(BatchRecord::bytes_count).sum();
            tokio::time::sleep(pacer.book(epoch.elapsed(), to_send.len(), bytes)).await;
            let answer = self.sink.put(shard, &to_send).await;
            match attempt.judge(answer, self.in_doubt(), key_of) {
                NextAttempt::Complete => return Ok(attempt),
                NextAttempt::Hopeless(fault) | NextAttempt::TooManyRefused(_, fault) => return Err(fault),
                NextAttempt::StandIn(index) => {
                    let cause = format!("record {index} is not a link of a chain");
                    return Err(Fault::new(FaultKind::Internal, cause));
                }
                // Noted as pending, so the next replay begins with a look.
                NextAttempt::Look { cause } => {
                    let message = format!(
                        "nobody knows whether the rows of a request were stored: {cause}; order the replay again, and they \
                         are looked for first"
                    );
                    return Err(Fault::new(FaultKind::Unreachable, message));
                }
                NextAttempt::More => progress = Instant::now(),
                NextAttempt::Again {
                    has_progress, cause, ..
                } => {
                    let left = attempt.to_send().len();
                    (self.tell)(&format!("{left} records are sent again to {}: {cause}", shard.id));
                    if has_progress {
                        progress = Instant::now();
                        backoff.reset();
                    } else if progress.elapsed() >= self.patience {
                        let message = format!(
                            "{} has stored nothing for {} s: {cause}",
                            self.sink,
                            self.patience.as_secs()
                        );
                        return Err(Fault::new(FaultKind::Unreachable, message));
                    } else {
                        tokio::time::sleep(backoff.next_backoff().unwrap_or(self.patience)).await;
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::SystemClock;
    use crate::fault::FaultKind;
    use crate::replay::log;
    use crate::route::shard_map::ShardMap;
    use crate::settings::{Aggregation, Ordering, OutOfRetention, Pace, RecreatedStream};
    use crate::sink::memory::{MemorySink, PutFault};

    fn rows(count: u64) -> Vec<ReplayRow> {
        let row = |ordinal| ReplayRow {
            id: format!("k@e#{ordinal}"),
            table: "s.t".into(),
            object: "k".into(),
            ordinal,
            partition_key: "one".into(),
            payload: format!("row {ordinal}"),
        };
        (0..count).map(row).collect()
    }

    async fn send(sink: &MemorySink, folder: &std::path::Path, count: u64) -> (Result<usize, Fault>, usize) {
        let told = std::cell::Cell::new(0);
        let mut resender = Resender {
            sink,
            stream: sink.describe().await.unwrap(),
            delivery: DeliveryConfig {
                guarantee: Guarantee::AtLeastOnce,
                is_guarantee_chosen: true,
                settle: Duration::ZERO,
                aggregation: Aggregation::None,
                out_of_retention: OutOfRetention::Resend,
                recreated_stream: RecreatedStream::Stop,
                ordering: Ordering::Final,
                pace: Pace::Off,
                linger: Duration::ZERO,
            },
            log: ReplayLog::open(folder).unwrap(),
            pending: PendingFile::of(folder),
            clock: &SystemClock,
            patience: Duration::from_millis(300),
            tell: &|_| told.set(told.get() + 1),
            is_stopping: &|| false,
        };
        let sent = resender.send(rows(count)).await;
        (sent.map(|sent| sent.len()), told.get())
    }

    fn recorded(folder: &std::path::Path) -> Vec<(u64, String)> {
        let mut recorded = Vec::new();
        log::for_each(folder, |replay| {
            recorded.push((replay.row.ordinal, replay.sequence_number));
        })
        .unwrap();
        recorded
    }

    /// D1.
    #[tokio::test]
    async fn every_row_is_stored_in_order_and_recorded_whatever_goes_wrong() {
        let folder = tempfile::tempdir().unwrap();
        let sink = MemorySink::new(&ShardMap::uniform(1).unwrap());
        for fault in [
            PutFault::ThrottleRequest,
            PutFault::ThrottleRecords(vec![1]),
            PutFault::StoreThenTimeOut,
        ] {
            sink.script(fault);
        }
        let (sent, told) = send(&sink, folder.path(), 1_200).await;
        assert_eq!((sent, told), (Ok(1_200), 3));
        let mut last = std::collections::BTreeMap::new();
        for (place, record) in sink.stored_in_all().into_iter().enumerate() {
            let text = String::from_utf8(record.payload.to_vec()).unwrap();
            let ordinal: u64 = text.strip_prefix("row ").unwrap().parse().unwrap();
            last.insert(ordinal, place);
        }
        assert_eq!(last.len(), 1_200);
        assert!(last.values().is_sorted(), "the last copies are in order");
        let recorded = recorded(folder.path());
        let ordinals: Vec<_> = recorded.iter().map(|(ordinal, _)| *ordinal).collect();
        assert_eq!(ordinals, (0..1_200).collect::<Vec<_>>());
        assert!(recorded.iter().all(|(_, number)| !number.is_empty()));
    }

    #[tokio::test]
    async fn a_stream_that_takes_nothing_is_given_up_and_nothing_is_recorded() {
        let folder = tempfile::tempdir().unwrap();
        let sink = MemorySink::new(&ShardMap::uniform(1).unwrap());
        for _ in 0..10_000 {
            sink.script(PutFault::NotSent);
        }
        let (sent, told) = send(&sink, folder.path(), 1).await;
        assert_eq!(sent.map_err(|fault| fault.kind), Err(FaultKind::Unreachable));
        assert!(told > 1, "each failure is reported: {told}");
        assert_eq!(recorded(folder.path()), []);
    }
}
