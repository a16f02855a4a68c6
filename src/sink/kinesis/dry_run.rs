//! Asks whether records may be written, without writing one: a PutRecords with `DryRun`, which the service answers with
//! `DryRunOperationException` if it would have succeeded
//! (<https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecords.html>).
//!
//! Only AWS is asked. Servers that stand in for it may not know the parameter, and would store the record.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_sdk_kinesis::error::SdkError;
use aws_sdk_kinesis::operation::put_records::PutRecordsError;
use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;

use super::classify::{PUT_RECORDS, classify};
use super::{KinesisSink, arn_of, name_of, within};
use crate::sink::{SinkError, WriteRight};

/// Partition key and bytes of the record that is not written.
const PROBE: &str = "brigade dry run";
/// The domains in which AWS answers.
const AWS_DOMAINS: [&str; 4] = [
    ".amazonaws.com",
    ".amazonaws.com.cn",
    ".api.aws",
    ".api.amazonwebservices.com.cn",
];

impl KinesisSink {
    /// Whether records may be written.
    pub(super) async fn ask_to_write(&self) -> Result<WriteRight, SinkError> {
        let call = self.call(PUT_RECORDS);
        let entry = PutRecordsRequestEntry::builder()
            .partition_key(PROBE)
            .data(Blob::new(PROBE))
            .build();
        let entry = entry.map_err(|error| call.refused(error.to_string()))?;
        let is_elsewhere = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&is_elsewhere);
        let request = self
            .putting
            .put_records()
            .set_stream_name(name_of(&self.stream))
            .set_stream_arn(arn_of(&self.stream))
            .records(entry)
            .dry_run(true)
            .customize()
            .map_request(move |request| {
                if is_of_aws(request.uri()) {
                    return Ok(request);
                }
                seen.store(true, Ordering::Relaxed);
                Err(io::Error::other("not a host of AWS"))
            });
        match within(&self.runtime, request.send()).await {
            Err(_) if is_elsewhere.load(Ordering::Relaxed) => Ok(WriteRight::NotAsked),
            Err(SdkError::ServiceError(answer))
                if matches!(answer.err(), PutRecordsError::DryRunOperationException(_)) =>
            {
                Ok(WriteRight::Granted)
            }
            Err(error) => Err(classify(&call, &error)),
            Ok(_) => Err(call.doubtful(
                "the service carried out a dry run: one record with the key \"brigade dry run\" is in the stream".to_owned(),
            )),
        }
    }
}

/// Whether a request goes to AWS.
fn is_of_aws(uri: &str) -> bool {
    let rest = uri.split_once("://").map_or(uri, |(_scheme, rest)| rest);
    let host = rest.split(['/', ':', '?']).next().unwrap_or_default();
    AWS_DOMAINS.iter().any(|domain| host.ends_with(domain))
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use aws_config::{BehaviorVersion, Region, SdkConfig};
    use aws_credential_types::Credentials;
    use aws_credential_types::provider::SharedCredentialsProvider;
    use aws_smithy_runtime_api::client::http::{
        HttpConnector, HttpConnectorFuture, SharedHttpConnector, http_client_fn,
    };
    use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
    use aws_smithy_runtime_api::http::{Response, StatusCode};
    use aws_smithy_types::body::SdkBody;
    use tokio::runtime::Handle;

    use super::*;
    use crate::settings::Aggregation;
    use crate::sink::kinesis::KinesisOptions;

    /// Answers every request with this status and error.
    #[derive(Debug, Clone, Copy)]
    struct Answering(u16, &'static str);

    impl HttpConnector for Answering {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            let body = request.body().bytes().unwrap_or_default();
            let body: serde_json::Value = serde_json::from_slice(body).unwrap();
            assert_eq!(body["DryRun"], true);
            let body = SdkBody::from(format!(r#"{{"__type":"{}","Records":[]}}"#, self.1));
            let status = StatusCode::try_from(self.0).unwrap();
            HttpConnectorFuture::ready(Ok(Response::new(status, body)))
        }
    }

    async fn asked(endpoint: Option<&str>, answer: Answering) -> Result<WriteRight, SinkError> {
        let connector = SharedHttpConnector::new(answer);
        let shared = SdkConfig::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::new("eu-central-1"))
            .credentials_provider(SharedCredentialsProvider::new(Credentials::new(
                "id", "secret", None, None, "test",
            )))
            .http_client(http_client_fn(move |_settings, _components| connector.clone()))
            .build();
        let options = KinesisOptions {
            stream: "orders".to_owned(),
            region: None,
            endpoint: endpoint.map(str::to_owned),
            request_timeout: Duration::from_secs(5),
            aggregation: Aggregation::None,
        };
        KinesisSink::new(&shared, options, Handle::current())
            .ask_to_write()
            .await
    }

    #[tokio::test]
    async fn a_dry_run_says_whether_records_may_be_written() {
        let granted = asked(None, Answering(400, "DryRunOperationException")).await;
        assert_eq!(granted.unwrap(), WriteRight::Granted);
        let denied = asked(None, Answering(400, "AccessDeniedException")).await;
        assert!(matches!(denied, Err(SinkError::Denied { .. })), "{denied:?}");
        let written = asked(None, Answering(200, "")).await;
        assert!(matches!(written, Err(SinkError::Doubtful { .. })), "{written:?}");
    }

    #[tokio::test]
    async fn only_aws_is_asked() {
        let elsewhere = asked(Some("http://127.0.0.1:4567"), Answering(200, "")).await;
        assert_eq!(elsewhere.unwrap(), WriteRight::NotAsked);
        for (uri, is_aws) in [
            ("https://kinesis.eu-central-1.amazonaws.com/", true),
            ("https://vpce-1-a.kinesis.eu-central-1.vpce.amazonaws.com", true),
            ("https://kinesis.cn-north-1.amazonaws.com.cn:443/", true),
            ("https://kinesis.eu-central-1.api.aws/", true),
            ("http://localhost:4566/?x=.amazonaws.com", false),
            ("https://amazonaws.com.example.org/", false),
            ("https://notamazonaws.com/", false),
        ] {
            assert_eq!(is_of_aws(uri), is_aws, "{uri}");
        }
    }
}
