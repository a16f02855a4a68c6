//! From objects to chunks of whole records.

pub mod actor;
pub mod decoder;
pub mod format;
pub mod framer;
pub mod header;
mod header_text;
pub mod object_chunks;
pub mod object_text;
pub mod parquet;
mod reading;
pub mod rendered_rows;
mod row_scanner;
pub mod text_rows;
#[cfg(test)]
mod framer_tests;
