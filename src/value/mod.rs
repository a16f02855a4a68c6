//! How a field's text becomes a value, and a value the text of a message.
//!
//! Fields of CSV, numbers, dates and JSON text. No table, no mapping and no setting beyond the style of numbers is
//! known here.

pub mod convert;
#[cfg(test)]
mod convert_tests;
pub mod csv;
mod date_time;
pub mod digits;
#[cfg(test)]
mod field_tests;
mod general_format;
pub mod json_text;
pub mod needle;
mod number;
#[cfg(test)]
mod number_tests;
pub mod timestamp;
