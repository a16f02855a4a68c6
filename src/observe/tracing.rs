//! Logs, on standard error, and spans and the same logs, to an OTLP endpoint if one is configured.
//!
//! Nothing here may show a row. This program's own events are written so; the libraries below it are not: in detail, the
//! SDK logs answers as they are, which hold rows where the stream is read back, requests if `LOG_SIGNABLE_BODY` is set, and
//! headers with session tokens. So whatever the filter says, of them nothing beyond [`FOREIGN_LEVEL_MAX`] is logged.

use std::ffi::OsStr;
use std::io::IsTerminal;

use opentelemetry::trace::TracerProvider;
use opentelemetry_appender_tracing::layer::OpenTelemetryTracingBridge;
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::{FilterExt, LevelFilter, Targets, filter_fn};
use tracing_subscriber::fmt::format::FmtSpan;
use tracing_subscriber::prelude::*;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use super::otlp::{self, Collector};
use crate::fault::{Fault, FaultKind};
use crate::settings::OtlpConfig;

/// Target of everything that this crate logs.
const OWN_TARGET: &str = "bucket_brigade";

/// Target of what the log of this machine leaves out.
const COLLECTOR_ONLY: &str = "bucket_brigade::collector";

/// Says in the log which task is running. It is not a part of a trace: it is as long as the task.
const RUN_SPAN: &str = "run";

/// Spans that give lines of the log their context.
const LOG_SPANS: [&str; 3] = [RUN_SPAN, "load", "parse.chunk"];

/// The most detailed level at which other crates are logged.
const FOREIGN_LEVEL_MAX: Level = Level::INFO;

/// How to log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogOptions {
    /// One JSON object per line instead of text.
    pub is_json: bool,
    /// A level for this program, or directives as `tracing` reads them, for example `warn,bucket_brigade=debug`.
    pub filter: String,
}

/// Where the spans of a task go.
#[derive(Debug, Clone, Copy)]
pub struct SpanTarget<'a> {
    /// Base URL of the OTLP endpoint.
    pub endpoint: &'a str,
    /// What goes there.
    pub config: OtlpConfig,
    /// Name of the task.
    pub task: &'a str,
}

/// Running telemetry; stop it before the process ends.
#[derive(Debug)]
pub struct Telemetry {
    collector: Option<Collector>,
}

/// Starts logging, and tracing if there is somewhere to send spans to.
///
/// # Errors
/// If the filter or the endpoint is wrong, or if logging was started before.
pub fn start(options: &LogOptions, spans: Option<SpanTarget<'_>>) -> Result<Telemetry, Fault> {
    let collector = spans
        .map(|target| Collector::start(target.endpoint, target.task, target.config))
        .transpose()?;
    subscriber(options, collector.as_ref())?
        .try_init()
        .map_err(|error| Fault::new(FaultKind::Internal, format!("cannot start logging: {error}")))?;
    if asks_too_much(&options.filter) {
        tracing::warn!(
            filter = options.filter,
            most = %FOREIGN_LEVEL_MAX,
            "libraries are not logged in more detail, whatever the filter says: it would show rows and credentials"
        );
    }
    Ok(Telemetry { collector })
}

/// Whoever takes events and spans. Only layers that are there are in it: beside one that may be there, a span that nobody
/// wants would be made.
fn subscriber(
    options: &LogOptions,
    collector: Option<&Collector>,
) -> Result<impl Subscriber + Send + Sync + use<>, Fault> {
    let mut layers = vec![log_layer(options)?];
    if let Some(collector) = collector {
        let spans = tracing_opentelemetry::layer()
            .with_tracer(collector.spans.tracer(OWN_TARGET))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false);
        layers.push(spans.with_filter(filter_fn(is_traced)).boxed());
        if let Some(logs) = &collector.logs {
            let filter = filter_of(&options.filter)?.and(filter_fn(is_sent));
            layers.push(OpenTelemetryTracingBridge::new(logs).with_filter(filter).boxed());
        }
    }
    Ok(Registry::default().with(layers))
}

impl Telemetry {
    /// Sends what is left, for a few seconds at most, and why the run failed if it did: people are told that by the command
    /// itself, and the collector by the log alone.
    pub fn stop(self, failed: Option<&Fault>) {
        if let Some(collector) = self.collector {
            if let Some(fault) = failed {
                let kind = fault.kind;
                tracing::error!(target: COLLECTOR_ONLY, ?kind, error = %fault, "the run failed");
            }
            collector.stop();
        }
    }
}

fn filter_of(text: &str) -> Result<EnvFilter, Fault> {
    EnvFilter::try_new(directives(text)).map_err(|error| {
        let message = format!("log level {text:?}: {error}; give error, warn, info, debug or trace");
        Fault::new(FaultKind::Usage, message)
    })
}

fn log_layer(options: &LogOptions) -> Result<Box<dyn Layer<Registry> + Send + Sync>, Fault> {
    let filter = filter_of(&options.filter)?;
    let filter = filter.and(filter_fn(|event: &Metadata<'_>| {
        is_allowed(event.target(), *event.level()) && is_of_log(event)
    }));
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(|| super::terminal::StandardError)
        .with_span_events(FmtSpan::NONE);
    if options.is_json {
        let layer = layer.json().flatten_event(true).with_span_list(false);
        return Ok(layer.with_filter(filter).boxed());
    }
    let no_color = std::env::var_os("NO_COLOR");
    let layer = layer
        .with_target(false)
        .with_ansi(is_coloured(std::io::stderr().is_terminal(), no_color.as_deref()));
    Ok(layer.with_filter(filter).boxed())
}

