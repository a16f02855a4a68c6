//! What the discoverer takes in and hands out.

use actix::prelude::*;

use crate::checkpoint::store::ObjectEntry;
use crate::model::TableIndex;
use crate::model::control::ControlPlan;
use crate::saturate;

/// Load files of a table that are not read and that a status names.
pub const UNREAD_SHOWN_MAX: usize = 20;

/// Objects that are listed and not read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotRead {
    /// Those that lie before the start, or came after the load.
    pub left_out: SomeObjects,
    /// Those that are other versions than the ones that were read: they were written over, or lie in another bucket.
    pub replaced: SomeObjects,
}

impl NotRead {
    /// Takes in those of the next page.
    pub fn add(&mut self, more: Self) {
        self.left_out.add(more.left_out);
        self.replaced.add(more.replaced);
    }
}

/// Some objects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SomeObjects {
    /// How many.
    pub count: u64,
    /// The keys of the first of them; empty where nobody is to look for them.
    pub first_keys: Vec<String>,
}

impl SomeObjects {
    /// Those with these keys.
    pub fn of(keys: impl ExactSizeIterator<Item = String>) -> Self {
        Self {
            count: saturate::to_u64(keys.len()),
            first_keys: keys.take(UNREAD_SHOWN_MAX).collect(),
        }
    }

    /// Takes in those of the next page.
    pub fn add(&mut self, more: Self) {
        self.count += more.count;
        let free = UNREAD_SHOWN_MAX.saturating_sub(self.first_keys.len());
        self.first_keys.extend(more.first_keys.into_iter().take(free));
    }
}

/// A reader is free. The reply comes when there is an object to read; `None` means that none will come.
#[derive(Debug, Message)]
#[rtype(result = "Option<Assignment>")]
pub struct NextObject {
    /// Which reader asks.
    pub lane: usize,
    /// How it is done with the object it had, if it had one.
    pub read: Option<ObjectRead>,
}

/// How a reader is done with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectRead {
    /// Whether its table was suspended in it, so that no further object of it is to be read.
    pub is_suspended: bool,
}

/// An object to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The object with its durable number and its progress.
    pub entry: ObjectEntry,
    /// Its table, for a full-load file.
    pub table: Option<TableIndex>,
    /// What to do with it.
    pub work: Work,
}

/// What to do with an assigned object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// Read it.
    Read,
    /// Send control records; the entry is a stand-in that gives them a place in the checkpoint.
    Control(ControlPlan),
    /// Set it aside unread, for this reason.
    Quarantine(String),
}

/// Stop handing out objects: every reader gets `None` as its next reply.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct StopAssigning;
