//! Puts a file in place so that readers, and whoever comes after a crash, find the old one or all of the new one.

use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use super::create;

/// What the new file is to survive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Survives {
    /// A power cut, from the moment on in which [`replace`] returns.
    PowerCut,
    /// The end of the process. After a power cut the file may be anything.
    Crash,
}

/// Writes a file beside the one that it takes the place of.
///
/// # Errors
/// What the system or `write` said; the old file is still there then.
pub fn replace(
    path: &Path,
    survives: Survives,
    write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
) -> io::Result<()> {
    let incomplete = incomplete(path);
    // What a crash left there may have been made by a version that let others read it.
    remove(&incomplete)?;
    let mut out = BufWriter::new(create::file().write(true).create_new(true).open(&incomplete)?);
    write(&mut out)?;
    let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
    match survives {
        Survives::Crash => fs::rename(&incomplete, path),
        Survives::PowerCut => {
            file.sync_all()?;
            fs::rename(&incomplete, path)?;
            path.parent().map_or(Ok(()), create::sync_folder)
        }
    }
}

fn remove(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

fn incomplete(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".incomplete");
    name.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_new_file_is_there_whole_or_not_at_all() {
        for survives in [Survives::PowerCut, Survives::Crash] {
            let folder = tempfile::tempdir().unwrap();
            let path = folder.path().join("file.jsonl");
            // What an earlier crash left is longer than the file.
            fs::write(incomplete(&path), "left over").unwrap();
            #[cfg(unix)]
            fs::set_permissions(
                incomplete(&path),
                std::os::unix::fs::PermissionsExt::from_mode(0o644),
            )
            .unwrap();
            replace(&path, survives, |out| out.write_all(b"old")).unwrap();
            let failed = replace(&path, survives, |out| {
                out.write_all(b"ne")?;
                Err(io::Error::other("disk full"))
            });
            assert!(failed.is_err(), "the failure must be reported");
            assert_eq!(fs::read(&path).unwrap(), b"old", "the old file must be whole");
            replace(&path, survives, |out| out.write_all(b"n")).unwrap();
            assert_eq!(fs::read(&path).unwrap(), b"n");
            assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
            #[cfg(unix)]
            assert_eq!(
                std::os::unix::fs::PermissionsExt::mode(&fs::metadata(&path).unwrap().permissions()) & 0o777,
                0o600,
                "what was left over lent its mode"
            );
        }
    }
}
