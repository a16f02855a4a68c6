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
    /// Rows that are not, and may have gone with the retention of the stream.
    #[serde(default)]
    pub rows_expired: u64,
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
    /// Every row that has to be there is there.
    Complete,
    /// Nothing is missing as far as the stream goes back; what was sent before cannot be judged.
    CompleteFromOldest,
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
        let is_complete = match self.outcome {
            ComparisonOutcome::Complete | ComparisonOutcome::CompleteFromOldest => true,
            ComparisonOutcome::Incomplete | ComparisonOutcome::Unproven | ComparisonOutcome::Missing => false,
        };
        is_complete && !self.is_partial
    }
}

/// The comparisons that matter afterwards.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Comparisons {
    /// The last one.
    pub last: Option<Comparison>,
    /// The last one of everything.
    #[serde(default)]
    pub last_full: Option<Comparison>,
    /// The last one of everything that found everything.
    pub last_success: Option<Comparison>,
}

/// What is wrong with the stream, as far as it is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Findings {
    /// Rows that are not there, and have to be.
    pub rows_missing: u64,
    /// Records beyond the first of their row.
    pub rows_repeated: u64,
    /// Rows that end after the row that follows them.
    pub rows_out_of_order: u64,
}

impl Comparisons {
    /// Remembers one more.
    pub fn add(&mut self, last: Comparison) {
        if last.is_success() {
            self.last_success = Some(last.clone());
        }
        if !last.is_partial {
            self.last_full = Some(last.clone());
        }
        self.last = Some(last);
    }

    /// What is wrong: what the last comparison of everything found, and what one of a part found since. A part in which
    /// nothing is wrong says nothing of the rest.
    pub fn findings(&self) -> Option<Findings> {
        let both = self.last_full.iter().chain(&self.last);
        both.map(|found| Findings {
            rows_missing: found.rows_missing,
            rows_repeated: found.rows_repeated,
            rows_out_of_order: found.rows_out_of_order,
        })
        .reduce(|one, other| Findings {
            rows_missing: one.rows_missing.max(other.rows_missing),
            rows_repeated: one.rows_repeated.max(other.rows_repeated),
            rows_out_of_order: one.rows_out_of_order.max(other.rows_out_of_order),
        })
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

    #[test]
    fn a_part_in_which_nothing_is_wrong_says_nothing_of_the_rest() {
        let of = |rows_missing, is_partial| Comparison {
            is_partial,
            rows_missing,
            ..Comparison::default()
        };
        let mut known = Comparisons::default();
        let missing = |known: &Comparisons| known.findings().map(|found| found.rows_missing);
        assert_eq!(missing(&known), None);
        known.add(of(3, false));
        known.add(of(0, true));
        assert_eq!(missing(&known), Some(3));
        known.add(of(5, true));
        assert_eq!(missing(&known), Some(5));
        known.add(of(0, false));
        assert_eq!(missing(&known), Some(0));
    }
}
