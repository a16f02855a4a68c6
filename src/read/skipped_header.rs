//! The header of a file whose fields find their columns by position: it is skipped, but where it names the columns in another
//! order, values would be sent under the names of other columns.

use std::sync::Arc;

use super::header::misplaced;
use super::opening::Opening;
use crate::model::{Chunk, RowSource, Table};
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
    /// What is wrong with it, as soon as it was seen. A file without a row has nothing to be sent under wrong names.
    trouble: Option<SourceError>,
}

impl SkippedHeader {
    /// That of an object; `None` if none is skipped.
    pub(super) fn expected(opening: &Opening<'_, '_>) -> Option<Self> {
        let dialect = &opening.framing.dialect;
        let CsvColumns::ByPosition { drift } = dialect.columns else {
            return None;
        };
        (dialect.ignore_header_rows > 0).then(|| Self {
            location: opening.location.to_owned(),
            dialect: dialect.clone(),
            rows: opening.table.map_or(RowSource::Changes, RowSource::Load),
            tables: Arc::clone(&opening.settings.tables),
            policy: drift,
            trouble: None,
        })
    }

    /// Checks the next chunk.
    ///
    /// # Errors
    /// [`SourceError::Drifted`] if it has rows, and fields do not stand where their columns do, and that is not accepted.
    pub(super) fn check(&mut self, chunk: &Chunk) -> Result<(), SourceError> {
        if let Some(header) = chunk.header_text() {
            self.look_at(header);
        }
        match self.trouble.take_if(|_| !chunk.records.is_empty()) {
            Some(trouble) => Err(trouble),
            None => Ok(()),
        }
    }

    /// The same of an object that is read on, of which this is the header.
    ///
    /// # Errors
    /// As [`Self::check`].
    pub(super) fn check_resumed(&mut self, header: &[u8]) -> Result<(), SourceError> {
        self.look_at(header);
        match self.trouble.take() {
            Some(trouble) => Err(trouble),
            None => Ok(()),
        }
    }

    fn look_at(&mut self, header: &[u8]) {
        let Some(detail) = misplaced(header, self.rows, &self.dialect, &self.tables) else {
            return;
        };
        let location = self.location.clone();
        match self.policy {
            HeaderDrift::Accept => {
                tracing::warn!(object = location, detail, "read by position, against its header");
            }
            policy @ (HeaderDrift::Quarantine | HeaderDrift::Stop) => {
                self.trouble = Some(SourceError::Drifted {
                    location,
                    detail,
                    policy,
                });
            }
        }
    }
}
