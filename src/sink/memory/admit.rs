//! What a stream takes: every limit of the service.

use bytes::Bytes;

use super::MemorySink;
use crate::limits::{
    PARTITION_KEY_CHARACTERS_MAX, REQUEST_BYTES_MAX, REQUEST_RECORDS_MAX, partition_key_length,
};
use crate::model::BatchRecord;
use crate::route::shard_map::Shard;
use crate::sink::SinkError;

impl MemorySink {
    pub(super) fn refuse(&self, detail: String) -> SinkError {
        SinkError::Refused {
            action: "put",
            stream: self.to_string(),
            detail,
        }
    }

    fn refuse_records(&self, detail: String) -> SinkError {
        SinkError::RecordsRefused {
            action: "put",
            stream: self.to_string(),
            detail,
        }
    }

    /// Refuses, as a whole, every request with a record whose message contains this text.
    pub fn refuse_messages_with(&self, text: &str) {
        self.state().refused_text = Some(Bytes::copy_from_slice(text.as_bytes()));
    }

    /// The index of the shard, after every limit of the service was checked.
    pub(super) fn admit(&self, shard: &Shard, records: &[BatchRecord]) -> Result<usize, SinkError> {
        let index = self.index_of(shard)?;
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

    pub(super) fn index_of(&self, shard: &Shard) -> Result<usize, SinkError> {
        let state = self.state();
        let index = state.shards.iter().position(|own| own.known.shard == *shard);
        drop(state);
        index.ok_or_else(|| self.refuse(format!("{} is not a shard of this stream", shard.id)))
    }

    fn admit_record(&self, shard: &Shard, record: &BatchRecord) -> Result<(), SinkError> {
        let bytes_count = record.bytes_count();
        if bytes_count > self.shared.record_bytes_max {
            return Err(self.refuse_records(format!("record #{} has {bytes_count} bytes", record.ordinal)));
        }
        let characters = record.partition_key_text().map(partition_key_length);
        if !characters.is_ok_and(|count| (1..=PARTITION_KEY_CHARACTERS_MAX).contains(&count)) {
            return Err(self.refuse_records(format!(
                "the partition key of record #{} is not valid",
                record.ordinal
            )));
        }
        let refused_text = self.state().refused_text.clone();
        if refused_text.is_some_and(|text| record.payload().windows(text.len()).any(|part| *part == *text)) {
            return Err(self.refuse_records(format!("record #{} is one that is refused", record.ordinal)));
        }
        if !shard.range.contains(record.hash_key()) {
            return Err(self.refuse(format!(
                "record #{} does not belong to {}",
                record.ordinal, shard.id
            )));
        }
        Ok(())
    }
}
