//! `brigade run`: runs a task until it is done or stopped.

mod emf;
mod event_sinks;
mod open_files;
mod progress;
mod rates;
mod signals;
mod state_disk;
mod systemd;

use std::sync::Arc;
use std::time::Duration;

use clap::Args;
use tokio_util::sync::CancellationToken;

use self::emf::EmfLines;
use self::progress::ProgressLines;
use self::systemd::Service;
use super::backends::{self, Opened};
use super::files::set_aside::SetAsideFiles;
use super::logging::LogArgs;
use super::orders::desk::TaskDesk;
use super::start_type::{self, StartType};
use super::status::file as status_file;
use super::status::unread::{suspension_lines, unread_lines};
use super::text::{counted, lines};
use super::{ConfigPath, Output, OutputFormat, task_events, verify};
use crate::checkpoint::life_status::{StopReason, failure_text};
use crate::checkpoint::status::TaskStatus;
use crate::checkpoint::store::CheckpointStore;
use crate::checkpoint::store::sled::SledStore;
use crate::clock::{Clock, SystemClock};
use crate::config::{Config, Loaded};
use crate::fault::{Fault, FaultKind};
use crate::model::trouble::Suspension;
use crate::observe::counters::CountersSnapshot;
use crate::serve::{Beat, Listening, Serving, View};
use crate::settings::life::parse_moment;
use crate::settings::{MigrationType, RunMode};
use crate::source::ObjectSource;
use crate::supervise::events::{StartFlag, TaskEvent};
use crate::supervise::noticeboard::Noticeboard;
use crate::supervise::pipeline::{Pipeline, RunEnd};

/// How often the state is looked after.
const UPKEEP_INTERVAL: Duration = Duration::from_secs(30);

/// Arguments of `run`.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    config: ConfigPath,
    /// End when everything that is present is settled
    #[arg(long)]
    once: bool,
    /// Begin as DMS does with this start type; without one the task starts, or resumes if it has run
    #[arg(long, value_enum, value_name = "TYPE")]
    start_type: Option<StartType>,
    /// Stop at this time instead of `stop.at`, such as 2026-11-23T20:00:00Z; without an offset it is UTC
    #[arg(long, value_parser = moment, value_name = "TIME")]
    stop_at: Option<i64>,
    /// Exit with code 65 if a row was dead-lettered
    #[arg(long)]
    fail_on_dead_letters: bool,
    #[command(flatten)]
    output: Output,
}

/// What a run did, for people and for `--output json`.
#[derive(Debug, serde::Serialize)]
struct Summary {
    schema_version: u32,
    end: &'static str,
    /// DMS's word for why it ended.
    stop_reason: StopReason,
    bytes_read: u64,
    delivered_rows: u64,
    dead_lettered_rows: u64,
    filtered_rows: u64,
    /// Files that are set aside and wait for a person, whichever run set them aside.
    quarantined_objects: u64,
    /// What else is not read, one sentence each: load files that came after the load, files that were replaced, loads
    /// without a file.
    not_read: Vec<String>,
    /// Tables that nothing more is sent of until they are resumed.
    suspended_tables: Vec<SuspendedTable>,
    counters: CountersSnapshot,
}

/// A table that nothing more is sent of.
#[derive(Debug, serde::Serialize)]
struct SuspendedTable {
    table: String,
    suspension: Suspension,
    /// The first of its load files that are not read because of that.
    unread_files: Vec<String>,
}

/// Runs the command. Blocks until the task has ended.
///
/// # Errors
/// The fault that ended the task.
pub(super) fn run(args: &RunArgs, logging: &LogArgs) -> Result<u8, Fault> {
    let mut loaded = args.config.load_whole()?;
    if let Some(stop_at) = args.stop_at {
        loaded.config.stop.at_ms = Some(stop_at);
        let text = super::text::moment(stop_at);
        loaded.effective.set_by_option("stop.at", &text, "--stop-at");
    }
    open_files::raise_limit()?;
    let runtime = super::runtime()?;
    let telemetry = logging.start(Some(&loaded.config))?;
    let mode = if args.once {
        RunMode::Once
    } else {
        RunMode::Continuous
    };
    let span = tracing::info_span!(parent: None, "run", task = loaded.config.task, ?mode);
    let result = span.in_scope(|| {
        let path = args.config.path().display();
        tracing::info!(version = env!("CARGO_PKG_VERSION"), config = %path, "starting");
        execute(loaded, mode, args.start_type, &runtime)
    });
    telemetry.stop(result.as_ref().err());
    // A file system that does not answer must not keep the process.
    runtime.shutdown_background();
    let summary = result?;
    summary.print(args.output.format)?;
    Ok(summary.exit_code(args.fail_on_dead_letters))
}

