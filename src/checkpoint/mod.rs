//! The durable truth: which records of which object are settled, and where the stream stood then.
//!
//! Here: the ledger, the watermark, the cut, the store behind them, and the status that is made of them. Not here: who
//! decides that a record is settled (`publish`, `deadletter`, `parse`).

pub mod actor;
pub mod context;
pub mod cut;
pub mod decide;
pub mod done_objects;
mod freshness;
mod handlers;
pub mod ledger;
#[cfg(test)]
mod ledger_cut_tests;
mod ledger_error;
#[cfg(test)]
mod ledger_tests;
pub mod life_status;
pub mod messages;
pub mod object_counts;
mod open_object;
mod parsed_troubles;
mod queue_ends;
pub mod reload;
pub mod resume_table;
mod shard_cuts;
pub mod status;
pub mod status_board;
pub mod store;
pub mod suspended;
pub mod tally;
mod traced;
pub mod watermark;
