//! The fingerprint of a configuration: what it must share with the run whose checkpoint it continues.
//! Pure: no I/O, no clock.

use md5::{Digest, Md5};
use serde::Serialize;

use super::Config;
use crate::hex;
use crate::map::{ColumnSource, Mappings, TableMapping};
use crate::model::{ColumnType, Table};
use crate::settings::{
    CsvDialect, ErrorsConfig, LimitsConfig, MessageConfig, RowPolicies, SourceConfig, SourceFormat,
    SourceLocation,
};

/// Version of what cuts text into records. Another one gives records other ordinals, and with them every cut in the
/// field another meaning: raise it with any change after which a file has other records than before.
const FRAMING_VERSION: u32 = 3;

/// Everything that changes what is sent. Serialized in this order, so the order is part of the format.
#[derive(Serialize)]
struct Sent<'a> {
    task: &'a str,
    place: [String; 5],
    csv: &'a CsvDialect,
    /// Left out as long as files say what they are.
    #[serde(skip_serializing_if = "SourceFormat::is_auto")]
    format: SourceFormat,
    tables: &'a [Table],
    message: &'a MessageConfig,
    /// What the rules make of each table; left out as long as that is nothing. Rules that come to the same are the
    /// same, whatever their ids and names, and `load-order` changes no message.
    #[serde(skip_serializing_if = "Option::is_none")]
    mappings: Option<&'a [Option<TableMapping>]>,
    /// What follows from bad rows; left out as long as that is only their dead letters.
    #[serde(skip_serializing_if = "RowPolicies::is_default")]
    rows: RowPolicies,
    /// What is written otherwise than by earlier versions, where the tables have it: partition keys may be made of it, and
    /// a cut that was made under others proves nothing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    forms: Vec<&'static str>,
    /// What decides which bytes are a record, and which records can be sent.
    records: Records,
}

/// What ordinals depend on beside the dialect: a cut is a number of records, and proves nothing under another count.
#[derive(Serialize)]
struct Records {
    framing_version: u32,
    /// Where a quote that does not close is given up, and each line becomes a record of its own.
    row_bytes_max: usize,
    /// What the stream takes: above it a row is rejected instead of sent.
    record_bytes_max: usize,
}

impl Records {
    fn of(limits: LimitsConfig, record_bytes_max: usize) -> Self {
        let LimitsConfig {
            row_bytes_max,
            in_flight_bytes: _,
            files_in_parallel: _,
            drain_timeout: _,
            outage_patience: _,
            hang_timeout: _,
            restarts_max: _,
            restart: _,
        } = limits;
        #[cfg(feature = "planted-defects")]
        if crate::observe::planted::is_planted(crate::observe::planted::Defect::FramingNotInFingerprint) {
            return Self {
                framing_version: FRAMING_VERSION,
                row_bytes_max: 0,
                record_bytes_max,
            };
        }
        Self {
            framing_version: FRAMING_VERSION,
            row_bytes_max,
            record_bytes_max,
        }
    }
}

impl Config {
    /// Hexadecimal digest of everything that changes what is sent, or how records are counted: the task's name, where
    /// the files are, the CSV dialect, the tables, the message settings, what follows from bad rows, the longest row,
    /// and the largest record that the stream takes, in bytes.
    ///
    /// Other limits, pace, linger and paths of state may change between two runs; so may `migration_type`, which
    /// decides what is read and not what it becomes.
    pub fn fingerprint(&self, record_bytes_max: usize) -> String {
        // Named one by one, so that whoever adds a field decides about it here.
        let Self {
            task,
            migration_type: _,
            source,
            tables,
            mappings,
            stop: _,
            target: _,
            message,
            delivery: _,
            errors,
            state: _,
            limits,
            api: _,
            event_sinks: _,
            otlp_endpoint: _,
            is_emf: _,
            otlp: _,
        } = self;
        let ErrorsConfig {
            dead_letters_max: _,
            rows,
            dead_letters: _,
            suspended_tables_max: _,
            event_error_policy: _,
        } = errors;
        let SourceConfig {
            csv,
            format,
            location: _,
            bucket_folder: _,
            cdc_path: _,
            changes_from: _,
            files: _,
            archived_objects: _,
            late_files: _,
            changed_objects: _,
            poll_interval: _,
            full_listing_interval: _,
        } = source;
        let is_mapped = mappings.tables.iter().any(Option::is_some);
        let sent = Sent {
            task,
            place: place(source),
            csv,
            format: *format,
            tables,
            message,
            mappings: is_mapped.then_some(&mappings.tables),
            rows: *rows,
            forms: forms(tables, mappings),
            records: Records::of(*limits, record_bytes_max),
        };
        // Serializing plain structs into memory cannot fail; an empty text would still be a stable answer.
        let text = serde_json::to_string(&sent).unwrap_or_default();
        hex::text(&Md5::digest(text))
    }
}

