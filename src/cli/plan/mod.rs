//! `brigade plan`: what is there, what is left of it, and how long it takes at the limits of the stream. Times and
//! numbers of records are estimates from a sample of rows. It sends nothing and changes no state.

mod estimate;
mod files;
mod report;
mod warnings;

use clap::Args;

use self::estimate::{Sample, ShardLimits, ShardLoads};
use self::files::{Listed, list_folder, strays};
use self::report::{FolderPlan, Plan, SampleMeans, StateOrigin, Work};
use super::checkpoint::open_existing;
use super::first_rows::{FirstOutcome, UnreadableFile, Wish, first_rows};
use super::stream_view::StreamView;
use super::{ConfigPath, Output, OutputFormat, backends};
use crate::checkpoint::store::sled::SledStore;
use crate::checkpoint::store::{Checkpoint, CheckpointStore};
use crate::clock::{Clock, SystemClock};
use crate::config::{self, Config, SystemEnvironment};
use crate::discover::folders::{ObjectFolder, folders};
use crate::fault::{Fault, FaultKind};
use crate::limits::RECORD_BYTES_CEILING;
use crate::read::rendered_rows::RowReader;
use crate::saturate;
use crate::source::ObjectSource;

/// Version of the JSON shape; consumers ignore members they do not know.
const SCHEMA_VERSION: u32 = 1;
/// Files of a folder of which rows are sampled.
const SAMPLED_FILES_MAX: usize = 3;

/// Arguments of `plan`.
#[derive(Debug, Args)]
pub(super) struct PlanArgs {
    #[command(flatten)]
    config: ConfigPath,
    /// How many rows of each file are sampled, of the first three files of each table
    #[arg(
        long,
        default_value_t = 1_000,
        value_name = "COUNT",
        value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..=100_000)
    )]
    sample_rows: usize,
    /// Do not ask the stream; times are then those of one shard
    #[arg(long)]
    offline: bool,
    #[command(flatten)]
    output: Output,
}

/// What is known of the durable state.
pub(super) struct KnownState {
    pub(super) store: Option<SledStore>,
    pub(super) checkpoint: Checkpoint,
    origin: StateOrigin,
}

/// Runs the command.
///
/// # Errors
/// If the configuration, the files or the checkpoint cannot be read.
pub(super) fn run(args: &PlanArgs) -> Result<u8, Fault> {
    let loaded = config::load(args.config.path(), &SystemEnvironment).map_err(Fault::from)?;
    let config = loaded.config;
    let state = KnownState::of(&config)?;
    let mut plan = super::runtime()?.block_on(async {
        let stream = StreamView::of(&config, args.offline).await;
        let source = backends::source(&config).await?;
        source.check().await.map_err(Fault::from)?;
        let planner = Planner {
            config: &config,
            source: source.as_ref(),
            stream: &stream,
            state: &state,
            sample_rows: args.sample_rows,
        };
        planner.plan().await
    })?;
    let of_config = loaded.warnings.iter().map(ToString::to_string);
    plan.warnings.splice(0..0, of_config);
    super::print(&match args.output.format {
        OutputFormat::Json => super::to_json(&plan)?,
        OutputFormat::Text => plan.to_string(),
    })?;
    Ok(0)
}

impl KnownState {
    /// The checkpoint, if there is one and no process has it.
    fn of(config: &Config) -> Result<Self, Fault> {
        let nothing = |origin| Self {
            store: None,
            checkpoint: Checkpoint::default(),
            origin,
        };
        match open_existing(config) {
            Ok(store) => Ok(Self {
                checkpoint: store.load().map_err(Fault::from)?,
                store: Some(store),
                origin: StateOrigin::Checkpoint,
            }),
            Err(fault) if fault.kind == FaultKind::SourceMissing => Ok(nothing(StateOrigin::None)),
            Err(fault) if fault.kind == FaultKind::StateLocked => Ok(nothing(StateOrigin::Unknown)),
            Err(fault) => Err(fault),
        }
    }
}

struct Planner<'a> {
    config: &'a Config,
    source: &'a dyn ObjectSource,
    stream: &'a StreamView,
    state: &'a KnownState,
    sample_rows: usize,
}

