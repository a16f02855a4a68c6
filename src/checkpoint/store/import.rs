//! Puts an export back: into a folder without a state, all of it or nothing.

use std::fs;
use std::io::{BufRead, Read};
use std::path::Path;
use std::time::Duration;

use super::database::{Changes, Database};
use super::export::{ExportCounts, ExportEntry, parse_line};
use super::folder::StateFolder;
use super::identity::{FORMAT_VERSION, Identity};
use super::keys::{Namespace, cut_key, first_key, lanes_key, queue_key, table_key};
use super::sled::{OpenOptions, SledStore, remove_folder, reset};
use super::state::{State, StoredQueue};
use super::{ObjectEntry, StoreError};
use crate::durable::create::{self, sync_folder};

/// Longest line of an export in bytes.
const LINE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Entries written in one step.
const STEP_ENTRIES: u64 = 1_000;

/// Makes the state of a folder from an export. There must be no state yet, or one in which nothing ever happened.
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
    make_way(&folder, options)?;
    let building = StateFolder::new(&folder.import_folder());
    let failed = |error: std::io::Error| folder.create(format!("cannot import: {error}"));
    remove_folder(building.path()).map_err(failed)?;
    create::folder(building.path()).map_err(failed)?;
    let database = Database::open(&building, Duration::ZERO)?;
    let state = State::create(building.clone(), database, Identity::new(&options.task))?;
    let mut import = Import {
        folder: &folder,
        state,
        changes: Changes::default(),
        open_queue: None,
    };
    let counts = import.read(input)?;
    let identity = import.state.identity.clone();
    drop(import);
    fs::rename(building.database_folder(), folder.database_folder()).map_err(failed)?;
    sync_folder(folder.path()).map_err(failed)?;
    // Last: until the side file is there, the database is refused, unless nothing ever happened in it.
    identity.write(&folder)?;
    remove_folder(building.path()).map_err(failed)?;
    Ok(counts)
}

/// Removes a state in which nothing happened; refuses any other.
fn make_way(folder: &StateFolder, options: &OpenOptions) -> Result<(), StoreError> {
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
        reset(folder.path(), options.lock_wait)?;
    }
    Ok(())
}

/// A queue whose objects are being read.
struct OpenQueue {
    queue: StoredQueue,
    objects_count: u64,
}

struct Import<'a> {
    folder: &'a StateFolder,
    state: State,
    changes: Changes,
    open_queue: Option<OpenQueue>,
}

