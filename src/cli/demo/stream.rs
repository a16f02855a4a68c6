//! The stream of a demo: on the embedded server or on another, with or without a fault proxy before it.

use super::faults::FaultArgs;
use crate::fault::Fault;
use crate::sandbox::blog_task::{Aggregation, SHARDS_COUNT, STREAM};
use crate::sandbox::clients::kinesis_client;
use crate::sandbox::fault_proxy::{FaultCounts, FaultPlan, FaultProxy};
use crate::sandbox::kinesis::{SandboxKinesis, ShardLimits};
use crate::sandbox::streams;

/// A running stream and who counts what goes into it.
#[derive(Debug)]
pub(super) struct DemoStream {
    embedded: Option<SandboxKinesis>,
    proxy: Option<FaultProxy>,
    client: aws_sdk_kinesis::Client,
    engine_endpoint: String,
}

/// What went into the stream so far, as consumers count it: an aggregated record is as many as it has members.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Tally {
    /// Records that are stored.
    pub(super) stored: u64,
    /// Records that were refused one by one.
    pub(super) refused: u64,
    /// Stored records whose sender got no answer.
    pub(super) untold: u64,
    /// Those of them that were stored some time after they were sent.
    pub(super) late: u64,
    /// Records that were stored after a refused one that they must not overtake.
    pub(super) overtakers: u64,
    /// The same, where their sender got no answer.
    pub(super) untold_overtakers: u64,
    /// Records in aggregated ones that went to another shard than was meant: their sender learns of that, and sends
    /// them again unless it looks.
    pub(super) elsewhere: u64,
}

impl Tally {
    /// Records that were stored when they were sent: what a process that has just begun adds is its own.
    pub(super) fn in_time(self) -> u64 {
        self.stored.saturating_sub(self.late)
    }
}

impl DemoStream {
    /// Starts the servers and creates the stream.
    pub(super) async fn start(limits: ShardLimits, faults: &FaultArgs, seed: u64) -> Result<Self, Fault> {
        let rates = faults.rates();
        let (embedded, endpoint) = if let Some(endpoint) = &faults.chaos.kinesis_endpoint {
            (None, endpoint.clone())
        } else {
            let embedded = SandboxKinesis::start(limits).await?;
            let endpoint = embedded.endpoint();
            (Some(embedded), endpoint)
        };
        // Somebody else's server has no counters of ours, and ours does not look into aggregated records, so the proxy
        // counts even if nothing goes wrong.
        let needs_proxy = embedded.is_none() || faults.aggregation == Aggregation::Kpl;
        let proxy = if needs_proxy || !rates.is_nothing() {
            Some(FaultProxy::start(&endpoint, FaultPlan { rates, seed }).await?)
        } else {
            None
        };
        // Past the proxy: what the demo does itself is not disturbed.
        let client = kinesis_client(&endpoint);
        streams::create(&client, STREAM, SHARDS_COUNT).await?;
        let engine_endpoint = proxy.as_ref().map_or(endpoint, FaultProxy::endpoint);
        Ok(Self {
            embedded,
            proxy,
            client,
            engine_endpoint,
        })
    }

    /// Where the engine sends to.
    pub(super) fn engine_endpoint(&self) -> &str {
        &self.engine_endpoint
    }

    /// A client that meets no faults.
    pub(super) fn client(&self) -> &aws_sdk_kinesis::Client {
        &self.client
    }

    /// What went wrong on purpose.
    pub(super) fn faults(&self) -> Option<FaultCounts> {
        self.proxy.as_ref().map(FaultProxy::counts)
    }

    /// What went into the stream so far.
    pub(super) fn tally(&self) -> Tally {
        if let Some(proxy) = &self.proxy {
            let (reading, counts) = (proxy.meter().reading(), proxy.counts());
            return Tally {
                stored: reading.stored_count,
                refused: reading.refused_count,
                untold: counts.stored_untold(),
                late: counts.late_records,
                overtakers: counts.stored_behind_refused_of_key,
                untold_overtakers: counts.untold_behind_refused_of_key,
                elsewhere: counts.stored_elsewhere,
            };
        }
        let reading = self.embedded.as_ref().map(|server| server.meter().reading());
        reading.map_or_else(Tally::default, |reading| Tally {
            stored: reading.stored_count,
            refused: reading.refused_count,
            untold: 0,
            late: 0,
            overtakers: reading.stored_behind_refused_count,
            untold_overtakers: 0,
            elsewhere: 0,
        })
    }

    /// Stops what was started here; the records of the embedded server are gone.
    pub(super) async fn stop(self) -> Result<(), Fault> {
        if let Some(proxy) = self.proxy {
            proxy.stop().await?;
        }
        if let Some(embedded) = self.embedded {
            embedded.stop().await?;
        }
        Ok(())
    }
}
