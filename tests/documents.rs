//! The documents keep up with the program: links lead somewhere, command lines and configurations are taken, every
//! command and exit code is described, and the glossary is kept. Each test lists everything it finds.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use bucket_brigade::cli::Cli;
use clap::CommandFactory;

#[path = "support/command_lines.rs"]
mod command_lines;
#[path = "support/examples.rs"]
mod examples;
#[path = "support/glossary.rs"]
mod glossary;
#[path = "support/markdown.rs"]
mod markdown;
#[path = "support/named_tests.rs"]
mod named_tests;
#[path = "support/paths.rs"]
mod paths;
#[path = "support/sources.rs"]
#[allow(dead_code, reason = "tidy.rs uses the rest")]
mod sources;

use self::command_lines::{Known, commands, is_name_of_command, problem};
use self::examples::configuration_findings;
use self::glossary::phrase_findings;
use self::markdown::{Document, Part};
use self::named_tests::exists;
use self::paths::{path_findings, room_findings};
use self::sources::{files_below, read, root};

const README_LINES_MAX: usize = 160;

#[track_caller]
fn assert_none(findings: &[String], rule: &str) {
    assert!(findings.is_empty(), "{rule}:\n  {}", findings.join("\n  "));
}

/// Every Markdown file that is read by people: at the top, and in the folders that have some.
fn documents() -> Vec<Document> {
    let top = fs::read_dir(root()).unwrap().map(|entry| entry.unwrap());
    let mut paths: Vec<String> = top
        .filter(|entry| entry.file_type().unwrap().is_file())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    paths.extend(
        ["docs", "chaos", "consumers", "benches"]
            .into_iter()
            .flat_map(files_below),
    );
    paths.retain(|path| is_markdown(path) && !path.contains("node_modules"));
    paths.sort();
    paths
        .into_iter()
        .map(|path| Document::new(&path, &read(&path)))
        .collect()
}

fn is_markdown(path: &str) -> bool {
    Path::new(path).extension().is_some_and(|end| end == "md")
}

fn document(path: &str) -> Document {
    Document::new(path, &read(path))
}

/// `docs/a.md` and `../b.md` make `b.md`.
fn joined(document: &str, target: &str) -> String {
    let mut parts: Vec<String> = Vec::new();
    let folder = Path::new(document).parent().unwrap();
    for part in folder.join(target).to_str().unwrap().split('/') {
        match part {
            ".." => drop(parts.pop()),
            "" | "." => {}
            name => parts.push(name.to_owned()),
        }
    }
    parts.join("/")
}

fn link_findings(document: &Document, anchors_of: impl Fn(&str) -> Option<Vec<String>>) -> Vec<String> {
    let links = document.links().into_iter();
    let local = links.filter(|link| !link.text.contains("://") && !link.text.starts_with("mailto:"));
    local
        .filter_map(|Part { line, text }| {
            let (path, anchor) = text
                .split_once('#')
                .map_or((text.as_str(), None), |(path, anchor)| (path, Some(anchor)));
            let path = match path {
                "" => document.path.clone(),
                path => joined(&document.path, path),
            };
            let what = match (anchors_of(&path), anchor) {
                (None, _) => "no such file",
                (Some(anchors), Some(anchor)) if !anchors.iter().any(|one| one == anchor) => {
                    "no such heading"
                }
                (Some(_), _) => return None,
            };
            Some(format!("{}:{line}: {what}: {text}", document.path))
        })
        .collect()
}

#[test]
fn links_lead_to_files_and_headings_that_exist() {
    let mut findings = Vec::new();
    for one in documents() {
        findings.extend(link_findings(&one, |path| {
            root().join(path).exists().then(|| {
                if is_markdown(path) {
                    document(path).anchors()
                } else {
                    Vec::new()
                }
            })
        }));
    }
    assert_none(&findings, "links lead somewhere");
}

#[test]
fn links_that_lead_nowhere_are_found() {
    let text = "[a](b.md) [b](../src/x.rs)\n`[c](d.md)`\n[e](#the-end-1)\n[f](#gone)\n\n[g]: g.md\n\
                ```sh\n[h](h.md)\n```\n# The `end`\n## The end\n";
    let document = Document::new("docs/a.md", text);
    assert_eq!(document.anchors(), ["the-end", "the-end-1"]);
    let found = link_findings(&document, |path| {
        (path == "docs/a.md" || path == "src/x.rs").then(|| document.anchors())
    });
    assert_eq!(
        found,
        [
            "docs/a.md:1: no such file: b.md",
            "docs/a.md:4: no such heading: #gone",
            "docs/a.md:6: no such file: g.md",
        ]
    );
}

