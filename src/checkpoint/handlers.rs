//! What the checkpointer does with each message.

use std::sync::Arc;
use std::time::Duration;

use actix::prelude::*;

use super::actor::{Checkpointer, outcome};
use super::ledger::ResumePoint;
use super::messages::{
    ChunkParsed, CommitNow, NoteCopies, ObjectEnded, OpenObject, RecordsSettled, RowsRefused, TaskNotice,
};
use crate::fault::Fault;
use crate::model::ObjectId;
use crate::observe::facts::QueueKind;

impl Handler<OpenObject> for Checkpointer {
    type Result = Option<ResumePoint>;

    fn handle(&mut self, message: OpenObject, context: &mut Context<Self>) -> Self::Result {
        let now_ms = self.parts.clock.now_ms();
        if message.is_urgent {
            self.urgent.insert(message.entry.id.clone());
        }
        if let Some(trace) = message.trace {
            self.traces.insert(message.entry.id.clone(), trace);
        }
        match self.parts.ledger.open(&message.entry, message.table, now_ms) {
            Ok(resume) => {
                self.board.opened(&message.entry, message.table);
                Some(resume)
            }
            Err(error) => {
                self.check(Err(error), context);
                None
            }
        }
    }
}

impl Handler<ChunkParsed> for Checkpointer {
    type Result = ();

    fn handle(&mut self, message: ChunkParsed, context: &mut Context<Self>) {
        let result =
            self.parts
                .ledger
                .chunk_parsed(&message.chunk, message.span, message.outstanding, message.tally);
        self.check(result, context);
    }
}

impl Handler<RecordsSettled> for Checkpointer {
    type Result = ();

    fn handle(&mut self, message: RecordsSettled, context: &mut Context<Self>) {
        let last = message.0.runs.last().map(|run| run.chunk.object.clone());
        let result = self.parts.ledger.settled(message.0);
        self.check(result, context);
        if let Some(object) = last {
            self.commit_if_urgent(&object, context);
        }
    }
}

impl Handler<RowsRefused> for Checkpointer {
    type Result = ();

    fn handle(&mut self, message: RowsRefused, context: &mut Context<Self>) {
        let result = message
            .0
            .iter()
            .try_for_each(|row| self.parts.ledger.refused(row));
        self.check(result, context);
    }
}

impl Handler<ObjectEnded> for Checkpointer {
    type Result = ();

    fn handle(&mut self, message: ObjectEnded, context: &mut Context<Self>) {
        self.board.ended(&message.id, &message.end);
        let result = self.parts.ledger.ended(&message.id, message.end);
        self.check(result, context);
        self.commit_if_urgent(&message.id, context);
    }
}

impl Handler<TaskNotice> for Checkpointer {
    type Result = ();

    fn handle(&mut self, message: TaskNotice, context: &mut Context<Self>) {
        match message {
            TaskNotice::Phase(phase) => self.parts.ledger.change_task(|task| task.phase = phase),
            TaskNotice::Waiting(is_waited_for) => {
                self.is_waited_for = is_waited_for;
                self.commit_if_waited_for(context);
            }
            TaskNotice::LoadCompleted(table) => {
                let now_ms = self.parts.clock.now_ms();
                self.parts.ledger.load_completed(table, now_ms);
            }
            TaskNotice::Listed {
                table,
                objects_known,
                known_bytes,
                left_out,
                not_data,
                unread_changes,
                read_otherwise,
                replaced,
                replaced_first,
                has_no_file,
                is_complete,
                unread,
            } => {
                let is_load = table.is_some();
                let counts = self.board.counts(table);
                counts.known = objects_known;
                counts.known_bytes = known_bytes;
                if is_load {
                    counts.after_load = left_out;
                } else {
                    counts.in_front = left_out;
                }
                counts.is_complete = is_complete;
                counts.unread = unread;
                counts.not_data = not_data;
                counts.unread_changes = unread_changes;
                counts.read_otherwise = read_otherwise;
                counts.replaced = replaced;
                counts.replaced_first = replaced_first;
                counts.has_no_file = has_no_file;
            }
        }
    }
}

impl Handler<NoteCopies> for Checkpointer {
    type Result = AtomicResponse<Self, Result<(), Fault>>;

    fn handle(&mut self, _message: NoteCopies, _context: &mut Context<Self>) -> Self::Result {
        self.parts.ledger.change_task(|task| task.may_hold_copies = true);
        self.commit_awaited()
    }
}

impl Handler<CommitNow> for Checkpointer {
    type Result = AtomicResponse<Self, Result<(), Fault>>;

    fn handle(&mut self, message: CommitNow, _context: &mut Context<Self>) -> Self::Result {
        self.parts.ledger.stop(message.is_clean_stop);
        self.publish_status();
        self.commit_awaited()
    }
}

impl Checkpointer {
    /// Says how old the oldest objects are that are not settled.
    pub(super) fn note_ages(&self) {
        let facts = self.parts.counters.facts();
        for kind in QueueKind::ALL {
            facts.open(kind, self.board.freshness.oldest_ms(kind));
        }
    }

    /// Objects are durably settled.
    pub(super) fn note_fresh(&mut self, finished: &[ObjectId]) {
        let now_ms = self.parts.clock.now_ms();
        for id in finished {
            self.urgent.remove(id);
            if let Some((kind, age_ms)) = self.board.freshness.settled(id, now_ms) {
                let age = Duration::from_millis(age_ms);
                self.parts.counters.settled_object(kind, age);
            }
        }
        // After the last commit nothing else says so.
        self.note_ages();
    }

    /// A background commit that is under way finishes first: the store takes one commit at a time, and this one
    /// holds only what the other did not.
    fn commit_awaited(&mut self) -> AtomicResponse<Self, Result<(), Fault>> {
        let (delta, finished) = self.parts.ledger.take_delta(self.parts.clock.now_ms());
        let (commits, turn) = (self.commits(), Arc::clone(&self.turn));
        let span = self.commit_span(&delta, &finished);
        let work = async move {
            let turn = turn.lock_owned().await;
            outcome(commits.start(delta, span, turn)).await
        };
        AtomicResponse::new(Box::pin(work.into_actor(self).map(
            move |result, actor, _context| {
                if result.is_ok() {
                    actor.announce(finished);
                    actor.stop_if_suspended();
                }
                result
            },
        )))
    }
}
