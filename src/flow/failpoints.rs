//! Places at which a test makes the program panic. Only in builds with the feature `testkit`.
//!
//! A test of this process names a point and its task; a process that a test starts is told by [`VARIABLE`].

use std::sync::{LazyLock, Mutex, PoisonError};

/// Names points, one after the other: `before parse@3` panics when that point is reached for the third time, and
/// `before parse@3,after batch@1` goes on to the next one then.
pub const VARIABLE: &str = "BRIGADE_FAILPOINTS";

/// Panics that are still to come, per task; the first of a task is the next.
static PLANNED: LazyLock<Mutex<Vec<Planned>>> = LazyLock::new(|| {
    let text = std::env::var(VARIABLE).unwrap_or_default();
    let planned = text.split(',').filter_map(|part| {
        let (point, passes) = part.split_once('@')?;
        Some(Planned {
            task: None,
            point: point.trim().to_owned(),
            passes: passes.trim().parse().ok()?,
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
}

/// Plans a panic: the next time a task reaches a point after what was planned for it before.
pub fn plan(task: &str, point: &str) {
    let planned = Planned {
        task: Some(task.to_owned()),
        point: point.to_owned(),
        passes: 1,
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
        planned.remove(index);
        drop(planned);
        panic!("a test wants a panic here");
    }
}
