//! Keeps `docs/dms-compatibility.md` honest: every id once, a verdict of three, and tests that exist.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

#[path = "support/named_tests.rs"]
mod named_tests;

use self::named_tests::exists;

/// The groups of ids and how many each has.
const GROUPS: [(&str, usize); 6] = [("S", 31), ("T", 10), ("K", 24), ("M", 14), ("R", 12), ("O", 9)];

/// One row of the document.
struct Row<'a> {
    id: &'a str,
    verdict: &'a str,
    tests: Vec<&'a str>,
}

fn ids() -> Vec<String> {
    let groups = GROUPS.iter();
    groups
        .flat_map(|(group, count)| (1..=*count).map(move |number| format!("{group}{number:02}")))
        .collect()
}

/// What is wrong with the table in `document`; `read` gives the text of a file of the repository.
fn findings(document: &str, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut findings = Vec::new();
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let lines = document.lines().filter(|line| line.starts_with("| "));
    for line in lines.filter(|line| !line.starts_with("| Id ")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, id, _, _, verdict, tests, _] = cells[..] else {
            findings.push(format!("not a row of five cells: {line}"));
            continue;
        };
        *counts.entry(id).or_default() += 1;
        let tests = tests.split('`').skip(1).step_by(2).collect();
        findings.extend(findings_of_row(&Row { id, verdict, tests }, &read));
    }
    let expected = ids();
    for id in &expected {
        match counts.get(id.as_str()) {
            Some(1) => {}
            Some(count) => findings.push(format!("{id}: stands there {count} times")),
            None => findings.push(format!("{id}: is missing")),
        }
    }
    let unknown = counts.keys().filter(|id| !expected.iter().any(|one| one == *id));
    findings.extend(unknown.map(|id| format!("{id}: is no id of the list")));
    findings
}

fn findings_of_row(row: &Row<'_>, read: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let has_reason = |word: &str| {
        let reason = row.verdict.strip_prefix(word);
        let reason = reason.and_then(|rest| rest.strip_prefix(" (")?.strip_suffix(')'));
        reason.is_some_and(|reason| !reason.is_empty())
    };
    let mut findings = Vec::new();
    if row.verdict != "yes" && !has_reason("differs") && !has_reason("no") {
        findings.push(format!("{}: no such verdict: {}", row.id, row.verdict));
    }
    if row.verdict == "yes" && row.tests.is_empty() {
        findings.push(format!("{}: yes without a test", row.id));
    }
    let missing = row.tests.iter().filter(|test| !exists(test, &read));
    findings.extend(missing.map(|test| format!("{}: no such test: {test}", row.id)));
    findings
}

fn read(path: &str) -> Option<String> {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).ok()
}

#[test]
fn the_document_is_complete_and_its_tests_exist() {
    let document = read("docs/dms-compatibility.md").unwrap();
    let findings = findings(&document, read);
    assert!(findings.is_empty(), "{}", findings.join("\n"));
}

#[test]
fn rows_that_are_wrong_are_found() {
    let file =
        |path: &str| (path == "tests/a.rs").then(|| "#[test]\nfn there() {}\nfn plain() {}".to_owned());
    let found = |row: &str| {
        let all = findings(row, file);
        let all = all.into_iter().filter(|finding| !finding.ends_with("is missing"));
        all.collect::<Vec<_>>()
    };
    assert_eq!(found("| S01 | a | b | yes | `tests/a.rs::there` |"), [""; 0]);
    for (row, finding) in [
        ("| S01 | a | b | yes | |", "S01: yes without a test"),
        (
            "| S01 | a | b | yes | `tests/a.rs::gone` |",
            "S01: no such test: tests/a.rs::gone",
        ),
        (
            "| S01 | a | b | yes | `tests/a.rs::plain` |",
            "S01: no such test: tests/a.rs::plain",
        ),
        (
            "| S01 | a | b | no (c) | `tests/b.rs::there` |",
            "S01: no such test: tests/b.rs::there",
        ),
        ("| S01 | a | b | perhaps | |", "S01: no such verdict: perhaps"),
        ("| S01 | a | b | differs | |", "S01: no such verdict: differs"),
        (
            "| S01 | a | b | no (c) | |\n| S01 | a | b | no (c) | |",
            "S01: stands there 2 times",
        ),
        ("| X01 | a | b | no (c) | |", "X01: is no id of the list"),
    ] {
        assert_eq!(found(row), [finding], "{row}");
    }
    assert!(findings("", file).contains(&"S01: is missing".to_owned()));
}
