//! Objects from an S3 bucket, or from any server that speaks its language.
//!
//! Every request names the account that must own the bucket, if one is configured. Every GET asks for one
//! version (`If-Match`) and checks the answer's entity tag as well, because some servers ignore the condition.
//!
//! Calls run on the runtime given to [`S3Source::new`]: connections belong to the runtime they were opened on
//! and must not die with the short-lived runtime of an actor.

mod body;
mod classify;
mod keys;

use std::fmt;
use std::future::Future;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_sdk_s3::Client;
use aws_sdk_s3::config::retry::RetryConfig;
use aws_sdk_s3::config::timeout::TimeoutConfig;
use aws_sdk_s3::config::{Builder, Region, ResponseChecksumValidation, StalledStreamProtectionConfig};
use aws_sdk_s3::operation::list_objects_v2::ListObjectsV2Output;
use aws_sdk_s3::types::{EncodingType, RequestPayer};
use futures_util::stream;
use tokio::runtime::Handle;
use tokio_util::task::AbortOnDropHandle;

use self::body::ObjectReader;
use self::classify::{Action, RequestFailure, trouble_of};
use super::{ByteStream, ListCursor, ListPage, ObjectSource, SourceError};
use crate::aws::witness::Witness;
use crate::clock::{Clock, SystemClock};
use crate::limits::LIST_PAGE_KEYS_MAX;
use crate::model::ObjectVersion;
use crate::printable::printable;
use crate::saturate;

/// Time allowed for opening a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Attempts of the SDK per request.
const SDK_ATTEMPTS_MAX: u32 = 4;

/// Which bucket, and how to reach it.
#[derive(Debug, Clone)]
pub struct S3Options {
    /// Bucket name.
    pub bucket: String,
    /// Region; `None` leaves it to the shared configuration.
    pub region: Option<String>,
    /// Custom endpoint.
    pub endpoint: Option<String>,
    /// Whether the bucket goes into the path instead of the host name.
    pub path_style: bool,
    /// Whether the account of the credentials pays for the requests.
    pub requester_pays: bool,
    /// Account that must own the bucket.
    pub expected_bucket_owner: Option<String>,
    /// Prefix that [`ObjectSource::check`] lists; a role may be allowed to list the bucket's folder only.
    pub checked_prefix: String,
    /// How long to try.
    pub patience: Patience,
}

/// How long to try before an object is given up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Patience {
    /// Time without a byte after which an answer or a body is given up and asked for again.
    pub stall_timeout: Duration,
    /// Attempts in a row that bring no byte.
    pub attempts_max: u32,
    /// Delay before the second attempt; it doubles from one to the next.
    pub delay_first: Duration,
    /// Longest delay.
    pub delay_max: Duration,
}

impl Default for Patience {
    /// A stall timeout far above any pause of a healthy connection, and about half a minute of delays on top of
    /// the SDK's own attempts.
    fn default() -> Self {
        Self {
            stall_timeout: Duration::from_secs(30),
            attempts_max: 8,
            delay_first: Duration::from_millis(200),
            delay_max: Duration::from_secs(10),
        }
    }
}

/// What came over the wire since a source was made.
#[derive(Debug, Default)]
pub struct SourceCounters {
    /// Bytes of bodies.
    pub body_bytes: AtomicU64,
    /// GET requests, retries of the SDK not counted.
    pub get_requests: AtomicU64,
    /// LIST requests, retries of the SDK not counted.
    pub list_requests: AtomicU64,
}

/// An S3 bucket.
pub struct S3Source {
    bucket: Arc<Bucket>,
    checked_prefix: String,
    runtime: Handle,
}

/// What the requests to a bucket have in common.
#[derive(Debug)]
struct Bucket {
    client: Client,
    name: String,
    owner: Option<String>,
    payer: Option<RequestPayer>,
    patience: Patience,
    counters: SourceCounters,
    witness: Witness,
}

impl S3Source {
    /// A bucket, reached with the credentials of the shared configuration on the given runtime, which needs its
    /// I/O and time drivers and has to outlive the source.
    pub fn new(shared: &SdkConfig, options: S3Options, runtime: Handle) -> Self {
        let witness = Witness::new(|| SystemClock.now_ms());
        let mut configuration = configure(shared, &options).interceptor(witness.clone());
        let credentials = shared.credentials_provider();
        configuration.set_credentials_provider(credentials.map(|provider| witness.watch(provider)));
        let bucket = Bucket {
            client: Client::from_conf(configuration.build()),
            name: options.bucket,
            owner: options.expected_bucket_owner,
            payer: options.requester_pays.then_some(RequestPayer::Requester),
            patience: options.patience,
            counters: SourceCounters::default(),
            witness,
        };
        Self {
            bucket: Arc::new(bucket),
            checked_prefix: options.checked_prefix,
            runtime,
        }
    }

    /// What came over the wire so far.
    pub fn counters(&self) -> &SourceCounters {
        &self.bucket.counters
    }

