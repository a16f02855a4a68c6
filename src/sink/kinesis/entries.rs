//! Reads the answer to PutRecords, entry by entry.
//!
//! The SDK would make two texts of each record's entry, which costs more than everything else that is done with an
//! answer. Here the entries share the name of their shard. A record counts as stored only if its own entry says so
//! with a sequence number; the count of failed records in the answer is never looked at. A request that failed as a
//! whole is left to the SDK.

use std::borrow::Cow;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_kinesis::config::interceptors::BeforeDeserializationInterceptorContextRef;
use aws_sdk_kinesis::config::{ConfigBag, Intercept, RuntimeComponents};
use aws_sdk_kinesis::error::BoxError;
use aws_sdk_kinesis::operation::put_records::PutRecordsOutput;
use aws_smithy_runtime_api::client::interceptors::context::{Output, OutputOrError};
use aws_smithy_runtime_api::client::orchestrator::{HttpResponse, OrchestratorError};
use aws_smithy_runtime_api::client::ser_de::{DeserializeResponse, SharedResponseDeserializer};
use serde::Deserialize;

use super::said::without_values;
use crate::fault::Certainty;
use crate::sink::PutEntry;

/// The one code that says a record was certainly not stored.
const THROTTLED: &str = "ProvisionedThroughputExceededException";

/// Takes the entries out of the answer to the one request that it is given to.
#[derive(Debug, Clone, Default)]
pub(super) struct EntryReader(Arc<Mutex<Vec<PutEntry>>>);

impl EntryReader {
    /// The entries; none until the request succeeded.
    pub(super) fn take(&self) -> Vec<PutEntry> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Intercept for EntryReader {
    fn name(&self) -> &'static str {
        "EntryReader"
    }

    fn read_before_deserialization(
        &self,
        context: &BeforeDeserializationInterceptorContextRef<'_>,
        _components: &RuntimeComponents,
        config: &mut ConfigBag,
    ) -> Result<(), BoxError> {
        if context.response().status().is_success() {
            let reader = SharedResponseDeserializer::new(self.clone());
            config.interceptor_state().store_put(reader);
        }
        Ok(())
    }
}

