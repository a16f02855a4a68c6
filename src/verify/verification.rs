//! One comparison from its question to its report.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::time::Duration;

use super::expect::{Expectation, Expecting};
use super::horizon::Times;
use super::judge::{EXAMPLES_MAX, Judgement, ObjectFacts, Tally, judge};
use super::plan::{Content, Plan, Selection, plan};
use super::report::{
    Completeness, Counts, MissingRow, ObjectFindings, Report, SCHEMA_VERSION, TableFindings,
};
use super::snapshot::Snapshot;
use super::stream::Reading;
use crate::config::Config;
use crate::fault::Fault;
use crate::limits::READ_INTERVAL;
use crate::model::Table;
use crate::read::rendered_rows::{RenderedRow, RowReader};
use crate::saturate;
use crate::settings::TargetConfig;
use crate::sink::{ReadStart, RecordSink, StreamDescription};
use crate::source::ObjectSource;

/// Key of what was sent again, in the place of an object.
const REPLAYS: &str = "(rows sent again)";
const CONTROL_TABLE: &str = "(control records)";
const OTHER_TABLE: &str = "(tables that are gone)";
/// Clocks of a bucket and of a stream may differ by this much.
const CLOCKS_DIFFER_MS: i64 = 5 * 60 * 1_000;

/// What is compared with what.
#[derive(Debug)]
pub struct Verification<'a> {
    /// The task.
    pub config: &'a Config,
    /// Where its objects are.
    pub source: &'a dyn ObjectSource,
    /// Its stream.
    pub sink: &'a dyn RecordSink,
    /// What is known of what was sent.
    pub snapshot: Snapshot,
    /// What is asked for.
    pub selection: Selection,
    /// The time of day, milliseconds since the epoch.
    pub now_ms: i64,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VerifyProgress {
    /// Objects are being read.
    Objects {
        /// Objects read.
        done: usize,
        /// Objects to be read.
        all: usize,
        /// Rows so far.
        rows: usize,
    },
    /// The stream is being read.
    Stream {
        /// Records so far.
        records: u64,
    },
}

