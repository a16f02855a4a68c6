//! A stream in memory, with scripted faults: the sink of tests. It is as strict as the service, and stricter
//! where a mistake of ours would show nowhere else (a record in the wrong shard).

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;

use super::{PutEntry, RecordSink, SinkError, StreamDescription};
use crate::fault::Certainty;
use crate::limits::{
    PARTITION_KEY_CHARACTERS_MAX, RECORD_BYTES_DEFAULT, REQUEST_BYTES_MAX, REQUEST_RECORDS_MAX,
};
use crate::model::BatchRecord;
use crate::route::shard_map::{HashKey, Shard, ShardMap};

/// What happens to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutFault {
    /// The whole request is throttled, nothing is stored.
    ThrottleRequest,
    /// The records at these indexes are throttled, the others stored.
    ThrottleRecords(Vec<usize>),
    /// The records at these indexes answer `InternalFailure` and are **not** stored, the others are.
    FailRecords(Vec<usize>),
    /// The records at these indexes answer `InternalFailure` although all records are stored.
    StoreButFailRecords(Vec<usize>),
    /// All is stored, but the answer never comes.
    StoreThenTimeOut,
    /// Nothing is stored, and no answer comes.
    TimeOut,
    /// The service cannot be reached; nothing is stored.
    NotSent,
    /// The permission was taken away; nothing is stored.
    Denied,
    /// The stream was deleted; nothing is stored.
    Missing,
    /// The request is answered rightly after this long.
    Delay(Duration),
    /// A bug in the sink: the call panics and stores nothing.
    Panic,
}

/// A stored record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredRecord {
    /// Its sequence number, rising within the shard.
    pub sequence_number: String,
    /// Its partition key.
    pub partition_key: Bytes,
    /// Its message.
    pub payload: Bytes,
}

/// A stream in memory. Clones share the records.
#[derive(Clone)]
pub struct MemorySink {
    shared: Arc<Shared>,
}

struct Shared {
    shards: ShardMap,
    record_bytes_max: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    stored: Vec<Vec<StoredRecord>>,
    script: VecDeque<PutFault>,
    scripts_by_shard: Vec<VecDeque<PutFault>>,
    in_flight: Vec<u32>,
    overlaps_count: u64,
    requests_count: u64,
    next_sequence_number: u64,
}

impl MemorySink {
    /// A stream with these shards.
    pub fn new(shards: ShardMap) -> Self {
        let count = shards.shards().len();
        let state = State {
            stored: vec![Vec::new(); count],
            scripts_by_shard: vec![VecDeque::new(); count],
            in_flight: vec![0; count],
            ..State::default()
        };
        Self {
            shared: Arc::new(Shared {
                shards,
                record_bytes_max: RECORD_BYTES_DEFAULT,
                state: Mutex::new(state),
            }),
        }
    }

    /// Adds a fault for the next request without one, whatever its shard.
    pub fn script(&self, fault: PutFault) {
        self.state().script.push_back(fault);
    }

    /// Adds a fault for the next request to the shard at this index of the map without one.
    pub fn script_for(&self, shard_index: usize, fault: PutFault) {
        if let Some(script) = self.state().scripts_by_shard.get_mut(shard_index) {
            script.push_back(fault);
        }
    }

    /// What the shard at this index of the map holds, in order.
    pub fn stored(&self, shard_index: usize) -> Vec<StoredRecord> {
        self.state().stored.get(shard_index).cloned().unwrap_or_default()
    }

    /// Everything that is stored, shard by shard.
    pub fn stored_in_all(&self) -> Vec<StoredRecord> {
        self.state().stored.concat()
    }

    /// How many requests came, failed ones included.
    pub fn requests_count(&self) -> u64 {
        self.state().requests_count
    }

