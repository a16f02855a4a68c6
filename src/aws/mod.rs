//! What is known of AWS in more than one place: how errors of the SDK are read, what its answers say by the way, and which
//! partition a region is in.

pub(crate) mod witness;

use std::error::Error;
use std::io;

use aws_credential_types::provider::error::CredentialsError;

/// The partition that a region is in.
pub(crate) fn partition_of(region: &str) -> &'static str {
    if region.starts_with("cn-") {
        "aws-cn"
    } else if region.starts_with("us-gov-") {
        "aws-us-gov"
    } else {
        "aws"
    }
}

/// An error and what caused it, outermost first.
pub(crate) fn causes<'a>(
    error: &'a (dyn Error + 'static),
) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'a (dyn Error + 'static)| {
        let error: &'a (dyn Error + 'static) = *error;
        // An I/O error shows what its payload was caused by, but not the payload itself.
        let payload = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        match payload {
            Some(payload) => Some(payload),
            None => error.source(),
        }
    })
}

/// The texts of an error and its causes on one line, each said once.
pub(crate) fn text_of(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    for cause in causes(error).map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// Whether a request could not be signed. Other credentials may be on their way.
pub(crate) fn lacks_credentials(error: &(dyn Error + 'static)) -> bool {
    causes(error).any(<dyn Error>::is::<CredentialsError>)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("outer")]
    struct Outer(#[source] io::Error);

    #[test]
    fn causes_are_told_once_from_the_outside_in() {
        let refused = io::Error::from(io::ErrorKind::ConnectionRefused);
        let error = Outer(io::Error::other(refused));
        assert_eq!(text_of(&error), "outer: connection refused");
        let kinds: Vec<_> = causes(&error)
            .filter_map(|cause| cause.downcast_ref().map(io::Error::kind))
            .collect();
        assert_eq!(kinds, [io::ErrorKind::Other, io::ErrorKind::ConnectionRefused]);
    }
}