impl Import<'_> {
    fn read(&mut self, input: &mut dyn BufRead) -> Result<ExportCounts, StoreError> {
        let mut counts = ExportCounts::default();
        let mut line_number = 1;
        let first = self.line(input, line_number)?;
        self.state.identity.generation = self.check_header(first)?;
        loop {
            line_number += 1;
            let entry = self.line(input, line_number)?.ok_or_else(|| {
                self.folder
                    .create("the export is incomplete: its last line is missing")
            })?;
            if let ExportEntry::Trailer(expected) = entry {
                self.check_end(input, &counts, &expected)?;
                break;
            }
            counts.count(&entry);
            self.stage(entry).map_err(|error| {
                self.folder
                    .create(format!("line {line_number} of the export: {error}"))
            })?;
            if line_number % STEP_ENTRIES == 0 {
                self.state.database.apply(std::mem::take(&mut self.changes))?;
            }
        }
        self.close_queue()?;
        let identity = self.state.identity.encode(self.folder)?;
        self.changes.put(Namespace::Identity.prefix().to_vec(), identity);
        self.state.database.apply(std::mem::take(&mut self.changes))?;
        Ok(counts)
    }

    fn line(&self, input: &mut dyn BufRead, number: u64) -> Result<Option<ExportEntry>, StoreError> {
        let failed = |detail: String| {
            self.folder
                .create(format!("line {number} of the export: {detail}"))
        };
        let mut line = Vec::new();
        let read = input.take(LINE_BYTES_MAX).read_until(b'\n', &mut line);
        match read.map_err(|error| failed(error.to_string()))? {
            0 => Ok(None),
            _ if line.ends_with(b"\n") => parse_line(&line).map(Some).map_err(failed),
            _ => Err(failed("the line is cut off or too long".to_owned())),
        }
    }

    fn check_header(&self, first: Option<ExportEntry>) -> Result<u64, StoreError> {
        let Some(ExportEntry::Header {
            format_version,
            task,
            generation,
        }) = first
        else {
            return Err(self.folder.create("the file is not an export of brigade"));
        };
        if format_version > FORMAT_VERSION {
            return Err(self.folder.create(format!(
                "the export has format version {format_version}, this program reads up to version {FORMAT_VERSION}; \
                 use a newer brigade"
            )));
        }
        if task != self.state.identity.task {
            return Err(self.folder.create(format!(
                "the export belongs to task {task}, this is task {}",
                self.state.identity.task
            )));
        }
        Ok(generation)
    }

    fn check_end(
        &self,
        input: &mut dyn BufRead,
        counts: &ExportCounts,
        expected: &ExportCounts,
    ) -> Result<(), StoreError> {
        if counts != expected {
            return Err(self.folder.create(format!(
                "the export is incomplete: {counts:?} instead of {expected:?}"
            )));
        }
        match input.fill_buf() {
            Ok([]) => Ok(()),
            Ok(_) => Err(self.folder.create("the export continues after its last line")),
            Err(error) => Err(self.folder.create(format!("cannot read the export: {error}"))),
        }
    }

    fn stage(&mut self, entry: ExportEntry) -> Result<(), StoreError> {
        let database = &self.state.database;
        match entry {
            ExportEntry::Task(task) => {
                let key = Namespace::Task.prefix().to_vec();
                self.changes.put(key, database.encode(&task)?);
            }
            ExportEntry::Life(life) => {
                let key = Namespace::Life.prefix().to_vec();
                self.changes.put(key, database.encode(&life)?);
            }
            ExportEntry::Table(table) => {
                let key = table_key(&table.schema_name, &table.table_name);
                self.changes.put(key, database.encode(&table)?);
            }
            ExportEntry::Cut(cut) => self.changes.put(cut_key(&cut.shard_id), database.encode(&cut)?),
            ExportEntry::Lanes { queue, ends } => {
                let key = lanes_key(queue.as_str());
                self.changes.put(key, database.encode(&(queue, ends))?);
            }
            ExportEntry::Queue {
                name,
                objects_count,
                first_number,
            } => {
                self.close_queue()?;
                if self.state.queues.contains_key(&name) {
                    return Err(self.folder.create(format!("queue {name} appears twice")));
                }
                let mut queue = self.state.new_queue(&name)?;
                if first_number > 0 {
                    queue.next_number = first_number;
                    let first = self.state.database.encode(&(&name, first_number))?;
                    self.changes.put(first_key(name.as_str()), first);
                }
                self.open_queue = Some(OpenQueue { queue, objects_count });
            }
            ExportEntry::Object(object) => self.stage_object(object)?,
            ExportEntry::Header { .. } | ExportEntry::Trailer(_) => {
                return Err(self.folder.create("it is not expected here"));
            }
        }
        Ok(())
    }

    fn stage_object(&mut self, object: ObjectEntry) -> Result<(), StoreError> {
        match &mut self.open_queue {
            Some(open)
                if open.queue.name == object.id.queue && open.queue.next_number == object.id.number =>
            {
                let ObjectEntry { version, state, .. } = object;
                let may_return = state.retried().is_some();
                self.state
                    .stage_new_object(&mut self.changes, &mut open.queue, version, state)?;
                if may_return {
                    // Its key may come again under a later number, which has to find it.
                    self.state.database.apply(std::mem::take(&mut self.changes))?;
                }
                Ok(())
            }
            Some(_) | None => Err(self
                .folder
                .create(format!("object {} is not the next one", object.id))),
        }
    }

    fn close_queue(&mut self) -> Result<(), StoreError> {
        let Some(OpenQueue { queue, objects_count }) = self.open_queue.take() else {
            return Ok(());
        };
        if queue.next_number != objects_count {
            return Err(self.folder.create(format!(
                "queue {} has {} objects instead of {objects_count}",
                queue.name, queue.next_number
            )));
        }
        self.changes.put(
            queue_key(queue.name.as_str()),
            self.state.database.encode(&queue)?,
        );
        self.state.queues.insert(queue.name.clone(), queue);
        Ok(())
    }
}
