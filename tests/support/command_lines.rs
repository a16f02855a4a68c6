//! Command lines of the documents: split into words as a shell does, and held against what exists.

#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    unreachable_pub,
    reason = "a test fails by panicking, and a test program has no public"
)]

use std::fs;
use std::path::Path;

use bucket_brigade::cli::Cli;
use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

use super::sources::{Source, files_below, read, root, sources};

/// What the repository has that a command line can name.
#[derive(Debug)]
pub struct Known {
    /// Names of test functions, files of tests and modules.
    pub tests: Vec<String>,
    /// Test targets: what `--test` takes.
    pub test_targets: Vec<String>,
    /// What `--bench` takes.
    pub benches: Vec<String>,
    /// Scenarios of `chaos/run`.
    pub scenarios: Vec<String>,
    /// Code of the scenarios, which names every flag.
    pub chaos_code: String,
    /// The recipes of a `justfile`, if there is one.
    pub recipes: Vec<String>,
}

impl Known {
    /// Read from the files that say it.
    pub fn of_repository() -> Self {
        let sources = sources();
        let chaos_files = files_below("chaos").into_iter();
        let chaos_files =
            chaos_files.filter(|path| Path::new(path).extension().is_some_and(|end| end == "rs"));
        let scenarios = read("chaos/main.rs");
        let scenarios = scenarios.split_once("enum Scenario {").unwrap().1;
        let scenarios = scenarios.split_once("\n}").unwrap().0.lines();
        let manifest = read("Cargo.toml");
        let named = |section: &str| {
            let head = format!("[[{section}]]\nname = \"");
            let parts = manifest.split(&head).skip(1);
            parts
                .map(|part| part.split('"').next().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        let mut test_targets = named("test");
        test_targets.extend(sources.iter().filter_map(|source| target_of(&source.path)));
        let justfile = fs::read_to_string(root().join("justfile")).unwrap_or_default();
        Self {
            tests: sources.iter().flat_map(names_of_tests).collect(),
            test_targets,
            benches: named("bench"),
            scenarios: scenarios
                .filter_map(|line| line.trim().split_once('(').map(|(name, _)| name))
                .filter(|name| name.chars().all(char::is_alphanumeric))
                .map(as_on_the_command_line)
                .collect(),
            chaos_code: chaos_files.map(|path| read(&path)).collect(),
            recipes: justfile.lines().filter_map(recipe).collect(),
        }
    }
}

/// The name that a variant has on the command line: `PowerCut` is `power-cut`.
fn as_on_the_command_line(variant: &str) -> String {
    let mut name = String::new();
    for character in variant.chars() {
        if character.is_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.extend(character.to_lowercase());
    }
    name
}

/// The test target that cargo makes of a file: `tests/NAME.rs` and `tests/NAME/main.rs`.
fn target_of(path: &str) -> Option<String> {
    let name = path.strip_prefix("tests/")?.strip_suffix(".rs")?;
    let name = name.strip_suffix("/main").unwrap_or(name);
    (!name.contains('/')).then(|| name.to_owned())
}

fn names_of_tests(source: &Source) -> Vec<String> {
    let mut names = Vec::new();
    let module = source.path.trim_end_matches(".rs").replace('/', "::");
    let mut is_test = false;
    for line in source.lines.iter().map(|line| line.trim()) {
        if line.starts_with("#[") {
            is_test |= line.contains("test]") || line.contains("test(");
        } else if let Some(rest) = line.trim_start_matches("async ").strip_prefix("fn ") {
            if is_test {
                names.push(format!("{module}::{}", rest.split('(').next().unwrap()));
            }
            is_test = false;
        }
    }
    names
}

/// The name that a line of a `justfile` gives a recipe.
fn recipe(line: &str) -> Option<String> {
    let head = line.split_once(':')?.0;
    let name = head.split_whitespace().next()?;
    let begins = line.starts_with(|c: char| c.is_ascii_lowercase());
    (begins && !head.contains('=')).then(|| name.to_owned())
}

/// Words of a line up to a comment; `|`, `>`, `;` and `&&` are words of their own. `None` if a quote does not close.
pub fn words(line: &str) -> Option<Vec<String>> {
    let (mut words, mut word) = (Vec::new(), None::<String>);
    let mut letters = line.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '\'' | '"' => {
                let open = word.get_or_insert_default();
                loop {
                    match letters.next()? {
                        end if end == letter => break,
                        '\\' if letter == '"' => open.push(letters.next()?),
                        inside => open.push(inside),
                    }
                }
            }
            '\\' => word.get_or_insert_default().push(letters.next()?),
            '#' if word.is_none() => break,
            _ if letter.is_whitespace() => words.extend(word.take()),
            '|' | '>' | '<' | ';' | '&' => {
                words.extend(word.take());
                let mut mark = letter.to_string();
                while letters.peek() == Some(&letter) {
                    mark.extend(letters.next());
                }
                words.push(mark);
            }
            _ => word.get_or_insert_default().push(letter),
        }
    }
    words.extend(word);
    Some(words)
}

