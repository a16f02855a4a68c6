//! Which rows are sent again, and as what: dead letters that would be good by now, and rows that were corrected by
//! hand. They go through the renderer of the engine.

use std::collections::{HashMap, HashSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::checkpoint::store::{CheckpointStore, StoreError};
use crate::config::Config;
use crate::deadletter::envelope::DeadLetter;
use crate::fault::Fault;
use crate::hex;
use crate::model::{FileColumns, ObjectVersion, Operation, QueueName, RowSource, Table, TableIndex};
use crate::read::rendered_rows::{RenderedRow, RowOutcome, RowPlace, RowReader};
use crate::saturate;
use crate::source::ObjectSource;

/// What the ids of corrected rows begin with.
pub const CORRECTED: &str = "corrected:";

/// A row that is ready to be sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReplayRow {
    /// The id of the dead letter, or `corrected:` and a digest of the row for a row of a corrected file.
    pub id: String,
    /// `schema.table`.
    pub table: String,
    /// The key of its object, or the path of the corrected file.
    pub object: String,
    /// 0-based number of the row in it.
    pub ordinal: u64,
    /// The partition key.
    pub partition_key: String,
    /// The message.
    pub payload: String,
}

/// A row that cannot be sent again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct StillRejected {
    /// The id of the dead letter, or of the corrected row.
    pub id: String,
    /// Why, one sentence.
    pub reason: String,
}

/// What to send.
#[derive(Debug, Default, PartialEq, Eq, Serialize)]
pub struct ReplayPlan {
    /// The rows, in the order in which they are to be sent.
    pub rows: Vec<ReplayRow>,
    /// Rows that cannot be sent.
    pub rejected: Vec<StillRejected>,
    /// Rows that were sent before, and are left out.
    pub sent_before: u64,
}

/// What the headers of objects say, by key and version.
type Headers = HashMap<(String, String), Result<Option<Arc<FileColumns>>, String>>;

/// Makes plans.
#[derive(Debug)]
pub struct Replanner<'a> {
    /// The task.
    pub config: &'a Config,
    /// Renders rows.
    pub reader: RowReader,
    /// Ids that were sent before and are not to be sent once more.
    pub sent: HashSet<String>,
}

