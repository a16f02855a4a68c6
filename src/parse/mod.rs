//! From chunks to messages.

pub mod actor;
#[cfg(test)]
mod chunk_chain_tests;
mod chunk_rows;
pub mod chunk_router;
#[cfg(test)]
mod chunk_router_tests;
pub mod cost;
pub mod messages;
mod places;
mod routing;
pub mod row;
pub mod row_judge;
pub(crate) mod target;
#[cfg(test)]
mod row_tests;
