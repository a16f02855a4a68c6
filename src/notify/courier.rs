//! Tells one sink of one event after another, until it takes it.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use backoff::ExponentialBackoff;
use backoff::backoff::Backoff;
use tokio::time::{Instant, timeout};
use tokio_util::sync::CancellationToken;

use super::cursor::{Cursor, Told};
use super::event::Event;
use super::follow::Follower;
use super::{EventSink, NotTaken};
use crate::delays::Delays;

/// Longest time a sink may take for one event.
const SEND_TIMEOUT: Duration = Duration::from_secs(10);
/// How often in a row an event is tried that is refused for what it is.
const REFUSALS_MAX: u32 = 5;
/// Events that wait for a sink at most. The log of events keeps about as many.
const WAITING_MAX: usize = 4_096;

/// How often a courier looks and tries.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rhythm {
    /// Time between two looks at the log of events.
    poll_interval: Duration,
    /// Pause after the first failure, and the longest one.
    retry: Delays,
}

impl Default for Rhythm {
    fn default() -> Self {
        Self {
            poll_interval: Duration::from_millis(500),
            retry: Delays::new(Duration::from_secs(1), Duration::from_mins(1)),
        }
    }
}

/// Who tells a sink.
#[derive(Debug)]
pub(super) struct Courier {
    rhythm: Rhythm,
    sink: Arc<dyn EventSink>,
    cursor: Cursor,
    follower: Follower,
    waiting: VecDeque<Event>,
    /// How many those are, for whoever waits for the end.
    left: Arc<AtomicUsize>,
    is_away: bool,
    /// How often in a row the first of those that wait was refused for what it is.
    refusals: u32,
    delays: ExponentialBackoff,
    /// When it is tried again.
    next_try: Option<Instant>,
}

impl Courier {
    /// A courier that goes on after the last event that the sink took, or, with a sink that is new, after the last one
    /// that there is.
    ///
    /// # Errors
    /// If the log of events or the cursor cannot be read or written.
    pub(super) fn begin(folder: &Path, sink: Arc<dyn EventSink>, rhythm: Rhythm) -> io::Result<Self> {
        let cursor = Cursor::of(folder, sink.name());
        let mut follower = Follower::new(folder)?;
        let known: Vec<Event> = follower.before()?.into_iter().filter_map(Event::of).collect();
        let first = match cursor.read()? {
            Told::Nothing => {
                cursor.note(known.last().map_or("", |event| &event.id))?;
                known.len()
            }
            Told::UpTo(last) if last.is_empty() => 0,
            Told::UpTo(last) => after(&known, &last).unwrap_or_else(|| {
                tracing::warn!(
                    sink = sink.name(),
                    "the log of events no longer has the last one that this sink took: it is told of those that are left, \
                     and may have missed some"
                );
                0
            }),
            Told::Unknown => {
                tracing::warn!(
                    sink = sink.name(),
                    "how far this sink was told of events cannot be read: it is told again of those that the log still has"
                );
                0
            }
        };
        let mut courier = Self {
            rhythm,
            sink,
            cursor,
            follower,
            waiting: VecDeque::new(),
            left: Arc::default(),
            is_away: false,
            refusals: 0,
            delays: rhythm.retry.start(),
            next_try: None,
        };
        courier.take_up(known.into_iter().skip(first));
        Ok(courier)
    }

    /// How many events wait.
    pub(super) fn left(&self) -> Arc<AtomicUsize> {
        Arc::clone(&self.left)
    }

