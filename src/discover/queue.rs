//! One queue of the catalogue: what waits in it, what is being read, when it is listed next. Pure: no I/O, no clock.
//!
//! A load is complete when a listing that began after everything known was settled finds nothing new. So every file
//! that lies in the folder when that listing begins is part of the load.

use std::collections::{BTreeSet, VecDeque};

use super::messages::{Assignment, NotRead, UNREAD_SHOWN_MAX, Work};
use super::queue_start::{QueueStart, Watch};
use crate::checkpoint::store::{ObjectEntry, ObjectState};
use crate::model::control::{CONTROL_KEY, ControlPlan, is_late};
use crate::source::ListCursor;

/// A queue is listed further when fewer objects than this wait in it.
const PENDING_LOW_WATER: usize = 1_000;

#[derive(Debug, PartialEq, Eq)]
enum Listing {
    /// A page is due; `after` continues a listing that is under way.
    Due { after: Option<ListCursor> },
    /// A page was asked for.
    Running,
    /// Of a load: due again when everything known is settled.
    Settling,
    /// Complete for now.
    Resting { next_ms: i64 },
    /// Complete for good.
    Closed,
}

/// What a page said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListedPage {
    /// The new objects, with their numbers.
    pub new: Vec<ObjectEntry>,
    /// Which of it are not read.
    pub not_read: NotRead,
    /// Where the next page starts.
    pub next: Option<ListCursor>,
}

#[derive(Debug)]
pub(super) struct Queue {
    pub(super) start: QueueStart,
    listing: Listing,
    /// Whether the listing under way, or the last one, began when everything known was settled, and has found nothing new.
    is_confirming: bool,
    pending: VecDeque<(ObjectEntry, Work)>,
    taken: BTreeSet<u64>,
    pub(super) reader: Option<usize>,
    pub(super) last_reader: Option<usize>,
    barrier: Option<u64>,
    /// The first objects that are not read because the table is suspended.
    unread: Vec<String>,
    pub(super) known: u64,
    pub(super) known_bytes: u64,
    /// Objects that are not read, by the last full listing that came to an end.
    pub(super) not_read: NotRead,
    /// Those that the full listing under way has met; `None` in a short one.
    counting: Option<NotRead>,
    next_full_ms: i64,
    pub(super) is_announced: bool,
    /// Whether it was reported that its load is complete without a file.
    pub(super) is_reported: bool,
}

impl Queue {
    pub(super) fn new(mut start: QueueStart) -> Self {
        let mut unfinished = std::mem::take(&mut start.unfinished);
        // Control records come first even if they were switched on later than the first file was numbered.
        unfinished.sort_by_key(|entry| (entry.version.key != CONTROL_KEY, entry.id.number));
        let mut queue = Self {
            unread: std::mem::take(&mut start.unread),
            is_announced: start.is_loaded,
            start,
            listing: Listing::Due { after: None },
            is_confirming: false,
            pending: VecDeque::new(),
            taken: BTreeSet::new(),
            reader: None,
            last_reader: None,
            barrier: None,
            known: 0,
            known_bytes: 0,
            not_read: NotRead::default(),
            counting: None,
            next_full_ms: i64::MIN,
            is_reported: false,
        };
        for entry in unfinished {
            queue.enqueue(entry);
        }
        queue
    }

    fn enqueue(&mut self, entry: ObjectEntry) {
        let work = match (&self.start.control, &entry.state) {
            (_, ObjectState::Quarantined { reason, .. }) => Work::Quarantine(reason.clone()),
            (plan, _) if entry.version.key == CONTROL_KEY => {
                self.barrier = Some(entry.id.number);
                // Switched off before they were sent: nothing is left to do for them.
                Work::Control(plan.clone().unwrap_or_else(|| ControlPlan(Vec::new())))
            }
            (
                Some(_) | None,
                ObjectState::Registered
                | ObjectState::Open(_)
                | ObjectState::Done(_)
                | ObjectState::Decided { .. },
            ) => {
                self.known += 1;
                self.known_bytes += entry.unsettled_bytes();
                Work::Read
            }
        };
        self.pending.push_back((entry, work));
    }

    /// Leaves unread what waits.
    pub(super) fn suspend(&mut self) {
        self.start.is_suspended = true;
        for (entry, _) in std::mem::take(&mut self.pending) {
            self.leave_unread(entry.version.key);
        }
    }

    fn leave_unread(&mut self, key: String) {
        if self.unread.len() < UNREAD_SHOWN_MAX {
            self.unread.push(key);
        }
    }

    /// The first load files that are not read: the table is suspended, or they came after the load.
    pub(super) fn unread(&self) -> impl Iterator<Item = &String> {
        self.unread.iter().chain(&self.not_read.left_out.first_keys)
    }

