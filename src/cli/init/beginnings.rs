//! What the beginnings of samples say: their format, and of text the encoding and the dialect. A task has one of each.

use futures_util::StreamExt;

use super::samples::SamplePlace;
use crate::cli::task_files;
use crate::fault::{Fault, FaultKind};
use crate::infer::dialect::{DialectSeen, FirstField};
use crate::infer::encoding::EncodingSeen;
use crate::model::ObjectVersion;
use crate::printable::printable;
use crate::read::decoder::Decoder;
use crate::read::format::{Compression, Format, MAGIC_BYTES, judge_bytes};
use crate::read::parquet::definition::FileDefinition;
use crate::read::parquet::footer;
use crate::saturate;
use crate::settings::{CsvDialect, SourceFormat, TextEncoding};
use crate::source::ObjectSource;

/// Bytes of a file that are looked at.
const HEAD_BYTES: u64 = 256 * 1024;
/// Bytes of text that are made of them at most.
const TEXT_BYTES_MAX: usize = 1024 * 1024;

/// What the beginning of a sample says.
#[derive(Debug)]
pub(super) enum Beginning {
    /// Columns and types.
    Parquet(FileDefinition),
    /// How it is to be cut.
    Text {
        encoding: TextEncoding,
        dialect: Box<DialectSeen>,
        note: Option<String>,
    },
}

/// A sample whose beginning was read.
#[derive(Debug)]
pub(super) struct Sample<'a> {
    pub(super) place: &'a SamplePlace,
    pub(super) version: ObjectVersion,
    pub(super) beginning: Beginning,
}

impl<'a> Sample<'a> {
    /// Reads the beginning of a sample; `delimiter` is one that is known.
    ///
    /// # Errors
    /// If the file cannot be read, or is not what its name says.
    pub(super) async fn of(
        source: &dyn ObjectSource,
        place: &'a SamplePlace,
        delimiter: Option<&[u8]>,
    ) -> Result<Self, Fault> {
        let version = task_files::find(source, &place.key).await?;
        let beginning = Beginning::of(source, &version, delimiter).await?;
        Ok(Self {
            place,
            version,
            beginning,
        })
    }
}

impl Beginning {
    /// Whether its columns are declared.
    pub(super) fn is_parquet(&self) -> bool {
        matches!(self, Self::Parquet(_))
    }

    async fn of(
        source: &dyn ObjectSource,
        version: &ObjectVersion,
        delimiter: Option<&[u8]>,
    ) -> Result<Self, Fault> {
        let head = head_of(source, version).await?;
        let magic = head.get(..MAGIC_BYTES).unwrap_or(&head);
        let format = judge_bytes(SourceFormat::default(), &version.key, magic).map_err(|reason| {
            let location = source.locate(&version.key);
            Fault::new(FaultKind::Data, format!("{location}: {reason}"))
        })?;
        let is_head = version.size_bytes > saturate::to_u64(head.len());
        let (text, is_whole) = match format {
            Format::Parquet => {
                let definition = footer::definition_of(source, version).await;
                return Ok(Self::Parquet(definition.map_err(Fault::from)?));
            }
            Format::Text => (head, !is_head),
            Format::Compressed(compression) => {
                let text = decoded(compression, &head)?;
                let is_whole = !is_head && text.len() < TEXT_BYTES_MAX;
                (text, is_whole)
            }
        };
        let EncodingSeen { encoding, text, note } = EncodingSeen::of(&text);
        let dialect = Box::new(DialectSeen::of(&text, is_whole, delimiter));
        Ok(Self::Text {
            encoding,
            dialect,
            note,
        })
    }
}

/// The dialect and the encoding of a task, and what a person should look at: those of the sample with the most rows.
pub(super) fn of_all(
    samples: &[Sample<'_>],
    usual: CsvDialect,
) -> Result<(CsvDialect, TextEncoding, Vec<String>), Fault> {
    let texts = || {
        samples.iter().filter_map(|sample| match &sample.beginning {
            Beginning::Text {
                encoding,
                dialect,
                note,
            } => Some((sample.place, *encoding, dialect.as_ref(), note)),
            Beginning::Parquet(_) => None,
        })
    };
    let changes = texts().find(|(_, _, seen, _)| seen.first_field == FirstField::Change);
    if let Some((place, ..)) = changes {
        let message = format!(
            "{} holds changes: each row names an operation, a table and its schema. Give load files as samples; change \
             files are read from the folder that source.s3.cdc_path (or source.local.cdc_path) names, and their rows \
             after the schema are those of the table definition",
            printable(&place.key)
        );
        return Err(Fault::new(FaultKind::Usage, message));
    }
    let Some((main, encoding, seen, note)) = texts().max_by_key(|(_, _, seen, _)| seen.rows) else {
        return Ok((usual, TextEncoding::UTF_8, Vec::new()));
    };
    let mut notes: Vec<String> = note.iter().cloned().chain(seen.notes.iter().cloned()).collect();
    // What is empty fits anything.
    let others = texts().filter(|(_, _, other, _)| other.rows > 0);
    for (place, other_encoding, other, _) in others {
        if other_encoding != encoding || other.dialect != seen.dialect {
            notes.push(format!(
                "{} looks as if it were written otherwise than {}, and a task reads all files alike: give samples of one \
                 kind, or look at it in `brigade preview`",
                printable(&place.key),
                printable(&main.key)
            ));
        }
    }
    if texts().any(|(_, _, seen, _)| seen.first_field == FirstField::Operation) {
        notes.push(
            "rows begin with I, U or D: such files of DMS lie beside the load files, and are read as changes with \
             source.files.changes_beside_loads"
                .to_owned(),
        );
    }
    Ok((seen.dialect.clone(), encoding, notes))
}

async fn head_of(source: &dyn ObjectSource, version: &ObjectVersion) -> Result<Vec<u8>, Fault> {
    let end = version.size_bytes.min(HEAD_BYTES);
    let mut head = Vec::new();
    if end == 0 {
        return Ok(head);
    }
    let mut parts = source.read_range(version, 0..end).await.map_err(Fault::from)?;
    while let Some(part) = parts.next().await {
        head.extend_from_slice(&part.map_err(Fault::from)?);
    }
    Ok(head)
}

/// As much text as the beginning of a compressed file holds.
fn decoded(compression: Compression, mut head: &[u8]) -> Result<Vec<u8>, Fault> {
    let failed = |error: &dyn std::fmt::Display| Fault::new(FaultKind::Data, error.to_string());
    let mut decoder =
        Decoder::new(compression, SourceFormat::default().expansion_max).map_err(|error| failed(&error))?;
    let (mut text, mut room) = (Vec::new(), vec![0; 64 * 1024]);
    while !head.is_empty() && text.len() < TEXT_BYTES_MAX {
        let progress = decoder.decode(head, &mut room).map_err(|error| failed(&error))?;
        head = head.get(progress.taken..).unwrap_or_default();
        text.extend_from_slice(room.get(..progress.given).unwrap_or_default());
    }
    Ok(text)
}
