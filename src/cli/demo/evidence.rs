//! What a demo leaves behind whose verdict is not passed: the report and all records of the stream, beside objects,
//! configuration, state and log.

use std::borrow::Cow;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;

use serde::Serialize;

use super::report::DemoReport;
use crate::fault::{Fault, FaultKind};
use crate::sandbox::blog_task::STREAM;
use crate::sandbox::consumer::{ConsumedShard, read_stream};

/// The report, in the working folder.
const REPORT_FILE: &str = "report.json";
/// The records, one a line, shard by shard.
const RECORDS_FILE: &str = "records.jsonl";

/// A record of the stream as a line of the file.
#[derive(Serialize)]
struct RecordLine<'a> {
    shard: &'a str,
    sequence_number: &'a str,
    partition_key: &'a str,
    payload: Cow<'a, str>,
}

/// Reads the stream once more and writes every record of it into the folder.
///
/// # Errors
/// [`Fault`] if the stream cannot be read or the file cannot be written.
pub(super) async fn keep_records(client: &aws_sdk_kinesis::Client, folder: &Path) -> Result<(), Fault> {
    let path = folder.join(RECORDS_FILE);
    let refused = |error: std::io::Error| not_written(&path, &error);
    let mut file = BufWriter::new(File::create(&path).map_err(refused)?);
    for ConsumedShard { shard_id, records } in read_stream(client, STREAM).await? {
        for record in &records {
            let line = RecordLine {
                shard: &shard_id,
                sequence_number: &record.sequence_number,
                partition_key: &record.partition_key,
                payload: String::from_utf8_lossy(&record.payload),
            };
            let line = serde_json::to_string(&line).map_err(std::io::Error::from);
            line.and_then(|line| writeln!(file, "{line}")).map_err(refused)?;
        }
    }
    file.flush().map_err(refused)
}

/// Writes the report into the folder.
///
/// # Errors
/// [`Fault`] if the file cannot be written.
pub(super) fn keep_report(report: &DemoReport, folder: &Path) -> Result<(), Fault> {
    let path = folder.join(REPORT_FILE);
    let text = super::to_json(report)?;
    std::fs::write(&path, text).map_err(|error| not_written(&path, &error))
}

fn not_written(path: &Path, error: &std::io::Error) -> Fault {
    let message = format!("cannot write {}: {error}", path.display());
    Fault::new(FaultKind::StateCreate, message)
}
