//! What the engine is compared with. Both render the same messages as the engine and use the same SDK.

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use bucket_brigade::sandbox::clients::kinesis_client;
use serde::Serialize;

use crate::support::Trouble;
use crate::support::child::prepared;
use crate::support::engine::STREAM;
use crate::support::null_sink::SHARDS_COUNT;

/// Records of a request: as many as the service takes.
const REQUEST_RECORDS_COUNT: usize = 500;
/// Requests that the SDK alone sends again and again.
const PREPARED_REQUESTS_COUNT: usize = 100;

#[derive(Serialize)]
struct Message<'a> {
    data: Data<'a>,
    metadata: Metadata<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    ingest_time: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    doi: Option<&'a str>,
    id: i64,
    #[serde(skip_serializing_if = "Option::is_none")]
    value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none", rename = "data_sig")]
    signature: Option<&'a str>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
struct Metadata<'a> {
    timestamp: String,
    record_type: &'a str,
    operation: &'a str,
    partition_key_type: &'a str,
    schema_name: &'a str,
    table_name: &'a str,
}

/// The AWS SDK alone: requests that were made before the clock starts, one in flight per shard.
///
/// # Errors
/// If a request fails.
pub(crate) fn sdk_alone(endpoint: &str, folder: &Path, records_count: usize) -> Result<(), Trouble> {
    let mut requests: Vec<Vec<PutRecordsRequestEntry>> = Vec::new();
    each_request(folder, |request| {
        requests.push(request);
        Ok(requests.len() < PREPARED_REQUESTS_COUNT)
    })?;
    let runtime = tokio::runtime::Runtime::new()?;
    let client = kinesis_client(endpoint);
    prepared()?;
    let requests = Arc::new(requests);
    let requests_count = records_count / REQUEST_RECORDS_COUNT;
    let lanes_count = usize::try_from(SHARDS_COUNT)?;
    let lanes = (0..lanes_count).map(|lane| {
        let (client, requests) = (client.clone(), Arc::clone(&requests));
        runtime.spawn(async move {
            for number in (lane..requests_count).step_by(lanes_count) {
                let request = requests.iter().cycle().nth(number % requests.len());
                let request = request.cloned().unwrap_or_default();
                if let Err(error) = put(&client, request).await {
                    return Err(error.to_string());
                }
            }
            Ok(())
        })
    });
    for lane in lanes.collect::<Vec<_>>() {
        runtime.block_on(lane)??;
    }
    Ok(())
}

/// The program that one writes first: read a row, render it, and send 500 of them at a time.
///
/// # Errors
/// If a file cannot be read or a request fails.
pub(crate) fn plain_loop(endpoint: &str, folder: &Path) -> Result<(), Trouble> {
    let runtime = tokio::runtime::Runtime::new()?;
    let client = kinesis_client(endpoint);
    each_request(folder, |request| {
        runtime.block_on(put(&client, request))?;
        Ok(true)
    })
}

async fn put(client: &Client, request: Vec<PutRecordsRequestEntry>) -> Result<(), Trouble> {
    let answer = client
        .put_records()
        .stream_name(STREAM)
        .set_records(Some(request))
        .send()
        .await?;
    match answer.failed_record_count() {
        Some(0) | None => Ok(()),
        Some(count) => Err(format!("{count} records were refused").into()),
    }
}

/// Makes requests of the rows of all files, until `take` has enough.
fn each_request(
    folder: &Path,
    mut take: impl FnMut(Vec<PutRecordsRequestEntry>) -> Result<bool, Trouble>,
) -> Result<(), Trouble> {
    let mut request = Vec::with_capacity(REQUEST_RECORDS_COUNT);
    for path in files(folder)? {
        let mut reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .from_reader(io::BufReader::new(File::open(path)?));
        let mut row = csv::StringRecord::new();
        while reader.read_record(&mut row)? {
            request.push(entry(&row)?);
            if request.len() == REQUEST_RECORDS_COUNT {
                let full = std::mem::replace(&mut request, Vec::with_capacity(REQUEST_RECORDS_COUNT));
                if !take(full)? {
                    return Ok(());
                }
            }
        }
    }
    if !request.is_empty() {
        take(request)?;
    }
    Ok(())
}

fn entry(row: &csv::StringRecord) -> Result<PutRecordsRequestEntry, Trouble> {
    let field = |index: usize| row.get(index).filter(|field| !field.is_empty());
    let ingest_time = field(0).ok_or("a row without a key")?.replace(' ', "T") + "Z";
    let message = Message {
        data: Data {
            ingest_time: &ingest_time,
            doi: field(1),
            id: field(2).ok_or("a row without an id")?.parse()?,
            value: field(3).map(str::parse).transpose()?,
            signature: field(4),
        },
        metadata: Metadata {
            timestamp: jiff::Timestamp::now().to_string(),
            record_type: "data",
            operation: "load",
            partition_key_type: "primary-key",
            schema_name: "schema01",
            table_name: "table01",
        },
    };
    let mut text = serde_json::to_vec(&message)?;
    text.push(b'\n');
    Ok(PutRecordsRequestEntry::builder()
        .data(Blob::new(text))
        .partition_key(ingest_time)
        .build()?)
}

fn files(folder: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = std::fs::read_dir(folder)?
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()?;
    files.sort();
    Ok(files)
}
