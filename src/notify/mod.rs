//! Tells others of the events of a task: a webhook, `EventBridge`, SNS.
//!
//! What is told is what the log of events has ([`crate::supervise::events`]), in its order, each event at least once, also
//! after a crash: each sink has a cursor in the state folder. The data path knows nothing of it, and a sink that is away
//! holds up nothing, not even another sink.

mod courier;
mod cursor;
mod event;
mod event_bus;
pub mod follow;
mod topic;
mod webhook;

use std::fmt::Debug;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use aws_config::SdkConfig;
use aws_smithy_http_client::tls::TlsContext;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use self::courier::{Courier, Rhythm};
use self::cursor::Cursor;
use self::event::Event;
use self::event_bus::EventBus;
use self::topic::Topic;
use self::webhook::Webhook;
use crate::fault::{Fault, FaultKind};
use crate::settings::{EventBusConfig, TopicConfig, WebhookConfig};

/// How long the end of a run waits for sinks to take the last events.
const END_TIMEOUT: Duration = Duration::from_secs(5);

/// The kinds of sinks.
const SINKS: [&str; 3] = ["webhook", "eventbridge", "sns"];

/// Somebody who wants to know.
#[async_trait]
trait EventSink: Debug + Send + Sync {
    /// What kind it is; also part of the name of its cursor.
    fn name(&self) -> &'static str;

    /// Tells it of an event, once.
    async fn send(&self, event: &Event) -> Result<(), NotTaken>;
}

/// Why an event was not taken.
#[derive(Debug)]
enum NotTaken {
    /// Trying again may help.
    Now(String),
    /// The sink says that it is the event that is wrong.
    Ever(String),
}

/// All whom the events of a task go to.
#[derive(Debug, Default)]
pub struct EventSinks {
    end: CancellationToken,
    couriers: Vec<Delivery>,
    sinks: Vec<Arc<dyn EventSink>>,
}

#[derive(Debug)]
struct Delivery {
    sink: &'static str,
    left: Arc<AtomicUsize>,
    work: JoinHandle<()>,
}

impl EventSinks {
    /// The files in a state folder that say how far sinks are.
    pub fn cursors(folder: &Path) -> impl Iterator<Item = PathBuf> {
        let folder = folder.to_owned();
        SINKS
            .into_iter()
            .map(move |sink| Cursor::of(&folder, sink).into_path())
    }

    /// Adds a webhook; `tls` says which certificates are trusted, if not those of the system.
    pub fn add_webhook(&mut self, config: WebhookConfig, tls: Option<TlsContext>) {
        self.sinks.push(Arc::new(Webhook::new(config, tls)));
    }

    /// Adds a bus.
    pub fn add_event_bus(&mut self, config: EventBusConfig, shared: &SdkConfig) {
        self.sinks.push(Arc::new(EventBus::new(config, shared)));
    }

    /// Adds a topic.
    pub fn add_topic(&mut self, config: TopicConfig, shared: &SdkConfig) {
        self.sinks.push(Arc::new(Topic::new(config, shared)));
    }

    /// Begins to tell them: of everything that is in the log after what they took, and of what comes.
    ///
    /// # Errors
    /// [`FaultKind::StateIo`] if the log of events, or how far a sink is, cannot be read or written.
    pub fn start(&mut self, runtime: &Handle, folder: &Path) -> Result<(), Fault> {
        let is_here = |name: &str| self.sinks.iter().any(|sink| sink.name() == name);
        for name in SINKS.into_iter().filter(|name| !is_here(name)) {
            // One that is added again is new.
            Cursor::of(folder, name).forget();
        }
        for sink in self.sinks.drain(..) {
            let name = sink.name();
            let courier = Courier::begin(folder, sink, Rhythm::default()).map_err(|error| {
                let message = format!("events for events.sinks.{name} in {}: {error}", folder.display());
                Fault::new(FaultKind::StateIo, message)
            })?;
            self.couriers.push(Delivery {
                sink: name,
                left: courier.left(),
                work: runtime.spawn(courier.work(self.end.clone())),
            });
        }
        Ok(())
    }

    /// Gives them a few seconds to take what is left; what they do not take, they are told of by the next run.
    pub async fn finish(self) {
        self.end.cancel();
        let deadline = tokio::time::Instant::now() + END_TIMEOUT;
        for Delivery { sink, left, mut work } in self.couriers {
            let is_late = tokio::time::timeout_at(deadline, &mut work).await.is_err();
            work.abort();
            let events = left.load(Ordering::Relaxed);
            if is_late || events > 0 {
                tracing::warn!(
                    sink,
                    events,
                    "the last events were not taken; the sink is told of them when the task runs again"
                );
            }
        }
    }
}
