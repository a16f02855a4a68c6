//! What `S3Source` does when answers break off, stall, or are not what was asked for.
#![allow(
    clippy::unwrap_used,
    clippy::missing_assert_message,
    reason = "a test that cannot be set up has to fail"
)]

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bucket_brigade::clock::SystemClock;
use bucket_brigade::delays::Delays;
use bucket_brigade::flow::outage::{Outages, Timing};
use bucket_brigade::model::ObjectVersion;
use bucket_brigade::source::patient::PatientSource;
use bucket_brigade::source::s3::{Patience, S3Options, S3Source};
use bucket_brigade::source::{ListCursor, ObjectSource, SourceError};
use bytes::Bytes;
use futures_util::{StreamExt, TryStreamExt};
use tokio::runtime::Handle;

use crate::servers;
use crate::servers::scripted::{Ending, Reply, ScriptedServer};

const CONTENT: &[u8] = b"0123456789abcdefghijklmnopqrstuvwxyz";
const ETAG: &str = "\"e1\"";

fn version() -> ObjectVersion {
    ObjectVersion {
        key: "orders/LOAD 1.csv".to_owned(),
        etag: "e1".to_owned(),
        size_bytes: size(),
        modified_ms: 0,
    }
}

fn size() -> u64 {
    u64::try_from(CONTENT.len()).unwrap()
}

/// For servers that answer, however busy this machine is.
const LONG: Duration = Duration::from_mins(1);
/// For servers that fall silent.
const SHORT: Duration = Duration::from_secs(1);

fn source(server: &ScriptedServer) -> S3Source {
    source_with(server, LONG)
}

fn source_with(server: &ScriptedServer, stall_timeout: Duration) -> S3Source {
    let options = S3Options {
        bucket: "bucket".to_owned(),
        region: None,
        endpoint: Some(server.endpoint.clone()),
        path_style: true,
        requester_pays: true,
        checked_prefix: "orders/".to_owned(),
        expected_bucket_owner: Some("111122223333".to_owned()),
        patience: Patience {
            stall_timeout,
            attempts_max: 4,
            delay_first: Duration::from_millis(1),
            delay_max: Duration::from_millis(5),
        },
    };
    S3Source::new(&servers::shared_configuration(), options, Handle::current())
}

/// A right answer from `position` on, of which only `sent` bytes of the body come.
fn part(position: usize, sent: usize) -> Reply {
    let rest = CONTENT.split_at(position).1;
    let length = rest.len().to_string();
    let range = format!("bytes {position}-{}/{}", CONTENT.len() - 1, CONTENT.len());
    let mut headers = vec![("etag", ETAG), ("content-length", length.as_str())];
    if position > 0 {
        headers.push(("content-range", &range));
    }
    let status = if position > 0 { 206 } else { 200 };
    Reply::new(status, &headers, rest.split_at(sent).0)
}

fn failure(status: u16, code: &str) -> Reply {
    let body =
        format!("<?xml version=\"1.0\"?><Error><Code>{code}</Code><Message>scripted</Message></Error>");
    let length = body.len().to_string();
    Reply::new(status, &[("content-length", &length)], body.as_bytes())
}

async fn read(source: &S3Source, position: u64) -> Result<Bytes, SourceError> {
    let pieces: Vec<Bytes> = source.read(&version(), position).await?.try_collect().await?;
    Ok(pieces.concat().into())
}

/// Reads the whole object from a script; answers the outcome and the requested ranges.
async fn read_scripted(replies: Vec<Reply>) -> (Result<Bytes, SourceError>, Vec<Option<String>>) {
    let falls_silent = replies.iter().any(|reply| reply.ending == Ending::Silence);
    let server = ScriptedServer::start(replies).await;
    let source = source_with(&server, if falls_silent { SHORT } else { LONG });
    let outcome = read(&source, 0).await;
    let requests = server.requests();
    for request in &requests {
        assert_eq!(request.header("if-match"), Some(ETAG), "{}", request.head);
        assert_eq!(request.header("x-amz-request-payer"), Some("requester"));
        assert_eq!(
            request.header("x-amz-expected-bucket-owner"),
            Some("111122223333"),
            "{}",
            request.head
        );
    }
    let ranges = requests
        .iter()
        .map(|request| request.header("range").map(str::to_owned));
    (outcome, ranges.collect())
}

