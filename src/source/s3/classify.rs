//! Says what a failed request means. It only reads errors; nothing is sent here.

use std::error::Error;

use aws_sdk_s3::config::http::HttpResponse;
use aws_sdk_s3::error::{ProvideErrorMetadata, SdkError};

use crate::aws::{lacks_credentials, text_of};
use crate::source::SourceError;

/// What was asked of the bucket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    /// List objects.
    List,
    /// Get an object or a range of it.
    Get,
}

impl Action {
    /// The IAM action.
    fn as_str(self) -> &'static str {
        match self {
            Self::List => "s3:ListBucket",
            Self::Get => "s3:GetObject",
        }
    }
}

/// What a failed request means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum RequestFailure {
    /// The object is another version.
    Changed,
    /// The object is gone.
    Vanished,
    /// The bucket does not exist.
    Missing,
    /// It has to be restored from an archive first.
    Archived(String),
    /// A permission is missing.
    Denied(String),
    /// It can never work as it is configured.
    Refused(String),
    /// It may work the next time.
    Passing(String),
}

impl RequestFailure {
    /// Its kind in a word, for `error.type` of a span.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Vanished => "vanished",
            Self::Missing => "missing",
            Self::Archived(_) => "archived",
            Self::Denied(_) => "denied",
            Self::Refused(_) => "refused",
            Self::Passing(_) => "passing",
        }
    }

    /// The error for whoever asked.
    pub(super) fn into_error(
        self,
        action: Action,
        location: String,
        etag: &str,
        attempts: u32,
    ) -> SourceError {
        let action = action.as_str();
        match self {
            Self::Changed => SourceError::Changed {
                location,
                expected_etag: etag.to_owned(),
            },
            Self::Vanished => SourceError::Vanished { location },
            Self::Missing => SourceError::Missing { location },
            Self::Archived(detail) => SourceError::Archived { location, detail },
            Self::Denied(detail) => SourceError::Denied {
                action: lacking(action, &detail),
                location,
                detail,
            },
            Self::Refused(detail) => SourceError::Refused {
                action,
                location,
                detail,
            },
            Self::Passing(detail) => SourceError::Unreachable {
                action,
                location,
                attempts,
                detail,
            },
        }
    }
}

/// The permission that is missing: an object of a key of KMS may be denied for want of that key.
fn lacking(action: &'static str, detail: &str) -> &'static str {
    if detail.contains("kms:Decrypt") {
        "kms:Decrypt"
    } else {
        action
    }
}

/// What an error of the SDK means.
pub(super) fn trouble_of<E>(action: Action, error: &SdkError<E, HttpResponse>) -> RequestFailure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    if let SdkError::ServiceError(answer) = error {
        let found = Answer {
            status: answer.raw().status().as_u16(),
            code: answer.err().code(),
            message: answer.err().message(),
            bucket_region: answer.raw().headers().get("x-amz-bucket-region"),
        };
        return found.trouble(action);
    }
    let detail = text_of(error);
    if matches!(error, SdkError::ConstructionFailure(_)) && !lacks_credentials(error) {
        return RequestFailure::Refused(detail);
    }
    // Time-outs, refused and broken connections, credentials that did not load, unreadable answers.
    RequestFailure::Passing(detail)
}

/// An answer that is an error.
#[derive(Debug, Clone, Copy)]
struct Answer<'a> {
    status: u16,
    code: Option<&'a str>,
    message: Option<&'a str>,
    bucket_region: Option<&'a str>,
}

impl Answer<'_> {
    fn trouble(self, action: Action) -> RequestFailure {
        match (self.status, self.code.unwrap_or_default()) {
            (_, "NoSuchBucket") => RequestFailure::Missing,
            (_, "NoSuchKey" | "NoSuchVersion") => RequestFailure::Vanished,
            // A range that begins inside the version begins outside of what is there now.
            (_, "PreconditionFailed" | "InvalidRange") | (412 | 416, _) => RequestFailure::Changed,
            (
                _,
                "PermanentRedirect"
                | "TemporaryRedirect"
                | "AuthorizationHeaderMalformed"
                | "IllegalLocationConstraintException",
            )
            | (300..=399, _) => RequestFailure::Refused(self.wrong_region()),
            (_, "InvalidObjectState") => RequestFailure::Archived(self.detail()),
            // New credentials are on their way, or the SDK corrects its clock.
            (
                _,
                "ExpiredToken"
                | "ExpiredTokenException"
                | "RequestExpired"
                | "TokenRefreshRequired"
                | "RequestTimeTooSkewed"
                | "RequestTimeout"
                | "SlowDown",
            )
            | (408 | 409 | 429, _) => RequestFailure::Passing(self.detail()),
            (401 | 403, _) => RequestFailure::Denied(self.detail()),
            (404, _) => match action {
                Action::List => RequestFailure::Missing,
                Action::Get => RequestFailure::Vanished,
            },
            (400..=499, _) => RequestFailure::Refused(self.detail()),
            _other => RequestFailure::Passing(self.detail()),
        }
    }

    fn wrong_region(self) -> String {
        match self.bucket_region {
            Some(region) => format!("the bucket is in region {region}; set source.s3.region to it"),
            None => format!(
                "{}; correct source.s3.region or source.s3.endpoint",
                self.detail()
            ),
        }
    }

    fn detail(self) -> String {
        match (self.code, self.message) {
            (Some(code), Some(message)) => format!("{code}: {message}"),
            (Some(text), None) | (None, Some(text)) => text.to_owned(),
            (None, None) => format!("HTTP status {}", self.status),
        }
    }
}

