//! House rules that no lint knows: sizes, module docs, purity of the pure files. Each test lists everything it finds, so
//! one run shows all of it. Documents have rules of their own, in `documents.rs`.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test fails by panicking"
)]

#[path = "../support/floors.rs"]
mod floors;
#[path = "../support/pure.rs"]
mod pure;
#[path = "../support/sources.rs"]
mod sources;
#[path = "../support/words.rs"]
mod words;

mod project;

use self::floors::Floors;
use self::pure::PURE;
use self::sources::{Source, files_below, read, sources};

const FILE_LINES_MAX: usize = 400;
const FUNCTION_LINES_MAX: usize = 60;
/// An actor is a thin shell: what it thinks stands in pure files.
const ACTOR_LINES_MAX: usize = 250;

/// What a pure file says of itself.
const PURE_DOC: &str = "no I/O, no clock";
/// What a pure file must not name.
const IMPURE: &[&str] = &[
    "actix",
    "tokio::",
    "aws_",
    "std::fs",
    "std::net",
    "std::env",
    "SystemTime",
    "Instant::now",
    "rand::rng()",
    "rand::random",
    "chance::",
    "durable::",
];

#[track_caller]
fn assert_none(findings: &[String], rule: &str) {
    assert!(findings.is_empty(), "{rule}:\n  {}", findings.join("\n  "));
}

#[test]
fn files_and_functions_are_short() {
    let mut findings = Vec::new();
    for source in sources() {
        let is_actor = source
            .code()
            .any(|(_, line)| line.starts_with("impl Actor for") || line.starts_with("impl Handler<"));
        let lines_max = if is_actor { ACTOR_LINES_MAX } else { FILE_LINES_MAX };
        if source.lines.len() > lines_max {
            findings.push(format!("{}: {} lines", source.path, source.lines.len()));
        }
        for (index, line) in source.lines.iter().enumerate() {
            let length = function_length(&source.lines[index..]);
            if length > FUNCTION_LINES_MAX {
                findings.push(format!(
                    "{}:{}: {length} lines: {}",
                    source.path,
                    index + 1,
                    line.trim()
                ));
            }
        }
    }
    assert_none(
        &findings,
        &format!(
            "files have at most {FILE_LINES_MAX} lines, actors {ACTOR_LINES_MAX}, functions {FUNCTION_LINES_MAX}"
        ),
    );
}

/// Lines of the function that begins at the first line; 0 if none does. Relies on the layout of rustfmt.
fn function_length(lines: &[String]) -> usize {
    let first = &lines[0];
    let words: Vec<&str> = first
        .split_whitespace()
        .take_while(|word| !word.contains('('))
        .collect();
    let begins = first.split_whitespace().any(|word| word == "fn")
        && words.iter().all(|word| {
            ["fn", "async", "const"].contains(word) || word.starts_with("pub") || word.ends_with(')')
        });
    if !begins || first.ends_with(';') || first.ends_with('}') {
        return 0;
    }
    let indent = &first[..first.len() - first.trim_start().len()];
    let end = lines.iter().position(|line| {
        line.strip_prefix(indent)
            .is_some_and(|rest| rest == "}" || (rest.starts_with(')') && rest.ends_with(';')))
    });
    end.map_or(0, |end| end + 1)
}

#[test]
fn arrows_only_point_down() {
    let floors = Floors::of(&read("src/lib.rs"));
    assert!(
        floors.rooms_count() > 25,
        "the list in src/lib.rs cannot be read any more"
    );
    let findings = sources()
        .iter()
        .flat_map(|source| floors.findings(source))
        .collect::<Vec<_>>();
    assert_none(
        &findings,
        "a room imports rooms of lower floors only; the floors stand in src/lib.rs",
    );
}

#[test]
fn every_file_says_what_it_is_for() {
    let sources = sources();
    let silent = sources.iter().filter(|source| source.module_doc().is_empty());
    let silent: Vec<_> = silent.map(|source| source.path.clone()).collect();
    assert_none(&silent, "every file begins with a module doc");
}

fn is_listed_pure(source: &Source) -> bool {
    PURE.iter()
        .any(|pure| source.path == *pure || (pure.ends_with('/') && source.path.starts_with(pure)))
}

#[test]
fn pure_files_are_pure_and_say_so() {
    let mut findings = Vec::new();
    for source in sources() {
        let says_so = source.module_doc().contains(PURE_DOC);
        if is_listed_pure(&source) && !says_so && !source.path.ends_with("mod.rs") && !source.is_test_file() {
            findings.push(format!("{}: does not say \"{PURE_DOC}\"", source.path));
        }
        if !is_listed_pure(&source) && !says_so {
            continue;
        }
        for (number, line) in source.code() {
            for impure in IMPURE.iter().filter(|impure| line.contains(*impure)) {
                findings.push(format!("{}:{number}: {impure}", source.path));
            }
        }
    }
    assert_none(
        &findings,
        "pure files name no actors, runtime, AWS, files, clock or chance",
    );
}

#[test]
fn nothing_unwraps_and_nothing_is_left_to_do() {
    let marks = [["TO", "DO"].concat(), ["FIX", "ME"].concat()];
    let mut findings = Vec::new();
    for source in sources() {
        let unwraps = source.code().filter(|(_, line)| line.contains(".unwrap("));
        findings.extend(unwraps.map(|(number, _)| format!("{}:{number}: unwrap", source.path)));
        for (index, line) in source.lines.iter().enumerate() {
            if marks.iter().any(|mark| line.contains(mark)) {
                findings.push(format!("{}:{}: {}", source.path, index + 1, line.trim()));
            }
        }
    }
    assert_none(
        &findings,
        "no unwrap outside tests, nothing left to do in the code",
    );
}

