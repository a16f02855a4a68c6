//! What the discoverer takes in and hands out.

use actix::prelude::*;

use super::control::ControlPlan;
use crate::checkpoint::store::ObjectEntry;
use crate::model::{ObjectId, TableIndex};

/// A reader is free. The reply comes when there is an object to read; `None` means that none will come.
#[derive(Debug, Message)]
#[rtype(result = "Option<Assignment>")]
pub struct NextObject {
    /// Which reader asks.
    pub lane: usize,
    /// The object it has read to the end, if it had one.
    pub read: Option<ObjectId>,
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

/// Objects are done, durably.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct ObjectsDone {
    /// Which.
    pub ids: Vec<ObjectId>,
}

/// Stop handing out objects: every reader gets `None` as its next reply.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub struct StopAssigning;
