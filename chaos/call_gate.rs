//! A gate on loopback before a server that knows one call from another: a rule decides what becomes of each.

use std::net::SocketAddr;
use std::sync::Arc;

use bucket_brigade::saturate;
use tokio::io::{self, AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio::task::AbortHandle;

use crate::listening::Listening;

/// What the gate knows a call as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CallKind {
    /// A listing of the bucket.
    List,
    /// A request for an object.
    Get,
    PutRecords,
    GetShardIterator,
    GetRecords,
    Other,
}

/// What becomes of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It is carried out and answered.
    Passed,
    /// It is answered with this status line and body, and not carried out.
    Answered(&'static str, String),
    /// It is carried out, and its connection is closed without an answer.
    Swallowed,
    /// It is carried out, and its connection is closed in the middle of the answer.
    Torn,
}

/// Decides about calls.
pub(crate) trait Rule: Send + Sync + 'static {
    /// What becomes of a call, whose body may be changed.
    fn decide(&self, kind: CallKind, body: &mut Vec<u8>) -> Fate;
}

/// A running gate. Dropping it closes it.
#[derive(Debug)]
pub(crate) struct CallGate {
    endpoint: String,
    accepting: AbortHandle,
}

impl CallGate {
    /// A gate before the server with this base URL, on the current runtime.
    pub(crate) async fn start(backend: &str, rule: Arc<impl Rule>) -> Result<Self, String> {
        let Listening {
            listener,
            backend,
            endpoint,
        } = Listening::before(backend).await?;
        let accepting = tokio::spawn(async move {
            loop {
                if let Ok((near, _)) = listener.accept().await {
                    let rule = Arc::clone(&rule);
                    // How a connection ends is for its two ends to judge.
                    tokio::spawn(async move { serve(near, backend, &*rule).await.ok() });
                }
            }
        });
        Ok(Self {
            endpoint,
            accepting: accepting.abort_handle(),
        })
    }

    /// Base URL.
    pub(crate) fn endpoint(&self) -> &str {
        &self.endpoint
    }
}

impl Drop for CallGate {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// Serves one call; the client connects again for the next.
async fn serve(near: TcpStream, backend: SocketAddr, rule: &impl Rule) -> io::Result<()> {
    near.set_nodelay(true)?;
    let mut near = BufReader::new(near);
    let Some(mut request) = read_request(&mut near).await? else {
        return Ok(());
    };
    let fate = rule.decide(kind_of(&request.head), &mut request.body);
    let near = near.get_mut();
    if let Fate::Answered(status, body) = &fate {
        let length = body.len();
        let answer =
            format!("HTTP/1.1 {status}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n{body}");
        near.write_all(answer.as_bytes()).await?;
        return near.shutdown().await;
    }
    let mut far = TcpStream::connect(backend).await?;
    far.set_nodelay(true)?;
    let head = format!(
        "{}content-length: {}\r\nconnection: close\r\n\r\n",
        request.head,
        request.body.len()
    );
    far.write_all(head.as_bytes()).await?;
    far.write_all(&request.body).await?;
    if fate == Fate::Passed {
        io::copy(&mut far, near).await?;
    } else {
        let mut answer = Vec::new();
        far.read_to_end(&mut answer).await?;
        if fate == Fate::Torn {
            let (half, _) = answer.split_at(answer.len() / 2);
            near.write_all(half).await?;
        }
    }
    near.shutdown().await
}

#[derive(Debug)]
struct Request {
    /// Without its end, its length and what it says of its connection.
    head: String,
    body: Vec<u8>,
}

async fn read_request(near: &mut BufReader<TcpStream>) -> io::Result<Option<Request>> {
    let (mut head, mut length) = (String::new(), 0);
    loop {
        let mut line = String::new();
        if near.read_line(&mut line).await? == 0 {
            return Ok(None);
        }
        if line.trim().is_empty() {
            break;
        }
        let (name, value) = line.split_once(':').unwrap_or((&line, ""));
        if name.eq_ignore_ascii_case("content-length") {
            length = value.trim().parse().unwrap_or(0);
        } else if !name.eq_ignore_ascii_case("connection") {
            head.push_str(&line);
        }
    }
    let mut body = vec![0; saturate::to_usize(length)];
    near.read_exact(&mut body).await?;
    Ok(Some(Request { head, body }))
}

fn kind_of(head: &str) -> CallKind {
    let head = head.to_ascii_lowercase();
    let line = head.lines().next().unwrap_or_default();
    let target = head.lines().find_map(|line| line.strip_prefix("x-amz-target:"));
    match target.and_then(|target| target.trim().rsplit('.').next()) {
        Some("putrecords") => CallKind::PutRecords,
        Some("getsharditerator") => CallKind::GetShardIterator,
        Some("getrecords") => CallKind::GetRecords,
        Some(_) => CallKind::Other,
        None if !line.starts_with("get ") => CallKind::Other,
        None if line.contains("list-type=2") => CallKind::List,
        None => CallKind::Get,
    }
}
