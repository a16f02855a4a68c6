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
    /// Whole lines that nobody was given yet.
    whole: Vec<Vec<u8>>,
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
            whole: Vec::new(),
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
        self.read_on()?;
        self.begun.clear();
        self.open = current;
        self.read_on()?;
        Ok(std::mem::take(&mut self.whole))
    }

    /// The whole lines that came since, of the old file and of the one in its place. What was read before an error is given
    /// by the next call.
    ///
    /// # Errors
    /// If they cannot be read.
    pub fn more(&mut self) -> io::Result<Vec<Vec<u8>>> {
        self.read_on()?;
        if let Some(next) = open(&self.folder.join(EVENTS_FILE))? {
            self.go_on_to(next)?;
        }
        Ok(std::mem::take(&mut self.whole))
    }

    /// Reads to the end of the open file, and the file that is there now if it is another one.
    fn go_on_to(&mut self, next: File) -> io::Result<()> {
        if let Some(old) = &self.open {
            let old = old.metadata()?;
            if is_same(&old, &next.metadata()?) {
                return Ok(());
            }
            // A line may have come between reading to the end and the renaming.
            self.read_on()?;
            let before = open(&self.folder.join(EVENTS_FILE_BEFORE))?;
            let before = before.map(|before| Ok::<_, io::Error>((before.metadata()?, before)));
            if let Some((known, before)) = before.transpose()?
                && !is_same(&old, &known)
            {
                // It was put aside twice meanwhile.
                self.begun.clear();
                self.open = Some(before);
                self.read_on()?;
            }
        }
        self.begun.clear();
        self.open = Some(next);
        self.read_on()
    }

    /// Takes the whole lines up to the end of the open file.
    fn read_on(&mut self) -> io::Result<()> {
        let Some(file) = &mut self.open else {
            return Ok(());
        };
        let read = file.read_to_end(&mut self.begun);
        if let Some(end) = memchr::memrchr(b'\n', &self.begun) {
            let begun = self.begun.split_off(end + 1);
            let whole = std::mem::replace(&mut self.begun, begun);
            let lines = whole.split(|byte| *byte == b'\n');
            self.whole
                .extend(lines.filter(|line| !line.is_empty()).map(<[u8]>::to_vec));
        }
        read.map(drop)
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

    #[test]
    fn what_was_read_before_an_error_is_given_after_it() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        append(folder, "a\n");
        let mut follower = Follower::new(folder).unwrap();
        assert_eq!(texts(follower.before()), ["a"]);
        append(folder, "b\n");
        put_aside(folder);
        // What is in its place cannot be read.
        std::os::unix::fs::symlink(EVENTS_FILE, folder.join(EVENTS_FILE)).unwrap();
        assert!(follower.more().is_err());
        fs::remove_file(folder.join(EVENTS_FILE)).unwrap();
        append(folder, "c\n");
        assert_eq!(texts(follower.more()), ["b", "c"]);
    }
}
