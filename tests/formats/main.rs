//! What is read and what is written: configurations, table definitions, table mappings, rows and messages, by example
//! and by chance. Nothing here runs a task.

#[path = "../support/fuzz/mod.rs"]
mod fuzz;
#[path = "../support/mapped_task.rs"]
mod mapped_task;

mod chain_property;
mod config_files;
mod deploy_files;
mod fuzz_documents;
mod fuzz_rows;
mod fuzz_values;
mod golden;
mod mapping_forms;
mod api_reference;
mod fenced;
mod metrics_reference;
mod object_mapping;
mod slow_csv;
mod table_mappings;
mod throughput;
