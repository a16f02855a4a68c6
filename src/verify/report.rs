//! What a comparison found, for people and for programs. Pure: no I/O, no clock.

use serde::{Deserialize, Serialize};

use super::judge::Tally;

/// Version of the JSON shape; consumers ignore members they do not know.
pub const SCHEMA_VERSION: u32 = 1;

/// The findings.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    /// Version of this shape.
    pub schema_version: u32,
    /// The task.
    pub task: String,
    /// What it comes to.
    pub verdict: Completeness,
    /// All tables together.
    #[serde(flatten)]
    pub total: Counts,
    /// Records of the stream that no row explains.
    pub foreign_records: u64,
    /// Records of the stream.
    pub stream_records: u64,
    /// Rows that are not expected, because they are dead letters.
    pub dead_lettered_rows: u64,
    /// When the oldest record of the stream was built, RFC 3339.
    pub oldest_record_time: Option<String>,
    /// By table.
    pub tables: Vec<TableFindings>,
    /// By object.
    pub objects: Vec<ObjectFindings>,
    /// Objects that were set aside, and wait for a person: the rest of them is not in the stream.
    pub set_aside: Vec<SetAsideObject>,
    /// The first missing rows.
    pub missing_rows: Vec<MissingRow>,
    /// What limits the verdict.
    pub notes: Vec<String>,
}

/// What it comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Completeness {
    /// Every row that has to be there is there.
    Complete,
    /// Nothing is missing as far as the stream goes back; what was sent before cannot be judged.
    CompleteFromOldest,
    /// An object was set aside: what was sent is there, and the rest of the object is not.
    Incomplete,
    /// An object could not be read again, so nothing is known of its rows.
    Unproven,
    /// A row is missing.
    Missing,
}

/// An object the rest of which was not sent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetAsideObject {
    /// Its key.
    pub key: String,
    /// Why it was set aside.
    pub reason: String,
    /// Rows of it that were settled before.
    pub rows_settled: u64,
}

/// Counts of rows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Rows that have to be in the stream.
    pub rows_expected: u64,
    /// Those that are.
    pub rows_found: u64,
    /// Those that are not.
    pub rows_missing: u64,
    /// Those that are not, and may have gone with the retention of the stream.
    pub rows_expired: u64,
    /// Records beyond the first of their row.
    pub rows_repeated: u64,
    /// Rows that end after the row that follows them.
    pub rows_out_of_order: u64,
}

impl From<Tally> for Counts {
    fn from(tally: Tally) -> Self {
        Self {
            rows_expected: tally.expected,
            rows_found: tally.found,
            rows_missing: tally.missing,
            rows_expired: tally.expired,
            rows_repeated: tally.repeated,
            rows_out_of_order: tally.out_of_order,
        }
    }
}

/// Findings of one table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TableFindings {
    /// `schema.table`, or what else it is.
    pub table: String,
    /// Its counts.
    #[serde(flatten)]
    pub counts: Counts,
}

/// Findings of one object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectFindings {
    /// Its key, or what else it is.
    pub key: String,
    /// Its counts.
    #[serde(flatten)]
    pub counts: Counts,
    /// Why it could not be compared.
    pub problem: Option<String>,
}

impl ObjectFindings {
    /// Whether people should look at it.
    pub fn is_remarkable(&self) -> bool {
        let counts = &self.counts;
        let findings =
            counts.rows_missing + counts.rows_expired + counts.rows_repeated + counts.rows_out_of_order;
        findings > 0 || self.problem.is_some()
    }
}

/// A missing row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MissingRow {
    /// The key of its object, or what else it is.
    pub key: String,
    /// 0-based number of the row in it.
    pub ordinal: u64,
    /// 1-based line at which it starts.
    pub line: Option<u64>,
    /// Byte offset in the text of the object.
    pub byte: Option<u64>,
    /// Its table.
    pub table: Option<String>,
    /// Why there is no message to be found, if that is what is wrong.
    pub reason: Option<String>,
}
