//! Parquet objects: their rows as rows of text in the dialect of the task, so that everything after the reader treats
//! them as it treats the rows of CSV.
//!
//! The text exists in memory only. A position is a place in it, which is the same whenever the object is read, and a
//! line is a row; a restart goes to the row by its number, over whole row groups and pages that are not read again.

pub mod column;
pub mod columns;
pub mod definition;
pub mod footer;
pub mod input;
pub mod kinds;
pub mod row_chunks;
pub mod rows;
pub mod values;
pub mod worker;
