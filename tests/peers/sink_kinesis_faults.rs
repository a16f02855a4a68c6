//! What `KinesisSink` says when requests fail: whether something can have been stored, and that nothing is ever
//! sent twice.
#![allow(
    clippy::unwrap_used,
    clippy::missing_assert_message,
    reason = "a test that cannot be set up has to fail"
)]

use std::time::Duration;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::credential_fn::provide_credentials_fn;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_credential_types::provider::error::CredentialsError;
use bucket_brigade::fault::Certainty;
use bucket_brigade::model::BatchRecord;
use bucket_brigade::route::shard_map::{HashRange, Shard};
use bucket_brigade::settings::Aggregation;
use bucket_brigade::sink::kinesis::{KinesisOptions, KinesisSink};
use bucket_brigade::sink::{PutEntry, RecordSink, SinkError};
use tokio::net::TcpListener;
use tokio::runtime::Handle;

use crate::servers;
use crate::servers::scripted::{Ending, Reply, ScriptedServer};

/// For servers that answer, however busy this machine is.
const LONG: Duration = Duration::from_mins(1);
/// For servers that do not.
const SHORT: Duration = Duration::from_millis(500);

fn sink(shared: &SdkConfig, endpoint: &str, request_timeout: Duration) -> KinesisSink {
    let options = KinesisOptions {
        stream: "orders".to_owned(),
        region: None,
        endpoint: Some(endpoint.to_owned()),
        request_timeout,
        aggregation: Aggregation::None,
    };
    KinesisSink::new(shared, options, Handle::current())
}

fn shard() -> Shard {
    Shard {
        id: "shardId-000000000000".to_owned(),
        range: HashRange::ALL,
    }
}

fn records() -> Vec<BatchRecord> {
    let record = |ordinal| BatchRecord::new(ordinal, b"{}", b"key");
    (0..2).map(record).collect()
}

fn json(status: u16, body: &str) -> Reply {
    let length = body.len().to_string();
    let headers = [
        ("content-type", "application/x-amz-json-1.1"),
        ("content-length", &length),
    ];
    Reply::new(status, &headers, body.as_bytes())
}

fn failure(status: u16, code: &str) -> Reply {
    json(
        status,
        &format!("{{\"__type\":\"{code}\",\"message\":\"scripted\"}}"),
    )
}

async fn put_to(endpoint: &str, request_timeout: Duration) -> Result<Vec<PutEntry>, SinkError> {
    sink(&servers::shared_configuration(), endpoint, request_timeout)
        .put(&shard(), &records())
        .await
}

fn name_of(outcome: &Result<Vec<PutEntry>, SinkError>) -> &'static str {
    match outcome {
        Ok(_) => "answered",
        Err(SinkError::Missing { .. }) => "missing",
        Err(SinkError::Denied { .. }) => "denied",
        Err(SinkError::Throttled { .. }) => "throttled",
        Err(SinkError::NotSent { .. }) => "not sent",
        Err(SinkError::NotReady { .. }) => "not ready",
        Err(SinkError::Outlasted(_)) => "outlasted",
        Err(SinkError::Doubtful { .. }) => "doubtful",
        Err(SinkError::Io { .. }) => "failed",
        Err(SinkError::Refused { .. }) => "refused",
        Err(SinkError::RecordsRefused { .. }) => "records refused",
    }
}

/// Puts once; exactly one request has to come, whatever becomes of it.
async fn check(reply: Reply, expected: &str) {
    let request_timeout = if reply.ending == Ending::Silence {
        SHORT
    } else {
        LONG
    };
    let server = ScriptedServer::start(vec![reply.clone(), reply]).await;
    let outcome = put_to(&server.endpoint, request_timeout).await;
    assert_eq!(name_of(&outcome), expected, "{outcome:?}");
    let requests = server.requests();
    assert_eq!(requests.len(), 1, "{outcome:?}");
    let target = requests
        .first()
        .and_then(|request| request.header("x-amz-target"));
    assert_eq!(target, Some("kinesis_20131202.putrecords"));
}

#[tokio::test]
async fn an_answer_without_words_is_doubt() {
    for ending in [Ending::Close, Ending::Reset, Ending::Silence] {
        check(Reply::nothing(ending), "doubtful").await;
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_doubt() {
    let headers = [
        ("content-type", "application/x-amz-json-1.1"),
        ("content-length", "500"),
    ];
    for ending in [Ending::Close, Ending::Reset, Ending::Silence] {
        let cut = Reply::new(200, &headers, b"{\"FailedRecordCount\":0,\"Records\":[").ending(ending);
        check(cut, "doubtful").await;
    }
}

#[tokio::test]
async fn an_answer_that_makes_no_sense_is_doubt() {
    let one =
        r#"{"FailedRecordCount":0,"Records":[{"SequenceNumber":"1","ShardId":"shardId-000000000000"}]}"#;
    for body in ["", "no json", "[]", "{}", r#"{"FailedRecordCount":0}"#, one] {
        check(json(200, body), "doubtful").await;
    }
}

#[tokio::test]
async fn errors_of_the_service_have_their_meaning_and_are_not_repeated() {
    check(failure(500, "InternalFailure"), "doubtful").await;
    check(failure(503, "ServiceUnavailable"), "doubtful").await;
    check(
        failure(400, "ProvisionedThroughputExceededException"),
        "throttled",
    )
    .await;
    check(failure(400, "ExpiredTokenException"), "not sent").await;
    check(failure(400, "AccessDeniedException"), "denied").await;
    check(failure(400, "ResourceNotFoundException"), "missing").await;
    check(failure(400, "KMSDisabledException"), "refused").await;
    check(failure(400, "InvalidArgumentException"), "records refused").await;
}

#[tokio::test]
async fn each_record_has_its_own_answer() {
    let body = r#"{"FailedRecordCount":0,"Records":[
        {"ErrorCode":"ProvisionedThroughputExceededException","ErrorMessage":"slow down"},
        {"SequenceNumber":"49590338271490256608559692538361571095921575989136588898","ShardId":"shardId-000000000003"}
    ]}"#;
    let server = ScriptedServer::start(vec![json(200, body)]).await;
    let entries = put_to(&server.endpoint, LONG).await.unwrap();
    let expected = [
        PutEntry::Failed {
            code: "ProvisionedThroughputExceededException".to_owned(),
            message: "slow down".to_owned(),
            certainty: Certainty::NotApplied,
        },
        PutEntry::Stored {
            sequence_number: "49590338271490256608559692538361571095921575989136588898".to_owned(),
            shard_id: "shardId-000000000003".into(),
        },
    ];
    assert_eq!(entries, expected);
}

