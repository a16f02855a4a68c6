//! What a configuration may look at outside itself: variables and files. The one place here with I/O.

use std::ffi::OsString;
use std::fmt::Debug;
use std::io;
use std::path::{Path, PathBuf};

/// Variables and files, so that tests need neither.
pub trait Environment: Debug {
    /// The value of a variable, if it is set.
    ///
    /// # Errors
    /// The raw value, if it is not Unicode.
    fn variable(&self, name: &str) -> Result<Option<String>, OsString>;

    /// The content of a file.
    ///
    /// # Errors
    /// As the file system says.
    fn read_file(&self, path: &Path) -> io::Result<Vec<u8>>;

    /// The path from the root on.
    ///
    /// # Errors
    /// If the path is empty, or the working directory is gone.
    fn absolute(&self, path: &Path) -> io::Result<PathBuf> {
        std::path::absolute(path)
    }
}

/// The variables of this process and the files of this machine.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemEnvironment;

impl Environment for SystemEnvironment {
    fn variable(&self, name: &str) -> Result<Option<String>, OsString> {
        match std::env::var(name) {
            Ok(value) => Ok(Some(value)),
            Err(std::env::VarError::NotPresent) => Ok(None),
            Err(std::env::VarError::NotUnicode(raw)) => Err(raw),
        }
    }

    fn read_file(&self, path: &Path) -> io::Result<Vec<u8>> {
        std::fs::read(path)
    }
}