/// Runs the task, from opening its state to closing it.
fn execute(
    loaded: Loaded,
    mode: RunMode,
    start_type: Option<StartType>,
    runtime: &tokio::runtime::Runtime,
) -> Result<Summary, Fault> {
    let config = Arc::new(loaded.config);
    // Before anything is written: a task that cannot have its address does not start.
    let listening = runtime.block_on(Listening::bind(&config.api))?;
    let opened = runtime.block_on(backends::open(&config))?;
    state_disk::warn_if_unsafe(&config.state.path);
    let sinks = event_sinks::start(runtime, &config)?;
    let flag = start_type::prepare(&config, &opened.store(), start_type)?;
    announce_start(&config, flag)?;
    let pipeline = Pipeline::new(Arc::clone(&config), opened.backends(), mode);
    let noticeboard = pipeline.noticeboard();
    noticeboard.show_checkpoint(&opened.store().load().map_err(Fault::from)?);
    report_set_aside(&show_set_aside(&noticeboard, &opened.store())?);
    let stop = CancellationToken::new();
    signals::watch(runtime.handle(), stop.clone());
    let board = status_board(runtime, &config, &pipeline);
    let upkeep = runtime.spawn(keep_up(opened.store()));
    let progress = ProgressLines::start(runtime.handle(), pipeline.status());
    let view = view_of(&config, &pipeline, &opened, stop.clone());
    let beat = view.beat();
    if let Some(listening) = &listening {
        noticeboard.show_api(listening.own_address().to_string());
    }
    let desk = TaskDesk::of(
        &config,
        loaded.effective,
        &opened,
        &pipeline,
        view.comparing(),
        stop.clone(),
    );
    let emf = EmfLines::start(runtime.handle(), &view, config.is_emf);
    let service = Service::start(runtime.handle(), pipeline.status(), beat.clone(), stop.clone());
    let serving = Serving::start(runtime.handle(), listening, view, Arc::new(desk))?;
    let end = run_in_system(&pipeline, stop, beat);
    service.finish(runtime.handle());
    runtime.block_on(serving.stop());
    emf.finish(runtime.handle());
    progress.finish(runtime.handle());
    let set_aside = show_set_aside(&noticeboard, &opened.store());
    runtime.block_on(board);
    upkeep.abort();
    // The fault that ended the task says more than one that may follow from it.
    let stopped = opened.store().stop(SystemClock.now_ms()).map_err(Fault::from);
    let end = end.and_then(|end| stopped.and(set_aside).map(|_files| end));
    let end = announce_end(&config, end);
    runtime.block_on(sinks.finish());
    Ok(summarize(
        end?,
        config.migration_type,
        &pipeline,
        opened.source.as_ref(),
    ))
}

fn announce_start(config: &Config, flag: StartFlag) -> Result<(), Fault> {
    if flag == StartFlag::Fresh {
        task_events::announce(config, &TaskEvent::Created)?;
    }
    task_events::announce(config, &TaskEvent::Started(flag))
}

/// Notes how the task ended; that it cannot be noted is a fault of a run that has no other.
fn announce_end(config: &Config, end: Result<RunEnd, Fault>) -> Result<RunEnd, Fault> {
    let event = match &end {
        Ok(end) => TaskEvent::Stopped(end.reason(config.migration_type)),
        Err(fault) => TaskEvent::Failed(failure_text(fault)),
    };
    let announced = task_events::announce(config, &event);
    end.and_then(|end| announced.map(|()| end))
}

fn moment(text: &str) -> Result<i64, String> {
    parse_moment(text).ok_or_else(|| "is not a time; write it as 2026-11-23T20:00:00Z".to_owned())
}

/// The actors live in an actix system of their own; the SDK's connections live on the outer runtime.
fn run_in_system(pipeline: &Pipeline, stop: CancellationToken, beat: Beat) -> Result<RunEnd, Fault> {
    actix::System::new().block_on(async {
        tokio::select! {
            end = pipeline.run(stop) => end,
            () = beat.keep() => Err(Fault::new(FaultKind::Internal, "a beat that ends")),
        }
    })
}

/// The task as it is served.
fn view_of(config: &Arc<Config>, pipeline: &Pipeline, opened: &Opened, stop: CancellationToken) -> View {
    let (status, counters) = (pipeline.status(), pipeline.counters());
    let view = View::new(
        Arc::clone(config),
        status,
        counters,
        Arc::clone(&opened.source),
        Arc::new(SystemClock),
        stop,
        opened.sink.witness().cloned(),
    );
    let warn = |text: String| tracing::warn!("{text}");
    view.comparing()
        .show(verify::record::known(&config.state.path, &warn));
    view
}

/// Exports the checkpoint and renews its identity file now and then.
async fn keep_up(store: Arc<SledStore>) {
    let mut tick = tokio::time::interval(UPKEEP_INTERVAL);
    loop {
        tick.tick().await;
        let store = Arc::clone(&store);
        let work = tokio::task::spawn_blocking(move || store.maintain(SystemClock.now_ms()));
        match work.await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                tracing::warn!(%error, "maintaining the state failed; the next commit will show why");
            }
            Err(error) => tracing::error!(%error, "maintaining the state panicked"),
        }
    }
}

