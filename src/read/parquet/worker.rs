//! Reads a Parquet object row group by row group, some rows of all columns at a time, and makes chunks of them. Runs on a
//! thread that may block.

use parquet::errors::ParquetError;
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::reader::{FileReader, RowGroupReader};
use parquet::file::serialized_reader::SerializedFileReader;
use tokio::sync::mpsc;

use super::column::{Column, Wrote};
use super::columns::{Content, FieldPlan, FieldSource, named};
use super::input::{FromWorker, ObjectInput};
use super::row_chunks::RowChunks;
use crate::flow::panics::catching;
use crate::model::{Chunk, Mark, Table};
use crate::read::decoder::expands_too_much;
use crate::read::framer::FramerConfig;

/// Bytes of the rows that are taken from all columns at a time, and how many rows at most.
const BATCH_BYTES: u64 = 1024 * 1024;
const BATCH_ROWS_MAX: u64 = 1024;

/// What is read, and how.
#[derive(Debug)]
pub struct Job {
    /// The object's key.
    pub key: String,
    /// How to name it to people.
    pub location: String,
    /// Its size.
    pub size: u64,
    /// The table of its rows.
    pub table: Table,
    /// Whether its rows are those of a full load.
    pub is_load: bool,
    /// Dialect and limits of the rows.
    pub framing: FramerConfig,
    /// How much a column may expand.
    pub expansion_max: u32,
    /// Where to begin.
    pub start: Mark,
}

/// Why a worker ends early.
#[derive(Debug)]
enum Ending {
    /// The object cannot be read.
    Damaged(String),
    /// Nobody wants the rows any more.
    Gone,
}

impl From<ParquetError> for Ending {
    fn from(error: ParquetError) -> Self {
        Self::Damaged(error.to_string())
    }
}

impl From<String> for Ending {
    fn from(problem: String) -> Self {
        Self::Damaged(problem)
    }
}

impl Job {
    /// Reads the object and says all there is to say.
    pub fn run(&self, out: &mpsc::Sender<FromWorker>) {
        let last = match catching(|| self.read(out)) {
            Ok(Ok(())) => FromWorker::End,
            Ok(Err(Ending::Damaged(problem))) => FromWorker::Failed(problem),
            Ok(Err(Ending::Gone)) => return,
            // The library gives up on what a file must not contain in this way too.
            Err(caught) => FromWorker::Failed(format!("reading it as Parquet ends in {}", caught.text())),
        };
        // If nobody listens any more, nobody misses it.
        out.blocking_send(last).ok();
    }

    fn read(&self, out: &mpsc::Sender<FromWorker>) -> Result<(), Ending> {
        let mut chunks = RowChunks::new(&self.framing, self.start)?;
        let input = ObjectInput::new(self.size, out.clone());
        input.read_tail()?;
        let file = SerializedFileReader::new(input.clone())?;
        let plan = self.plan(&file)?;
        let mut skip = self.start.ordinal;
        for (index, group) in file.metadata().row_groups().iter().enumerate() {
            let rows = u64::try_from(group.num_rows())
                .map_err(|_| format!("row group {index} has {} rows", group.num_rows()))?;
            if skip >= rows {
                skip -= rows;
                continue;
            }
            check_expansion(group, index, self.expansion_max)?;
            input.read_parts(column_parts(group, &plan));
            let reader = file.get_row_group(index)?;
            let mut columns = open_columns(reader.as_ref(), &plan)?;
            for column in &mut columns {
                column.skip(skip)?;
            }
            let rest = rows - std::mem::take(&mut skip);
            send_rows(&plan, &mut columns, rest, rows_at_once(group), &mut chunks, out)?;
        }
        if skip > 0 {
            return Err(format!("it ends {skip} rows before the row at which reading goes on").into());
        }
        chunks.finish().map_or(Ok(()), |chunk| send(out, chunk))
    }

