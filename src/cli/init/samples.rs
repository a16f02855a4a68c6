//! The samples of `brigade init`: which table each belongs to, and its rows.

use std::path::{Component, Path};
use std::sync::Arc;

use crate::counted::counted;
use crate::fault::{Fault, FaultKind};
use crate::infer::table::TableSeen;
use crate::limits::CHUNK_BYTES_MAX;
use crate::model::{Chunk, Mark, ObjectVersion, RawRecordKind, Table, TableIndex};
use crate::read::framer::FramerConfig;
use crate::read::object_chunks::{NextChunk, ObjectChunks, ReadSettings};
use crate::settings::{CsvDialect, SourceFormat, SourceLocation, TextEncoding};
use crate::source::ObjectSource;
use crate::value::csv::FieldSplitter;

/// Longest row of a sample.
const ROW_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Folders that name a table: its schema's and its own.
const TABLE_FOLDERS: usize = 2;

/// A sample and where it belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SamplePlace {
    /// The bucket, or the folder that stands for one.
    pub(super) location: SourceLocation,
    /// Folder before the table's, with a slash at its end; empty in a local folder.
    pub(super) bucket_folder: String,
    /// Schema.
    pub(super) owner: String,
    /// Table.
    pub(super) name: String,
    /// `TablePath`, with a slash at its end.
    pub(super) table_path: String,
    /// Its key.
    pub(super) key: String,
}

impl SamplePlace {
    /// Finds the place of a sample: `s3://bucket/key` or a path. Without `table`, its folders are
    /// `schema/table`, as DMS writes them.
    ///
    /// # Errors
    /// [`FaultKind::Usage`] if there are too few folders.
    pub(super) fn of(sample: &str, table: Option<(&str, &str)>) -> Result<Self, Fault> {
        if let Some(rest) = sample.strip_prefix("s3://") {
            let Some((bucket, key)) = rest.split_once('/') else {
                return Err(usage(sample, "it names no key"));
            };
            let location = SourceLocation::S3 {
                bucket: bucket.to_owned(),
                region: None,
                endpoint: None,
                path_style: false,
                requester_pays: false,
                expected_bucket_owner: None,
            };
            return Self::in_folders(sample, key, table, |base| (location, base));
        }
        // Folders that nobody named are not names of a table.
        let given = Path::new(sample).components();
        let given = given.filter(|part| matches!(part, Component::Normal(_))).count();
        if table.is_none() && given <= TABLE_FOLDERS {
            return Err(usage(sample, "it does not lie in folders schema/table"));
        }
        let path = Path::new(sample).canonicalize().map_err(|error| {
            let message = format!("cannot read {sample}: {error}");
            Fault::new(FaultKind::SourceMissing, message)
        })?;
        let path = path
            .to_str()
            .ok_or_else(|| usage(sample, "its path is not UTF-8"))?;
        let mut place = Self::in_folders(sample, path.trim_start_matches('/'), table, |base| {
            let directory = format!("/{base}").into();
            (SourceLocation::Local { directory }, String::new())
        })?;
        let file = place.key.rsplit('/').next().unwrap_or_default();
        place.key = format!("{}{file}", place.table_path);
        Ok(place)
    }

    fn in_folders(
        sample: &str,
        key: &str,
        table: Option<(&str, &str)>,
        place: impl FnOnce(String) -> (SourceLocation, String),
    ) -> Result<Self, Fault> {
        let folders: Vec<_> = key.split('/').collect();
        let [base @ .., last, _file] = folders.as_slice() else {
            return Err(usage(sample, "it lies in no folder"));
        };
        let (owner, name, base, table_path) = match (table, base) {
            (Some((owner, name)), [base @ .., schema]) if (*schema, *last) == (owner, name) => {
                (owner, name, base, format!("{owner}/{name}/"))
            }
            (Some((owner, name)), base) => (owner, name, base, format!("{last}/")),
            (None, [base @ .., schema]) => (*schema, *last, base, format!("{schema}/{last}/")),
            (None, []) => return Err(usage(sample, "it does not lie in folders schema/table")),
        };
        let base = base.iter().flat_map(|folder| [*folder, "/"]).collect();
        let (location, bucket_folder) = place(base);
        Ok(Self {
            location,
            bucket_folder,
            owner: owner.to_owned(),
            name: name.to_owned(),
            table_path,
            key: key.to_owned(),
        })
    }

    /// Schema, table and path, which tell tables apart.
    pub(super) fn table(&self) -> (&str, &str, &str) {
        (&self.owner, &self.name, &self.table_path)
    }
}

fn usage(sample: &str, what: &str) -> Fault {
    let message =
        format!("cannot derive the table of {sample}: {what}; give --table SCHEMA.TABLE, or another path");
    Fault::new(FaultKind::Usage, message)
}

