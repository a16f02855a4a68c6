//! From the bytes of an object to chunks of whole records.

pub mod framer;
#[cfg(test)]
mod framer_tests;
mod row_scanner;
