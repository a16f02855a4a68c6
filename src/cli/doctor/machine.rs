//! The machine: whether the state survives on it, how fast its disk is, and whether there is enough of everything.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::process::{Resource, getrlimit};
use tokio::time::Instant;

use super::finding::Finding;
use crate::chance;
use crate::cli::file_system::unsafe_file_system;
use crate::cli::status::file::Activity;
use crate::cli::task_view::TaskView;
use crate::cli::text::millions;
use crate::config::Config;
use crate::durable::create;
use crate::fault::{Fault, FaultKind};
use crate::limits::OPEN_FILES_MIN;

/// Writes of which the disk is judged.
const SYNCS: usize = 16;
/// Bytes of each, about what a checkpoint writes.
const SYNC_BYTES: usize = 4_096;
/// A disk that takes longer for one is slow.
const SYNC_SLOW: Duration = Duration::from_millis(50);
/// Less than this free is little.
const FREE_BYTES_FEW: u64 = 1 << 30;
/// With less than this a run will not get far.
const FREE_BYTES_MIN: u64 = 64 << 20;
/// Enough for many tables and shards.
const OPEN_FILES_MANY: u64 = 4_096;

/// Looks at everything here.
pub(super) fn examine(config: &Config) -> Vec<Finding> {
    let state = nearest(&config.state.path);
    let mut findings = vec![running(config), survival(&state), speed(config, &state)];
    findings.push(free("disk of the state", &state, FREE_BYTES_FEW));
    let dead_letters = nearest(&config.errors.dead_letters);
    let wanted = config.errors.dead_letters_max.max(FREE_BYTES_MIN);
    findings.push(free("disk of the dead letters", &dead_letters, wanted));
    findings.extend([open_files(), memory(config)]);
    findings
}

