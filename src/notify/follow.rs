//! Follows a file of lines that is put aside when it is full: what was appended to the old one is read to its end before
//! the new one is begun.

use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::supervise::events::{EVENTS_FILE, EVENTS_FILE_BEFORE};

/// A file that is read on and on.
#[derive(Debug)]
pub struct Follower {
    folder: PathBuf,
    /// `None` as long as there is none.
    open: Option<File>,
    /// The beginning of a line whose end is not there yet.
    begun: Vec<u8>,
}

impl Follower {
    /// Opens the file in a state folder, if there is one.
    ///
    /// # Errors
    /// If it cannot be opened.
    pub fn new(folder: &Path) -> io::Result<Self> {
        Ok(Self {
            open: open(&folder.join(EVENTS_FILE))?,
            folder: folder.to_owned(),
            begun: Vec::new(),
        })
    }

    /// The lines so far, with those of the file that was put aside last. Only to be called first.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn before(&mut self) -> io::Result<Vec<Vec<u8>>> {
        let current = self.open.take();
        let known = current.as_ref().map(File::metadata).transpose()?;
        if let Some(before) = open(&self.folder.join(EVENTS_FILE_BEFORE))? {
            let before_known = before.metadata()?;
            // It may be the one that was opened as the current one a moment ago.
            if known.is_none_or(|known| !is_same(&known, &before_known)) {
                self.open = Some(before);
            }
        }
        let mut lines = self.rest()?;
        self.begun.clear();
        self.open = current;
        lines.extend(self.rest()?);
        Ok(lines)
    }

    /// The whole lines that came since, of the old file and of the one in its place.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn more(&mut self) -> io::Result<Vec<Vec<u8>>> {
        let mut lines = self.rest()?;
        let Some(next) = open(&self.folder.join(EVENTS_FILE))? else {
            return Ok(lines);
        };
        let Some(old) = &self.open else {
            self.open = Some(next);
            lines.extend(self.rest()?);
            return Ok(lines);
        };
        if is_same(&old.metadata()?, &next.metadata()?) {
            return Ok(lines);
        }
        let old = old.metadata()?;
        // A line may have come between reading to the end and the renaming.
        lines.extend(self.rest()?);
        self.begun.clear();
        if let Some(before) = open(&self.folder.join(EVENTS_FILE_BEFORE))?
            && !is_same(&old, &before.metadata()?)
        {
            // It was put aside twice meanwhile.
            self.open = Some(before);
            lines.extend(self.rest()?);
        }
        self.open = Some(next);
        lines.extend(self.rest()?);
        Ok(lines)
    }

    /// The whole lines up to the end of the open file.
    fn rest(&mut self) -> io::Result<Vec<Vec<u8>>> {
        let Some(file) = &mut self.open else {
            return Ok(Vec::new());
        };
        file.read_to_end(&mut self.begun)?;
        let Some(end) = memchr::memrchr(b'\n', &self.begun) else {
            return Ok(Vec::new());
        };
        let begun = self.begun.split_off(end + 1);
        let whole = std::mem::replace(&mut self.begun, begun);
        let lines = whole.split(|byte| *byte == b'\n');
        Ok(lines
            .filter(|line| !line.is_empty())
            .map(<[u8]>::to_vec)
            .collect())
    }
}

fn open(path: &Path) -> io::Result<Option<File>> {
    match File::open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn is_same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::io::Write;

    use super::*;

    fn append(folder: &Path, text: &str) {
        let path = folder.join(EVENTS_FILE);
        let mut file = File::options().create(true).append(true).open(path).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    }

    fn put_aside(folder: &Path) {
        fs::rename(folder.join(EVENTS_FILE), folder.join(EVENTS_FILE_BEFORE)).unwrap();
    }

    fn texts(lines: io::Result<Vec<Vec<u8>>>) -> Vec<String> {
        let lines = lines.unwrap().into_iter();
        lines.map(|line| String::from_utf8(line).unwrap()).collect()
    }

    #[test]
    fn no_line_is_lost_or_cut_when_the_file_is_put_aside() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let mut follower = Follower::new(folder).unwrap();
        assert_eq!(texts(follower.before()), [""; 0]);
        append(folder, "a\nb");
        assert_eq!(texts(follower.more()), ["a"]);
        append(folder, "b\n");
        assert_eq!(texts(follower.more()), ["bb"]);
        append(folder, "c\n");
        put_aside(folder);
        append(folder, "d\n");
        assert_eq!(texts(follower.more()), ["c", "d"]);
        append(folder, "e\n");
        put_aside(folder);
        append(folder, "f\n");
        put_aside(folder);
        append(folder, "g\n");
        assert_eq!(texts(follower.more()), ["e", "f", "g"], "twice between two looks");
        put_aside(folder);
        assert_eq!(texts(follower.more()), [""; 0], "there is no new one yet");
        append(folder, "h\n");
        assert_eq!(texts(follower.more()), ["h"]);
        assert_eq!(texts(Follower::new(folder).unwrap().before()), ["g", "h"]);
    }
}
