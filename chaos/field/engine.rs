//! The real binary as a child process: started like a user would start it, killed, stopped and waited for.

use std::fs::{self, File, OpenOptions};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::Duration;

use bucket_brigade::sandbox::clients::child_environment;
use rustix::process::{Pid, Signal, kill_process};
use tokio::time::Instant;

use crate::local_task::own_bytes;

/// Pause between two looks.
const LOOK: Duration = Duration::from_millis(10);
/// How long it may take until a process that was started can be stopped.
const START_MAX: Duration = Duration::from_secs(30);
/// File name of what the engine says while it runs, of all lives.
pub(crate) const LOG: &str = "engine.log";
/// File name of what the last life printed.
const OUTPUT: &str = "engine.out";

/// A running `brigade run`. Dropping it kills the process.
#[derive(Debug)]
pub(crate) struct Engine {
    child: Child,
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// None if a signal ended it.
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_brigade"));
    command
        .args(arguments)
        .current_dir(folder)
        .envs(child_environment())
        .env_remove("AWS_PROFILE")
        .env_remove("BRIGADE_CONFIG")
        .env_remove("BRIGADE_OUTPUT")
        .env("BRIGADE_LOG", "info,bucket_brigade=debug")
        .env("BRIGADE_LOG_FORMAT", "json")
        .stdin(Stdio::null());
    command
}

/// Runs a command to its end.
pub(crate) fn brigade(folder: &Path, arguments: &[&str]) -> Result<Ended, String> {
    let output = command(folder, arguments).output();
    let output = output.map_err(|error| format!("cannot start the engine: {error}"))?;
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Ok(Ended {
        code: output.status.code(),
        stdout: text(&output.stdout),
        stderr: text(&output.stderr),
    })
}

impl Engine {
    /// Starts `brigade` in this folder. What it says is appended to its log there.
    pub(crate) fn start(
        folder: &Path,
        arguments: &[&str],
        environment: &[(&'static str, String)],
    ) -> Result<Self, String> {
        let log = OpenOptions::new()
            .create(true)
            .append(true)
            .open(folder.join(LOG));
        let log = log.map_err(|error| format!("{LOG}: {error}"))?;
        let output = File::create(folder.join(OUTPUT)).map_err(|error| format!("{OUTPUT}: {error}"))?;
        let mut command = command(folder, arguments);
        let variables = environment.iter().map(|(name, value)| (name, value));
        let child = command.envs(variables).stdout(output).stderr(log).spawn();
        let child = child.map_err(|error| format!("cannot start the engine: {error}"))?;
        Ok(Self { child })
    }

    /// SIGKILL.
    pub(crate) fn kill(&mut self) -> Result<(), String> {
        let ended = self.child.kill().and_then(|()| self.child.wait());
        ended.map(drop).map_err(|error| error.to_string())
    }

    /// The memory it has resident, beside the pages of its program, which are more in a build for tests.
    pub(crate) fn own_bytes(&self) -> u64 {
        own_bytes(&self.child)
    }

    /// SIGTERM, as soon as it is there to be heard: it ends a process that has just begun like any other.
    pub(crate) fn terminate(&mut self) -> Result<(), String> {
        let status = format!("/proc/{}/status", self.child.id());
        let is_heard = || is_caught(&fs::read_to_string(&status).unwrap_or_default(), Signal::TERM);
        self.until("the engine hears SIGTERM", START_MAX, is_heard)?;
        self.send(Signal::TERM)
    }

    /// SIGSTOP: it does nothing until it is thawed, and its connections stay.
    pub(crate) fn freeze(&self) -> Result<(), String> {
        self.send(Signal::STOP)
    }

    /// SIGCONT.
    pub(crate) fn thaw(&self) -> Result<(), String> {
        self.send(Signal::CONT)
    }

    fn send(&self, signal: Signal) -> Result<(), String> {
        let sent = kill_process(Pid::from_child(&self.child), signal);
        sent.map_err(|error| error.to_string())
    }

    /// Whether it is still running; if not, its exit code.
    pub(crate) fn ended(&mut self) -> Result<Option<i32>, String> {
        let status = self.child.try_wait().map_err(|error| error.to_string())?;
        match status {
            None => Ok(None),
            Some(status) => status
                .code()
                .map(Some)
                .ok_or_else(|| format!("the engine ended with {status}")),
        }
    }

    /// Waits until it ends by itself; gives its exit code.
    pub(crate) fn wait(&mut self, patience: Duration) -> Result<i32, String> {
        let mut code = None;
        wait_until("the engine ends", patience, || {
            code = self.ended()?;
            Ok(code.is_some())
        })?;
        code.ok_or_else(|| "the engine did not end".to_owned())
    }

    /// Waits until something is so; an engine that ends before is a failure.
    pub(crate) fn until(
        &mut self,
        what: &str,
        patience: Duration,
        mut is_so: impl FnMut() -> bool,
    ) -> Result<(), String> {
        wait_until(what, patience, || match (is_so(), self.ended()?) {
            (true, _) => Ok(true),
            (false, Some(code)) => Err(format!("the engine ended with {code} before {what}")),
            (false, None) => Ok(false),
        })
    }
}

/// Whether a process, as Linux describes it, has a handler for a signal; where nobody describes it, it has.
fn is_caught(status: &str, signal: Signal) -> bool {
    let caught = status.lines().find_map(|line| line.strip_prefix("SigCgt:"));
    let caught = caught.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    caught.is_none_or(|mask| (mask >> (signal.as_raw() - 1)) & 1 == 1)
}

/// Waits for what another process does; there is nothing to be told by.
pub(crate) fn wait_until(
    what: &str,
    patience: Duration,
    mut is_so: impl FnMut() -> Result<bool, String>,
) -> Result<(), String> {
    let start = Instant::now();
    while !is_so()? {
        if start.elapsed() > patience {
            return Err(format!(
                "waited {} s in vain until {what}",
                patience.as_secs_f32()
            ));
        }
        sleep(LOOK);
    }
    Ok(())
}

impl Drop for Engine {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}
