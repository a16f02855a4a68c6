//! How a look ends whatever the service answers, and what it does about a place that is gone.

use std::collections::{HashMap, VecDeque};
use std::fmt;
use std::sync::Mutex;

use async_trait::async_trait;
use bytes::Bytes;

use super::*;
use crate::clock::SystemClock;
use crate::model::BatchRecord;
use crate::observe::shards::ShardBoard;
use crate::publish::looked::Wanted;
use crate::route::lineage::Lineage;
use crate::route::shard_map::ShardMap;
use crate::sink::{PutEntry, SeenRecord, StreamDescription};

const MINUTE_MS: i64 = 60 * 1_000;
const DAY_MS: i64 = 24 * 60 * MINUTE_MS;
const SHARD: &str = "shardId-000000000000";

/// The pages from each start on.
type Script = Vec<(ReadStart, Result<Vec<ReadPage>, SinkError>)>;

/// A stream of one shard that answers each start with pages of its own; the last of them again and again.
#[derive(Debug, Default)]
struct Scripted {
    pages: Script,
    starts: Mutex<Vec<ReadStart>>,
}

#[derive(Debug)]
struct ScriptedReader(VecDeque<ReadPage>);

#[async_trait]
impl ShardReader for ScriptedReader {
    async fn next_page(&mut self) -> Result<ReadPage, SinkError> {
        let page = if self.0.len() > 1 {
            self.0.pop_front()
        } else {
            self.0.front().cloned()
        };
        Ok(page.unwrap())
    }
}

impl fmt::Display for Scripted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the stream")
    }
}

#[async_trait]
impl RecordSink for Scripted {
    async fn describe(&self) -> Result<StreamDescription, SinkError> {
        let shards = ShardMap::uniform(1).unwrap();
        Ok(StreamDescription {
            lineage: Lineage::of_open(&shards),
            shards,
            record_bytes_max: 1 << 20,
            identity: "stream".to_owned(),
        })
    }

    async fn put(&self, _shard: &Shard, _records: &[BatchRecord]) -> Result<Vec<PutEntry>, SinkError> {
        Ok(Vec::new())
    }

    async fn read(&self, _shard: &Shard, start: ReadStart) -> Result<Box<dyn ShardReader>, SinkError> {
        self.starts.lock().unwrap().push(start.clone());
        let is_since = |start: &ReadStart| matches!(start, ReadStart::Since(_));
        let script = self.pages.iter();
        let mut script = script.filter(|(known, _)| *known == start || (is_since(known) && is_since(&start)));
        let (_, pages) = script.next().unwrap_or_else(|| panic!("no pages from {start:?}"));
        Ok(Box::new(ScriptedReader(pages.clone()?.into())))
    }
}

fn message(number: &str) -> SeenRecord {
    SeenRecord {
        sequence_number: number.to_owned(),
        member: None,
        partition_key: "k".to_owned(),
        payload: Bytes::from(payload(number)),
    }
}

fn payload(number: &str) -> String {
    format!("{{\"data\":{number},\"metadata\":{{\"timestamp\":\"2025-06-21T12:06:47.878570Z\"}}}}")
}

fn page(numbers: &[&str], arrived_ms: i64, behind_ms: i64) -> ReadPage {
    let records = numbers.iter().map(|number| message(number)).collect();
    let mut page = ReadPage::of(records, u64::try_from(behind_ms).unwrap(), false);
    for edge in page.first.iter_mut().chain(&mut page.last) {
        edge.arrived_ms = Some(arrived_ms);
    }
    page
}

/// What a look from record 7 on gives, and where it began to read. `wanted` are the rows in doubt of this process.
struct Case {
    pages: Script,
    doubt_age_ms: i64,
    policy: OutOfRetention,
    wanted: Option<&'static [&'static str]>,
}

