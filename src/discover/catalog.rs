//! The catalogue of objects: queues, what waits in them, what is being read, what to list next. Pure: no I/O, no
//! clock.
//!
//! Objects of one queue are handed out strictly one after another, in number order; several queues are read in
//! parallel. The change queue opens when every load queue is complete.
//!
//! Advice for changing this file: whether a key is new is decided by the store alone, never by the cursor here;
//! the cursor only saves listing.

use std::collections::{BTreeSet, VecDeque};

use super::folders::Takes;
use super::messages::{Assignment, ObjectRead, UNREAD_SHOWN_MAX, Work};
pub use super::queue_start::{QueueStart, Watch};
use crate::checkpoint::messages::TaskNotice;
use crate::checkpoint::store::{ObjectEntry, ObjectState};
use crate::model::control::{CONTROL_KEY, ControlPlan};
pub use crate::model::control::{control_version, is_late};
use crate::model::start::StartPoint;
use crate::model::{ObjectId, QueueName, TableIndex};
use crate::settings::LateFiles;
use crate::source::ListCursor;

/// A queue is listed further when fewer objects than this wait in it.
const PENDING_LOW_WATER: usize = 1_000;

/// A page to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListRequest {
    /// Index of the queue.
    pub queue: usize,
    /// Name of the queue.
    pub name: QueueName,
    /// Prefix to list.
    pub prefix: String,
    /// Which keys below it count.
    pub takes: Takes,
    /// What to do with late files of the queue; load queues have none.
    pub late_files: LateFiles,
    /// Where the queue starts.
    pub from: StartPoint,
    /// Where to start.
    pub after: Option<ListCursor>,
}

#[derive(Debug, PartialEq, Eq)]
enum Listing {
    /// A page is due; `after` continues a listing that is under way.
    Due { after: Option<ListCursor> },
    /// A page was asked for.
    Running,
    /// Complete for now.
    Resting { next_ms: i64 },
    /// Complete for good.
    Closed,
}

#[derive(Debug)]
struct Queue {
    start: QueueStart,
    listing: Listing,
    pending: VecDeque<(ObjectEntry, Work)>,
    taken: BTreeSet<u64>,
    reader: Option<usize>,
    last_reader: Option<usize>,
    barrier: Option<u64>,
    /// The first objects that are not read because the table is suspended.
    unread: Vec<String>,
    known: u64,
    known_bytes: u64,
    in_front: u64,
    /// Objects before the start that the full listing under way has met; `None` in a short one.
    counting: Option<u64>,
    next_full_ms: i64,
    is_announced: bool,
}

/// The catalogue.
#[derive(Debug)]
pub struct Catalog {
    queues: Vec<Queue>,
    is_loading: bool,
}

/// What a page said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedPage {
    /// The new objects, with their numbers.
    pub new: Vec<ObjectEntry>,
    /// How many of it lie before the start.
    pub in_front: u64,
    /// Where the next page starts.
    pub next: Option<ListCursor>,
}

impl Catalog {
    /// A catalogue of the given queues; load queues first.
    pub fn new(starts: Vec<QueueStart>) -> Self {
        let queues: Vec<_> = starts.into_iter().map(Queue::new).collect();
        let is_loading = queues.iter().any(|queue| queue.start.table.is_some());
        Self { queues, is_loading }
    }

    /// The next page to list, if one is due.
    pub fn next_listing(&mut self, now_ms: i64) -> Option<ListRequest> {
        let is_loading = self.is_loading;
        let mut open = self.queues.iter_mut().enumerate();
        open.find_map(|(index, queue)| {
            let is_open = queue.start.table.is_some() || !is_loading;
            let after = is_open.then(|| queue.due(now_ms)).flatten()?;
            queue.listing = Listing::Running;
            if after.is_none() {
                queue.counting = Some(0);
            }
            Some(ListRequest {
                queue: index,
                name: queue.start.name.clone(),
                prefix: queue.start.prefix.clone(),
                takes: queue.start.takes,
                late_files: queue.start.late_files,
                from: queue.start.from.clone(),
                after,
            })
        })
    }

    /// Takes in a page. Entries must come in number order.
    pub fn listed(&mut self, index: usize, page: ListedPage, now_ms: i64) {
        if let Some(queue) = self.queues.get_mut(index) {
            queue.listed(page, now_ms);
        }
    }

    /// The greatest key of a queue that has a number.
    pub fn greatest_key(&self, index: usize) -> Option<&str> {
        self.queues
            .get(index)
            .and_then(|queue| queue.start.greatest_key.as_deref())
    }

    /// How many objects of a queue lie before its start, as far as full listings came to an end.
    pub fn in_front(&self, index: usize) -> u64 {
        self.queues.get(index).map_or(0, |queue| queue.in_front)
    }

    /// A reader is done with its object; gives the queue of it, if its table was suspended with that.
    pub fn released(&mut self, lane: usize, read: ObjectRead) -> Option<usize> {
        let mut queues = self.queues.iter_mut().enumerate();
        let (index, queue) = queues.find(|(_, queue)| queue.reader == Some(lane))?;
        queue.reader = None;
        if read.is_suspended {
            queue.suspend();
        }
        read.is_suspended.then_some(index)
    }

    /// The next object for a reader: it stays with its queue while there is something in it.
    pub fn assign(&mut self, lane: usize) -> Option<Assignment> {
        let is_loading = self.is_loading;
        let mut candidates: Vec<_> = self
            .queues
            .iter_mut()
            .filter(|queue| queue.is_ready(is_loading))
            .collect();
        let own = candidates
            .iter()
            .position(|queue| queue.last_reader == Some(lane))
            .unwrap_or(0);
        if own >= candidates.len() {
            return None;
        }
        candidates.swap_remove(own).take(lane)
    }

