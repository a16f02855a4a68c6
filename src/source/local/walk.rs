//! Walks a folder tree in key order, page by page.
//!
//! The names of one folder per level are in memory, sorted once; metadata is asked for file by file. So a
//! listing of n files costs one sort however many pages it has.

use std::cmp::Ordering;
use std::ffi::OsString;
use std::fs::{self, FileType};
use std::io;
use std::path::{Path, PathBuf};

use super::{display, file_error, folder_error, version_of};
use crate::model::ObjectVersion;
use crate::source::SourceError;

/// A place in a folder tree, between two files.
#[derive(Debug)]
pub(super) struct Walk {
    root: PathBuf,
    /// The open folders, outermost first; the names still to visit are in reverse order.
    open: Vec<Folder>,
    prefix: String,
    start_after: String,
}

#[derive(Debug)]
struct Folder {
    /// Key prefix of everything in it: empty, or ending in a slash.
    key: String,
    rest: Vec<Entry>,
}

#[derive(Debug, PartialEq, Eq)]
struct Entry {
    /// The name; a folder's ends in a slash, which is what makes the order of names the order of keys.
    name: String,
    is_link: bool,
}

impl Walk {
    /// A walk over the files under `prefix` with keys greater than `start_after`.
    pub(super) fn start(directory: &Path, prefix: &str, start_after: &str) -> Result<Self, SourceError> {
        let root = fs::canonicalize(directory).map_err(|error| folder_error(directory, &error))?;
        let mut walk = Self {
            root,
            open: Vec::new(),
            prefix: prefix.to_owned(),
            start_after: start_after.to_owned(),
        };
        walk.enter(String::new())?;
        Ok(walk)
    }

    /// Whether there is certainly nothing left to visit.
    pub(super) fn is_at_end(&self) -> bool {
        self.open.iter().all(|folder| folder.rest.is_empty())
    }

    /// The next files, at most `keys_max`; fewer only at the end.
    pub(super) fn next_page(&mut self, keys_max: usize) -> Result<Vec<ObjectVersion>, SourceError> {
        let mut objects = Vec::new();
        while objects.len() < keys_max {
            let Some(folder) = self.open.last_mut() else {
                break;
            };
            let Some(entry) = folder.rest.pop() else {
                self.open.pop();
                continue;
            };
            let key = format!("{}{}", folder.key, entry.name);
            if key.ends_with('/') {
                self.enter(key)?;
            } else {
                objects.extend(self.visit(key, entry.is_link)?);
            }
        }
        Ok(objects)
    }

    /// Opens a folder: reads and sorts the names in it that can lead to a wanted key.
    fn enter(&mut self, key: String) -> Result<(), SourceError> {
        let path = self.root.join(&key);
        let names = match fs::read_dir(&path) {
            Ok(names) => names,
            // It was there a moment ago: removed while we walk, so it holds no files any more.
            Err(error) if error.kind() == io::ErrorKind::NotFound && !key.is_empty() => return Ok(()),
            Err(error) => return Err(folder_error(&path, &error)),
        };
        let mut rest = Vec::new();
        for name in names {
            let name = name.map_err(|error| folder_error(&path, &error))?;
            let file_type = name.file_type().map_err(|error| folder_error(&path, &error))?;
            let text = text_of(&path, name.file_name())?;
            let key_of_entry = format!("{key}{text}");
            if file_type.is_dir() {
                if self.wants_folder(&format!("{key_of_entry}/")) {
                    rest.push(Entry {
                        name: text + "/",
                        is_link: false,
                    });
                }
            } else if self.wants_file(&key_of_entry) {
                let is_link = is_link_or_file(&path.join(&text), file_type)?;
                rest.push(Entry { name: text, is_link });
            }
        }
        rest.sort_unstable_by(|a, b| b.name.as_bytes().cmp(a.name.as_bytes()));
        self.open.push(Folder { key, rest });
        Ok(())
    }

    fn wants_file(&self, key: &str) -> bool {
        key.starts_with(&self.prefix) && key.as_bytes() > self.start_after.as_bytes()
    }

    /// Whether a folder (its key ends in a slash) can hold a wanted key.
    fn wants_folder(&self, key: &str) -> bool {
        let within_prefix = key.starts_with(&self.prefix) || self.prefix.starts_with(key);
        let has_greater_keys = self.start_after.starts_with(key)
            || key.as_bytes().cmp(self.start_after.as_bytes()) != Ordering::Less;
        within_prefix && has_greater_keys
    }

