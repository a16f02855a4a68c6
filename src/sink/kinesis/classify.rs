//! Says what a failed call means for the records in it. It only reads errors; nothing is sent here.
//!
//! The question is always: can the service have stored something? Only what is provably unsent, and what the
//! service itself says it turned away, counts as not stored. Everything else is doubt, which is never wrong.

use std::error::Error;
use std::io;

use aws_sdk_kinesis::config::http::HttpResponse;
use aws_sdk_kinesis::error::{ProvideErrorMetadata, SdkError};
use aws_smithy_runtime_api::client::dns::ResolveDnsError;

use super::said::without_values;
use crate::aws::{causes, lacks_credentials, text_of};
use crate::sink::SinkError;

/// The call whose requests are made of rows.
pub(super) const PUT_RECORDS: &str = "kinesis:PutRecords";

/// Which call is spoken of.
#[derive(Debug, Clone, Copy)]
pub(super) struct Call<'a> {
    /// The IAM action.
    pub(super) action: &'static str,
    /// The stream.
    pub(super) stream: &'a str,
}

impl Call<'_> {
    pub(super) fn doubtful(&self, detail: String) -> SinkError {
        SinkError::Doubtful {
            action: self.action,
            stream: self.stream.to_owned(),
            detail,
        }
    }

    pub(super) fn refused(&self, detail: String) -> SinkError {
        SinkError::Refused {
            action: self.action,
            stream: self.stream.to_owned(),
            detail,
        }
    }

    pub(super) fn records_refused(&self, detail: String) -> SinkError {
        SinkError::RecordsRefused {
            action: self.action,
            stream: self.stream.to_owned(),
            detail,
        }
    }

    pub(super) fn not_ready(&self, detail: String) -> SinkError {
        SinkError::NotReady {
            stream: self.stream.to_owned(),
            detail,
        }
    }

    pub(super) fn not_sent(&self, detail: String) -> SinkError {
        SinkError::NotSent {
            action: self.action,
            stream: self.stream.to_owned(),
            detail,
        }
    }
}

