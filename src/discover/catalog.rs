//! The catalogue of objects: the queues of a task, which of them is read and listed next. Pure: no I/O, no clock.
//!
//! Objects of one queue are handed out strictly one after another, in number order; several queues are read in
//! parallel. The change queue opens when every load queue is complete. Times are those of a clock that only goes
//! forward.
//!
//! Advice for changing this file: whether a key is new is decided by the store alone, never by the cursor here;
//! the cursor only saves listing.

use super::folders::FileRule;
use super::messages::{Assignment, NotRead, ObjectRead, SomeObjects, UNREAD_SHOWN_MAX};
pub use super::queue::ListedPage;
use super::queue::Queue;
pub use super::queue_start::{QueueStart, Watch};
use super::read_otherwise::Others;
use crate::checkpoint::messages::TaskNotice;
pub use crate::model::control::{control_version, is_late};
use crate::model::start::StartPoint;
use crate::model::{ObjectId, QueueName, TableIndex};
use crate::settings::LateFiles;
use crate::source::ListCursor;

/// A page to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListRequest {
    /// Index of the queue.
    pub queue: usize,
    /// Name of the queue.
    pub name: QueueName,
    /// What to list, and which of it counts.
    pub rule: FileRule,
    /// What to do with late files of the queue; load queues have none.
    pub late_files: LateFiles,
    /// Where the queue starts.
    pub from: StartPoint,
    /// Where its files may have been read as files of another kind.
    pub others: Others,
    /// Whether the load of the queue is complete: what is new came after it and is not read.
    pub is_loaded: bool,
    /// Where to start.
    pub after: Option<ListCursor>,
}

/// The catalogue.
#[derive(Debug)]
pub struct Catalog {
    queues: Vec<Queue>,
    is_loading: bool,
}

impl Catalog {
    /// A catalogue of the given queues; load queues first.
    pub fn new(starts: Vec<QueueStart>) -> Self {
        let queues: Vec<_> = starts.into_iter().map(Queue::new).collect();
        let mut loads = queues.iter().filter(|queue| queue.start.table.is_some());
        let is_loading = loads.any(|queue| !queue.start.is_loaded);
        Self { queues, is_loading }
    }

    /// The next page to list, if one is due. Where files are only looked for that came after a load, that can wait.
    pub fn next_listing(&mut self, now_ms: i64) -> Option<ListRequest> {
        let is_loading = self.is_loading;
        let mut order: Vec<_> = self.queues.iter_mut().enumerate().collect();
        order.sort_by_key(|(_, queue)| queue.start.is_loaded);
        let mut open = order
            .into_iter()
            .filter(|(_, queue)| queue.start.table.is_some() || !is_loading);
        open.find_map(|(index, queue)| {
            let after = queue.begin_listing(now_ms)?;
            Some(ListRequest {
                queue: index,
                name: queue.start.name.clone(),
                rule: queue.start.rule.clone(),
                late_files: queue.start.late_files,
                from: queue.start.from.clone(),
                others: queue.start.others.clone(),
                is_loaded: queue.start.is_loaded,
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

    /// Whether a queue is one of load files.
    pub fn is_load(&self, index: usize) -> bool {
        let queue = self.queues.get(index);
        queue.is_some_and(|queue| queue.start.table.is_some())
    }

    /// When the oldest object was written that waits, of all load files or of all changes.
    pub fn oldest_waiting_ms(&self, is_load: bool) -> Option<i64> {
        let queues = self.queues.iter();
        let queues = queues.filter(|queue| queue.start.table.is_some() == is_load);
        queues.filter_map(Queue::oldest_waiting_ms).min()
    }

    /// The greatest key of a queue that has a number.
    pub fn greatest_key(&self, index: usize) -> Option<&str> {
        self.queues
            .get(index)
            .and_then(|queue| queue.start.greatest_key.as_deref())
    }

    /// Which objects of a queue are not read, as far as full listings came to an end.
    pub fn not_read(&self, index: usize) -> NotRead {
        let queue = self.queues.get(index);
        queue.map(|queue| queue.not_read.clone()).unwrap_or_default()
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
                queue.done(id.number);
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
                    queue.start.is_loaded = true;
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

    /// Loads that became complete without a file since the last call: the names and prefixes of their queues.
    pub fn loads_without_files(&mut self) -> Vec<(usize, QueueName, String)> {
        let queues = self.queues.iter_mut().enumerate();
        let empty = queues.filter(|(_, queue)| queue.is_loaded_without_files() && !queue.is_reported);
        empty
            .map(|(index, queue)| {
                queue.is_reported = true;
                (index, queue.start.name.clone(), queue.start.rule.prefix.clone())
            })
            .collect()
    }

    /// Whether load queues are still being read.
    pub fn is_loading(&self) -> bool {
        self.is_loading
    }

    /// Whether nothing is left to list, to read or to settle, now and for good.
    pub fn is_finished(&self) -> bool {
        self.queues
            .iter()
            .all(|queue| queue.is_complete() && queue.is_closed())
    }

    /// What is known of the queues of one table, or of all of changes, for progress displays.
    pub fn notice(&self, index: usize) -> Option<TaskNotice> {
        let table = self.queues.get(index)?.start.table;
        let alike = || self.queues.iter().filter(|queue| queue.start.table == table);
        Some(TaskNotice::Listed {
            table,
            objects_known: alike().map(|queue| queue.known).sum(),
            known_bytes: alike().map(|queue| queue.known_bytes).sum(),
            left_out: alike().map(|queue| queue.not_read.left_out.count).sum(),
            not_data: SomeObjects::sum(alike().map(|queue| &queue.not_read.not_data)),
            unread_changes: SomeObjects::sum(alike().map(|queue| &queue.not_read.changes)),
            read_otherwise: SomeObjects::sum(alike().map(|queue| &queue.not_read.read_otherwise)),
            replaced: alike().map(|queue| queue.not_read.replaced.count).sum(),
            replaced_first: alike()
                .flat_map(|queue| queue.not_read.replaced.first_keys.iter())
                .take(UNREAD_SHOWN_MAX)
                .cloned()
                .collect(),
            has_no_file: alike().any(Queue::is_loaded_without_files),
            is_complete: alike().all(Queue::is_listed),
            unread: alike()
                .flat_map(Queue::unread)
                .take(UNREAD_SHOWN_MAX)
                .cloned()
                .collect(),
        })
    }
}
