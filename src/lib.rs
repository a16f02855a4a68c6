//! Bucket Brigade streams the files landing in an S3 bucket into Amazon Kinesis Data Streams, row by row.

// The command line, and what it reads.
pub mod cli;
pub mod config;
// The words everything else is said in.
pub mod model;
// The way of a row, from the bucket to the shard.
pub mod source;
pub mod discover;
pub mod read;
pub mod parse;
pub mod encode;
pub mod route;
pub mod batch;
pub mod publish;
pub mod sink;
pub mod deadletter;
// The durable truth.
pub mod checkpoint;
// What holds it together.
pub mod flow;
pub mod supervise;
pub mod observe;
mod aws;
pub mod fault;
pub mod limits;
pub mod clock;
// Servers to try it all against.
#[cfg(feature = "sandbox")]
pub mod sandbox;
