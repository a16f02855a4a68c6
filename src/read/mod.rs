//! From objects to chunks of whole records.

pub mod actor;
pub mod framer;
pub mod rendered_rows;
mod row_scanner;
#[cfg(test)]
mod framer_tests;