impl Replanner<'_> {
    /// A plan for dead letters, of which each object's come in file order.
    ///
    /// # Errors
    /// If an object that is needed cannot be reached; an object that is gone or changed only keeps its rows from being
    /// sent.
    pub async fn letters(
        &mut self,
        letters: Vec<DeadLetter>,
        source: &dyn ObjectSource,
        store: &dyn CheckpointStore,
    ) -> Result<ReplayPlan, Fault> {
        let mut plan = ReplayPlan::default();
        let is_sent = |letter: &DeadLetter| self.sent.contains(&letter.id);
        let (sent, letters): (Vec<_>, Vec<_>) = letters.into_iter().partition(is_sent);
        plan.sent_before = saturate::to_u64(sent.len());
        let texts = self.texts_of_objects(&letters, source, store).await?;
        let mut headers = HashMap::new();
        for letter in letters {
            let kept = whole_text(&letter);
            let from_object = texts.get(&letter.id);
            let text = match (kept, from_object) {
                (Some(text), _) => Ok(text),
                (None, Some(Ok(text))) => Ok(text.clone()),
                (None, Some(Err(reason))) => Err(reason.clone()),
                (None, None) => Err("its object has no such row any more".to_owned()),
            };
            let rows = rows_of(self.config, &letter.object_id.queue);
            let id = letter.id.clone();
            let object = object_of(store, &letter).map_err(Fault::from)?;
            let columns = match &rows {
                Ok(rows) => self.columns(&mut headers, source, &object, *rows).await?,
                Err(reason) => Err(reason.clone()),
            };
            match (text, rows.and_then(|rows| Ok((rows, columns?)))) {
                (Ok(text), Ok((rows, columns))) => {
                    let place = RowPlace {
                        ordinal: letter.ordinal,
                        line: letter.line,
                        byte: letter.byte,
                    };
                    let rows = (rows, columns.as_ref());
                    self.reader.enter_object(letter.object_id.number);
                    self.add_row(&mut plan, &id, (&object, place), &text, rows);
                }
                (Err(reason), _) | (_, Err(reason)) => plan.rejected.push(StillRejected { id, reason }),
            }
        }
        Ok(plan)
    }

    /// A plan for a corrected file: the values of a table's columns, row by row, in the CSV dialect of the task.
    pub fn file(
        &mut self,
        name: &str,
        content: &[u8],
        table: TableIndex,
        operation: Operation,
    ) -> ReplayPlan {
        let rows = match operation {
            Operation::Load => RowSource::Load(table),
            Operation::Insert | Operation::Update | Operation::Delete => {
                RowSource::Values { table, operation }
            }
        };
        let table_name = self
            .config
            .tables
            .get(table.0)
            .map(Table::full_name)
            .unwrap_or_default();
        let (mut plan, mut copies) = (ReplayPlan::default(), HashMap::<String, u64>::new());
        let sent = &self.sent;
        let mut take = |row: RenderedRow<'_>| {
            let digest = digest(&[table_name.as_bytes(), operation.as_str().as_bytes(), row.text]);
            let copy = copies.entry(digest.clone()).or_default();
            // Rows that say the same are distinguished by their order in the file.
            let id = format!("{CORRECTED}{digest}.{copy}");
            *copy += 1;
            if sent.contains(&id) {
                plan.sent_before += 1;
            } else {
                plan.add(self.config, &id, name, row);
            }
            ControlFlow::Continue(())
        };
        self.reader.read_text(content, name, rows, &mut take);
        plan.rows.sort_by_key(|row| row.ordinal);
        plan
    }

    /// What the header of an object says of its columns, if they go by it; or why a row of it cannot be read without.
    async fn columns(
        &self,
        known: &mut Headers,
        source: &dyn ObjectSource,
        object: &ObjectVersion,
        rows: RowSource,
    ) -> Result<Result<Option<Arc<FileColumns>>, String>, Fault> {
        if self.config.source.csv.columns.is_by_position() {
            return Ok(Ok(None));
        }
        if object.size_bytes == 0 {
            let reason = "its object is another version now, and with it the header that names its columns";
            return Ok(Err(reason.to_owned()));
        }
        let name = (object.key.clone(), object.etag.clone());
        if let Some(columns) = known.get(&name) {
            return Ok(columns.clone());
        }
        let columns = match self.reader.columns(source, object, rows).await {
            Ok(columns) => Ok(columns),
            Err(error) if error.concerns_one_object() => Err(error.to_string()),
            Err(error) => return Err(Fault::from(error)),
        };
        known.insert(name, columns.clone());
        Ok(columns)
    }

    fn add_row(
        &mut self,
        plan: &mut ReplayPlan,
        id: &str,
        (object, place): (&ObjectVersion, RowPlace),
        text: &[u8],
        rows: (RowSource, Option<&Arc<FileColumns>>),
    ) {
        let mut of_row = ReplayPlan::default();
        let count = self.reader.read_row(text, (object, place), rows, &mut |row| {
            of_row.add(self.config, id, &object.key, row);
            ControlFlow::Continue(())
        });
        if count == 1 {
            plan.rows.append(&mut of_row.rows);
            plan.rejected.append(&mut of_row.rejected);
        } else {
            plan.rejected.push(StillRejected {
                id: id.to_owned(),
                reason: format!("what was one row is {count} rows in the CSV dialect of today"),
            });
        }
    }

    /// The texts of letters that hold only the beginning of their row, by id.
    async fn texts_of_objects(
        &mut self,
        letters: &[DeadLetter],
        source: &dyn ObjectSource,
        store: &dyn CheckpointStore,
    ) -> Result<HashMap<String, Result<Vec<u8>, String>>, Fault> {
        let mut texts = HashMap::new();
        let mut by_version: HashMap<(&QueueName, &str, &str), Vec<&DeadLetter>> = HashMap::new();
        for letter in letters.iter().filter(|letter| whole_text(letter).is_none()) {
            let version = (&letter.object_id.queue, letter.key.as_str(), letter.etag.as_str());
            by_version.entry(version).or_default().push(letter);
        }
        for ((queue, key, etag), letters) in by_version {
            let rows = rows_of(self.config, queue);
            let version = version_of(store, queue, key, etag).map_err(Fault::from)?;
            let problem = match (version, rows) {
                (Some(version), Ok(rows)) => {
                    let ids: HashMap<u64, &str> = letters
                        .iter()
                        .map(|letter| (letter.ordinal, letter.id.as_str()))
                        .collect();
                    let mut take = |row: RenderedRow<'_>| {
                        if let Some(id) = ids.get(&row.place.ordinal) {
                            texts.insert((*id).to_owned(), Ok(row.text.to_vec()));
                        }
                        ControlFlow::Continue(())
                    };
                    match self.reader.read(source, &version, rows, &mut take).await {
                        Ok(()) => None,
                        Err(error) if error.concerns_one_object() => Some(error.to_string()),
                        Err(error) => return Err(Fault::from(error)),
                    }
                }
                (None, _) => {
                    Some("only its beginning was kept, and its object is another version now".to_owned())
                }
                (_, Err(reason)) => Some(reason),
            };
            if let Some(problem) = problem {
                texts.extend(
                    letters
                        .iter()
                        .map(|letter| (letter.id.clone(), Err(problem.clone()))),
                );
            }
        }
        Ok(texts)
    }
}

