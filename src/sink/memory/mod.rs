//! A stream in memory, with scripted faults: the sink of tests. It is as strict as the service, and stricter
//! where a mistake of ours would show nowhere else (a record in the wrong shard).

mod admit;
mod fault;
mod reader;
mod reshard;
mod retention;

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;

use self::fault::Fate;
pub use self::fault::PutFault;
use self::reader::MemoryReader;
pub use self::retention::Gone;
use super::{PutEntry, ReadStart, RecordSink, ShardReader, SinkError, StreamDescription};
use crate::chance;
use crate::limits::RECORD_BYTES_DEFAULT;
use crate::model::BatchRecord;
use crate::route::lineage::{KnownShard, Lineage};
use crate::route::shard_map::{HashKey, Shard, ShardMap};

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
    /// Tells this stream from every other one.
    identity: String,
    record_bytes_max: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    shards: Vec<MemoryShard>,
    script: VecDeque<PutFault>,
    lasting: Option<PutFault>,
    is_away: bool,
    overlaps_count: u64,
    requests_count: u64,
    next_sequence_number: u64,
    /// Requests with a message that has this text in it are refused.
    refused_text: Option<Bytes>,
}

struct MemoryShard {
    known: KnownShard,
    stored: Vec<StoredRecord>,
    script: VecDeque<PutFault>,
    in_flight: u32,
    /// How many of the oldest records nobody can read any more.
    trimmed_count: usize,
    /// How a place among those is answered.
    gone: Gone,
}

impl MemoryShard {
    fn new(known: KnownShard) -> Self {
        Self {
            known,
            stored: Vec::new(),
            script: VecDeque::new(),
            in_flight: 0,
            trimmed_count: 0,
            gone: Gone::default(),
        }
    }
}

impl State {
    /// The shard that takes records with this hash key now.
    fn owner_of(&mut self, key: HashKey) -> Option<&mut MemoryShard> {
        let mut shards = self.shards.iter_mut();
        shards.find(|shard| shard.known.is_open && shard.known.shard.range.contains(key))
    }
}

impl MemorySink {
    /// A stream with these shards.
    pub fn new(shards: &ShardMap) -> Self {
        Self::of_records_up_to(shards, RECORD_BYTES_DEFAULT)
    }

