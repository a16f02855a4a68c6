//! The state folder: where its files are, and the errors that name it.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use super::StoreError;

/// A state folder and the names in it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StateFolder {
    path: PathBuf,
}

impl fmt::Display for StateFolder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.path.display().fmt(f)
    }
}

impl StateFolder {
    /// The folder at a path; nothing is touched.
    pub fn new(path: &Path) -> Self {
        Self {
            path: path.to_owned(),
        }
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What sled keeps its files in.
    pub fn database_folder(&self) -> PathBuf {
        self.path.join("sled")
    }

    /// The file that holds all of sled's data.
    pub fn database_file(&self) -> PathBuf {
        self.database_folder().join("db")
    }

    /// The side file that the database must agree with.
    pub fn identity_file(&self) -> PathBuf {
        self.path.join("IDENTITY")
    }

    /// Where automatic exports go.
    pub fn exports_folder(&self) -> PathBuf {
        self.path.join("exports")
    }

    /// Where an import is built before it becomes the state.
    pub fn import_folder(&self) -> PathBuf {
        self.path.join("import.incomplete")
    }

    /// Whether an import was begun and no database is there: the side file of an import comes first.
    pub fn has_unfinished_import(&self) -> bool {
        self.identity_file().exists() && self.import_folder().exists() && !self.database_file().exists()
    }

    /// The exports in the folder, oldest first: their names sort by time.
    ///
    /// # Errors
    /// [`StoreError::Io`] if the folder is there and cannot be read.
    pub fn exports(&self) -> Result<Vec<PathBuf>, StoreError> {
        let entries = match fs::read_dir(self.exports_folder()) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(self.io(format!("cannot list exports: {error}"))),
        };
        let mut exports = Vec::new();
        for entry in entries {
            let path = entry
                .map_err(|error| self.io(format!("cannot list exports: {error}")))?
                .path();
            if path.extension().is_some_and(|extension| extension == "jsonl") {
                exports.push(path);
            }
        }
        exports.sort();
        Ok(exports)
    }

    /// The state is not what it should be; says which commands help.
    pub fn damaged(&self, finding: impl fmt::Display) -> StoreError {
        let export = match self.exports() {
            Ok(exports) => exports.last().map(|path| path.display().to_string()),
            Err(_) => None,
        };
        let import = export.map_or_else(
            || "`brigade checkpoint import FILE` from an export, if you have one".to_owned(),
            |path| format!("`brigade checkpoint import {path}`"),
        );
        self.refused(format!(
            "{finding}; put the last export back with `brigade checkpoint reset` and then {import}, or start from \
            scratch with `brigade checkpoint reset` alone"
        ))
    }

    /// The state is sound and not for this program or this task.
    pub fn refused(&self, detail: impl Into<String>) -> StoreError {
        StoreError::Damaged {
            location: self.to_string(),
            detail: detail.into(),
        }
    }

    /// Reading or writing failed.
    pub fn io(&self, detail: impl fmt::Display) -> StoreError {
        StoreError::Io {
            location: self.to_string(),
            detail: detail.to_string(),
        }
    }

    /// The state cannot be created.
    pub fn create(&self, detail: impl fmt::Display) -> StoreError {
        StoreError::Create {
            location: self.to_string(),
            detail: detail.to_string(),
        }
    }
}

/// Whether a path still leads to an open file. On systems without inodes: whether it leads to any file.
///
/// # Errors
/// What the system said, other than that there is no such file.
pub fn leads_to(path: &Path, file: &File) -> io::Result<bool> {
    let at_path = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    Ok(is_same_file(&at_path, &file.metadata()?))
}

#[cfg(unix)]
fn is_same_file(left: &fs::Metadata, right: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (left.dev(), left.ino()) == (right.dev(), right.ino())
}

#[cfg(not(unix))]
fn is_same_file(left: &fs::Metadata, right: &fs::Metadata) -> bool {
    left.is_file() && right.is_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_replaced_file_is_not_the_open_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("db");
        let file = File::create(&path).unwrap();
        assert!(leads_to(&path, &file).unwrap(), "same file");
        fs::remove_file(&path).unwrap();
        assert!(!leads_to(&path, &file).unwrap(), "no file");
        fs::write(folder.path().join("other"), b"").unwrap();
        fs::rename(folder.path().join("other"), &path).unwrap();
        assert!(!leads_to(&path, &file).unwrap(), "another file");
    }

    #[test]
    fn damage_names_the_newest_export_and_both_commands() {
        let folder = tempfile::tempdir().unwrap();
        let state = StateFolder::new(folder.path());
        fs::create_dir(state.exports_folder()).unwrap();
        for name in [
            "checkpoint-20260102T000000Z.jsonl",
            "checkpoint-20260101T000000Z.jsonl",
            "x.incomplete",
        ] {
            fs::write(state.exports_folder().join(name), b"").unwrap();
        }
        let text = state.damaged("the database is empty").to_string();
        assert!(
            text.contains("import ") && text.contains("checkpoint-20260102T000000Z.jsonl`"),
            "{text}"
        );
        assert!(text.contains("`brigade checkpoint reset`"), "{text}");
    }
}
