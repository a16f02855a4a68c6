//! What the service says of PutRecords, without what it repeats of the request. It only reads texts; nothing is sent here.
//!
//! A text about a malformed request quotes it: `Value '...' at 'records.1.member.partitionKey' failed to satisfy
//! constraint: ...`. Errors are logged, stored and sent to tracers, so a text is passed on only if its code shows that it
//! is about the caller, the stream or its load.

/// Codes whose texts have nothing of a record in them.
const OF_CALLER_OR_STREAM: &[&str] = &[
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredToken",
    "ExpiredTokenException",
    "IncompleteSignature",
    "IncompleteSignatureException",
    "InternalFailure",
    "InternalFailureException",
    "InvalidClientTokenId",
    "InvalidSignatureException",
    "KMSAccessDeniedException",
    "KMSDisabledException",
    "KMSInvalidStateException",
    "KMSNotFoundException",
    "KMSOptInRequired",
    "KMSThrottlingException",
    "LimitExceededException",
    "MissingAuthenticationToken",
    "MissingAuthenticationTokenException",
    "NotAuthorized",
    "OptInRequired",
    "ProvisionedThroughputExceededException",
    "RequestExpired",
    "RequestLimitExceeded",
    "ResourceInUseException",
    "ResourceNotFoundException",
    "ServiceUnavailable",
    "SignatureDoesNotMatch",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "UnrecognizedClientException",
];
/// Stands between the member of a request and what it fails to be.
const FAILED: &str = "' failed to satisfy constraint: ";

/// A text of the service without anything that it may repeat of the records.
pub(super) fn without_values(code: Option<&str>, message: &str) -> String {
    if message.is_empty() || code.is_some_and(|code| OF_CALLER_OR_STREAM.contains(&code)) {
        return message.to_owned();
    }
    // Whatever the value is, it stands before the last of these.
    let rest = message.rsplit_once("' at '").map(|(_, rest)| rest);
    match rest.and_then(|rest| rest.split_once(FAILED)) {
        Some((member, constraint)) if member.chars().all(is_of_member) => {
            format!("the value at '{member}{FAILED}{constraint}")
        }
        Some(_) | None => "its text is left out, because it may repeat parts of records".to_owned(),
    }
}

fn is_of_member(letter: char) -> bool {
    letter.is_ascii_alphanumeric() || letter == '.'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_repeat_a_record_is_left_out() {
        let left_out = "its text is left out, because it may repeat parts of records";
        for (code, message, expected) in [
            (
                "ProvisionedThroughputExceededException",
                "Rate exceeded for shard shardId-0",
                "Rate exceeded for shard shardId-0",
            ),
            ("InternalFailure", "", ""),
            ("ValidationException", "", ""),
            (
                "ValidationException",
                "1 validation error detected: Value 'it's at 'canary'' at 'records.1.member.partitionKey' failed to \
                 satisfy constraint: Member must have length less than or equal to 256",
                "the value at 'records.1.member.partitionKey' failed to satisfy constraint: Member must have length less \
                 than or equal to 256",
            ),
            (
                "ValidationException",
                "Value 'x' at 'canary y' failed to satisfy constraint: z",
                left_out,
            ),
            ("InvalidArgumentException", "canary is not a hash key", left_out),
            ("SerializationException", "canary", left_out),
            ("SomethingNew", "canary", left_out),
        ] {
            assert_eq!(without_values(Some(code), message), expected, "{code}: {message}");
        }
        assert_eq!(without_values(None, "canary"), left_out);
    }
}
