//! `brigade init`: a configuration and a table definition from sample files, checked by the engine before it is done.

mod beginnings;
mod samples;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

use clap::Args;
use serde::Serialize;

use self::beginnings::{Beginning, Sample, of_all};
use self::samples::{SamplePlace, SampleReading, read_sample};
use super::new_files::{CONFIGURATION_FILE, NewFiles};
use super::stream_view::StreamView;
use super::task_files;
use super::text::{counted, lines};
use super::{Output, OutputFormat, backends};
use crate::clock::{Clock, SystemClock};
use crate::config::keys::text::unescape;
use crate::config::{self, Config, SystemEnvironment};
use crate::discover::folders::folders;
use crate::fault::{Fault, FaultKind};
use crate::infer::document::{
    NewSource, NewTask, TABLE_DEFINITION_FILE, column_line, configuration, table_definition,
};
use crate::infer::table::{Inferred, TableSeen};
use crate::printable::printable;
use crate::read::rendered_rows::{RenderedRow, RowOutcome, RowReader};
use crate::settings::{CsvDialect, SourceLocation, is_side_file};
use crate::source::ObjectSource;

/// Version of the JSON shape; consumers ignore members they do not know.
const SCHEMA_VERSION: u32 = 1;
/// Characters that the name of a task has at most.
const TASK_NAME_MAX: usize = 64;

/// Arguments of `init`.
#[derive(Debug, Args)]
pub(super) struct InitArgs {
    /// Sample files, or `s3://bucket/key`; several per table are allowed
    #[arg(long = "sample", required = true, num_args = 1.., value_name = "FILE_OR_KEY")]
    samples: Vec<String>,
    /// The table of all samples; without it their folders are `schema/table`
    #[arg(long, value_name = "SCHEMA.TABLE", value_parser = table_name)]
    table: Option<(String, String)>,
    /// The first row of each file holds the names of the columns
    #[arg(long)]
    header: bool,
    /// The field delimiter; without it, the samples tell
    #[arg(long, value_name = "TEXT", value_parser = delimiter)]
    delimiter: Option<Delimiter>,
    /// How many rows of each file are looked at
    #[arg(
        long,
        default_value_t = 100_000,
        value_name = "COUNT",
        value_parser = clap::value_parser!(u64).range(1..)
    )]
    rows: u64,
    /// The stream to write to; without it, the configuration writes to files
    #[arg(long, value_name = "NAME")]
    stream: Option<String>,
    /// Where the two files are written
    #[arg(long, default_value = ".", value_name = "FOLDER")]
    to: PathBuf,
    /// Write the table definition alone, for a configuration that there is already
    #[arg(long, conflicts_with = "stream")]
    definition_only: bool,
    /// Replace existing files
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    output: Output,
}

/// A delimiter, as it is.
#[derive(Debug, Clone)]
struct Delimiter(Vec<u8>);

fn delimiter(text: &str) -> Result<Delimiter, String> {
    let plain = unescape(text)?;
    if plain.is_empty() {
        return Err("the delimiter is empty; give at least one character".to_owned());
    }
    Ok(Delimiter(plain.into_bytes()))
}

fn table_name(text: &str) -> Result<(String, String), String> {
    let name = text.split_once('.');
    let name = name.filter(|(owner, name)| !owner.is_empty() && !name.is_empty());
    let (owner, name) = name.ok_or_else(|| format!("{text:?} is not SCHEMA.TABLE"))?;
    Ok((owner.to_owned(), name.to_owned()))
}

/// What `init --output json` prints.
#[derive(Debug, Serialize)]
struct InitReport {
    schema_version: u32,
    files: Vec<String>,
    /// What a person should look at, of all tables.
    notes: Vec<String>,
    tables: Vec<TableReport>,
    /// Rows of the samples that the engine makes records of with these files.
    checked_rows: u64,
    /// Rows that would be dead letters.
    rejected_rows: u64,
    /// Why the first of them would be.
    first_reason: Option<String>,
}

#[derive(Debug, Serialize)]
struct TableReport {
    name: String,
    rows: u64,
    /// Each column, its type and what was seen of it.
    columns: Vec<String>,
    notes: Vec<String>,
}

