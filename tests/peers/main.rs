//! What Brigade talks to and is compared with: other people's servers, clients and libraries, scripted servers, and the
//! servers of the sandbox.

#[path = "../support/collector.rs"]
mod collector;
#[cfg(feature = "sandbox")]
#[path = "../support/kcl/mod.rs"]
mod kcl_process;
#[path = "../support/servers/mod.rs"]
mod servers;
#[cfg(feature = "sandbox")]
#[path = "../support/broken_file.rs"]
mod broken_file;
#[cfg(feature = "sandbox")]
#[expect(dead_code, reason = "the tests in `tests/cli` use the rest")]
#[path = "../support/killed.rs"]
mod killed;
#[cfg(feature = "sandbox")]
#[expect(dead_code, reason = "the tests in `tests/cli` use all of it")]
#[path = "../support/task_folder.rs"]
mod task_folder;

mod aggregation;
mod aggregation_run;
mod chain_consumers;
mod csv_conformance;
mod event_sinks;
mod expressions_sqlite;
mod jaeger;
mod kcl;
mod other_places;
mod otlp;
mod page;
mod page_killed;
mod parquet_pyarrow;
mod prometheus;
mod sandbox;
mod sandbox_reshard;
mod sandbox_faults;
mod schemathesis;
mod sink_conformance;
mod sink_kinesis_faults;
mod source_conformance;
mod source_s3_faults;
