//! What a task tells systemd, where that is who started it (`Type=notify`): that it is ready, what it does, that it lives,
//! and that it stops.
//!
//! It is ready when its data path is there for the first time, and lives while its actors beat. An outage of AWS is not a
//! reason to be restarted: a task that waits for its source at the start asks for more time, and beats.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use sd_notify::NotifyState;
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use crate::checkpoint::status::{TableStatus, TaskStatus};
use crate::checkpoint::store::Phase;
use crate::counted::counted;
use crate::printable::printable;
use crate::serve::Beat;
use crate::serve::health::SILENT_MAX;

/// Time between two looks at the task.
const TICK: Duration = Duration::from_secs(1);
/// How much time a start that is still waiting asks for: more than until it asks again.
const MORE_TIME_US: u32 = 30_000_000;

/// Tells systemd about a running task; does nothing where nobody listens.
#[derive(Debug)]
pub(super) struct Service {
    telling: Option<JoinHandle<()>>,
    done: CancellationToken,
}

impl Service {
    /// Starts to tell.
    pub(super) fn start(
        runtime: &Handle,
        status: watch::Receiver<Arc<TaskStatus>>,
        beat: Beat,
        stop: CancellationToken,
    ) -> Self {
        let done = CancellationToken::new();
        let is_heard = std::env::var_os("NOTIFY_SOCKET").is_some_and(|path| !path.is_empty());
        let teller = Teller {
            status,
            beat,
            stop,
            done: done.clone(),
            watchdog: sd_notify::watchdog_enabled(),
            told: Told::default(),
        };
        let telling = is_heard.then(|| runtime.spawn(teller.tell()));
        Self { telling, done }
    }

    /// Says that the task is over.
    pub(super) fn finish(self, runtime: &Handle) {
        self.done.cancel();
        if let Some(telling) = self.telling
            && runtime.block_on(telling).is_err()
        {
            tracing::warn!("telling systemd broke");
        }
    }
}

struct Teller {
    status: watch::Receiver<Arc<TaskStatus>>,
    beat: Beat,
    stop: CancellationToken,
    done: CancellationToken,
    watchdog: Option<Duration>,
    told: Told,
}

/// What systemd knows.
#[derive(Debug, Default)]
struct Told {
    is_ready: bool,
    is_stopping: bool,
    sentence: String,
}

impl Teller {
    async fn tell(mut self) {
        let period = self.watchdog.map_or(TICK, |watchdog| TICK.min(watchdog / 4));
        let mut tick = tokio::time::interval(period.max(Duration::from_millis(10)));
        loop {
            let is_over = tokio::select! {
                _ = tick.tick() => false,
                () = self.stop.cancelled(), if !self.told.is_stopping => false,
                () = self.done.cancelled() => true,
            };
            if let Err(error) = self.tell_once(is_over) {
                tracing::warn!(%error, "NOTIFY_SOCKET does not answer; systemd learns nothing of the task");
                return;
            }
            if is_over {
                return;
            }
        }
    }

    /// Says what has changed, and that the task lives if it does.
    fn tell_once(&mut self, is_over: bool) -> io::Result<()> {
        let status = Arc::clone(&self.status.borrow());
        let is_stopping = is_over || self.stop.is_cancelled();
        let (sentence, lives) = (
            sentence(&status, is_stopping),
            self.beat.silent_for() <= SILENT_MAX,
        );
        let mut news = Vec::new();
        if status.has_data_path && !self.told.is_ready && !is_stopping {
            self.told.is_ready = true;
            news.push(NotifyState::Ready);
        }
        if is_stopping && !self.told.is_stopping {
            self.told.is_stopping = true;
            news.push(NotifyState::Stopping);
        }
        if sentence != self.told.sentence {
            news.push(NotifyState::Status(&sentence));
        }
        if lives && !self.told.is_ready {
            news.push(NotifyState::ExtendTimeoutUsec(MORE_TIME_US));
        }
        // One that stops is under the time limit of the stop, and its actors may be gone already.
        if self.watchdog.is_some() && (lives || is_stopping) {
            news.push(NotifyState::Watchdog);
        }
        if !news.is_empty() {
            sd_notify::notify(&news)?;
        }
        self.told.sentence = sentence;
        Ok(())
    }
}

/// How the task is, in a sentence on one line.
fn sentence(status: &TaskStatus, is_stopping: bool) -> String {
    if is_stopping {
        return "Stopping: requests in flight are finished first.".to_owned();
    }
    if status.paused {
        return "Paused: nothing is read or sent until it is resumed.".to_owned();
    }
    if let Some(outage) = status.outages.first() {
        return format!(
            "Waiting for the {}: {}",
            outage.side,
            printable(&outage.last_error)
        );
    }
    if !status.has_data_path {
        return "Building the data path.".to_owned();
    }
    let rows = |table: &TableStatus| {
        let statistics = &table.statistics;
        statistics.full_load_rows
            + statistics.applied_inserts
            + statistics.applied_updates
            + statistics.applied_deletes
    };
    let rows = counted(status.tables.iter().map(rows).sum(), "row");
    let dead = counted(status.dead_lettered_rows(), "dead letter");
    let loaded = status.tables.iter();
    let loaded = loaded
        .filter(|table| table.statistics.full_load_end_ms.is_some())
        .count();
    let tables = status.tables.len();
    match status.phase {
        Phase::FullLoad => format!("Loading: {loaded} of {tables} tables loaded, {rows} sent, {dead}."),
        Phase::Changes => format!("Following changes: {rows} sent, {dead}."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::flow::outage::{Outage, Side};

    #[test]
    fn the_sentence_says_what_the_task_does_on_one_line() {
        let mut status = TaskStatus::default();
        assert_eq!(sentence(&status, false), "Building the data path.");
        status.has_data_path = true;
        status.tables = vec![TableStatus::default()];
        status.tables[0].statistics.full_load_rows = 1_234;
        let loading = "Loading: 0 of 1 tables loaded, 1,234 rows sent, 0 dead letters.";
        assert_eq!(sentence(&status, false), loading);
        status.tables[0].statistics.full_load_end_ms = Some(1);
        status.tables[0].statistics.applied_updates = 1;
        (status.phase, status.unassigned_error_rows) = (Phase::Changes, 1);
        let following = "Following changes: 1,235 rows sent, 1 dead letter.";
        assert_eq!(sentence(&status, false), following);
        status.outages.push(Outage {
            side: Side::Target,
            since_ms: 0,
            last_error: "refused\nWATCHDOG=trigger".to_owned(),
            errors: 1,
        });
        let waiting = sentence(&status, false);
        assert!(
            waiting.starts_with("Waiting for the target: refused"),
            "{waiting}"
        );
        assert_eq!(
            waiting.lines().count(),
            1,
            "a line of its own would be an order: {waiting:?}"
        );
        assert!(
            sentence(&status, true).starts_with("Stopping"),
            "a stop says more"
        );
    }
}