    /// Begins the listing that is due, if one is; `Some(None)` is the beginning.
    #[expect(
        clippy::option_option,
        reason = "whether a page is due, and where it starts, are two questions"
    )]
    pub(super) fn begin_listing(&mut self, now_ms: i64) -> Option<Option<ListCursor>> {
        let after = self.due(now_ms)?;
        if !matches!(self.listing, Listing::Due { after: Some(_) }) {
            self.is_confirming = self.is_settled();
        }
        self.listing = Listing::Running;
        if after.is_none() {
            self.counting = Some(NotRead::default());
        }
        Some(after)
    }

    #[expect(clippy::option_option, reason = "as above")]
    fn due(&self, now_ms: i64) -> Option<Option<ListCursor>> {
        if self.pending.len() >= PENDING_LOW_WATER {
            return None;
        }
        match &self.listing {
            Listing::Due { after } => Some(after.clone()),
            Listing::Settling => self.is_settled().then_some(None),
            Listing::Running | Listing::Closed => None,
            Listing::Resting { next_ms } if *next_ms > now_ms => None,
            Listing::Resting { .. } if self.next_full_ms <= now_ms => Some(None),
            Listing::Resting { .. } => {
                let greatest = self
                    .start
                    .greatest_key
                    .as_ref()
                    .max(self.start.list_after.as_ref());
                let behind = |key: &String| ListCursor {
                    start_after: key.clone(),
                };
                Some(greatest.map(behind))
            }
        }
    }

    pub(super) fn listed(&mut self, page: ListedPage, now_ms: i64) {
        self.is_confirming &= page.new.is_empty();
        for entry in page.new {
            let key = &entry.version.key;
            if key != CONTROL_KEY && !is_late(key, self.start.greatest_key.as_deref()) {
                self.start.greatest_key = Some(key.clone());
            }
            if self.start.is_suspended {
                self.leave_unread(entry.version.key);
            } else {
                self.enqueue(entry);
            }
        }
        if let Some(counting) = &mut self.counting {
            counting.add(page.not_read);
        }
        if page.next.is_none()
            && let Some(counted) = self.counting.take()
        {
            self.not_read = counted;
        }
        self.listing = match page.next {
            Some(next) => Listing::Due { after: Some(next) },
            None => self.after_listing(now_ms),
        };
    }

    /// What follows on a listing that came to its end.
    fn after_listing(&mut self, now_ms: i64) -> Listing {
        match self.start.watch {
            Watch::Once => Listing::Closed,
            Watch::Poll {
                interval_ms,
                full_interval_ms,
            } => {
                if self.next_full_ms <= now_ms {
                    self.next_full_ms = now_ms + full_interval_ms;
                }
                Listing::Resting {
                    next_ms: now_ms + interval_ms,
                }
            }
            Watch::Load { afterwards_ms } => {
                let is_over = self.start.is_loaded || self.start.is_suspended;
                match afterwards_ms {
                    _ if !is_over && !self.is_confirming => Listing::Settling,
                    Some(interval_ms) if !self.start.is_suspended => Listing::Resting {
                        next_ms: now_ms + interval_ms,
                    },
                    Some(_) | None => Listing::Closed,
                }
            }
        }
    }

    pub(super) fn is_ready(&self, is_loading: bool) -> bool {
        let is_open = self.start.table.is_some() || !is_loading;
        let next = self.pending.front().map(|(entry, _)| entry.id.number);
        let is_behind_barrier = self.barrier.is_some_and(|barrier| next != Some(barrier));
        is_open && self.reader.is_none() && next.is_some() && !is_behind_barrier
    }

    pub(super) fn take(&mut self, lane: usize) -> Option<Assignment> {
        let (entry, work) = self.pending.pop_front()?;
        self.taken.insert(entry.id.number);
        self.reader = Some(lane);
        self.last_reader = Some(lane);
        Some(Assignment {
            entry,
            table: self.start.table,
            work,
            listing: None,
        })
    }

    /// An object is durably done.
    pub(super) fn done(&mut self, number: u64) {
        self.taken.remove(&number);
        if self.barrier == Some(number) {
            self.barrier = None;
        }
    }

    /// Whether a load is complete that had no file.
    pub(super) fn is_loaded_without_files(&self) -> bool {
        self.start.is_loaded && self.start.greatest_key.is_none()
    }

    /// When the oldest object that waits was written.
    pub(super) fn oldest_waiting_ms(&self) -> Option<i64> {
        let waiting = self.pending.iter().filter(|(_, work)| *work == Work::Read);
        waiting.map(|(entry, _)| entry.version.modified_ms).min()
    }

    fn is_settled(&self) -> bool {
        self.pending.is_empty() && self.taken.is_empty()
    }

    /// Whether no more objects are expected for now.
    pub(super) fn is_listed(&self) -> bool {
        match self.listing {
            Listing::Settling | Listing::Resting { .. } | Listing::Closed => true,
            // What is known was listed before; this only looks once more.
            Listing::Due { after: Some(_) } | Listing::Running => self.is_confirming && self.known > 0,
            Listing::Due { after: None } => false,
        }
    }

    pub(super) fn is_complete(&self) -> bool {
        let is_listed = matches!(self.listing, Listing::Resting { .. } | Listing::Closed);
        is_listed && self.is_settled()
    }

    pub(super) fn is_closed(&self) -> bool {
        self.listing == Listing::Closed
    }
}