#[cfg(test)]
mod tests {
    use aws_credential_types::provider::error::CredentialsError;
    use aws_sdk_s3::operation::get_object::GetObjectError;

    use super::*;

    fn name_of(trouble: &RequestFailure) -> &'static str {
        match trouble {
            RequestFailure::Changed => "changed",
            RequestFailure::Vanished => "vanished",
            RequestFailure::Missing => "missing",
            RequestFailure::Archived(_) => "archived",
            RequestFailure::Denied(_) => "denied",
            RequestFailure::Refused(_) => "refused",
            RequestFailure::Passing(_) => "passing",
        }
    }

    #[test]
    fn every_answer_has_its_meaning() {
        let check = |action: Action, status: u16, code: &str, expected: &str| {
            let answer = Answer {
                status,
                code: Some(code).filter(|code| !code.is_empty()),
                message: None,
                bucket_region: None,
            };
            assert_eq!(
                name_of(&answer.trouble(action)),
                expected,
                "{action:?} {status} {code}"
            );
        };
        check(Action::Get, 412, "PreconditionFailed", "changed");
        check(Action::Get, 412, "", "changed");
        check(Action::Get, 416, "InvalidRange", "changed");
        check(Action::Get, 404, "NoSuchKey", "vanished");
        check(Action::Get, 404, "", "vanished");
        check(Action::Get, 404, "NoSuchBucket", "missing");
        check(Action::List, 404, "", "missing");
        check(Action::Get, 403, "AccessDenied", "denied");
        check(Action::Get, 403, "InvalidAccessKeyId", "denied");
        check(Action::Get, 403, "InvalidObjectState", "archived");
        check(Action::Get, 403, "RequestTimeTooSkewed", "passing");
        for code in [
            "ExpiredToken",
            "ExpiredTokenException",
            "RequestExpired",
            "TokenRefreshRequired",
        ] {
            check(Action::Get, 400, code, "passing");
            check(Action::List, 403, code, "passing");
        }
        check(Action::List, 301, "PermanentRedirect", "refused");
        check(Action::List, 400, "AuthorizationHeaderMalformed", "refused");
        check(Action::List, 400, "InvalidArgument", "refused");
        for status in [408, 429, 500, 502, 503, 504] {
            check(Action::Get, status, "", "passing");
        }
    }

    #[test]
    fn a_denied_key_of_kms_is_named_and_not_the_right_to_the_object() {
        let told = |detail: &str| {
            let denied = RequestFailure::Denied(detail.to_owned());
            denied.into_error(Action::Get, "x".to_owned(), "", 1).to_string()
        };
        let of_kms = "AccessDenied: User: u is not authorized to perform: kms:Decrypt on the resource";
        assert!(told(of_kms).starts_with("kms:Decrypt on x was denied"));
        assert!(told("AccessDenied: Access Denied").starts_with("s3:GetObject on x was denied"));
    }

    #[test]
    fn credentials_that_do_not_load_may_load_later_and_an_unbuilt_request_is_our_mistake() {
        let keyless: SdkError<GetObjectError, HttpResponse> =
            SdkError::construction_failure(CredentialsError::not_loaded("none"));
        assert_eq!(name_of(&trouble_of(Action::Get, &keyless)), "passing");
        let unbuilt: SdkError<GetObjectError, HttpResponse> = SdkError::construction_failure("no region");
        assert_eq!(name_of(&trouble_of(Action::Get, &unbuilt)), "refused");
    }

    #[test]
    fn a_wrong_region_names_the_right_one() {
        let answer = Answer {
            status: 301,
            code: Some("PermanentRedirect"),
            message: Some("use another endpoint"),
            bucket_region: Some("eu-central-1"),
        };
        let expected = "the bucket is in region eu-central-1; set source.s3.region to it";
        assert_eq!(
            answer.trouble(Action::List),
            RequestFailure::Refused(expected.to_owned())
        );
    }
}