/// Commands of a script: continued lines are one, and what a pipe or `;` divides are several. Without variables before
/// the program and without redirections.
pub fn commands(script: &str) -> Result<Vec<Vec<String>>, String> {
    let mut commands = Vec::new();
    for line in script.replace("\\\n", " ").lines() {
        let words = words(line).ok_or_else(|| format!("a quote does not close: {line}"))?;
        let mut parts = words.split(|word| ["|", ";", "&&", "||", "&"].contains(&word.as_str()));
        for part in parts.by_ref() {
            let is_variable = |word: &&String| word.split_once('=').is_some_and(|(name, _)| is_name(name));
            let part = part.iter().skip_while(is_variable);
            let until = |word: &&String| ![">", ">>", "<"].contains(&word.as_str());
            let command: Vec<String> = part.take_while(until).cloned().collect();
            if !command.is_empty() {
                commands.push(command);
            }
        }
    }
    Ok(commands)
}

fn is_name(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_uppercase() || c == '_')
}

/// What is wrong with a command.
pub fn problem(command: &[String], known: &Known) -> Option<String> {
    let (program, arguments) = command.split_first()?;
    let found = match program.as_str() {
        "brigade" => of_brigade(arguments),
        "cargo" => of_cargo(arguments, known),
        "chaos/run" => of_chaos(arguments, known),
        "just" => missing(arguments.first(), &known.recipes, "recipe of just"),
        ".ci/run" if arguments.is_empty() => None,
        // Somebody else's, or a repository's way into itself: nothing to hold it against.
        "aws" | "git" | "cd" => None,
        _ => Some("no program that the documents may use".to_owned()),
    };
    found.map(|what| format!("`{}`: {what}", command.join(" ")))
}

fn of_brigade(arguments: &[String]) -> Option<String> {
    let all = ["brigade".to_owned()]
        .into_iter()
        .chain(arguments.iter().cloned());
    let error = Cli::try_parse_from(all).err()?;
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        return None;
    }
    Some(error.to_string().lines().next().unwrap_or_default().to_owned())
}

/// Whether the words name a command and nothing else: `dlq replay`, without the arguments that it needs.
pub fn is_name_of_command(words: &[String]) -> bool {
    let mut command = Cli::command();
    words.iter().all(|word| {
        let below = command.find_subcommand(word).cloned();
        below.is_some_and(|below| {
            command = below;
            true
        })
    })
}

fn missing(name: Option<&String>, known: &[String], kind: &str) -> Option<String> {
    let name = name.map_or("", String::as_str);
    (!known.iter().any(|one| one == name)).then(|| format!("no such {kind}: {name:?}"))
}

fn of_cargo(arguments: &[String], known: &Known) -> Option<String> {
    let (verb, rest) = arguments.split_first()?;
    let dashes = rest.iter().position(|word| word == "--").unwrap_or(rest.len());
    let (own, inner) = rest.split_at(dashes);
    match verb.as_str() {
        "run" => of_brigade(inner.get(1..).unwrap_or_default()),
        "test" => of_cargo_test(own, known),
        "bench" => match own {
            [flag, name] if flag == "--bench" => missing(Some(name), &known.benches, "bench"),
            [] => None,
            _ => Some("only `--bench NAME` is understood".to_owned()),
        },
        "build" | "check" | "clippy" | "deny" | "doc" | "fmt" | "install" => None,
        _ => Some("no command of cargo that the documents may use".to_owned()),
    }
}

fn of_cargo_test(arguments: &[String], known: &Known) -> Option<String> {
    match arguments {
        [] => None,
        [flag, name, rest @ ..] if flag == "--test" => {
            missing(Some(name), &known.test_targets, "test target").or_else(|| of_cargo_test(rest, known))
        }
        [flag, rest @ ..] if ["--lib", "--release", "--all-features"].contains(&flag.as_str()) => {
            of_cargo_test(rest, known)
        }
        [filter] if !filter.starts_with('-') => {
            let is_there = known.tests.iter().any(|name| name.contains(filter.as_str()));
            (!is_there).then(|| format!("no test has {filter:?} in its name"))
        }
        _ => Some("these arguments are not understood".to_owned()),
    }
}

fn of_chaos(arguments: &[String], known: &Known) -> Option<String> {
    let (first, rest) = arguments.split_first()?;
    if ["--list", "--quick", "--help"].contains(&first.as_str()) {
        return (!rest.is_empty()).then(|| format!("nothing goes with {first}"));
    }
    let flags = rest.iter().filter_map(|word| word.strip_prefix("--"));
    let mut unknown = flags.filter(|flag| {
        let field = format!(" {}: ", flag.replace('-', "_"));
        !known.chaos_code.contains(&field)
    });
    missing(Some(first), &known.scenarios, "scenario")
        .or_else(|| unknown.next().map(|flag| format!("no scenario has --{flag}")))
}
