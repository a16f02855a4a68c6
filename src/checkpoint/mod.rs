//! The durable truth: which records of which object are settled, and where the stream stood then.

pub mod actor;
pub mod context;
pub mod cut;
mod handlers;
pub mod ledger;
#[cfg(test)]
mod ledger_cut_tests;
mod ledger_error;
#[cfg(test)]
mod ledger_tests;
pub mod life_status;
pub mod messages;
mod open_object;
mod parsed_troubles;
mod queue_ends;
pub mod reload;
pub mod resume_table;
mod shard_cuts;
pub mod status;
pub mod store;
pub mod suspended;
pub mod tally;
pub mod watermark;