#[tokio::test]
async fn a_body_that_breaks_off_is_resumed_at_the_exact_byte() {
    for ending in [Ending::Close, Ending::Reset, Ending::Silence] {
        for cut in [0, 1, 17, CONTENT.len() - 1] {
            let rest = CONTENT.len() - cut;
            let (outcome, ranges) = read_scripted(vec![part(0, cut).ending(ending), part(cut, rest)]).await;
            assert_eq!(outcome.unwrap(), CONTENT, "{ending:?} after {cut}");
            let expected = (cut > 0).then(|| format!("bytes={cut}-"));
            assert_eq!(ranges, [None, expected], "{ending:?} after {cut}");
        }
    }
}

#[tokio::test]
async fn a_part_that_breaks_off_is_resumed_up_to_its_own_end() {
    let answer = |start: usize, sent: usize| {
        let part = CONTENT.get(start..30).unwrap();
        let (length, range) = (
            part.len().to_string(),
            format!("bytes {start}-29/{}", CONTENT.len()),
        );
        let headers = [
            ("etag", ETAG),
            ("content-length", length.as_str()),
            ("content-range", range.as_str()),
        ];
        Reply::new(206, &headers, part.split_at(sent).0)
    };
    let server = ScriptedServer::start(vec![answer(10, 7).ending(Ending::Reset), answer(17, 13)]).await;
    let source = source(&server);
    let body = source.read_range(&version(), 10..30).await.unwrap();
    let pieces: Vec<Bytes> = body.try_collect().await.unwrap();
    assert_eq!(Some(&pieces.concat()[..]), CONTENT.get(10..30));
    let requests = server.requests();
    let ranges: Vec<_> = requests.iter().map(|request| request.header("range")).collect();
    assert_eq!(ranges, [Some("bytes=10-29"), Some("bytes=17-29")]);
    let witness = source.witness().unwrap();
    assert_eq!(witness.resumes(), 1, "it is counted");
    assert_eq!(
        witness.requests(),
        [("GetObject".to_owned(), "206".to_owned(), 2)],
        "and so is each request"
    );
}

#[tokio::test]
async fn progress_renews_the_patience() {
    let replies = (0..CONTENT.len()).map(|position| part(position, 1));
    let (outcome, ranges) = read_scripted(replies.collect()).await;
    assert_eq!(outcome.unwrap(), CONTENT);
    assert_eq!(ranges.len(), CONTENT.len());
}

#[tokio::test]
async fn no_progress_ends_the_patience_and_counts_the_attempts() {
    let (outcome, ranges) = read_scripted(vec![part(0, 0); 9]).await;
    let is_told = matches!(&outcome, Err(SourceError::Unreachable { attempts: 4, .. }));
    assert!(is_told, "{outcome:?}");
    assert_eq!(ranges.len(), 4);
}

#[tokio::test]
async fn a_server_in_trouble_is_asked_again() {
    let replies = vec![
        failure(503, "SlowDown"),
        failure(500, "InternalError"),
        part(0, 10),
        failure(503, "SlowDown"),
        part(10, CONTENT.len() - 10),
    ];
    let (outcome, _) = read_scripted(replies).await;
    assert_eq!(outcome.unwrap(), CONTENT);
}

