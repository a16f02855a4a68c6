//! `brigade dlq`: the rows that were set aside, with their place and the reason.

pub(super) mod replay;
mod replayed;

use std::collections::{HashMap, VecDeque};
use std::path::Path;

use clap::{Args, Subcommand};
use serde::Serialize;

use self::replay::ReplayArgs;
use super::text::{counted, lines, table};
use super::{ConfigPath, OutputFormat};
use crate::config::Config;
use crate::deadletter::envelope::DeadLetter;
use crate::deadletter::files;
use crate::fault::{Fault, FaultKind};
use crate::printable::printable;
use crate::replay::log;
use crate::replay::log::Replay;
use crate::replay::plan::CORRECTED;
use crate::saturate;

/// Version of the JSON shape; consumers ignore members they do not know.
const SCHEMA_VERSION: u32 = 1;

/// Arguments of `dlq`.
#[derive(Debug, Args)]
pub(super) struct DeadLettersArgs {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// List the newest dead letters
    Ls(ListArgs),
    /// Show one dead letter with its row
    Show(ShowArgs),
    /// Send rows again: dead letters that fit by now, or rows corrected by hand
    Replay(ReplayArgs),
}

#[derive(Debug, Args)]
struct ListArgs {
    #[command(flatten)]
    config: ConfigPath,
    /// Only of this table
    #[arg(long, value_name = "SCHEMA.TABLE")]
    table: Option<String>,
    /// How many at most
    #[arg(long, default_value_t = 50, value_name = "COUNT")]
    limit: usize,
    #[command(flatten)]
    output: super::Output,
}

#[derive(Debug, Args)]
struct ShowArgs {
    #[command(flatten)]
    config: ConfigPath,
    /// The id that `dlq ls` shows
    id: String,
    #[command(flatten)]
    output: super::Output,
}

/// What `dlq ls --output json` prints.
#[derive(Debug, Serialize)]
struct Listing {
    schema_version: u32,
    total: u64,
    dead_letters: VecDeque<Listed>,
    /// Rows of corrected files that were sent.
    corrected_rows: u64,
}

/// A dead letter as it is listed.
#[derive(Debug, Serialize)]
struct Listed {
    #[serde(flatten)]
    letter: DeadLetter,
    /// When its row was last sent again, RFC 3339.
    replayed: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// If the configuration or the folder cannot be read, or if there is no such dead letter.
pub(super) fn run(args: &DeadLettersArgs) -> Result<u8, Fault> {
    let text = match &args.verb {
        Verb::Ls(args) => list(args)?,
        Verb::Show(args) => show(args)?,
        Verb::Replay(args) => return replay::run(args),
    };
    super::print(&text)?;
    Ok(0)
}

fn list(args: &ListArgs) -> Result<String, Fault> {
    let (config, _) = args.config.load()?;
    let listing = Listing::of(&config, args.table.as_ref(), args.limit)?;
    match args.output.format {
        OutputFormat::Json => super::to_json(&listing),
        OutputFormat::Text => Ok(listing.text()),
    }
}

/// The newest dead letters as `dlq ls --output json` prints them, without what holds values of their rows.
///
/// # Errors
/// If they cannot be read.
pub(super) fn without_rows(config: &Config, limit: usize) -> Result<String, Fault> {
    let mut listing = Listing::of(config, None, limit)?;
    for Listed { letter, .. } in &mut listing.dead_letters {
        (letter.row, letter.row_hex, letter.message) = (None, None, None);
    }
    super::to_json(&listing)
}

fn show(args: &ShowArgs) -> Result<String, Fault> {
    let (config, _) = args.config.load()?;
    let mut found = None;
    visit(&config.errors.dead_letters, |letter| {
        if letter.id == args.id {
            found = Some(letter);
        }
    })?;
    let letter = found.ok_or_else(|| {
        let message = format!(
            "there is no dead letter {}; `brigade dlq ls` lists them",
            printable(&args.id)
        );
        Fault::new(FaultKind::SourceMissing, message)
    })?;
    match args.output.format {
        OutputFormat::Json => super::to_json(&letter),
        OutputFormat::Text => Ok(letter_text(&letter)),
    }
}

/// Calls `each` with everything that was sent again.
pub(super) fn visit_replays(folder: &Path, each: impl FnMut(Replay)) -> Result<(), Fault> {
    log::for_each(folder, each).map_err(|error| unreadable(folder, &error))
}

/// Calls `each` with every dead letter.
pub(super) fn visit(folder: &Path, each: impl FnMut(DeadLetter)) -> Result<(), Fault> {
    files::for_each(folder, each).map_err(|error| unreadable(folder, &error))
}

/// The fault of a dead-letter folder that cannot be read.
pub(super) fn unreadable(folder: &Path, error: &std::io::Error) -> Fault {
    let kind = if error.kind() == std::io::ErrorKind::PermissionDenied {
        FaultKind::PermissionDenied
    } else {
        FaultKind::StateIo
    };
    Fault::new(
        kind,
        format!("cannot read the dead letters in {}: {error}", folder.display()),
    )
}

impl Listing {
    /// The newest dead letters, of one table or of all.
    fn of(config: &Config, of_table: Option<&String>, limit: usize) -> Result<Self, Fault> {
        let mut listing = Self {
            schema_version: SCHEMA_VERSION,
            total: 0,
            dead_letters: VecDeque::new(),
            corrected_rows: 0,
        };
        let is_wanted = |table: Option<&String>| of_table.is_none() || of_table == table;
        let folder = &config.errors.dead_letters;
        let mut replayed = HashMap::new();
        visit_replays(folder, |replay| {
            let is_correction = replay.row.id.starts_with(CORRECTED);
            listing.corrected_rows += u64::from(is_correction && is_wanted(Some(&replay.row.table)));
            replayed.insert(replay.row.id, replay.time);
        })?;
        visit(folder, |letter| {
            if !is_wanted(letter.table.as_ref()) {
                return;
            }
            listing.total += 1;
            let replayed = replayed.get(&letter.id).cloned();
            listing.dead_letters.push_back(Listed { letter, replayed });
            if listing.dead_letters.len() > limit {
                listing.dead_letters.pop_front();
            }
        })?;
        Ok(listing)
    }

