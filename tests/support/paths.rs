//! Files and rooms that the documents name.

#![allow(
    clippy::unwrap_used,
    clippy::string_slice,
    unreachable_pub,
    reason = "a test fails by panicking, and a test program has no public"
)]

use std::collections::BTreeSet;
use std::fs;

use super::markdown::Document;
use super::sources::{read, root};

/// Folders that inline code may name a file of.
const FOLDERS: [&str; 6] = ["src/", "tests/", "chaos/", "benches/", "config/", "docs/"];

/// Inline code that names a file or a folder which does not exist. `tests/a.rs::fact` names the file `tests/a.rs`.
pub fn path_findings(document: &Document, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let code = document.inline_code.iter();
    let named = code.filter(|code| {
        !code.text.contains(' ') && FOLDERS.iter().any(|folder| code.text.starts_with(folder))
    });
    named
        .filter(|code| !exists(code.text.split("::").next().unwrap_or_default()))
        .map(|code| format!("{}:{}: no such file: {}", document.path, code.line, code.text))
        .collect()
}

/// Rooms that only one of the two has: `src/`, and the table of ARCHITECTURE.md that begins with this heading.
pub fn room_findings(heading: &str) -> Vec<String> {
    let text = read("ARCHITECTURE.md");
    let (_, table) = text.split_once(heading).unwrap();
    let rows = table.lines().skip_while(|line| !line.starts_with('|'));
    let rows: Vec<&str> = rows.take_while(|line| line.starts_with('|')).collect();
    let named: BTreeSet<&str> = rows
        .iter()
        .flat_map(|row| row.split('`').skip(1).step_by(2))
        .collect();
    let entries = fs::read_dir(root().join("src")).unwrap();
    let files: Vec<String> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let rooms: BTreeSet<&str> = files
        .iter()
        .map(|name| name.trim_end_matches(".rs"))
        .filter(|name| !["lib", "main", "sandbox"].contains(name))
        .collect();
    let missing = rooms.difference(&named);
    let gone = named.difference(&rooms);
    missing
        .map(|room| format!("{heading}: nothing about src/{room}"))
        .chain(gone.map(|room| format!("{heading}: there is no src/{room}")))
        .collect()
}
