//! Places at which a test makes the program panic or hang. Only in builds with the feature `testkit`.
//!
//! A test of this process names a point and its task; a process that a test starts is told by [`VARIABLE`].

use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::Duration;

/// Names points, one after the other: `before parse@3` panics when that point is reached for the third time, and
/// `before parse@3,after batch@1` goes on to the next one then. `before parse@3=9s` makes the thread hang for nine seconds
/// there.
pub const VARIABLE: &str = "BRIGADE_FAILPOINTS";

/// What is still to come, per task; the first of a task is the next.
static PLANNED: LazyLock<Mutex<Vec<Planned>>> = LazyLock::new(|| {
    let text = std::env::var(VARIABLE).unwrap_or_default();
    let planned = text.split(',').filter_map(|part| {
        let (point, rest) = part.split_once('@')?;
        let (passes, hang) = rest.split_once('=').unwrap_or((rest, ""));
        let seconds = hang.trim().strip_suffix('s');
        Some(Planned {
            task: None,
            point: point.trim().to_owned(),
            passes: passes.trim().parse().ok()?,
            hang: seconds
                .and_then(|seconds| seconds.parse().ok())
                .map(Duration::from_secs),
        })
    });
    Mutex::new(planned.collect())
});

#[derive(Debug)]
struct Planned {
    /// `None` for every task of the process.
    task: Option<String>,
    point: String,
    /// Times that the point is reached until then.
    passes: u32,
    /// `None` for a panic.
    hang: Option<Duration>,
}

/// Plans a panic: the next time a task reaches a point after what was planned for it before.
pub fn plan(task: &str, point: &str) {
    add(task, point, None);
}

/// Plans that the thread that reaches the point hangs.
pub fn plan_hang(task: &str, point: &str, time: Duration) {
    add(task, point, Some(time));
}

fn add(task: &str, point: &str, hang: Option<Duration>) {
    let planned = Planned {
        task: Some(task.to_owned()),
        point: point.to_owned(),
        passes: 1,
        hang,
    };
    PLANNED
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(planned);
}

/// A task, if it is known which, is at a point.
///
/// # Panics
/// If that is what a test wants.
#[expect(clippy::panic, reason = "what this is for")]
pub fn reached(task: Option<&str>, point: &str) {
    let mut planned = PLANNED.lock().unwrap_or_else(PoisonError::into_inner);
    let is_of = |planned: &Planned| planned.task.is_none() || planned.task.as_deref() == task;
    let Some(index) = planned.iter().position(is_of) else {
        return;
    };
    let Some(next) = planned.get_mut(index).filter(|next| next.point == point) else {
        return;
    };
    next.passes = next.passes.saturating_sub(1);
    if next.passes == 0 {
        let hang = planned.remove(index).hang;
        drop(planned);
        match hang {
            Some(time) => std::thread::sleep(time),
            None => panic!("a test wants a panic here"),
        }
    }
}
