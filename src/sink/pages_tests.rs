//! How pages end, wait for each other and go on over trouble.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};

use async_trait::async_trait;
use bytes::Bytes;

use super::*;

/// Gives these pages, then the last of them again and again.
#[derive(Debug)]
struct Scripted(VecDeque<Result<ReadPage, SinkError>>);

#[async_trait]
impl ShardReader for Scripted {
    async fn next_page(&mut self) -> Result<ReadPage, SinkError> {
        if self.0.len() > 1 {
            return self.0.pop_front().unwrap();
        }
        self.0.front().cloned().unwrap()
    }
}

#[expect(clippy::unnecessary_wraps, reason = "a script holds pages and errors")]
fn page(records_count: usize, behind_ms: u64, is_last: bool) -> Result<ReadPage, SinkError> {
    let record = SeenRecord {
        sequence_number: "1".into(),
        member: None,
        partition_key: "k".into(),
        payload: Bytes::new(),
    };
    Ok(ReadPage::of(vec![record; records_count], behind_ms, is_last))
}

async fn pages_count(script: Vec<Result<ReadPage, SinkError>>, empty_ends_min: Option<u32>) -> usize {
    let reader = Box::new(Scripted(script.into()));
    let mut pages = Pages::new(reader, Duration::ZERO, empty_ends_min);
    let mut count = 0;
    while pages.next().await.unwrap().is_some() {
        count += 1;
    }
    count
}

#[tokio::test]
async fn an_end_is_believed_only_if_it_is_seen_often_enough_in_a_row() {
    let script = || {
        vec![
            page(1, 5, false),
            page(0, 0, false),
            page(0, 9, false),
            page(0, 0, false),
        ]
    };
    assert_eq!(pages_count(script(), Some(1)).await, 2);
    assert_eq!(pages_count(script(), Some(3)).await, 6);
    assert_eq!(
        pages_count(vec![page(0, 0, false), page(2, 0, true)], None).await,
        2
    );
}

/// Asks for pages that count how many of them are there at a time.
#[derive(Debug)]
struct Counted {
    now: Arc<AtomicUsize>,
    most: Arc<AtomicUsize>,
}

#[async_trait]
impl ShardReader for Counted {
    async fn next_page(&mut self) -> Result<ReadPage, SinkError> {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
        tokio::task::yield_now().await;
        page(1, 1, false)
    }
}

#[tokio::test]
async fn pages_of_many_shards_are_not_all_in_memory_at_a_time() {
    let permits = PagePermits::of(64 << 20);
    let (now, most) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let shards = (0..50).map(|_shard| {
        let reader = Box::new(Counted {
            now: Arc::clone(&now),
            most: Arc::clone(&most),
        });
        let mut pages = Pages::new(reader, Duration::ZERO, Some(3)).within(permits.clone());
        let now = Arc::clone(&now);
        async move {
            for _page in 0..20 {
                assert!(pages.next().await.unwrap().is_some());
                tokio::task::yield_now().await;
                now.fetch_sub(1, Ordering::SeqCst);
            }
        }
    });
    futures_util::future::join_all(shards).await;
    assert_eq!(most.load(Ordering::SeqCst), 2);
    let count = |in_flight_bytes| PagePermits::of(in_flight_bytes).pages.available_permits();
    assert_eq!([1 << 20, 256 << 20, 64 << 30].map(count), [1, 8, 16]);
}

/// Never answers, as a reader does that waits out an outage.
#[derive(Debug)]
struct Silent;

#[async_trait]
impl ShardReader for Silent {
    async fn next_page(&mut self) -> Result<ReadPage, SinkError> {
        std::future::pending().await
    }
}

#[tokio::test]
async fn shards_that_wait_out_an_outage_hold_up_no_other_one() {
    let permits = PagePermits {
        answer_soon: Duration::from_millis(20),
        ..PagePermits::of(0)
    };
    let pages_of =
        |reader: Box<dyn ShardReader>| Pages::new(reader, Duration::ZERO, Some(1)).within(permits.clone());
    let silent = (0..3).map(|_shard| {
        let mut pages = pages_of(Box::new(Silent));
        tokio::spawn(async move { pages.next().await })
    });
    let silent: Vec<_> = silent.collect();
    tokio::task::yield_now().await;
    let mut other = pages_of(Box::new(Scripted([page(1, 1, false)].into())));
    let patience = Duration::from_mins(1);
    let given = tokio::time::timeout(patience, other.next()).await;
    assert!(given.unwrap().unwrap().is_some());
    assert!(silent.iter().all(|silent| !silent.is_finished()));
}

#[tokio::test]
async fn a_shard_that_others_write_to_all_the_time_has_an_end_too() {
    assert_eq!(pages_count(vec![page(1, 0, false)], Some(3)).await, 100);
}

/// A place that the service does not keep any more: it answers without an error and without a record, for ever.
#[tokio::test]
async fn pages_that_stand_still_are_told_asked_for_less_often_and_given_up() {
    let reader = Box::new(Scripted([page(0, 86_400_000, false)].into()));
    let mut pages = Pages::new(reader, Duration::ZERO, Some(3));
    let (mut told_at, mut count) = (None, 0);
    let error = loop {
        match pages.next().await {
            Ok(page) => assert!(page.is_some(), "this is not the end"),
            Err(error) => break error,
        }
        count += 1;
        if pages.stand_still() {
            told_at.get_or_insert(count);
        }
    };
    assert_eq!((told_at, count), (Some(31), 301));
    assert!(error.to_string().contains("86400 s"), "{error}");
    let pause = |standstill| pause_after(Duration::from_millis(250), standstill).as_millis();
    assert_eq!([0, 4, 5, 30, 300].map(pause), [250, 250, 500, 1_750, 2_250]);
}

/// A shard with few records: the service looks through a part of it at a time.
#[tokio::test]
async fn empty_pages_that_get_nearer_to_the_end_are_read_to_it() {
    let gap = (1..2_000).rev().map(|minutes| page(0, minutes * 60_000, false));
    let script: Vec<_> = gap.chain([page(1, 0, false), page(0, 0, false)]).collect();
    assert_eq!(pages_count(script, Some(3)).await, 1_999 + 1 + 3);
}

/// Others write faster than the shard may be read.
#[test]
fn what_arrived_after_the_question_is_not_read_for_ever() {
    let is_last = |empty_ends_min, behind_ms, asked_for_s| {
        let reader = Box::new(Scripted(VecDeque::new()));
        let mut pages = Pages::new(reader, Duration::ZERO, empty_ends_min);
        let page = page(5, behind_ms, false).unwrap();
        pages.ends_with(&page, Duration::from_secs(asked_for_s))
    };
    assert!(
        !is_last(Some(3), 20_000, 79) && is_last(Some(3), 20_000, 80),
        "a minute later"
    );
    assert!(
        !is_last(None, 20_000, 80),
        "a closed shard says which page is its last"
    );
    assert!(
        !is_last(Some(3), 0, 3_600),
        "a server that always says that it is at the end"
    );
}

#[tokio::test]
async fn trouble_that_passes_is_waited_out_and_the_rest_is_told() {
    let throttled = SinkError::Throttled {
        stream: "s".into(),
        detail: "slow down".into(),
    };
    assert_eq!(
        pages_count(vec![Err(throttled), page(1, 0, true)], Some(1)).await,
        1
    );
    let missing = SinkError::Missing { stream: "s".into() };
    let mut pages = Pages::new(Box::new(Scripted([Err(missing)].into())), Duration::ZERO, None);
    assert!(pages.next().await.is_err());
}