/// Runs the command.
///
/// # Errors
/// If a sample cannot be read, if files are there already, or if they cannot be written.
pub(super) fn run(args: &InitArgs) -> Result<u8, Fault> {
    let new_files = NewFiles {
        folder: &args.to,
        folder_option: "--to",
        is_forced: args.force,
    };
    let definition_alone = [TABLE_DEFINITION_FILE];
    let both = [CONFIGURATION_FILE, TABLE_DEFINITION_FILE];
    let names = if args.definition_only {
        &definition_alone[..]
    } else {
        &both
    };
    new_files.check(names.iter().copied())?;
    let table = args
        .table
        .as_ref()
        .map(|(owner, name)| (owner.as_str(), name.as_str()));
    let places = args.samples.iter().map(|sample| SamplePlace::of(sample, table));
    let places = data_of(places.collect::<Result<Vec<_>, _>>()?)?;
    let (location, bucket_folder) = common_place(&places)?;
    let runtime = super::runtime()?;
    let source = runtime.block_on(backends::source_at(&location, &bucket_folder))?;
    let (reading, notes, tables) = runtime.block_on(infer(args, source.as_ref(), &places))?;
    let source = NewSource::of(&location, bucket_folder, &new_files.create_folder()?);
    let task = NewTask {
        name: task_name(&tables),
        source,
        dialect: &reading.dialect,
        encoding: reading.encoding,
        notes: &notes,
        has_header: args.header,
        stream: args.stream.clone(),
        tables: &tables,
    };
    let text = configuration(&task);
    let files = write(new_files, (!args.definition_only).then_some(&text), &tables)?;
    let path = args.to.join(CONFIGURATION_FILE);
    let loaded = config::load_str(&text, &path, &SystemEnvironment).map_err(Fault::from)?;
    let mut outcome = InitReport {
        schema_version: SCHEMA_VERSION,
        tables: tables.iter().map(TableReport::of).collect(),
        files,
        notes: notes.clone(),
        checked_rows: 0,
        rejected_rows: 0,
        first_reason: None,
    };
    runtime.block_on(outcome.check(args, &loaded.config, &places))?;
    super::print(&match args.output.format {
        OutputFormat::Json => super::to_json(&outcome)?,
        OutputFormat::Text => outcome.text(),
    })?;
    Ok(0)
}

/// The samples without side files, which a pattern of a shell gives as well; a task does not read them either.
fn data_of(places: Vec<SamplePlace>) -> Result<Vec<SamplePlace>, Fault> {
    let name_of = |place: &SamplePlace| place.key.rsplit('/').next().map(ToOwned::to_owned);
    let is_side = |place: &SamplePlace| name_of(place).is_some_and(|name| is_side_file(&name));
    let (side, data): (Vec<_>, Vec<_>) = places.into_iter().partition(is_side);
    for place in &side {
        tracing::warn!(key = place.key, "a sample is not data by its name, and left out");
    }
    match side.first() {
        Some(first) if data.is_empty() => {
            let message = format!(
                "{} is not data by its name; give other samples",
                printable(&first.key)
            );
            Err(Fault::new(FaultKind::Usage, message))
        }
        _ => Ok(data),
    }
}

/// The one bucket and folder that all samples lie in.
fn common_place(places: &[SamplePlace]) -> Result<(SourceLocation, String), Fault> {
    let place = |place: &SamplePlace| (place.location.clone(), place.bucket_folder.clone());
    let missing = || Fault::new(FaultKind::Usage, "give --sample");
    let first = places.first().map(place).ok_or_else(missing)?;
    if places.iter().any(|other| place(other) != first) {
        let message = "the samples do not lie in folders schema/table of one bucket or folder; a task has one source: \
                       run `brigade init` for each";
        return Err(Fault::new(FaultKind::Usage, message));
    }
    Ok(first)
}

async fn infer(
    args: &InitArgs,
    source: &dyn ObjectSource,
    places: &[SamplePlace],
) -> Result<(SampleReading, Vec<String>, Vec<Inferred>), Fault> {
    let known = args.delimiter.as_ref().map(|delimiter| delimiter.0.as_slice());
    let mut samples = Vec::with_capacity(places.len());
    for place in places {
        samples.push(Sample::of(source, place, known).await?);
    }
    let mut usual = CsvDialect::default();
    if let Some(known) = known {
        usual.delimiter = known.to_vec();
    }
    let (dialect, encoding, notes) = of_all(&samples, usual)?;
    let reading = SampleReading {
        dialect,
        encoding,
        has_header: args.header,
        rows_max: args.rows,
    };
    let mut tables: BTreeMap<(&str, &str, &str), TableSeen> = BTreeMap::new();
    let mut to_read = Vec::with_capacity(places.len());
    // All columns are known before the first row.
    for sample in samples {
        let Sample {
            place,
            version,
            beginning,
        } = sample;
        let seen = tables.entry(place.table()).or_default();
        to_read.push((place, version, beginning.is_parquet()));
        match beginning {
            Beginning::Parquet(definition) => seen.declare(definition),
            Beginning::Text { dialect, .. } => seen.expect(dialect.first_field, &reading.dialect.null_value),
        }
    }
    for (place, version, is_parquet) in to_read {
        let seen = tables.entry(place.table()).or_default();
        read_sample(source, &version, &reading, is_parquet, seen).await?;
    }
    let tables = tables.into_iter().map(|((owner, name, path), seen)| {
        seen.finish(owner, name, path).ok_or_else(|| {
            let message = format!("the samples of {owner}.{name} have no rows; give files with rows");
            Fault::new(FaultKind::Data, message)
        })
    });
    Ok((reading, notes, tables.collect::<Result<_, _>>()?))
}