impl ReplayPlan {
    fn add(&mut self, config: &Config, id: &str, object: &str, row: RenderedRow<'_>) {
        let reject = |reason: &str| StillRejected {
            id: id.to_owned(),
            reason: reason.to_owned(),
        };
        let message = match row.outcome {
            RowOutcome::Message(message) => message,
            RowOutcome::Rejected(reason) => {
                self.rejected.push(reject(reason));
                return;
            }
            RowOutcome::Filtered => {
                self.rejected.push(reject(
                    "the table mappings leave it out now: its table or its values",
                ));
                return;
            }
        };
        let table = row.table.and_then(|table| config.tables.get(table.0));
        let texts = [message.partition_key, message.payload].map(std::str::from_utf8);
        let [Ok(partition_key), Ok(payload)] = texts else {
            self.rejected.push(reject("its message is not text"));
            return;
        };
        self.rows.push(ReplayRow {
            id: id.to_owned(),
            table: table.map(Table::full_name).unwrap_or_default(),
            object: object.to_owned(),
            ordinal: row.place.ordinal,
            partition_key: partition_key.to_owned(),
            payload: payload.to_owned(),
        });
    }
}

/// The text of a row, if the letter holds all of it. A row above the limit was cut by the framer already.
fn whole_text(letter: &DeadLetter) -> Option<Vec<u8>> {
    if letter.is_row_cut || letter.code == "row_too_long" {
        return None;
    }
    match (&letter.row, &letter.row_hex) {
        (Some(row), _) => Some(row.clone().into_bytes()),
        (None, Some(digits)) => hex::bytes(digits.as_bytes()),
        (None, None) => None,
    }
}

/// What kind of rows the objects of a queue hold.
fn rows_of(config: &Config, queue: &QueueName) -> Result<RowSource, String> {
    RowSource::of_queue(queue, &config.tables).ok_or_else(|| {
        format!("the definition has no table for queue {queue}, or no rule of the table mappings selects it")
    })
}

/// The object that a letter speaks of, as far as it is still known.
fn object_of(store: &dyn CheckpointStore, letter: &DeadLetter) -> Result<ObjectVersion, StoreError> {
    let known = version_of(store, &letter.object_id.queue, &letter.key, &letter.etag)?;
    Ok(known.unwrap_or_else(|| ObjectVersion {
        key: letter.key.clone(),
        etag: letter.etag.clone(),
        size_bytes: 0,
        modified_ms: 0,
    }))
}

/// The version of an object that a letter speaks of, if it is the one that the checkpoint knows.
fn version_of(
    store: &dyn CheckpointStore,
    queue: &QueueName,
    key: &str,
    etag: &str,
) -> Result<Option<ObjectVersion>, StoreError> {
    let entry = store.lookup(queue, &[key])?.pop().flatten();
    Ok(entry
        .map(|entry| entry.version)
        .filter(|version| version.etag == etag))
}

/// 32 hexadecimal digits that stand for some texts and their borders.
fn digest(texts: &[&[u8]]) -> String {
    let mut digest = Sha256::new();
    for text in texts {
        digest.update(saturate::to_u64(text.len()).to_be_bytes());
        digest.update(text);
    }
    let mut digits = hex::text(&digest.finalize());
    digits.truncate(32);
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_keeps_the_borders_between_texts() {
        assert_ne!(digest(&[b"ab", b"c"]), digest(&[b"a", b"bc"]));
        assert_eq!(digest(&[b"ab"]).len(), 32);
    }
}
