//! The engine as a child process: started like a user would start it, watched, and killed when that is asked for.

use std::fs::{self, File, OpenOptions};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::time::Instant;

use super::doubt::FoundInStream;
use super::folder::WorkFolder;
use crate::fault::{Fault, FaultKind};
use crate::publish::found_log::FOUND_TARGET;
use crate::sandbox::clients::child_environment;

/// Pause between two looks at the child.
pub(super) const WATCH_INTERVAL: Duration = Duration::from_millis(2);
/// Longest time one life of the engine may take; a task that hangs must not hang the demo.
const LIFE_MAX: Duration = Duration::from_mins(15);
/// The same where somebody watches it.
const WATCHED_MAX: Duration = Duration::from_hours(24);
/// Lines of the engine's output that are shown if it fails.
const LOG_LINES_SHOWN: usize = 20;

/// A running `brigade run --once`. Dropping it kills the process.
#[derive(Debug)]
pub(super) struct Engine {
    child: Child,
    log: PathBuf,
    /// Where its output begins in the log.
    log_start: u64,
    deadline: Instant,
}

impl Engine {
    /// Starts the engine on the configuration of the working folder. Its output is appended to the log.
    pub(super) fn start(folder: &WorkFolder) -> Result<Self, Fault> {
        Self::start_with(folder, &["run", "--once", "--config"])
    }

    /// The same of one that goes on without an end.
    pub(super) fn start_to_go_on(folder: &WorkFolder) -> Result<Self, Fault> {
        let mut engine = Self::start_with(folder, &["run", "--config"])?;
        engine.deadline += WATCHED_MAX;
        Ok(engine)
    }

    fn start_with(folder: &WorkFolder, arguments: &[&str]) -> Result<Self, Fault> {
        let failed = |what: &str, error: std::io::Error| {
            Fault::new(FaultKind::Internal, format!("cannot {what}: {error}"))
        };
        let program =
            std::env::current_exe().map_err(|error| failed("find the path of this program", error))?;
        let log = folder.log();
        let open = || -> std::io::Result<File> { OpenOptions::new().create(true).append(true).open(&log) };
        let log_start = fs::metadata(&log).map_or(0, |metadata| metadata.len());
        let stdout = open().map_err(|error| failed("write the log of the engine", error))?;
        let stderr = open().map_err(|error| failed("write the log of the engine", error))?;
        let child = Command::new(&program)
            .args(arguments)
            .arg(folder.configuration())
            .current_dir(folder.path())
            .envs(child_environment())
            .env_remove("AWS_PROFILE")
            .env("BRIGADE_LOG", log_level())
            .env("BRIGADE_LOG_FORMAT", "json")
            .stdin(Stdio::null())
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .map_err(|error| failed(&format!("start {}", program.display()), error))?;
        let deadline = Instant::now() + LIFE_MAX;
        Ok(Self {
            child,
            log,
            log_start,
            deadline,
        })
    }

    /// Whether it has ended, without waiting.
    ///
    /// # Errors
    /// If it ended with an error, or has been running for too long.
    pub(super) fn has_ended(&mut self) -> Result<bool, Fault> {
        let status = self.child.try_wait().map_err(|error| self.lost(&error))?;
        match status {
            Some(status) if status.success() => Ok(true),
            Some(status) => Err(self.failure(status)),
            None if Instant::now() > self.deadline => {
                let message = format!("the engine did not end within {} s", LIFE_MAX.as_secs());
                Err(Fault::new(FaultKind::Internal, message))
            }
            None => Ok(false),
        }
    }

    /// Sends SIGTERM, unless it has ended, and waits until the process is gone.
    pub(super) async fn end(&mut self) -> Result<(), Fault> {
        let id = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let (false, Some(id)) = (self.has_ended()?, id) {
            kill_process(id, Signal::TERM).map_err(|error| self.lost(&error.into()))?;
        }
        while !self.has_ended()? {
            tokio::time::sleep(WATCH_INTERVAL).await;
        }
        Ok(())
    }

    /// Sends SIGKILL and waits until the process is gone.
    pub(super) fn kill(&mut self) -> Result<(), Fault> {
        self.child.kill().map_err(|error| self.lost(&error))?;
        self.child.wait().map_err(|error| self.lost(&error))?;
        Ok(())
    }

    /// What it found in the stream and did not send again, until now.
    pub(super) fn found(&self) -> Result<FoundInStream, Fault> {
        FoundInStream::read_log(&self.log, self.log_start).map_err(|error| {
            let message = format!(
                "cannot read the log of the engine {}: {error}",
                self.log.display()
            );
            Fault::new(FaultKind::Internal, message)
        })
    }

    fn lost(&self, error: &std::io::Error) -> Fault {
        let message = format!("lost control of the engine, process {}: {error}", self.child.id());
        Fault::new(FaultKind::Internal, message)
    }

    fn failure(&self, status: ExitStatus) -> Fault {
        let log = fs::read_to_string(&self.log).unwrap_or_else(|error| format!("(no log: {error})"));
        let lines: Vec<&str> = log.lines().rev().take(LOG_LINES_SHOWN).collect();
        let shown: Vec<&str> = lines.into_iter().rev().collect();
        let message = format!(
            "the engine failed ({status}); its last words:\n{}",
            shown.join("\n")
        );
        Fault::new(FaultKind::Internal, message)
    }
}

/// What it found in each request is said if it is asked for; somebody who looks for a bug may want more.
fn log_level() -> String {
    let asked = std::env::var("BRIGADE_LOG").unwrap_or_default();
    match asked.as_str() {
        "debug" | "trace" => asked,
        _less => format!("warn,bucket_brigade=info,{FOUND_TARGET}=debug"),
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        let killed = self.child.kill().and_then(|()| self.child.wait());
        if let Err(error) = killed {
            tracing::warn!(process = self.child.id(), %error, "the engine could not be killed");
        }
    }
}
