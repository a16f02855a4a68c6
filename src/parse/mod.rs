//! From the bytes of one record to its fields and values.

pub mod convert;
pub mod csv;
mod date_time;
mod general_format;
pub mod needle;
mod number;
pub mod row;
