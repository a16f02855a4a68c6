//! Progress lines on a terminal: one per table that is being loaded, redrawn five times a second.

use std::env;
use std::io::{self, IsTerminal};
use std::sync::Arc;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressStyle};
use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::rates::TaskProgress;
use crate::checkpoint::status::TaskStatus;
use crate::observe::terminal;

/// Time between two drawings.
const DRAW_INTERVAL: Duration = Duration::from_millis(200);

/// Draws progress lines while a task runs; draws nothing if standard error is not a terminal.
#[derive(Debug)]
pub(super) struct ProgressLines {
    drawing: Option<JoinHandle<()>>,
    done: CancellationToken,
}

impl ProgressLines {
    /// Starts drawing.
    pub(super) fn start(runtime: &Handle, status: watch::Receiver<Arc<TaskStatus>>) -> Self {
        let done = CancellationToken::new();
        let can_move = io::stderr().is_terminal() && env::var_os("TERM").is_none_or(|name| name != "dumb");
        let drawing = can_move.then(|| runtime.spawn(draw(status, done.clone())));
        Self { drawing, done }
    }

    /// Clears the lines and stops.
    pub(super) fn finish(self, runtime: &Handle) {
        self.done.cancel();
        if let Some(drawing) = self.drawing
            && runtime.block_on(drawing).is_err()
        {
            tracing::warn!("the progress lines broke");
        }
    }
}

async fn draw(status: watch::Receiver<Arc<TaskStatus>>, done: CancellationToken) {
    let lines = terminal::lines();
    let mut bars: Vec<ProgressBar> = Vec::new();
    let mut progress = TaskProgress::default();
    let started = Instant::now();
    let mut tick = tokio::time::interval(DRAW_INTERVAL);
    loop {
        tokio::select! {
            _ = tick.tick() => {}
            () = done.cancelled() => break,
        }
        let snapshot = Arc::clone(&status.borrow());
        show(lines, &mut bars, progress.lines(&snapshot, started.elapsed()));
    }
    for bar in bars {
        bar.finish_and_clear();
    }
}

/// Puts the texts on the lines, with as many lines as there are texts.
fn show(lines: &MultiProgress, bars: &mut Vec<ProgressBar>, texts: Vec<String>) {
    while bars.len() < texts.len() {
        let style =
            ProgressStyle::with_template("{wide_msg}").unwrap_or_else(|_| ProgressStyle::default_spinner());
        bars.push(lines.add(ProgressBar::no_length().with_style(style)));
    }
    for bar in bars.drain(texts.len()..) {
        bar.finish_and_clear();
        lines.remove(&bar);
    }
    for (bar, text) in bars.iter().zip(texts) {
        bar.set_message(text);
    }
}
