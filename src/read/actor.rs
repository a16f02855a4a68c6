//! `FileReader`: asks for an object, reads it from its checkpoint on, cuts it into chunks of whole records, and
//! hands them to its parser one by one.
//!
//! It takes a credit before it hands a chunk on, so the bytes in flight stay within the budget (F1). It stops
//! between chunks, never inside one.

use std::sync::Arc;

use actix::prelude::*;
use tokio_util::sync::CancellationToken;
use tracing::Instrument;

use super::object_chunks::{NextChunk, ObjectChunks, ReadSettings};
use super::reading::{Ending, Reading, judge, panicked, tell, watched};
use crate::chain::ends::ChainStart;
use crate::checkpoint::context::ObjectContext;
use crate::checkpoint::ledger::{ObjectEnd, ResumePoint};
use crate::checkpoint::messages::{ObjectEnded, OpenObject};
use crate::discover::messages::{Assignment, NextObject, ObjectRead, Work};
use crate::flow::budget::Budget;
use crate::flow::edge::{Downstream, StageClosed, Upstream};
use crate::flow::fuse::Fuse;
use crate::flow::halt::Halt;
use crate::model::Chunk;
use crate::model::settle::ChunkRef;
use crate::observe::object_trace::ObjectTrace;
use crate::parse::chunk_router::ChunkEnd;
use crate::parse::cost::CostEstimate;
use crate::parse::messages::{ParseChunk, ParseControl};
use crate::parse::panic_book::PanicBook;
use crate::source::{ObjectPolicies, ObjectSource, SourceError};

/// What a reader is made of.
#[derive(Debug)]
pub struct FileReaderParts {
    /// Which lane it is.
    pub lane: usize,
    /// Where objects are.
    pub source: Arc<dyn ObjectSource>,
    /// How to read them.
    pub settings: ReadSettings,
    /// What to do with an object that cannot be read.
    pub policies: ObjectPolicies,
    /// Who hands out objects.
    pub discoverer: Downstream<NextObject>,
    /// Who knows where to go on.
    pub open: Downstream<OpenObject>,
    /// Who wants to know of an object's end.
    pub ended: Upstream<ObjectEnded>,
    /// The parser of this lane, for chunks.
    pub chunks: Downstream<ParseChunk>,
    /// The parser of this lane, for control records.
    pub control: Downstream<ParseControl>,
    /// The in-flight budget.
    pub budget: Budget,
    /// How many bytes a chunk will be in flight.
    pub cost: CostEstimate,
    /// Cancelled when reading is to stop.
    pub stop: CancellationToken,
    /// Ends the task after what was read.
    pub halt: Halt,
    /// What has panicked.
    pub panics: PanicBook,
    /// Ends the actor with a fault.
    pub fuse: Fuse,
}

/// The actor. Its only work is one loop.
#[derive(Debug)]
pub struct FileReader {
    parts: Arc<FileReaderParts>,
}

impl FileReader {
    /// A reader without an object.
    pub fn new(parts: FileReaderParts) -> Self {
        Self {
            parts: Arc::new(parts),
        }
    }
}

impl Actor for FileReader {
    type Context = Context<Self>;

    fn started(&mut self, context: &mut Context<Self>) {
        let parts = Arc::clone(&self.parts);
        let work = async move { parts.run().await };
        context.spawn(work.into_actor(self).map(|result, actor, context| {
            if let Err(Ending::Fault(fault)) = result {
                actor.parts.fuse.blow(fault);
            }
            context.stop();
        }));
    }
}

impl FileReaderParts {
    async fn run(&self) -> Result<(), Ending> {
        let mut read: Option<ObjectRead> = None;
        while !self.stop.is_cancelled() {
            let request = NextObject {
                lane: self.lane,
                read: read.take(),
            };
            let Some(assignment) = self.discoverer.push(request).await? else {
                break;
            };
            let id = assignment.entry.id.clone();
            let location = self.source.locate(&assignment.entry.version.key);
            let version = &assignment.entry.version;
            let trace = ObjectTrace::start(&id, version, &location, assignment.listing.clone());
            let span = trace.span().clone();
            let work = self.process(assignment, location, trace.clone());
            match work.instrument(span).await? {
                Reading::End(end) => {
                    tell(&trace, &end);
                    let is_suspended = matches!(end, ObjectEnd::Suspended(_));
                    self.ended.notify(ObjectEnded { id, end });
                    read = Some(ObjectRead { is_suspended });
                }
                Reading::Stopped => {
                    trace.ended("stopped");
                    break;
                }
            }
        }
        Ok(())
    }

