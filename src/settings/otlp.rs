//! What a task tells a collector. Pure: no I/O, no clock.

use core::num::NonZeroU32;

/// What goes to the collector, where one is configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OtlpConfig {
    /// How many objects a second are traced.
    pub objects_per_second: NonZeroU32,
    /// Whether spans have the older names of attributes as well.
    pub has_old_names: bool,
    /// Whether the log goes there, too.
    pub has_logs: bool,
}

impl OtlpConfig {
    /// How many objects a second are traced if nobody says.
    const OBJECTS_PER_SECOND: NonZeroU32 = match NonZeroU32::new(10) {
        Some(number) => number,
        None => NonZeroU32::MIN,
    };
}

impl Default for OtlpConfig {
    fn default() -> Self {
        Self {
            objects_per_second: Self::OBJECTS_PER_SECOND,
            has_old_names: false,
            has_logs: true,
        }
    }
}
