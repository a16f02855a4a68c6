//! Writes the body of a PutRecords request.
//!
//! The SDK would take each record as an owned message and an owned key, and copy both again into the body it sends.
//! Records wait here as shared slices of their chunk, so the body is written from them directly: what goes over the
//! wire is the same (see the tests), and half of the copies and all of the allocations per record are gone. Signing,
//! connections, time-outs and the answer stay with the SDK.

use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_types::body::SdkBody;
use base64_simd::STANDARD;
use bytes::Bytes;

use super::is_arn;
use crate::model::BatchRecord;
use crate::route::shard_map::HashKey;
use crate::sink::kpl::Aggregate;

/// Media type of what [`body`] writes: the protocol of the service, version 1.1.
const CONTENT_TYPE: &str = "application/x-amz-json-1.1";
/// What a record takes beside its message and its key: member names, quotes, braces.
const RECORD_FRAME_BYTES: usize = r#"{"Data":"","PartitionKey":""},"#.len();
/// What an explicit hash key takes, with all the digits it can have.
const HASH_KEY_BYTES: usize = r#","ExplicitHashKey":"340282366920938463463374607431768211455""#.len();
/// What the body of an aggregate takes at most beside its message and the name of the stream.
const AGGREGATE_FRAME_BYTES: usize = 128;

/// The body of a request that puts these records into a stream.
///
/// # Errors
/// What is wrong with a record.
pub(super) fn body(stream: &str, records: &[BatchRecord]) -> Result<Bytes, String> {
    let mut out = Vec::with_capacity(bytes_count(stream, records));
    write_stream(&mut out, stream)?;
    out.extend_from_slice(b",\"Records\":[");
    for (index, record) in records.iter().enumerate() {
        let separator: &[u8] = if index == 0 { b"" } else { b"," };
        out.extend_from_slice(separator);
        out.extend_from_slice(b"{\"Data\":\"");
        STANDARD.encode_append(record.payload(), &mut out);
        out.extend_from_slice(b"\",\"PartitionKey\":");
        let written = record
            .partition_key_text()
            .map_err(|error| format!("its partition key is not text: {error}"))
            .and_then(|key| write_string(&mut out, key));
        written.map_err(|detail| format!("record #{}: {detail}", record.ordinal))?;
        if let Some(HashKey(point)) = record.explicit_hash_key() {
            out.extend_from_slice(b",\"ExplicitHashKey\":\"");
            out.extend_from_slice(itoa::Buffer::new().format(point).as_bytes());
            out.push(b'"');
        }
        out.push(b'}');
    }
    out.extend_from_slice(b"]}");
    Ok(out.into())
}

/// The body of a request that puts one aggregate into a stream.
///
/// # Errors
/// What is wrong with the stream's name.
pub(super) fn aggregate_body(stream: &str, aggregate: &Aggregate) -> Result<Bytes, String> {
    let data_bytes = STANDARD.encoded_length(aggregate.bytes.len());
    let mut out = Vec::with_capacity(data_bytes + stream.len() + AGGREGATE_FRAME_BYTES);
    write_stream(&mut out, stream)?;
    out.extend_from_slice(b",\"Records\":[{\"Data\":\"");
    STANDARD.encode_append(&aggregate.bytes, &mut out);
    out.extend_from_slice(b"\",\"PartitionKey\":");
    write_string(&mut out, aggregate.partition_key)?;
    out.extend_from_slice(b",\"ExplicitHashKey\":");
    write_string(&mut out, &aggregate.explicit_hash_key.0.to_string())?;
    out.extend_from_slice(b"}]}");
    Ok(out.into())
}

/// The SDK would send the request in another form than [`body`] writes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the SDK sends {content_type:?} and not {CONTENT_TYPE}")]
pub(super) struct OtherProtocol {
    content_type: String,
}

/// Puts a body into a request of the SDK, before it is signed.
///
/// # Errors
/// If the SDK speaks another protocol by now.
pub(super) fn with_body(mut request: HttpRequest, body: Bytes) -> Result<HttpRequest, OtherProtocol> {
    let headers = request.headers_mut();
    let content_type = headers.get("content-type").unwrap_or_default();
    if content_type != CONTENT_TYPE {
        let content_type = content_type.to_owned();
        return Err(OtherProtocol { content_type });
    }
    // The length of the empty request that the SDK wrote.
    headers.insert("content-length", body.len().to_string());
    *request.body_mut() = SdkBody::from(body);
    Ok(request)
}

