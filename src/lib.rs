//! Bucket Brigade streams the files landing in an S3 bucket into Amazon Kinesis Data Streams, row by row.

pub mod checkpoint;
pub mod cli;
pub mod clock;
pub mod config;
pub mod fault;
pub mod flow;
pub mod limits;
pub mod model;
pub mod route;
#[cfg(feature = "sandbox")]
pub mod sandbox;
pub mod sink;
pub mod source;