#[test]
fn the_readme_is_short() {
    let lines = document("README.md").lines_count;
    assert!(
        lines <= README_LINES_MAX,
        "README.md has {lines} lines and may have {README_LINES_MAX}; move what is not for everybody to docs/"
    );
}

fn command_findings(document: &Document, known: &Known) -> Vec<String> {
    let scripts = document.fences.iter().filter(|fence| fence.language == "sh");
    let scripts = scripts.map(|fence| (&fence.code, false));
    let programs = ["brigade ", "cargo ", "chaos/run ", "just "];
    let inline = document
        .inline_code
        .iter()
        .filter(|code| programs.iter().any(|program| code.text.starts_with(program)));
    let mut findings = Vec::new();
    for (code, may_be_a_name) in scripts.chain(inline.map(|code| (code, true))) {
        let found = match commands(&code.text) {
            Err(problem) => vec![problem],
            Ok(commands) => commands
                .iter()
                .filter(|command| {
                    !(may_be_a_name && is_name_of_command(&command[1..]) && command[0] == "brigade")
                })
                .filter_map(|command| problem(command, known))
                .collect(),
        };
        findings.extend(
            found
                .into_iter()
                .map(|problem| format!("{}:{}: {problem}", document.path, code.line)),
        );
    }
    findings
}

/// In prose `brigade dlq replay` may stand for the command, without the arguments that it needs; a whole line may not.
#[test]
fn command_lines_are_taken_by_the_programs_they_name() {
    let known = Known::of_repository();
    for (list, least) in [
        (&known.tests, 300),
        (&known.test_targets, 5),
        (&known.benches, 4),
        (&known.scenarios, 6),
    ] {
        assert!(
            list.len() >= least,
            "what exists cannot be read any more: {list:?}"
        );
    }
    let documents = documents();
    let findings = documents
        .iter()
        .flat_map(|document| command_findings(document, &known));
    assert_none(&findings.collect::<Vec<_>>(), "command lines are true");
}

#[test]
fn command_lines_that_nothing_takes_are_found() {
    let known = Known {
        tests: vec!["tests::a::rows_arrive".to_owned()],
        test_targets: vec!["cli".to_owned()],
        benches: vec!["ordering".to_owned()],
        scenarios: vec!["kills".to_owned()],
        chaos_code: "    count: u64,".to_owned(),
        recipes: vec!["lint".to_owned()],
    };
    let found = |text: &str| command_findings(&Document::new("a.md", text), &known).len();
    for line in [
        "brigade run --once --config 'a b.yaml' # until all is sent",
        "A=1 brigade status --output json | brigade tables > out.json",
        "brigade plan && brigade \\\n  preview --rows 2",
        "cargo run --release -- demo --crash",
        "cargo test\ncargo test rows_arrive -- --nocapture\ncargo test --test cli",
        "cargo bench --bench ordering",
        "chaos/run kills --count 3",
        "just lint",
    ] {
        assert_eq!(found(&format!("```sh\n{line}\n```\n")), 0, "{line}");
    }
    for line in [
        "brigade rnu",
        "brigade run --twice",
        "brigade dlq replay",
        "brigade plan 'open",
        "brigade plan && brigade paln",
        "cargo run -- dmeo",
        "cargo test rows_vanish",
        "cargo test --test gone",
        "cargo bench --bench gone",
        "chaos/run gone",
        "chaos/run kills --gone 3",
        "just gone",
        "make all",
    ] {
        assert_eq!(found(&format!("```sh\n{line}\n```\n")), 1, "{line}");
    }
    assert_eq!(found("`brigade dlq replay` and `brigade tables\nresume`"), 0);
    assert_eq!(found("`brigade dlq repaly` and `brigade run --twice`"), 2);
}

#[test]
fn examples_of_configurations_load() {
    let mut all = Vec::new();
    let mut counts = 0;
    for document in documents() {
        let (count, findings) = configuration_findings(&document);
        counts += count;
        all.extend(findings);
    }
    assert_none(&all, "examples load without a problem or a warning");
    assert!(counts >= 3, "the examples cannot be found any more");
    let wrong = Document::new("a.md", "```yaml\nlimits: { in_flihgt: 1MiB }\n```\n");
    assert_eq!(configuration_findings(&wrong).1.len(), 1);
}

