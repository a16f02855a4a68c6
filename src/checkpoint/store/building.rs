//! Makes a database of an export, line by line, in a folder of its own. What is made is in doubt: the task may have sent
//! more since the export.

use std::io::{BufRead, Read};
use std::time::Duration;

use super::ObjectEntry;
use super::StoreError;
use super::database::{Changes, Database};
use super::export::{ExportCounts, ExportEntry, parse_line};
use super::folder::StateFolder;
use super::identity::{FORMAT_VERSION, Identity};
use super::keys::{Namespace, cut_key, first_key, lanes_key, queue_key, table_key};
use super::state::{State, StoredQueue};

/// Longest line of an export in bytes.
const LINE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Entries written in one step.
const STEP_ENTRIES: u64 = 1_000;

/// A queue whose objects are being read.
struct OpenQueue {
    queue: StoredQueue,
    objects_count: u64,
}

/// A database that is being made of an export.
pub(super) struct Building<'a> {
    /// The folder that errors name.
    folder: &'a StateFolder,
    state: State,
    changes: Changes,
    open_queue: Option<OpenQueue>,
}

impl<'a> Building<'a> {
    /// An empty database in a folder of its own.
    pub(super) fn begin(
        folder: &'a StateFolder,
        place: StateFolder,
        identity: Identity,
    ) -> Result<Self, StoreError> {
        let database = Database::open(&place, Duration::ZERO)?;
        Ok(Self {
            folder,
            state: State::create(place, database, identity)?,
            changes: Changes::default(),
            open_queue: None,
        })
    }

    /// Reads an export to its end; gives who the database is now.
    ///
    /// # Errors
    /// [`StoreError::Create`] with the line at which the export cannot be believed.
    pub(super) fn read(mut self, input: &mut dyn BufRead) -> Result<(Identity, ExportCounts), StoreError> {
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
        Ok((self.state.identity, counts))
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
                "the export is incomplete: its lines hold {counts}, and its last line says {expected}"
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
            // Whatever happened after the export is not in it, however clean the stop before it was.
            ExportEntry::Task(task) => self.state.stage_put_back(&mut self.changes, task)?,
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
