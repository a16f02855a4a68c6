//! `brigade validate`: everything that is wrong with a configuration, and with `--online` whether what it names is
//! there and may be used. It changes nothing.

use std::fmt::Display;
use std::path::{Path, PathBuf};

use clap::Args;
use futures_util::StreamExt;
use serde::Serialize;

use super::text::{counted, is_or_are, lines};
use super::{ConfigPath, Output, OutputFormat, backends};
use crate::config::{self, Config, SystemEnvironment};
use crate::discover::folders::{Belonging, ObjectFolder, folders};
use crate::fault::{Fault, FaultKind};
use crate::map::summary::{TableSummary, summarize};
use crate::model::ObjectVersion;
use crate::model::name_order::{NameOrder, OutOfOrder};
use crate::printable::printable;
use crate::saturate;
use crate::settings::{Guarantee, Problem, TargetConfig};
use crate::sink::{RecordSink, SinkError, WriteRight};
use crate::source::ObjectSource;

/// Version of the JSON shape; consumers ignore members they do not know.
const SCHEMA_VERSION: u32 = 1;

/// Arguments of `validate`.
#[derive(Debug, Args)]
pub(super) struct ValidateArgs {
    #[command(flatten)]
    config: ConfigPath,
    /// Ask the source and the target as well; nothing is written
    #[arg(long)]
    online: bool,
    #[command(flatten)]
    output: Output,
}

/// What `validate --output json` prints.
#[derive(Debug, Default, Serialize)]
struct Findings {
    schema_version: u32,
    valid: bool,
    problems: Vec<Finding>,
    checks: Vec<Check>,
    /// What the table mappings do, if there are any.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tables: Vec<TableSummary>,
}

/// One problem of the configuration.
#[derive(Debug, Serialize)]
struct Finding {
    severity: String,
    file: String,
    line: Option<usize>,
    column: Option<usize>,
    message: String,
    /// The problem as one line for people.
    #[serde(skip)]
    text: String,
}

/// One question to the outside.
#[derive(Debug, Serialize)]
pub(super) struct Check {
    /// What was asked.
    pub(super) subject: String,
    /// Whether it is as a run needs it.
    pub(super) passed: bool,
    /// What the answer was.
    pub(super) detail: String,
    /// What kind of fault it is, if it is one.
    #[serde(skip)]
    pub(super) kind: Option<FaultKind>,
}

/// Runs the command.
///
/// # Errors
/// The class of the first thing that is wrong; what is wrong was printed.
pub(super) fn run(args: &ValidateArgs) -> Result<u8, Fault> {
    let mut findings = Findings {
        schema_version: SCHEMA_VERSION,
        ..Findings::default()
    };
    let path = args.config.path();
    match config::load(path, &SystemEnvironment) {
        Ok(loaded) => {
            findings.problems = loaded.warnings.iter().map(Finding::of).collect();
            let Config { mappings, tables, .. } = &loaded.config;
            if mappings.has_effect() {
                findings.tables = summarize(mappings, tables);
            }
            if args.online {
                findings.checks = super::runtime()?.block_on(ask(&loaded.config));
            }
            findings.valid = findings.checks.iter().all(|check| check.passed);
            findings.print(args.output, Some(&loaded.config), path)?;
        }
        Err(problems) => {
            findings.problems = problems.0.iter().map(Finding::of).collect();
            findings.print(args.output, None, path)?;
        }
    }
    findings.verdict(path)
}

impl Findings {
    fn print(&self, output: Output, config: Option<&Config>, path: &Path) -> Result<(), Fault> {
        if output.format == OutputFormat::Json {
            return super::print(&super::to_json(self)?);
        }
        let mut text = lines(self.problems.iter().map(|problem| problem.text.clone()));
        text += &lines(self.checks.iter().map(|check| {
            let word = if check.passed { "ok" } else { "failed" };
            format!("{word:<7}{}: {}", check.subject, check.detail)
        }));
        text += &lines(self.tables.iter().map(table_line));
        if let Some(config) = config {
            let tables = counted(saturate::to_u64(config.tables.len()), "table");
            text += &lines([format!(
                "{}: valid, task {}, {tables}",
                path.display(),
                config.task
            )]);
        }
        super::print(&text)
    }

