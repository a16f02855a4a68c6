//! From objects to chunks of whole records.

pub mod actor;
pub mod framer;
mod row_scanner;
#[cfg(test)]
mod framer_tests;
