//! An S3 server and a Kinesis server inside this process, on loopback, speaking the real wire protocols, and the
//! judge of what came through. For `brigade demo`, the tests and the benchmarks.
//!
//! The servers are other people's crates, wrapped and not forked: [`s3`] (s3s over a folder), [`kinesis`]
//! (ferrokinesis in memory) and [`null_kinesis`], which stores nothing. [`fault_proxy`] relays to a Kinesis,
//! this one or another, and does what networks do. [`blog_data`] makes the input from a seed,
//! [`consumer`] reads the stream back, and [`verdict`] compares the two. Consumer and judge use neither the encoder
//! nor the parser of the engine, and aggregated records are taken apart by code of the
//! sandbox's own.

pub mod allowance;
pub mod blog_data;
pub mod blog_row;
pub mod blog_task;
mod calls;
pub mod clients;
pub mod consumer;
mod deaggregate;
pub mod fault_proxy;
pub mod hash_keys;
pub mod kinesis;
#[cfg(feature = "testkit")]
pub mod large_object;
mod message;
pub mod meter;
#[cfg(feature = "testkit")]
pub mod null_kinesis;
pub mod order;
#[cfg(feature = "testkit")]
pub mod plant;
pub mod reshard;
mod reshard_gate;
pub mod s3;
pub mod server;
pub mod streams;
pub mod verdict;
#[cfg(test)]
mod verdict_tests;
mod wire;

use std::io;

use crate::fault::{Fault, FaultKind};

/// Region that both servers pretend to be in.
pub const REGION: &str = "us-west-2";
/// The access key that the S3 server takes; the Kinesis servers take any.
pub const ACCESS_KEY_ID: &str = "sandbox";
/// The secret that belongs to [`ACCESS_KEY_ID`]. It protects nothing: the servers listen on loopback only.
pub const SECRET_ACCESS_KEY: &str = "sandbox-secret";

/// What can go wrong in the sandbox.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// No port on loopback.
    #[error("cannot listen on 127.0.0.1: {source}")]
    Listen {
        /// What the system said.
        source: io::Error,
    },
    /// A server ended by itself or did not end when asked.
    #[error("the embedded {server} server failed: {detail}")]
    Server {
        /// Which one.
        server: &'static str,
        /// How.
        detail: String,
    },
    /// The folder of the S3 server cannot be used.
    #[error("cannot serve {folder} as a bucket store: {detail}")]
    Folder {
        /// The folder.
        folder: String,
        /// Why.
        detail: String,
    },
    /// A request to one of the servers failed.
    #[error("{action} on the embedded {server} server failed: {detail}")]
    Request {
        /// Which server.
        server: &'static str,
        /// Which request, and on what.
        action: String,
        /// The error with its causes.
        detail: String,
    },
}

impl From<SandboxError> for Fault {
    fn from(error: SandboxError) -> Self {
        let kind = match &error {
            SandboxError::Folder { .. } => FaultKind::StateCreate,
            SandboxError::Listen { .. } | SandboxError::Server { .. } | SandboxError::Request { .. } => {
                FaultKind::Internal
            }
        };
        Self::new(kind, error.to_string())
    }
}
