//! `brigade checkpoint`: looks at the durable state of a task, saves it, puts it back, removes it.

pub(super) mod report;

use std::fs::File;
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::{Args, Subcommand};
use serde_json::json;

use self::report::CheckpointReport;
use super::confirm::Consent;
use super::text::{counted, lines};
use super::{ConfigPath, Output, OutputFormat};
use crate::chance;
use crate::checkpoint::store::export::ExportCounts;
use crate::checkpoint::store::folder::StateFolder;
use crate::checkpoint::store::identity::Identity;
use crate::checkpoint::store::sled::{OpenOptions, SledStore, reset};
use crate::checkpoint::store::{StoreError, import};
use crate::config::Config;
use crate::durable::replace::{Survives, replace};
use crate::fault::{Fault, FaultKind};

/// How long to wait for a lock: long enough for a process that is just going.
const LOCK_WAIT: Duration = Duration::from_millis(500);
/// Version of the JSON shapes; consumers ignore members they do not know.
const SCHEMA_VERSION: u32 = 1;

/// Arguments of `checkpoint`.
#[derive(Debug, Args)]
pub(super) struct CheckpointArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show how far the task is, object by object
    Show(ShowArgs),
    /// Write the checkpoint as JSON lines
    Export(ExportArgs),
    /// Create the state from an export; there must be none yet
    Import(ImportArgs),
    /// Remove the state: the next run starts from scratch and sends every row again
    Reset(ResetArgs),
}

