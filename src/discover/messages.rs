//! What the discoverer takes in and hands out.

use actix::prelude::*;

use crate::checkpoint::store::ObjectEntry;
use crate::model::TableIndex;
use crate::model::control::ControlPlan;

/// Objects of a suspended table that a status names.
pub const UNREAD_SHOWN_MAX: usize = 20;

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
