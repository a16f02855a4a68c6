//! `brigade preview`: the exact records of the first rows, before anything is sent. It writes nothing and takes no
//! lock, so it may be asked while the task runs.

use std::fmt;

use clap::Args;
use serde::Serialize;

use super::first_rows::{FirstOutcome, FirstRecord, FirstRow, UnreadableFile, Wish, first_rows};
use super::stream_view::StreamView;
use super::task_files;
use super::text::{counted, grouped};
use super::{ConfigPath, Output, OutputFormat, backends};
use crate::clock::{Clock, SystemClock};
use crate::config::Config;
use crate::discover::folders::{ObjectFolder, folders};
use crate::fault::Fault;
use crate::model::{ObjectVersion, Table, TableIndex};
use crate::printable::printable;
use crate::read::rendered_rows::RowReader;
use crate::saturate;
use crate::settings::SourcePosition;
use crate::source::ObjectSource;

/// Version of the JSON shape; consumers ignore members they do not know.
const SCHEMA_VERSION: u32 = 1;
/// Files of a folder that are opened at most; more would mean that they are all but empty.
const FILES_MAX: usize = 20;

/// Arguments of `preview`.
#[derive(Debug, Args)]
pub(super) struct PreviewArgs {
    #[command(flatten)]
    config: ConfigPath,
    /// Only rows of this table, from its load files and from the change files; may be given more than once
    #[arg(long = "table", value_name = "SCHEMA.TABLE")]
    tables: Vec<String>,
    /// How many rows of each table, and of the change files
    #[arg(
        long,
        default_value_t = 5,
        value_name = "COUNT",
        value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=100_000)
    )]
    rows: usize,
    /// Only the file with this key
    #[arg(long, value_name = "KEY")]
    object: Option<String>,
    /// Do not ask the stream; its shards are then unknown
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    output: Output,
}

/// What `preview --output json` prints.
#[derive(Debug, Serialize)]
struct Preview {
    schema_version: u32,
    task: String,
    target: String,
    /// Open shards; null if the stream was not, or could not be asked.
    shards: Option<usize>,
    record_bytes_max: usize,
    /// What the records shown lack, and what could not be asked.
    notes: Vec<String>,
    folders: Vec<FolderPreview>,
    records: usize,
    rejected: usize,
    filtered: usize,
}

/// The first rows of a folder.
#[derive(Debug, Serialize)]
struct FolderPreview {
    /// `schema.table`, or `change files`.
    name: String,
    prefix: String,
    /// Files of which no rows can be shown, and why.
    unreadable: Vec<UnreadableFile>,
    rows: Vec<RowPreview>,
}

/// One row.
#[derive(Debug, Serialize)]
struct RowPreview {
    object: String,
    ordinal: u64,
    line: u64,
    byte: u64,
    table: Option<String>,
    /// Whether a filter of the table mappings leaves it out.
    is_filtered: bool,
    /// The record; null if there would be none.
    record: Option<RecordPreview>,
    /// Why the row would be a dead letter.
    reason: Option<String>,
}

/// A record as it would be sent.
#[derive(Debug, Serialize)]
struct RecordPreview {
    operation: &'static str,
    partition_key: String,
    /// The point of the hash space, decimal digits.
    hash_key: String,
    /// The shard it would go to; null if the shards are unknown.
    shard: Option<String>,
    /// Message and partition key.
    bytes: usize,
    message: String,
}

/// Runs the command.
///
/// # Errors
/// If the configuration or the files cannot be read; rows that would be rejected are not an error.
pub(super) fn run(args: &PreviewArgs) -> Result<u8, Fault> {
    let (config, _) = args.config.load()?;
    let tables: Vec<_> = super::verify::tables_of(&config, &args.tables)?
        .into_iter()
        .collect();
    let preview = super::runtime()?.block_on(async {
        let stream = StreamView::of(&config, args.offline).await;
        let source = backends::source(&config).await?;
        source.check().await.map_err(Fault::from)?;
        let mut previewer = Previewer {
            config: &config,
            source: source.as_ref(),
            reader: RowReader::new(&config, stream.record_bytes_max, SystemClock.now_us()),
            rows_count: args.rows,
            stream: &stream,
        };
        let folders = previewer.folders(&tables, args.object.as_deref()).await?;
        Ok::<_, Fault>(Preview::of(&config, &stream, folders))
    })?;
    super::print(&match args.output.format {
        OutputFormat::Json => super::to_json(&preview)?,
        OutputFormat::Text => preview.to_string(),
    })?;
    Ok(0)
}

struct Previewer<'a> {
    config: &'a Config,
    source: &'a dyn ObjectSource,
    reader: RowReader,
    rows_count: usize,
    stream: &'a StreamView,
}

