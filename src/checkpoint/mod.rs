//! The durable truth: which records of which object are settled, and where the stream stood then.

pub mod store;
