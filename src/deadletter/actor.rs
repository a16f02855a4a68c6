//! `DeadLetterWriter`: makes rejected rows durable, then settles them (D2).

use std::collections::HashMap;
use std::sync::Arc;

use actix::prelude::*;

use super::envelope::{DeadLetter, Origin};
use super::files::DeadLetterFiles;
use super::messages::StoreRejected;
use crate::checkpoint::context::ObjectContext;
use crate::checkpoint::messages::{RecordsSettled, StoreRefused};
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
    fn report(&mut self, context: &ObjectContext, records: &[RejectedRecord]) {
        let id = &context.id;
        let Some(first) = records.first() else {
            return;
        };
        if self.reported.insert(id.queue.clone(), id.number) == Some(id.number) {
            return;
        }
        tracing::warn!(
            object = context.location,
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

    /// The lines of rows and the day they belong to.
    fn render(
        &self,
        context: &ObjectContext,
        records: &[RejectedRecord],
    ) -> Result<(String, Vec<u8>), serde_json::Error> {
        let now = jiff::Timestamp::from_microsecond(self.parts.clock.now_us()).unwrap_or_default();
        let (time, day) = (now.to_string(), now.strftime("%Y-%m-%d").to_string());
        let origin = Origin {
            task: &self.parts.task,
            location: &context.location,
            id: &context.id,
            version: &context.version,
            time: &time,
        };
        let mut lines = Vec::new();
        for record in records {
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
        let write = self.write(&message.context, &message.records);
        // Taken out by name: a closure captures only the fields it uses, and the others go at once.
        let StoreRejected { run, credit, .. } = message;
        AtomicResponse::new(Box::pin(write.into_actor(self).map(
            move |result, actor, context| {
                if actor.written(result, context).is_ok() {
                    let settled = Settled {
                        lane: Lane::DeadLetters,
                        runs: vec![run],
                        stored: Vec::new(),
                    };
                    actor.parts.checkpointer.notify(RecordsSettled(settled));
                    drop(credit);
                    drop(work);
                }
            },
        )))
    }
}

impl Handler<StoreRefused> for DeadLetterWriter {
    type Result = AtomicResponse<Self, Result<(), Fault>>;

    /// Whoever waits for it holds up the end of the generation until then.
    fn handle(&mut self, message: StoreRefused, _context: &mut Context<Self>) -> Self::Result {
        let write = self.write(&message.context, &message.records);
        AtomicResponse::new(Box::pin(
            write
                .into_actor(self)
                .map(|result, actor, context| actor.written(result, context)),
        ))
    }
}

impl DeadLetterWriter {
    /// Appends the lines of rows durably; gives the files back.
    fn write(
        &mut self,
        context: &ObjectContext,
        records: &[RejectedRecord],
    ) -> impl Future<Output = Result<DeadLetterFiles, String>> + 'static {
        let rendered = self.render(context, records);
        self.report(context, records);
        let files = self.files.take();
        async move {
            let (day, lines) = rendered.map_err(|error| error.to_string())?;
            let mut files = files.ok_or("an earlier write failed")?;
            let work = tokio::task::spawn_blocking(move || files.append(&day, &lines).map(|()| files));
            match work.await {
                Ok(result) => result.map_err(|error| error.to_string()),
                Err(error) => Err(error.to_string()),
            }
        }
    }

    /// Takes the files back, or ends the generation.
    fn written(
        &mut self,
        result: Result<DeadLetterFiles, String>,
        context: &mut Context<Self>,
    ) -> Result<(), Fault> {
        let error = match result {
            Ok(files) => {
                self.files = Some(files);
                return Ok(());
            }
            Err(error) => error,
        };
        let message = format!("dead letters cannot be written: {error}; check errors.dead_letters");
        let fault = Fault::new(FaultKind::StateIo, message);
        self.parts.wind_down.fail(fault.clone());
        self.parts.fuse.blow(fault.clone());
        context.stop();
        Err(fault)
    }
}