impl NewSource {
    /// The source as it is to stand in a configuration that lies in this folder.
    fn of(location: &SourceLocation, bucket_folder: String, here: &Path) -> Self {
        match location {
            SourceLocation::Local { directory } => {
                let below = directory.strip_prefix(here);
                let directory = below.map_or_else(|_| directory.clone(), |below| Path::new(".").join(below));
                Self::Local {
                    directory: directory.display().to_string(),
                }
            }
            SourceLocation::S3 { bucket, .. } => Self::S3 {
                bucket: bucket.clone(),
                bucket_folder,
            },
        }
    }
}

fn write(
    new_files: NewFiles<'_>,
    configuration: Option<&String>,
    tables: &[Inferred],
) -> Result<Vec<String>, Fault> {
    let definition =
        table_definition(tables).map_err(|error| Fault::new(FaultKind::Internal, error.to_string()))?;
    let configuration = configuration.map(|text| (CONFIGURATION_FILE, text.as_str()));
    let files = configuration
        .into_iter()
        .chain([(TABLE_DEFINITION_FILE, definition.as_str())]);
    new_files.write(&files.collect::<Vec<_>>())
}

/// The name of the only table, or of the schema, as far as it can name a task.
fn task_name(tables: &[Inferred]) -> String {
    let name = match tables {
        [only] => only.table.name.as_str(),
        [first, ..] => first.table.owner.as_str(),
        [] => "",
    };
    let allowed = |character: char| {
        let is_allowed = character.is_ascii_alphanumeric() || matches!(character, '-' | '_');
        if is_allowed { character } else { '-' }
    };
    let name: String = name.chars().map(allowed).take(TASK_NAME_MAX).collect();
    let name = name.trim_start_matches(['-', '_']);
    if name.is_empty() { "task" } else { name }.to_owned()
}

impl TableReport {
    fn of(inferred: &Inferred) -> Self {
        let columns = inferred.table.columns.iter().zip(&inferred.columns);
        Self {
            name: inferred.table.full_name(),
            rows: inferred.rows,
            columns: columns.map(|(column, seen)| column_line(column, seen)).collect(),
            notes: inferred.notes.clone(),
        }
    }
}

impl InitReport {
    /// Renders the samples with what was written, by the code of the engine.
    async fn check(&mut self, args: &InitArgs, config: &Config, places: &[SamplePlace]) -> Result<(), Fault> {
        let source = backends::source(config).await?;
        let stream = StreamView::of(config, true).await;
        let mut reader = RowReader::new(config, stream.record_bytes_max, SystemClock.now_us());
        for place in places {
            let folder = task_files::folder_of_key(folders(config), &place.key)?;
            let version = task_files::find(source.as_ref(), &place.key).await?;
            let mut take = |row: RenderedRow<'_>| {
                if row.place.ordinal >= args.rows {
                    return ControlFlow::Break(());
                }
                match row.outcome {
                    RowOutcome::Message(_) => self.checked_rows += 1,
                    RowOutcome::Filtered => {}
                    RowOutcome::Rejected(reason) => {
                        self.rejected_rows += 1;
                        self.first_reason.get_or_insert_with(|| reason.to_owned());
                    }
                }
                ControlFlow::Continue(())
            };
            reader
                .read(source.as_ref(), &version, folder.rows, &mut take)
                .await
                .map_err(Fault::from)?;
        }
        Ok(())
    }

    fn text(&self) -> String {
        let mut text = String::new();
        let notes = self.notes.iter();
        text += &lines(notes.map(|note| format!("note: {}", printable(note))));
        for table in &self.tables {
            let rows = counted(table.rows, "row");
            text += &lines([format!("{}, from {rows}", printable(&table.name))]);
            let columns = table
                .columns
                .iter()
                .map(|column| format!("  {}", printable(column)));
            text += &lines(columns);
            let notes = table.notes.iter();
            text += &lines(notes.map(|note| format!("  note: {}", printable(note))));
        }
        let files = self.files.iter().map(|file| format!("wrote {file}"));
        text += &lines(files);
        let good = counted(self.checked_rows, "row");
        let become_records = if self.checked_rows == 1 {
            "becomes a record"
        } else {
            "become records"
        };
        let reason = self.first_reason.as_ref().map_or_else(String::new, |reason| {
            format!("; the first because {}", printable(reason))
        });
        text + &format!(
            "checked: {good} of the samples {become_records}, {} would be {}{reason}\n",
            self.rejected_rows,
            if self.rejected_rows == 1 {
                "a dead letter"
            } else {
                "dead letters"
            }
        )
    }
}