    fn verdict(&self, path: &Path) -> Result<u8, Fault> {
        let errors = self
            .problems
            .iter()
            .filter(|problem| problem.severity == "error")
            .count();
        if errors > 0 {
            let errors = counted(saturate::to_u64(errors), "error");
            let message = format!("{} has {errors}", path.display());
            return Err(Fault::new(FaultKind::Configuration, message));
        }
        let failed: Vec<_> = self.checks.iter().filter(|check| !check.passed).collect();
        match failed.first() {
            None => Ok(0),
            Some(first) => {
                let failed = counted(saturate::to_u64(failed.len()), "check");
                let kind = first.kind.unwrap_or(FaultKind::Internal);
                Err(Fault::new(kind, format!("{failed} failed")))
            }
        }
    }
}

/// What the table mappings do with a table, as one line.
fn table_line(summary: &TableSummary) -> String {
    let TableSummary {
        table,
        sent_as,
        changes,
    } = summary;
    let mut line = match sent_as {
        None => format!("table  {table}: not read, no rule selects it"),
        Some(name) if name == table => format!("table  {table}: read"),
        Some(name) => format!("table  {table}: sent as {name}"),
    };
    for change in changes {
        line += "; ";
        line += change;
    }
    line
}

impl Finding {
    fn of(problem: &Problem) -> Self {
        Self {
            severity: problem.severity.to_string(),
            file: problem.file.clone(),
            line: problem.place.map(|place| place.line),
            column: problem.place.map(|place| place.column),
            message: problem.message.clone(),
            text: problem.to_string(),
        }
    }
}

impl Check {
    fn of(subject: impl Into<String>, result: Result<String, Fault>) -> Self {
        let (passed, detail, kind) = match result {
            Ok(detail) => (true, detail, None),
            Err(fault) => {
                let help = fault.kind.help().map(|help| format!("; {help}"));
                (
                    false,
                    format!("{fault}{}", help.unwrap_or_default()),
                    Some(fault.kind),
                )
            }
        };
        Self {
            subject: subject.into(),
            passed,
            detail,
            kind,
        }
    }
}

/// Asks source and target everything a run would need of them.
pub(super) async fn ask(config: &Config) -> Vec<Check> {
    let mut checks = match backends::source(config).await {
        Ok(source) => ask_source(config, source.as_ref()).await,
        Err(fault) => vec![Check::of("source", Err(fault))],
    };
    checks.extend(target(config).await);
    checks.push(Check::of(
        format!("state {}", config.state.path.display()),
        folder(&config.state.path, FaultKind::StateCreate),
    ));
    checks
}

async fn ask_source(config: &Config, source: &dyn ObjectSource) -> Vec<Check> {
    let mut checks = vec![Check::of(
        format!("source {source}"),
        reachable(source.check().await),
    )];
    if checks.iter().all(|check| check.passed) {
        let mut sample = None;
        for folder in folders(config) {
            let what = if folder.table.is_some() { "table " } else { "" };
            let objects = objects_in(source, &folder, &mut sample).await;
            checks.push(Check::of(format!("{what}{}", folder.name), objects));
        }
        if let Some(version) = sample {
            let subject = format!("read {}", source.locate(&version.key));
            checks.push(Check::of(subject, first_byte(source, &version).await));
        }
    }
    checks
}

/// Asks for one byte: that a folder may be listed does not say that its files may be read.
async fn first_byte(source: &dyn ObjectSource, version: &ObjectVersion) -> Result<String, Fault> {
    let read = source.read_range(version, 0..1).await;
    let mut bytes = read.map_err(Fault::from)?;
    while let Some(part) = bytes.next().await {
        part.map_err(Fault::from)?;
    }
    Ok("may be read".to_owned())
}