/// What a failed call means.
pub(super) fn classify<E>(call: &Call<'_>, error: &SdkError<E, HttpResponse>) -> SinkError
where
    E: ProvideErrorMetadata + Error + 'static,
{
    if let SdkError::ServiceError(answer) = error {
        let status = answer.raw().status().as_u16();
        let error = answer.err();
        return classify_answer(call, status, error.code(), error.message());
    }
    let detail = text_of(error);
    if lacks_credentials(error) {
        // There is no request without a signature; other credentials may be on their way.
        return call.not_sent(detail);
    }
    if matches!(error, SdkError::ConstructionFailure(_)) {
        return call.refused(detail);
    }
    if matches!(error, SdkError::DispatchFailure(_)) && was_never_connected(error) {
        return call.not_sent(detail);
    }
    // Time-outs, resets, answers that cannot be read, and whatever a newer SDK adds.
    call.doubtful(detail)
}

/// What an answer says, in one sentence that holds nothing of a row.
fn detail_of(call: &Call<'_>, status: u16, code: Option<&str>, message: Option<&str>) -> String {
    let told = message.map(|message| {
        if call.action == PUT_RECORDS {
            without_values(code, message)
        } else {
            message.to_owned()
        }
    });
    match (code, told) {
        (Some(code), Some(told)) => format!("{code}: {told}"),
        (Some(code), None) => code.to_owned(),
        (None, Some(told)) => told,
        (None, None) => format!("HTTP status {status}"),
    }
}

/// What an answer means that is an error.
fn classify_answer(call: &Call<'_>, status: u16, code: Option<&str>, message: Option<&str>) -> SinkError {
    let stream = call.stream.to_owned();
    let detail = detail_of(call, status, code, message);
    if message
        .is_some_and(|text| text.contains("Signature expired") || text.contains("Signature not yet current"))
    {
        // A clock is wrong. The SDK has learned by how much from this answer; the next request will fit.
        return call.not_sent(detail);
    }
    match code.unwrap_or_default() {
        "ProvisionedThroughputExceededException"
        | "LimitExceededException"
        | "KMSThrottlingException"
        | "ThrottlingException"
        | "Throttling"
        | "ThrottledException"
        | "RequestLimitExceeded"
        | "RequestThrottled"
        | "TooManyRequestsException"
        // The stream is being created or changed; later it will answer.
        | "ResourceInUseException" => SinkError::Throttled { stream, detail },
        "ExpiredTokenException" | "ExpiredToken" | "RequestExpired" => call.not_sent(detail),
        "ResourceNotFoundException" => SinkError::Missing { stream },
        "AccessDeniedException"
        | "AccessDenied"
        | "UnrecognizedClientException"
        | "InvalidClientTokenId"
        | "InvalidSignatureException"
        | "IncompleteSignatureException"
        | "IncompleteSignature"
        | "SignatureDoesNotMatch"
        | "MissingAuthenticationTokenException"
        | "MissingAuthenticationToken"
        | "NotAuthorized"
        | "OptInRequired"
        // The stream's key may not be used: a right is missing, as for the stream itself.
        | "KMSAccessDeniedException"
        | "KMSOptInRequired" => SinkError::Denied {
            action: call.action,
            stream,
            detail,
        },
        code if call.action == PUT_RECORDS && is_of_records(status, code, message.unwrap_or_default()) => {
            call.records_refused(detail)
        }
        _other => match status {
            429 => SinkError::Throttled { stream, detail },
            401 | 403 => SinkError::Denied {
                action: call.action,
                stream,
                detail,
            },
            // A key that cannot be used, a wrong endpoint, and calls without records that are not valid.
            400 | 402 | 404..=407 | 409..=499 => call.refused(detail),
            // 408, 5xx, and answers that are not errors at all.
            _other => call.doubtful(detail),
        },
    }
}

/// Whether a request may have been refused for what is in it: it is too large, or it is not valid and the text does not
/// say that something else than a record is at fault.
fn is_of_records(status: u16, code: &str, message: &str) -> bool {
    let is_invalid = matches!(
        code,
        "ValidationException" | "InvalidArgumentException" | "SerializationException"
    );
    let names_another_member = || message.contains("' at '") && !message.contains("' at 'records.");
    status == 413 || (status == 400 && is_invalid && !names_another_member())
}

/// Whether the failure can only have come before a connection stood. A host or network may become unreachable
/// later too, so those errors prove nothing.
fn was_never_connected<E: Error + 'static>(error: &SdkError<E, HttpResponse>) -> bool {
    causes(error).any(|cause| {
        cause.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused)
            || cause.is::<ResolveDnsError>()
            // DNS, TCP and TLS. The HTTP client's error type is not ours to name; should its text change, such a
            // failure becomes doubt, and a test shows it.
            || cause.to_string() == "client error (Connect)"
    })
}

#[cfg(test)]
mod tests {
    use aws_credential_types::provider::error::CredentialsError;
    use aws_sdk_kinesis::error::ConnectorError;
    use aws_sdk_kinesis::operation::put_records::PutRecordsError;

    use super::*;

