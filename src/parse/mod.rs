//! From the bytes of one record to its fields and values.

pub mod convert;
#[cfg(test)]
mod convert_tests;
pub mod csv;
mod date_time;
mod general_format;
pub mod needle;
mod number;
#[cfg(test)]
mod number_tests;
pub mod row;
#[cfg(test)]
mod row_tests;
