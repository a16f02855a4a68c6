//! The project around the code: one toolchain, one door to all checks, and nothing of the machine it was made on.

use std::fs;

use crate::assert_none;
use crate::sources::{files_below, read, root};

/// The text between the quotes after `key = `.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let mut lines = text.lines();
    let value = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix(" = "))?;
    Some(value.trim_matches('"'))
}

#[test]
fn the_toolchain_is_one_and_ci_runs_what_everybody_runs() {
    let mut findings = Vec::new();
    let pinned = read("rust-toolchain.toml");
    let pinned = value(&pinned, "channel").unwrap();
    let is_version =
        pinned.split('.').count() == 3 && pinned.split('.').all(|part| part.parse::<u32>().is_ok());
    if !is_version {
        findings.push(format!("rust-toolchain.toml: {pinned} is not one version"));
    }
    if value(&read("Cargo.toml"), "rust-version") != Some(pinned) {
        findings.push(format!("Cargo.toml: rust-version is not {pinned}"));
    }
    if value(&read("clippy.toml"), "msrv").is_some_and(|msrv| msrv != pinned) {
        findings.push(format!("clippy.toml: msrv is not {pinned}"));
    }
    let workflow = read(".github/workflows/ci.yml");
    let commands = workflow.lines().filter_map(|line| line.trim().split_once("run:"));
    let commands: Vec<_> = commands.map(|(_, command)| command.trim()).collect();
    if commands != ["bash .ci/run"] {
        findings.push(format!(".github/workflows/ci.yml runs {commands:?}"));
    }
    assert_none(&findings, "one toolchain, and one door to all checks");
}

#[test]
fn nothing_of_the_machine_it_was_made_on_is_left() {
    let marks = [
        "/wo|rk/",
        "/ro|ot/",
        "/ho|me/",
        "index|-url",
        "replace|-with",
        "arti|factory",
    ];
    let marks = marks.map(|mark| mark.replace('|', ""));
    let mut paths: Vec<String> = [
        "src", "tests", "chaos", "config", "examples", "docs", ".ci", ".github",
    ]
    .into_iter()
    .flat_map(files_below)
    .collect();
    paths.extend(
        [
            "README.md",
            "ARCHITECTURE.md",
            "CONTRIBUTING.md",
            "SECURITY.md",
            "CHANGELOG.md",
            "Cargo.toml",
            "deny.toml",
            "clippy.toml",
            "rust-toolchain.toml",
            "justfile",
        ]
        .map(ToOwned::to_owned),
    );
    let mut findings = Vec::new();
    for path in paths {
        let text = String::from_utf8_lossy(&fs::read(root().join(&path)).unwrap()).into_owned();
        for (index, line) in text.lines().enumerate() {
            if marks.iter().any(|mark| line.contains(mark)) {
                findings.push(format!("{path}:{}: {}", index + 1, line.trim()));
            }
        }
    }
    for line in read("Cargo.lock")
        .lines()
        .filter(|line| line.starts_with("source = "))
    {
        // Cargo writes its default registry this way on every machine; a mirror or a fork would show.
        if !line.starts_with("source = \"registry+") || !line.ends_with(".io-index\"") {
            findings.push(format!("Cargo.lock: {line}"));
        }
    }
    assert_none(&findings, "no paths of a machine, no hosts of a registry");
}
