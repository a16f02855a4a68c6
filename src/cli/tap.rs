//! `brigade tap`: some of the records that arrive in the stream from now on, as its consumers see them. It reads the
//! stream and nothing else, whether or not the task runs.

use std::collections::BTreeSet;
use std::time::Duration;

use clap::Args;
use futures_util::{StreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::interrupt::Interrupt;
use super::text::counted;
use super::{ConfigPath, Output, OutputFormat, backends};
use crate::config::Config;
use crate::fault::{Fault, FaultKind};
use crate::map::summary::summarize;
use crate::settings::TargetConfig;
use crate::sink::ndjson::readers_at_end;
use crate::sink::{ReadPage, ReadStart, RecordSink, SeenRecord, ShardReader, SinkError};

/// Time between two looks at a shard: a fifth of what it allows all its readers.
const READ_INTERVAL: Duration = Duration::from_secs(1);
/// The same of files, which cost nothing.
const FILE_INTERVAL: Duration = Duration::from_millis(200);
/// Shards read at once: each of them may have a page of 10 MiB in memory.
const SHARDS_AT_ONCE: usize = 8;

/// Arguments of `tap`.
#[derive(Debug, Args)]
pub(super) struct TapArgs {
    #[command(flatten)]
    config: ConfigPath,
    /// Only records of this table, as the definition or its messages name it; may be given more than once
    #[arg(long = "table", value_name = "SCHEMA.TABLE")]
    tables: Vec<String>,
    /// Records shown in a second at most; the others are counted
    #[arg(long, default_value_t = 10, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    rate: u64,
    /// End after so many records
    #[arg(short = 'n', long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    limit: Option<u64>,
    #[command(flatten)]
    output: Output,
}

/// A record as it is shown.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    shard_id: &'a str,
    sequence_number: &'a str,
    /// Which member of an aggregated record it is.
    member: Option<usize>,
    partition_key: &'a str,
    /// `schema.table`; null if the message does not say it.
    table: Option<&'a str>,
    payload: &'a str,
}

/// What a message says of its table.
#[derive(Debug, Deserialize)]
struct Message {
    metadata: Metadata,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
struct Metadata {
    schema_name: String,
    table_name: String,
}

/// Runs the command.
///
/// # Errors
/// If the stream cannot be read.
pub(super) fn run(args: &TapArgs) -> Result<u8, Fault> {
    let (config, _) = args.config.load()?;
    let mut sieve = Sieve {
        tables: tables(&config, &args.tables)?,
        rate: args.rate,
        limit: args.limit,
        format: args.output.format,
        shown: 0,
        seen: 0,
        second: None,
        is_read: true,
    };
    super::runtime()?.block_on(async {
        let mut tap = Tap::open(&config).await?;
        let mut interrupt = Interrupt::watched()?;
        super::report("reading the stream from now on; Ctrl-C ends it");
        let ended = tokio::select! {
            () = interrupt.given() => Ok(()),
            ended = tap.read(&mut sieve) => ended,
        };
        super::report(&format!(
            "{} shown of {}",
            counted(sieve.shown, "record"),
            counted(sieve.seen, "record")
        ));
        ended
    })?;
    Ok(0)
}

/// The names that messages of these tables have; none if all are wanted.
fn tables(config: &Config, names: &[String]) -> Result<BTreeSet<String>, Fault> {
    let known = summarize(&config.mappings, &config.tables);
    let wanted = names.iter().map(|name| {
        let is_it = |table: &str, sent_as: &str| name == table || name == sent_as;
        let mut sent = known
            .iter()
            .filter_map(|table| Some((&table.table, table.sent_as.as_ref()?)));
        let found = sent.find(|(table, sent_as)| is_it(table, sent_as));
        found.map(|(_, sent_as)| sent_as.clone()).ok_or_else(|| {
            let known: Vec<_> = known
                .iter()
                .filter_map(|table| table.sent_as.as_deref())
                .collect();
            let message = format!("no table {name} is sent; those that are: {}", known.join(", "));
            Fault::new(FaultKind::Usage, message)
        })
    });
    wanted.collect()
}

/// Which records are shown, and how many were.
struct Sieve {
    tables: BTreeSet<String>,
    rate: u64,
    limit: Option<u64>,
    format: OutputFormat,
    shown: u64,
    /// Records of the tables that are wanted.
    seen: u64,
    /// The second that is under way, and how many were shown in it.
    second: Option<(Instant, u64)>,
    /// Whether somebody still reads what is shown.
    is_read: bool,
}

impl Sieve {
    /// Whether nothing more is to be shown.
    fn is_full(&self) -> bool {
        !self.is_read || self.limit.is_some_and(|limit| self.shown >= limit)
    }

