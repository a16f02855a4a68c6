//! Records to an Amazon Kinesis data stream.
//!
//! One call of [`RecordSink::put`] is one HTTP request: the SDK's retries are off for PutRecords, because a hidden
//! retry is a hidden duplicate. They stay on for the calls that only look.
//!
//! Calls run on the runtime given to [`KinesisSink::new`]: connections belong to the runtime they were opened on
//! and must not die with the short-lived runtime of an actor.

mod answer;
mod classify;
mod dry_run;
mod entries;
mod reader;
mod request;
mod said;

use std::collections::HashSet;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::config::retry::RetryConfig;
use aws_sdk_kinesis::config::timeout::TimeoutConfig;
use aws_sdk_kinesis::config::{Builder, Region, StalledStreamProtectionConfig};
use aws_sdk_kinesis::types::{Shard as ServiceShard, StreamDescriptionSummary};
use bytes::Bytes;
use tokio::runtime::Handle;
use tokio_util::context::TokioContext;

pub use self::answer::shared_entries;
use self::answer::{lineage_of, one_each, record_bytes_max, unsent_entries, usable_identity};
use self::classify::{Call, PUT_RECORDS, classify};
use self::entries::EntryReader;
use self::reader::{KinesisReader, PAGE_RECORDS_MAX};
use super::kpl::aggregate;
use super::{PutEntry, ReadStart, RecordSink, ShardReader, SinkError, StreamDescription, WriteRight};
use crate::aws::witness::{StreamFacts, Witness};
use crate::clock::{Clock, SystemClock};
use crate::limits::REQUEST_RECORDS_MAX;
use crate::model::BatchRecord;
use crate::route::shard_map::Shard;
use crate::settings::Aggregation;

/// Time allowed for opening a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// Attempts of a call that only looks.
const LOOK_ATTEMPTS_MAX: u32 = 5;
/// Shards asked for at once; the service's maximum.
const SHARDS_PER_PAGE: i32 = 1_000;
/// Pages of shards read at most; far above the largest stream, so only a server that turns in circles gets there.
const SHARD_PAGES_MAX: usize = 1_000;

/// Where the stream is and how long to wait for it.
#[derive(Debug, Clone)]
pub struct KinesisOptions {
    /// Stream, by its name or its ARN.
    pub stream: String,
    /// Region; `None` leaves it to the shared configuration.
    pub region: Option<String>,
    /// Custom endpoint.
    pub endpoint: Option<String>,
    /// Time allowed for one request.
    pub request_timeout: Duration,
    /// Whether the records of a request travel as one.
    pub aggregation: Aggregation,
}

/// An Amazon Kinesis data stream.
pub struct KinesisSink {
    stream: String,
    /// For calls that only look.
    client: Client,
    /// For PutRecords: no call is ever made twice.
    putting: Client,
    runtime: Handle,
    aggregation: Aggregation,
    /// Shards that an aggregate was meant for and did not reach: the stream was resharded. What is still in flight for
    /// them goes record by record, each to where it belongs now.
    closed_shards: Mutex<HashSet<String>>,
    witness: Witness,
}

impl KinesisSink {
    /// A stream, reached with the credentials of the shared configuration on the given runtime, which needs its
    /// I/O and time drivers and has to outlive the sink.
    pub fn new(shared: &SdkConfig, options: KinesisOptions, runtime: Handle) -> Self {
        let witness = Witness::new(|| SystemClock.now_ms());
        let configure = || {
            let mut configuration = configure(shared, &options).interceptor(witness.clone());
            let credentials = shared.credentials_provider();
            configuration.set_credentials_provider(credentials.map(|provider| witness.watch(provider)));
            configuration
        };
        Self {
            client: Client::from_conf(configure().build()),
            putting: Client::from_conf(configure().retry_config(RetryConfig::disabled()).build()),
            witness: witness.clone(),
            stream: options.stream,
            runtime,
            aggregation: options.aggregation,
            closed_shards: Mutex::default(),
        }
    }

