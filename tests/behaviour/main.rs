//! The real pipeline over sources, streams and states in memory: what it promises, whatever happens to it.

#[path = "../support/mod.rs"]
mod support;

mod amplified;
mod beginning;
mod chain;
mod changed_limits;
mod compressed;
mod dedupe;
mod faults;
mod hangs;
mod header;
mod late_loads;
mod load;
mod mappings;
mod memory_backends;
mod objects;
mod outage;
mod parquet;
mod policies;
mod put_back;
mod refusals;
mod reload;
mod restart;
mod retention;
mod set_aside;
mod side_files;
mod stop;
mod turns;
