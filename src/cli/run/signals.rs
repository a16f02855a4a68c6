//! SIGTERM, SIGINT and SIGHUP: the first lets the requests in flight end, the second ends the process at once.

use tokio::runtime::Handle;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Cancels `stop` at the first signal; ends the process with 128 + signal number at the second.
pub(super) fn watch(runtime: &Handle, stop: CancellationToken) {
    runtime.spawn(async move {
        let Ok(mut signals) = Signals::watched() else {
            tracing::warn!("cannot watch signals; a stop will leave records in doubt");
            return;
        };
        signals.next().await;
        crate::cli::report(
            "stopping: requests in flight are finished first; a second signal ends the process at once",
        );
        stop.cancel();
        let code = signals.next().await;
        crate::cli::report("ended by a second signal; records in flight are in doubt at the next start");
        std::process::exit(code);
    });
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    /// The terminal was closed. Whoever starts the process with `nohup` wants it to go on.
    hangup: Option<Signal>,
}

impl Signals {
    fn watched() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: if is_hangup_ignored() {
                None
            } else {
                Some(signal(SignalKind::hangup())?)
            },
        })
    }

    /// Waits for a signal; gives the exit code of a process that it ends.
    async fn next(&mut self) -> i32 {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.terminate.recv() => 143,
            _ = self.interrupt.recv() => 130,
            _ = hangup => 129,
        }
    }
}

/// Whether the process was started with SIGHUP ignored, as `nohup` does it. Watching a signal takes that away, so it has to
/// be asked before; where there is no `/proc` it cannot be, and a hang-up stops the task.
fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    ignores_hangup(&status)
}

/// Whether signal 1 is set in the mask of ignored signals, a hexadecimal number (`man 5 proc_pid_status`).
fn ignores_hangup(status: &str) -> bool {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    mask.is_some_and(|mask| mask & 1 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_ignored_signals_is_read() {
        assert!(ignores_hangup(
            "Name:\tbrigade\nSigIgn:\t0000000000001001\nSigCgt:\t0\n"
        ));
        assert!(!ignores_hangup(
            "SigIgn:\t0000000000001000\nSigCgt:\t0000000000000001\n"
        ));
        assert!(!ignores_hangup(""));
    }
}
