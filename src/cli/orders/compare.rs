//! Compares the stream with the files while the task runs: in a turn it is noted what was sent by then, and read back while
//! rows go on.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::time::Instant;

use super::desk::TaskDesk;
use super::done;
use super::remote::Remote;
use crate::checkpoint::store::{CheckpointStore, ShardCut};
use crate::cli::backends::{self, Opened};
use crate::cli::text::counted;
use crate::cli::{task_events, to_json, verify};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::fault::{Fault, FaultKind};
use crate::model::sequence_number::SequenceNumber;
use crate::saturate;
use crate::serve::comparing::{Comparing, ComparingStatus, UnderWay};
use crate::serve::desk::{Order, Outcome, Subject, VerifyOrder};
use crate::settings::TargetConfig;
use crate::sink::RecordSink;
use crate::supervise::events::TaskEvent;
use crate::supervise::turns::Turn;
use crate::verify::Selection;
use crate::verify::report::{ObjectFindings, Report};
use crate::verify::snapshot::{Snapshot, rows_count};
use crate::verify::verification::Verification;

/// Version of the JSON shape; consumers ignore members they do not know.
const SCHEMA_VERSION: u32 = 1;
/// Rows that are compared beside a running task at most: 600 MB of its memory, see [`crate::verify`].
const ROWS_MAX: u64 = 5_000_000;
/// Objects of a report that are kept at most, and only those with findings.
const OBJECTS_MAX: usize = 200;
/// Time between two looks whether a comparison has ended.
const POLL_INTERVAL: Duration = Duration::from_millis(500);
/// A task that does not answer for so long is gone.
const SILENCE_MAX: Duration = Duration::from_secs(30);

/// Who compares. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Comparer {
    /// Only of a target of files: another writer of those would take what this one writes for torn.
    files: Option<Arc<dyn RecordSink>>,
    comparing: Comparing,
    /// What the last comparison of this process found.
    last: Arc<Mutex<Option<Numbered>>>,
}

/// A report, and of which comparison.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Numbered {
    number: u64,
    report: Report,
}

/// What is shown of comparisons.
#[derive(Serialize, Deserialize)]
struct Shown {
    schema_version: u32,
    task: String,
    #[serde(flatten)]
    status: ComparingStatus,
    /// Of which comparison the report is.
    report_number: Option<u64>,
    /// The last one of this process; of its objects only those with findings.
    report: Option<Report>,
}

/// The answer to the order.
#[derive(Serialize, Deserialize)]
struct Begun {
    schema_version: u32,
    task: String,
    /// Which comparison it is, of this process.
    number: u64,
    /// How many rows are compared at most.
    rows: u64,
}

impl Comparer {
    /// Compares what a running task has.
    pub(super) fn of(config: &Config, opened: &Opened, comparing: Comparing) -> Self {
        let files = match config.target {
            TargetConfig::Ndjson { .. } => Some(Arc::clone(&opened.sink)),
            TargetConfig::Kinesis { .. } => None,
        };
        Self {
            files,
            comparing,
            last: Arc::default(),
        }
    }

    /// What is known, as JSON.
    ///
    /// # Errors
    /// If it cannot be written as JSON, which is a defect.
    pub(super) fn shown(&self, task: &str) -> Result<String, Fault> {
        let status = self.comparing.status();
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (report_number, report) = last.map(|last| (last.number, last.report)).unzip();
        to_json(&Shown {
            schema_version: SCHEMA_VERSION,
            task: task.to_owned(),
            status,
            report_number,
            report,
        })
    }
}

impl TaskDesk {
    /// Begins a comparison; what it finds is shown when it has ended.
    ///
    /// # Errors
    /// Why it cannot be begun.
    pub(super) async fn compare(&self, order: VerifyOrder, by: String) -> Result<Outcome, Fault> {
        let since = order.since.as_deref().map(str::parse::<jiff::Timestamp>);
        let since = since.transpose().map_err(|error| {
            let message = format!("`since` is not a time such as 2026-11-23T20:00:00Z: {error}");
            Fault::new(FaultKind::Usage, message)
        })?;
        let selection = verify::selection(&self.config, &order.tables, since)?;
        let Some(under_way) = self.comparer.comparing.begin() else {
            let message = "a comparison is under way; wait for it to end";
            return Err(Fault::new(FaultKind::StateLocked, message));
        };
        let (desk, wanted) = (self.clone(), selection.clone());
        let checked = tokio::task::spawn_blocking(move || desk.check_size(&wanted));
        joined(checked.await)??;
        let turn = self.turn().await?;
        // From here on it is done, also if nobody waits for it any more.
        let (desk, runtime) = (self.clone(), Handle::current());
        let (told, begun) = oneshot::channel();
        tokio::task::spawn_blocking(move || {
            let noted = desk.note(turn, order, by, &selection);
            let (answer, snapshot) = match noted {
                Ok((snapshot, rows)) => (Ok((under_way.number(), rows)), Some(snapshot)),
                Err(fault) => (Err(fault), None),
            };
            // Whoever ordered it may be gone.
            drop(told.send(answer));
            if let Some(snapshot) = snapshot {
                desk.compare_now(&runtime, snapshot, selection, under_way);
            }
        });
        let (number, rows) = joined(begun.await)??;
        let task = &self.config.task;
        let message = format!(
            "task {task}: {} are compared with the stream, while the task goes on\n",
            counted(rows, "row")
        );
        done(
            message,
            &Begun {
                schema_version: SCHEMA_VERSION,
                task: task.clone(),
                number,
                rows,
            },
        )
    }

