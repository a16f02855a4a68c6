//! The real binary as a user runs it: its commands, exit codes, output and files.

#[path = "../support/broken_file.rs"]
mod broken_file;
#[path = "../support/collector.rs"]
mod collector;
#[path = "../support/import_form.rs"]
mod import_form;
#[path = "../support/imported_task.rs"]
mod imported_task;
#[expect(dead_code, reason = "the tests in `tests/peers` use the rest")]
#[path = "../support/killed.rs"]
mod killed;
#[path = "../support/task_folder.rs"]
mod task_folder;

mod changed_encoding;
mod check;
mod compare;
mod config_show;
mod data_files;
mod data_files_parquet;
mod demo;
mod dlq_replay;
mod dms_claims;
mod dms_files;
mod doctor;
mod event_sinks;
mod exit_codes;
mod file_modes;
mod files;
mod guide_examples;
mod header;
mod iam;
mod import;
mod import_repeated;
mod import_states;
mod import_templates;
mod import_unresolved;
mod init;
mod init_dialects;
mod life;
mod logs;
mod mappings;
mod metrics;
mod names;
mod not_read;
mod operators;
mod orders;
mod orders_killed;
mod panics;
mod parquet_values;
mod plan;
mod policies;
mod preview;
mod privacy;
mod read_otherwise;
mod serve;
mod state;
mod systemd;
mod tap;
mod text_files;
mod values;
mod verify;
mod watching;
