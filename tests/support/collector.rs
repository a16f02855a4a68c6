//! A collector of telemetry that keeps every byte it is sent, and answers what a test wants.

#![allow(
    unreachable_pub,
    dead_code,
    clippy::unwrap_used,
    reason = "a test program has no public, not every one uses all of it, and a test that cannot be set up has to fail"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// Path and body.
type Request = (String, Vec<u8>);

/// The collector. It ends with the process of the tests.
#[derive(Debug, Clone)]
pub struct Collector {
    status: &'static str,
    requests: Arc<Mutex<Vec<Request>>>,
    /// Where it listens.
    pub endpoint: String,
}

impl Collector {
    /// Starts one that answers with this status, for example `200 OK`.
    pub fn start(status: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let collector = Self {
            status,
            requests: Arc::default(),
            endpoint: format!("http://{}", listener.local_addr().unwrap()),
        };
        let taker = collector.clone();
        std::thread::spawn(move || {
            for connection in listener.incoming().flatten() {
                let taker = taker.clone();
                std::thread::spawn(move || taker.take(connection));
            }
        });
        collector
    }

    /// The bodies of all requests to a path, one after another.
    pub fn bodies(&self, path: &str) -> Vec<u8> {
        let requests = self.requests.lock().unwrap();
        let bodies = requests.iter().filter(|(to, _)| to == path);
        bodies.flat_map(|(_, body)| body.iter().copied()).collect()
    }

    fn take(&self, mut connection: TcpStream) -> Option<()> {
        let mut input = BufReader::new(connection.try_clone().ok()?);
        loop {
            let (mut path, mut length) = (None, 0);
            loop {
                let mut line = String::new();
                if input.read_line(&mut line).ok()? == 0 {
                    return None;
                }
                if path.is_none() {
                    path = line.split(' ').nth(1).map(ToOwned::to_owned);
                }
                if let Some((name, value)) = line.split_once(':')
                    && name.eq_ignore_ascii_case("content-length")
                {
                    length = value.trim().parse().ok()?;
                }
                if line.trim().is_empty() {
                    break;
                }
            }
            let mut body = vec![0; length];
            input.read_exact(&mut body).ok()?;
            self.requests.lock().unwrap().push((path?, body));
            let head = format!("HTTP/1.1 {}\r\ncontent-length: 0\r\n\r\n", self.status);
            connection.write_all(head.as_bytes()).ok()?;
        }
    }
}

/// Whether bytes contain a text.
pub fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}
