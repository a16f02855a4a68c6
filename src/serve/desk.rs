//! What can be asked of a running task, and the seam to who does it. Pure: no I/O, no clock.

use core::fmt;
use core::net::SocketAddr;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::checkpoint::store::Decision;
use crate::fault::Fault;

/// Carries out orders on a running task, and reads what is not in its status.
#[async_trait]
pub trait Desk: fmt::Debug + Send + Sync {
    /// Carries out an order. It goes on to its end also if nobody waits for it any more.
    ///
    /// # Errors
    /// Why it cannot be.
    async fn carry_out(&self, order: Order, by: Requester) -> Result<Outcome, Fault>;

    /// Looks something up; gives JSON.
    ///
    /// # Errors
    /// Why it cannot be.
    async fn look_up(&self, subject: Subject) -> Result<String, Fault>;
}

/// Who asks.
#[derive(Debug, Clone)]
pub struct Requester {
    /// What they call themselves, if they do; nobody checks it.
    pub name: Option<String>,
    /// Where from.
    pub address: SocketAddr,
}

impl fmt::Display for Requester {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.name {
            Some(name) => write!(f, "{name} at {}", self.address),
            None => write!(f, "somebody at {}", self.address),
        }
    }
}

/// What is asked of a task. All but the first three and the last can also be asked of one that does not run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Read and send nothing more, and keep the state, until it is resumed.
    Pause,
    /// Go on.
    Resume,
    /// End, as SIGTERM has it.
    Stop,
    /// Load tables again.
    Reload(ReloadOrder),
    /// Go on with a suspended table.
    ResumeTable(ResumeTableOrder),
    /// Decide what becomes of a file that is set aside.
    DecideFile(DecideFileOrder),
    /// Send dead letters again.
    Replay(ReplayOrder),
    /// Compare the stream with the files, while the task goes on.
    Verify(VerifyOrder),
}

/// Tables to load again, from the first row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReloadOrder {
    /// Their names, `schema.table`.
    pub tables: Vec<String>,
    /// Say what would change, and change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// A suspended table to go on with.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResumeTableOrder {
    /// Its name, `schema.table`.
    pub table: String,
    /// Send rows again that may be in the stream already.
    #[serde(default)]
    pub allow_repeats: bool,
    /// Say what would change, and change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// A file that is set aside, and what becomes of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DecideFileOrder {
    /// Its key.
    pub key: String,
    /// Read it again from the row at which it broke, or from its first row, or leave its rest out for good.
    #[schema(inline)]
    pub decision: Decision,
    /// Send rows again that may be in the stream already.
    #[serde(default)]
    pub allow_repeats: bool,
    /// Say what would change, and change nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// Dead letters to send again.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ReplayOrder {
    /// The key of the file that the rows are from.
    pub object: String,
    /// Only rows with these numbers: `A..B` without B, `A..=B` with it, or a single number.
    #[serde(default)]
    pub ordinals: Option<String>,
    /// Also rows that were sent again before.
    #[serde(default)]
    pub again: bool,
    /// Say what would be sent, and send nothing.
    #[serde(default)]
    pub dry_run: bool,
}

/// What to compare of the stream with the files.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyOrder {
    /// Only rows of these tables, `schema.table`; without one, everything.
    #[serde(default)]
    pub tables: Vec<String>,
    /// Only objects that were modified at this time or later, RFC 3339.
    #[serde(default)]
    pub since: Option<String>,
}

/// What came of an order.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Outcome {
    /// What was done, for people; one or more lines.
    pub message: String,
    /// The same for programs: what the command prints as JSON.
    #[schema(value_type = Object)]
    pub report: Value,
    /// What went wrong all the same, if something did.
    pub problem: Option<String>,
}

/// What can be looked up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subject {
    /// Tables, by the names of DMS.
    Tables,
    /// Files that are set aside.
    Files,
    /// Unfinished objects, cuts and totals.
    Checkpoint,
    /// Dead letters, without the values of their rows.
    DeadLetters,
    /// The newest events of the task.
    Events,
    /// The last comparison of the stream with the files.
    Comparison,
    /// The values of the configuration that the task runs with, without secrets.
    Configuration,
}

impl Order {
    /// What is asked, for the events of the task; `None` if nothing would change.
    pub fn title(&self) -> Option<String> {
        let (title, dry_run) = match self {
            Self::Pause => ("pause".to_owned(), false),
            Self::Resume => ("resume".to_owned(), false),
            Self::Stop => ("stop".to_owned(), false),
            Self::Reload(order) => (format!("reload of {}", order.tables.join(", ")), order.dry_run),
            Self::ResumeTable(order) => (format!("resume of table {}", order.table), order.dry_run),
            Self::DecideFile(order) => {
                let verb = match order.decision {
                    Decision::RetryAtMark => "retry of file",
                    Decision::RetryFromBeginning => "retry from the beginning of file",
                    Decision::Skip => "skip of file",
                };
                (format!("{verb} {}", order.key), order.dry_run)
            }
            Self::Replay(order) => {
                let rows = order.ordinals.as_deref().unwrap_or("all");
                let title = format!("replay of dead letters of {} ({rows})", order.object);
                (title, order.dry_run)
            }
            Self::Verify(order) => {
                let tables = if order.tables.is_empty() {
                    "everything".to_owned()
                } else {
                    order.tables.join(", ")
                };
                let since = order.since.as_deref();
                let since = since.map_or(String::new(), |since| format!(" since {since}"));
                (
                    format!("comparison of the stream with the files ({tables}{since})"),
                    false,
                )
            }
        };
        (!dry_run).then_some(title)
    }
}
