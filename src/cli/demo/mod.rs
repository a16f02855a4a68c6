//! `brigade demo`: the whole way on this machine, with a verdict at its end.
//!
//! Starts an S3 and a Kinesis server on loopback, writes the blog's data set through the S3 API, runs the production
//! engine on it as a child process, reads the stream back with a consumer of its own, and judges every row.

mod crash;
mod doubt;
mod engine;
mod evidence;
pub mod faults;
mod folder;
mod report;
mod scene;
pub mod reshard;
mod stream;
mod ui;

use clap::{Args, ValueEnum};
use tokio::time::Instant;

use self::faults::FaultArgs;
use self::folder::WorkFolder;
use self::report::{DemoReport, SCHEMA_VERSION, milliseconds, seconds};
use self::scene::Scene;
use self::stream::DemoStream;
use super::text::grouped;
use super::{OutputFormat, print, to_json};
use crate::fault::Fault;
use crate::sandbox::blog_data::{BlogData, BlogSize, TABLE_DEFINITION};
use crate::sandbox::blog_task::{BUCKET, BlogTask, SHARDS_COUNT, STREAM, TABLE_DEFINITION_FILE};
use crate::sandbox::consumer::{list_shards, read_shard};
use crate::sandbox::kinesis::ShardLimits;
#[cfg(feature = "testkit")]
use crate::sandbox::plant::{PlantedFault, Planter};
use crate::sandbox::s3::SandboxS3;
use crate::sandbox::verdict::{Judge, StreamFindings};
use crate::saturate;

/// Rows of a demo that is over in seconds.
const ROWS_SMALL: u64 = 60_000;
/// Rows of a demo with kills: enough that there is a middle to kill it in.
const ROWS_CRASH: u64 = 180_000;
/// Rows of a demo at the pace of the service. Two shards take 2,000 loaded rows a second, and all changes of the
/// table go to one of them: about seven seconds.
const ROWS_REAL_LIMITS: u64 = 9_000;
/// Rows of a demo to look at: the load takes about fifteen seconds at the pace of the service.
const ROWS_UI: u64 = 60_000;
/// Where a demo to look at is served.
const ADDRESS: &str = "127.0.0.1:8686";
/// Pause between two checkpoints of a demo with kills: short, so that there is something to resume from.
const CRASH_COMMIT_INTERVAL_MS: u64 = 200;
/// Pause between two checkpoints otherwise: the default of the engine.
const COMMIT_INTERVAL_MS: u64 = 1_000;
/// Seeds that are drawn are small enough to be typed again.
const DRAWN_SEED_MAX: u64 = 999_999;
/// Exit code if the verdict is not passed.
const EXIT_FAILED: u8 = 1;
/// Exit code after Ctrl-C.
const EXIT_INTERRUPTED: u8 = 130;

/// Stream a data set between two servers on this machine and judge what arrives.
#[derive(Debug, Clone, Args)]
#[expect(clippy::struct_excessive_bools, reason = "flags of a command line")]
pub struct DemoArgs {
    /// Rows to stream [default: 60000; 180000 with --crash; 9000 with --real-limits]
    #[arg(long, conflicts_with = "size", value_parser = clap::value_parser!(u64).range(1..))]
    pub rows: Option<u64>,
    /// Seed of the data and of the moments of the kills [default: drawn and printed]
    #[arg(long)]
    pub seed: Option<u64>,
    /// How much to stream: a few seconds' worth, or the nine files of the blog post at their full sizes
    #[arg(long, value_enum, default_value_t = DemoSize::Small)]
    pub size: DemoSize,
    /// Enforce the write limits of shards at the server, and pace the engine as in production
    #[arg(long)]
    pub real_limits: bool,
    /// Kill the engine with SIGKILL in the middle of the load, and start it again
    #[arg(long)]
    pub crash: bool,
    /// How often to kill it
    #[arg(long, default_value_t = 5, requires = "crash", value_parser = clap::value_parser!(u64).range(1..=1000))]
    pub kills: u64,
    /// Go on until somebody ends it, with a page to watch and steer it: change files land one after another, and lines typed here
    /// split or merge shards; at the pace of the service
    #[arg(long, conflicts_with = "crash")]
    pub ui: bool,
    /// Where page, metrics and API are served meanwhile [default with --ui: 127.0.0.1:8686]
    #[arg(long, value_name = "ADDRESS")]
    pub listen: Option<String>,
    /// Keep the working folder: objects, configuration, state, log, report; it is kept anyway if the verdict is not
    /// passed, with all records of the stream
    #[arg(long)]
    pub keep: bool,
    /// Form of the verdict on stdout
    #[arg(long, value_enum, default_value_t = OutputFormat::Text)]
    pub output: OutputFormat,
    /// Tamper with what the consumer read, to see the verdict fail
    #[cfg(feature = "testkit")]
    #[arg(long, value_enum, hide = true)]
    pub plant: Option<PlantedFault>,
    /// How it delivers, and what goes wrong on the way
    #[command(flatten)]
    pub faults: FaultArgs,
}