#[tokio::test]
async fn what_never_left_this_machine_is_not_sent() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = format!("http://{}", listener.local_addr().unwrap());
    drop(listener);
    let refused = put_to(&closed, LONG).await;
    assert_eq!(name_of(&refused), "not sent", "{refused:?}");

    let unknown_host = put_to("http://no-such-host.invalid", LONG).await;
    assert_eq!(name_of(&unknown_host), "not sent", "{unknown_host:?}");
}

#[tokio::test]
async fn without_credentials_nothing_is_sent() {
    let provider = provide_credentials_fn(async || Err(CredentialsError::not_loaded("scripted")));
    let keyless = SdkConfig::builder()
        .credentials_provider(SharedCredentialsProvider::new(provider))
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(servers::REGION))
        .build();
    let server = ScriptedServer::start(Vec::new()).await;
    let outcome = sink(&keyless, &server.endpoint, LONG)
        .put(&shard(), &records())
        .await;
    assert_eq!(server.requests().len(), 0);
    assert_eq!(name_of(&outcome), "not sent", "{outcome:?}");
}

#[tokio::test]
async fn looking_is_repeated() {
    let server = ScriptedServer::start(vec![
        failure(500, "InternalFailure"),
        failure(400, "AccessDeniedException"),
    ])
    .await;
    let shared = servers::shared_configuration();
    let outcome = sink(&shared, &server.endpoint, LONG)
        .describe()
        .await
        .unwrap_err();
    assert!(
        outcome
            .to_string()
            .starts_with("kinesis:DescribeStreamSummary on orders was denied"),
        "{outcome}"
    );
    assert_eq!(server.requests().len(), 2);
}

#[tokio::test]
async fn a_wrong_clock_is_corrected_from_the_first_answer() {
    let body =
        r#"{"__type":"InvalidSignatureException","message":"Signature expired: 1 is now earlier than 2"}"#;
    let length = body.len().to_string();
    let headers = [
        ("content-type", "application/x-amz-json-1.1"),
        ("content-length", length.as_str()),
        ("date", "Fri, 01 Jul 2044 00:00:00 GMT"),
    ];
    let too_late = Reply::new(400, &headers, body.as_bytes());
    let server = ScriptedServer::start(vec![too_late.clone(), too_late]).await;
    let sink = sink(&servers::shared_configuration(), &server.endpoint, LONG);
    for _request in 0..2 {
        let outcome = sink.put(&shard(), &records()).await;
        assert_eq!(name_of(&outcome), "not sent", "{outcome:?}");
    }
    let requests = server.requests();
    let years = requests
        .iter()
        .map(|request| request.header("x-amz-date").unwrap().starts_with("2044"));
    assert_eq!(years.collect::<Vec<_>>(), [false, true]);
}

#[tokio::test]
async fn the_shards_of_all_pages_make_the_map() {
    let summary = r#"{"StreamDescriptionSummary":{"StreamName":"orders","StreamARN":"arn","StreamStatus":"UPDATING",
        "RetentionPeriodHours":24,"StreamCreationTimestamp":1.5,"EnhancedMonitoring":[],"OpenShardCount":2,
        "MaxRecordSizeInKiB":2048}}"#;
    let half = u128::MAX / 2;
    let page = |id: &str, start: u128, end: u128, rest: &str| {
        let range = format!(r#"{{"StartingHashKey":"{start}","EndingHashKey":"{end}"}}"#);
        let numbers = r#"{"StartingSequenceNumber":"1"}"#;
        json(
            200,
            &format!(
                r#"{{"Shards":[{{"ShardId":"{id}","HashKeyRange":{range},"SequenceNumberRange":{numbers}}}]{rest}}}"#
            ),
        )
    };
    let first = || page("right", half + 1, u128::MAX, r#","NextToken":"more""#);
    let server = ScriptedServer::start(vec![json(200, summary), first(), page("left", 0, half, "")]).await;
    let described = sink(&servers::shared_configuration(), &server.endpoint, LONG)
        .describe()
        .await
        .unwrap();
    let ids: Vec<_> = described
        .shards
        .shards()
        .iter()
        .map(|shard| shard.id.as_str())
        .collect();
    assert_eq!(ids, ["left", "right"]);
    assert_eq!(described.record_bytes_max, 2 * 1024 * 1024);
    assert_eq!(described.identity, "arn@1.500000000");

    let gap = page("left", 0, half - 1, "");
    let server = ScriptedServer::start(vec![json(200, summary), first(), gap]).await;
    let told = sink(&servers::shared_configuration(), &server.endpoint, LONG)
        .describe()
        .await
        .unwrap_err();
    assert!(matches!(told, SinkError::Doubtful { .. }), "{told}");
}
