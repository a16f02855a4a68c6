//! The header of a file whose fields find their columns by position: it is skipped, but where it names the columns in another
//! order, values would be sent under the names of other columns.

use std::sync::Arc;

use super::header::misplaced;
use super::opening::Opening;
use crate::model::{Chunk, Mark, RowSource, Table};
use crate::settings::{CsvColumns, CsvDialect, HeaderDrift};
use crate::source::SourceError;

/// What a header that is skipped is compared with.
#[derive(Debug)]
pub(super) struct SkippedHeader {
    location: String,
    dialect: CsvDialect,
    rows: RowSource,
    tables: Arc<[Table]>,
    policy: HeaderDrift,
}

impl SkippedHeader {
    /// That of an object that is read from its beginning; `None` if none is skipped.
    pub(super) fn expected(opening: &Opening<'_, '_>) -> Option<Self> {
        let dialect = &opening.framing.dialect;
        let CsvColumns::ByPosition { drift } = dialect.columns else {
            return None;
        };
        let is_skipped = dialect.ignore_header_rows > 0 && opening.start == Mark::START;
        is_skipped.then(|| Self {
            location: opening.location.to_owned(),
            dialect: dialect.clone(),
            rows: opening.table.map_or(RowSource::Changes, RowSource::Load),
            tables: Arc::clone(&opening.settings.tables),
            policy: drift,
        })
    }

    /// Checks the first chunk.
    ///
    /// # Errors
    /// [`SourceError::Drifted`] if fields do not stand where their columns do, and that is not accepted.
    pub(super) fn check(self, chunk: &Chunk) -> Result<(), SourceError> {
        let header = chunk.header_text();
        let detail = header.and_then(|header| misplaced(header, self.rows, &self.dialect, &self.tables));
        match (detail, self.policy) {
            (None, _) => Ok(()),
            (Some(detail), HeaderDrift::Accept) => {
                tracing::warn!(
                    object = self.location,
                    detail,
                    "read by position, against its header"
                );
                Ok(())
            }
            (Some(detail), policy @ (HeaderDrift::Quarantine | HeaderDrift::Stop)) => {
                let location = self.location;
                Err(SourceError::Drifted {
                    location,
                    detail,
                    policy,
                })
            }
        }
    }
}