    /// A stream with these shards that takes records of so many bytes.
    pub fn of_records_up_to(shards: &ShardMap, record_bytes_max: usize) -> Self {
        let known = Lineage::of_open(shards);
        let state = State {
            shards: known.shards().iter().cloned().map(MemoryShard::new).collect(),
            ..State::default()
        };
        Self {
            shared: Arc::new(Shared {
                identity: format!("memory:{}", chance::id()),
                record_bytes_max,
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
        if let Some(shard) = self.state().shards.get_mut(shard_index) {
            shard.script.push_back(fault);
        }
    }

    /// Lets every request without a fault of its own meet this one, until there is none.
    pub fn set_lasting(&self, fault: Option<PutFault>) {
        self.state().lasting = fault;
    }

    /// From now on no call reaches the stream, until it is back.
    pub fn set_away(&self, is_away: bool) {
        let mut state = self.state();
        state.is_away = is_away;
        state.lasting = is_away.then_some(PutFault::NotSent);
    }

    /// What the shard at this index of the map holds, in order.
    pub fn stored(&self, shard_index: usize) -> Vec<StoredRecord> {
        let state = self.state();
        let shard = state.shards.get(shard_index);
        shard.map(|shard| shard.stored.clone()).unwrap_or_default()
    }

    /// What each shard holds, closed ones included, in order.
    pub fn stored_by_shard(&self) -> Vec<Vec<StoredRecord>> {
        let state = self.state();
        state.shards.iter().map(|shard| shard.stored.clone()).collect()
    }

    /// Everything that is stored, shard by shard.
    pub fn stored_in_all(&self) -> Vec<StoredRecord> {
        self.stored_by_shard().concat()
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

    fn reach(&self, action: &'static str) -> Result<(), SinkError> {
        let (stream, detail) = (self.to_string(), "injected outage".to_owned());
        if self.state().is_away {
            return Err(SinkError::NotSent {
                action,
                stream,
                detail,
            });
        }
        Ok(())
    }

    /// Takes the fault for a request that arrives now and notes that it is in flight.
    fn begin(&self, index: usize) -> (Option<PutFault>, InFlight) {
        let mut state = self.state();
        state.requests_count += 1;
        let mut own = None;
        if let Some(shard) = state.shards.get_mut(index) {
            shard.in_flight += 1;
            own = shard.script.pop_front();
            state.overlaps_count += u64::from(shard.in_flight > 1);
        }
        let fault = own
            .or_else(|| state.script.pop_front())
            .or_else(|| state.lasting.clone());
        let guard = InFlight {
            sink: self.clone(),
            index,
        };
        (fault, guard)
    }

    /// Stores the records that `fate` says in the shards that own them by now, and answers for each.
    fn store(&self, records: &[BatchRecord], fate: impl Fn(usize) -> Fate) -> Vec<PutEntry> {
        let mut state = self.state();
        let mut entries = Vec::with_capacity(records.len());
        for (at, record) in records.iter().enumerate() {
            let fate = fate(at);
            state.next_sequence_number += 1;
            let sequence_number = state.next_sequence_number.to_string();
            let owner = state.owner_of(record.hash_key());
            let mut shard_id = String::new();
            if let Some(owner) = owner {
                shard_id.clone_from(&owner.known.shard.id);
                if fate.is_stored {
                    owner.stored.push(StoredRecord {
                        sequence_number: sequence_number.clone(),
                        partition_key: Bytes::copy_from_slice(record.partition_key()),
                        payload: Bytes::copy_from_slice(record.payload()),
                    });
                }
            }
            entries.push(match fate.failure {
                None => PutEntry::Stored {
                    sequence_number,
                    shard_id: shard_id.into(),
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

/// Counts a request as in flight until it is answered or its caller gives up.
struct InFlight {
    sink: MemorySink,
    index: usize,
}

impl Drop for InFlight {
    fn drop(&mut self) {
        if let Some(shard) = self.sink.state().shards.get_mut(self.index) {
            shard.in_flight = shard.in_flight.saturating_sub(1);
        }
    }
}

#[async_trait]
impl RecordSink for MemorySink {
    async fn describe(&self) -> Result<StreamDescription, SinkError> {
        self.reach("describe")?;
        let known = self
            .state()
            .shards
            .iter()
            .map(|shard| shard.known.clone())
            .collect();
        let lineage = Lineage::new(known);
        Ok(StreamDescription {
            shards: lineage
                .open_map()
                .map_err(|error| self.refuse(error.to_string()))?,
            lineage,
            record_bytes_max: self.shared.record_bytes_max,
            identity: self.shared.identity.clone(),
        })
    }

    async fn read(&self, shard: &Shard, start: ReadStart) -> Result<Box<dyn ShardReader>, SinkError> {
        self.reach("read")?;
        let index = self.index_of(shard)?;
        self.admit_place(index, &start)?;
        Ok(Box::new(MemoryReader::new(self.clone(), index, start)))
    }

    #[expect(clippy::panic, reason = "a scripted panic is what the fault is for")]
    async fn put(&self, shard: &Shard, records: &[BatchRecord]) -> Result<Vec<PutEntry>, SinkError> {
        let index = self.admit(shard, records)?;
        let (fault, _in_flight) = self.begin(index);
        let store_all = || self.store(records, |_| Fate::STORED);
        let store_but = |listed: &[usize], fate: Fate| {
            self.store(
                records,
                |at| {
                    if listed.contains(&at) { fate } else { Fate::STORED }
                },
            )
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
        write!(f, "MemorySink({} shards)", self.state().shards.len())
    }
}

impl fmt::Display for MemorySink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("memory stream")
    }
}
