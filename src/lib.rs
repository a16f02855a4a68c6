//! Bucket Brigade streams the files landing in an S3 bucket into Amazon Kinesis Data Streams, row by row.

pub mod cli;
mod aws;
pub mod checkpoint;
pub mod cli;
pub mod clock;
pub mod config;
pub mod model;
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
pub mod flow;
pub mod supervise;
pub mod observe;
pub mod fault;
pub mod limits;
#[cfg(feature = "sandbox")]
pub mod sandbox;
