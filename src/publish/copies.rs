//! Whether records may be in the stream more than once. Pure: no I/O, no clock.

/// What a later process has to know of copies before they are sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum CopiesNote {
    /// There were none.
    None,
    /// A look found less of a request than it saw of its keys: what is sent again may be there.
    Due,
    /// It is durable that there may be copies.
    Durable,
}
