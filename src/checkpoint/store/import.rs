//! Puts an export back: into a folder without a state, all of it or nothing.
//!
//! The side file comes first. From then on nothing opens but the database that it names, and that one takes its place
//! only when it is whole: a process that is killed on the way leaves a state that is refused, never an empty one.

use std::fs;
use std::io::{self, BufRead};
use std::path::Path;

use super::StoreError;
use super::building::Building;
use super::export::ExportCounts;
use super::folder::StateFolder;
use super::identity::Identity;
use super::sled::{OpenOptions, SledStore, remove_folder, reset};
use crate::durable::create::{self, sync_folder};

/// Makes the state of a folder from an export. There must be no state yet, or one in which nothing ever happened. The
/// state is in doubt, whatever the export says of its last stop.
///
/// # Errors
/// [`StoreError::Create`] if there is a state, or with the line at which the export cannot be believed; the errors of
/// [`SledStore::open`] for an existing state.
pub fn import(
    folder: &Path,
    options: &OpenOptions,
    input: &mut dyn BufRead,
) -> Result<ExportCounts, StoreError> {
    let folder = StateFolder::new(folder);
    let vacancy = vacancy(&folder, options)?;
    let mut import = Import::new(&folder, &options.task);
    let done = Step::ALL
        .into_iter()
        .try_for_each(|step| import.take(step, input));
    match done {
        Ok(()) => Ok(import.counts),
        // The export is at fault, so everything is as before.
        Err(error @ StoreError::Create { .. }) if vacancy == Vacancy::Free => {
            reset(folder.path(), options.lock_wait)?;
            Err(error)
        }
        Err(error) => Err(error),
    }
}

/// What is in a folder that takes an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Vacancy {
    /// No state, or one in which nothing happened.
    Free,
    /// An import that was not finished.
    Unfinished,
}

/// What there is to be replaced; refuses any state in which something happened.
fn vacancy(folder: &StateFolder, options: &OpenOptions) -> Result<Vacancy, StoreError> {
    let announced = Identity::read(folder)?;
    if let Some(announced) = announced.filter(|announced| is_unfinished(folder, announced)) {
        announced.check(folder, &options.task)?;
        return Ok(Vacancy::Unfinished);
    }
    if folder.identity_file().exists() || folder.database_file().exists() {
        let generation = SledStore::open(folder.path(), options)?
            .lock()?
            .state
            .identity
            .generation;
        if generation > 0 {
            return Err(
                folder.create("a state exists already; remove it with `brigade checkpoint reset` first")
            );
        }
    }
    Ok(Vacancy::Free)
}

/// Whether an import was killed here, or there is nothing that one could overwrite: after its first step there is the
/// name of a database that does not exist and in which nothing ever happened.
fn is_unfinished(folder: &StateFolder, announced: &Identity) -> bool {
    folder.has_unfinished_import() || (announced.generation == 0 && !folder.database_file().exists())
}

/// The durable steps of an import, in this order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    /// The side file names the database that is to come.
    Announce,
    /// What is in the way is removed: an unused database, what an import before this one left.
    Clear,
    /// The database is made beside its place.
    Build,
    /// The side file says how new it is.
    Confirm,
    /// It takes its place: the state is whole.
    Place,
    /// What is left over is removed.
    Tidy,
}

impl Step {
    const ALL: [Self; 6] = [
        Self::Announce,
        Self::Clear,
        Self::Build,
        Self::Confirm,
        Self::Place,
        Self::Tidy,
    ];
}

/// An import that is under way.
struct Import<'a> {
    folder: &'a StateFolder,
    building: StateFolder,
    identity: Identity,
    counts: ExportCounts,
}

impl<'a> Import<'a> {
    fn new(folder: &'a StateFolder, task: &str) -> Self {
        Self {
            folder,
            building: StateFolder::new(&folder.import_folder()),
            identity: Identity::new(task),
            counts: ExportCounts::default(),
        }
    }

