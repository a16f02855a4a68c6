//! The working folder of a demo: fresh, and gone at the end unless it is to be kept or is evidence.

use std::fs;
use std::path::{Path, PathBuf};

use crate::chance;
use crate::fault::{Fault, FaultKind};

/// A folder below the system's temporary folder.
#[derive(Debug)]
pub(super) struct WorkFolder {
    path: PathBuf,
    is_kept: bool,
}

impl WorkFolder {
    /// Name of the engine's configuration in the folder.
    pub(super) const CONFIGURATION_FILE: &str = "brigade.yaml";

    /// Creates a folder that did not exist, with the folders of the demo in it.
    pub(super) fn create(is_kept: bool) -> Result<Self, Fault> {
        let name = format!("brigade-demo-{}-{}", std::process::id(), chance::short_id());
        let path = std::env::temp_dir().join(name);
        let refused = |error: std::io::Error| {
            let message = format!(
                "cannot create the working folder {}: {error}; set TMPDIR",
                path.display()
            );
            Fault::new(FaultKind::StateCreate, message)
        };
        fs::create_dir(&path).map_err(refused)?;
        fs::create_dir(path.join("s3")).map_err(refused)?;
        Ok(Self { path, is_kept })
    }

    /// Leaves it where it is at the end.
    pub(super) fn keep(&mut self) {
        self.is_kept = true;
    }

    /// Whether it stays where it is at the end.
    pub(super) fn is_kept(&self) -> bool {
        self.is_kept
    }

    /// The folder itself.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// What the S3 server serves.
    pub(super) fn objects(&self) -> PathBuf {
        self.path.join("s3")
    }

    /// The engine's state.
    pub(super) fn state(&self) -> PathBuf {
        self.path.join("state")
    }

    /// The engine's dead letters.
    pub(super) fn dead_letters(&self) -> PathBuf {
        self.path.join("dead-letters")
    }

    /// The engine's configuration.
    pub(super) fn configuration(&self) -> PathBuf {
        self.path.join(Self::CONFIGURATION_FILE)
    }

    /// What the engine wrote to stdout and stderr.
    pub(super) fn log(&self) -> PathBuf {
        self.path.join("engine.log")
    }

    /// Writes a file into the folder.
    pub(super) fn write(&self, name: &str, content: &str) -> Result<(), Fault> {
        let path = self.path.join(name);
        fs::write(&path, content).map_err(|error| {
            Fault::new(
                FaultKind::StateCreate,
                format!("cannot write {}: {error}", path.display()),
            )
        })
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        if self.is_kept {
            return;
        }
        if let Err(error) = fs::remove_dir_all(&self.path) {
            tracing::warn!(folder = %self.path.display(), %error, "the working folder could not be removed");
        }
    }
}