#[derive(Debug, Args)]
struct ShowArgs {
    #[command(flatten)]
    config: ConfigPath,
    /// How many unfinished and set-aside objects at most
    #[arg(long, default_value_t = 50, value_name = "COUNT")]
    limit: usize,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
struct ExportArgs {
    #[command(flatten)]
    config: ConfigPath,
    /// Where to write it; standard output by default
    file: Option<PathBuf>,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
struct ImportArgs {
    #[command(flatten)]
    config: ConfigPath,
    /// The export
    file: PathBuf,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    output: Output,
}

#[derive(Debug, Args)]
struct ResetArgs {
    #[command(flatten)]
    config: ConfigPath,
    #[command(flatten)]
    consent: Consent,
    #[command(flatten)]
    output: Output,
}

/// Runs the command.
///
/// # Errors
/// If a process has the state, if there is none, or if it is not this task's.
pub(super) fn run(args: &CheckpointArgs) -> Result<u8, Fault> {
    match &args.verb {
        Verb::Show(args) => show(args),
        Verb::Export(args) => export(args),
        Verb::Import(args) => import_file(args),
        Verb::Reset(args) => remove(args),
    }
}

fn show(args: &ShowArgs) -> Result<u8, Fault> {
    let (config, _) = args.config.load()?;
    let store = open_existing(&config)?;
    let report = CheckpointReport::of(&store, args.limit).map_err(Fault::from)?;
    let text = match args.output.format {
        OutputFormat::Json => super::to_json(&report)?,
        OutputFormat::Text => report.to_string(),
    };
    super::print(&text)?;
    Ok(0)
}

fn export(args: &ExportArgs) -> Result<u8, Fault> {
    let (config, _) = args.config.load()?;
    let store = open_existing(&config)?;
    let Some(file) = args.file.as_deref().filter(|file| *file != Path::new("-")) else {
        let counts = store.export(&mut io::stdout().lock()).map_err(Fault::from)?;
        super::report(&counts_text("exported", &counts));
        return Ok(0);
    };
    let mut outcome = Ok(ExportCounts::default());
    let written = replace(file, Survives::PowerCut, |out| {
        outcome = store.export(out);
        outcome
            .as_ref()
            .map(drop)
            .map_err(|error| io::Error::other(error.to_string()))
    });
    let counts = outcome.map_err(Fault::from)?;
    written.map_err(|error| {
        let message = format!("cannot write {}: {error}; give another file", file.display());
        Fault::new(FaultKind::StateCreate, message)
    })?;
    print_counts("exported", &counts, args.output)
}

fn import_file(args: &ImportArgs) -> Result<u8, Fault> {
    let (config, _) = args.config.load()?;
    let folder = &config.state.path;
    if args.consent.dry_run {
        if StateFolder::new(folder).database_file().exists() {
            super::report(
                "a state exists already; unless it is still empty, run `brigade checkpoint reset` first",
            );
        }
        let trial = TrialFolder::new();
        let counts = import_into(&trial.0, &config, &args.file)?;
        return print_counts("would import", &counts, args.output);
    }
    let what = format!(
        "this creates the state of task {} in {} from {}",
        config.task,
        folder.display(),
        args.file.display()
    );
    if !args.consent.given(&what)? {
        return Ok(not_done());
    }
    let counts = import_into(folder, &config, &args.file)?;
    super::status::file::forget(folder);
    super::verify::record::forget(folder);
    print_counts("imported", &counts, args.output)
}

fn import_into(folder: &Path, config: &Config, file: &Path) -> Result<ExportCounts, Fault> {
    let input = File::open(file).map_err(|error| {
        let kind = if error.kind() == io::ErrorKind::PermissionDenied {
            FaultKind::PermissionDenied
        } else {
            FaultKind::SourceMissing
        };
        Fault::new(kind, format!("cannot read {}: {error}", file.display()))
    })?;
    import::import(folder, &options(config), &mut BufReader::new(input)).map_err(Fault::from)
}

fn remove(args: &ResetArgs) -> Result<u8, Fault> {
    let (config, _) = args.config.load()?;
    let folder = StateFolder::new(&config.state.path);
    // A side file that cannot be understood belongs to a damaged state, which a reset is there for.
    if let Ok(Some(identity)) = Identity::read(&folder)
        && identity.task != config.task
    {
        let detail = format!(
            "it belongs to task {}, not to {}; reset it with the configuration of its own task",
            identity.task, config.task
        );
        return Err(Fault::from(folder.refused(detail)));
    }
    let paths = [
        folder.database_folder(),
        folder.identity_file(),
        folder.import_folder(),
        folder.path().join(super::status::file::STATUS_FILE),
        folder.path().join(super::verify::record::VERIFY_FILE),
    ];
    let present: Vec<_> = paths.iter().filter(|path| path.exists()).collect();
    if present.is_empty() {
        return print_removed(&present, args, "there is no state to remove");
    }
    if args.consent.dry_run {
        return print_removed(&present, args, "would remove");
    }
    let what = format!(
        "this removes the state of task {} in {} for good; the next run starts from scratch and sends every row \
        again",
        config.task, folder
    );
    if !args.consent.given(&what)? {
        return Ok(not_done());
    }
    reset(folder.path(), LOCK_WAIT).map_err(Fault::from)?;
    super::status::file::forget(folder.path());
    super::verify::record::forget(folder.path());
    print_removed(&present, args, "removed")
}

fn print_removed(paths: &[&PathBuf], args: &ResetArgs, verb: &str) -> Result<u8, Fault> {
    let text = match args.output.format {
        OutputFormat::Json => super::to_json(&json!({
            "schema_version": SCHEMA_VERSION,
            "dry_run": args.consent.dry_run,
            "removed": paths,
        }))?,
        OutputFormat::Text if paths.is_empty() => format!("{verb}\n"),
        OutputFormat::Text => lines(paths.iter().map(|path| format!("{verb} {}", path.display()))),
    };
    super::print(&text)?;
    Ok(0)
}

/// Says that a question was answered with no.
pub(super) fn not_done() -> u8 {
    super::report("nothing was changed");
    FaultKind::Internal.exit_code()
}

/// Opens the state of a task without creating one.
///
/// # Errors
/// If there is none, or a process has it.
pub(super) fn open_existing(config: &Config) -> Result<SledStore, Fault> {
    let folder = StateFolder::new(&config.state.path);
    if !folder.database_file().exists() && !folder.identity_file().exists() {
        let message = format!(
            "there is no state in {folder}; task {} has not run there yet",
            config.task
        );
        return Err(Fault::new(FaultKind::SourceMissing, message));
    }
    match SledStore::open(folder.path(), &options(config)) {
        Err(StoreError::Locked { location }) => {
            let message = format!(
                "{location} is in use by a running process; ask it with `brigade status`, read the exports in {}, or stop it first",
                folder.exports_folder().display()
            );
            Err(Fault::new(FaultKind::StateLocked, message))
        }
        opened => opened.map_err(Fault::from),
    }
}

fn options(config: &Config) -> OpenOptions {
    OpenOptions {
        lock_wait: LOCK_WAIT,
        ..OpenOptions::new(config.task.clone())
    }
}

fn counts_text(verb: &str, counts: &ExportCounts) -> String {
    format!(
        "{verb} {} in {}, {} and {}",
        counted(counts.objects, "object"),
        counted(counts.queues, "queue"),
        counted(counts.tables, "table"),
        counted(counts.cuts, "shard")
    )
}

fn print_counts(verb: &str, counts: &ExportCounts, output: Output) -> Result<u8, Fault> {
    let text = match output.format {
        OutputFormat::Json => super::to_json(&json!({
            "schema_version": SCHEMA_VERSION,
            "dry_run": verb.starts_with("would"),
            "counts": counts,
        }))?,
        OutputFormat::Text => counts_text(verb, counts) + "\n",
    };
    super::print(&text)?;
    Ok(0)
}

/// Where an export is imported to see whether it is whole.
struct TrialFolder(PathBuf);

impl TrialFolder {
    fn new() -> Self {
        let name = format!("brigade-trial-{}-{}", std::process::id(), chance::short_id());
        Self(std::env::temp_dir().join(name))
    }
}

impl Drop for TrialFolder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0)
            && error.kind() != io::ErrorKind::NotFound
        {
            super::report(&format!(
                "warning: {} could not be removed: {error}",
                self.0.display()
            ));
        }
    }
}