    fn take(&mut self, shard_id: &str, page: &ReadPage) -> Result<(), Fault> {
        let mut text = String::new();
        for record in &page.records {
            if self.is_full() {
                break;
            }
            let table = table_of(record);
            let is_wanted =
                self.tables.is_empty() || table.as_ref().is_some_and(|table| self.tables.contains(table));
            if !is_wanted {
                continue;
            }
            self.seen += 1;
            if self.has_room(Instant::now()) {
                self.shown += 1;
                text += &self.line(shard_id, record, table.as_deref())?;
            }
        }
        if !text.is_empty() {
            self.is_read = super::print_on(&text)?;
        }
        Ok(())
    }

    /// Whether one more may be shown in this second.
    fn has_room(&mut self, now: Instant) -> bool {
        let current = self
            .second
            .filter(|(begun, _)| now.duration_since(*begun) < Duration::from_secs(1));
        let (begun, count) = current.unwrap_or((now, 0));
        let has_room = count < self.rate;
        self.second = Some((begun, count + u64::from(has_room)));
        has_room
    }

    fn line(&self, shard_id: &str, record: &SeenRecord, table: Option<&str>) -> Result<String, Fault> {
        let payload = String::from_utf8_lossy(&record.payload);
        let shown = Shown {
            shard_id,
            sequence_number: &record.sequence_number,
            member: record.member,
            partition_key: &record.partition_key,
            table,
            payload: &payload,
        };
        if self.format == OutputFormat::Json {
            let line = serde_json::to_string(&shown);
            let failed = |error| Fault::new(FaultKind::Internal, format!("cannot write JSON: {error}"));
            return line.map(|line| line + "\n").map_err(failed);
        }
        // What ends lines in a message stands between its values, never in one of them.
        let payload: String = payload
            .chars()
            .filter(|letter| !"\r\n\t".contains(*letter))
            .collect();
        let place = format!("{shard_id} {}", record.sequence_number);
        let member = record
            .member
            .map(|member| format!("/{member}"))
            .unwrap_or_default();
        Ok(format!(
            "{place}{member} key {}  {payload}\n",
            record.partition_key
        ))
    }
}

/// What is said if files cannot be read; the words of the error itself are for streams.
fn of_files(error: &SinkError) -> Fault {
    if let SinkError::Missing { stream } = error {
        let message = format!("{stream} does not exist yet; `brigade run` makes it");
        return Fault::new(FaultKind::SourceMissing, message);
    }
    Fault::from(error.clone())
}

/// The table that a message is of, if it says one.
fn table_of(record: &SeenRecord) -> Option<String> {
    let Message { metadata } = serde_json::from_slice(&record.payload).ok()?;
    Some(format!("{}.{}", metadata.schema_name, metadata.table_name))
}

/// The shards that are read.
struct Tap {
    /// What is asked for new shards; files have none.
    sink: Option<std::sync::Arc<dyn RecordSink>>,
    interval: Duration,
    shards: Vec<TappedShard>,
}

struct TappedShard {
    id: String,
    reader: Box<dyn ShardReader>,
    is_over: bool,
}

impl Tap {
    /// Opens every shard where it ends now.
    async fn open(config: &Config) -> Result<Self, Fault> {
        match &config.target {
            // Opening the sink would repair its files, and they may be another process's.
            TargetConfig::Ndjson { path, shards } => {
                let readers = readers_at_end(path, *shards).map_err(|error| of_files(&error))?;
                let shards = readers.into_iter().map(|(id, reader)| TappedShard {
                    id,
                    reader,
                    is_over: false,
                });
                Ok(Self {
                    sink: None,
                    interval: FILE_INTERVAL,
                    shards: shards.collect(),
                })
            }
            TargetConfig::Kinesis { .. } => {
                let mut tap = Self {
                    sink: Some(backends::sink(config).await?),
                    interval: READ_INTERVAL,
                    shards: Vec::new(),
                };
                tap.add_shards(&ReadStart::Latest).await.map_err(Fault::from)?;
                Ok(tap)
            }
        }
    }