impl Verification<'_> {
    /// Reads the objects, then the stream, and compares.
    ///
    /// # Errors
    /// If the source or the stream cannot be read.
    pub async fn run(mut self, watch: &dyn Fn(VerifyProgress)) -> Result<Report, Fault> {
        let plan = plan(
            self.config,
            std::mem::take(&mut self.snapshot.entries),
            &self.selection,
        );
        let stream = self.sink.describe().await.map_err(Fault::from)?;
        let expecting = Expecting {
            config: self.config,
            source: self.source,
            stream: &stream,
            selection: &self.selection,
            settled: &self.snapshot.settled,
            is_quiet: !self.snapshot.until.is_empty(),
        };
        let all = plan.objects.len();
        let each = |done, rows| watch(VerifyProgress::Objects { done, all, rows });
        let mut expectation = expecting.read(&plan, &each).await?;
        let reading = Reading {
            sink: self.sink,
            until: &self.snapshot.until,
            start: self.start(),
            page_interval: match self.config.target {
                TargetConfig::Kinesis { .. } => READ_INTERVAL,
                TargetConfig::Ndjson { .. } => Duration::ZERO,
            },
        };
        let rows = &mut expectation.rows;
        let mut take = |record: &crate::sink::SeenRecord, is_later: bool| {
            let (key, payload) = (record.partition_key.as_bytes(), &record.payload);
            if is_later {
                rows.take_later(key, payload);
            } else {
                rows.take(key, payload);
            }
            watch(VerifyProgress::Stream {
                records: rows.records_count(),
            });
        };
        let oldest_ms = reading.read(&stream.lineage, &mut take).await?;
        self.judge(&plan, &stream, expectation, oldest_ms).await
    }

    fn start(&self) -> ReadStart {
        match self.selection.since_ms {
            None => ReadStart::Oldest,
            Some(since_ms) => ReadStart::Since(since_ms.saturating_sub(CLOCKS_DIFFER_MS)),
        }
    }

    async fn judge(
        &self,
        plan: &Plan,
        stream: &StreamDescription,
        mut expectation: Expectation,
        oldest_ms: Option<i64>,
    ) -> Result<Report, Fault> {
        let is_cut = self.is_cut(stream, oldest_ms);
        let records = (expectation.rows.records_count(), expectation.rows.foreign_count());
        let mut facts: Vec<_> = plan
            .objects
            .iter()
            .map(|object| ObjectFacts {
                queue: object.queue,
                is_ordered: true,
            })
            .collect();
        facts.push(ObjectFacts {
            queue: plan.queues_count,
            is_ordered: false,
        });
        let rows = std::mem::take(&mut expectation.rows);
        let horizon = is_cut.then_some(&stream.shards);
        let mut judgement = judge(rows, &facts, self.config.tables.len() + 2, horizon);
        expectation.add_lost(&mut judgement);
        let mut missing_rows = self.locate(plan, stream, &judgement).await?;
        let room = EXAMPLES_MAX.saturating_sub(missing_rows.len());
        missing_rows.extend(expectation.lost_rows.iter().take(room).cloned());
        let total = judgement.total();
        Ok(Report {
            schema_version: SCHEMA_VERSION,
            task: self.config.task.clone(),
            verdict: verdict(&total, plan, &expectation),
            total: total.into(),
            foreign_records: records.1,
            stream_records: records.0,
            dead_lettered_rows: expectation.dead_lettered,
            oldest_record_time: oldest_ms.map(time_text),
            tables: self.table_findings(&judgement),
            objects: object_findings(plan, &judgement, &expectation),
            set_aside: plan.set_aside.clone(),
            missing_rows,
            notes: self.notes(plan, stream, oldest_ms.filter(|_| is_cut)),
        })
    }

    /// Whether the stream may have lost its beginning. Files keep everything.
    fn is_cut(&self, stream: &StreamDescription, oldest_ms: Option<i64>) -> bool {
        let has_retention = match self.config.target {
            TargetConfig::Kinesis { .. } => true,
            TargetConfig::Ndjson { .. } => false,
        };
        let known = self.snapshot.task.fresh_start_ms.zip(oldest_ms);
        let times = known.map(|(started, oldest)| Times {
            started,
            oldest,
            since: self.selection.since_ms,
            now: self.now_ms,
        });
        has_retention && self.is_same_stream(stream) && times.is_some_and(Times::allow_a_cut)
    }

    fn is_same_stream(&self, stream: &StreamDescription) -> bool {
        self.snapshot.task.stream_identity == stream.identity
    }

    fn table_findings(&self, judgement: &Judgement) -> Vec<TableFindings> {
        let names = self.config.tables.iter().map(Table::full_name);
        let names = names.chain([CONTROL_TABLE, OTHER_TABLE].map(ToOwned::to_owned));
        let findings = names.zip(&judgement.tables).map(|(table, tally)| TableFindings {
            table,
            counts: Counts::from(*tally),
        });
        let tables_count = self.config.tables.len();
        let is_shown = |(index, findings): &(usize, TableFindings)| {
            *index < tables_count || findings.counts != Counts::default()
        };
        findings
            .enumerate()
            .filter(is_shown)
            .map(|(_, findings)| findings)
            .collect()
    }

    /// Where the first missing rows stand: their objects are read once more.
    async fn locate(
        &self,
        plan: &Plan,
        stream: &StreamDescription,
        judgement: &Judgement,
    ) -> Result<Vec<MissingRow>, Fault> {
        let mut missing = Vec::new();
        let mut by_object: HashMap<u32, Vec<usize>> = HashMap::new();
        for (object, ordinal) in &judgement.examples {
            by_object.entry(*object).or_default().push(missing.len());
            missing.push(self.unlocated(plan, *object, *ordinal));
        }
        let mut reader = RowReader::new(self.config, stream.record_bytes_max, 0);
        for (object, indexes) in by_object {
            let object = usize::try_from(object)
                .ok()
                .and_then(|object| plan.objects.get(object));
            let Some((object, Content::Rows(rows))) = object.map(|object| (object, &object.content)) else {
                continue;
            };
            let mut left = indexes.len();
            let mut take = |row: RenderedRow<'_>| {
                let found = missing
                    .iter_mut()
                    .enumerate()
                    .filter(|(index, _)| indexes.contains(index))
                    .find(|(_, missing)| missing.ordinal == row.place.ordinal);
                let Some((_, missing)) = found else {
                    return ControlFlow::Continue(());
                };
                missing.line = Some(row.place.line);
                missing.byte = Some(row.place.byte);
                let table = row.table.and_then(|table| self.config.tables.get(table.0));
                missing.table = table.map(Table::full_name);
                left -= 1;
                if left == 0 {
                    ControlFlow::Break(())
                } else {
                    ControlFlow::Continue(())
                }
            };
            let read = reader.read(self.source, &object.entry.version, *rows, &mut take);
            read.await.map_err(Fault::from)?;
        }
        Ok(missing)
    }

    fn unlocated(&self, plan: &Plan, object: u32, ordinal: u64) -> MissingRow {
        let index = saturate::to_usize(object);
        let replay = || {
            let ordinal = usize::try_from(ordinal).ok()?;
            self.snapshot.settled.replays.get(ordinal)
        };
        let (key, table) = match plan.objects.get(index) {
            Some(object) => (object.entry.version.key.clone(), None),
            None => replay().map_or((REPLAYS.to_owned(), None), |replay| {
                (replay.id.clone(), Some(replay.table.clone()))
            }),
        };
        MissingRow {
            key,
            ordinal,
            line: None,
            byte: None,
            table,
            reason: None,
        }
    }

    /// What limits the verdict.
    fn notes(&self, plan: &Plan, stream: &StreamDescription, cut_at_ms: Option<i64>) -> Vec<String> {
        let mut notes = plan.notes.clone();
        if self.snapshot.task.configuration_fingerprint != self.config.fingerprint(stream.record_bytes_max) {
            notes.push(
                "the configuration is not the one of the last run: rows that were sent in the old form count as missing, \
                 and their records as foreign"
                    .to_owned(),
            );
        }
        if !self.is_same_stream(stream) {
            notes.push("the stream is not the one of the last run".to_owned());
        }
        if !self.snapshot.task.clean_stop {
            notes.push(
                "the last run did not stop cleanly: what it sent of objects it had just begun counts as foreign".to_owned(),
            );
        }
        if let Some(oldest_ms) = cut_at_ms {
            notes.push(format!(
                "the retention may have removed what was sent before {}: a verdict is possible from there on only",
                time_text(oldest_ms)
            ));
        }
        if self.selection != Selection::default() {
            notes.push("records of what was not asked for count as foreign".to_owned());
        }
        notes
    }
}

