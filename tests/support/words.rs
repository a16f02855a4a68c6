//! Words that the house does not use, for `tests/tidy/main.rs`.

#![allow(
    clippy::indexing_slicing,
    clippy::string_slice,
    unreachable_pub,
    reason = "a test fails by panicking, and a test program has no public"
)]

/// What is not said, and what is said instead. The bars keep this file from finding itself.
const PHRASES: &[(&str, &str)] = &[
    ("is n|o ", "is not a"),
    ("are n|o ", "are not"),
    ("in fro|nt of ", "before"),
    ("appeared be|hind ", "arrived late"),
    ("comes be|hind ", "comes after"),
    ("came be|hind ", "came after"),
    ("goes on be|hind ", "continues after"),
    ("makes no se|nse", "what was expected, and where"),
    ("it is ti|me to", "what happens now"),
    ("send everything ag|ain", "re-send"),
    ("cannot be to|ld", "is unknown"),
    ("could be to|ld", "is known"),
    (" an|ew", "again, restarted"),
];

/// Where one of them stands, also across the end of a line.
pub fn findings(path: &str, text: &str) -> Vec<String> {
    let lines: Vec<String> = text.lines().map(words_of).collect();
    let mut findings = Vec::new();
    for (index, line) in lines.iter().enumerate() {
        let next = lines.get(index + 1).map_or("", String::as_str);
        let joined = format!(" {line} {next} ");
        for (phrase, instead) in PHRASES {
            let phrase = phrase.replace('|', "");
            let mut places = joined.match_indices(&phrase);
            // What begins in the next line is found there.
            if places.any(|(at, _)| at <= line.len() && !is_fine(&joined[..at], &joined[at + phrase.len()..]))
            {
                findings.push(format!("{path}:{}: {:?}: {instead}", index + 1, phrase.trim()));
            }
        }
    }
    findings
}

/// A line without what makes it a comment or a part of a text.
fn words_of(line: &str) -> String {
    let words = line.trim().trim_start_matches(['/', '!', '#', '*']).trim();
    let words = words.trim_end_matches('\\').trim_end().trim_end_matches("\\n");
    words.to_lowercase()
}

/// "There is no" and "is no longer" are good English.
fn is_fine(before: &str, after: &str) -> bool {
    let before = before.trim_end();
    before.ends_with("there") || after.starts_with("longer ")
}

#[test]
fn a_phrase_is_found_across_lines_and_good_english_is_not() {
    let found = findings("a", "/// It is n\n");
    assert!(found.is_empty(), "{found:?}");
    let text = "/// There is no file, it is no longer there.\n/// Rows come in\n/// front of it; it is\n/// no file.\n";
    let places: Vec<_> = findings("a", text)
        .iter()
        .map(|found| found.split(": ").next().unwrap_or_default().to_owned())
        .collect();
    assert_eq!(places, ["a:2", "a:3"]);
}