/// The commands that do something, as they are typed.
fn leaves(command: &clap::Command, prefix: &str) -> Vec<String> {
    let below: Vec<_> = command.get_subcommands().collect();
    let name = format!("{prefix}{}", command.get_name());
    if below.is_empty() {
        return vec![name];
    }
    let mut names: Vec<_> = below
        .iter()
        .flat_map(|below| leaves(below, &format!("{name} ")))
        .collect();
    // `tables` works alone as well.
    if !command.is_subcommand_required_set() {
        names.push(name);
    }
    names
}

#[test]
fn every_command_is_described() {
    let code: Vec<String> = document("docs/operations.md")
        .inline_code
        .into_iter()
        .map(|code| code.text + " ")
        .collect();
    let names = leaves(&Cli::command(), "");
    assert!(names.len() > 15, "{names:?}");
    let missing: Vec<String> = names
        .into_iter()
        .filter(|name| !code.iter().any(|code| code.starts_with(&format!("{name} "))))
        .collect();
    assert_none(&missing, "docs/operations.md describes every command");
}

/// The codes in the one function that gives them.
fn exit_codes() -> Vec<u8> {
    let text = read("src/fault.rs");
    let lines = text.lines().filter(|line| line.trim().starts_with("Self::"));
    let codes: Vec<u8> = lines
        .filter_map(|line| line.trim_end_matches(',').rsplit_once(" => ")?.1.parse().ok())
        .collect();
    assert!(codes.len() > 10, "the exit codes cannot be read any more");
    codes
}

#[test]
fn every_exit_code_is_in_the_table() {
    let text = read("docs/operations.md");
    let missing = exit_codes().into_iter().filter(|code| {
        let row = format!("| {code} |");
        !text.lines().any(|line| line.starts_with(&row))
    });
    let missing: Vec<String> = missing.map(|code| format!("exit code {code}")).collect();
    assert_none(&missing, "docs/operations.md has every exit code in its table");
}

#[test]
fn the_readme_and_ci_run_exactly_cargo_test() {
    for path in ["README.md", ".ci/run"] {
        let text = read(path);
        assert!(
            text.contains("cargo test\n"),
            "{path} does not run exactly `cargo test`"
        );
    }
}

#[test]
fn documents_keep_to_the_glossary() {
    let documents = documents();
    let paths: BTreeSet<_> = documents.iter().map(|document| document.path.as_str()).collect();
    for path in [
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "README.md",
        "SECURITY.md",
        "chaos/README.md",
    ] {
        assert!(paths.contains(path), "{path} is not looked at: {paths:?}");
    }
    let findings: Vec<_> = documents.iter().flat_map(phrase_findings).collect();
    assert_none(&findings, "say it as the glossary in CONTRIBUTING.md does");
}

#[test]
fn phrases_that_the_glossary_forbids_are_found() {
    let found = |text: &str| phrase_findings(&Document::new("a.md", text));
    assert_eq!(found("It is\n  no folder."), ["a.md:1: \"is no\""]);
    assert_eq!(found("# A\n\nThe row behind\nit."), ["a.md:3: \"behind\""]);
    assert_eq!(found("Quarantined files"), ["a.md:1: \"quarantined\""]);
    let fine = "There is no loss, it is no longer there, it is not a folder, and this nor that; `quarantined`, `is no`.";
    assert_eq!(found(fine), [""; 0]);
}

#[test]
fn files_and_rooms_that_are_named_exist() {
    let exists = |path: &str| root().join(path).exists();
    let mut findings: Vec<_> = documents()
        .iter()
        .flat_map(|document| path_findings(document, exists))
        .collect();
    for heading in ["## The floors", "### What each room is for"] {
        findings.extend(room_findings(heading));
    }
    assert_none(&findings, "what is named exists");
    let document = Document::new(
        "a.md",
        "`src/a.rs`, `src/gone.rs` and `tests/gone.rs::fact`, not `a src/b.rs`",
    );
    assert_eq!(path_findings(&document, |path| path == "src/a.rs").len(), 2);
}

#[test]
fn the_tests_in_the_list_of_faults_exist() {
    let document = fs::read_to_string(root().join("chaos/faults.md")).unwrap();
    let code = document.split('`').skip(1).step_by(2);
    let named: Vec<&str> = code.filter(|code| code.contains(".rs::")).collect();
    assert!(named.len() > 100, "the tests cannot be read any more");
    let text_of = |path: &str| fs::read_to_string(root().join(path)).ok();
    let missing = named.iter().filter(|test| !exists(test, text_of));
    let missing: Vec<String> = missing.map(|test| format!("no such test: {test}")).collect();
    assert_none(&missing, "chaos/faults.md names tests that exist");
}