impl Planner<'_> {
    async fn plan(&self) -> Result<Plan, Fault> {
        // The largest record that any stream takes: what this one takes is said in a warning, not as a rejection.
        let mut reader = RowReader::new(self.config, RECORD_BYTES_CEILING, SystemClock.now_us());
        let all = folders(self.config);
        let mut total = Work {
            records: Some(0),
            ..Work::default()
        };
        let mut loads = self.loads();
        let (mut folders, mut warnings) = (Vec::new(), warnings::of_stream(self.stream));
        for folder in &all {
            let listed = list_folder(self.config, self.source, self.state, folder).await?;
            let (sample, unreadable) = self.sample(&mut reader, folder, &listed).await?;
            warnings.extend(warnings::of_order(&folder.name, &listed.order));
            let planned = self.folder(folder, listed, (&sample, unreadable), &mut loads);
            warnings.extend(warnings::of_folder(&planned, &sample, self.stream));
            total.add(planned.left);
            folders.push(planned);
        }
        total.seconds = total.records.map(|_| loads.time().as_secs());
        let files_of_no_table = strays(self.config, self.source, &all).await?;
        warnings.extend(warnings::of_strays(&files_of_no_table));
        Ok(Plan {
            schema_version: SCHEMA_VERSION,
            task: self.config.task.clone(),
            target: self.stream.name.clone(),
            shards: self.stream.shards_count(),
            record_bytes_max: self.stream.record_bytes_max,
            state: self.state.origin,
            folders,
            files_of_no_table,
            total,
            warnings,
        })
    }

    fn loads(&self) -> ShardLoads {
        let shards_count = self.stream.shards_count().unwrap_or(1);
        ShardLoads::new(shards_count, ShardLimits::of(&self.config.delivery))
    }

    /// Rows of the first files that are still to be read, or else of the first there are.
    async fn sample(
        &self,
        reader: &mut RowReader,
        folder: &ObjectFolder,
        listed: &Listed,
    ) -> Result<(Sample, Vec<UnreadableFile>), Fault> {
        let (mut sample, mut unreadable) = (Sample::default(), Vec::new());
        let delimiter = u64::try_from(self.config.source.csv.row_delimiter.len()).unwrap_or(1);
        for version in listed.samples.iter().take(SAMPLED_FILES_MAX) {
            let before = sample.row_bytes;
            let wish = Wish {
                rows: folder.rows,
                table: None,
                count: self.sample_rows,
            };
            let rows = match first_rows(reader, self.source, version, wish).await? {
                Ok(rows) => rows,
                Err(reason) => {
                    unreadable.push(UnreadableFile::new(&version.key, reason));
                    continue;
                }
            };
            let is_whole = rows.len() < self.sample_rows;
            for row in rows {
                let bytes = |length: usize| saturate::to_u64(length);
                let row_bytes = bytes(row.row_bytes).saturating_add(delimiter);
                match row.outcome {
                    FirstOutcome::Record(record) => {
                        let place = || format!("{}, line {}", version.key, row.place.line);
                        sample.add(row_bytes, bytes(record.bytes()), &record.partition_key, place);
                    }
                    FirstOutcome::Rejected(_) => sample.add_rejected(row_bytes),
                    FirstOutcome::Filtered => sample.add_filtered(row_bytes),
                }
            }
            if is_whole {
                // All of the file: then it has as many bytes as the listing says, compressed or not.
                sample.row_bytes = before.saturating_add(version.size_bytes);
            }
        }
        Ok((sample, unreadable))
    }

    fn folder(
        &self,
        folder: &ObjectFolder,
        listed: Listed,
        (sample, unreadable): (&Sample, Vec<UnreadableFile>),
        loads: &mut ShardLoads,
    ) -> FolderPlan {
        let records = sample.records_in(listed.bytes_left);
        let seconds = records.map(|records| {
            let locate = |key: &[u8]| self.stream.shard_index(key);
            let mut alone = self.loads();
            alone.add(sample, records, &locate);
            loads.add(sample, records, &locate);
            alone.time().as_secs()
        });
        FolderPlan {
            name: folder.name.clone(),
            prefix: folder.rule.prefix.clone(),
            left: Work {
                files: listed.files.new + listed.files.open,
                bytes: listed.bytes_left,
                records,
                seconds,
            },
            files: listed.files,
            bytes: listed.bytes,
            first_key: listed.first_key,
            last_key: listed.last_key,
            not_data_first: listed.not_data_first,
            unread_changes_first: listed.unread_changes_first,
            unreadable,
            sample: SampleMeans {
                rows: sample.rows,
                rejected: sample.rejected,
                row_bytes_mean: sample.row_bytes_mean(),
                record_bytes_mean: sample.record_bytes_mean(),
                record_bytes_max: sample.record_bytes_max,
            },
        }
    }
}

impl Work {
    fn add(&mut self, more: Self) {
        self.files += more.files;
        self.bytes += more.bytes;
        self.records = self.records.zip(more.records).map(|(sum, more)| sum + more);
    }
}
