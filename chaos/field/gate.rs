//! A gate on loopback before a server: it relays bytes, and while a door runs it can be made to do what networks and
//! services do when they are away.
//!
//! It works on connections and not on calls, so it is the same for S3 and for Kinesis. Whatever changes, the connections
//! that are open end at once, as they do when a network breaks.

use std::io;
use std::net::SocketAddr;

use bucket_brigade::saturate;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, copy, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::AbortHandle;

use crate::listening::Listening;

/// What a gate does with connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Weather {
    /// They are relayed.
    Clear,
    /// They are closed at once.
    Closed,
    /// They are taken, and nothing is ever answered nor passed on.
    Silent,
    /// Each request is answered with HTTP 500, and not passed on.
    Failing,
    /// Each request is answered as a service does that is asked too often, and not passed on.
    Throttling,
    /// Each request is passed on, and its connection is closed when the answer comes.
    Swallowing,
}

impl Weather {
    /// All in which a side is away.
    pub(crate) const AWAY: [Self; 4] = [Self::Closed, Self::Failing, Self::Swallowing, Self::Silent];
}

/// Whose answers a gate has to give.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    S3,
    Kinesis,
}

/// A running gate. Dropping it closes it.
#[derive(Debug)]
pub(crate) struct Gate {
    endpoint: String,
    weather: watch::Sender<Weather>,
    accepting: AbortHandle,
}

impl Gate {
    /// A gate before the server with this base URL, in clear weather.
    pub(crate) async fn start(protocol: Protocol, backend: &str) -> Result<Self, String> {
        let Listening {
            listener,
            backend,
            endpoint,
        } = Listening::before(backend).await?;
        let (weather, seen) = watch::channel(Weather::Clear);
        let accepting = tokio::spawn(accept(listener, protocol, backend, seen)).abort_handle();
        Ok(Self {
            endpoint,
            weather,
            accepting,
        })
    }

    /// Base URL.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }

    /// Changes the weather; connections that are open end.
    pub(crate) fn set(&self, weather: Weather) {
        self.weather
            .send_if_modified(|current| std::mem::replace(current, weather) != weather);
    }
}

impl Drop for Gate {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn accept(
    listener: TcpListener,
    protocol: Protocol,
    backend: SocketAddr,
    seen: watch::Receiver<Weather>,
) {
    loop {
        // A connection that cannot be taken is one that the client sees fail.
        if let Ok((near, _)) = listener.accept().await {
            let mut seen = seen.clone();
            let weather = *seen.borrow_and_update();
            tokio::spawn(async move {
                // How a connection ends is for its two ends to judge.
                tokio::select! {
                    _ended = serve(near, protocol, backend, weather) => {}
                    _changed = seen.changed() => {}
                }
            });
        }
    }
}

async fn serve(
    mut near: TcpStream,
    protocol: Protocol,
    backend: SocketAddr,
    weather: Weather,
) -> io::Result<()> {
    near.set_nodelay(true)?;
    match weather {
        Weather::Clear => {
            let mut far = TcpStream::connect(backend).await?;
            far.set_nodelay(true)?;
            copy_bidirectional(&mut near, &mut far).await.map(drop)
        }
        Weather::Closed => Ok(()),
        Weather::Silent => {
            let mut taken = vec![0; 64 * 1024];
            while near.read(&mut taken).await? > 0 {}
            Ok(())
        }
        Weather::Failing | Weather::Throttling => refuse(near, answer(protocol, weather)).await,
        Weather::Swallowing => {
            let mut far = TcpStream::connect(backend).await?;
            let (mut from_near, _) = near.split();
            let (mut from_far, mut to_far) = far.split();
            let mut first = [0];
            tokio::select! {
                passed_on = copy(&mut from_near, &mut to_far) => passed_on.map(drop),
                answered = from_far.read(&mut first) => answered.map(drop),
            }
        }
    }
}

/// Status line and body of a refusal.
fn answer(protocol: Protocol, weather: Weather) -> (&'static str, &'static str) {
    match (protocol, weather == Weather::Throttling) {
        (Protocol::S3, true) => (
            "503 Slow Down",
            "<Error><Code>SlowDown</Code><Message>reduce your request rate</Message></Error>",
        ),
        (Protocol::S3, false) => (
            "500 Internal Server Error",
            "<Error><Code>InternalError</Code><Message>drawn by the sandbox</Message></Error>",
        ),
        (Protocol::Kinesis, true) => (
            "400 Bad Request",
            r#"{"__type":"ProvisionedThroughputExceededException","message":"drawn by the sandbox"}"#,
        ),
        (Protocol::Kinesis, false) => (
            "500 Internal Server Error",
            r#"{"__type":"InternalFailure","message":"drawn by the sandbox"}"#,
        ),
    }
}

/// Reads one request to its end and answers it.
async fn refuse(near: TcpStream, (status, body): (&str, &str)) -> io::Result<()> {
    let mut near = BufReader::new(near);
    let mut length = 0;
    loop {
        let mut line = String::new();
        if near.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        match line.trim().split_once(':') {
            Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                length = value.trim().parse().unwrap_or(0);
            }
            None if line.trim().is_empty() => break,
            _other => {}
        }
    }
    let mut taken = vec![0; saturate::to_usize(length)];
    near.read_exact(&mut taken).await?;
    let answer = format!(
        "HTTP/1.1 {status}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n{body}",
        body.len()
    );
    let near = near.get_mut();
    near.write_all(answer.as_bytes()).await?;
    near.shutdown().await
}
