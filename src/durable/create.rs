//! Creates folders and files: the one place that says what a new one is like.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::Path;

/// Creates a folder and those above it, as far as they are missing.
///
/// # Errors
/// What the system said.
pub fn folder(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

/// How a file is opened that is created if it is missing; the caller adds what it wants to do with it.
pub fn file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true);
    options
}

/// Makes names in a folder durable.
///
/// # Errors
/// What the system said.
pub fn sync_folder(path: &Path) -> io::Result<()> {
    // An empty parent is the working folder; other systems than Unix cannot open a folder and need not.
    let path = if path.as_os_str().is_empty() {
        Path::new(".")
    } else {
        path
    };
    if cfg!(unix) {
        File::open(path)?.sync_all()
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    #[test]
    fn what_is_missing_is_created_and_what_is_there_stays() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        for content in ["x", "xx"] {
            folder(&path).unwrap();
            let mut file = file().append(true).open(path.join("f")).unwrap();
            file.write_all(b"x").unwrap();
            assert_eq!(fs::read_to_string(path.join("f")).unwrap(), content);
        }
    }

    #[test]
    fn the_working_folder_and_no_other_may_go_without_a_name() {
        sync_folder(Path::new("")).unwrap();
        assert_eq!(sync_folder(Path::new("does/not/exist")).is_err(), cfg!(unix));
    }
}