    /// Runs a call on the source's own runtime; it ends if the caller gives up.
    async fn run<T: Send + 'static>(
        &self,
        action: Action,
        location: String,
        request: impl Future<Output = Result<T, SourceError>> + Send + 'static,
    ) -> Result<T, SourceError> {
        match AbortOnDropHandle::new(self.runtime.spawn(request)).await {
            Ok(result) => result,
            Err(error) => Err(RequestFailure::Passing(error.to_string()).into_error(action, location, "", 1)),
        }
    }
}

#[async_trait]
impl ObjectSource for S3Source {
    async fn list(&self, prefix: &str, after: Option<&ListCursor>) -> Result<ListPage, SourceError> {
        let bucket = Arc::clone(&self.bucket);
        let (prefix, after) = (prefix.to_owned(), after.map(|cursor| cursor.start_after.clone()));
        let location = self.locate(&prefix);
        self.run(Action::List, location.clone(), async move {
            let output = bucket.list(&prefix, after.as_deref(), LIST_PAGE_KEYS_MAX).await?;
            let refuse =
                |detail: String| RequestFailure::Refused(detail).into_error(Action::List, location, "", 1);
            keys::page_of(output, after.as_deref().unwrap_or_default()).map_err(refuse)
        })
        .await
    }

    async fn read_range(
        &self,
        version: &ObjectVersion,
        range: Range<u64>,
    ) -> Result<ByteStream, SourceError> {
        let range = range.start..range.end.min(version.size_bytes);
        if range.is_empty() {
            // S3 answers 416 to a range that starts at the end.
            return Ok(Box::pin(stream::empty()));
        }
        let location = self.locate(&version.key);
        let reader = ObjectReader::new(Arc::clone(&self.bucket), location.clone(), version.clone(), range);
        let opened = self
            .run(Action::Get, location, async move { reader.open().await })
            .await?;
        Ok(Box::pin(opened.read_ahead(&self.runtime)))
    }

    async fn check(&self) -> Result<(), SourceError> {
        let bucket = Arc::clone(&self.bucket);
        let prefix = self.checked_prefix.clone();
        let location = self.locate(&prefix);
        let listing = async move { bucket.list(&prefix, None, 1).await.map(drop) };
        self.run(Action::List, location, listing).await
    }

    fn locate(&self, key: &str) -> String {
        self.bucket.locate(key)
    }

    fn bytes_read(&self) -> u64 {
        self.bucket.counters.body_bytes.load(Ordering::Relaxed)
    }

    fn witness(&self) -> Option<&Witness> {
        Some(&self.bucket.witness)
    }
}

impl Bucket {
    fn locate(&self, key: &str) -> String {
        format!("s3://{}/{}", self.name, printable(key))
    }

    async fn list(
        &self,
        prefix: &str,
        after: Option<&str>,
        keys_max: usize,
    ) -> Result<ListObjectsV2Output, SourceError> {
        self.counters.list_requests.fetch_add(1, Ordering::Relaxed);
        let request = self.client.list_objects_v2().bucket(&self.name).prefix(prefix);
        let request = request
            .set_start_after(after.map(str::to_owned))
            .set_expected_bucket_owner(self.owner.clone())
            .set_request_payer(self.payer.clone())
            .max_keys(saturate::to_i32(keys_max))
            // XML cannot carry every character of a key.
            .encoding_type(EncodingType::Url);
        let failed = |error| {
            let trouble = trouble_of(Action::List, &error);
            trouble.into_error(Action::List, self.locate(prefix), "", SDK_ATTEMPTS_MAX)
        };
        request.send().await.map_err(failed)
    }
}

impl fmt::Debug for S3Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3Source({})", self.bucket.name)
    }
}

impl fmt::Display for S3Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "s3://{}", self.bucket.name)
    }
}

fn configure(shared: &SdkConfig, options: &S3Options) -> Builder {
    let timeouts = TimeoutConfig::builder()
        .connect_timeout(CONNECT_TIMEOUT.min(options.patience.stall_timeout))
        // Up to the head of an answer; the body has the same limit between any two pieces.
        .operation_attempt_timeout(options.patience.stall_timeout)
        .build();
    let retries = RetryConfig::standard()
        .with_max_attempts(SDK_ATTEMPTS_MAX)
        .with_initial_backoff(options.patience.delay_first)
        .with_max_backoff(options.patience.delay_max);
    let mut builder = Builder::from(shared)
        .force_path_style(options.path_style)
        .retry_config(retries)
        .timeout_config(timeouts)
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        // A checksum of a whole object can be judged only after its last byte, when its rows are long on their
        // way, and a range has none. In transit TLS protects the bytes.
        .response_checksum_validation(ResponseChecksumValidation::WhenRequired);
    if let Some(region) = &options.region {
        builder.set_region(Some(Region::new(region.clone())));
    }
    if let Some(endpoint) = &options.endpoint {
        builder.set_endpoint_url(Some(endpoint.clone()));
    }
    builder
}
