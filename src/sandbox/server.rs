//! One HTTP server on a free loopback port, with a bounded graceful stop. All embedded servers run in it.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::SandboxError;
use super::wire::{Wire, WireListener};

/// Time that open requests get to end when a server is stopped.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// A running server. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct LocalServer {
    name: &'static str,
    address: SocketAddr,
    stop: DropGuard,
    task: JoinHandle<std::io::Result<()>>,
}

impl LocalServer {
    /// Serves the routes on a free port of 127.0.0.1, HTTP/1.1 and HTTP/2, on the current tokio runtime.
    ///
    /// # Errors
    /// [`SandboxError::Listen`] if there is no port.
    pub async fn start(name: &'static str, routes: Router) -> Result<Self, SandboxError> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .await
            .map_err(|source| SandboxError::Listen { source })?;
        let address = listener
            .local_addr()
            .map_err(|source| SandboxError::Listen { source })?;
        let token = CancellationToken::new();
        let stop = token.clone().drop_guard();
        let stopped = token.cancelled_owned();
        let routes = routes.into_make_service_with_connect_info::<Wire>();
        let task = tokio::spawn(async move {
            axum::serve(WireListener(listener), routes)
                .with_graceful_shutdown(stopped)
                .await
        });
        Ok(Self {
            name,
            address,
            stop,
            task,
        })
    }

    /// Base URL of the server, without a slash at its end.
    pub fn endpoint(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Takes no new connections, lets open requests end, and returns when the server is gone.
    ///
    /// # Errors
    /// [`SandboxError::Server`] if it had failed before, or if requests did not end in time.
    pub async fn stop(self) -> Result<(), SandboxError> {
        let Self { name, stop, task, .. } = self;
        drop(stop);
        let failed = |detail: String| SandboxError::Server { server: name, detail };
        let abort = task.abort_handle();
        match tokio::time::timeout(STOP_TIMEOUT, task).await {
            Ok(Ok(served)) => served.map_err(|error| failed(error.to_string())),
            Ok(Err(panicked)) => Err(failed(panicked.to_string())),
            Err(_elapsed) => {
                abort.abort();
                Err(failed(format!(
                    "requests were still open {} s after the stop",
                    STOP_TIMEOUT.as_secs()
                )))
            }
        }
    }
}
