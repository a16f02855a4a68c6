//! Files of a task that a command makes: all of them or, if one is there already, none.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::durable::create;
use crate::fault::{Fault, FaultKind};

/// Name of the configuration in its folder.
pub(super) const CONFIGURATION_FILE: &str = "brigade.yaml";

/// A folder for new files.
#[derive(Debug, Clone, Copy)]
pub(super) struct NewFiles<'a> {
    /// The folder; it need not be there.
    pub(super) folder: &'a Path,
    /// The option that names another one.
    pub(super) folder_option: &'static str,
    /// Whether files that are there are replaced.
    pub(super) is_forced: bool,
}

impl NewFiles<'_> {
    /// Sees to it that none of these files is there, unless it may be replaced.
    ///
    /// # Errors
    /// [`FaultKind::StateCreate`], with the name of the first that is.
    pub(super) fn check<'n>(self, names: impl IntoIterator<Item = &'n str>) -> Result<(), Fault> {
        let mut paths = names.into_iter().map(|name| self.folder.join(name));
        let there = paths.find(|path| !self.is_forced && path.exists());
        let Some(path) = there else { return Ok(()) };
        let message = format!(
            "{} exists already; give another folder with {}, or --force to replace it",
            path.display(),
            self.folder_option
        );
        Err(Fault::new(FaultKind::StateCreate, message))
    }

    /// Makes the folder, if it is not there; gives its full path.
    ///
    /// # Errors
    /// [`FaultKind::StateCreate`] if it cannot be made.
    pub(super) fn create_folder(self) -> Result<PathBuf, Fault> {
        let created = create::shared_folder(self.folder).and_then(|()| self.folder.canonicalize());
        created.map_err(|error| failed(self.folder, &error))
    }

    /// Writes files, each a name and a text; gives their paths.
    ///
    /// # Errors
    /// As [`check`](Self::check), and if one cannot be written.
    pub(super) fn write(self, files: &[(&str, &str)]) -> Result<Vec<String>, Fault> {
        self.check(files.iter().map(|(name, _)| *name))?;
        self.create_folder()?;
        let mut written = Vec::new();
        for (name, text) in files {
            let path = self.folder.join(name);
            create::shared_file()
                .write(true)
                .create_new(!self.is_forced)
                .truncate(self.is_forced)
                .open(&path)
                .and_then(|mut file| file.write_all(text.as_bytes()))
                .map_err(|error| failed(&path, &error))?;
            written.push(path.display().to_string());
        }
        Ok(written)
    }
}

fn failed(path: &Path, error: &io::Error) -> Fault {
    let message = format!("cannot write {}: {error}", path.display());
    Fault::new(FaultKind::StateCreate, message)
}
