//! What the stream in memory can be made to do wrong.

use std::time::Duration;

use crate::fault::Certainty;

/// What happens to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PutFault {
    /// The whole request is throttled, nothing is stored.
    ThrottleRequest,
    /// The records at these indexes are throttled, the others stored.
    ThrottleRecords(Vec<usize>),
    /// The records at these indexes answer `InternalFailure` and are **not** stored, the others are.
    FailRecords(Vec<usize>),
    /// The records at these indexes answer `InternalFailure` although all records are stored.
    StoreButFailRecords(Vec<usize>),
    /// All is stored, but the answer never comes.
    StoreThenTimeOut,
    /// Nothing is stored, and no answer comes.
    TimeOut,
    /// The service cannot be reached; nothing is stored.
    NotSent,
    /// The permission was taken away; nothing is stored.
    Denied,
    /// The stream was deleted; nothing is stored.
    Missing,
    /// The request is answered rightly after this long.
    Delay(Duration),
    /// A bug in the sink: the call panics and stores nothing.
    Panic,
}

/// What becomes of one record.
#[derive(Clone, Copy)]
pub(super) struct Fate {
    pub(super) is_stored: bool,
    pub(super) failure: Option<(&'static str, Certainty)>,
}

impl Fate {
    pub(super) const STORED: Self = Self {
        is_stored: true,
        failure: None,
    };
    pub(super) const THROTTLED: Self = Self {
        is_stored: false,
        failure: Some(("ProvisionedThroughputExceededException", Certainty::NotApplied)),
    };
    pub(super) const FAILED: Self = Self {
        is_stored: false,
        failure: Some(("InternalFailure", Certainty::MaybeApplied)),
    };
    pub(super) const STORED_BUT_FAILED: Self = Self {
        is_stored: true,
        failure: Some(("InternalFailure", Certainty::MaybeApplied)),
    };
}
