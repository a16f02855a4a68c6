//! From a chunk of rows to records with a shard, rejections with a place, and counts.
//!
//! Here: which table and operation a row has, what the checkpoint proves to be sent already, and the actor. Not here: what
//! a field's text means (`value`), what the message looks like (`encode`), cutting text into rows (`read`).

pub mod actor;
#[cfg(test)]
mod chunk_chain_tests;
mod chunk_rows;
pub mod chunk_router;
#[cfg(test)]
mod chunk_router_tests;
mod column_filter;
mod columns;
pub mod cost;
pub mod messages;
#[cfg(test)]
mod narrow_tests;
pub mod panic_book;
#[cfg(test)]
mod part_tests;
mod places;
mod routing;
mod sender;
pub mod row;
pub mod row_judge;
pub(crate) mod target;
#[cfg(test)]
mod row_tests;
