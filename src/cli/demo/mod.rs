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
pub mod reshard;
mod stream;

use std::io::{self, IsTerminal};

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressStyle};
use tokio::time::Instant;

use self::crash::{KillPlan, Lives, mid_load_count, run_over_kills};
use self::faults::FaultArgs;
use self::folder::WorkFolder;
use self::report::{DemoReport, SCHEMA_VERSION, milliseconds, seconds};
use self::reshard::{Reshard, Resharder};
use self::stream::DemoStream;
use super::text::grouped;
use super::{OutputFormat, print, to_json};
use crate::fault::{Fault, FaultKind};
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
    let source_bytes = upload(&data, &s3).await?;
    write_configuration(args, &folder, &s3, &stream)?;
    let files = data.files().len();
    steps.tell(&format!("{files} files in s3://{BUCKET}, the engine starts"));

    let started = Instant::now();
    let run = run_engine(args, &folder, &stream, &data, seed).await?;
    let engine_ms = milliseconds(started.elapsed());
    steps.tell("the engine has ended, the stream is read back");
    let verdict = read_and_judge(&stream, &data, args).await?;
    let (tally, faults) = (stream.tally(), stream.faults());
    let allowance = args.faults.allowance(args.real_limits, &run.lives.kills, tally);
    let passed = verdict.passed(allowance);
    if !passed {
        folder.keep();
        evidence::keep_records(stream.client(), folder.path()).await?;
    }
    s3.stop().await?;
    stream.stop().await?;
    steps.tell("judged");

    let report = DemoReport {
        schema_version: SCHEMA_VERSION,
        seed,
        files: saturate::to_u64(files),
        source_bytes,
        shards: SHARDS_COUNT,
        real_limits: args.real_limits,
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

/// What became of the engine.
struct Run {
    lives: Lives,
    reshards: Vec<Reshard>,
    /// What it was too fast for.
    too_early: Option<Fault>,
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
    let limits = if args.real_limits {
        ShardLimits::Enforced
    } else {
        ShardLimits::Off
    };
    let s3 = SandboxS3::start(&folder.objects()).await?;
    s3.create_bucket(BUCKET).await?;
    let stream = DemoStream::start(limits, &args.faults, seed).await?;
    Ok((s3, stream))
}

async fn upload(data: &BlogData, s3: &SandboxS3) -> Result<u64, Fault> {
    let mut bytes_count = 0;
    for file in data.files() {
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
) -> Result<(), Fault> {
    let task = BlogTask {
        s3_endpoint: &s3.endpoint(),
        kinesis_endpoint: stream.engine_endpoint(),
        state: &folder.state(),
        dead_letters: &folder.dead_letters(),
        pace: if args.real_limits { "service" } else { "off" },
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

/// Runs the engine to its end, with kills and changes of the shards if they are asked for.
async fn run_engine(
    args: &DemoArgs,
    folder: &WorkFolder,
    stream: &DemoStream,
    data: &BlogData,
    seed: u64,
) -> Result<Run, Fault> {
    let rows_count = data.rows_count();
    let bar = progress_bar(rows_count)?;
    let progress = || bar.set_position(stream.tally().stored.min(rows_count));
    let plan = KillPlan {
        seed,
        kills_max: if args.crash { args.kills } else { 0 },
        rows_count,
        delivery: args.faults.chaos.delivery,
        recovery_max_ms: args.faults.recovery_max_ms(),
    };
    let mut resharder = Resharder::new(&args.faults, seed, rows_count);
    let lives = run_over_kills(folder, stream, plan, &mut resharder, progress).await?;
    bar.finish_and_clear();
    let missed = if args.crash && mid_load_count(&lives.kills, rows_count) == 0 {
        Some("it could be killed")
    } else {
        (resharder.left_count() > 0).then_some("all shards were split and merged")
    };
    let too_early = missed.map(|what| {
        let message = format!("the engine finished before {what}; give it more --rows");
        Fault::new(FaultKind::Usage, message)
    });
    Ok(Run {
        lives,
        reshards: resharder.into_done(),
        too_early,
    })
}

fn progress_bar(rows_count: u64) -> Result<ProgressBar, Fault> {
    let template = "  {wide_bar} {human_pos}/{human_len} records";
    let style = ProgressStyle::with_template(template).map_err(|error| {
        Fault::new(
            FaultKind::Internal,
            format!("the progress bar is broken: {error}"),
        )
    })?;
    let bar = if io::stderr().is_terminal() {
        ProgressBar::new(rows_count)
    } else {
        ProgressBar::hidden()
    };
    Ok(bar.with_style(style))
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
