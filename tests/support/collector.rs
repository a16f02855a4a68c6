//! A collector of telemetry, or of events, that keeps every byte it is sent, and answers what a test wants.

#![allow(
    unreachable_pub,
    dead_code,
    clippy::unwrap_used,
    reason = "a test program has no public, not every one uses all of it, and a test that cannot be set up has to fail"
)]

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// A request.
#[derive(Debug, Clone)]
pub struct Request {
    pub path: String,
    /// Its headers, as they came.
    pub headers: String,
    pub body: Vec<u8>,
}

/// The collector. It ends with the process of the tests.
#[derive(Debug, Clone)]
pub struct Collector {
    status: Arc<Mutex<&'static str>>,
    requests: Arc<Mutex<Vec<Request>>>,
    /// Where it listens.
    pub endpoint: String,
}

impl Collector {
    /// Starts one that answers with this status, for example `200 OK`.
    pub fn start(status: &'static str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let collector = Self {
            status: Arc::new(Mutex::new(status)),
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
        let requests = requests.iter().filter(|request| request.path == path);
        requests
            .flat_map(|request| request.body.iter().copied())
            .collect()
    }

    /// All requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.requests.lock().unwrap().clone()
    }

    /// Answers with this status from now on.
    pub fn answer(&self, status: &'static str) {
        *self.status.lock().unwrap() = status;
    }

    fn take(&self, mut connection: TcpStream) -> Option<()> {
        let mut input = BufReader::new(connection.try_clone().ok()?);
        loop {
            let (mut path, mut headers, mut length) = (None, String::new(), 0);
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
                headers.push_str(&line);
            }
            let mut body = vec![0; length];
            input.read_exact(&mut body).ok()?;
            let request = Request {
                path: path?,
                headers,
                body,
            };
            self.requests.lock().unwrap().push(request);
            let status = *self.status.lock().unwrap();
            let head = format!("HTTP/1.1 {status}\r\ncontent-length: 0\r\n\r\n");
            connection.write_all(head.as_bytes()).ok()?;
        }
    }
}

/// Whether bytes contain a text.
pub fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|part| part == text.as_bytes())
}
