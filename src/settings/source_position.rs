//! Whether a record says where it comes from. Pure: no I/O, no clock.

use serde::Serialize;

/// What a record says about its place in the source.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize)]
pub enum SourcePosition {
    /// Nothing, as DMS.
    #[default]
    None,
    /// Its lane, its position and the one before it, so that a consumer can separate copies from new rows.
    Chain,
}

impl SourcePosition {
    /// Whether the messages are those of DMS and nothing more.
    pub fn is_none(&self) -> bool {
        *self == Self::None
    }
}
