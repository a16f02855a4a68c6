//! The floors of `src`, as `src/lib.rs` lists them, and the imports of a file.

use std::collections::BTreeMap;

use crate::sources::Source;

/// Rooms of `src` with the number of their floor; 0 is the top.
#[derive(Debug)]
pub(crate) struct Floors(BTreeMap<String, usize>);

impl Floors {
    /// Reads the list of modules: an empty line ends a floor.
    pub(crate) fn of(library: &str) -> Self {
        let mut rooms = BTreeMap::new();
        let (mut floor, mut is_empty) = (0, true);
        for line in library.lines().filter(|line| !line.starts_with("//")) {
            let declared = line.strip_suffix(';').and_then(|line| {
                let line = line.strip_prefix("pub ").unwrap_or(line);
                line.strip_prefix("mod ")
            });
            if let Some(room) = declared {
                rooms.insert(room.to_owned(), floor);
                is_empty = false;
            } else if line.is_empty() && !is_empty {
                (floor, is_empty) = (floor + 1, true);
            }
        }
        Self(rooms)
    }

    /// How many rooms there are.
    pub(crate) fn rooms_count(&self) -> usize {
        self.0.len()
    }

    /// What is wrong with the imports of a file: `file:line: rule`.
    pub(crate) fn findings(&self, source: &Source) -> Vec<String> {
        let mut findings = detours(source);
        let Some(room) = room_of(&source.path) else {
            return findings;
        };
        let Some(own) = self.0.get(room) else {
            return vec![format!(
                "{}: src/lib.rs does not list the room {room}",
                source.path
            )];
        };
        let imports = imports(source).into_iter();
        let wrong = imports.filter_map(|(line, other)| {
            let Some(&floor) = self.0.get(&other) else {
                return Some(format!(
                    "{}:{line}: src/lib.rs does not list a room {other}",
                    source.path
                ));
            };
            let rule = match floor.cmp(own) {
                _ if other == room => return None,
                std::cmp::Ordering::Greater => return None,
                std::cmp::Ordering::Equal => "rooms of one floor do not import each other",
                std::cmp::Ordering::Less => "arrows only point down",
            };
            Some(format!(
                "{}:{line}: {room} (floor {own}) imports {other} (floor {floor}): {rule}",
                source.path
            ))
        });
        findings.extend(wrong);
        findings
    }
}

/// The room of a file: its folder below `src`, or its own name.
fn room_of(path: &str) -> Option<&str> {
    let path = path.strip_prefix("src/")?;
    if ["lib.rs", "main.rs"].contains(&path) {
        return None;
    }
    Some(
        path.split_once('/')
            .map_or(path.trim_end_matches(".rs"), |(room, _)| room),
    )
}

/// The rooms that the production part of a file names, with the line of each: `crate::room`, `crate::{room, room::{..}}`,
/// and as many `super::` as lead to the root of the crate.
fn imports(source: &Source) -> Vec<(usize, String)> {
    let depth = source.path.matches('/').count() - usize::from(source.path.ends_with("/mod.rs"));
    let to_root = "super::".repeat(depth);
    let lines: Vec<(usize, &str)> = source.imports_code().collect();
    let text: String = lines.iter().flat_map(|(_, line)| [*line, "\n"]).collect();
    let mut found = Vec::new();
    for root in ["crate::", to_root.as_str()] {
        for (index, _) in text.match_indices(root) {
            let (before, rest) = (&text[..index], &text[index + root.len()..]);
            if before.ends_with("super::") || before.ends_with('$') || before.ends_with(is_of_name) {
                continue;
            }
            let number = lines[before.matches('\n').count()].0;
            found.extend(first_segments(rest).into_iter().map(|room| (number, room)));
        }
    }
    found
}

fn is_of_name(letter: char) -> bool {
    letter.is_alphanumeric() || letter == '_'
}

