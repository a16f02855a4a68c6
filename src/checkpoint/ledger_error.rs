//! What does not fit the ledger. Pure: no I/O, no clock.

use super::watermark::WatermarkError;
use crate::model::ObjectId;

/// A message to the ledger that does not fit its state: always a bug.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerError {
    /// The object is not open.
    #[error("object {0} is not open")]
    NotOpen(ObjectId),
    /// The object is open already.
    #[error("object {0} is open already")]
    OpenAlready(ObjectId),
    /// A chunk or settlement does not fit the object.
    #[error("object {id}: {error}")]
    Watermark {
        /// The object.
        id: ObjectId,
        /// What does not fit.
        error: WatermarkError,
    },
}