    fn plan(&self, file: &SerializedFileReader<ObjectInput>) -> Result<FieldPlan, String> {
        let content = if self.is_load {
            Content::Load(&self.table, self.framing.dialect.load_operation_column)
        } else {
            Content::Changes(&self.table)
        };
        let schema = file.metadata().file_metadata().schema_descr();
        let plan = FieldPlan::new(schema, &self.key, content)?;
        if !plan.unused.is_empty() {
            tracing::warn!(
                object = self.location,
                columns = named(&plan.unused),
                "columns of the file that the table definition does not have are left out"
            );
        }
        if !plan.absent.is_empty() {
            tracing::warn!(
                object = self.location,
                columns = named(&plan.absent),
                "columns of the table definition that the file does not have are NULL in its rows"
            );
        }
        Ok(plan)
    }
}

/// A row group whose columns become far larger than they are stored was made to be a bomb.
fn check_expansion(group: &RowGroupMetaData, index: usize, expansion_max: u32) -> Result<(), String> {
    let bytes = |count: i64| u64::try_from(count).unwrap_or(0);
    let expands = group.columns().iter().find(|column| {
        let (before, after) = (bytes(column.compressed_size()), bytes(column.uncompressed_size()));
        expands_too_much(before.max(1), after, expansion_max)
    });
    expands.map_or(Ok(()), |column| {
        Err(format!(
            "{} bytes of its column {} become {} in row group {index}, more than {expansion_max} times as many \
             (source.csv.expansion_max)",
            column.compressed_size(),
            column.column_path(),
            column.uncompressed_size()
        ))
    })
}

/// Where the columns of the plan lie.
fn column_parts<'a>(
    group: &'a RowGroupMetaData,
    plan: &'a FieldPlan,
) -> impl Iterator<Item = std::ops::Range<u64>> + 'a {
    plan.columns().filter_map(|column| {
        let (start, length) = group.columns().get(column.index)?.byte_range();
        Some(start..start.saturating_add(length))
    })
}

fn open_columns(group: &dyn RowGroupReader, plan: &FieldPlan) -> Result<Vec<Column>, Ending> {
    let open = |column| Column::open(group, column).map_err(Ending::from);
    plan.columns().map(open).collect()
}

/// Fewer rows at a time, the larger they are.
fn rows_at_once(group: &RowGroupMetaData) -> u64 {
    let bytes = u64::try_from(group.total_byte_size()).unwrap_or(0);
    let rows = u64::try_from(group.num_rows()).unwrap_or(1).max(1);
    (BATCH_BYTES / (bytes / rows).max(1)).clamp(1, BATCH_ROWS_MAX)
}

fn send_rows(
    plan: &FieldPlan,
    columns: &mut [Column],
    rows: u64,
    at_once: u64,
    chunks: &mut RowChunks,
    out: &mpsc::Sender<FromWorker>,
) -> Result<(), Ending> {
    let (mut rest, mut scratch) = (rows, Vec::new());
    while rest > 0 {
        let batch = rest.min(at_once);
        for column in columns.iter_mut() {
            column.read(batch)?;
        }
        for row in 0..batch {
            add_fields(plan, columns, row, &mut scratch, chunks);
            if let Some(chunk) = chunks.end_row() {
                send(out, chunk)?;
            }
        }
        rest -= batch;
    }
    Ok(())
}

/// The fields of the next row, which is this one of those that were taken from the columns.
fn add_fields(
    plan: &FieldPlan,
    columns: &mut [Column],
    row: u64,
    scratch: &mut Vec<u8>,
    chunks: &mut RowChunks,
) {
    let mut columns = columns.iter_mut();
    for field in &plan.fields {
        match field {
            FieldSource::Text(text) => chunks.value(text.as_bytes()),
            FieldSource::Absent => chunks.null(),
            FieldSource::Column(_) => {
                scratch.clear();
                let wrote = columns
                    .next()
                    .map_or(Wrote::Null, |column| column.write(row, scratch));
                match wrote {
                    Wrote::Null => chunks.null(),
                    Wrote::Value => chunks.value(scratch),
                    Wrote::Unsayable => {
                        chunks.value(scratch);
                        chunks.is_unsayable = true;
                    }
                }
            }
        }
    }
}

fn send(out: &mpsc::Sender<FromWorker>, chunk: Chunk) -> Result<(), Ending> {
    out.blocking_send(FromWorker::Chunk(chunk))
        .map_err(|_| Ending::Gone)
}
