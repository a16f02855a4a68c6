//! Reads a shard of the stream back, as consumers do: aggregated records are taken apart. The caller keeps the pace; an
//! iterator that expired is replaced here.

use std::fmt;

use async_trait::async_trait;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_kinesis::operation::get_records::GetRecordsOutput;
use aws_sdk_kinesis::primitives::DateTime;
use aws_sdk_kinesis::types::{Record, ShardIteratorType};
use bytes::Bytes;
use tokio::runtime::Handle;

use super::classify::{Call, classify};
use super::{arn_of, name_of, within};
use crate::route::shard_map::{HashRange, Shard};
use crate::sink::kpl::{is_dropped_by_consumers, take_apart};
use crate::sink::{PageEdge, ReadPage, ReadStart, SeenRecord, ShardReader, SinkError};

/// Records asked for at once; the service's maximum. It stops at 10 MiB.
pub(super) const PAGE_RECORDS_MAX: i32 = 10_000;
const READ: &str = "kinesis:GetRecords";
const FIND: &str = "kinesis:GetShardIterator";

/// Reads one shard.
pub(super) struct KinesisReader {
    pub(super) client: Client,
    pub(super) runtime: Handle,
    pub(super) stream: String,
    pub(super) shard: Shard,
    /// Where to get an iterator for.
    pub(super) place: ReadStart,
    pub(super) iterator: Option<String>,
    pub(super) page_records: i32,
}

impl KinesisReader {
    /// Gets the iterator for the place.
    ///
    /// # Errors
    /// [`SinkError::Refused`] if the service does not know the place any more.
    pub(super) async fn find(&mut self) -> Result<String, SinkError> {
        let call = self.call(FIND);
        let request = self.client.get_shard_iterator();
        let request = request
            .set_stream_name(name_of(&self.stream))
            .set_stream_arn(arn_of(&self.stream))
            .shard_id(&self.shard.id);
        let request = match &self.place {
            ReadStart::Oldest => request.shard_iterator_type(ShardIteratorType::TrimHorizon),
            ReadStart::Latest => request.shard_iterator_type(ShardIteratorType::Latest),
            ReadStart::At(number) => request
                .shard_iterator_type(ShardIteratorType::AtSequenceNumber)
                .starting_sequence_number(number),
            ReadStart::After(number) => request
                .shard_iterator_type(ShardIteratorType::AfterSequenceNumber)
                .starting_sequence_number(number),
            ReadStart::Since(time_ms) => request
                .shard_iterator_type(ShardIteratorType::AtTimestamp)
                .timestamp(DateTime::from_millis(*time_ms)),
        };
        let answer = within(&self.runtime, request.send()).await;
        let output = answer.map_err(|error| classify(&call, &error))?;
        let iterator = output.shard_iterator.filter(|iterator| !iterator.is_empty());
        iterator.ok_or_else(|| call.doubtful("the answer holds no iterator".to_owned()))
    }

    fn call(&self, action: &'static str) -> Call<'_> {
        Call {
            action,
            stream: &self.stream,
        }
    }

    fn page_of(&mut self, output: GetRecordsOutput) -> ReadPage {
        if let Some(last) = output.records.last() {
            self.place = ReadStart::After(last.sequence_number.clone());
        }
        let (first, last) = (output.records.first().map(edge), output.records.last().map(edge));
        let range = self.shard.range;
        let records = output.records.into_iter().flat_map(|record| seen(range, record));
        let records = records.collect();
        self.iterator = output.next_shard_iterator.filter(|iterator| !iterator.is_empty());
        let behind_ms = output.millis_behind_latest.unwrap_or(0);
        ReadPage {
            records,
            behind_ms: u64::try_from(behind_ms).unwrap_or(0),
            is_last: self.iterator.is_none(),
            first,
            last,
        }
    }
}

#[async_trait]
impl ShardReader for KinesisReader {
    async fn next_page(&mut self) -> Result<ReadPage, SinkError> {
        let iterator = match self.iterator.take() {
            Some(iterator) => iterator,
            None => self.find().await?,
        };
        let request = self.client.get_records();
        let request = request
            .set_stream_arn(arn_of(&self.stream))
            .shard_iterator(&iterator)
            .limit(self.page_records);
        let call = self.call(READ);
        let answer = within(&self.runtime, request.send()).await;
        match answer {
            Ok(output) => Ok(self.page_of(output)),
            // Five minutes old: the next call finds the place again.
            Err(SdkError::ServiceError(error)) if error.err().code() == Some("ExpiredIteratorException") => {
                Err(call.not_sent("the iterator expired".to_owned()))
            }
            Err(error) => {
                let error = classify(&call, &error);
                self.iterator = Some(iterator);
                Err(error)
            }
        }
    }
}

fn edge(record: &Record) -> PageEdge {
    let arrived = record.approximate_arrival_timestamp.as_ref();
    PageEdge {
        sequence_number: record.sequence_number.clone(),
        arrived_ms: arrived.and_then(|arrived| arrived.to_millis().ok()),
    }
}

/// What consumers see of a record: itself, the members of the aggregate that it is, or nothing if they drop it.
fn seen(range: HashRange, record: Record) -> Vec<SeenRecord> {
    let (number, data) = (record.sequence_number, Bytes::from(record.data.into_inner()));
    match take_apart(&data) {
        None => vec![SeenRecord {
            sequence_number: number,
            member: None,
            partition_key: record.partition_key.unwrap_or_default(),
            payload: data,
        }],
        Some(members) if is_dropped_by_consumers(range, &members) => {
            let members = members.len();
            tracing::warn!(
                number,
                members,
                "left out an aggregated record of another shard, as consumers do"
            );
            Vec::new()
        }
        Some(members) => {
            let seen = members.into_iter().enumerate().map(|(index, member)| SeenRecord {
                sequence_number: number.clone(),
                member: Some(index),
                partition_key: member.partition_key,
                payload: member.payload,
            });
            seen.collect()
        }
    }
}

impl fmt::Debug for KinesisReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KinesisReader({} of {})", self.shard.id, self.stream)
    }
}
