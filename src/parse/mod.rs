//! From chunks to messages.

pub mod actor;
#[cfg(test)]
mod chunk_chain_tests;
mod chunk_rows;
pub mod chunk_router;
#[cfg(test)]
mod chunk_router_tests;
pub mod convert;
pub mod cost;
#[cfg(test)]
mod convert_tests;
pub mod csv;
mod date_time;
mod general_format;
pub mod messages;
pub mod needle;
mod number;
#[cfg(test)]
mod number_tests;
mod places;
mod routing;
pub mod row;
pub mod row_judge;
pub(crate) mod target;
#[cfg(test)]
mod row_tests;
