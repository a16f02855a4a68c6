//! Who the state is: a side file that the database must agree with.
//!
//! sled can open a damaged database as an earlier one, or as an empty one, without an error. A task that believed it
//! would re-send what it has sent since then; so a database is trusted only if it is at least as new as the side file,
//! which is renewed after every change.

use std::fs;
use std::io;

use serde::{Deserialize, Serialize};

use super::folder::StateFolder;
use super::planted::side_file_survives;
use super::{StoreError, codec};
use crate::chance;
use crate::durable::replace::replace;

/// Version of the layout of the state folder and of exports.
pub const FORMAT_VERSION: u32 = 1;

/// What the database and the side file both say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// [`FORMAT_VERSION`] of the program that wrote it.
    pub format_version: u32,
    /// The task the state belongs to.
    pub task: String,
    /// Chance number of this database, 32 hexadecimal digits; an import gets a new one.
    pub database_id: String,
    /// Number of changes so far. The side file is written after each change of the database, so that a database with
    /// a smaller number lost something.
    pub generation: u64,
}

/// What is known of the format before anything else is read.
#[derive(Deserialize)]
struct FormatOnly {
    format_version: u32,
}

impl Identity {
    /// The identity of a new state.
    pub fn new(task: &str) -> Self {
        Self {
            format_version: FORMAT_VERSION,
            task: task.to_owned(),
            database_id: chance::id(),
            generation: 0,
        }
    }

    /// The side file of a folder, if it is there.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if it cannot be understood or is newer, [`StoreError::Io`].
    pub fn read(folder: &StateFolder) -> Result<Option<Self>, StoreError> {
        let bytes = match fs::read(folder.identity_file()) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(folder.io(format!("cannot read IDENTITY: {error}"))),
        };
        let unreadable = |error| folder.damaged(format!("IDENTITY is invalid ({error})"));
        let format: FormatOnly = serde_json::from_slice(&bytes).map_err(unreadable)?;
        check_format(folder, format.format_version)?;
        serde_json::from_slice(&bytes).map(Some).map_err(unreadable)
    }

    /// Writes the side file. What it says must be durable in the database already.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn write(&self, folder: &StateFolder) -> Result<(), StoreError> {
        replace(&folder.identity_file(), side_file_survives(), |out| {
            serde_json::to_writer_pretty(&mut *out, self)?;
            out.write_all(b"\n")
        })
        .map_err(|error| folder.io(format!("cannot write IDENTITY: {error}")))
    }

    /// The identity as the database stores it.
    ///
    /// # Errors
    /// [`StoreError::Io`] if it is too long.
    pub fn encode(&self, folder: &StateFolder) -> Result<Vec<u8>, StoreError> {
        codec::encode(self).map_err(|error| folder.io(format!("the task name cannot be stored: {error}")))
    }

    /// Refuses a state that was written by a newer program or belongs to another task.
    ///
    /// # Errors
    /// [`StoreError::Damaged`].
    pub fn check(&self, folder: &StateFolder, task: &str) -> Result<(), StoreError> {
        check_format(folder, self.format_version)?;
        if self.task == task {
            return Ok(());
        }
        Err(folder.refused(format!(
            "it belongs to task {}, this is task {task}; give each task a state folder of its own",
            self.task
        )))
    }
}

fn check_format(folder: &StateFolder, found: u32) -> Result<(), StoreError> {
    if found <= FORMAT_VERSION {
        return Ok(());
    }
    Err(folder.refused(format!(
        "it has format version {found}, this program reads up to version {FORMAT_VERSION}; use a newer brigade"
    )))
}

/// What a database holds, as far as trust goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DatabaseContent {
    /// Nothing at all.
    Empty,
    /// Entries, but no identity.
    Nameless,
    /// An identity, and whatever came since.
    Named(Identity),
}