    /// Refuses what would take too much memory, before anything is interrupted for it.
    fn check_size(&self, selection: &Selection) -> Result<(), Fault> {
        let (entries, settled) = (verify::entries(&self.store)?, verify::settled(&self.config)?);
        match rows_count(&entries, &settled, &self.config, selection) {
            rows if rows > ROWS_MAX => Err(too_many(rows)),
            _ => Ok(()),
        }
    }

    /// Notes in a turn what was sent by then, and how many rows that are.
    fn note(
        &self,
        turn: Turn,
        order: VerifyOrder,
        by: String,
        selection: &Selection,
    ) -> Result<(Snapshot, u64), Fault> {
        if let Some(title) = Order::Verify(order).title() {
            task_events::announce(&self.config, &TaskEvent::Ordered { title, by })?;
        }
        let checkpoint = self.store.load().map_err(Fault::from)?;
        let entries = verify::entries(&self.store)?;
        drop(turn);
        let last = |cut: ShardCut| Some((cut.shard_id, SequenceNumber::new(&cut.last_sequence_number?)));
        let snapshot = Snapshot {
            until: checkpoint.cuts.into_iter().filter_map(last).collect(),
            task: checkpoint.task,
            entries,
            // Letters of later rows say nothing of earlier ones.
            settled: verify::settled(&self.config)?,
        };
        let rows = rows_count(&snapshot.entries, &snapshot.settled, &self.config, selection);
        Ok((snapshot, rows))
    }

    fn compare_now(&self, runtime: &Handle, snapshot: Snapshot, selection: Selection, under_way: UnderWay) {
        let (now_ms, is_partial) = (SystemClock.now_ms(), selection != Selection::default());
        let compared = runtime.block_on(async {
            tokio::select! {
                report = self.compared(snapshot, selection, now_ms) => report,
                () = self.stop.cancelled() => Err(Fault::new(FaultKind::StateLocked, "the task stopped meanwhile")),
            }
        });
        match compared {
            Ok(report) => {
                let comparisons = verify::remember(&self.config, &report, now_ms, is_partial, &|text| {
                    tracing::warn!("{text}");
                });
                let last = Numbered {
                    number: under_way.number(),
                    report: shortened(report),
                };
                *self.comparer.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(last);
                under_way.found(comparisons);
            }
            Err(fault) => {
                tracing::warn!(error = %fault, "a comparison of the stream with the files came to nothing");
                under_way.failed(fault.to_string());
            }
        }
    }

    /// With a source and a target of its own: what it reads is not what the task reads.
    async fn compared(&self, snapshot: Snapshot, selection: Selection, now_ms: i64) -> Result<Report, Fault> {
        let source = backends::source(&self.config).await?;
        let sink = match &self.comparer.files {
            Some(files) => Arc::clone(files),
            None => backends::sink(&self.config).await?,
        };
        let verification = Verification {
            config: &self.config,
            source: source.as_ref(),
            sink: sink.as_ref(),
            snapshot,
            selection,
            now_ms,
        };
        verification.run(&|_| {}).await
    }
}

/// What a thread came to; that it did not is a defect.
fn joined<T, E: std::fmt::Display>(joined: Result<T, E>) -> Result<T, Fault> {
    joined.map_err(|error| Fault::new(FaultKind::Internal, error.to_string()))
}

fn too_many(rows: u64) -> Fault {
    let message = format!(
        "{} would be compared, and beside a running task at most {} are, because they take its memory; name tables or a time \
         (`since`), or stop the task and run `brigade verify`",
        counted(rows, "row"),
        counted(ROWS_MAX, "row")
    );
    Fault::new(FaultKind::Usage, message)
}

/// A report of which only those objects are kept that people should look at.
fn shortened(mut report: Report) -> Report {
    report.objects.retain(ObjectFindings::is_remarkable);
    let more =
        report.objects.len().saturating_sub(OBJECTS_MAX) + report.set_aside.len().saturating_sub(OBJECTS_MAX);
    report.objects.truncate(OBJECTS_MAX);
    report.set_aside.truncate(OBJECTS_MAX);
    if more > 0 {
        let more = counted(saturate::to_u64(more), "object");
        report
            .notes
            .push(format!("{more} with findings are left out here"));
    }
    report
}

/// Has a running task compare, and waits; gives what it found.
///
/// # Errors
/// Why it came to nothing.
pub(super) fn compare_remotely(remote: &Remote<'_>, order: VerifyOrder, by: &str) -> Result<Report, Fault> {
    let unclear = |error: &dyn std::fmt::Display| {
        Fault::new(
            FaultKind::Internal,
            format!("the running task answered something else: {error}"),
        )
    };
    let outcome = remote.give(&Order::Verify(order), by)?;
    let begun: Begun = serde_json::from_value(outcome.report).map_err(|error| unclear(&error))?;
    let mut silent_since = None;
    loop {
        std::thread::sleep(POLL_INTERVAL);
        let shown: Shown = match remote.look_up(Subject::Comparison) {
            Ok(shown) => shown,
            Err(fault) if fault.kind == FaultKind::Unreachable => {
                // It goes on, whether it answers in between or not.
                if silent_since.get_or_insert_with(Instant::now).elapsed() > SILENCE_MAX {
                    return Err(fault);
                }
                continue;
            }
            Err(fault) => return Err(fault),
        };
        silent_since = None;
        let is_last = shown.status.number == begun.number;
        match shown.report.filter(|_| shown.report_number == Some(begun.number)) {
            Some(report) => return Ok(report),
            None if is_last && shown.status.is_running => {}
            None => {
                let problem = shown.status.problem.filter(|_| is_last);
                let problem = problem.unwrap_or_else(|| "another one was begun since".to_owned());
                let message = format!("the comparison has no result: {problem}");
                return Err(Fault::new(FaultKind::Unreachable, message));
            }
        }
    }
}