    /// Takes the next step.
    fn take(&mut self, step: Step, input: &mut dyn BufRead) -> Result<(), StoreError> {
        let failed = |error: io::Error| self.folder.io(format!("cannot import: {error}"));
        match step {
            Step::Announce => {
                create::folder(self.folder.path()).map_err(|error| self.folder.create(error))?;
                self.identity.write(self.folder)?;
                let parent = self.folder.path().parent();
                parent.map_or(Ok(()), sync_folder).map_err(failed)
            }
            Step::Clear => {
                remove_folder(self.building.path()).map_err(failed)?;
                create::folder(self.building.path()).map_err(failed)?;
                remove_folder(&self.folder.database_folder()).map_err(failed)
            }
            Step::Build => {
                let building = Building::begin(self.folder, self.building.clone(), self.identity.clone())?;
                (self.identity, self.counts) = building.read(input)?;
                Ok(())
            }
            Step::Confirm => self.identity.write(self.folder),
            Step::Place => {
                let (from, to) = (self.building.database_folder(), self.folder.database_folder());
                fs::rename(from, to).map_err(failed)?;
                sync_folder(self.folder.path()).map_err(failed)?;
                sync_folder(self.building.path()).map_err(failed)
            }
            Step::Tidy => remove_folder(self.building.path()).map_err(failed),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::store::CheckpointStore;
    use crate::checkpoint::store::conformance::{object_delta, open as open_at, version};
    use crate::model::QueueName;

    fn options() -> OpenOptions {
        OpenOptions::new("orders")
    }

    fn exported(store: &SledStore) -> String {
        let mut out = Vec::new();
        store.export(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    /// The export of a state in which something happened.
    fn export() -> String {
        let folder = tempfile::tempdir().unwrap();
        let store = SledStore::open(folder.path(), &options()).unwrap();
        let ids = store.register(&QueueName::changes(), &[version("a")]).unwrap();
        store.commit(&object_delta(&ids[0], open_at(3))).unwrap();
        exported(&store)
    }

    /// What a process leaves that is killed after so many steps.
    fn killed_after(steps_count: usize, folder: &Path, text: &str) {
        let folder = StateFolder::new(folder);
        let mut import = Import::new(&folder, "orders");
        for step in Step::ALL.into_iter().take(steps_count) {
            import.take(step, &mut text.as_bytes()).unwrap();
        }
    }

    #[test]
    fn an_import_that_is_killed_after_any_step_leaves_all_of_the_state_or_one_that_is_refused() {
        let text = export();
        let mut whole = 0;
        for is_used in [false, true] {
            for steps_count in 1..=Step::ALL.len() {
                let folder = tempfile::tempdir().unwrap();
                if is_used {
                    // A state in which nothing happened yet.
                    drop(SledStore::open(folder.path(), &options()).unwrap());
                }
                killed_after(steps_count, folder.path(), &text);
                let case = format!("after {steps_count} steps, over an unused state: {is_used}");
                match SledStore::open(folder.path(), &options()) {
                    Ok(store) => {
                        assert_eq!(exported(&store), text, "{case}");
                        whole += 1;
                        continue;
                    }
                    Err(StoreError::Damaged { detail, .. }) => {
                        assert!(detail.contains("`brigade checkpoint import "), "{case}: {detail}");
                    }
                    Err(other) => panic!("{case}: {other:?}"),
                }
                if StateFolder::new(folder.path()).database_file().exists() {
                    // The state in which nothing happened, which the side file does not name any more.
                    reset(folder.path(), options().lock_wait).unwrap();
                }
                import(folder.path(), &options(), &mut text.as_bytes()).expect(&case);
                let store = SledStore::open(folder.path(), &options()).unwrap();
                assert_eq!(exported(&store), text, "{case}, and once more");
            }
        }
        assert_eq!(
            whole, 4,
            "it is whole from the moment in which the database takes its place"
        );
    }

    #[test]
    fn an_import_that_was_not_finished_stays_refused_until_one_is() {
        let (folder, text) = (tempfile::tempdir().unwrap(), export());
        killed_after(2, folder.path(), &text);
        let broken = text.replace("\"crc32\"", "\"crc\"");
        import(folder.path(), &options(), &mut broken.as_bytes()).unwrap_err();
        let opened = SledStore::open(folder.path(), &options());
        assert!(matches!(opened, Err(StoreError::Damaged { .. })), "{opened:?}");
        let of_another = import(folder.path(), &OpenOptions::new("users"), &mut text.as_bytes());
        assert!(
            matches!(of_another, Err(StoreError::Damaged { .. })),
            "{of_another:?}"
        );
        import(folder.path(), &options(), &mut text.as_bytes()).unwrap();
        assert_eq!(
            exported(&SledStore::open(folder.path(), &options()).unwrap()),
            text
        );
    }
}