impl DeserializeResponse for EntryReader {
    fn deserialize_nonstreaming_with_config(
        &self,
        response: &HttpResponse,
        _config: &ConfigBag,
    ) -> OutputOrError {
        let body = response.body().bytes().unwrap_or_default();
        let entries = entries_of(body).map_err(OrchestratorError::other)?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = entries;
        let rest = PutRecordsOutput::builder().set_records(Some(Vec::new())).build();
        rest.map(Output::erase).map_err(OrchestratorError::other)
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Answer<'a> {
    #[serde(borrow)]
    records: Vec<AnsweredEntry<'a>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct AnsweredEntry<'a> {
    #[serde(borrow)]
    sequence_number: Option<Text<'a>>,
    #[serde(borrow)]
    shard_id: Option<Text<'a>>,
    error_code: Option<String>,
    error_message: Option<String>,
}

/// Text without escapes is not copied.
#[derive(Debug, Deserialize)]
struct Text<'a>(#[serde(borrow)] Cow<'a, str>);

/// The entries of an answer.
fn entries_of(body: &[u8]) -> Result<Vec<PutEntry>, BoxError> {
    // Once for all texts.
    let body = str::from_utf8(body)?;
    let answer: Result<Answer<'_>, _> = serde_json::from_str(body);
    // The error itself may quote what it does not expect.
    let answer = answer.map_err(|error| {
        format!(
            "it is not an answer to PutRecords from column {} on",
            error.column()
        )
    })?;
    let mut last_shard: Arc<str> = Arc::default();
    let entries = answer.records.into_iter().map(|entry| {
        let code = entry.error_code.filter(|code| !code.is_empty());
        match (code, entry.sequence_number, entry.shard_id) {
            (None, Some(Text(sequence_number)), Some(Text(shard_id))) => {
                if *last_shard != *shard_id {
                    last_shard = shard_id.into();
                }
                PutEntry::Stored {
                    sequence_number: sequence_number.into_owned(),
                    shard_id: Arc::clone(&last_shard),
                }
            }
            (code, _, _) => failed(code, entry.error_message),
        }
    });
    Ok(entries.collect())
}

fn failed(code: Option<String>, message: Option<String>) -> PutEntry {
    let code = code.unwrap_or_else(|| "MissingSequenceNumber".to_owned());
    PutEntry::Failed {
        certainty: if code == THROTTLED {
            Certainty::NotApplied
        } else {
            Certainty::MaybeApplied
        },
        message: without_values(Some(&code), &message.unwrap_or_default()),
        code,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn read(records: &Value) -> Vec<PutEntry> {
        let answer = json!({ "FailedRecordCount": 7, "EncryptionType": "KMS", "Records": records });
        entries_of(answer.to_string().as_bytes()).unwrap()
    }

    fn stored(shard_id: &str, sequence_number: &str) -> PutEntry {
        PutEntry::Stored {
            sequence_number: sequence_number.to_owned(),
            shard_id: shard_id.into(),
        }
    }

    /// D1.
    #[test]
    fn a_record_is_stored_only_if_its_entry_says_so_without_an_error() {
        let check = |given: Value, expected: Option<(&str, Certainty)>| match (
            read(&json!([given])).remove(0),
            expected,
        ) {
            (PutEntry::Stored { sequence_number, .. }, None) => assert_eq!(sequence_number, "7"),
            (PutEntry::Failed { code, certainty, .. }, Some(expected)) => {
                assert_eq!((code.as_str(), certainty), expected);
            }
            (found, expected) => panic!("{found:?} instead of {expected:?}"),
        };
        check(json!({ "SequenceNumber": "7", "ShardId": "s" }), None);
        check(
            json!({ "SequenceNumber": "7", "ShardId": "s", "ErrorCode": null, "More": [1] }),
            None,
        );
        check(
            json!({ "SequenceNumber": "7", "ShardId": "s", "ErrorCode": "" }),
            None,
        );
        check(
            json!({ "ErrorCode": THROTTLED, "ErrorMessage": "slow down" }),
            Some((THROTTLED, Certainty::NotApplied)),
        );
        let failure = Some(("InternalFailure", Certainty::MaybeApplied));
        check(json!({ "ErrorCode": "InternalFailure" }), failure);
        check(
            json!({ "SequenceNumber": "7", "ShardId": "s", "ErrorCode": "InternalFailure" }),
            failure,
        );
        let missing = Some(("MissingSequenceNumber", Certainty::MaybeApplied));
        check(json!({ "ShardId": "s" }), missing);
        check(json!({ "SequenceNumber": null, "ShardId": "s" }), missing);
        check(json!({ "SequenceNumber": "7" }), missing);
    }

    #[test]
    fn what_an_entry_says_of_its_record_is_left_out() {
        let entry =
            json!({ "ErrorCode": "ValidationException", "ErrorMessage": "the key canary is too long" });
        let told = format!("{:?}", read(&json!([entry])));
        assert!(!told.contains("canary"), "{told}");
        let body = r#"{"Records":[{"SequenceNumber":{"canary":1},"ShardId":"a"}]}"#;
        let error = entries_of(body.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("column") && !error.contains("canary"), "{error}");
    }

    #[test]
    fn an_answer_that_cannot_be_read_is_an_error() {
        for body in [
            "",
            "{}",
            r#"{"Records":null}"#,
            r#"{"Records":[{"SequenceNumber":"1","ShardId":"a"}]"#,
            r#"{"Records":[{"SequenceNumber":1,"ShardId":"a"}]}"#,
        ] {
            assert!(entries_of(body.as_bytes()).is_err(), "{body}");
        }
    }

    proptest! {
        #[test]
        fn entries_come_in_order_each_with_its_shard(
            places in proptest::collection::vec((".{0,3}", "[0-9]{1,56}"), 0..20),
        ) {
            let records = places.iter().map(|(shard_id, number)| {
                json!({ "SequenceNumber": number, "ShardId": shard_id })
            });
            let expected: Vec<_> = places.iter().map(|(shard_id, number)| stored(shard_id, number)).collect();
            prop_assert_eq!(read(&records.collect()), expected);
        }
    }
}