    async fn process(
        &self,
        assignment: Assignment,
        location: String,
        trace: ObjectTrace,
    ) -> Result<Reading, Ending> {
        let Assignment {
            entry, table, work, ..
        } = assignment;
        let is_urgent = matches!(work, Work::Control(_));
        let open = OpenObject {
            entry: entry.clone(),
            table,
            is_urgent,
            trace: trace.context(),
        };
        let Some(resume) = self.open.push(open).await? else {
            return Err(Ending::Closed);
        };
        trace.resumed_at(resume.mark.ordinal);
        let chain = resume.lanes.clone().map(|ends| ChainStart {
            id: entry.id.clone(),
            is_control: matches!(work, Work::Control(_)),
            ends,
        });
        let context = Arc::new(ObjectContext {
            id: entry.id,
            location,
            version: entry.version,
            table,
            skip: resume.skip.clone(),
            chain,
            troubles: resume.troubles.clone(),
            trace,
        });
        match work {
            Work::Quarantine(reason) => Ok(Reading::End(ObjectEnd::Quarantined {
                reason,
                is_in_doubt: false,
            })),
            Work::Control(plan) => {
                let credit = Arc::new(self.budget.acquire(self.cost.of_control()).await);
                let mark = resume.mark;
                self.control
                    .push(ParseControl {
                        context,
                        plan,
                        resume_at: mark,
                        credit,
                    })
                    .await?;
                Ok(Reading::End(ObjectEnd::Complete))
            }
            Work::Read => match self.read(&context, resume).await? {
                Ok(reading) => Ok(reading),
                Err(error) => judge(error, &context, self.policies),
            },
        }
    }

    async fn read(
        &self,
        context: &Arc<ObjectContext>,
        resume: ResumePoint,
    ) -> Result<Result<Reading, SourceError>, Ending> {
        let (source, version) = (self.source.as_ref(), &context.version);
        let open = ObjectChunks::open(source, version, context.table, &self.settings, resume.mark);
        let mut chunks = match watched(&self.panics, context, resume.mark, open).await {
            Ok(chunks) => chunks,
            Err(error) => return Ok(Err(error)),
        };
        let mut chunk_number = 0;
        while !self.stop.is_cancelled() {
            let mark = chunks.mark();
            match watched(&self.panics, context, mark, chunks.next()).await {
                Ok(NextChunk::Chunk(chunk)) => match self.hand_on(context, chunk_number, chunk).await? {
                    ChunkEnd::Whole => chunk_number += 1,
                    ChunkEnd::TableSuspended => return Ok(Ok(Reading::End(ObjectEnd::Suspended(None)))),
                    ChunkEnd::Panicked(mark, panic) => return Ok(Err(panicked(context, mark, &panic))),
                    ChunkEnd::SetAside(detail) => {
                        let location = context.location.clone();
                        return Ok(Err(SourceError::Damaged { location, detail }));
                    }
                    ChunkEnd::TaskStopped(fault) => {
                        self.halt.request(fault);
                        return Ok(Ok(Reading::Stopped));
                    }
                },
                Ok(NextChunk::Pending) => {}
                Ok(NextChunk::End) => {
                    return Ok(Ok(Reading::End(ObjectEnd::Complete)));
                }
                Err(error) => return Ok(Err(error)),
            }
        }
        Ok(Ok(Reading::Stopped))
    }

    async fn hand_on(
        &self,
        context: &Arc<ObjectContext>,
        number: u64,
        chunk: Chunk,
    ) -> Result<ChunkEnd, StageClosed> {
        let cost = self.cost.of_chunk(&chunk, context.table);
        let credit = Arc::new(self.budget.acquire(cost).await);
        let reference = ChunkRef {
            object: context.id.clone(),
            chunk_number: number,
        };
        let context = Arc::clone(context);
        let chunk = ParseChunk {
            context,
            reference,
            chunk,
            credit,
        };
        self.chunks.push(chunk).await
    }
}