/// A bare level is meant for this program; the crates below it speak up only if something is wrong.
fn directives(filter: &str) -> String {
    match filter.trim().parse::<LevelFilter>() {
        Ok(level) => format!("{},{OWN_TARGET}={level}", level.min(LevelFilter::WARN)),
        Err(_) => filter.to_owned(),
    }
}

/// Whether something may be logged at all.
fn is_allowed(target: &str, level: Level) -> bool {
    is_own(target) || level <= FOREIGN_LEVEL_MAX
}

/// Whether a span or an event goes to the collector as part of a trace.
fn is_traced(metadata: &Metadata<'_>) -> bool {
    is_own(metadata.target()) && *metadata.level() <= Level::INFO && metadata.name() != RUN_SPAN
}

/// Whether an event goes to the collector as a line of the log: this program's own, but not what is said of sending, which
/// would be sent again and again.
fn is_sent(metadata: &Metadata<'_>) -> bool {
    metadata.is_event() && is_own(metadata.target()) && metadata.target() != otlp::TARGET
}

/// Whether the log shows an event or a span. Spans that tell nothing to its readers are not even made where nothing is
/// traced.
fn is_of_log(metadata: &Metadata<'_>) -> bool {
    if metadata.is_span() {
        LOG_SPANS.contains(&metadata.name())
    } else {
        metadata.target() != COLLECTOR_ONLY
    }
}

fn is_own(target: &str) -> bool {
    let rest = target.strip_prefix(OWN_TARGET);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
}

/// Whether a filter, as far as it is nothing but levels by target, asks for what is not allowed.
fn asks_too_much(filter: &str) -> bool {
    let Ok(targets) = directives(filter).parse::<Targets>() else {
        return false;
    };
    let is_too_much = |level: LevelFilter| level > FOREIGN_LEVEL_MAX;
    targets.default_level().is_some_and(is_too_much)
        || targets
            .iter()
            .any(|(target, level)| !is_own(target) && is_too_much(level))
}

/// Colour is for terminals whose user did not decline it (<https://no-color.org>).
fn is_coloured(is_terminal: bool, no_color: Option<&OsStr>) -> bool {
    is_terminal && no_color.is_none_or(OsStr::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_for_this_program_and_others_only_warn() {
        assert_eq!(directives("debug"), "warn,bucket_brigade=debug");
        assert_eq!(directives("INFO"), "warn,bucket_brigade=info");
        assert_eq!(directives("error"), "error,bucket_brigade=error");
        assert_eq!(directives("off"), "off,bucket_brigade=off");
        assert_eq!(directives("hyper=trace"), "hyper=trace");
    }

    #[test]
    fn other_crates_never_log_in_detail() {
        for target in [
            "aws_smithy_runtime::client",
            "hyper",
            "log",
            "bucket_brigade_other",
        ] {
            assert!(is_allowed(target, Level::INFO));
            assert!(!is_allowed(target, Level::DEBUG), "{target}");
            assert!(!is_allowed(target, Level::TRACE), "{target}");
        }
        for target in ["bucket_brigade", "bucket_brigade::publish::sender"] {
            assert!(is_allowed(target, Level::TRACE), "{target}");
        }
        for filter in [
            "hyper=trace",
            "debug,bucket_brigade=warn",
            "warn,aws_smithy_runtime=debug",
        ] {
            assert!(asks_too_much(filter), "{filter}");
        }
        for filter in ["trace", "off", "info,bucket_brigade=trace", "aws_config=info"] {
            assert!(!asks_too_much(filter), "{filter}");
        }
    }

    /// What a subscriber never wants costs one look at a flag.
    #[test]
    fn without_a_collector_a_request_has_no_span_and_with_one_the_run_has_none() {
        let metadata = |span: fn() -> tracing::Span| {
            tracing::subscriber::with_default(Registry::default(), || span().metadata().unwrap())
        };
        let [run, load, send] = [
            metadata(|| tracing::info_span!("run")),
            metadata(|| tracing::info_span!("load")),
            metadata(|| tracing::info_span!("send")),
        ];
        let options = LogOptions {
            is_json: true,
            filter: "info".into(),
        };
        let log = subscriber(&options, None).unwrap();
        assert!(!log.register_callsite(run).is_never(), "the log names the task");
        assert!(!log.register_callsite(load).is_never(), "and the file");
        assert!(log.register_callsite(send).is_never(), "nobody wants it");
        assert!(is_traced(load) && is_traced(send) && !is_traced(run));
        assert!(is_of_log(load) && !is_of_log(send));
    }

    #[test]
    fn a_filter_that_cannot_be_read_is_a_usage_fault() {
        let options = LogOptions {
            is_json: false,
            filter: "bucket_brigade=loud".into(),
        };
        let fault = log_layer(&options).err().unwrap();
        assert_eq!(fault.kind, FaultKind::Usage, "{fault}");
    }

    #[test]
    fn colour_is_for_terminals_whose_user_did_not_decline_it() {
        assert!(is_coloured(true, None));
        assert!(is_coloured(true, Some(OsStr::new(""))));
        assert!(!is_coloured(true, Some(OsStr::new("1"))));
        assert!(!is_coloured(false, None));
    }
}