/// Decides which identity the state has; `None` means that it is brand new and needs one.
///
/// # Errors
/// [`StoreError::Damaged`] if the side file and the database do not agree.
pub fn agree(
    folder: &StateFolder,
    task: &str,
    side_file: Option<&Identity>,
    content: DatabaseContent,
) -> Result<Option<Identity>, StoreError> {
    let database = match (content, side_file) {
        (DatabaseContent::Empty, None) => return Ok(None),
        (DatabaseContent::Empty, Some(side_file)) => {
            return Err(folder.damaged(format!(
                "the database is empty, but IDENTITY records {} changes",
                side_file.generation
            )));
        }
        (DatabaseContent::Nameless, _) => {
            return Err(folder.damaged("the database holds entries, but not its own identity"));
        }
        (DatabaseContent::Named(database), _) => database,
    };
    database.check(folder, task)?;
    let Some(side_file) = side_file else {
        // A crash between the creation of the two leaves this; nothing was stored yet.
        return if database.generation == 0 {
            Ok(Some(database))
        } else {
            Err(folder.damaged("IDENTITY is missing, so the database cannot be verified"))
        };
    };
    side_file.check(folder, task)?;
    if side_file.database_id != database.database_id {
        return Err(folder.damaged(format!(
            "the database is {}, IDENTITY says {}",
            database.database_id, side_file.database_id
        )));
    }
    if database.generation < side_file.generation {
        return Err(folder.damaged(format!(
            "the database is damaged or was rolled back: it is at change {}, IDENTITY records change {}",
            database.generation, side_file.generation
        )));
    }
    Ok(Some(database))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(task: &str, database_id: &str, generation: u64) -> Identity {
        Identity {
            format_version: FORMAT_VERSION,
            task: task.to_owned(),
            database_id: database_id.to_owned(),
            generation,
        }
    }

    #[test]
    fn only_a_database_that_agrees_with_its_side_file_is_trusted() {
        let named = |id: &str, generation| DatabaseContent::Named(identity("orders", id, generation));
        let side = |id: &str, generation| Some(identity("orders", id, generation));
        let table = [
            (None, DatabaseContent::Empty, Ok(false)),
            (side("a", 0), DatabaseContent::Empty, Err("empty")),
            (None, DatabaseContent::Nameless, Err("not its own identity")),
            (None, named("a", 0), Ok(true)),
            (None, named("a", 1), Err("IDENTITY is missing")),
            (side("a", 5), named("a", 5), Ok(true)),
            (side("a", 5), named("a", 9), Ok(true)),
            (side("a", 5), named("a", 4), Err("rolled back")),
            (side("b", 5), named("a", 5), Err("IDENTITY says b")),
            (
                Some(identity("users", "a", 5)),
                named("a", 5),
                Err("belongs to task users"),
            ),
            (
                side("a", 5),
                DatabaseContent::Named(identity("users", "a", 5)),
                Err("belongs to task users"),
            ),
        ];
        let folder = StateFolder::new(std::path::Path::new("state"));
        for (side_file, content, expected) in table {
            let case = format!("{side_file:?} with {content:?}");
            match (agree(&folder, "orders", side_file.as_ref(), content), expected) {
                (Ok(found), Ok(is_known)) => assert_eq!(found.is_some(), is_known, "{case}"),
                (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{case}: {error}"),
                (found, expected) => panic!("{case}: {found:?} instead of {expected:?}"),
            }
        }
    }

    #[test]
    fn a_newer_side_file_is_refused_with_both_versions_even_if_it_has_other_fields() {
        let path = tempfile::tempdir().unwrap();
        let folder = StateFolder::new(path.path());
        fs::write(folder.identity_file(), br#"{"format_version": 7, "owner": "x"}"#).unwrap();
        let text = Identity::read(&folder).unwrap_err().to_string();
        assert!(text.contains("version 7") && text.contains("version 1"), "{text}");
    }

    #[test]
    fn the_side_file_reads_back() {
        let path = tempfile::tempdir().unwrap();
        let folder = StateFolder::new(path.path());
        assert_eq!(Identity::read(&folder).unwrap(), None, "before it is written");
        let written = Identity::new("orders");
        written.write(&folder).unwrap();
        assert_eq!(
            Identity::read(&folder).unwrap(),
            Some(written),
            "after it is written"
        );
        fs::write(folder.identity_file(), b"{\"format_vers").unwrap();
        assert!(
            matches!(Identity::read(&folder), Err(StoreError::Damaged { .. })),
            "a torn file"
        );
    }
}