impl Previewer<'_> {
    async fn folders(
        &mut self,
        tables: &[TableIndex],
        object: Option<&str>,
    ) -> Result<Vec<FolderPreview>, Fault> {
        let all = folders(self.config);
        if let Some(key) = object {
            let folder = task_files::folder_of_key(all, key)?;
            let version = task_files::find(self.source, key).await?;
            return Ok(vec![self.folder(&folder, &[version], tables).await?]);
        }
        let mut previews = Vec::new();
        for folder in all {
            let is_asked_for = tables.is_empty() || folder.table.is_none_or(|table| tables.contains(&table));
            if is_asked_for {
                let files = task_files::first_files(self.source, &folder, FILES_MAX).await?;
                previews.push(self.folder(&folder, &files, tables).await?);
            }
        }
        Ok(previews)
    }

    /// The first rows of a folder; of a change folder those of each table that is asked for.
    async fn folder(
        &mut self,
        folder: &ObjectFolder,
        versions: &[ObjectVersion],
        tables: &[TableIndex],
    ) -> Result<FolderPreview, Fault> {
        let filters: Vec<_> = match (folder.table, tables) {
            (Some(_), _) | (None, []) => vec![None],
            (None, tables) => tables.iter().copied().map(Some).collect(),
        };
        let (mut rows, mut unreadable) = (Vec::new(), Vec::new());
        for filter in filters {
            let mut wanted = self.rows_count;
            for (version, number) in versions.iter().zip(0..) {
                self.reader.enter_object(number);
                let wish = Wish {
                    rows: folder.rows,
                    table: filter,
                    count: wanted,
                };
                let found = match first_rows(&mut self.reader, self.source, version, wish).await? {
                    Ok(found) => found,
                    Err(reason) => {
                        let file = UnreadableFile::new(&version.key, reason);
                        if !unreadable.contains(&file) {
                            unreadable.push(file);
                        }
                        continue;
                    }
                };
                wanted = wanted.saturating_sub(found.len());
                rows.extend(found.into_iter().map(|row| self.row(&version.key, row)));
                if wanted == 0 {
                    break;
                }
            }
        }
        Ok(FolderPreview {
            name: folder.name.clone(),
            prefix: folder.rule.prefix.clone(),
            unreadable,
            rows,
        })
    }

    fn row(&self, key: &str, row: FirstRow) -> RowPreview {
        let table = row.table.and_then(|table| self.config.tables.get(table.0));
        let (record, reason) = match row.outcome {
            FirstOutcome::Record(record) => (Some(self.record(record)), None),
            FirstOutcome::Rejected(reason) => (None, Some(reason)),
            FirstOutcome::Filtered => (None, None),
        };
        RowPreview {
            object: key.to_owned(),
            ordinal: row.place.ordinal,
            line: row.place.line,
            byte: row.place.byte,
            table: table.map(Table::full_name),
            is_filtered: record.is_none() && reason.is_none(),
            record,
            reason,
        }
    }

    fn record(&self, record: FirstRecord) -> RecordPreview {
        RecordPreview {
            operation: record.operation.as_str(),
            hash_key: self.stream.hash_key(&record.partition_key).0.to_string(),
            shard: self.stream.shard_id(&record.partition_key).map(ToOwned::to_owned),
            bytes: record.bytes(),
            partition_key: text_of(record.partition_key),
            message: text_of(record.payload),
        }
    }
}

/// Keys and messages are UTF-8: the encoder rejects what is not.
fn text_of(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

impl Preview {
    fn of(config: &Config, stream: &StreamView, folders: Vec<FolderPreview>) -> Self {
        let mut notes = Vec::new();
        if let Some(problem) = &stream.problem {
            notes.push(format!(
                "the shards are unknown, so the largest record is taken to be {} bytes: {problem}",
                grouped(saturate::to_u64(stream.record_bytes_max))
            ));
        }
        if config.message.source_position == SourcePosition::Chain {
            notes.push(
                "`source_position: chain` adds the place of each row to its metadata when it is sent; it is not shown \
                 here and not counted"
                    .to_owned(),
            );
        }
        let rows = || folders.iter().flat_map(|folder| &folder.rows);
        Self {
            schema_version: SCHEMA_VERSION,
            task: config.task.clone(),
            target: stream.name.clone(),
            shards: stream.shards_count(),
            record_bytes_max: stream.record_bytes_max,
            rejected: rows().filter(|row| row.reason.is_some()).count(),
            filtered: rows().filter(|row| row.is_filtered).count(),
            records: rows().filter(|row| row.record.is_some()).count(),
            notes,
            folders,
        }
    }
}

impl fmt::Display for Preview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for note in &self.notes {
            writeln!(f, "note: {}", printable(note))?;
        }
        for folder in &self.folders {
            writeln!(f, "{}, {}", folder.name, printable(&folder.prefix))?;
            for file in &folder.unreadable {
                writeln!(
                    f,
                    "  {} cannot be read: {}",
                    printable(&file.object),
                    printable(&file.reason)
                )?;
            }
            if folder.rows.is_empty() {
                writeln!(f, "  no rows")?;
            }
            for row in &folder.rows {
                row.fmt(f)?;
            }
        }
        let count = |count: usize, noun| counted(saturate::to_u64(count), noun);
        writeln!(
            f,
            "{} shown, {} rejected, {} filtered; nothing was sent",
            count(self.records, "record"),
            count(self.rejected, "row"),
            count(self.filtered, "row")
        )
    }
}

impl RowPreview {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = self.table.as_deref().unwrap_or("no table");
        write!(
            f,
            "  {} row {} (line {}), {table}: ",
            printable(&self.object),
            self.ordinal,
            self.line
        )?;
        if let Some(record) = &self.record {
            let shard = record.shard.as_deref().unwrap_or("shard unknown");
            writeln!(
                f,
                "{}, key {:?}, {shard}, {} bytes",
                record.operation, record.partition_key, record.bytes
            )?;
            for line in record.message.trim_end().lines() {
                writeln!(f, "    {line}")?;
            }
        }
        if self.is_filtered {
            writeln!(f, "left out by a filter of the table mappings")?;
        }
        match &self.reason {
            Some(reason) => writeln!(f, "rejected: {}", printable(reason)),
            None => Ok(()),
        }
    }
}
