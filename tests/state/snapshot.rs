//! The files of a state as they are at a moment: what a process leaves that is killed then. They are put back into the
//! very files they were taken from, because a copy is noticed.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test ends at the first surprise"
)]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// The content of every file of a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Snapshot(BTreeMap<PathBuf, Vec<u8>>);

impl Snapshot {
    /// The files of a folder now, whether somebody has them open or not.
    pub(crate) fn of(folder: &Path) -> Self {
        let mut files = BTreeMap::new();
        for path in files_of(folder) {
            let name = path.strip_prefix(folder).unwrap().to_owned();
            files.insert(name, fs::read(&path).unwrap());
        }
        Self(files)
    }

    /// Brings the files back.
    pub(crate) fn restore(&self, folder: &Path) {
        for path in files_of(folder) {
            if !self.0.contains_key(path.strip_prefix(folder).unwrap()) {
                fs::remove_file(path).unwrap();
            }
        }
        for (name, content) in &self.0 {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
    }

    /// A file of it.
    pub(crate) fn file(&self, name: &str) -> &[u8] {
        &self.0[Path::new(name)]
    }

    /// Its files with their content.
    pub(crate) fn files_mut(&mut self) -> impl Iterator<Item = (&Path, &mut Vec<u8>)> {
        self.0.iter_mut().map(|(name, content)| (name.as_path(), content))
    }

    /// The same with another content of a file.
    pub(crate) fn with(mut self, name: &str, content: &[u8]) -> Self {
        self.0.insert(name.into(), content.to_owned());
        self
    }
}

fn files_of(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        if entry.file_type().unwrap().is_dir() {
            files.extend(files_of(&entry.path()));
        } else {
            files.push(entry.path());
        }
    }
    files
}