/// How the rows of samples are read.
#[derive(Debug)]
pub(super) struct SampleReading {
    /// How their text is cut.
    pub(super) dialect: CsvDialect,
    /// What the bytes of their text mean.
    pub(super) encoding: TextEncoding,
    /// Whether they begin with a header.
    pub(super) has_header: bool,
    /// Rows of each that are looked at.
    pub(super) rows_max: u64,
}

/// Adds the rows of a sample, so many at most.
///
/// # Errors
/// If the file cannot be read, or is none that can be understood.
pub(super) async fn read_sample(
    source: &dyn ObjectSource,
    version: &ObjectVersion,
    reading: &SampleReading,
    is_parquet: bool,
    seen: &mut TableSeen,
) -> Result<(), Fault> {
    let tables: Arc<[Table]> = if is_parquet {
        Arc::new([seen.declared_table()])
    } else {
        Arc::new([])
    };
    let settings = ReadSettings {
        framing: FramerConfig {
            dialect: reading.dialect.clone(),
            row_bytes_max: ROW_BYTES_MAX,
            chunk_bytes_max: CHUNK_BYTES_MAX,
        },
        format: SourceFormat {
            encoding: reading.encoding,
            ..SourceFormat::default()
        },
        tables,
    };
    let mut rows = SampleRows {
        splitter: FieldSplitter::new(&reading.dialect),
        expects_header: reading.has_header && !is_parquet,
        left: reading.rows_max,
        broken: 0,
    };
    let chunks = ObjectChunks::open(source, version, Some(TableIndex(0)), &settings, Mark::START);
    let mut chunks = chunks.await.map_err(Fault::from)?;
    while rows.left > 0 {
        match chunks.next().await.map_err(Fault::from)? {
            NextChunk::Chunk(chunk) => rows.take(&chunk, seen),
            NextChunk::Pending => {}
            NextChunk::End => break,
        }
    }
    rows.check(&source.locate(&version.key))
}

struct SampleRows {
    splitter: FieldSplitter,
    expects_header: bool,
    left: u64,
    broken: u64,
}

impl SampleRows {
    fn take(&mut self, chunk: &Chunk, seen: &mut TableSeen) {
        for record in &chunk.records {
            if self.left == 0 {
                return;
            }
            let text = chunk.text(record);
            match record.kind {
                RawRecordKind::Whole if std::mem::take(&mut self.expects_header) => {
                    seen.header(self.splitter.split(text));
                }
                RawRecordKind::Whole => {
                    seen.row(self.splitter.split(text));
                    self.left -= 1;
                }
                RawRecordKind::UnclosedQuote | RawRecordKind::TooLong | RawRecordKind::Unsayable => {
                    self.broken += 1;
                }
            }
        }
    }

    fn check(&self, location: &str) -> Result<(), Fault> {
        if self.broken == 0 {
            return Ok(());
        }
        let message = format!(
            "{location}: {} with a quote that does not close, or too long; is it a CSV file?",
            counted(self.broken, "row")
        );
        Err(Fault::new(FaultKind::Data, message))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(sample: &str, table: Option<(&str, &str)>) -> (String, String, String, String) {
        let place = SamplePlace::of(sample, table).unwrap();
        (
            place.bucket_folder,
            format!("{}.{}", place.owner, place.name),
            place.table_path,
            place.key,
        )
    }

    fn texts(texts: [&str; 4]) -> (String, String, String, String) {
        let [a, b, c, d] = texts.map(ToOwned::to_owned);
        (a, b, c, d)
    }

    #[test]
    fn folders_tell_the_table_unless_it_is_given() {
        let key = "in/shop/orders/LOAD1.csv";
        let sample = format!("s3://bucket/{key}");
        let whole = texts(["in/", "shop.orders", "shop/orders/", key]);
        assert_eq!(place(&sample, None), whole);
        assert_eq!(place(&sample, Some(("shop", "orders"))), whole);
        let renamed = texts(["in/shop/", "a.b", "orders/", key]);
        assert_eq!(place(&sample, Some(("a", "b"))), renamed);
        let fault = SamplePlace::of("s3://bucket/a/b.csv", None).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Usage);
        assert!(SamplePlace::of("s3://bucket/a.csv", Some(("a", "b"))).is_err());
    }

    #[test]
    fn folders_that_nobody_named_tell_no_table() {
        let folder = tempfile::tempdir_in(".").unwrap();
        let name = folder.path().file_name().unwrap().to_str().unwrap();
        std::fs::write(folder.path().join("rows.csv"), "1\n").unwrap();
        let sample = format!("./{name}/rows.csv");
        let fault = SamplePlace::of(&sample, None).unwrap_err();
        assert_eq!(fault.kind, FaultKind::Usage);
        assert!(fault.to_string().contains("give --table"), "{fault}");
        assert_eq!(place(&sample, Some(("a", "b"))).1, "a.b");
    }
}