/// How much to stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum DemoSize {
    /// A few seconds' worth.
    Small,
    /// Five files of 5 MiB and four of 4.8 MiB, as in the blog post.
    Blog,
}

/// Runs the demo and returns the exit code: 0 if the verdict is passed, 1 if it is not.
///
/// # Errors
/// [`Fault`] if there is no verdict: the engine failed, or a server, or the working folder.
pub async fn run(args: DemoArgs) -> Result<u8, Fault> {
    tokio::select! {
        outcome = demonstrate(&args) => outcome,
        // Everything of the demo is dropped with it: the engine is killed, the folder is removed.
        Ok(()) = tokio::signal::ctrl_c() => Ok(EXIT_INTERRUPTED),
    }
}

async fn demonstrate(args: &DemoArgs) -> Result<u8, Fault> {
    args.faults.check(args.crash)?;
    let steps = StepLog::start();
    let seed = args
        .seed
        .unwrap_or_else(|| rand::random_range(0..=DRAWN_SEED_MAX));
    let data = BlogData::new(size_of(args), seed);
    let mut folder = WorkFolder::create(args.keep)?;
    steps.tell_size(args, &data, seed);
    let (s3, stream) = start_servers(args, seed, &folder).await?;
    let (source, target) = (s3.endpoint(), stream.engine_endpoint());
    steps.tell(&format!("S3 on {source}, Kinesis on {target}"));
    let (source_bytes, token) = (upload(&data, &s3, args.ui).await?, args.ui.then(ui::drawn_token));
    write_configuration(args, &folder, &s3, &stream, token.as_deref())?;
    let files = data.files().len();
    steps.tell(&format!("{files} files for s3://{BUCKET}, the engine starts"));

    let started = Instant::now();
    let scene = Scene::of(args, (&folder, &s3, &stream), &data, seed);
    let run = scene.play(token.as_deref()).await?;
    let engine_ms = milliseconds(started.elapsed());
    steps.tell("the engine has ended, the stream is read back");
    let verdict = read_and_judge(&stream, &data, args).await?;
    let (tally, faults) = (stream.tally(), stream.faults());
    let allowance = args
        .faults
        .allowance(args.has_real_limits(), &run.lives.kills, tally);
    let passed = verdict.passed(allowance);
    if !passed {
        folder.keep();
        evidence::keep_records(stream.client(), folder.path()).await?;
    }
    stop(s3, stream, &steps).await?;

    let report = DemoReport {
        schema_version: SCHEMA_VERSION,
        seed,
        files: saturate::to_u64(files),
        source_bytes,
        shards: SHARDS_COUNT,
        real_limits: args.has_real_limits(),
        engine_ms,
        refused: tally.refused,
        delivery: args.faults.chaos.delivery,
        ordering: args.faults.chaos.ordering,
        aggregation: args.faults.aggregation,
        faults,
        kills: run.lives.kills,
        found: run.lives.found,
        reshards: run.reshards,
        allowance,
        passed,
        verdict,
    };
    if folder.is_kept() {
        evidence::keep_report(&report, folder.path())?;
        steps.tell(&format!("kept {}", folder.path().display()));
    }
    give(&report, run.too_early, args.output)
}

impl DemoArgs {
    /// Whether the server enforces the limits of shards. A page shows nothing of interest without them.
    fn has_real_limits(&self) -> bool {
        self.real_limits || self.ui
    }

    /// Where it is to be served for certain.
    fn address(&self) -> Option<&str> {
        self.listen.as_deref().or_else(|| self.ui.then_some(ADDRESS))
    }
}

async fn stop(s3: SandboxS3, stream: DemoStream, steps: &StepLog) -> Result<(), Fault> {
    s3.stop().await?;
    stream.stop().await?;
    steps.tell("judged");
    Ok(())
}