    async fn summary(&self) -> Result<StreamDescriptionSummary, SinkError> {
        let call = self.call("kinesis:DescribeStreamSummary");
        let request = self.client.describe_stream_summary();
        let request = request
            .set_stream_name(name_of(&self.stream))
            .set_stream_arn(arn_of(&self.stream));
        let answer = within(&self.runtime, request.send()).await;
        let output = answer.map_err(|error| classify(&call, &error))?;
        let summary = output.stream_description_summary;
        summary.ok_or_else(|| call.doubtful("the answer holds no description".to_owned()))
    }

    async fn shards(&self) -> Result<Vec<ServiceShard>, SinkError> {
        let call = self.call("kinesis:ListShards");
        let mut shards = Vec::new();
        let mut next_token = None;
        for _page in 0..SHARD_PAGES_MAX {
            let request = self.client.list_shards().max_results(SHARDS_PER_PAGE);
            let request = request.set_stream_arn(arn_of(&self.stream));
            // The service takes either the name or the token of the next page.
            let request = match next_token {
                None => request.set_stream_name(name_of(&self.stream)),
                Some(token) => request.next_token(token),
            };
            let answer = within(&self.runtime, request.send()).await;
            let page = answer.map_err(|error| classify(&call, &error))?;
            shards.extend(page.shards.unwrap_or_default());
            next_token = page.next_token.filter(|token| !token.is_empty());
            if next_token.is_none() {
                return Ok(shards);
            }
        }
        Err(call.doubtful(format!(
            "the list of shards goes on after {SHARD_PAGES_MAX} pages"
        )))
    }

    fn call(&self, action: &'static str) -> Call<'_> {
        Call {
            action,
            stream: &self.stream,
        }
    }

    fn is_closed(&self, shard: &Shard) -> bool {
        self.closed_shards().contains(&shard.id)
    }

    fn closed_shards(&self) -> MutexGuard<'_, HashSet<String>> {
        self.closed_shards.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a body that [`request`] wrote, without a retry.
    async fn put_once(&self, call: &Call<'_>, body: Bytes) -> Result<Vec<PutEntry>, SinkError> {
        let entries = EntryReader::default();
        let request = self
            .putting
            .put_records()
            .set_stream_name(name_of(&self.stream))
            .set_stream_arn(arn_of(&self.stream))
            .set_records(Some(Vec::new()))
            .customize()
            .interceptor(entries.clone())
            .map_request(move |request| request::with_body(request, body.clone()));
        let answer = within(&self.runtime, request.send()).await;
        answer.map_err(|error| classify(call, &error))?;
        Ok(entries.take())
    }

    fn reader(&self, shard: &Shard, place: ReadStart) -> KinesisReader {
        KinesisReader {
            client: self.client.clone(),
            runtime: self.runtime.clone(),
            stream: self.stream.clone(),
            shard: shard.clone(),
            place,
            iterator: None,
            page_records: PAGE_RECORDS_MAX,
        }
    }
}

/// What requests call a stream that is given by its name.
fn name_of(stream: &str) -> Option<String> {
    (!is_arn(stream)).then(|| stream.to_owned())
}

/// What requests call a stream that is given by its ARN.
fn arn_of(stream: &str) -> Option<String> {
    is_arn(stream).then(|| stream.to_owned())
}

/// Names of streams have no colon.
fn is_arn(stream: &str) -> bool {
    stream.starts_with("arn:")
}

/// A call that is made on the caller's thread, with connections and timers that belong to another runtime. That is
/// cheaper than a task of its own there, whose end would have to wake the caller.
fn within<F: Future>(runtime: &Handle, call: F) -> TokioContext<Pin<Box<F>>> {
    TokioContext::new(Box::pin(call), runtime.clone())
}

#[async_trait]
impl RecordSink for KinesisSink {
    async fn describe(&self) -> Result<StreamDescription, SinkError> {
        let summary = self.summary().await?;
        let identity = usable_identity(&self.call("kinesis:DescribeStreamSummary"), &summary)?;
        self.witness.described(facts_of(&summary));
        let call = self.call("kinesis:ListShards");
        let lineage = lineage_of(&call, self.shards().await?)?;
        // Between the steps of a resharding the open shards may leave a gap for a moment.
        let shards = lineage
            .open_map()
            .map_err(|error| call.doubtful(error.to_string()))?;
        Ok(StreamDescription {
            shards,
            lineage,
            record_bytes_max: record_bytes_max(&summary),
            identity,
        })
    }

