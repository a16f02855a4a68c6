//! What comparisons of the stream with the files came to, and whether one is under way.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::model::{Comparisons, Findings};

/// The comparisons of a running task. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Comparing(Arc<Mutex<ComparingStatus>>);

/// What is shown of them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComparingStatus {
    /// Whether one is under way.
    pub is_running: bool,
    /// Which one of this process was begun last, from 1; 0 if none was.
    pub number: u64,
    /// What came of earlier ones.
    #[serde(flatten)]
    pub comparisons: Comparisons,
    /// What is wrong with the stream, as far as they know; made of them.
    pub findings: Option<Findings>,
    /// Why the last one of this process came to nothing, if it did.
    pub problem: Option<String>,
}

/// The one comparison that is under way, until this is dropped.
#[derive(Debug)]
pub struct UnderWay(Comparing);

impl Comparing {
    /// Shows what earlier processes found.
    pub fn show(&self, comparisons: Comparisons) {
        self.lock().comparisons = comparisons;
    }

    /// What is known now.
    pub fn status(&self) -> ComparingStatus {
        let mut status = self.lock().clone();
        status.findings = status.comparisons.findings();
        if status.is_running {
            status.problem = None;
        }
        status
    }

    /// Begins one; `None` if one is under way.
    pub fn begin(&self) -> Option<UnderWay> {
        let mut status = self.lock();
        if status.is_running {
            return None;
        }
        status.is_running = true;
        status.number += 1;
        // Unless it comes to something.
        status.problem = Some("it ended without a result".to_owned());
        drop(status);
        Some(UnderWay(self.clone()))
    }

    fn lock(&self) -> MutexGuard<'_, ComparingStatus> {
        // Plain data: whoever panicked while holding it left it whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl UnderWay {
    /// Which one it is.
    pub fn number(&self) -> u64 {
        self.0.lock().number
    }

    /// It came to this.
    pub fn found(self, comparisons: Comparisons) {
        self.0.show(comparisons);
        self.0.lock().problem = None;
    }

    /// It came to nothing.
    pub fn failed(self, problem: String) {
        self.0.lock().problem = Some(problem);
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.lock().is_running = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Comparison;

    #[test]
    fn one_comparison_is_under_way_at_a_time_however_it_ends() {
        let comparing = Comparing::default();
        let first = comparing.begin().unwrap();
        assert!(comparing.begin().is_none() && comparing.status().is_running);
        drop(first);
        let ended = comparing.status();
        assert_eq!(
            (ended.number, ended.problem.as_deref()),
            (1, Some("it ended without a result"))
        );
        comparing.begin().unwrap().failed("no bucket".to_owned());
        let status = comparing.status();
        assert_eq!(
            (status.is_running, status.problem.as_deref()),
            (false, Some("no bucket"))
        );
        let mut found = Comparisons::default();
        found.add(Comparison::default());
        comparing.begin().unwrap().found(found.clone());
        let status = comparing.status();
        assert_eq!((status.comparisons, status.problem), (found, None));
        assert!(comparing.begin().is_some());
    }
}
