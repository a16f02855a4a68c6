//! Files of JSON lines that only grow: appended to and synced, and repaired after a crash that cut the last line.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::create;
use crate::saturate;

/// Bytes looked at once when the end of the last whole line is sought.
const BLOCK_BYTES: u64 = 64 * 1024;

/// What becomes of a line that was not written to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TornLine {
    /// It gets an end and stays; [`for_each`] leaves it out. For files that more than one process may append to.
    Ended,
    /// It is cut off. For files with one writer, whose readers rely on every line.
    CutOff,
}

/// A file that is open for appending.
#[derive(Debug)]
pub struct JsonLines {
    file: File,
    torn_line: TornLine,
    bytes_count: u64,
    /// Whether an append failed, so that the file may end within a line.
    is_torn: bool,
}

impl JsonLines {
    /// Opens or creates the file in a folder that is there, and repairs its end. Blocks.
    ///
    /// # Errors
    /// What the system said.
    pub fn open(path: &Path, torn_line: TornLine) -> io::Result<Self> {
        let mut file = create::file().read(true).append(true).open(path)?;
        let length = file.metadata()?.len();
        if length == 0 {
            // It may be new: later its lines are durable only if its name is.
            path.parent().map_or(Ok(()), create::sync_folder)?;
        }
        let whole = whole_lines_bytes(&mut file)?;
        let bytes_count = match torn_line {
            _ if whole == length => length,
            TornLine::Ended => {
                file.write_all(b"\n")?;
                length + 1
            }
            TornLine::CutOff => {
                tracing::warn!(file = %path.display(), length = whole, "removed the torn last line of an interrupted write");
                file.set_len(whole)?;
                file.sync_all()?;
                whole
            }
        };
        Ok(Self {
            file,
            torn_line,
            bytes_count,
            is_torn: false,
        })
    }

    /// Appends whole lines, as [`push`] makes them; they are durable when this returns. Answers the offset at which
    /// they start, which only holds if nobody else appends. Blocks.
    ///
    /// # Errors
    /// What the system said. With [`TornLine::CutOff`] nothing of the lines stays; otherwise the next append ends the torn
    /// line first, so that it takes no whole line with it.
    pub fn append(&mut self, lines: &[u8]) -> io::Result<u64> {
        if std::mem::take(&mut self.is_torn) {
            let ended = self.file.write_all(b"\n");
            self.is_torn = ended.is_err();
            ended?;
            self.bytes_count = self.file.metadata()?.len();
        }
        let start = self.bytes_count;
        let appended = self.file.write_all(lines).and_then(|()| self.file.sync_data());
        match (appended, self.torn_line) {
            (Ok(()), _) => {
                self.bytes_count = start.saturating_add(saturate::to_u64(lines.len()));
                Ok(start)
            }
            (Err(error), TornLine::Ended) => {
                self.is_torn = true;
                Err(error)
            }
            (Err(error), TornLine::CutOff) => match self.file.set_len(start) {
                Ok(()) => Err(error),
                Err(also) => Err(io::Error::other(format!(
                    "{error}; and cutting it off again: {also}"
                ))),
            },
        }
    }
}

/// Adds a value as a line.
///
/// # Errors
/// If it cannot be JSON.
pub fn push(lines: &mut Vec<u8>, value: &impl Serialize) -> serde_json::Result<()> {
    serde_json::to_writer(&mut *lines, value)?;
    lines.push(b'\n');
    Ok(())
}

/// Calls `each` with the value of every line, oldest first. Lines that are not such a value are left out: a crash cut
/// them. A file that does not exist has no lines.
///
/// # Errors
/// What the system said.
pub fn for_each<T: DeserializeOwned>(path: &Path, mut each: impl FnMut(T)) -> io::Result<()> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    // By bytes: a crash may have cut a line within a character.
    for line in BufReader::new(file).split(b'\n') {
        if let Ok(value) = serde_json::from_slice(&line?) {
            each(value);
        }
    }
    Ok(())
}

