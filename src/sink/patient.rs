//! A sink that waits for one that is away: calls that only look are made again until they are answered.
//!
//! A request with records goes through as it is, once: whether it may be sent again is for `publish` to say.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use super::{
    PutEntry, ReadPage, ReadStart, RecordSink, ShardReader, SinkError, StreamDescription, WriteRight,
};
use crate::aws::witness::Witness;
use crate::flow::outage::{Outages, Side, Trial};
use crate::model::BatchRecord;
use crate::route::shard_map::Shard;

/// A sink, waited for.
#[derive(Debug)]
pub struct PatientSink {
    inner: Arc<dyn RecordSink>,
    outages: Outages,
}

/// A reader of its shards, waited for.
#[derive(Debug)]
struct PatientReader {
    inner: Box<dyn ShardReader>,
    trial: Trial,
}

impl PatientSink {
    /// Waits for a sink.
    pub fn new(inner: Arc<dyn RecordSink>, outages: Outages) -> Self {
        Self { inner, outages }
    }
}

/// Waits after an error that may pass. Whoever is throttled has no answer either.
async fn wait_after(trial: &mut Trial, error: SinkError) -> Result<(), SinkError> {
    if !error.is_away() && !matches!(error, SinkError::Throttled { .. }) {
        trial.answered();
        return Err(error);
    }
    Ok(trial.wait_after(&error.to_string()).await?)
}

#[async_trait]
impl RecordSink for PatientSink {
    async fn describe(&self) -> Result<StreamDescription, SinkError> {
        let mut trial = self.outages.trial(Side::Target);
        loop {
            match trial
                .attend("describing the stream", self.inner.describe())
                .await?
            {
                Ok(stream) => {
                    trial.answered();
                    return Ok(stream);
                }
                Err(error) => wait_after(&mut trial, error).await?,
            }
        }
    }

    async fn put(&self, shard: &Shard, records: &[BatchRecord]) -> Result<Vec<PutEntry>, SinkError> {
        self.inner.put(shard, records).await
    }

    async fn read(&self, shard: &Shard, start: ReadStart) -> Result<Box<dyn ShardReader>, SinkError> {
        let mut trial = self.outages.trial(Side::Target);
        loop {
            match trial
                .attend("reading the stream back", self.inner.read(shard, start.clone()))
                .await?
            {
                Ok(inner) => {
                    trial.answered();
                    return Ok(Box::new(PatientReader { inner, trial }));
                }
                Err(error) => wait_after(&mut trial, error).await?,
            }
        }
    }

    async fn check_readable(&self, shard: &Shard) -> Result<(), SinkError> {
        let mut trial = self.outages.trial(Side::Target);
        loop {
            match trial
                .attend("asking for the right to read", self.inner.check_readable(shard))
                .await?
            {
                Ok(()) => {
                    trial.answered();
                    return Ok(());
                }
                Err(error) => wait_after(&mut trial, error).await?,
            }
        }
    }

    async fn check_writable(&self) -> Result<WriteRight, SinkError> {
        self.inner.check_writable().await
    }

    fn witness(&self) -> Option<&Witness> {
        self.inner.witness()
    }
}

#[async_trait]
impl ShardReader for PatientReader {
    async fn next_page(&mut self) -> Result<ReadPage, SinkError> {
        loop {
            match self
                .trial
                .attend("reading the stream back", self.inner.next_page())
                .await?
            {
                // Other readers want their share: the pace of reading is for the caller to keep.
                page @ (Ok(_) | Err(SinkError::Throttled { .. })) => {
                    self.trial.answered();
                    return page;
                }
                Err(error) => wait_after(&mut self.trial, error).await?,
            }
        }
    }
}

impl fmt::Display for PatientSink {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.inner.fmt(f)
    }
}
