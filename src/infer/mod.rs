//! Table definitions from sample rows, for people who set a task up. Conservative: a type is taken only if it accepts
//! every value that was seen and loses nothing of any, and text is always right.

pub mod column;
mod declared;
pub mod dialect;
pub mod document;
pub mod encoding;
pub mod shape;
pub mod table;