    /// Works until the end is near and nothing waits any more.
    pub(super) async fn work(mut self, end: CancellationToken) {
        loop {
            // Asked before the log is read: what was written before the end is told.
            let is_last = end.is_cancelled();
            match self.look().await {
                Some(courier) => self = courier,
                None => return,
            }
            self.tell(is_last).await;
            if is_last && self.waiting.is_empty() {
                return;
            }
            let pause = self.rhythm.poll_interval;
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = end.cancelled(), if !is_last => {}
            }
        }
    }

    /// Takes up what the log has that is new. A disk that does not answer holds up nobody else.
    async fn look(mut self) -> Option<Self> {
        let sink = self.sink.name();
        let looking = tokio::task::spawn_blocking(move || {
            match self.follower.more() {
                Ok(lines) => self.take_up(lines.into_iter().filter_map(Event::of)),
                Err(error) => {
                    let sink = self.sink.name();
                    tracing::warn!(sink, %error, "the log of events cannot be read for a sink; it is tried again");
                }
            }
            self
        });
        match looking.await {
            Ok(courier) => Some(courier),
            Err(error) => {
                tracing::error!(sink, %error, "a sink for events is told of nothing more; this is a defect of brigade");
                None
            }
        }
    }

    fn take_up(&mut self, events: impl Iterator<Item = Event>) {
        self.waiting.extend(events);
        let too_many = self.waiting.len().saturating_sub(WAITING_MAX);
        if too_many > 0 {
            self.waiting.drain(..too_many);
            tracing::warn!(
                sink = self.sink.name(),
                events = too_many,
                "a sink for events is away for so long that it will not be told of the oldest ones"
            );
        }
        self.left.store(self.waiting.len(), Ordering::Relaxed);
    }

    /// Tells what waits, in order, up to the first event that is not taken; nothing before the next try is due. In the
    /// end there is less time.
    async fn tell(&mut self, is_last: bool) {
        let now = Instant::now();
        if !is_last && self.next_try.is_some_and(|next_try| now < next_try) {
            return;
        }
        while let Some(event) = self.waiting.front() {
            let sent = timeout(SEND_TIMEOUT, self.sink.send(event)).await;
            let late = |_| {
                Err(NotTaken::Now(format!(
                    "no answer within {} s",
                    SEND_TIMEOUT.as_secs()
                )))
            };
            match sent.unwrap_or_else(late) {
                Ok(()) => self.taken(),
                Err(NotTaken::Ever(error)) if self.refusals + 1 >= REFUSALS_MAX => self.give_up(&error),
                Err(NotTaken::Ever(error)) => {
                    self.refusals += 1;
                    self.failed(&error);
                    return;
                }
                Err(NotTaken::Now(error)) => {
                    self.refusals = 0;
                    self.failed(&error);
                    return;
                }
            }
        }
    }

    fn taken(&mut self) {
        self.pass();
        if self.is_away {
            self.is_away = false;
            tracing::info!(sink = self.sink.name(), "a sink for events takes them again");
        }
    }

    /// Leaves out an event that the sink will never take, because the ones after it wait for that.
    fn give_up(&mut self, error: &str) {
        let event = self.waiting.front().map(|event| event.line.as_str());
        let (sink, event) = (self.sink.name(), event.unwrap_or_default());
        tracing::error!(
            sink,
            error,
            event,
            "an event is refused again and again for what it is, and is left out"
        );
        self.pass();
    }

    /// Goes on to the next event.
    fn pass(&mut self) {
        let Some(event) = self.waiting.pop_front() else {
            return;
        };
        self.left.store(self.waiting.len(), Ordering::Relaxed);
        (self.refusals, self.next_try) = (0, None);
        self.delays.reset();
        if let Err(error) = self.cursor.note(&event.id) {
            let sink = self.sink.name();
            tracing::warn!(sink, %error, "that an event was told cannot be noted; the next start may tell it again");
        }
    }

    /// Said once, until it works again.
    fn failed(&mut self, error: &str) {
        let delay = self.delays.next_backoff().unwrap_or(self.rhythm.retry.max);
        self.next_try = Some(Instant::now() + delay);
        let (sink, events) = (self.sink.name(), self.waiting.len());
        if self.is_away {
            tracing::debug!(sink, error, events, "an event is not taken");
        } else {
            self.is_away = true;
            tracing::warn!(
                sink,
                error,
                events,
                "an event is not taken; it is tried again until it is, and nothing else waits for that"
            );
        }
    }
}

/// The place after the event with this id.
fn after(events: &[Event], id: &str) -> Option<usize> {
    let place = events.iter().rposition(|event| event.id == id)?;
    Some(place + 1)
}

#[cfg(test)]
#[path = "courier_tests.rs"]
mod tests;