/// The length of a file up to the end of its last whole line.
///
/// # Errors
/// What the system said.
pub fn whole_lines_bytes(file: &mut File) -> io::Result<u64> {
    let mut end = file.metadata()?.len();
    let mut block = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(BLOCK_BYTES);
        block.clear();
        file.seek(SeekFrom::Start(start))?;
        file.take(end - start).read_to_end(&mut block)?;
        if let Some(at) = memchr::memrchr(b'\n', &block) {
            return Ok(start + saturate::to_u64(at) + 1);
        }
        end = start;
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use proptest::prelude::*;

    use super::*;

    fn values(path: &Path) -> Vec<String> {
        let mut values = Vec::new();
        for_each(path, |value| values.push(value)).unwrap();
        values
    }

    fn lines(values: &[&str]) -> Vec<u8> {
        let mut lines = Vec::new();
        for value in values {
            push(&mut lines, value).unwrap();
        }
        lines
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn a_cut_anywhere_leaves_exactly_the_whole_lines(
            before in proptest::collection::vec("[a-zü]{0,9}", 0..9),
            cut: proptest::sample::Index,
        ) {
            let folder = tempfile::tempdir().unwrap();
            let before: Vec<_> = before.iter().map(String::as_str).collect();
            let mut content = lines(&before);
            content.truncate(cut.index(content.len() + 1));
            let whole_count = content.split(|byte| *byte == b'\n').count() - 1;
            let whole = lines(&before[..whole_count]);
            // A line that lacks nothing but its end is a value once it has one.
            let is_value = content.ends_with(b"\"") && content.len() > whole.len() + 1;
            for torn_line in [TornLine::Ended, TornLine::CutOff] {
                let path = folder.path().join(format!("{torn_line:?}"));
                fs::write(&path, &content).unwrap();
                let mut file = JsonLines::open(&path, torn_line).unwrap();
                let start = usize::try_from(file.append(&lines(&["new"])).unwrap()).unwrap();
                let written = fs::read(&path).unwrap();
                prop_assert_eq!(&written[start..], &lines(&["new"]));
                let kept = whole_count + usize::from(is_value && torn_line == TornLine::Ended);
                prop_assert_eq!(values(&path), [&before[..kept], &["new"]].concat());
                if torn_line == TornLine::CutOff {
                    prop_assert_eq!(start, whole.len());
                }
            }
        }
    }

    #[test]
    fn a_torn_line_longer_than_a_block_is_removed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut content = b"whole\n".to_vec();
        content.resize(6 + 3 * usize::try_from(BLOCK_BYTES).unwrap(), b'x');
        fs::write(&path, content).unwrap();
        JsonLines::open(&path, TornLine::CutOff).unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"whole\n");
    }

    #[test]
    fn a_missing_file_has_no_lines_and_a_missing_folder_takes_none() {
        let path = Path::new("does/not/exist");
        assert_eq!(values(path), [""; 0]);
        assert!(JsonLines::open(path, TornLine::Ended).is_err());
    }

    #[test]
    fn nothing_stays_of_an_append_that_failed_and_the_failure_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut file = JsonLines::open(&path, TornLine::CutOff).unwrap();
        file.append(&lines(&["one"])).unwrap();
        // A file that may only be read takes neither lines nor a cut.
        file.file = File::open(&path).unwrap();
        let failed = file.append(&lines(&["two"])).unwrap_err().to_string();
        assert!(failed.contains("cutting it off again"), "{failed}");
        file.torn_line = TornLine::Ended;
        let failed = file.append(&lines(&["two"])).unwrap_err().to_string();
        assert!(!failed.contains("cutting it off again"), "{failed}");
        assert_eq!(values(&path), ["one"]);
    }

    #[test]
    fn a_torn_append_takes_no_later_line_with_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let mut file = JsonLines::open(&path, TornLine::Ended).unwrap();
        file.append(&lines(&["one"])).unwrap();
        // As a full disk leaves it: half a line, and an error.
        file.file.write_all(b"\"tw").unwrap();
        let writable = std::mem::replace(&mut file.file, File::open(&path).unwrap());
        file.append(&lines(&["two"])).unwrap_err();
        file.append(&lines(&["two"])).unwrap_err();
        file.file = writable;
        let start = file.append(&lines(&["three"])).unwrap();
        assert_eq!(values(&path), ["one", "three"]);
        assert_eq!(start, 10, "after the torn line and its end");
    }
}
