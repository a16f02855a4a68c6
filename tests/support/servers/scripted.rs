//! An HTTP server that answers from a script, byte for byte, and breaks off where the script says so.

use std::collections::VecDeque;
use std::net::Ipv4Addr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// What follows the bytes of a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The connection is closed in good order.
    Close,
    /// The connection is reset.
    Reset,
    /// Nothing more comes until the client gives up.
    Silence,
}

/// One reply.
#[derive(Debug, Clone)]
pub struct Reply {
    bytes: Vec<u8>,
    /// What follows the bytes.
    pub ending: Ending,
}

impl Reply {
    /// A reply with these headers and this body; the headers say what they like about its length.
    pub fn new(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Self {
        let lines = headers
            .iter()
            .flat_map(|(name, value)| [name, ": ", value, "\r\n"]);
        let head = format!(
            "HTTP/1.1 {status} Scripted\r\nconnection: close\r\n{}\r\n",
            lines.collect::<String>()
        );
        let bytes = [head.as_bytes(), body].concat();
        Self {
            bytes,
            ending: Ending::Close,
        }
    }

    /// No byte at all.
    pub fn nothing(ending: Ending) -> Self {
        Self {
            bytes: Vec::new(),
            ending,
        }
    }

    /// The same reply with another ending.
    pub fn ending(self, ending: Ending) -> Self {
        Self { ending, ..self }
    }
}

/// A request as it came.
#[derive(Debug, Clone)]
pub struct Request {
    /// Request line and headers, in lower case.
    pub head: String,
}

impl Request {
    /// The value of a header.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))
            .map(str::trim)
    }
}

/// A running script.
#[derive(Debug)]
pub struct ScriptedServer {
    /// Where it listens.
    pub endpoint: String,
    requests: Arc<Mutex<Vec<Request>>>,
    given_up: mpsc::UnboundedReceiver<()>,
    serving: JoinHandle<()>,
}

impl ScriptedServer {
    /// Answers one request per reply, in order; later connections are closed without an answer.
    pub async fn start(replies: Vec<Reply>) -> Self {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let (sender, given_up) = mpsc::unbounded_channel();
        let serving = tokio::spawn(serve(listener, replies.into(), Arc::clone(&requests), sender));
        Self {
            endpoint,
            requests,
            given_up,
            serving,
        }
    }

    /// The requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// Waits until the client closes a connection on which the script is silent.
    pub async fn client_gave_up(&mut self) {
        let waiting = tokio::time::timeout(Duration::from_secs(10), self.given_up.recv());
        waiting
            .await
            .expect("the client closes the connection")
            .expect("the server runs");
    }
}

impl Drop for ScriptedServer {
    fn drop(&mut self) {
        self.serving.abort();
    }
}

async fn serve(
    listener: TcpListener,
    mut replies: VecDeque<Reply>,
    requests: Arc<Mutex<Vec<Request>>>,
    given_up: mpsc::UnboundedSender<()>,
) {
    loop {
        let (mut connection, _) = listener.accept().await.unwrap();
        // A client may open a connection ahead of need and never use it.
        let Some(request) = read_request(&mut connection).await else {
            continue;
        };
        requests.lock().unwrap().push(request);
        let Some(reply) = replies.pop_front() else {
            continue;
        };
        connection.write_all(&reply.bytes).await.ok();
        match reply.ending {
            Ending::Close => {
                connection.shutdown().await.ok();
            }
            Ending::Reset => {
                // What was written has to arrive before the reset overtakes it.
                tokio::time::sleep(Duration::from_millis(50)).await;
                connection.set_zero_linger().unwrap();
            }
            Ending::Silence => {
                let given_up = given_up.clone();
                tokio::spawn(async move {
                    connection.read_to_end(&mut Vec::new()).await.ok();
                    given_up.send(()).ok();
                });
            }
        }
    }
}

/// Reads head and body of a request.
async fn read_request(connection: &mut TcpStream) -> Option<Request> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(at) = bytes.windows(4).position(|window| window == b"\r\n\r\n") {
            break at;
        }
        if connection.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
    };
    let (head, rest) = bytes.split_at_checked(end)?;
    let request = Request {
        head: String::from_utf8_lossy(head).to_lowercase(),
    };
    let length = request
        .header("content-length")
        .map_or(0, |value| value.parse().unwrap());
    let mut missing = (length + 4_usize).saturating_sub(rest.len());
    while missing > 0 {
        let mut body = Vec::with_capacity(64 * 1024);
        let read = connection.read_buf(&mut body).await.ok()?;
        missing = missing.checked_sub(read).filter(|_| read > 0)?;
    }
    Some(request)
}
