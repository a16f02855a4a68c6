//! Builds what a task needs from outside, as its configuration says.

use std::sync::Arc;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use tokio::runtime::Handle;

use super::{ca_bundle, own_files};
use crate::checkpoint::store::sled::{OpenOptions, SledStore};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::fault::{Fault, FaultKind};
use crate::settings::{SourceLocation, TargetConfig};
use crate::sink::RecordSink;
use crate::sink::kinesis::{KinesisOptions, KinesisSink};
use crate::sink::ndjson::NdjsonSink;
use crate::source::ObjectSource;
use crate::source::local::LocalSource;
use crate::source::s3::{Patience, S3Options, S3Source};
use crate::supervise::pipeline::Backends;

/// Everything a task needs from outside, open.
#[derive(Debug)]
pub struct Opened {
    /// Where objects come from.
    pub source: Arc<dyn ObjectSource>,
    /// Where records go.
    pub sink: Arc<dyn RecordSink>,
    store: Arc<SledStore>,
}

/// Opens the state, the source and the target of a task.
///
/// # Errors
/// If the state cannot be opened; source and target are reached later.
pub async fn open(config: &Config) -> Result<Opened, Fault> {
    own_files::close(config);
    let store = open_store(config)?;
    let source = source(config).await?;
    let sink = sink(config).await?;
    Ok(Opened {
        source,
        sink,
        store: Arc::new(store),
    })
}

/// Opens the checkpoint store of a task.
///
/// # Errors
/// If it is in use, damaged, of another task, or cannot be created.
pub fn open_store(config: &Config) -> Result<SledStore, Fault> {
    SledStore::open(&config.state.path, &OpenOptions::new(config.task.clone())).map_err(Fault::from)
}

/// The source of a task.
///
/// # Errors
/// As [`source_at`].
pub async fn source(config: &Config) -> Result<Arc<dyn ObjectSource>, Fault> {
    source_at(&config.source.location, &config.source.bucket_folder).await
}

/// A bucket or a folder; `checked_prefix` is where it is listed to see whether it may be.
///
/// # Errors
/// If `AWS_CA_BUNDLE` names what is not a bundle of certificates.
pub async fn source_at(
    location: &SourceLocation,
    checked_prefix: &str,
) -> Result<Arc<dyn ObjectSource>, Fault> {
    Ok(match location {
        SourceLocation::Local { directory } => Arc::new(LocalSource::new(directory)),
        SourceLocation::S3 {
            bucket,
            region,
            endpoint,
            path_style,
            requester_pays,
            expected_bucket_owner,
        } => {
            let options = S3Options {
                bucket: bucket.clone(),
                region: region.clone(),
                endpoint: endpoint.clone(),
                path_style: *path_style,
                requester_pays: *requester_pays,
                expected_bucket_owner: expected_bucket_owner.clone(),
                checked_prefix: checked_prefix.to_owned(),
                patience: Patience::default(),
            };
            let shared = sdk(options.region.as_deref()).await?;
            Arc::new(S3Source::new(&shared, options, Handle::current()))
        }
    })
}

/// The target of a task.
///
/// # Errors
/// If a local target cannot be created, or `AWS_CA_BUNDLE` names what is not a bundle of certificates.
pub async fn sink(config: &Config) -> Result<Arc<dyn RecordSink>, Fault> {
    match &config.target {
        TargetConfig::Ndjson { path, shards } => {
            let sink = NdjsonSink::open(path, *shards);
            let sink = sink.map_err(|error| Fault::new(FaultKind::StateCreate, error.to_string()))?;
            Ok(Arc::new(sink))
        }
        TargetConfig::Kinesis {
            stream,
            region,
            endpoint,
            request_timeout,
        } => {
            let options = KinesisOptions {
                stream: stream.clone(),
                region: region.clone(),
                endpoint: endpoint.clone(),
                request_timeout: *request_timeout,
                aggregation: config.delivery.aggregation,
            };
            let shared = sdk(options.region.as_deref()).await?;
            Ok(Arc::new(KinesisSink::new(&shared, options, Handle::current())))
        }
    }
}

/// Credentials come from the SDK's provider chain alone, never from a file of ours. If the region is known, the SDK does
/// not go looking for one, as far as a metadata service that may not be there.
pub(super) async fn sdk(region: Option<&str>) -> Result<SdkConfig, Fault> {
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    if let Some(client) = ca_bundle::http_client()? {
        loader = loader.http_client(client);
    }
    if let Some(region) = region {
        loader = loader.region(Region::new(region.to_owned()));
    }
    Ok(loader.load().await)
}

impl Opened {
    /// As the pipeline takes them.
    pub fn backends(&self) -> Backends {
        Backends {
            source: Arc::clone(&self.source),
            sink: Arc::clone(&self.sink),
            store: self.store(),
            clock: Arc::new(SystemClock),
        }
    }

    /// The store, for what only the durable backend has: upkeep, export.
    pub fn store(&self) -> Arc<SledStore> {
        Arc::clone(&self.store)
    }
}