/// What the counts come to.
fn verdict(total: &Tally, plan: &Plan, expectation: &Expectation) -> Completeness {
    if total.missing > 0 {
        Completeness::Missing
    } else if !expectation.problems.is_empty() {
        Completeness::Unproven
    } else if !plan.set_aside.is_empty() {
        Completeness::Incomplete
    } else if total.expired > 0 {
        Completeness::CompleteFromOldest
    } else {
        Completeness::Complete
    }
}

fn object_findings(plan: &Plan, judgement: &Judgement, expectation: &Expectation) -> Vec<ObjectFindings> {
    let keys = plan.objects.iter().map(|object| object.entry.version.key.clone());
    let findings = keys.chain([REPLAYS.to_owned()]).zip(&judgement.objects);
    let mut findings: Vec<_> = findings
        .map(|(key, tally)| ObjectFindings {
            key,
            counts: Counts::from(*tally),
            problem: None,
        })
        .collect();
    for (object, problem) in &expectation.problems {
        let object = usize::try_from(*object)
            .ok()
            .and_then(|object| findings.get_mut(object));
        if let Some(object) = object {
            object.problem = Some(problem.clone());
        }
    }
    findings.retain(|findings| findings.key != REPLAYS || findings.counts != Counts::default());
    findings
}

fn time_text(epoch_ms: i64) -> String {
    jiff::Timestamp::from_millisecond(epoch_ms)
        .unwrap_or_default()
        .to_string()
}