/// How large the body is at least; larger only by what is escaped in keys.
fn bytes_count(stream: &str, records: &[BatchRecord]) -> usize {
    let of_record = |record: &BatchRecord| {
        let key_bytes = record.partition_key().len();
        let hash_key_bytes = record.link().map_or(0, |_| HASH_KEY_BYTES);
        STANDARD.encoded_length(record.payload().len()) + key_bytes + hash_key_bytes + RECORD_FRAME_BYTES
    };
    let frame_bytes = r#"{"StreamName":"","Records":[]}"#.len();
    frame_bytes + stream.len() + records.iter().map(of_record).sum::<usize>()
}

/// The beginning of a body, as far as the stream.
fn write_stream(out: &mut Vec<u8>, stream: &str) -> Result<(), String> {
    let member: &[u8] = if is_arn(stream) {
        b"{\"StreamARN\":"
    } else {
        b"{\"StreamName\":"
    };
    out.extend_from_slice(member);
    write_string(out, stream)
}

fn write_string(out: &mut Vec<u8>, text: &str) -> Result<(), String> {
    serde_json::to_writer(out, text).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;
    use crate::model::batch::{Link, LinkKind};
    use crate::route::lane::LaneIndex;
    use crate::route::shard_map::HashRange;
    use crate::sink::kpl::aggregate;

    /// What the service reads out of a body: keys, and messages in their base64 form.
    fn expected(stream: &str, records: &[(String, Vec<u8>)], point: Option<HashKey>) -> Value {
        let entries = records.iter().map(|(key, payload)| {
            let mut entry = json!({ "Data": STANDARD.encode_to_string(payload), "PartitionKey": key });
            if let Some(HashKey(point)) = point {
                entry["ExplicitHashKey"] = json!(point.to_string());
            }
            entry
        });
        json!({ "StreamName": stream, "Records": entries.collect::<Vec<_>>() })
    }

    proptest! {
        #[test]
        fn the_body_is_json_of_the_records_and_needs_no_more_room_than_foreseen(
            records in proptest::collection::vec((".{1,20}", proptest::collection::vec(any::<u8>(), 0..50)), 1..10),
            lane in proptest::option::of(any::<u128>()),
        ) {
            let lane = lane.map(|point| LaneIndex::of(HashKey(point)));
            let link = lane.map(|lane| Link { lane, kind: LinkKind::Record });
            let batch: Vec<_> = records
                .iter()
                .zip(0..)
                .map(|((key, payload), ordinal)| BatchRecord::new(ordinal, payload, key.as_bytes()).with_link(link))
                .collect();
            let written = body("orders", &batch).unwrap();
            prop_assert_eq!(serde_json::from_slice::<Value>(&written).unwrap(), expected("orders", &records, lane.map(LaneIndex::point)));
            let needs_escapes = records.iter().any(|(key, _)| {
                serde_json::to_string(key).unwrap().len() > key.len() + 2
            });
            prop_assert!(needs_escapes || written.len() <= bytes_count("orders", &batch));
        }
    }

    #[test]
    fn an_aggregate_is_one_record_with_a_hash_key_of_its_shard() {
        let records: Vec<_> = (0..3)
            .map(|ordinal| BatchRecord::new(ordinal, b"{}", b"k"))
            .collect();
        let end = u128::MAX;
        let aggregate = aggregate(HashRange { start: 1 << 126, end }, &records).unwrap();
        let written = aggregate_body("orders", &aggregate).unwrap();
        let expected = json!({ "StreamName": "orders", "Records": [{
            "Data": STANDARD.encode_to_string(&aggregate.bytes),
            "PartitionKey": "a",
            "ExplicitHashKey": "85070591730234615865843651857942052864",
        }] });
        assert_eq!(serde_json::from_slice::<Value>(&written).unwrap(), expected);
        assert!(
            written.len()
                <= STANDARD.encoded_length(aggregate.bytes.len()) + "orders".len() + AGGREGATE_FRAME_BYTES
        );
    }

    #[test]
    fn a_request_of_another_protocol_is_not_touched() {
        let outcome = with_body(HttpRequest::empty(), Bytes::from_static(b"{}"));
        let problem = outcome.unwrap_err().to_string();
        assert_eq!(problem, "the SDK sends \"\" and not application/x-amz-json-1.1");
    }

    #[test]
    fn a_key_that_is_no_text_is_refused() {
        let record = BatchRecord::new(7, b"{}", &[0xFF]);
        let problem = body("orders", &[record]).unwrap_err();
        assert!(
            problem.starts_with("record #7: its partition key is not text"),
            "{problem}"
        );
    }
}
