//! The embedded Kinesis server while shards are split and merged under its writers.
#![cfg(feature = "sandbox")]
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_kinesis::Client;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use bucket_brigade::sandbox::consumer::read_stream;
use bucket_brigade::sandbox::kinesis::{SandboxKinesis, ShardLimits};
use bucket_brigade::sandbox::reshard::{ReshardStep, reshard};
use rand::SeedableRng;
use rand::rngs::StdRng;

const STREAM: &str = "orders";
const WRITERS_COUNT: usize = 8;
const STEPS_COUNT: usize = 150;
const RECORDS_OF_A_REQUEST: usize = 5;

fn entries(writer: usize, request: usize) -> Vec<PutRecordsRequestEntry> {
    let entry = |record: usize| {
        let text = format!("{writer}-{request}-{record}");
        let entry = PutRecordsRequestEntry::builder();
        let entry = entry.partition_key(&text).data(Blob::new(text.as_bytes()));
        entry.build().unwrap()
    };
    (0..RECORDS_OF_A_REQUEST).map(entry).collect()
}

/// Puts until it is told to end; gives what the server said to have stored.
async fn write(client: Client, writer: usize, is_over: Arc<AtomicBool>) -> Vec<(String, String)> {
    let mut places = Vec::new();
    for request in 0.. {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let put = client.put_records().stream_name(STREAM);
        let answer = put.set_records(Some(entries(writer, request))).send().await;
        let stored = answer.unwrap().records;
        places.extend(stored.into_iter().map(|entry| {
            let (shard, number) = (entry.shard_id, entry.sequence_number);
            (shard.unwrap(), number.unwrap())
        }));
    }
    places
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_place_in_the_stream_is_given_once_whatever_is_split_and_merged() {
    let server = SandboxKinesis::start(ShardLimits::Off).await.unwrap();
    server.create_stream(STREAM, 2).await.unwrap();
    let is_over = Arc::new(AtomicBool::new(false));
    let writers: Vec<_> = (0..WRITERS_COUNT)
        .map(|writer| tokio::spawn(write(server.client().clone(), writer, Arc::clone(&is_over))))
        .collect();
    let mut rng = StdRng::seed_from_u64(7);
    for step in 0..STEPS_COUNT {
        let step = [ReshardStep::Split, ReshardStep::Merge][step % 2];
        reshard(server.client(), STREAM, step, &mut rng).await.unwrap();
    }
    is_over.store(true, Ordering::Relaxed);
    let mut places = Vec::new();
    for writer in writers {
        places.extend(writer.await.unwrap());
    }
    let distinct: HashSet<_> = places.iter().collect();
    let twice = places.len() - distinct.len();
    assert_eq!(twice, 0, "of {} places", places.len());
    let read: usize = read_stream(server.client(), STREAM)
        .await
        .unwrap()
        .iter()
        .map(|shard| shard.records.len())
        .sum();
    assert_eq!(read, places.len(), "what was stored is there");
    server.stop().await.unwrap();
}