/// Longer than the client itself tries, and with a token that expires meanwhile.
#[tokio::test]
async fn an_outage_is_waited_for_and_the_body_goes_on_at_the_byte() {
    let expired = vec![failure(400, "ExpiredToken"); 9];
    let mut replies = vec![failure(503, "SlowDown"); 40];
    replies.push(part(0, 17).ending(Ending::Reset));
    replies.extend(vec![failure(500, "InternalError"); 40]);
    replies.extend(expired);
    replies.push(part(17, CONTENT.len() - 17));
    let server = ScriptedServer::start(replies).await;
    let timing = Timing {
        delays: Delays::new(Duration::from_millis(1), Duration::from_millis(5)),
        told_after: Duration::from_millis(1),
        silent_after: Duration::from_secs(10),
    };
    let outages = Outages::new(None, timing, Arc::new(SystemClock));
    let source = PatientSource::new(Arc::new(source(&server)), outages.clone());
    let pieces: Vec<Bytes> = source
        .read(&version(), 0)
        .await
        .unwrap()
        .try_collect()
        .await
        .unwrap();
    assert_eq!(pieces.concat(), CONTENT);
    assert_eq!(outages.current(), []);
    let requests = server.requests();
    assert_eq!(requests.len(), 91, "every answer of the script was needed");
    let last = requests.last().unwrap();
    assert_eq!(last.header("range"), Some("bytes=17-"));
}

#[tokio::test]
async fn another_version_is_never_mixed_in() {
    let rest = CONTENT.split_at(10).1;
    let length = rest.len().to_string();
    let headers = [
        ("etag", "\"e2\""),
        ("content-length", length.as_str()),
        ("content-range", "bytes 10-35/36"),
    ];
    let ignores_the_condition = Reply::new(206, &headers, rest);
    for second in [
        ignores_the_condition,
        failure(412, "PreconditionFailed"),
        failure(416, "InvalidRange"),
    ] {
        let server = ScriptedServer::start(vec![part(0, 10), second]).await;
        let source = source(&server);
        let items: Vec<_> = source.read(&version(), 0).await.unwrap().collect().await;
        let (last, pieces) = items.split_last().unwrap();
        let read: Vec<Bytes> = pieces.iter().map(|piece| piece.clone().unwrap()).collect();
        assert_eq!(read.concat(), CONTENT.split_at(10).0);
        assert!(matches!(last, Err(SourceError::Changed { .. })), "{last:?}");
    }
}

#[tokio::test]
async fn an_answer_that_is_not_about_the_bytes_asked_for_is_not_used() {
    let length = CONTENT.len().to_string();
    let rest_length = (CONTENT.len() - 10).to_string();
    let whole_to_a_range = Reply::new(200, &[("etag", ETAG), ("content-length", &length)], CONTENT);
    let wrong_range = [
        ("etag", ETAG),
        ("content-length", &rest_length),
        ("content-range", "bytes 9-34/36"),
    ];
    let wrong_range = Reply::new(206, &wrong_range, CONTENT.split_at(10).1);
    let too_long = [("etag", ETAG), ("content-range", "bytes 10-35/36")];
    let too_long = Reply::new(206, &too_long, CONTENT);
    for wrong in [whole_to_a_range, wrong_range, too_long] {
        let right = part(10, CONTENT.len() - 10);
        let (outcome, ranges) = read_scripted(vec![part(0, 10), wrong, right]).await;
        assert_eq!(outcome.unwrap(), CONTENT);
        assert_eq!(ranges.len(), 3);
    }
}

#[tokio::test]
async fn an_error_that_no_retry_cures_is_told_at_once() {
    let check = async |reply: Reply, expected: &str| {
        let (outcome, ranges) = read_scripted(vec![reply]).await;
        let told = outcome.unwrap_err().to_string();
        assert!(told.contains(expected), "{told}");
        assert_eq!(ranges.len(), 1, "{told}");
    };
    check(failure(404, "NoSuchKey"), "vanished").await;
    check(failure(404, "NoSuchBucket"), "does not exist").await;
    check(
        failure(403, "AccessDenied"),
        "s3:GetObject on s3://bucket/orders/LOAD 1.csv was denied",
    )
    .await;
    check(failure(400, "AuthorizationHeaderMalformed"), "source.s3.region").await;
}