#[test]
fn texts_say_it_as_an_engineer_would() {
    let paths = ["src", "config", "chaos", "consumers"]
        .into_iter()
        .flat_map(files_below);
    let findings = paths.flat_map(|path| words::findings(&path, &read(&path)));
    assert_none(
        &findings.collect::<Vec<_>>(),
        "one way to say a thing; see tests/support/words.rs",
    );
}

#[test]
fn only_the_edges_leave_messages_in_mailboxes() {
    let sources = sources();
    let others = sources.iter().filter(|source| source.path != "src/flow/edge.rs");
    let findings = others.flat_map(|source| {
        let sends = source
            .code()
            .filter(|(_, line)| line.contains(".do_send(") || line.contains(".try_send("));
        sends.map(|(number, line)| format!("{}:{number}: {line}", source.path))
    });
    assert_none(
        &findings.collect::<Vec<_>>(),
        "do_send and try_send stand in src/flow/edge.rs alone",
    );
}

#[test]
fn no_message_carries_a_single_row() {
    let mut findings = Vec::new();
    for source in sources()
        .iter()
        .filter(|source| source.path.ends_with("/messages.rs"))
    {
        for (number, line) in source.code().filter(|(_, line)| !line.starts_with("use ")) {
            let one = ["BatchRecord", "RejectedRecord", "RawRecord"]
                .into_iter()
                .any(|row| line.contains(row) && !line.contains(&format!("Vec<{row}>")));
            if one {
                findings.push(format!("{}:{number}: {line}", source.path));
            }
        }
    }
    assert_none(&findings, "a message carries rows by the chunk");
}

#[test]
fn no_file_is_left_out_of_the_build() {
    let sources = sources();
    let mut findings = Vec::new();
    for source in sources.iter().filter(|source| source.path.starts_with("src/")) {
        let (folder, file) = source.path.rsplit_once('/').unwrap();
        if ["src/lib.rs", "src/main.rs"].contains(&source.path.as_str()) {
            continue;
        }
        let (folder, name) = match file {
            "mod.rs" => folder.rsplit_once('/').unwrap(),
            _other => (folder, file.trim_end_matches(".rs")),
        };
        let parents = [
            format!("{folder}/mod.rs"),
            format!("{folder}.rs"),
            "src/lib.rs".into(),
        ];
        let declared = sources.iter().any(|parent| {
            let is_parent =
                parents.contains(&parent.path) && (parent.path != "src/lib.rs" || folder == "src");
            let is_sibling = parent
                .path
                .rsplit_once('/')
                .is_some_and(|(other, _)| other == folder);
            parent.lines.iter().any(|line| {
                (is_parent && line.ends_with(&format!("mod {name};")))
                    || (is_sibling && line.contains(&format!("#[path = \"{file}\"]")))
            })
        });
        if !declared {
            findings.push(source.path.clone());
        }
    }
    assert_none(&findings, "every file is a module of the crate");
}

#[test]
fn no_file_of_tests_is_left_out_of_its_group() {
    let sources = sources();
    let mut findings = Vec::new();
    let mut groups_count = 0;
    for main in &sources {
        let Some(folder) = main
            .path
            .strip_suffix("main.rs")
            .filter(|folder| folder.starts_with("tests/"))
        else {
            continue;
        };
        groups_count += 1;
        let names = sources
            .iter()
            .filter_map(|source| source.path.strip_prefix(folder)?.strip_suffix(".rs"));
        for name in names.filter(|name| *name != "main") {
            if !main.lines.contains(&format!("mod {name};")) {
                findings.push(format!("{folder}{name}.rs"));
            }
        }
    }
    assert!(groups_count > 0, "the groups of tests cannot be found any more");
    assert_none(
        &findings,
        "every file of tests is a module of the main.rs beside it",
    );
}

/// `(id, modules)` of the table in the crate's documentation.
fn invariants() -> Vec<(String, Vec<String>)> {
    let text = read("src/lib.rs");
    let rows = text.lines().filter_map(|line| line.strip_prefix("//! | "));
    let rows = rows.map(|row| row.split(" | ").map(ToOwned::to_owned).collect::<Vec<_>>());
    let rows = rows.filter(|row| row.len() == 3 && row[0].len() == 2 && row[0] != "Id");
    rows.map(|row| {
        let modules = row[2]
            .split('`')
            .skip(1)
            .step_by(2)
            .map(|module| module.replace("::", "/"));
        (row[0].clone(), modules.collect())
    })
    .collect()
}

fn names(lines: &[String], id: &str) -> bool {
    lines
        .iter()
        .any(|line| line.split(|c: char| !c.is_alphanumeric()).any(|word| word == id))
}

#[test]
fn every_invariant_stands_where_it_is_enforced_and_tested() {
    let sources = sources();
    let invariants = invariants();
    assert_eq!(
        invariants.len(),
        20,
        "the table in src/lib.rs cannot be read any more"
    );
    let mut findings = Vec::new();
    for (id, modules) in &invariants {
        for module in modules {
            let paths = [format!("src/{module}.rs"), format!("src/{module}/mod.rs")];
            let mut found = sources.iter().filter(|source| paths.contains(&source.path));
            if !found.any(|source| names(source.production(), id)) {
                findings.push(format!("{id}: {module} does not name it"));
            }
        }
        if !sources.iter().any(|source| names(source.tests(), id)) {
            findings.push(format!("{id}: no test names it"));
        }
    }
    assert_none(&findings, "every invariant is named by the code and by a test");
}
