//! What tells two records apart, whoever reads them: a digest of partition key and message. Pure: no I/O, no clock.
//!
//! Rendering is deterministic apart from the time at which a message was built, so that time is left out. Two rows
//! of the same content have the same fingerprint; how many of each there are is what counts then.

use memchr::memmem;
use sha2::{Digest, Sha256};

/// What stands in front of the build time, in both forms of a message. Inside of values quotes are escaped, so the
/// last occurrence is the one of the metadata.
const TIMESTAMP_MARKS: [&[u8]; 2] = [
    b"\"metadata\":{\"timestamp\":\"",
    b"\"metadata\":\t{\n\t\t\"timestamp\":\t\"",
];
/// Length of the build time.
const TIMESTAMP_BYTES: usize = "2025-06-21T12:06:47.878570Z".len();
/// Bytes of the digest that are kept.
const KEPT_BYTES: usize = 16;

/// Identifies the content of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(u128);

impl Fingerprint {
    /// The fingerprint of a record as it is in the stream.
    pub fn of(partition_key: &[u8], payload: &[u8]) -> Self {
        let (before, after) = without_timestamp(payload);
        let mut digest = Sha256::new();
        // Keys have 256 characters at most, so the length tells where the key ends.
        digest.update(
            u64::try_from(partition_key.len())
                .unwrap_or(u64::MAX)
                .to_be_bytes(),
        );
        digest.update(partition_key);
        digest.update(before);
        digest.update([0]);
        digest.update(after);
        let digest = digest.finalize();
        let kept = digest.first_chunk::<KEPT_BYTES>().copied().unwrap_or_default();
        Self(u128::from_be_bytes(kept))
    }
}

/// The message up to the build time and from behind it on; all of it and nothing if it has none.
fn without_timestamp(payload: &[u8]) -> (&[u8], &[u8]) {
    let found = TIMESTAMP_MARKS
        .iter()
        .find_map(|mark| memmem::rfind(payload, mark).map(|start| start + mark.len()));
    let split = found.and_then(|start| {
        let rest = payload.get(start + TIMESTAMP_BYTES..)?;
        rest.starts_with(b"\"").then_some((payload.get(..start)?, rest))
    });
    split.unwrap_or((payload, b""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(payload: &str) -> Fingerprint {
        Fingerprint::of(b"key", payload.as_bytes())
    }

    fn message(text: &str, timestamp: &str) -> String {
        format!(
            "{{\"data\":{{\"a\":\"{text}\"}},\"metadata\":{{\"timestamp\":\"{timestamp}\",\"operation\":\"load\"}}}}\n"
        )
    }

    #[test]
    fn only_the_build_time_is_left_out() {
        let first = message("x", "2025-06-21T12:06:47.878570Z");
        assert_eq!(of(&first), of(&message("x", "2026-01-01T00:00:00.000000Z")));
        assert_ne!(of(&first), of(&message("y", "2025-06-21T12:06:47.878570Z")));
        assert_ne!(of(&first), of(&first.replace("load", "insert")));
        assert_ne!(of(&first), Fingerprint::of(b"other", first.as_bytes()));
        let tabs = "{\n\t\"data\":\t{\n\t},\n\t\"metadata\":\t{\n\t\t\"timestamp\":\t\"2025-06-21T12:06:47.878570Z\"\n\t}\n}";
        assert_eq!(of(tabs), of(&tabs.replace("2025", "2031")));
        assert_ne!(of(tabs), of(&tabs.replace("data", "DATA")));
    }

    #[test]
    fn a_row_that_looks_like_metadata_is_not_mistaken_for_it() {
        let quoted = "\\\"metadata\\\":{\\\"timestamp\\\":\\\"2025-06-21T12:06:47.878570Z\\\"";
        let first = message(quoted, "2025-06-21T12:06:47.878570Z");
        assert_ne!(
            of(&first),
            of(&message(
                &quoted.replace("2025", "2031"),
                "2025-06-21T12:06:47.878570Z"
            ))
        );
    }

    #[test]
    fn what_is_no_message_counts_as_a_whole() {
        assert_ne!(of("a"), of("b"));
        assert_ne!(Fingerprint::of(b"ab", b"c"), Fingerprint::of(b"a", b"bc"));
    }
}