#[tokio::test]
async fn the_end_of_an_object_needs_no_request() {
    let server = ScriptedServer::start(Vec::new()).await;
    let source = source(&server);
    assert_eq!(read(&source, size()).await.unwrap(), "");
    assert_eq!(source.counters().get_requests.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn a_stream_that_is_dropped_closes_its_connection() {
    let mut server = ScriptedServer::start(vec![part(0, 10).ending(Ending::Silence)]).await;
    let source = source(&server);
    let mut body = source.read(&version(), 0).await.unwrap();
    assert_eq!(body.next().await.unwrap().unwrap(), CONTENT.split_at(10).0);
    drop(body);
    server.client_gave_up().await;
}

#[test]
fn a_source_outlives_the_runtime_it_is_called_from() {
    let own = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let whole = || part(0, CONTENT.len());
    let server = own.block_on(ScriptedServer::start(vec![whole(), whole()]));
    let source = own.block_on(async { source(&server) });
    for _caller in 0..2 {
        let short_lived = tokio::runtime::Builder::new_current_thread().build().unwrap();
        assert_eq!(short_lived.block_on(read(&source, 0)).unwrap(), CONTENT);
    }
}

const PAGE: &str = r#"<?xml version="1.0"?><ListBucketResult><EncodingType>url</EncodingType>
<IsTruncated>true</IsTruncated>
<Contents><Key>a/1+%2B%0A</Key><ETag>"e1"</ETag><Size>3</Size><LastModified>2026-11-01T00:00:00.250Z</LastModified></Contents>
<Contents><Key>a/b/</Key><ETag>"e2"</ETag><Size>0</Size></Contents>
</ListBucketResult>"#;

#[tokio::test]
async fn a_listing_is_asked_for_again_and_read_exactly() {
    let length = PAGE.len().to_string();
    let page = Reply::new(200, &[("content-length", &length)], PAGE.as_bytes());
    let server = ScriptedServer::start(vec![failure(503, "SlowDown"), page]).await;
    let after = ListCursor {
        start_after: "a/0 é".to_owned(),
    };
    let found = source(&server).list("a/", Some(&after)).await.unwrap();
    let expected = ObjectVersion {
        key: "a/1 +\n".to_owned(),
        etag: "e1".to_owned(),
        size_bytes: 3,
        modified_ms: 1_793_491_200_250,
    };
    assert_eq!(found.objects, [expected]);
    assert_eq!(found.next.unwrap().start_after, "a/b/");

    let requests = server.requests();
    assert_eq!(requests.len(), 2);
    for request in &requests {
        for part in [
            "list-type=2",
            "prefix=a%2f",
            "start-after=a%2f0%20%c3%a9",
            "max-keys=1000",
            "encoding-type=url",
        ] {
            assert!(request.head.contains(part), "{part}: {}", request.head);
        }
        assert_eq!(
            request.header("x-amz-expected-bucket-owner"),
            Some("111122223333")
        );
        assert_eq!(request.header("x-amz-request-payer"), Some("requester"));
    }
}

#[tokio::test]
async fn a_listing_that_cannot_work_says_what_to_do() {
    let check = async |reply: Reply, expected: &str| {
        let server = ScriptedServer::start(vec![reply]).await;
        let told = source(&server).check().await.unwrap_err().to_string();
        assert!(told.contains(expected), "{told}");
        assert_eq!(server.requests().len(), 1, "{told}");
    };
    let moved = [("x-amz-bucket-region", "eu-central-1"), ("content-length", "0")];
    check(Reply::new(301, &moved, b""), "set source.s3.region to it").await;
    check(
        failure(403, "AccessDenied"),
        "s3:ListBucket on s3://bucket/orders/ was denied",
    )
    .await;
    check(failure(404, "NoSuchBucket"), "does not exist").await;
    let directory_bucket = PAGE.replace("a/b/", "A");
    let length = directory_bucket.len().to_string();
    let page = Reply::new(200, &[("content-length", &length)], directory_bucket.as_bytes());
    let server = ScriptedServer::start(vec![page]).await;
    let told = source(&server).list("", None).await.unwrap_err().to_string();
    assert!(told.contains("not in key order"), "{told}");
}
