//! Whether the stream holds what the files say: every settled row is rendered once more, with the engine's own framer
//! and renderer, and looked for in the stream by its fingerprint.
//!
//! What it proves: each row that the checkpoint calls delivered is in the stream, byte for byte as the configuration
//! of today renders it (the time of building aside), and the last copies of the rows of an object stand in file order
//! per partition key. What it does not prove: that the renderer is right (the engine has the same one; `demo` judges
//! with an independent reader), anything about rows that the retention has removed, and anything about what consumers
//! did with the records.
//!
//! Memory: fingerprints and notes, no texts. A row costs 48 bytes and a slot of the index, 38 to 75 bytes more: about
//! 120 MB for a million rows at most. Records of the stream cost nothing, except copies of rows that have a twin
//! (8 bytes each).

mod expect;
mod horizon;
pub mod judge;
mod plan;
pub mod report;
pub mod rows;
mod settled;
pub mod snapshot;
mod stream;
pub mod verification;

pub use self::plan::Selection;
pub use self::settled::Settled;