async fn look(case: Case) -> (Result<Vec<String>, Fault>, Vec<ReadStart>) {
    let sink = Arc::new(Scripted {
        pages: case.pages,
        ..Scripted::default()
    });
    let look_back = LookBack {
        sink: Arc::<Scripted>::clone(&sink),
        shard: ShardMap::uniform(1).unwrap().shards()[0].clone(),
        pause: Duration::ZERO,
        permits: PagePermits::of(0),
        out_of_retention: case.policy,
        is_chained: false,
        clock: Arc::new(SystemClock),
    };
    assert_eq!(look_back.shard.id, SHARD);
    let wanted = case.wanted.map(|numbers| {
        let mut wanted = Wanted::default();
        for number in numbers {
            wanted.add(b"k", payload(number).as_bytes());
        }
        wanted
    });
    let plan = LookPlan {
        starts: HashMap::from([(SHARD.to_owned(), "7".to_owned())]),
        wanted,
        ..LookPlan::default()
    };
    let note = ShardBoard::default().doubt(SHARD, 0);
    let question = Question {
        plan: &plan,
        since_ms: SystemClock.now_ms() - case.doubt_age_ms,
        not_before: Instant::now(),
        note: &note,
    };
    let looked = look_back.look(&question).await;
    let numbers = |looked: Looked| {
        let news = looked.news();
        news.map(|seen| seen.place().1.to_owned()).collect::<Vec<_>>()
    };
    let starts = sink.starts.lock().unwrap().clone();
    (looked.map(numbers), starts)
}

fn at_seven() -> ReadStart {
    ReadStart::At("7".to_owned())
}

fn end() -> ReadPage {
    ReadPage::of(Vec::new(), 0, false)
}

/// What a service answers from a place that it does not keep any more: it refuses, begins at its oldest record, or stays
/// empty and as far from the end as it was.
fn answers_from_a_place_that_is_gone(now_ms: i64) -> Vec<Script> {
    let oldest = || vec![page(&["20", "21"], now_ms - DAY_MS, DAY_MS), end()];
    let refused = SinkError::Refused {
        action: "kinesis:GetShardIterator",
        stream: "s".to_owned(),
        detail: "InvalidArgumentException".to_owned(),
    };
    vec![
        vec![(at_seven(), Err(refused)), (ReadStart::Oldest, Ok(oldest()))],
        vec![(at_seven(), Ok(oldest()))],
        vec![
            (at_seven(), Ok(vec![ReadPage::of(Vec::new(), 86_400_000, false)])),
            (ReadStart::Oldest, Ok(oldest())),
        ],
    ]
}

#[tokio::test]
async fn a_place_that_is_gone_is_noticed_however_the_service_answers() {
    for pages in answers_from_a_place_that_is_gone(SystemClock.now_ms()) {
        let case = |policy| Case {
            pages: pages.clone(),
            doubt_age_ms: 3 * DAY_MS,
            policy,
            wanted: None,
        };
        let (looked, _) = look(case(OutOfRetention::Stop)).await;
        let fault = looked.expect_err("the task is to stop");
        assert_eq!(fault.kind, FaultKind::Data);
        let text = fault.to_string();
        assert!(
            text.contains("no longer keeps the last known record of shardId-000000000000"),
            "{text}"
        );
        assert!(
            text.contains("set target.kinesis.out_of_retention to resend"),
            "{text}"
        );
        let (looked, _) = look(case(OutOfRetention::Resend)).await;
        assert_eq!(looked.unwrap(), ["20", "21"], "the rest is read");
    }
    let nothing = || vec![(at_seven(), Ok(vec![end()]))];
    for (policy, is_stopped) in [(OutOfRetention::Stop, true), (OutOfRetention::Resend, false)] {
        let (looked, _) = look(Case {
            pages: nothing(),
            doubt_age_ms: 3 * DAY_MS,
            policy,
            wanted: None,
        })
        .await;
        assert_eq!(looked.is_err(), is_stopped, "not even one record is there");
    }
}

