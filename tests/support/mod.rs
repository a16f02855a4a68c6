//! What the behaviour tests share: data with known outcomes, the real pipeline over backends in memory, a journal of
//! everything that left it or became durable, and the oracle that judges the journal.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "a test that cannot be set up has to fail, and one that fails has to name its seed"
)]

pub(crate) mod copy_folder;
pub(crate) mod expectation;
pub(crate) mod fixtures;
pub(crate) mod journal;
pub(crate) mod lives;
pub(crate) mod oracle;
pub(crate) mod parquet_file;
pub(crate) mod pipeline;
pub(crate) mod policies;
mod oracle_end;
mod replay;
pub(crate) mod set_clock;