/// The folder, or the nearest one above it that exists.
fn nearest(path: &Path) -> PathBuf {
    let found = path.ancestors().find(|path| path.is_dir());
    found
        .filter(|path| !path.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
        .to_owned()
}

fn running(config: &Config) -> Finding {
    let check = "state";
    match TaskView::of(config) {
        Err(fault) => Finding::failed(check, &fault),
        Ok(view) => match view.activity {
            Activity::NeverStarted => Finding::ok(check, "the task never ran with it"),
            Activity::Running => Finding::ok(check, "a process works with it"),
            Activity::Stopped => Finding::ok(check, "the last run stopped cleanly"),
            Activity::Interrupted => Finding::warning(
                check,
                "the last run ended without a clean stop",
                "the next one goes on from the checkpoint; see `brigade events` for why it ended",
            ),
            Activity::Unknown => {
                let detail = "its lock cannot be asked; run this as the user that runs the task";
                Finding::failed(check, &Fault::new(FaultKind::PermissionDenied, detail))
            }
        },
    }
}

fn survival(state: &Path) -> Finding {
    let check = "state survives";
    match unsafe_file_system(state) {
        None => Finding::ok(
            check,
            format!("nothing speaks against the file system of {}", state.display()),
        ),
        Some(found) => {
            let detail = format!("it is {}: {}", found.name, found.consequence);
            Finding::warning(
                check,
                detail,
                "set `state.sled.path` to a disk that outlives the machine",
            )
        }
    }
}

/// How long it takes until a small write is durable: a checkpoint takes two or three of them.
fn speed(config: &Config, state: &Path) -> Finding {
    let check = "sync of the state";
    let times = match sync_times(state) {
        Ok(times) => times,
        Err(error) => {
            let kind = if error.kind() == io::ErrorKind::PermissionDenied {
                FaultKind::PermissionDenied
            } else {
                FaultKind::StateIo
            };
            let detail = format!("{}: {error}", state.display());
            return Finding::failed(check, &Fault::new(kind, detail));
        }
    };
    let median = times.get(times.len() / 2).copied().unwrap_or_default();
    let longest = times.last().copied().unwrap_or_default();
    let ms = |time: Duration| format!("{}.{} ms", time.as_millis(), time.as_micros() / 100 % 10);
    let detail = format!("{} in the middle of {SYNCS}, {} at most", ms(median), ms(longest));
    if median < SYNC_SLOW {
        return Finding::ok(check, detail);
    }
    let interval = config.state.commit_interval;
    let suggested = (median * 20).max(interval).as_secs() + 1;
    let advice = format!(
        "take a faster disk, or set `state.commit_interval: {suggested}s`, with which a crash leaves more to read back"
    );
    Finding::warning(check, detail, advice)
}

/// The times of some durable writes, sorted. The file is gone afterwards.
fn sync_times(folder: &Path) -> io::Result<Vec<Duration>> {
    let path = folder.join(format!(".doctor-{}", chance::id()));
    let mut file = create::file().write(true).create_new(true).open(&path)?;
    let block = [0; SYNC_BYTES];
    let mut measure = || {
        let begun = Instant::now();
        file.write_all(&block)?;
        file.sync_data()?;
        Ok(begun.elapsed())
    };
    let times: io::Result<Vec<_>> = (0..SYNCS).map(|_| measure()).collect();
    fs::remove_file(&path)?;
    let mut times = times?;
    times.sort_unstable();
    Ok(times)
}

fn free(check: &str, folder: &Path, wanted: u64) -> Finding {
    let disk = match rustix::fs::statvfs(folder) {
        Ok(disk) => disk,
        Err(error) => {
            let detail = format!("{}: {error}", folder.display());
            return Finding::failed(check, &Fault::new(FaultKind::StateIo, detail));
        }
    };
    let bytes = disk.f_bavail.saturating_mul(disk.f_frsize);
    let detail = format!("{} MB free for {}", millions(bytes), folder.display());
    if bytes < FREE_BYTES_MIN {
        let detail = format!("{detail}; make space");
        return Finding::failed(check, &Fault::new(FaultKind::StateIo, detail));
    }
    if bytes < wanted {
        let advice = format!("make space: {} MB should be free", millions(wanted));
        return Finding::warning(check, detail, advice);
    }
    Finding::ok(check, detail)
}

/// A run raises the limit as far as it may.
fn open_files() -> Finding {
    let check = "open files";
    let Some(allowed) = getrlimit(Resource::Nofile).maximum else {
        return Finding::ok(check, "no limit");
    };
    let advice = "raise the limit (`ulimit -n`, `LimitNOFILE=` of systemd, `ulimits` of the container)";
    let detail = format!("{allowed} allowed");
    if allowed < OPEN_FILES_MIN {
        let detail = format!("{detail}, {OPEN_FILES_MIN} needed; {advice}");
        return Finding::failed(check, &Fault::new(FaultKind::Configuration, detail));
    }
    if allowed < OPEN_FILES_MANY {
        let detail = format!("{detail}, which is little for many tables and shards");
        return Finding::warning(check, detail, advice);
    }
    Finding::ok(check, detail)
}

/// What is in flight is in memory, and everything else takes about as much again.
fn memory(config: &Config) -> Finding {
    let check = "memory";
    let wanted = config.limits.in_flight_bytes.saturating_mul(2);
    let Some(free) = free_memory() else {
        return Finding::not_applicable(check, "this system does not say how much is free");
    };
    let detail = format!(
        "{} MB free, and `limits.in_flight` takes up to {} MB",
        millions(free),
        millions(config.limits.in_flight_bytes)
    );
    if free >= wanted {
        return Finding::ok(check, detail);
    }
    let suggested = (free / 4) >> 20;
    let advice = format!("set `limits.in_flight: {}MiB`", suggested.max(1));
    Finding::warning(check, detail, advice)
}

/// Bytes that may still be used: of the machine, or of the container if that has less.
fn free_memory() -> Option<u64> {
    let machine = fs::read_to_string("/proc/meminfo").ok()?;
    let line = machine
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kib: u64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    let number = |name: &str| -> Option<u64> {
        let text = fs::read_to_string(Path::new("/sys/fs/cgroup").join(name)).ok()?;
        text.trim().parse().ok()
    };
    let container = number("memory.max").zip(number("memory.current"));
    let container = container.map(|(max, used)| max.saturating_sub(used));
    Some(container.map_or(kib * 1_024, |free| free.min(kib * 1_024)))
}

#[cfg(test)]
mod tests {
    use super::super::finding::Outcome;
    use super::*;

    #[test]
    fn a_disk_is_measured_and_nothing_is_left_on_it() {
        let folder = tempfile::tempdir().unwrap();
        let times = sync_times(folder.path()).unwrap();
        assert_eq!(times.len(), SYNCS);
        assert!(times.is_sorted(), "{times:?}");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
        assert_eq!(nearest(&folder.path().join("a/b")), folder.path());
        assert_eq!(nearest(Path::new("not-there/at-all")), Path::new("."));
        assert!(sync_times(Path::new("/does/not/exist")).is_err());
    }

    #[test]
    fn little_space_is_a_warning() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(free("d", folder.path(), 0).outcome, Outcome::Ok);
        assert_eq!(free("d", folder.path(), u64::MAX).outcome, Outcome::Warning);
        assert_eq!(
            free("d", Path::new("/does/not/exist"), 0).outcome,
            Outcome::Failed
        );
    }
}
