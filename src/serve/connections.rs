//! Connections of clients: as many as the task can spare, so that clients that are slow, or many, take neither its open files nor the
//! place of who asks next.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use axum::extract::ConnectInfo;
use axum::{Extension, Router};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Open connections at most; the oldest one makes room for the next. Eight tabs of a browser take up to 48.
const CONNECTIONS_MAX: usize = 100;
/// How long a client may take to say what it wants, or to ask for more.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(30);
/// Pause after a connection could not be taken, as without a free file descriptor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(500);

/// Takes connections until it is to stop, and then lets those end that have a request.
pub(super) async fn serve(listener: TcpListener, router: Router, stop: CancellationToken) {
    let (mut open, tasks) = (Open::default(), TaskTracker::new());
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, from)) => {
                open.make_room();
                let connection = tasks.spawn(answer(stream, from, router.clone(), stop.clone()));
                open.0.push_back(connection.abort_handle());
            }
            Err(error) => {
                tracing::debug!(%error, "a connection could not be taken");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    tasks.close();
    tasks.wait().await;
}

/// The connections that are open, the oldest first.
#[derive(Debug, Default)]
struct Open(VecDeque<AbortHandle>);

impl Open {
    fn make_room(&mut self) {
        self.0.retain(|connection| !connection.is_finished());
        while self.0.len() >= CONNECTIONS_MAX {
            if let Some(oldest) = self.0.pop_front() {
                oldest.abort();
            }
        }
    }
}

/// Answers the requests of one connection.
async fn answer(stream: TcpStream, from: SocketAddr, router: Router, stop: CancellationToken) {
    let service = TowerToHyperService::new(router.layer(Extension(ConnectInfo(from))));
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_TIMEOUT)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = ended {
        tracing::trace!(%error, "a connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    async fn ask(address: SocketAddr) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = b"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n";
        stream.write_all(request).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn many_slow_clients_do_not_keep_the_next_one_waiting() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let stop = CancellationToken::new();
        let router = Router::new().route(
            "/",
            get(async |ConnectInfo(from): ConnectInfo<SocketAddr>| from.ip().to_string()),
        );
        let server = tokio::spawn(serve(listener, router, stop.clone()));
        let mut slow = Vec::new();
        for _ in 0..3 * CONNECTIONS_MAX {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(b"GET / HT").await.unwrap();
            slow.push(stream);
        }
        let answer = tokio::time::timeout(Duration::from_secs(5), ask(address))
            .await
            .unwrap();
        assert!(answer.ends_with("127.0.0.1"), "{answer}");
        // The first ones had to go.
        let mut first = slow.swap_remove(0);
        assert_eq!(first.read(&mut [0; 1]).await.unwrap_or(0), 0);
        drop(slow);
        stop.cancel();
        let ended = tokio::time::timeout(Duration::from_secs(5), server).await;
        assert!(ended.is_ok(), "it ends when it is asked to");
    }
}
