//! Dead letters on disk: files of JSON lines, one per day, appended to and synced before a row counts as settled.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::envelope::DeadLetter;
use crate::durable::create;
use crate::durable::json_lines::{self, JsonLines, TornLine};

/// Appends dead letters.
#[derive(Debug)]
pub struct DeadLetterFiles {
    folder: PathBuf,
    open: Option<(String, JsonLines)>,
}

impl DeadLetterFiles {
    /// A writer into a folder, which is created with the first dead letter.
    pub fn new(folder: PathBuf) -> Self {
        Self { folder, open: None }
    }

    /// Appends lines to the file of a day (`2026-11-23`); they are durable when this returns (D2).
    ///
    /// # Errors
    /// Whatever the file system says.
    pub fn append(&mut self, day: &str, lines: &[u8]) -> io::Result<()> {
        if self.open.as_ref().is_none_or(|(open_day, _)| open_day != day) {
            self.open = Some((day.to_owned(), self.open_file(day)?));
        }
        if let Some((_, file)) = &mut self.open {
            file.append(lines)?;
        }
        Ok(())
    }

    fn open_file(&self, day: &str) -> io::Result<JsonLines> {
        create::folder(&self.folder)?;
        let path = self.folder.join(format!("dead-letters-{day}.ndjson"));
        // A line that a crash cut was never settled, so its row comes again.
        JsonLines::open(&path, TornLine::Ended)
    }
}

/// Calls `each` with every dead letter of a folder once, oldest file first. Lines that a crash cut or wrote twice
/// are left out.
///
/// # Errors
/// Whatever the file system says; a folder that does not exist holds no dead letters.
pub fn for_each(folder: &Path, mut each: impl FnMut(DeadLetter)) -> io::Result<()> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    let mut paths = entries
        .map(|entry| entry.map(|entry| entry.path()))
        .collect::<io::Result<Vec<_>>>()?;
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "ndjson"));
    paths.sort();
    let mut seen = HashSet::new();
    for path in paths {
        json_lines::for_each(&path, |letter: DeadLetter| {
            if seen.insert(letter.id.clone()) {
                each(letter);
            }
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs::OpenOptions;
    use std::io::Write;

    use super::*;
    use crate::deadletter::envelope::Origin;
    use crate::model::{ObjectId, ObjectVersion, QueueName, RejectedRecord};

    fn line(ordinal: u64) -> Vec<u8> {
        let id = ObjectId {
            queue: QueueName::changes(),
            number: 0,
        };
        let version = ObjectVersion {
            key: "k".into(),
            etag: "e".into(),
            size_bytes: 1,
            modified_ms: 0,
        };
        let origin = Origin {
            task: "t",
            location: "k",
            id: &id,
            version: &version,
            time: "now",
        };
        let (table, column, row) = (None, None, "1,ü".into());
        let (code, reason) = ("field_count", String::new());
        let record = RejectedRecord {
            ordinal,
            line: 1,
            position: 0,
            table,
            column,
            code,
            reason,
            row,
            is_cut: false,
            message: None,
        };
        let mut line = Vec::new();
        json_lines::push(&mut line, &DeadLetter::new(origin, &record, None)).unwrap();
        line
    }

    /// D2: a line that is not whole was never settled, so its row comes again.
    #[test]
    fn a_torn_line_and_a_repeated_line_are_left_out() {
        let folder = tempfile::tempdir().unwrap();
        DeadLetterFiles::new(folder.path().into())
            .append("2026-01-01", &line(0))
            .unwrap();
        let path = folder.path().join("dead-letters-2026-01-01.ndjson");
        let torn = line(1);
        let in_a_character = torn.iter().position(|byte| *byte == 0xc3).unwrap();
        OpenOptions::new()
            .append(true)
            .open(path)
            .unwrap()
            .write_all(&torn[..=in_a_character])
            .unwrap();
        let mut writer = DeadLetterFiles::new(folder.path().into());
        writer.append("2026-01-01", &[line(1), line(0)].concat()).unwrap();
        writer.append("2026-01-02", &line(2)).unwrap();
        let mut ordinals = Vec::new();
        for_each(folder.path(), |letter| ordinals.push(letter.ordinal)).unwrap();
        assert_eq!(ordinals, [0, 1, 2]);
    }

    #[test]
    fn a_missing_folder_holds_no_dead_letters() {
        for_each(Path::new("does/not/exist"), |_| panic!("nothing is there")).unwrap();
    }
}
