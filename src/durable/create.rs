//! Creates folders and files: the one place that says what a new one is like. Only its owner gets in, whatever the umask of
//! the process: what is written are rows, or says things about them. What people make with a command and keep in a
//! repository is the exception.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::path::Path;

/// What the owner may do with a folder, and nobody else.
#[cfg(unix)]
const FOLDER_MODE: u32 = 0o700;
/// The same of a file.
#[cfg(unix)]
const FILE_MODE: u32 = 0o600;

/// Creates a folder and those above it, as far as they are missing; only the owner may enter them.
///
/// # Errors
/// What the system said.
pub fn folder(path: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, FOLDER_MODE);
    builder.create(path)
}

/// How a file is opened that is created, for its owner only, if it is missing; the caller adds what it wants to do with it.
pub fn file() -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, FILE_MODE);
    options
}

/// As [`folder`], for files that people keep: the umask decides who may enter it.
///
/// # Errors
/// What the system said.
pub fn shared_folder(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

/// As [`file`], for a file that people keep: the umask decides who may read it.
pub fn shared_file() -> OpenOptions {
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

    #[cfg(unix)]
    #[test]
    fn only_the_owner_gets_in_except_into_what_people_keep() {
        use std::os::unix::fs::PermissionsExt;
        let mode_of = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a/b");
        folder(&path).unwrap();
        file().write(true).open(path.join("f")).unwrap();
        let modes = [&path.join("f"), &path, &parent.path().join("a")].map(|path| mode_of(path));
        assert_eq!(modes, [0o600, 0o700, 0o700]);
        let kept = parent.path().join("kept");
        shared_folder(&kept).unwrap();
        shared_file().write(true).open(kept.join("f")).unwrap();
        // As the umask of whoever runs the test leaves them.
        fs::create_dir(kept.join("as made by others")).unwrap();
        fs::write(kept.join("g"), "").unwrap();
        assert_eq!(mode_of(&kept), mode_of(&kept.join("as made by others")));
        assert_eq!(mode_of(&kept.join("f")), mode_of(&kept.join("g")));
    }

    #[test]
    fn the_working_folder_and_no_other_may_go_without_a_name() {
        sync_folder(Path::new("")).unwrap();
        assert_eq!(sync_folder(Path::new("does/not/exist")).is_err(), cfg!(unix));
    }
}