    const CALL: Call<'_> = Call {
        action: PUT_RECORDS,
        stream: "orders",
    };

    fn name_of(error: &SinkError) -> &'static str {
        match error {
            SinkError::Missing { .. } => "missing",
            SinkError::Denied { .. } => "denied",
            SinkError::Throttled { .. } => "throttled",
            SinkError::NotSent { .. } => "not sent",
            SinkError::NotReady { .. } => "not ready",
            SinkError::Outlasted(_) => "outlasted",
            SinkError::Doubtful { .. } => "doubtful",
            SinkError::Io { .. } => "failed",
            SinkError::Refused { .. } => "refused",
            SinkError::RecordsRefused { .. } => "records refused",
        }
    }

    #[test]
    fn every_answer_of_the_service_has_its_meaning() {
        let check = |status: u16, code: &str, expected: &str| {
            let found = classify_answer(&CALL, status, Some(code).filter(|code| !code.is_empty()), None);
            assert_eq!(name_of(&found), expected, "{status} {code}");
        };
        check(400, "ProvisionedThroughputExceededException", "throttled");
        check(400, "KMSThrottlingException", "throttled");
        check(400, "LimitExceededException", "throttled");
        check(429, "", "throttled");
        check(400, "ExpiredTokenException", "not sent");
        check(400, "AccessDeniedException", "denied");
        check(403, "", "denied");
        check(400, "KMSAccessDeniedException", "denied");
        check(400, "KMSOptInRequired", "denied");
        check(400, "UnrecognizedClientException", "denied");
        check(400, "ResourceNotFoundException", "missing");
        for code in [
            "InvalidArgumentException",
            "ValidationException",
            "SerializationException",
        ] {
            check(400, code, "records refused");
        }
        for code in [
            "KMSDisabledException",
            "KMSInvalidStateException",
            "KMSNotFoundException",
        ] {
            check(400, code, "refused");
        }
        check(404, "", "refused");
        check(413, "", "records refused");
        check(408, "", "doubtful");
        check(500, "InternalFailureException", "doubtful");
        check(500, "InternalFailure", "doubtful");
        for status in [200, 301, 500, 502, 503, 504] {
            check(status, "", "doubtful");
        }
    }

    #[test]
    fn what_is_wrong_with_the_stream_is_not_searched_for_in_the_records() {
        let check = |action, member: &str, expected: &str| {
            let message = format!("Value 'x' at '{member}' failed to satisfy constraint: y");
            let call = Call { action, ..CALL };
            let found = classify_answer(&call, 400, Some("ValidationException"), Some(&message));
            assert_eq!(name_of(&found), expected, "{action} {member}");
        };
        check(PUT_RECORDS, "records.7.member.partitionKey", "records refused");
        check(PUT_RECORDS, "streamName", "refused");
        check("kinesis:GetRecords", "records.7.member.partitionKey", "refused");
    }

    #[test]
    fn what_the_service_says_of_records_is_left_out() {
        let said = |action, code, message| {
            let call = Call { action, ..CALL };
            classify_answer(&call, 400, Some(code), Some(message)).to_string()
        };
        let told = said(
            PUT_RECORDS,
            "InvalidArgumentException",
            "the key canary is too long",
        );
        assert!(
            told.contains("InvalidArgumentException") && !told.contains("canary"),
            "{told}"
        );
        let told = said(
            "kinesis:GetRecords",
            "InvalidArgumentException",
            "no such iterator",
        );
        assert!(told.ends_with("no such iterator"), "{told}");
    }

    #[test]
    fn a_connection_that_never_stood_sent_nothing_and_a_broken_one_may_have() {
        let check = |source: ConnectorError, expected: &str| {
            let error: SdkError<PutRecordsError, HttpResponse> = SdkError::dispatch_failure(source);
            assert_eq!(name_of(&classify(&CALL, &error)), expected, "{error:?}");
        };
        let io = |kind: io::ErrorKind| ConnectorError::io(io::Error::from(kind).into());
        check(io(io::ErrorKind::ConnectionRefused), "not sent");
        check(io(io::ErrorKind::ConnectionReset), "doubtful");
        check(io(io::ErrorKind::BrokenPipe), "doubtful");
        check(io(io::ErrorKind::HostUnreachable), "doubtful");
        let wrapped = io::Error::other(io::Error::from(io::ErrorKind::ConnectionRefused));
        check(ConnectorError::other(wrapped.into(), None), "not sent");
        check(
            ConnectorError::io(ResolveDnsError::new("no such host").into()),
            "not sent",
        );
        check(
            ConnectorError::other(CredentialsError::not_loaded("none").into(), None),
            "not sent",
        );
        check(ConnectorError::timeout("read timeout".into()), "doubtful");
    }

    #[test]
    fn a_time_out_is_doubt_and_an_unbuilt_request_is_our_mistake() {
        let timeout: SdkError<PutRecordsError, HttpResponse> = SdkError::timeout_error("slow");
        assert_eq!(name_of(&classify(&CALL, &timeout)), "doubtful");
        let unbuilt: SdkError<PutRecordsError, HttpResponse> = SdkError::construction_failure("no region");
        assert_eq!(name_of(&classify(&CALL, &unbuilt)), "refused");
        let keyless: SdkError<PutRecordsError, HttpResponse> =
            SdkError::construction_failure(CredentialsError::not_loaded("none"));
        assert_eq!(name_of(&classify(&CALL, &keyless)), "not sent");
    }
}
