//! Compares the stream with the files while the task runs: in a turn it is noted what was sent by then, and read back while
//! rows go on.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use serde_json::json;
use tokio::runtime::Handle;

use super::desk::TaskDesk;
use super::done;
use super::remote::Remote;
use crate::cli::backends::Opened;
use crate::cli::text::counted;
use crate::cli::{task_events, to_json, verify};
use crate::clock::{Clock, SystemClock};
use crate::fault::{Fault, FaultKind};
use crate::saturate;
use crate::serve::comparing::{Comparing, ComparingStatus, UnderWay};
use crate::serve::desk::{Order, Outcome, Subject, VerifyOrder};
use crate::sink::RecordSink;
use crate::source::ObjectSource;
use crate::supervise::events::TaskEvent;
use crate::verify::Selection;
use crate::verify::report::{ObjectFindings, Report};
use crate::verify::verification::{Snapshot, Verification};

/// Version of the JSON shape; consumers ignore members they do not know.
const SCHEMA_VERSION: u32 = 1;
/// Rows that are compared beside a running task at most: 600 MB of its memory, see [`crate::verify`].
const ROWS_MAX: u64 = 5_000_000;
/// Objects of a report that are kept at most, and only those with findings.
const OBJECTS_MAX: usize = 200;
/// Time between two looks whether a comparison has ended.
const POLL_INTERVAL: Duration = Duration::from_millis(500);

/// Who compares. Clones share it.
#[derive(Debug, Clone)]
pub(super) struct Comparer {
    source: Arc<dyn ObjectSource>,
    sink: Arc<dyn RecordSink>,
    comparing: Comparing,
    /// What the last comparison of this process found.
    report: Arc<Mutex<Option<Report>>>,
}

/// What is shown of comparisons.
#[derive(Serialize, Deserialize)]
struct Shown {
    schema_version: u32,
    task: String,
    #[serde(flatten)]
    status: ComparingStatus,
    /// The last one of this process; of its objects only those with findings.
    report: Option<Report>,
}

impl Comparer {
    /// Compares what a running task has.
    pub(super) fn of(opened: &Opened, comparing: Comparing) -> Self {
        Self {
            source: Arc::clone(&opened.source),
            sink: Arc::clone(&opened.sink),
            comparing,
            report: Arc::default(),
        }
    }

    /// What is known, as JSON.
    ///
    /// # Errors
    /// If it cannot be written as JSON, which is a defect.
    pub(super) fn shown(&self, task: &str) -> Result<String, Fault> {
        to_json(&Shown {
            schema_version: SCHEMA_VERSION,
            task: task.to_owned(),
            status: self.comparing.status(),
            report: self.report.lock().unwrap_or_else(PoisonError::into_inner).clone(),
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
            Fault::new(
                FaultKind::Usage,
                format!("`since` is not a time such as 2026-11-23T20:00:00Z: {error}"),
            )
        })?;
        let selection = verify::selection(&self.config, &order.tables, since)?;
        let Some(under_way) = self.comparer.comparing.begin() else {
            let message = "a comparison is under way; wait for it to end";
            return Err(Fault::new(FaultKind::StateLocked, message));
        };
        if let Some(title) = Order::Verify(order).title() {
            task_events::announce(&self.config, &TaskEvent::Ordered { title, by })?;
        }
        let turn = self.turn().await?;
        let desk = self.clone();
        let noted = tokio::task::spawn_blocking(move || {
            let snapshot = verify::snapshot(&desk.config, &desk.store);
            drop(turn);
            snapshot
        });
        let noted = noted
            .await
            .map_err(|error| Fault::new(FaultKind::Internal, error.to_string()))?;
        let snapshot = noted?;
        let rows = snapshot.rows_count(&self.config, &selection);
        if rows > ROWS_MAX {
            return Err(too_many(rows));
        }
        let (desk, runtime) = (self.clone(), Handle::current());
        tokio::task::spawn_blocking(move || desk.compare_now(&runtime, snapshot, selection, under_way));
        let task = &self.config.task;
        let message = format!(
            "task {task}: {} are compared with the stream, while the task goes on\n",
            counted(rows, "row")
        );
        done(
            message,
            &json!({ "schema_version": SCHEMA_VERSION, "task": task, "rows": rows }),
        )
    }

    fn compare_now(&self, runtime: &Handle, snapshot: Snapshot, selection: Selection, under_way: UnderWay) {
        let (now_ms, is_partial) = (SystemClock.now_ms(), selection != Selection::default());
        let verification = Verification {
            config: &self.config,
            source: self.comparer.source.as_ref(),
            sink: self.comparer.sink.as_ref(),
            snapshot,
            selection,
            now_ms,
        };
        let compared = runtime.block_on(verification.run(&|_| {}));
        let remembered = compared.and_then(|report| {
            let comparisons = verify::remember(&self.config, &report, now_ms, is_partial)?;
            Ok((comparisons, report))
        });
        match remembered {
            Ok((comparisons, report)) => {
                let mut kept = self
                    .comparer
                    .report
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner);
                *kept = Some(shortened(report));
                drop(kept);
                under_way.found(comparisons);
            }
            Err(fault) => {
                tracing::warn!(error = %fault, "a comparison of the stream with the files came to nothing");
                under_way.failed(fault.to_string());
            }
        }
    }
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
    let more = report.objects.len().saturating_sub(OBJECTS_MAX);
    report.objects.truncate(OBJECTS_MAX);
    if more > 0 {
        let more = counted(saturate::to_u64(more), "object");
        report
            .notes
            .push(format!("{more} with findings are left out here"));
    }
    report
}

/// Waits for the comparison of a running task; gives what it found.
///
/// # Errors
/// Why it came to nothing.
pub(super) fn wait(remote: &Remote<'_>) -> Result<Report, Fault> {
    loop {
        std::thread::sleep(POLL_INTERVAL);
        let shown: Shown = remote.look_up(Subject::Comparison)?;
        if shown.status.is_running {
            continue;
        }
        if let Some(problem) = shown.status.problem {
            return Err(Fault::new(FaultKind::Unreachable, problem));
        }
        return shown.report.ok_or_else(|| {
            let message = "the running task does not say what the comparison found";
            Fault::new(FaultKind::Internal, message)
        });
    }
}