/// What the tables have that is written in another form than by earlier versions.
fn forms(tables: &[Table], mappings: &Mappings) -> Vec<&'static str> {
    let mapped = || mappings.tables.iter().flatten();
    let is_binary = |table: &Table| {
        let mut columns = table.columns.iter();
        columns.any(|column| matches!(column.column_type, ColumnType::Byte { .. } | ColumnType::Blob))
    };
    let has_binary = tables.iter().any(is_binary) || mapped().any(|mapping| is_binary(&mapping.output));
    let has_sequence = mapped().flat_map(|mapping| &mapping.columns).any(|column| {
        matches!(&column.source, ColumnSource::Expression(text) if text.contains("$AR_H_CHANGE_SEQ"))
    });
    let forms = [
        (has_binary, "upper-case digits"),
        (has_sequence, "sequence by number"),
    ];
    forms
        .into_iter()
        .filter(|(has, _)| *has)
        .map(|(_, form)| form)
        .collect()
}

/// Where the files are; the region and the address style are ways to get there.
fn place(source: &SourceConfig) -> [String; 5] {
    let (kind, server, container) = match &source.location {
        SourceLocation::S3 { bucket, endpoint, .. } => ("s3", endpoint.clone(), bucket.clone()),
        SourceLocation::Local { directory } => ("local", None, directory.to_string_lossy().into_owned()),
    };
    let cdc_path = source.cdc_path.clone();
    [
        kind.to_owned(),
        server.unwrap_or_default(),
        container,
        source.bucket_folder.clone(),
        cdc_path.unwrap_or_default(),
    ]
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::tests::loaded;
    use crate::limits::RECORD_BYTES_DEFAULT;
    use crate::settings::{
        CompressionChoice, CsvColumns, Fit, HeaderDrift, LateFiles, MigrationType, NarrowRows, NonFinite,
        NumberFormat, Pace, TextFormat,
    };

    fn of(config: &Config) -> String {
        config.fingerprint(RECORD_BYTES_DEFAULT)
    }

    #[test]
    fn what_is_sent_changes_the_fingerprint() {
        let config = loaded();
        let changes: [fn(&mut Config); 16] = [
            |config| config.task = "other".into(),
            |config| config.source.csv.delimiter = b";".to_vec(),
            |config| {
                config.source.csv.columns = CsvColumns::ByHeader {
                    drift: HeaderDrift::Accept,
                }
            },
            |config| config.source.csv.narrow_rows = NarrowRows::Prefix,
            |config| config.message.task_resource_id = Some("ABC".into()),
            |config| config.tables[0].columns[0].column_type = ColumnType::Blob,
            |config| config.source.format.compression = CompressionChoice::Gzip,
            |config| config.source.bucket_folder = "x/".into(),
            |config| config.tables[0].columns[0].nullable ^= true,
            |config| config.message.number_format = NumberFormat::Dms,
            |config| config.message.text_format = TextFormat::Dms,
            |config| config.message.non_finite = NonFinite::Null,
            |config| config.message.fit = Fit::Truncate,
            |config| config.tables[0].columns.truncate(1),
            |config| config.limits.row_bytes_max += 1,
            |config| {
                config.source.location = SourceLocation::Local {
                    directory: "elsewhere".into(),
                }
            },
        ];
        for (index, change) in changes.iter().enumerate() {
            let mut other = config.clone();
            change(&mut other);
            assert_ne!(of(&other), of(&config), "change {index}");
        }
        let larger = config.fingerprint(RECORD_BYTES_DEFAULT + 1);
        assert_ne!(larger, of(&config), "what the stream takes");
    }

    #[test]
    fn how_it_is_sent_does_not() {
        let config = loaded();
        let mut other = config.clone();
        other.limits.files_in_parallel += 1;
        other.delivery.linger = Duration::ZERO;
        other.delivery.pace = Pace::Off;
        other.state.path = "elsewhere".into();
        other.errors.dead_letters = "elsewhere".into();
        other.errors.dead_letters_max = 1 << 20;
        other.migration_type = MigrationType::FullLoad;
        other.source.late_files = LateFiles::Stop;
        other.source.format.expansion_max = 1;
        other.api.listen = None;
        other.otlp_endpoint = Some("http://x".into());
        other.is_emf = true;
        assert_eq!(of(&other), of(&config));
    }

    #[test]
    fn the_fingerprint_is_stable_between_versions() {
        // A change here makes every task in the field forget its cuts once and repeat its window: never do it lightly.
        assert_eq!(of(&loaded()), "e0e814d681cb995821e1ff924922b124");
    }
}
