//! The programs in `examples/` do what they say; that they compile, `cargo test` sees to by itself.
#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../examples/chain_filter.rs"]
#[expect(dead_code, reason = "a program has a main")]
mod chain_filter;
#[path = "../examples/own_sink.rs"]
#[expect(dead_code, reason = "a program has a main")]
mod own_sink;

use std::collections::BTreeSet;

use async_trait::async_trait;
use bucket_brigade::route::shard_map::{Shard, ShardMap};
use bucket_brigade::sink::conformance::{self, SinkStage};
use bucket_brigade::sink::{RecordSink, SeenRecord};
use serde_json::Value;
use tokio::sync::Mutex;

use self::own_sink::ListSink;

const SHARDS: u32 = 3;

fn printed(run: impl FnOnce(&mut Vec<u8>) -> anyhow::Result<()>) -> String {
    let mut out = Vec::new();
    run(&mut out).unwrap();
    String::from_utf8(out).unwrap()
}

#[test]
fn the_consumer_processes_every_row_once_over_two_lives_and_tells_what_it_missed() {
    let printed = printed(chain_filter::run);
    let of = |word| printed.lines().filter_map(move |line| line.strip_prefix(word));
    let processed: Vec<_> = of("process  ").collect();
    let rows = [1, 2, 3, 4, 7].map(|id| format!("{{\"id\":{id}}}"));
    assert_eq!(processed, rows, "{printed}");
    assert_eq!(of("drop ").count(), 3, "{printed}");
    let missing: Vec<_> = of("missing  ").collect();
    assert_eq!(missing, ["what follows 1:4 up to 1:6"], "{printed}");
}

#[test]
fn the_sink_takes_every_row_of_the_sample() {
    let printed = printed(own_sink::run);
    let mut rows = Vec::new();
    let mut shards = BTreeSet::new();
    for line in printed.lines() {
        let (shard, message) = line.split_once(' ').unwrap();
        shards.insert(shard);
        let message: Value = serde_json::from_str(message).unwrap();
        if let Some(id) = message.pointer("/data/id").and_then(Value::as_u64) {
            let operation = message.pointer("/metadata/operation").unwrap();
            rows.push((id, operation.as_str().unwrap().to_owned()));
        }
    }
    rows.sort_unstable();
    let expected = [
        (1, "load"),
        (2, "load"),
        (3, "load"),
        (4, "insert"),
        (1001, "delete"),
        (1001, "load"),
        (1002, "load"),
        (1003, "load"),
        (1003, "update"),
        (1004, "insert"),
        (1004, "update"),
    ];
    assert_eq!(
        rows,
        expected.map(|(id, operation)| (id, operation.to_owned())),
        "{printed}"
    );
    assert_eq!(shards.len(), 2, "{printed}");
}

#[derive(Debug)]
struct ListStage(ListSink);

#[async_trait]
impl SinkStage for ListStage {
    fn sink(&self) -> &dyn RecordSink {
        &self.0
    }

    fn shards_count(&self) -> usize {
        usize::try_from(SHARDS).unwrap()
    }

    async fn stored(&self, shard: &Shard) -> Vec<SeenRecord> {
        let records = self.0.records.lock().await;
        let own = records.iter().filter(|(id, _)| *id == shard.id);
        own.map(|(_, record)| record.clone()).collect()
    }
}

#[tokio::test]
async fn the_sink_passes_the_conformance_suite() {
    let sink = ListSink {
        shards: ShardMap::uniform(SHARDS).unwrap(),
        records: Mutex::default(),
    };
    conformance::run_all(&ListStage(sink)).await;
}
