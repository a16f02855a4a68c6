//! Runs a process and reads from `/proc` what it cost. Linux only.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::Trouble;

/// What a child of ours says when it is prepared; it starts its work when it is told to go on.
pub const READY: &str = "ready";
/// Pause between two looks at the child. Its peak only grows, so what a look misses is what grows after it.
const LOOK_INTERVAL: Duration = Duration::from_millis(5);
/// Ticks of `/proc/PID/stat`: `USER_HZ`, which is 100 on every Linux.
const TICK: Duration = Duration::from_millis(10);

/// What a process cost.
#[derive(Debug, Clone, Copy, Default)]
pub struct Cost {
    /// Time from its start (or from when it was prepared) to its end.
    pub wall: Duration,
    /// CPU time of all its threads over that time.
    pub cpu: Duration,
    /// The most memory it ever had resident.
    pub peak_bytes: u64,
}

/// Runs a process to its end. If `has_preparation`, the cost counts from when it says that it is [`READY`].
///
/// # Errors
/// If it cannot be run or fails.
pub fn measure(command: &mut Command, has_preparation: bool) -> Result<Cost, Trouble> {
    if has_preparation {
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
    } else {
        command.stdin(Stdio::null()).stdout(Stdio::null());
    }
    let mut since = Instant::now();
    let mut child = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
    let mut cpu_before = Duration::ZERO;
    if has_preparation {
        wait_until_ready(&mut child)?;
        cpu_before = look(child.id())?.cpu;
        since = Instant::now();
        let mut stdin = child.stdin.take().ok_or("the child has no input")?;
        stdin.write_all(b"go\n")?;
    }
    let mut peak_bytes = 0;
    let cpu = loop {
        let look = look(child.id())?;
        peak_bytes = peak_bytes.max(look.peak_bytes);
        if look.has_ended {
            break look.cpu;
        }
        std::thread::sleep(LOOK_INTERVAL);
    };
    let wall = since.elapsed();
    let status = child.wait()?;
    if !status.success() {
        return Err(format!("{command:?} ended with {status}").into());
    }
    Ok(Cost {
        wall,
        cpu: cpu.saturating_sub(cpu_before),
        peak_bytes,
    })
}

/// Says that this process is prepared, and waits for the word to go on.
///
/// # Errors
/// If nobody is there to say it.
pub fn prepared() -> Result<(), Trouble> {
    let mut out = std::io::stdout();
    writeln!(out, "{READY}")?;
    out.flush()?;
    let mut word = String::new();
    std::io::stdin().read_line(&mut word)?;
    if word.is_empty() {
        return Err("nobody is waiting for this process".into());
    }
    Ok(())
}

fn wait_until_ready(child: &mut Child) -> Result<(), Trouble> {
    let output = child.stdout.take().ok_or("the child has no output")?;
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line)?;
    if line.trim() == READY {
        Ok(())
    } else {
        Err(format!("the child said {line:?} and not {READY:?}").into())
    }
}

struct Look {
    cpu: Duration,
    peak_bytes: u64,
    has_ended: bool,
}

/// A process that has ended stays in `/proc` until it is waited for, with its CPU time and without its memory.
fn look(process_id: u32) -> Result<Look, Trouble> {
    let stat = fs::read_to_string(format!("/proc/{process_id}/stat"))?;
    // The name in parentheses may hold anything, so fields are counted from behind it.
    let (_, fields) = stat.rsplit_once(") ").ok_or("/proc/PID/stat without a name")?;
    let fields: Vec<&str> = fields.split(' ').collect();
    let ticks = |index: usize| -> Result<u32, Trouble> {
        let field = fields.get(index).ok_or("/proc/PID/stat is too short")?;
        Ok(field.parse()?)
    };
    let status = fs::read_to_string(format!("/proc/{process_id}/status")).unwrap_or_default();
    let peak_kib: u64 = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .and_then(|rest| rest.trim().trim_end_matches(" kB").trim().parse().ok())
        .unwrap_or(0);
    Ok(Look {
        cpu: TICK * (ticks(11)? + ticks(12)?),
        peak_bytes: peak_kib * 1024,
        has_ended: matches!(fields.first(), Some(&"Z" | &"X")),
    })
}
