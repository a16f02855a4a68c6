//! Documents of AWS DMS, taken as they are. Pure: no I/O, no clock.

pub(crate) mod columns;
pub mod import;
mod json;
mod members;
pub mod table_definition;
pub mod table_mappings;