    fn text(&self) -> String {
        let corrected = counted(self.corrected_rows, "row");
        let corrected = (self.corrected_rows > 0).then(|| format!("{corrected} of corrected files sent"));
        if self.dead_letters.is_empty() {
            return "no dead letters\n".to_owned() + &lines(corrected);
        }
        let rows = self.dead_letters.iter().map(|Listed { letter, replayed }| {
            vec![
                printable(&letter.id).into_owned(),
                letter.table.as_deref().map_or("-".into(), printable).into_owned(),
                letter.ordinal.to_string(),
                letter.line.to_string(),
                letter.byte.to_string(),
                letter
                    .column
                    .as_deref()
                    .map_or("-".into(), printable)
                    .into_owned(),
                replayed.clone().unwrap_or_else(|| "-".to_owned()),
                printable(&letter.reason).into_owned(),
            ]
        });
        let headers = [
            "id",
            "table",
            "row",
            "line",
            "byte",
            "column",
            "sent again",
            "reason",
        ];
        let mut text = table(&headers, &["row", "line", "byte"], rows);
        let shown = saturate::to_u64(self.dead_letters.len());
        if shown < self.total {
            let total = counted(self.total, "dead letter");
            text += &lines([format!("the newest {shown} of {total}; --limit shows more")]);
        }
        text + &lines(corrected)
    }
}

fn letter_text(letter: &DeadLetter) -> String {
    let row = match (&letter.row, &letter.row_hex) {
        (Some(row), _) => printable(row.trim_end_matches(['\r', '\n'])).into_owned(),
        (None, Some(digits)) => format!("0x{digits}"),
        (None, None) => String::new(),
    };
    let row_name = if letter.is_row_cut {
        "row (its beginning, or nothing of it)"
    } else {
        "row"
    };
    let members = [
        ("id", letter.id.clone()),
        ("time", letter.time.clone()),
        ("object", letter.object.clone()),
        ("etag", letter.etag.clone()),
        (
            "place",
            format!(
                "row {} (from 0), line {}, byte {}",
                letter.ordinal, letter.line, letter.byte
            ),
        ),
        ("table", letter.table.clone().unwrap_or_else(|| "-".to_owned())),
        ("column", letter.column.clone().unwrap_or_else(|| "-".to_owned())),
        ("code", letter.code.clone()),
        ("reason", letter.reason.clone()),
        (row_name, row),
    ];
    lines(
        members
            .iter()
            .map(|(name, value)| format!("{name}: {}", printable(value))),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{ObjectId, QueueName};

    fn letter(row: &str) -> DeadLetter {
        DeadLetter {
            schema_version: 1,
            id: "k@e#0".into(),
            time: "2026-11-23T00:00:00Z".into(),
            task: "t".into(),
            object: "/data/k".into(),
            key: "k".into(),
            etag: "e".into(),
            object_id: ObjectId {
                queue: QueueName::changes(),
                number: 0,
            },
            ordinal: 0,
            line: 1,
            byte: 0,
            table: None,
            column: None,
            code: "not_a_number".into(),
            reason: "r".into(),
            row: Some(row.into()),
            row_hex: None,
            message: None,
            is_row_cut: false,
        }
    }

    #[test]
    fn a_row_cannot_control_the_terminal() {
        let text = letter_text(&letter("1,\u{1b}[2J\nid: forged\r\n"));
        assert!(text.ends_with("row: 1,\\u001b[2J\\nid: forged\n"), "{text}");
    }

    #[test]
    fn a_cut_listing_says_so() {
        let listing = Listing {
            schema_version: 1,
            total: 7,
            dead_letters: [Listed {
                letter: letter("1"),
                replayed: None,
            }]
            .into(),
            corrected_rows: 0,
        };
        assert!(
            listing
                .text()
                .ends_with("the newest 1 of 7 dead letters; --limit shows more\n")
        );
    }
}
