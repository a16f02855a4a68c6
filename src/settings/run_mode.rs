//! When a run ends by itself. Pure: no I/O, no clock.

/// When a run ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunMode {
    /// When everything that is present is settled.
    Once,
    /// Never, if there are changes to wait for.
    Continuous,
}