/// Shows which files are set aside and wait for a person, whichever run set them aside; gives all of them.
fn show_set_aside(noticeboard: &Noticeboard, store: &SledStore) -> Result<SetAsideFiles, Fault> {
    let files = SetAsideFiles::of(store).map_err(Fault::from)?;
    noticeboard.show_set_aside(files.open_count(), files.newest());
    Ok(files)
}

fn report_set_aside(files: &SetAsideFiles) {
    let files = files.undecided_count();
    if files > 0 {
        tracing::warn!(
            files,
            "files are set aside: the rest of them is not sent, and the run ends with exit code 65; `brigade files list` \
             names them"
        );
    }
}

/// Writes `status.json` whenever the status changes, so that other commands can look on.
fn status_board(
    runtime: &tokio::runtime::Runtime,
    config: &Arc<Config>,
    pipeline: &Pipeline,
) -> impl Future<Output = ()> + use<> {
    let path = config.state.path.join(status_file::STATUS_FILE);
    let done = CancellationToken::new();
    let writer = runtime.spawn(status_file::keep_written(path, pipeline.status(), done.clone()));
    async move {
        done.cancel();
        if writer.await.is_err() {
            tracing::warn!("cannot update the status file");
        }
    }
}

fn summarize(
    end: RunEnd,
    migration_type: MigrationType,
    pipeline: &Pipeline,
    source: &dyn ObjectSource,
) -> Summary {
    let status: Arc<TaskStatus> = pipeline.status().borrow().clone();
    let counters = pipeline.counters().snapshot();
    let tables = status.tables.iter().map(|table| &table.statistics);
    let delivered = tables
        .map(|t| t.full_load_rows + t.applied_inserts + t.applied_updates + t.applied_deletes)
        .sum();
    Summary {
        schema_version: 1,
        end: match end {
            RunEnd::Finished => "finished",
            RunEnd::Stopped | RunEnd::AtTime | RunEnd::PastLoad(_) => "stopped",
        },
        stop_reason: end.reason(migration_type),
        bytes_read: source.bytes_read(),
        delivered_rows: delivered,
        dead_lettered_rows: status.dead_lettered_rows(),
        filtered_rows: status.filtered_rows(),
        quarantined_objects: status.set_aside,
        not_read: unread_lines(&status),
        suspended_tables: suspended_tables(&status),
        counters,
    }
}

fn suspended_tables(status: &TaskStatus) -> Vec<SuspendedTable> {
    let tables = status.tables.iter().filter_map(|table| {
        Some(SuspendedTable {
            table: table.statistics.stored_name(),
            suspension: table.statistics.trouble.suspension.clone()?,
            unread_files: table.load.unread.clone(),
        })
    });
    tables.collect()
}

impl Summary {
    fn exit_code(&self, fail_on_dead_letters: bool) -> u8 {
        let is_held_back = self.quarantined_objects > 0 || !self.suspended_tables.is_empty();
        let has_loss = is_held_back || (fail_on_dead_letters && self.dead_lettered_rows > 0);
        if has_loss { FaultKind::Data.exit_code() } else { 0 }
    }

    fn print(&self, format: OutputFormat) -> Result<(), Fault> {
        let text = match format {
            OutputFormat::Json => super::to_json(self)?,
            OutputFormat::Text => {
                format!(
                    "{} ({}): {} sent in this run ({} skipped as already stored, {} found in the stream, {} sent again); the task so \
                 far: {} delivered, {} dead-lettered, {}{} set aside\n",
                    self.end,
                    self.stop_reason.as_str(),
                    counted(self.counters.sent(), "record"),
                    self.counters.skipped,
                    self.counters.found + self.counters.recovered,
                    self.counters.sent_again(),
                    counted(self.delivered_rows, "row"),
                    counted(self.dead_lettered_rows, "row"),
                    match self.filtered_rows {
                        0 => String::new(),
                        rows => format!("{} left out by the table mappings, ", counted(rows, "row")),
                    },
                    counted(self.quarantined_objects, "object"),
                ) + &self.unread_text()
            }
        };
        super::print(&text)
    }

    fn unread_text(&self) -> String {
        let aside = (self.quarantined_objects > 0).then(|| {
            "files are set aside: `brigade files list` names them, `brigade files retry` or `skip` decides".to_owned()
        });
        let tables = self.suspended_tables.iter().flat_map(|suspended| {
            let SuspendedTable {
                table,
                suspension,
                unread_files,
            } = suspended;
            suspension_lines(table, Some(suspension), unread_files)
        });
        lines(aside.into_iter().chain(self.not_read.clone()).chain(tables))
    }
}
