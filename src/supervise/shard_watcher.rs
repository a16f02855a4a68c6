//! `ShardWatcher`: looks at the stream now and then and notices other shards, also when nothing is sent.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;
use tokio_util::sync::CancellationToken;

use crate::route::shard_map::ShardMap;
use crate::sink::{RecordSink, SinkError, StreamDescription};

/// Pause between two looks. Publishers notice sooner, from the answers; this is for shards without records.
const LOOK_INTERVAL: Duration = Duration::from_mins(1);

/// The actor.
#[derive(Debug)]
pub(super) struct ShardWatcher {
    sink: Arc<dyn RecordSink>,
    shards: ShardMap,
    reshard: CancellationToken,
    is_looking: bool,
}

impl ShardWatcher {
    /// A watcher that cancels `reshard` once the open shards are not these any more.
    pub(super) fn new(sink: Arc<dyn RecordSink>, shards: ShardMap, reshard: CancellationToken) -> Self {
        Self {
            sink,
            shards,
            reshard,
            is_looking: false,
        }
    }

    fn look(&mut self, context: &mut Context<Self>) {
        // A stream that is away is waited for, longer than an interval.
        if std::mem::replace(&mut self.is_looking, true) {
            return;
        }
        let sink = Arc::clone(&self.sink);
        let look = async move { sink.describe().await }.into_actor(self);
        context.spawn(look.map(|described, actor, _context| {
            actor.is_looking = false;
            actor.compare(described);
        }));
    }

    fn compare(&self, described: Result<StreamDescription, SinkError>) {
        match described {
            Ok(stream) if stream.shards != self.shards => {
                tracing::info!(
                    was = self.shards.shards().len(),
                    is = stream.shards.shards().len(),
                    "the stream was resharded"
                );
                self.reshard.cancel();
            }
            Ok(_same) => {}
            // Publishers report it if it matters.
            Err(error) => tracing::debug!(%error, "the stream could not be looked at"),
        }
    }
}

impl Actor for ShardWatcher {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        context.run_interval(LOOK_INTERVAL, Self::look);
    }
}
