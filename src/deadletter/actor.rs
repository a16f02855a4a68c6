//! `DeadLetterWriter`: makes rejected rows durable, then settles them (D2).

use std::collections::HashMap;
use std::sync::Arc;

use actix::prelude::*;

use super::envelope::{DeadLetter, Origin};
use super::files::DeadLetterFiles;
use super::messages::StoreRejected;
use crate::checkpoint::messages::RecordsSettled;
use crate::clock::Clock;
use crate::durable::json_lines;
use crate::fault::{Fault, FaultKind};
use crate::flow::edge::Upstream;
use crate::flow::fuse::Fuse;
use crate::flow::wind_down::WindDown;
use crate::model::settle::Lane;
use crate::model::{QueueName, RejectedRecord, Settled};

/// What a dead-letter writer is made of.
#[derive(Debug)]
pub struct DeadLetterWriterParts {
    /// The task's name.
    pub task: String,
    /// `schema.table` of each table.
    pub table_names: Vec<String>,
    /// Time of day.
    pub clock: Arc<dyn Clock>,
    /// Who wants to know of settled records.
    pub checkpointer: Upstream<RecordsSettled>,
    /// Ends the generation.
    pub wind_down: WindDown,
    /// Ends the actor with a fault.
    pub fuse: Fuse,
}

/// The actor.
#[derive(Debug)]
pub struct DeadLetterWriter {
    parts: DeadLetterWriterParts,
    files: Option<DeadLetterFiles>,
    /// The object of each queue that was reported last.
    reported: HashMap<QueueName, u64>,
}

impl DeadLetterWriter {
    /// A writer into the given files.
    pub fn new(parts: DeadLetterWriterParts, files: DeadLetterFiles) -> Self {
        Self {
            parts,
            files: Some(files),
            reported: HashMap::new(),
        }
    }

    fn table_of(&self, record: &RejectedRecord) -> Option<&String> {
        let table = record.table?;
        self.parts.table_names.get(table.0)
    }

    /// Says that an object has bad rows: once per object, because all of its rows may be bad.
    fn report(&mut self, message: &StoreRejected) {
        let id = &message.context.id;
        let Some(first) = message.records.first() else {
            return;
        };
        if self.reported.insert(id.queue.clone(), id.number) == Some(id.number) {
            return;
        }
        tracing::warn!(
            object = message.context.location,
            table = self.table_of(first),
            line = first.line,
            byte = first.position,
            ordinal = first.ordinal,
            column = first.column,
            code = first.code,
            reason = first.reason,
            "a row cannot be sent and is kept as a dead letter; further ones of this file are not logged"
        );
    }

    /// The lines of a message and the day they belong to.
    fn render(&self, message: &StoreRejected) -> Result<(String, Vec<u8>), serde_json::Error> {
        let now = jiff::Timestamp::from_microsecond(self.parts.clock.now_us()).unwrap_or_default();
        let (time, day) = (now.to_string(), now.strftime("%Y-%m-%d").to_string());
        let context = &message.context;
        let origin = Origin {
            task: &self.parts.task,
            location: &context.location,
            id: &context.id,
            version: &context.version,
            time: &time,
        };
        let mut lines = Vec::new();
        for record in &message.records {
            let table = self.table_of(record).cloned();
            json_lines::push(&mut lines, &DeadLetter::new(origin, record, table))?;
        }
        Ok((day, lines))
    }
}

impl Actor for DeadLetterWriter {
    type Context = Context<Self>;
}

impl Handler<StoreRejected> for DeadLetterWriter {
    type Result = AtomicResponse<Self, ()>;

    fn handle(&mut self, message: StoreRejected, _context: &mut Context<Self>) -> Self::Result {
        let Some(work) = self.parts.wind_down.begin() else {
            // Not settled, so the next generation reads the rows again.
            return AtomicResponse::new(Box::pin(async {}.into_actor(self)));
        };
        let rendered = self.render(&message);
        self.report(&message);
        let files = self.files.take();
        // Taken out by name: a closure captures only the fields it uses, and the others go at once.
        let StoreRejected { run, credit, .. } = message;
        let write = async move {
            let (day, lines) = rendered.map_err(|error| error.to_string())?;
            let mut files = files.ok_or("an earlier write failed")?;
            let work = tokio::task::spawn_blocking(move || files.append(&day, &lines).map(|()| files));
            match work.await {
                Ok(result) => result.map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            }
        };
        AtomicResponse::new(Box::pin(write.into_actor(self).map(
            move |result, actor, context| match result {
                Ok(files) => {
                    actor.files = Some(files);
                    let settled = Settled {
                        lane: Lane::DeadLetters,
                        runs: vec![run],
                        stored: Vec::new(),
                    };
                    actor.parts.checkpointer.notify(RecordsSettled(settled));
                    drop(credit);
                    drop(work);
                }
                Err(error) => {
                    let message =
                        format!("dead letters cannot be written: {error}; check errors.dead_letters");
                    let fault = Fault::new(FaultKind::StateIo, message);
                    actor.parts.wind_down.fail(fault.clone());
                    actor.parts.fuse.blow(fault);
                    context.stop();
                }
            },
        )))
    }
}
