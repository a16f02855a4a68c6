//! What to do if the stream is not any more what it was. Pure: no I/O, no clock.

/// What to do with records in doubt that the stream no longer keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutOfRetention {
    /// Send them again; they may have come already.
    Resend,
    /// Stop, and leave it to a person.
    Stop,
}

/// What to do if the stream was deleted and created again under its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecreatedStream {
    /// Stop, and leave it to a person.
    Stop,
    /// Go on with the new stream where the old one ended.
    Continue,
}
