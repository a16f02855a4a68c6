//! SIGTERM and SIGINT: the first lets the requests in flight end, the second ends the process at once.

use tokio::runtime::Handle;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Cancels `stop` at the first signal; ends the process with 128 + signal number at the second.
pub(super) fn watch(runtime: &Handle, stop: CancellationToken) {
    runtime.spawn(async move {
        let (Ok(mut terminate), Ok(mut interrupt)) =
            (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
        else {
            tracing::warn!("cannot watch signals; a stop will leave records in doubt");
            return;
        };
        next(&mut terminate, &mut interrupt).await;
        crate::cli::report(
            "stopping: requests in flight are finished first; a second signal ends the process at once",
        );
        stop.cancel();
        let code = next(&mut terminate, &mut interrupt).await;
        crate::cli::report("ended by a second signal; records in flight are in doubt at the next start");
        std::process::exit(code);
    });
}

async fn next(terminate: &mut Signal, interrupt: &mut Signal) -> i32 {
    tokio::select! {
        _ = terminate.recv() => 143,
        _ = interrupt.recv() => 130,
    }
}