    /// Objects are durably done.
    pub fn done(&mut self, ids: &[ObjectId]) {
        for id in ids {
            for queue in self
                .queues
                .iter_mut()
                .filter(|queue| queue.start.name == id.queue)
            {
                queue.taken.remove(&id.number);
                if queue.barrier == Some(id.number) {
                    queue.barrier = None;
                }
            }
        }
    }

    /// Load queues that became complete since the last call.
    pub fn newly_loaded(&mut self) -> Vec<TableIndex> {
        let mut loaded = Vec::new();
        for queue in self
            .queues
            .iter_mut()
            .filter(|queue| !queue.is_announced && queue.is_complete())
        {
            if let Some(table) = queue.start.table {
                queue.is_announced = true;
                // Nothing more of a suspended table is read for now; that does not make it loaded.
                if !queue.start.is_suspended {
                    loaded.push(table);
                }
            }
        }
        if self.is_loading
            && self
                .queues
                .iter()
                .all(|queue| queue.start.table.is_none() || queue.is_announced)
        {
            self.is_loading = false;
        }
        loaded
    }

    /// Whether load queues are still being read.
    pub fn is_loading(&self) -> bool {
        self.is_loading
    }

    /// Whether nothing is left to list, to read or to settle, now and for good.
    pub fn is_finished(&self) -> bool {
        self.queues
            .iter()
            .all(|queue| queue.is_complete() && queue.listing == Listing::Closed)
    }

    /// What is known of the queues of one table, or of all of changes, for progress displays.
    pub fn notice(&self, index: usize) -> Option<TaskNotice> {
        let table = self.queues.get(index)?.start.table;
        let alike = || self.queues.iter().filter(|queue| queue.start.table == table);
        Some(TaskNotice::Listed {
            table,
            objects_known: alike().map(|queue| queue.known).sum(),
            known_bytes: alike().map(|queue| queue.known_bytes).sum(),
            in_front: alike().map(|queue| queue.in_front).sum(),
            is_complete: alike()
                .all(|queue| matches!(queue.listing, Listing::Resting { .. } | Listing::Closed)),
            unread: alike()
                .flat_map(|queue| queue.unread.iter().cloned())
                .take(UNREAD_SHOWN_MAX)
                .collect(),
        })
    }
}

impl Queue {
    fn new(mut start: QueueStart) -> Self {
        let mut unfinished = std::mem::take(&mut start.unfinished);
        // Control records come first even if they were switched on later than the first file was numbered.
        unfinished.sort_by_key(|entry| (entry.version.key != CONTROL_KEY, entry.id.number));
        let mut queue = Self {
            unread: std::mem::take(&mut start.unread),
            start,
            listing: Listing::Due { after: None },
            pending: VecDeque::new(),
            taken: BTreeSet::new(),
            reader: None,
            last_reader: None,
            barrier: None,
            known: 0,
            known_bytes: 0,
            in_front: 0,
            counting: None,
            next_full_ms: i64::MIN,
            is_announced: false,
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
            (Some(_) | None, ObjectState::Registered | ObjectState::Open(_) | ObjectState::Done(_)) => {
                self.known += 1;
                self.known_bytes += entry.unsettled_bytes();
                Work::Read
            }
        };
        self.pending.push_back((entry, work));
    }

    /// Leaves unread what waits.
    fn suspend(&mut self) {
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

    /// The start of the page that is due: `Some(None)` is the beginning.
    #[expect(
        clippy::option_option,
        reason = "whether a page is due, and where it starts, are two questions"
    )]
    fn due(&self, now_ms: i64) -> Option<Option<ListCursor>> {
        if self.pending.len() >= PENDING_LOW_WATER {
            return None;
        }
        match &self.listing {
            Listing::Due { after } => Some(after.clone()),
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

    fn listed(&mut self, page: ListedPage, now_ms: i64) {
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
        self.counting = self.counting.map(|counted| counted + page.in_front);
        if let (None, Some(counted)) = (&page.next, self.counting) {
            self.in_front = counted;
            self.counting = None;
        }
        self.listing = match (page.next, self.start.watch) {
            (Some(next), _) => Listing::Due { after: Some(next) },
            (None, Watch::Once) => Listing::Closed,
            (
                None,
                Watch::Poll {
                    interval_ms,
                    full_interval_ms,
                },
            ) => {
                if self.next_full_ms <= now_ms {
                    self.next_full_ms = now_ms + full_interval_ms;
                }
                Listing::Resting {
                    next_ms: now_ms + interval_ms,
                }
            }
        };
    }

    fn is_ready(&self, is_loading: bool) -> bool {
        let is_open = self.start.table.is_some() || !is_loading;
        let next = self.pending.front().map(|(entry, _)| entry.id.number);
        let is_behind_barrier = self.barrier.is_some_and(|barrier| next != Some(barrier));
        is_open && self.reader.is_none() && next.is_some() && !is_behind_barrier
    }

    fn take(&mut self, lane: usize) -> Option<Assignment> {
        let (entry, work) = self.pending.pop_front()?;
        self.taken.insert(entry.id.number);
        self.reader = Some(lane);
        self.last_reader = Some(lane);
        Some(Assignment {
            entry,
            table: self.start.table,
            work,
        })
    }

    fn is_complete(&self) -> bool {
        let is_listed = matches!(self.listing, Listing::Resting { .. } | Listing::Closed);
        is_listed && self.pending.is_empty() && self.taken.is_empty()
    }
}
