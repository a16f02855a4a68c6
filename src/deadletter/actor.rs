//! `DeadLetterWriter`: makes rejected rows durable, then settles them (D2).

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use actix::prelude::*;

use super::envelope::{DeadLetter, Origin};
use super::files::DeadLetterFiles;
use super::messages::{Kept, StoreRejected};
use super::volume::Volume;
use crate::checkpoint::context::ObjectContext;
use crate::checkpoint::messages::{RecordsSettled, StoreRefused};
use crate::clock::Clock;
use crate::config::units::SizeText;
use crate::durable::json_lines;
use crate::fault::{Fault, FaultKind};
use crate::flow::edge::Upstream;
use crate::flow::fuse::Fuse;
use crate::flow::wind_down::WindDown;
use crate::model::settle::Lane;
use crate::model::{QueueName, RejectedRecord, Settled};
use crate::observe::counters::Counters;
use crate::observe::metrics::NO_TABLE;
use crate::saturate;

/// What a dead-letter writer is made of.
#[derive(Debug)]
pub struct DeadLetterWriterParts {
    /// The task's name.
    pub task: String,
    /// `schema.table` of each table.
    pub table_names: Vec<String>,
    /// Bytes of dead letters that a file may make in a minute.
    pub bytes_max: u64,
    /// Time of day.
    pub clock: Arc<dyn Clock>,
    /// Counts them by reason.
    pub counters: Arc<Counters>,
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
    volume: Volume,
    /// The object of each queue that was reported last.
    reported: HashMap<QueueName, u64>,
}

impl DeadLetterWriter {
    /// A writer into the given files.
    pub fn new(parts: DeadLetterWriterParts, files: DeadLetterFiles) -> Self {
        Self {
            volume: Volume::new(parts.bytes_max),
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
    type Result = AtomicResponse<Self, Kept>;

    fn handle(&mut self, message: StoreRejected, _context: &mut Context<Self>) -> Self::Result {
        let Some(work) = self.parts.wind_down.begin() else {
            // Not settled, so the next generation reads the rows again.
            return AtomicResponse::new(Box::pin(async { Kept::GoOn }.into_actor(self)));
        };
        let (kept, write) = self.write(&message.context, &message.records);
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
                kept
            },
        )))
    }
}

impl Handler<StoreRefused> for DeadLetterWriter {
    type Result = AtomicResponse<Self, Result<(), Fault>>;

    /// Whoever waits for it holds up the end of the generation until then.
    fn handle(&mut self, message: StoreRefused, _context: &mut Context<Self>) -> Self::Result {
        // The rows after these are on their way already, so nothing follows from how many there are.
        let (_, write) = self.write(&message.context, &message.records);
        AtomicResponse::new(Box::pin(
            write
                .into_actor(self)
                .map(|result, actor, context| actor.written(result, context)),
        ))
    }
}

impl DeadLetterWriter {
    /// What follows from this much of a file.
    fn judge(&mut self, context: &ObjectContext, records: &[RejectedRecord], bytes: usize) -> Kept {
        let now_us = self.parts.clock.now_us();
        if !self.volume.add(&context.id, saturate::to_u64(bytes), now_us) {
            return Kept::GoOn;
        }
        let last = records.last().map_or(0, |record| record.line);
        Kept::TooMany(format!(
            "its dead letters took more than {} within a minute, up to line {last}; correct the file or the table \
             definition, or raise errors.dead_letters_max, then `brigade files retry`",
            SizeText(self.parts.bytes_max)
        ))
    }

    /// Appends the lines of rows durably; gives the files back.
    fn write(
        &mut self,
        context: &ObjectContext,
        records: &[RejectedRecord],
    ) -> (
        Kept,
        impl Future<Output = Result<DeadLetterFiles, String>> + 'static + use<>,
    ) {
        let rendered = self.render(context, records);
        let bytes = rendered.as_ref().map_or(0, |(_, lines)| lines.len());
        let kept = self.judge(context, records, bytes);
        self.report(context, records);
        let files = self.files.take();
        let (counts, counters) = (self.counts(records), Arc::clone(&self.parts.counters));
        let write = async move {
            let (day, lines) = rendered.map_err(|error| error.to_string())?;
            let mut files = files.ok_or("an earlier write failed")?;
            let work = tokio::task::spawn_blocking(move || files.append(&day, &lines).map(|()| files));
            let files = work.await.map_err(|error| error.to_string())?;
            let files = files.map_err(|error| error.to_string())?;
            for ((table, code), rows) in counts {
                counters.facts().dead_lettered(&table, code, rows);
            }
            Ok(files)
        };
        (kept, write)
    }

    /// How many of the rows there are by table and reason.
    fn counts(&self, records: &[RejectedRecord]) -> BTreeMap<(String, &'static str), u64> {
        let mut counts = BTreeMap::new();
        for record in records {
            let table = self.table_of(record).map_or(NO_TABLE, String::as_str);
            *counts.entry((table.to_owned(), record.code)).or_default() += 1;
        }
        counts
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
