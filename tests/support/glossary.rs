//! The glossary of CONTRIBUTING.md as a rule about text. It looks at prose alone: inline code may say anything.

#![allow(
    clippy::indexing_slicing,
    clippy::string_slice,
    unreachable_pub,
    reason = "a test fails by panicking, and a test program has no public"
)]

use super::markdown::Document;

/// What the glossary in CONTRIBUTING.md forbids, as far as a rule about text can say it.
const WORST_PHRASES: &[&str] = &[
    "in front of",
    "behind",
    "is no",
    "are no",
    "anew",
    "quarantine",
    "quarantined",
    "the data makes no sense",
    "it is time to",
    "send everything again",
    "sends everything again",
];
/// Where a phrase is English all the same: what stands right before it, the phrase, what comes right after it.
const FINE_PHRASES: &[(&str, &str, &str)] = &[
    ("there ", "is no", ""),
    ("there ", "are no", ""),
    ("", "is no", " longer"),
    ("", "are no", " longer"),
];

/// Where a document says what the glossary forbids.
pub fn phrase_findings(document: &Document) -> Vec<String> {
    let (text, lines) = document.flowing();
    let mut findings = Vec::new();
    for phrase in WORST_PHRASES {
        for (at, _) in text.match_indices(phrase) {
            let (before, after) = (&text[..at], &text[at + phrase.len()..]);
            let is_whole =
                !before.ends_with(char::is_alphanumeric) && !after.starts_with(char::is_alphanumeric);
            let is_fine = FINE_PHRASES.iter().any(|(left, fine, right)| {
                fine == phrase && before.ends_with(left) && after.starts_with(right)
            });
            if is_whole && !is_fine {
                findings.push(format!("{}:{}: \"{phrase}\"", document.path, lines[at]));
            }
        }
    }
    findings
}
