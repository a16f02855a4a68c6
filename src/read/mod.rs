//! From objects to chunks of whole records.
//!
//! Here: decompression, framing, headers, Parquet, and the reader that holds a chunk back until there is room. Not here:
//! the fields of a row (`value`), and fetching bytes (`source`).

pub mod actor;
pub mod decoder;
pub mod foreign;
pub mod format;
pub mod framer;
pub mod header;
pub mod header_text;
pub mod line_ends;
mod lookahead;
pub mod object_chunks;
pub mod object_text;
mod opening;
mod operation_column;
pub mod parquet;
mod reading;
pub mod rendered_rows;
mod row_scanner;
mod skipped_header;
pub mod text_rows;
pub mod transcoder;
pub mod utf8_text;
#[cfg(test)]
mod framer_model;
#[cfg(test)]
mod framer_tests;