/// Prints the verdict and gives its exit code. A failure is worth more than what the run did not get to.
fn give(report: &DemoReport, too_early: Option<Fault>, output: OutputFormat) -> Result<u8, Fault> {
    if let Some(what) = too_early.filter(|_| report.passed) {
        return Err(what);
    }
    match output {
        OutputFormat::Text => print(&format!("{report}\n"))?,
        OutputFormat::Json => print(&to_json(report)?)?,
    }
    Ok(if report.passed { 0 } else { EXIT_FAILED })
}

fn size_of(args: &DemoArgs) -> BlogSize {
    match (args.rows, args.size) {
        (Some(rows), DemoSize::Small | DemoSize::Blog) => BlogSize::Rows(rows),
        (None, DemoSize::Blog) => BlogSize::Post,
        (None, DemoSize::Small) if args.ui => BlogSize::Rows(ROWS_UI),
        (None, DemoSize::Small) if args.real_limits => BlogSize::Rows(ROWS_REAL_LIMITS),
        (None, DemoSize::Small) if args.crash => BlogSize::Rows(ROWS_CRASH),
        (None, DemoSize::Small) => BlogSize::Rows(ROWS_SMALL),
    }
}

async fn start_servers(
    args: &DemoArgs,
    seed: u64,
    folder: &WorkFolder,
) -> Result<(SandboxS3, DemoStream), Fault> {
    let limits = if args.has_real_limits() {
        ShardLimits::Enforced
    } else {
        ShardLimits::Off
    };
    let s3 = SandboxS3::start(&folder.objects()).await?;
    s3.create_bucket(BUCKET).await?;
    let stream = DemoStream::start(limits, &args.faults, seed).await?;
    Ok((s3, stream))
}

/// Puts the files into the bucket; those of changes may come later.
async fn upload(data: &BlogData, s3: &SandboxS3, only_load: bool) -> Result<u64, Fault> {
    let mut bytes_count = 0;
    let changes = data.change_files().filter(|_| !only_load);
    for file in data.load_files().chain(changes) {
        let content = data.content(file);
        bytes_count += saturate::to_u64(content.len());
        s3.put(BUCKET, &file.key, content).await?;
    }
    Ok(bytes_count)
}

fn write_configuration(
    args: &DemoArgs,
    folder: &WorkFolder,
    s3: &SandboxS3,
    stream: &DemoStream,
    token: Option<&str>,
) -> Result<(), Fault> {
    let task = BlogTask {
        listen: args.address(),
        token,
        s3_endpoint: &s3.endpoint(),
        kinesis_endpoint: stream.engine_endpoint(),
        state: &folder.state(),
        dead_letters: &folder.dead_letters(),
        pace: if args.has_real_limits() { "service" } else { "off" },
        commit_interval_ms: if args.crash {
            CRASH_COMMIT_INTERVAL_MS
        } else {
            COMMIT_INTERVAL_MS
        },
        delivery: args.faults.chaos.delivery,
        ordering: args.faults.chaos.ordering,
        aggregation: args.faults.aggregation,
        change_key: args.faults.change_key(),
    };
    folder.write(TABLE_DEFINITION_FILE, TABLE_DEFINITION)?;
    folder.write(WorkFolder::CONFIGURATION_FILE, &task.configuration())
}

async fn read_and_judge(
    stream: &DemoStream,
    data: &BlogData,
    args: &DemoArgs,
) -> Result<StreamFindings, Fault> {
    let mut judge = Judge::new(data).expecting(args.faults.change_key());
    #[cfg(feature = "testkit")]
    let mut planter = Planter::new(args.plant);
    for shard in list_shards(stream.client(), STREAM).await? {
        let take = |page: Vec<_>| {
            #[cfg(feature = "testkit")]
            let page = planter.tampered(page);
            for record in &page {
                judge.take(&shard.shard_id, record);
            }
        };
        let dropped = read_shard(stream.client(), STREAM, &shard, take).await?;
        judge.note_dropped(dropped);
    }
    Ok(judge.finish())
}

/// Reports on stderr what is going on, with the time since the start.
#[derive(Debug)]
struct StepLog {
    started: Instant,
}

impl StepLog {
    fn start() -> Self {
        Self {
            started: Instant::now(),
        }
    }

    fn tell_size(&self, args: &DemoArgs, data: &BlogData, seed: u64) {
        self.tell(&format!("{} rows from seed {seed}", grouped(data.rows_count())));
        if args.real_limits && args.rows.is_none() {
            self.tell("fewer rows than usual: the service takes 1,000 records and 1 MiB a second and shard");
        }
    }

    fn tell(&self, step: &str) {
        super::report(&format!("[{:>8}] {step}", seconds(self.started.elapsed())));
    }
}
