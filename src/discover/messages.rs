//! What the discoverer takes in and hands out.

use actix::prelude::*;
use opentelemetry::trace::SpanContext;

use crate::checkpoint::object_counts::FIRST_KEYS_MAX;
pub use crate::checkpoint::object_counts::SomeObjects;
use crate::checkpoint::store::ObjectEntry;
use crate::model::TableIndex;
use crate::model::control::ControlPlan;
use crate::model::name_order::OutOfOrder;
use crate::settings::LeftOut;

/// Load files of a table that are not read and that a status names.
pub const UNREAD_SHOWN_MAX: usize = FIRST_KEYS_MAX;

/// Objects that are listed and not read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NotRead {
    /// Those that lie before the start, or came after the load.
    pub left_out: SomeObjects,
    /// Those that are other versions than the ones that were read: they were written over, or lie in another bucket.
    pub replaced: SomeObjects,
    /// Two that are read in the order of text and against that of the numbers in their names, if there are any.
    pub out_of_order: Option<OutOfOrder>,
    /// Those that are not data of the folder.
    pub not_data: SomeObjects,
    /// Those that are named as change files, where nobody reads change files.
    pub changes: SomeObjects,
    /// Load files that have a number as change files, or change files that have one as load files: the configuration was
    /// another one when they were found.
    pub read_otherwise: SomeObjects,
}

impl NotRead {
    /// Takes in those of the next page.
    pub fn add(&mut self, more: Self) {
        self.left_out.add(more.left_out);
        self.replaced.add(more.replaced);
        self.out_of_order = self.out_of_order.take().or(more.out_of_order);
        self.not_data.add(more.not_data);
        self.changes.add(more.changes);
        self.read_otherwise.add(more.read_otherwise);
    }

    /// Takes in a file of the folder that is left out.
    pub fn leave(&mut self, why: LeftOut, key: &str) {
        match why {
            LeftOut::SideFile | LeftOut::Below | LeftOut::Pattern => self.not_data.push(key),
            LeftOut::NamedAsChanges => self.changes.push(key),
        }
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
    /// The listing that found it, if that is traced.
    pub listing: Option<SpanContext>,
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
