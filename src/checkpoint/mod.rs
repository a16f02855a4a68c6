//! The durable truth: which records of which object are settled, and where the stream stood then.

pub mod actor;
pub mod cut;
pub mod ledger;
#[cfg(test)]
mod ledger_cut_tests;
mod ledger_error;
#[cfg(test)]
mod ledger_tests;
pub mod messages;
mod open_object;
mod parsed_troubles;
mod queue_ends;
pub mod reload;
pub mod resume_table;
mod shard_cuts;
pub mod store;
pub mod tally;
pub mod watermark;