/// The first segment of a path, or of each path of a group.
fn first_segments(rest: &str) -> Vec<String> {
    let name = |text: &str| -> String {
        text.trim_start()
            .chars()
            .take_while(|letter| is_of_name(*letter))
            .collect()
    };
    let Some(group) = rest.strip_prefix('{') else {
        return vec![name(rest)];
    };
    let (mut depth, mut segments, mut is_first) = (1, Vec::new(), true);
    for (index, letter) in group.char_indices() {
        match letter {
            '{' => depth += 1,
            '}' => depth -= 1,
            ',' if depth == 1 => is_first = true,
            letter if depth == 1 && is_first && is_of_name(letter) => {
                segments.push(name(&group[index..]));
                is_first = false;
            }
            _other => {}
        }
        if depth == 0 {
            break;
        }
    }
    segments
}

/// Ways around the floors that no file needs: another name for the crate, a module from another folder, and anything but
/// modules at the root.
fn detours(source: &Source) -> Vec<String> {
    let is_root = source.path == "src/lib.rs";
    let code = source.imports_code();
    let wrong = code.filter(|(_, line)| {
        let elsewhere = line.starts_with("#[path") && line.contains("../");
        let renamed = line.contains("crate as ") || line.contains("extern crate");
        let hidden = is_root && (line.contains("use ") || line.contains("macro_rules"));
        elsewhere || renamed || hidden
    });
    wrong
        .map(|(number, line)| format!("{}:{number}: a way around the floors: {line}", source.path))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIBRARY: &str = "//! Text.\n\n// Top.\npub mod cli;\n\npub mod read;\n#[cfg(feature = \"x\")]\npub mod parse;\n\nmod fault;\n";

    fn findings(path: &str, text: &str) -> Vec<String> {
        let source = Source {
            path: path.to_owned(),
            lines: text.lines().map(ToOwned::to_owned).collect(),
        };
        Floors::of(LIBRARY).findings(&source)
    }

    #[test]
    fn an_arrow_that_points_up_or_aside_is_found_in_whatever_form() {
        let wrong = [
            ("src/read/actor.rs", "use crate::cli::Cli;"),
            ("src/read/actor.rs", "use crate::{fault, cli};"),
            ("src/read/actor.rs", "use crate::{\n    cli::Cli,\n};"),
            ("src/read/actor.rs", "fn f() { crate::cli::run() }"),
            ("src/read/actor.rs", "use super::super::cli::Cli;"),
            (
                "src/read/actor.rs",
                "use crate::{fault::{Fault, Kind}, cli::Cli};",
            ),
            (
                "src/read/actor.rs",
                "use crate::{\n    fault::{A, B},\n    cli::Cli,\n};",
            ),
            ("src/read/actor.rs", "use crate::Cli;"),
            ("src/read/actor.rs", "use crate as everything;"),
            ("src/read/actor.rs", "#[path = \"../cli/mod.rs\"]"),
            ("src/read/conformance.rs", "use crate::cli::Cli;"),
            ("src/lib.rs", "pub use cli::Cli;"),
            ("src/read/mod.rs", "pub use super::cli::Cli;"),
            ("src/read/mod.rs", "pub(crate) use crate::parse::row;"),
            ("src/fault.rs", "use crate::read::actor;"),
        ];
        for (path, text) in wrong {
            assert_eq!(findings(path, text).len(), 1, "{path}: {text}");
        }
        assert!(findings("src/hall/mod.rs", "")[0].contains("does not list"));
    }

    #[test]
    fn arrows_that_point_down_tests_and_comments_are_fine() {
        let fine = [
            (
                "src/cli/mod.rs",
                "use crate::read::actor;\nuse crate::{fault, parse};",
            ),
            (
                "src/read/actor.rs",
                "use super::framer;\nuse crate::read::framer;\n// crate::cli",
            ),
            (
                "src/read/actor.rs",
                "use crate::fault;\n#[cfg(test)]\nmod tests {\n    use crate::cli;\n}",
            ),
            (
                "src/read/parquet/mod.rs",
                "use super::framer;\nuse super::super::fault;",
            ),
        ];
        for (path, text) in fine {
            assert!(
                findings(path, text).is_empty(),
                "{path}: {text}: {:?}",
                findings(path, text)
            );
        }
    }
}