/// Counts the files of a folder, and says what is odd about them; keeps the first one that has a byte as a sample.
async fn objects_in(
    source: &dyn ObjectSource,
    folder: &ObjectFolder,
    sample: &mut Option<ObjectVersion>,
) -> Result<String, Fault> {
    let prefix = &folder.rule.prefix;
    let page = source.list(prefix, None).await.map_err(Fault::from)?;
    let count_of = |is_wanted: &dyn Fn(Belonging) -> bool| {
        let keys = page.objects.iter().map(|object| object.key.as_str());
        saturate::to_u64(keys.filter(|key| is_wanted(folder.rule.judge(key))).count())
    };
    let count = count_of(&|belonging| belonging == Belonging::Data);
    let aside = match count_of(&|belonging| matches!(belonging, Belonging::LeftOut(_))) {
        0 => String::new(),
        left_out => format!(
            ", and {} that {} not data by name",
            counted(left_out, "file"),
            is_or_are(left_out)
        ),
    };
    let more = if page.next.is_some() { " or more" } else { "" };
    let hint = if count == 0 {
        "; if there should be some, check bucket_folder, TablePath and cdc_path"
    } else {
        ""
    };
    let mut order = NameOrder::default();
    let data = || page.objects.iter().filter(|object| folder.rule.has(&object.key));
    data().for_each(|object| order.take(&object.key));
    if sample.is_none() {
        *sample = data().find(|object| object.size_bytes > 0).cloned();
    }
    let order = of_order(&order);
    Ok(format!(
        "{}{more} under {prefix:?}{aside}{hint}{order}",
        counted(count, "file")
    ))
}

fn of_order(order: &NameOrder) -> String {
    let told = order.found.as_ref().map(|OutOfOrder { first, then }| {
        let (first, then) = (printable(first), printable(then));
        format!("; warning: names sort as text and not by their numbers: {first} is read before {then}")
    });
    told.unwrap_or_default()
}

async fn target(config: &Config) -> Vec<Check> {
    match &config.target {
        // Opening the files would repair them, and they may be another process's.
        TargetConfig::Ndjson { path, .. } => vec![Check::of(
            format!("target {}", path.display()),
            folder(path, FaultKind::StateCreate),
        )],
        TargetConfig::Kinesis { stream, .. } => {
            let subject = format!("target Kinesis stream {stream}");
            match backends::sink(config).await {
                Ok(sink) => of_stream(config, sink.as_ref(), subject).await,
                Err(fault) => vec![Check::of(subject, Err(fault))],
            }
        }
    }
}

/// Asks for the stream itself, for the right to write to it, and for the right to read it back if a run wants it.
async fn of_stream(config: &Config, sink: &dyn RecordSink, subject: String) -> Vec<Check> {
    let stream = match sink.describe().await {
        Ok(stream) => stream,
        Err(error) => return vec![Check::of(subject, Err(error.into()))],
    };
    let mut checks = vec![Check::of(subject, Ok("reachable".to_owned()))];
    let writable = sink.check_writable().await.map(|right| match right {
        WriteRight::Granted => "permitted, as a dry run says".to_owned(),
        WriteRight::NotAsked => "not asked, because only AWS itself can be asked without a record".to_owned(),
    });
    checks.push(Check::of("write records", writable.map_err(Fault::from)));
    let shard = stream.shards.shards().first();
    if let Some(shard) = shard.filter(|_| config.delivery.guarantee == Guarantee::Dedupe) {
        let readable = match sink.check_readable(shard).await {
            // As a run does it, which says so as well.
            Err(error @ SinkError::Denied { .. }) if !config.delivery.is_guarantee_chosen => {
                Ok(format!("not permitted, so delivery is at_least_once; {error}"))
            }
            result => result.map(|()| "permitted".to_owned()),
        };
        checks.push(Check::of("read records back", readable.map_err(Fault::from)));
    }
    checks
}

fn reachable<E: Into<Fault>>(result: Result<(), E>) -> Result<String, Fault> {
    result.map(|()| "reachable".to_owned()).map_err(Into::into)
}

/// Whether a folder is there or can come to be.
fn folder(path: &Path, kind: FaultKind) -> Result<String, Fault> {
    let missing =
        |path: &Path, detail: &dyn Display| Fault::new(kind, format!("{}: {detail}", path.display()));
    let nearest: Option<PathBuf> = path.ancestors().find(|path| path.exists()).map(Path::to_path_buf);
    let nearest = nearest.ok_or_else(|| missing(path, &"no part of this path exists"))?;
    let metadata = std::fs::metadata(&nearest).map_err(|error| missing(&nearest, &error))?;
    if !metadata.is_dir() {
        return Err(missing(&nearest, &"not a directory"));
    }
    if metadata.permissions().readonly() {
        return Err(missing(&nearest, &"not writable"));
    }
    Ok(if nearest == path {
        "exists"
    } else {
        "will be created"
    }
    .to_owned())
}
