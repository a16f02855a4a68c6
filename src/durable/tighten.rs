//! Closes what is there already to everybody but its owner: versions before this one created files with whatever mode the
//! umask left.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// What became of the paths.
#[derive(Debug, Default)]
pub struct Tightened {
    /// Paths that group or others had access to, and have no longer.
    pub closed: usize,
    /// Paths that they still have access to, and why.
    pub open: Vec<(PathBuf, io::Error)>,
}

/// Closes files and folders. What does not exist, what a symbolic link points to, and folders that everybody may write to
/// by design (sticky) stay as they are.
pub fn tighten(paths: impl IntoIterator<Item = PathBuf>) -> Tightened {
    let mut tightened = Tightened::default();
    for path in paths {
        match close(&path) {
            Ok(is_closed) => tightened.closed += usize::from(is_closed),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => tightened.open.push((path, error)),
        }
    }
    tightened
}

/// A folder, and everything in it, as far as it can be listed; not what is in folders below.
pub fn with_entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten();
    let entries = entries.filter_map(|entry| Some(entry.ok()?.path()));
    [folder.to_owned()].into_iter().chain(entries).collect()
}

/// Takes away what group and others may do; says whether there was anything.
#[cfg(unix)]
fn close(path: &Path) -> io::Result<bool> {
    use std::os::unix::fs::PermissionsExt;
    const OF_OTHERS: u32 = 0o077;
    const STICKY: u32 = 0o1000;
    let metadata = fs::symlink_metadata(path)?;
    let mode = metadata.permissions().mode();
    let is_shared_by_design = metadata.is_dir() && mode & STICKY != 0;
    if metadata.is_symlink() || is_shared_by_design || mode & OF_OTHERS == 0 {
        return Ok(false);
    }
    fs::set_permissions(path, fs::Permissions::from_mode(mode & !OF_OTHERS))?;
    Ok(true)
}

#[cfg(not(unix))]
fn close(_path: &Path) -> io::Result<bool> {
    Ok(false)
}

#[cfg(unix)]
#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn mode_of(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    fn set_mode(path: &Path, mode: u32) {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    }

    #[test]
    fn what_others_had_access_to_is_closed_and_nothing_else_is_touched() {
        let parent = tempfile::tempdir().unwrap();
        let [folder, outside] = ["state", "outside"].map(|name| parent.path().join(name));
        fs::create_dir(&folder).unwrap();
        fs::write(&outside, "").unwrap();
        let [open, private] = ["open", "private"].map(|name| folder.join(name));
        fs::write(&open, "").unwrap();
        fs::write(&private, "").unwrap();
        symlink(&outside, folder.join("link")).unwrap();
        for (path, mode) in [
            (&folder, 0o2775),
            (&outside, 0o644),
            (&open, 0o664),
            (&private, 0o400),
        ] {
            set_mode(path, mode);
        }
        let tightened = tighten(with_entries(&folder));
        assert_eq!((tightened.closed, tightened.open.len()), (2, 0), "{tightened:?}");
        let modes = [&folder, &outside, &open, &private].map(|path| mode_of(path));
        assert_eq!(modes, [0o2700, 0o644, 0o600, 0o400]);
        assert_eq!(tighten(with_entries(&folder)).closed, 0, "once is enough");
    }

    #[test]
    fn a_folder_for_everybody_and_a_missing_one_stay_as_they_are() {
        let folder = tempfile::tempdir().unwrap();
        set_mode(folder.path(), 0o1777);
        let tightened = tighten([folder.path().to_owned(), folder.path().join("missing")]);
        assert_eq!((tightened.closed, tightened.open.len()), (0, 0), "{tightened:?}");
        assert_eq!(mode_of(folder.path()), 0o1777);
    }
}
