//! What a task reads. Pure: no I/O, no clock.

/// What a task reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MigrationType {
    /// Files that are there when the task starts.
    FullLoad,
    /// Change files only.
    Changes,
    /// First the one, then the other.
    FullLoadAndChanges,
}

impl MigrationType {
    /// Whether load queues are read.
    pub fn has_full_load(self) -> bool {
        !matches!(self, Self::Changes)
    }

    /// Whether the change queue is read.
    pub fn has_changes(self) -> bool {
        !matches!(self, Self::FullLoad)
    }

    /// The word of the configuration, which is that of DMS.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::FullLoad => "full-load",
            Self::Changes => "cdc",
            Self::FullLoadAndChanges => "full-load-and-cdc",
        }
    }
}
