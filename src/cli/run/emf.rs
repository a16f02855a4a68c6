//! Prints the lines for CloudWatch on standard output while a task runs.

use std::time::Duration;

use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::cli::print;
use crate::serve::{EmfMeter, View};

/// Time between two lines.
const LINE_INTERVAL: Duration = Duration::from_mins(1);
/// Time between two looks.
const SAMPLE_INTERVAL: Duration = Duration::from_millis(200);

/// The lines of a task, if its configuration wants them.
#[derive(Debug)]
pub(super) struct EmfLines {
    printing: Option<JoinHandle<()>>,
    done: CancellationToken,
}

impl EmfLines {
    /// Starts printing.
    pub(super) fn start(runtime: &Handle, view: &View, is_wanted: bool) -> Self {
        let done = CancellationToken::new();
        let printing = is_wanted.then(|| runtime.spawn(keep_printing(view.clone(), done.clone())));
        Self { printing, done }
    }

    /// Prints the last line, of less than a minute.
    pub(super) fn finish(self, runtime: &Handle) {
        self.done.cancel();
        if let Some(printing) = self.printing
            && runtime.block_on(printing).is_err()
        {
            tracing::warn!("the lines for CloudWatch broke");
        }
    }
}

async fn keep_printing(view: View, done: CancellationToken) {
    let mut meter = EmfMeter::default();
    let mut since = Instant::now();
    let mut tick = tokio::time::interval(SAMPLE_INTERVAL);
    loop {
        let is_over = tokio::select! {
            _ = tick.tick() => false,
            () = done.cancelled() => true,
        };
        meter.sample(&view);
        if is_over || since.elapsed() >= LINE_INTERVAL {
            if let Err(error) = print(&meter.lines(&view, since.elapsed())) {
                tracing::warn!(%error, "a line for CloudWatch was not printed");
            }
            since = Instant::now();
        }
        if is_over {
            return;
        }
    }
}