    async fn put(&self, shard: &Shard, records: &[BatchRecord]) -> Result<Vec<PutEntry>, SinkError> {
        let call = self.call(PUT_RECORDS);
        if self.aggregation == Aggregation::None || records.len() <= 1 || self.is_closed(shard) {
            // Only before a closed shard there are more than fit into a request.
            let (first, rest) = records.split_at(records.len().min(REQUEST_RECORDS_MAX));
            let body = request::body(&self.stream, first);
            let body = body.map_err(|detail| call.records_refused(detail))?;
            let answered = self.put_once(&call, body).await?;
            let mut entries = one_each(&call, answered, first.len())?;
            entries.extend(unsent_entries(shard, rest.len()));
            return Ok(entries);
        }
        let aggregate = aggregate(shard.range, records).map_err(|error| call.refused(error.to_string()))?;
        let body = request::aggregate_body(&self.stream, &aggregate);
        let body = body.map_err(|detail| call.refused(detail))?;
        let answered = self.put_once(&call, body).await?;
        let entries = one_each(&call, answered, 1)?;
        if entries.iter().any(|entry| entry.is_elsewhere(&shard.id)) {
            self.closed_shards().insert(shard.id.clone());
        }
        Ok(shared_entries(entries, shard, records.len()))
    }

    async fn read(&self, shard: &Shard, start: ReadStart) -> Result<Box<dyn ShardReader>, SinkError> {
        let mut reader = self.reader(shard, start);
        reader.iterator = Some(reader.find().await?);
        Ok(Box::new(reader))
    }

    async fn check_writable(&self) -> Result<WriteRight, SinkError> {
        self.ask_to_write().await
    }

    async fn check_readable(&self, shard: &Shard) -> Result<(), SinkError> {
        let mut reader = self.reader(shard, ReadStart::Oldest);
        reader.page_records = 1;
        reader.next_page().await.map(drop)
    }

    fn witness(&self) -> Option<&Witness> {
        Some(&self.witness)
    }
}

fn facts_of(summary: &StreamDescriptionSummary) -> StreamFacts {
    let mode = summary
        .stream_mode_details()
        .map(|details| details.stream_mode().as_str());
    let hours = u64::try_from(summary.retention_period_hours()).unwrap_or(0);
    StreamFacts {
        name: summary.stream_name().to_owned(),
        mode: mode.unwrap_or_default().to_owned(),
        retention: Duration::from_hours(hours),
    }
}

impl fmt::Debug for KinesisSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KinesisSink({})", self.stream)
    }
}

impl fmt::Display for KinesisSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Kinesis stream {}", self.stream)
    }
}

fn configure(shared: &SdkConfig, options: &KinesisOptions) -> Builder {
    let timeouts = TimeoutConfig::builder()
        // A connection that does not come about must be distinguished from an answer that does not come.
        .connect_timeout(CONNECT_TIMEOUT.min(options.request_timeout / 2))
        .operation_attempt_timeout(options.request_timeout)
        .build();
    let mut builder = Builder::from(shared)
        .timeout_config(timeouts)
        .retry_config(RetryConfig::standard().with_max_attempts(LOOK_ATTEMPTS_MAX))
        // The request timeout alone decides when a request is given up.
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled());
    if let Some(region) = &options.region {
        builder.set_region(Some(Region::new(region.clone())));
    }
    if let Some(endpoint) = &options.endpoint {
        builder.set_endpoint_url(Some(endpoint.clone()));
    }
    builder
}
