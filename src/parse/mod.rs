//! From the bytes of one record to its fields and values.

pub mod needle;