    /// The version of a file, or `None` if it is gone by now.
    fn visit(&self, key: String, is_link: bool) -> Result<Option<ObjectVersion>, SourceError> {
        let path = self.root.join(&key);
        if is_link {
            match ensure_inside(&self.root, &path) {
                Ok(()) => {}
                Err(SourceError::Vanished { .. }) => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        match fs::metadata(&path) {
            Ok(metadata) if metadata.is_file() => Ok(Some(version_of(key, &metadata))),
            Ok(_) => Err(not_a_file(&path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(file_error("list", &path, &error)),
        }
    }
}

/// Checks that a path, links followed, stays below `root` (which is canonical).
pub(super) fn ensure_inside(root: &Path, path: &Path) -> Result<(), SourceError> {
    let target = fs::canonicalize(path).map_err(|error| file_error("open", path, &error))?;
    if target.starts_with(root) {
        return Ok(());
    }
    Err(SourceError::Refused {
        action: "open",
        location: display(path),
        detail: "it is a symbolic link that leads out of the source folder; put the file itself there"
            .to_owned(),
    })
}

fn not_a_file(path: &Path) -> SourceError {
    SourceError::Refused {
        action: "list",
        location: display(path),
        detail: "it is neither a file nor a folder; move it out of the source folder".to_owned(),
    }
}

/// Whether an entry that is not a folder is a link; anything but a link or a file is refused.
fn is_link_or_file(path: &Path, file_type: FileType) -> Result<bool, SourceError> {
    if file_type.is_symlink() || file_type.is_file() {
        Ok(file_type.is_symlink())
    } else {
        Err(not_a_file(path))
    }
}

fn text_of(folder: &Path, name: OsString) -> Result<String, SourceError> {
    name.into_string().map_err(|name| SourceError::Refused {
        action: "list",
        location: display(&folder.join(name)),
        detail: "its name is not UTF-8; rename it or move it out of the source folder".to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::*;

    fn keys_of(directory: &Path, prefix: &str, start_after: &str, page_keys: usize) -> Vec<String> {
        let mut walk = Walk::start(directory, prefix, start_after).unwrap();
        let mut keys = Vec::new();
        while !walk.is_at_end() {
            keys.extend(
                walk.next_page(page_keys)
                    .unwrap()
                    .into_iter()
                    .map(|object| object.key),
            );
        }
        keys
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn a_walk_finds_what_a_sorted_set_of_keys_holds(
            wanted in proptest::collection::btree_set("([a.!-]/?){1,4}[a.b]{1,2}[cé]", 0..12),
            prefix in "[a.]{0,2}/?",
            start_after in "([a.-]/?){0,4}",
            page_keys in 1_usize..4,
        ) {
            let directory = tempfile::tempdir().unwrap();
            let mut keys = BTreeSet::new();
            for key in wanted.iter().filter(|key| key.split('/').all(|part| part != "." && part != "..")) {
                let path = directory.path().join(key);
                // A name can not be a file and a folder at once: such keys are left out.
                let is_made = fs::create_dir_all(path.parent().unwrap()).is_ok() && fs::write(&path, b"x").is_ok();
                if is_made {
                    keys.insert(key.clone());
                }
            }
            let expected: Vec<_> = keys
                .into_iter()
                .filter(|key| key.starts_with(&prefix) && key.as_bytes() > start_after.as_bytes())
                .collect();
            prop_assert_eq!(keys_of(directory.path(), &prefix, &start_after, page_keys), expected);
        }
    }

    #[test]
    #[cfg(unix)]
    fn a_link_is_followed_inside_and_refused_outside() {
        let outside = tempfile::tempdir().unwrap();
        fs::write(outside.path().join("secret.csv"), b"x").unwrap();
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("a.csv"), b"x").unwrap();
        std::os::unix::fs::symlink(directory.path().join("a.csv"), directory.path().join("b.csv")).unwrap();
        assert_eq!(keys_of(directory.path(), "", "", 9), ["a.csv", "b.csv"]);

        std::os::unix::fs::symlink(outside.path().join("secret.csv"), directory.path().join("c.csv"))
            .unwrap();
        let mut walk = Walk::start(directory.path(), "", "").unwrap();
        let refused = walk.next_page(9).unwrap_err();
        assert!(matches!(refused, SourceError::Refused { .. }), "{refused}");
        assert!(refused.to_string().contains("c.csv"), "{refused}");
    }

    #[test]
    #[cfg(unix)]
    fn what_cannot_be_an_object_is_named_and_never_left_out() {
        use std::os::unix::ffi::OsStringExt;

        let directory = tempfile::tempdir().unwrap();
        fs::write(
            directory.path().join(OsString::from_vec(b"caf\xe9.csv".to_vec())),
            b"x",
        )
        .unwrap();
        let refused = Walk::start(directory.path(), "", "").unwrap_err();
        assert!(refused.to_string().contains("not UTF-8"), "{refused}");

        let directory = tempfile::tempdir().unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(directory.path().join("s")).unwrap();
        let refused = Walk::start(directory.path(), "", "").unwrap_err();
        assert!(
            refused.to_string().contains("neither a file nor a folder"),
            "{refused}"
        );

        let directory = tempfile::tempdir().unwrap();
        fs::create_dir(directory.path().join("d")).unwrap();
        std::os::unix::fs::symlink(directory.path(), directory.path().join("d/loop")).unwrap();
        let refused = Walk::start(directory.path(), "", "")
            .unwrap()
            .next_page(9)
            .unwrap_err();
        assert!(
            refused.to_string().contains("neither a file nor a folder"),
            "{refused}"
        );
    }
}
