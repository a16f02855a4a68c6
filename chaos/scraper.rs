//! Somebody who scrapes a task all the time, over its deaths, and looks whether its rows add up at every moment.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Ten times a second.
const INTERVAL: Duration = Duration::from_millis(100);
/// No answer takes longer.
const TIMEOUT: Duration = Duration::from_secs(5);
const METRIC: &str = "brigade_identity_difference{";

/// A thread that scrapes.
#[derive(Debug)]
pub(crate) struct Scraper {
    /// Where the task has to be served.
    pub(crate) address: SocketAddr,
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<Scraped>,
}

/// What it saw.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Scraped {
    /// Answers with at least one table.
    pub(crate) answers: u64,
    /// Lines that were not 0.
    pub(crate) broken: Vec<String>,
}

impl Scraper {
    /// Scrapes an address that nobody has yet.
    ///
    /// # Errors
    /// If there is none.
    pub(crate) fn start() -> Result<Self, String> {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
        let address = listener.local_addr().map_err(|error| error.to_string())?;
        let is_over = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let is_over = Arc::clone(&is_over);
            move || scrape(address, &is_over)
        });
        Ok(Self {
            address,
            is_over,
            thread,
        })
    }

    /// Stops, and gives what was seen.
    ///
    /// # Errors
    /// If it panicked.
    pub(crate) fn stop(self) -> Result<Scraped, String> {
        self.is_over.store(true, Ordering::Relaxed);
        self.thread
            .join()
            .map_err(|_panic| "the scraper panicked".to_owned())
    }
}

impl Scraped {
    /// One phrase about it.
    ///
    /// # Errors
    /// If rows did not add up, or too few answers came for that to mean something.
    pub(crate) fn judge(&self, answers_min: u64) -> Result<String, String> {
        if let Some(first) = self.broken.first() {
            return Err(format!(
                "rows do not add up in {} scrapes: {first}",
                self.broken.len()
            ));
        }
        if self.answers < answers_min {
            return Err(format!("only {} scrapes had an answer", self.answers));
        }
        Ok(format!("rows add up in {} scrapes", self.answers))
    }
}

fn scrape(address: SocketAddr, is_over: &AtomicBool) -> Scraped {
    let mut scraped = Scraped::default();
    while !is_over.load(Ordering::Relaxed) {
        if let Ok(text) = ask(address) {
            note(&mut scraped, &text);
        }
        std::thread::sleep(INTERVAL);
    }
    scraped
}

fn note(scraped: &mut Scraped, text: &str) {
    let mut lines = text.lines().filter(|line| line.starts_with(METRIC)).peekable();
    scraped.answers += u64::from(lines.peek().is_some());
    let broken = lines.filter(|line| line.rsplit(' ').next() != Some("0"));
    scraped.broken.extend(broken.map(ToOwned::to_owned));
}

fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    write!(
        stream,
        "GET /metrics HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