/// A task that had nothing to do for a day, and then a request without an answer.
#[tokio::test]
async fn a_place_that_is_gone_is_of_no_account_if_nothing_in_doubt_is_so_old() {
    for pages in answers_from_a_place_that_is_gone(SystemClock.now_ms()) {
        let (looked, _) = look(Case {
            pages,
            doubt_age_ms: 5_000,
            policy: OutOfRetention::Stop,
            wanted: None,
        })
        .await;
        assert_eq!(looked.unwrap(), ["20", "21"]);
    }
    // The doubt is two days old, and the stream keeps a week.
    let (looked, _) = look(Case {
        pages: vec![(
            at_seven(),
            Ok(vec![
                page(&["20"], SystemClock.now_ms() - 7 * DAY_MS, 7 * DAY_MS),
                end(),
            ]),
        )],
        doubt_age_ms: 2 * DAY_MS,
        policy: OutOfRetention::Stop,
        wanted: None,
    })
    .await;
    assert_eq!(looked.unwrap(), ["20"]);
}

#[tokio::test]
async fn a_place_that_is_met_is_not_gone() {
    let (looked, starts) = look(Case {
        pages: vec![(
            at_seven(),
            Ok(vec![
                ReadPage::of(Vec::new(), 90_000, false),
                page(&["7", "8"], 0, 80_000),
                end(),
            ]),
        )],
        doubt_age_ms: 3 * DAY_MS,
        policy: OutOfRetention::Stop,
        wanted: None,
    })
    .await;
    assert_eq!(
        (looked.unwrap(), starts),
        (vec!["7".to_owned(), "8".to_owned()], vec![at_seven()])
    );
}

/// Others filled the shard for hours after the last record that this process sent there.
#[tokio::test]
async fn what_arrived_long_before_a_request_is_passed_over() {
    let now_ms = SystemClock.now_ms();
    let hours = |count: i64| count * 60 * MINUTE_MS;
    let pages = || {
        vec![
            (
                at_seven(),
                Ok(vec![page(&["7", "8"], now_ms - hours(5), hours(5))]),
            ),
            (
                ReadStart::Since(0),
                Ok(vec![page(&["90", "91"], now_ms - MINUTE_MS, MINUTE_MS), end()]),
            ),
        ]
    };
    let (looked, starts) = look(Case {
        pages: pages(),
        doubt_age_ms: 20_000,
        policy: OutOfRetention::Stop,
        wanted: Some(&["91"]),
    })
    .await;
    assert_eq!(looked.unwrap(), ["91"]);
    let [first, ReadStart::Since(later_ms)] = &starts[..] else {
        panic!("{starts:?}");
    };
    assert_eq!(*first, at_seven());
    let margin_ms = 10 * MINUTE_MS;
    let expected_ms = now_ms - 20_000 - margin_ms;
    assert!(
        (later_ms - expected_ms).abs() < 5_000,
        "{later_ms} instead of {expected_ms}"
    );
    // Of a process before this one anything may be there.
    let (looked, starts) = look(Case {
        pages: vec![(
            at_seven(),
            Ok(vec![page(&["7", "8"], now_ms - hours(5), hours(5)), end()]),
        )],
        doubt_age_ms: 20_000,
        policy: OutOfRetention::Stop,
        wanted: None,
    })
    .await;
    assert_eq!((looked.unwrap().len(), starts), (2, vec![at_seven()]));
}

/// Records of others that are not messages are dropped as they are read.
#[tokio::test]
async fn what_no_task_can_have_made_is_not_kept() {
    let mut foreign = page(&["8"; 500], 0, 0);
    for record in &mut foreign.records {
        record.payload = Bytes::from_static(b"{\"something\":\"else\"}");
    }
    let (looked, _) = look(Case {
        pages: vec![(
            at_seven(),
            Ok(vec![page(&["7"], 0, 5), foreign, page(&["9"], 0, 5), end()]),
        )],
        doubt_age_ms: 0,
        policy: OutOfRetention::Stop,
        wanted: None,
    })
    .await;
    assert_eq!(looked.unwrap(), ["7", "9"]);
}
