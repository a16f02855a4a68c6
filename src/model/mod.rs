//! Plain values that travel through the pipeline: no I/O, no actors, no clock.

pub mod attempt_counts;
pub mod batch;
pub mod chunk;
pub mod comparison;
pub mod control;
pub mod file_columns;
pub mod name_order;
pub mod object;
pub mod places;
pub mod position;
pub mod record;
pub mod row_source;
pub mod sequence_number;
pub mod settle;
pub mod start;
pub mod table;
pub mod trouble;

pub use attempt_counts::AttemptCounts;
pub use batch::BatchRecord;
pub use chunk::{Chunk, RawRecord, RawRecordKind};
pub use comparison::{Comparison, ComparisonOutcome, Comparisons, Findings};
pub use file_columns::{ColumnOrder, FileColumns};
pub use object::{ObjectId, ObjectVersion, QueueName};
pub use position::{Mark, Span};
pub use record::{Operation, RejectedRecord};
pub use row_source::RowSource;
pub use settle::{Settled, SettledRun};
pub use table::{Column, ColumnType, DateFormat, Table, TableIndex, TypeClass, stored_name};