    /// How many requests came while another one to the same shard was still unanswered.
    pub fn overlaps_count(&self) -> u64 {
        self.state().overlaps_count
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A test that panicked while it held the lock left plain data behind; others may go on with it.
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn refuse(&self, detail: String) -> SinkError {
        SinkError::Refused {
            action: "put",
            stream: self.to_string(),
            detail,
        }
    }

    /// The index of the shard, after every limit of the service was checked.
    fn admit(&self, shard: &Shard, records: &[BatchRecord]) -> Result<usize, SinkError> {
        let shards = self.shared.shards.shards();
        let Some(index) = shards.iter().position(|own| own == shard) else {
            return Err(self.refuse(format!("{} is no shard of this stream", shard.id)));
        };
        if records.is_empty() || records.len() > REQUEST_RECORDS_MAX {
            return Err(self.refuse(format!("{} records in one request", records.len())));
        }
        let request_bytes: usize = records.iter().map(BatchRecord::bytes_count).sum();
        if request_bytes > REQUEST_BYTES_MAX {
            return Err(self.refuse(format!("{request_bytes} bytes in one request")));
        }
        records
            .iter()
            .try_for_each(|record| self.admit_record(shard, record))?;
        Ok(index)
    }

    fn admit_record(&self, shard: &Shard, record: &BatchRecord) -> Result<(), SinkError> {
        let bytes_count = record.bytes_count();
        if bytes_count > self.shared.record_bytes_max {
            return Err(self.refuse(format!("record #{} has {bytes_count} bytes", record.ordinal)));
        }
        let characters = record.partition_key_text().map(|key| key.chars().count());
        if !characters.is_ok_and(|count| (1..=PARTITION_KEY_CHARACTERS_MAX).contains(&count)) {
            return Err(self.refuse(format!(
                "the partition key of record #{} is not valid",
                record.ordinal
            )));
        }
        if !shard
            .range
            .contains(HashKey::of_partition_key(record.partition_key()))
        {
            return Err(self.refuse(format!(
                "record #{} does not belong to {}",
                record.ordinal, shard.id
            )));
        }
        Ok(())
    }

    /// Takes the fault for a request that arrives now and notes that it is in flight.
    fn begin(&self, index: usize) -> (Option<PutFault>, InFlight) {
        let mut state = self.state();
        state.requests_count += 1;
        if let Some(in_flight) = state.in_flight.get_mut(index) {
            *in_flight += 1;
            if *in_flight > 1 {
                state.overlaps_count += 1;
            }
        }
        let own = state
            .scripts_by_shard
            .get_mut(index)
            .and_then(VecDeque::pop_front);
        let fault = own.or_else(|| state.script.pop_front());
        let guard = InFlight {
            sink: self.clone(),
            index,
        };
        (fault, guard)
    }

    /// Stores the records that `is_stored` says, answers for those that `is_answered` says.
    fn store(
        &self,
        index: usize,
        shard: &Shard,
        records: &[BatchRecord],
        fate: impl Fn(usize) -> Fate,
    ) -> Vec<PutEntry> {
        let mut state = self.state();
        let mut entries = Vec::with_capacity(records.len());
        for (at, record) in records.iter().enumerate() {
            let fate = fate(at);
            state.next_sequence_number += 1;
            let sequence_number = state.next_sequence_number.to_string();
            if fate.is_stored
                && let Some(stored) = state.stored.get_mut(index)
            {
                stored.push(StoredRecord {
                    sequence_number: sequence_number.clone(),
                    partition_key: Bytes::copy_from_slice(record.partition_key()),
                    payload: Bytes::copy_from_slice(record.payload()),
                });
            }
            entries.push(match fate.failure {
                None => PutEntry::Stored {
                    sequence_number,
                    shard_id: shard.id.clone(),
                },
                Some((code, certainty)) => PutEntry::Failed {
                    code: code.to_owned(),
                    message: "injected fault".to_owned(),
                    certainty,
                },
            });
        }
        entries
    }
}

/// What becomes of one record.
#[derive(Clone, Copy)]
struct Fate {
    is_stored: bool,
    failure: Option<(&'static str, Certainty)>,
}

impl Fate {
    const STORED: Self = Self {
        is_stored: true,
        failure: None,
    };
    const THROTTLED: Self = Self {
        is_stored: false,
        failure: Some(("ProvisionedThroughputExceededException", Certainty::NotApplied)),
    };
    const FAILED: Self = Self {
        is_stored: false,
        failure: Some(("InternalFailure", Certainty::MaybeApplied)),
    };
    const STORED_BUT_FAILED: Self = Self {
        is_stored: true,
        failure: Some(("InternalFailure", Certainty::MaybeApplied)),
    };
}

/// Counts a request as in flight until it is answered or its caller gives up.
struct InFlight {
    sink: MemorySink,
    index: usize,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(in_flight) = self.sink.state().in_flight.get_mut(self.index) {
            *in_flight = in_flight.saturating_sub(1);
        }
    }
}

#[async_trait]
impl RecordSink for MemorySink {
    async fn describe(&self) -> Result<StreamDescription, SinkError> {
        Ok(StreamDescription {
            shards: self.shared.shards.clone(),
            record_bytes_max: self.shared.record_bytes_max,
            identity: self.to_string(),
        })
    }

    #[expect(clippy::panic, reason = "a scripted panic is what the fault is for")]
    async fn put(&self, shard: &Shard, records: &[BatchRecord]) -> Result<Vec<PutEntry>, SinkError> {
        let index = self.admit(shard, records)?;
        let (fault, _in_flight) = self.begin(index);
        let store_all = || self.store(index, shard, records, |_| Fate::STORED);
        let store_but = |listed: &[usize], fate: Fate| {
            self.store(index, shard, records, |at| {
                if listed.contains(&at) { fate } else { Fate::STORED }
            })
        };
        let (action, stream, detail) = ("put", self.to_string(), "injected fault".to_owned());
        let doubtful = SinkError::Doubtful {
            action,
            stream: stream.clone(),
            detail: detail.clone(),
        };
        match fault {
            None => Ok(store_all()),
            Some(PutFault::ThrottleRequest) => Err(SinkError::Throttled { stream, detail }),
            Some(PutFault::ThrottleRecords(listed)) => Ok(store_but(&listed, Fate::THROTTLED)),
            Some(PutFault::FailRecords(listed)) => Ok(store_but(&listed, Fate::FAILED)),
            Some(PutFault::StoreButFailRecords(listed)) => Ok(store_but(&listed, Fate::STORED_BUT_FAILED)),
            Some(PutFault::StoreThenTimeOut) => {
                store_all();
                Err(doubtful)
            }
            Some(PutFault::TimeOut) => Err(doubtful),
            Some(PutFault::NotSent) => Err(SinkError::NotSent {
                action,
                stream,
                detail,
            }),
            Some(PutFault::Denied) => Err(SinkError::Denied {
                action,
                stream,
                detail,
            }),
            Some(PutFault::Missing) => Err(SinkError::Missing { stream }),
            Some(PutFault::Delay(delay)) => {
                tokio::time::sleep(delay).await;
                Ok(store_all())
            }
            Some(PutFault::Panic) => panic!("injected panic while putting to {}", shard.id),
        }
    }
}

impl fmt::Debug for MemorySink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MemorySink({} shards)", self.shared.shards.shards().len())
    }
}

impl fmt::Display for MemorySink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("memory stream")
    }
}