    /// Opens the shards that are open and not read yet.
    async fn add_shards(&mut self, start: &ReadStart) -> Result<(), SinkError> {
        let Some(sink) = &self.sink else { return Ok(()) };
        let description = sink.describe().await?;
        for shard in description.shards.shards() {
            if self.shards.iter().any(|known| known.id == shard.id) {
                continue;
            }
            self.shards.push(TappedShard {
                id: shard.id.clone(),
                reader: sink.read(shard, start.clone()).await?,
                is_over: false,
            });
        }
        Ok(())
    }

    /// Reads on and on, until enough is shown.
    async fn read(&mut self, sieve: &mut Sieve) -> Result<(), Fault> {
        loop {
            let begun = Instant::now();
            let mut pages = stream::iter(self.shards.iter_mut().filter(|shard| !shard.is_over))
                .map(TappedShard::next)
                .buffer_unordered(SHARDS_AT_ONCE);
            let mut has_ended = false;
            while let Some((id, page)) = pages.next().await {
                let page = match page {
                    Ok(page) => page,
                    Err(error) if error.is_away() || matches!(error, SinkError::Throttled { .. }) => {
                        super::report(&format!("{error}; trying again"));
                        continue;
                    }
                    Err(error) => return Err(Fault::from(error)),
                };
                has_ended |= page.is_last;
                sieve.take(&id, &page)?;
                if sieve.is_full() {
                    return Ok(());
                }
            }
            drop(pages);
            if has_ended {
                // What took the place of a shard began after it, so nothing of it is old.
                self.add_shards(&ReadStart::Oldest).await.map_err(Fault::from)?;
            }
            tokio::time::sleep_until(begun + self.interval).await;
        }
    }
}

impl TappedShard {
    async fn next(&mut self) -> (String, Result<ReadPage, SinkError>) {
        let page = self.reader.next_page().await;
        self.is_over = page.as_ref().is_ok_and(|page| page.is_last);
        (self.id.clone(), page)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(payload: &'static str) -> SeenRecord {
        SeenRecord {
            sequence_number: "7".to_owned(),
            member: Some(1),
            partition_key: "k".to_owned(),
            payload: payload.as_bytes().into(),
        }
    }

    fn sieve(rate: u64) -> Sieve {
        Sieve {
            tables: BTreeSet::new(),
            rate,
            limit: None,
            format: OutputFormat::Text,
            shown: 0,
            seen: 0,
            second: None,
            is_read: true,
        }
    }

    #[test]
    fn so_many_are_shown_in_a_second_and_no_more() {
        let (mut sieve, begun) = (sieve(2), Instant::now());
        let mut rooms = |ms| [(); 3].map(|()| sieve.has_room(begun + Duration::from_millis(ms)));
        assert_eq!(rooms(0), [true, true, false]);
        assert_eq!(rooms(900), [false; 3]);
        assert_eq!(rooms(1_000), [true, true, false]);
    }

    #[test]
    fn a_message_is_one_line_with_every_digit() {
        let record = record("{\n\t\"id\":\t12345678901234567890123,\r\n\t\"a\": \"b\\n\"}");
        let line = sieve(1).line("shard-0", &record, None).unwrap();
        assert_eq!(
            line,
            "shard-0 7/1 key k  {\"id\":12345678901234567890123,\"a\": \"b\\n\"}\n"
        );
    }

    #[test]
    fn the_table_is_the_one_that_the_message_names() {
        let of = |payload| table_of(&record(payload));
        let message = r#"{"data":{},"metadata":{"schema-name":"s","table-name":"t","operation":"load"}}"#;
        assert_eq!(of(message).as_deref(), Some("s.t"));
        assert_eq!(of("{}"), None);
    }
}
