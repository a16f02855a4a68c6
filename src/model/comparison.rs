//! What a comparison of the stream with the files came to, as long as it is remembered. Pure: no I/O, no clock.

use serde::{Deserialize, Serialize};

/// One comparison.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparison {
    /// When it was begun, milliseconds since the epoch.
    pub at_ms: i64,
    /// What it came to.
    pub outcome: ComparisonOutcome,
    /// Whether it was of some tables or files only.
    pub is_partial: bool,
    /// Rows that are in the stream.
    pub rows_found: u64,
    /// Rows that are not, and have to be.
    pub rows_missing: u64,
    /// Records beyond the first of their row.
    #[serde(default)]
    pub rows_repeated: u64,
    /// Rows that end after the row that follows them.
    #[serde(default)]
    pub rows_out_of_order: u64,
}

/// What a comparison comes to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ComparisonOutcome {
    /// Nothing is missing, as far as the stream goes back.
    Complete,
    /// The rest of a file was not sent.
    Incomplete,
    /// A file could not be read again.
    #[default]
    Unproven,
    /// A row is missing.
    Missing,
}

impl Comparison {
    /// Whether it was of everything and found everything.
    pub fn is_success(&self) -> bool {
        self.outcome == ComparisonOutcome::Complete && !self.is_partial
    }
}

/// The comparisons that matter afterwards.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparisons {
    /// The last one.
    pub last: Option<Comparison>,
    /// The last one of everything that found everything.
    pub last_success: Option<Comparison>,
}

impl Comparisons {
    /// Remembers one more.
    pub fn add(&mut self, last: Comparison) {
        if last.is_success() {
            self.last_success = Some(last.clone());
        }
        self.last = Some(last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_comparison_of_everything_that_found_everything_is_a_success() {
        let of = |at_ms, outcome, is_partial| Comparison {
            at_ms,
            outcome,
            is_partial,
            ..Comparison::default()
        };
        let mut known = Comparisons::default();
        known.add(of(1, ComparisonOutcome::Complete, false));
        known.add(of(2, ComparisonOutcome::Complete, true));
        known.add(of(3, ComparisonOutcome::Missing, false));
        assert_eq!(known.last.map(|last| last.at_ms), Some(3));
        assert_eq!(known.last_success.map(|success| success.at_ms), Some(1));
    }
}
