//! The flags for logs, which every command takes.

use clap::{Args, ValueEnum};

use crate::config::Config;
use crate::fault::Fault;
use crate::observe::tracing::{self, LogOptions, SpanTarget, Telemetry};

/// How to log to standard error.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Logs")]
pub(super) struct LogArgs {
    /// Form of the log on stderr
    #[arg(long, global = true, env = "BRIGADE_LOG_FORMAT", value_enum, default_value_t = LogFormat::Text)]
    log_format: LogFormat,
    /// Level (error, warn, info, debug, trace), or a filter with levels by target; libraries say `info` at most
    #[arg(
        long,
        global = true,
        env = "BRIGADE_LOG",
        default_value = "info",
        value_name = "FILTER"
    )]
    log_level: String,
}

/// Form of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// Lines for people.
    Text,
    /// One JSON object per line.
    Json,
}

impl LogArgs {
    /// Starts logging, and tracing if the configuration says where to.
    ///
    /// # Errors
    /// If the level or the endpoint is wrong.
    pub(super) fn start(&self, config: Option<&Config>) -> Result<Telemetry, Fault> {
        let options = LogOptions {
            is_json: self.log_format == LogFormat::Json,
            filter: self.log_level.clone(),
        };
        let spans = config.and_then(|config| {
            let endpoint = config.otlp_endpoint.as_deref()?;
            Some(SpanTarget {
                endpoint,
                config: config.otlp,
                task: &config.task,
            })
        });
        tracing::start(&options, spans)
    }
}
