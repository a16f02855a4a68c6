//! Files of numbered rows, some of which are not rows, and the judge of what became of each in files of records.

use std::collections::{HashMap, HashSet};
use std::fmt::{self, Write as _};
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;

use bucket_brigade::deadletter::files::for_each as for_each_dead_letter;

use crate::stored_row::StoredRow;

/// One row in so many has a text where its number belongs.
const BAD_EVERY: u64 = 211;

/// The rows of a task.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NumberedRows {
    /// Files they are in.
    pub(crate) files_count: u64,
    /// Rows of each.
    pub(crate) rows_per_file: u64,
}

/// What became of them.
#[derive(Debug, Default)]
pub(crate) struct Found {
    /// Good rows.
    pub(crate) rows: u64,
    /// Bad rows.
    pub(crate) bad: u64,
    /// Rows that are neither in the target nor among the dead letters.
    pub(crate) missing: u64,
    /// Records beyond the first of a row.
    pub(crate) repeated: u64,
    /// Records that are not a row, or another row than was written, and dead letters of good rows.
    pub(crate) wrong: u64,
    /// Rows in a shard behind a later one.
    pub(crate) out_of_order: u64,
    /// The first of what is wrong, in words.
    pub(crate) example: Option<String>,
}

impl Found {
    fn report(&mut self, example: impl FnOnce() -> String) {
        self.wrong += 1;
        self.example.get_or_insert_with(example);
    }

    /// Whether each row is where it belongs, once.
    pub(crate) fn is_flawless(&self) -> bool {
        (self.missing, self.repeated, self.wrong, self.out_of_order) == (0, 0, 0, 0)
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} rows and {} bad ones: {} missing, {} repeated, {} wrong, {} out of order",
            self.rows, self.bad, self.missing, self.repeated, self.wrong, self.out_of_order
        )?;
        match &self.example {
            Some(example) => write!(f, ": {example}"),
            None => Ok(()),
        }
    }
}

impl NumberedRows {
    fn count(self) -> u64 {
        self.files_count * self.rows_per_file
    }

    fn is_bad(row: u64) -> bool {
        row % BAD_EVERY == BAD_EVERY - 1
    }

    fn note(row: u64) -> String {
        format!("row {row} {:x}", row.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }

    /// Writes the files into a folder.
    pub(crate) fn write(self, folder: &Path) -> Result<(), String> {
        for file in 0..self.files_count {
            let rows = file * self.rows_per_file..(file + 1) * self.rows_per_file;
            let mut text = String::new();
            for row in rows {
                let number = if Self::is_bad(row) { "no number " } else { "" };
                writeln!(text, "{number}{row},{}", Self::note(row)).map_err(|error| error.to_string())?;
            }
            let path = folder.join(format!("{file:06}.csv"));
            fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        Ok(())
    }

    /// Reads back what was stored in each shard's file and among the dead letters.
    pub(crate) fn judge(self, target: &Path, dead_letters: &Path) -> Result<Found, String> {
        let mut found = Found::default();
        let mut seen: HashMap<u64, u64> = HashMap::new();
        let entries = fs::read_dir(target).map_err(|error| format!("{}: {error}", target.display()))?;
        for entry in entries {
            let path = entry.map_err(|error| error.to_string())?.path();
            if path.extension().is_none_or(|extension| extension != "ndjson") {
                continue;
            }
            self.read_shard(&path, &mut seen, &mut found)
                .map_err(|error| format!("{}: {error}", path.display()))?;
        }
        let mut set_aside = HashSet::new();
        for_each_dead_letter(dead_letters, |letter| {
            let number = letter
                .row
                .as_deref()
                .and_then(|row| row.strip_prefix("no number "));
            let number = number.and_then(|row| row.split(',').next()?.parse::<u64>().ok());
            match number.filter(|number| *number < self.count() && Self::is_bad(*number)) {
                Some(number) => {
                    set_aside.insert(number);
                }
                None => found.report(|| format!("the dead letter {}", letter.id)),
            }
        })
        .map_err(|error| error.to_string())?;
        for row in 0..self.count() {
            if Self::is_bad(row) {
                found.bad += 1;
                found.missing += u64::from(!set_aside.contains(&row));
            } else {
                found.rows += 1;
                match seen.get(&row) {
                    Some(times) => found.repeated += times - 1,
                    None => found.missing += 1,
                }
            }
        }
        Ok(found)
    }

    fn read_shard(self, path: &Path, seen: &mut HashMap<u64, u64>, found: &mut Found) -> std::io::Result<()> {
        let mut last = None;
        for (index, line) in BufReader::new(File::open(path)?).lines().enumerate() {
            let line = line?;
            let is_right = |row: &StoredRow| {
                row.id < self.count() && !Self::is_bad(row.id) && row.note == Self::note(row.id)
            };
            match StoredRow::of(&line) {
                Ok(row) if is_right(&row) => {
                    found.out_of_order += u64::from(last.is_some_and(|last| last > row.id));
                    last = Some(row.id);
                    *seen.entry(row.id).or_default() += 1;
                }
                Ok(_) | Err(_) => {
                    found.report(|| format!("line {} of {}: {line}", index + 1, path.display()));
                }
            }
        }
        Ok(())
    }
}
