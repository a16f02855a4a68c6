//! Resolves `source`, and checks what its keys say against each other. Pure: no I/O, no clock.

use std::path::Path;

use super::super::tree::quoted;
use super::super::values::Section;
use super::endpoint::endpoint;
use super::files::files;
use super::format::{data_format, dialect, format};
use super::{joined, prefix};
use crate::model::Table;
use crate::settings::life::parse_moment;
use crate::settings::problems::Report;
use crate::settings::{
    ArchivedObjects, ChangedObjects, ChangesFrom, DataFormat, LateFiles, MigrationType, SourceConfig,
    SourceLocation, TargetConfig,
};

pub(super) fn source(
    root: &Section<'_>,
    migration_type: Option<MigrationType>,
    folder: &Path,
    report: &mut Report,
) -> Option<SourceConfig> {
    let section = root.section("source")?;
    let csv = section.section("csv").and_then(|csv| dialect(&csv, report));
    let format = format(&section, report);
    check_intervals(&section, report);
    let place = section.section("s3").or_else(|| section.section("local"))?;
    let cdc_path =
        migration_type.and_then(|migration_type| cdc_path(&section, &place, migration_type, report));
    let bucket_folder = prefix(place.text("bucket_folder")?);
    let changes_from = changes_from(&section, &bucket_folder, cdc_path.as_deref(), report);
    Some(SourceConfig {
        location: location(&section, folder, report)?,
        bucket_folder,
        cdc_path,
        changes_from: changes_from?,
        csv: csv?,
        format: format?,
        files: files(&section)?,
        archived_objects: section.choice(
            "archived_objects",
            &[
                ("quarantine", ArchivedObjects::Quarantine),
                ("stop", ArchivedObjects::Stop),
            ],
        )?,
        late_files: section.choice(
            "late_files",
            &[
                ("process", LateFiles::Process),
                ("quarantine", LateFiles::Quarantine),
                ("stop", LateFiles::Stop),
            ],
        )?,
        changed_objects: section.choice(
            "changed_objects",
            &[
                ("quarantine", ChangedObjects::Quarantine),
                ("suspend_table", ChangedObjects::SuspendTable),
                ("stop", ChangedObjects::Stop),
            ],
        )?,
        poll_interval: section.duration("poll_interval")?,
        full_listing_interval: section.duration("full_listing_interval")?,
    })
}

fn changes_from(
    source: &Section<'_>,
    bucket_folder: &str,
    cdc_path: Option<&str>,
    report: &mut Report,
) -> Option<ChangesFrom> {
    let Some(point) = source.section("changes_from") else {
        let words = [("beginning", false), ("now", true)];
        let is_now = source.choice("changes_from", &words)?;
        return Some(if is_now {
            ChangesFrom::Now
        } else {
            ChangesFrom::Beginning
        });
    };
    let Some(key) = point.text("after_key") else {
        let since = point.text("modified_since").and_then(parse_moment)?;
        return Some(ChangesFrom::ModifiedSince(since));
    };
    if cdc_path.is_none() && is_beside_loads(source) {
        let message = "`source.changes_from.after_key` is one key, and the change files lie in the folder of each table; \
                       use `modified_since`";
        report.error(point.place("after_key"), message);
    }
    if let Some(cdc_path) = cdc_path {
        let folder = format!("{bucket_folder}{cdc_path}");
        if !key.starts_with(&folder) {
            let message = format!(
                "`source.changes_from.after_key` is {}, and the change files lie in {folder}; write the whole key, for \
                 example {folder}0005.csv",
                quoted(key)
            );
            report.error(point.place("after_key"), message);
        }
    }
    Some(ChangesFrom::AfterKey(key.to_owned()))
}

fn location(source: &Section<'_>, folder: &Path, report: &mut Report) -> Option<SourceLocation> {
    if let Some(s3) = source.section("s3") {
        return Some(SourceLocation::S3 {
            bucket: s3.text("bucket")?.to_owned(),
            region: s3.filled_text("region"),
            endpoint: endpoint(&s3, report),
            path_style: s3.boolean("path_style")?,
            requester_pays: s3.boolean("requester_pays")?,
            expected_bucket_owner: s3.filled_text("expected_bucket_owner"),
        });
    }
    let local = source.section("local")?;
    Some(SourceLocation::Local {
        directory: joined(folder, local.text("directory")?),
    })
}

fn cdc_path(
    source: &Section<'_>,
    place: &Section<'_>,
    migration_type: MigrationType,
    report: &mut Report,
) -> Option<String> {
    let kind = if source.section("s3").is_some() {
        "s3"
    } else {
        "local"
    };
    let key = format!("source.{kind}.cdc_path");
    let given = place.filled_text("cdc_path");
    match (given, migration_type.has_changes()) {
        (None, false) => None,
        (Some(_), false) => {
            let message = format!("`{key}` has no effect, because `migration_type` is full-load");
            report.warning(place.place("cdc_path"), message);
            None
        }
        (None, true) if place.is_broken("cdc_path") || is_beside_loads(source) => None,
        (None, true) => {
            let message = format!(
                "`{key}` is missing; add it, for example `cdc_path: cdc`. A task with ongoing replication from S3 needs \
                 the folder of its change files, as in DMS; with `data_format: parquet`, or with \
                 `source.files.changes_beside_loads: true`, they lie in the folders of the tables"
            );
            report.error(source.place(kind), message);
            None
        }
        (Some(given), true) => {
            let path = prefix(&given);
            if path.is_empty() {
                let message = format!(
                    "`{key}` is {}, which names no folder; name the folder",
                    quoted(&given)
                );
                report.error(place.place("cdc_path"), message);
                return None;
            }
            Some(path)
        }
    }
}

/// Without `cdc_path` the changes of a table lie beside its full load, where DMS writes them: with Parquet, and where it is
/// said.
fn is_beside_loads(source: &Section<'_>) -> bool {
    let files = source.section("files");
    let is_said = files.and_then(|files| files.boolean("changes_beside_loads"));
    data_format(source) == Some(DataFormat::Parquet) || is_said == Some(true)
}

fn check_intervals(source: &Section<'_>, report: &mut Report) {
    if let (Some(poll), Some(full)) = (
        source.duration("poll_interval"),
        source.duration("full_listing_interval"),
    ) && full < poll
    {
        report.error(
            source.place("full_listing_interval"),
            "`source.full_listing_interval` is shorter than `source.poll_interval`; every poll would be a full \
             listing: raise the one or lower the other",
        );
    }
}

/// Refuses a change folder below a table's folder or the other way round: rows would be read as what they are not.
pub(super) fn check_folders(
    source: &SourceConfig,
    tables: &[Table],
    migration_type: MigrationType,
    root: &Section<'_>,
    report: &mut Report,
) {
    let Some(cdc_path) = source
        .cdc_path
        .as_deref()
        .filter(|_| migration_type.has_full_load())
    else {
        return;
    };
    let section = root.section("source");
    let section = section.and_then(|source| source.section("s3").or_else(|| source.section("local")));
    let place = section.and_then(|section| section.place("cdc_path"));
    for table in tables {
        if cdc_path.starts_with(&table.path) || table.path.starts_with(cdc_path) {
            let message = format!(
                "`cdc_path` {} and the TablePath {} of {} lie within one another: change files would be read as \
                 full-load files or the other way round; move one of them",
                quoted(cdc_path),
                quoted(&table.path),
                table.full_name()
            );
            report.error(place, message);
        }
    }
}

/// Refuses to write the output where the input is read.
pub(super) fn check_output_is_not_input(
    source: &SourceConfig,
    tables: &[Table],
    target: &TargetConfig,
    root: &Section<'_>,
    report: &mut Report,
) {
    let (SourceLocation::Local { directory }, TargetConfig::Ndjson { path, .. }) = (&source.location, target)
    else {
        return;
    };
    let folders = tables.iter().map(|table| table.path.as_str());
    let mut folders = folders.chain(source.cdc_path.as_deref());
    if let Some(folder) = folders.find(|folder| path.starts_with(directory.join(folder))) {
        let target = root.section("target").and_then(|target| target.section("ndjson"));
        let message = format!(
            "`target.ndjson.path` lies in {} of `source.local.directory`, which is read; the output could be read as \
             input: move it out",
            quoted(folder)
        );
        report.error(target.and_then(|ndjson| ndjson.place("path")), message);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::config::tests::loaded_with;
    use crate::settings::{
        CompressionChoice, CsvColumns, CsvDialect, DataFormat, FilesConfig, HeaderDrift, LoadOperationColumn,
        NarrowRows, SourceFormat, TextEncoding,
    };

    #[test]
    fn every_key_of_a_source_reaches_its_own_field() {
        let source = loaded_with(
            "  s3: { bucket: blog-source,",
            "  changes_from: now\n  late_files: quarantine\n  changed_objects: stop\n  archived_objects: stop\n  poll_interval: 2s\n  full_listing_interval: 3m\n  \
             csv: { delimiter: ';', row_delimiter: '|', null_value: '\\N', ignore_header_rows: 1, ignore_header_rows_in_changes: 1, rfc4180: false, quote: \"'\", escape: '\\', encoding: UTF-16LE, \
             load_operation_column: absent, compression: gzip, expansion_max: 7, columns: by_header, header_drift: stop }\n  data_format: csv\n  \
             s3: { bucket: other, bucket_folder: /in/, region: r-1, endpoint: \"https://e\", path_style: true, requester_pays: true, \
             expected_bucket_owner: \"012345678901\",",
        )
        .source;
        let expected = SourceConfig {
            location: SourceLocation::S3 {
                bucket: "other".into(),
                region: Some("r-1".into()),
                endpoint: Some("https://e".into()),
                path_style: true,
                requester_pays: true,
                expected_bucket_owner: Some("012345678901".into()),
            },
            bucket_folder: "in/".into(),
            cdc_path: Some("cdc/".into()),
            changes_from: ChangesFrom::Now,
            csv: CsvDialect {
                delimiter: b";".to_vec(),
                row_delimiter: b"|".to_vec(),
                null_value: "\\N".into(),
                ignore_header_rows: 1,
                ignore_header_rows_in_changes: 1,
                rfc4180: false,
                quote: b'\'',
                escape: Some(b'\\'),
                load_operation_column: LoadOperationColumn::Absent,
                narrow_rows: NarrowRows::Reject,
                columns: CsvColumns::ByHeader {
                    drift: HeaderDrift::Stop,
                },
            },
            format: SourceFormat {
                data: DataFormat::Csv,
                compression: CompressionChoice::Gzip,
                encoding: TextEncoding::of("utf-16le").unwrap(),
                expansion_max: 7,
            },
            files: FilesConfig::default(),
            archived_objects: ArchivedObjects::Stop,
            late_files: LateFiles::Quarantine,
            changed_objects: ChangedObjects::Stop,
            poll_interval: Duration::from_secs(2),
            full_listing_interval: Duration::from_mins(3),
        };
        assert_eq!(source, expected);
    }

    #[test]
    fn words_mean_what_they_say() {
        let narrow = |word: &str| {
            let csv = format!("  csv: {{ narrow_rows: {word} }}\n  tables:");
            loaded_with("  tables:", &csv).source.csv.narrow_rows
        };
        assert_eq!(narrow("reject"), NarrowRows::Reject);
        assert_eq!(narrow("prefix"), NarrowRows::Prefix);
        let late = |word: &str| {
            loaded_with("  tables:", &format!("  late_files: {word}\n  tables:"))
                .source
                .late_files
        };
        assert_eq!(
            [late("process"), late("stop")],
            [LateFiles::Process, LateFiles::Stop]
        );
        let format = |data: &str, compression: &str| {
            let keys = format!("  data_format: {data}\n  csv: {{ compression: {compression} }}\n  tables:");
            let format = loaded_with("  tables:", &keys).source.format;
            (format.data, format.compression)
        };
        let auto = (DataFormat::Auto, CompressionChoice::Auto);
        assert_eq!(format("auto", "auto"), auto);
        let parquet = (DataFormat::Parquet, CompressionChoice::None);
        assert_eq!(format("parquet", "none"), parquet);
        let zstd = (DataFormat::Auto, CompressionChoice::Zstd);
        assert_eq!(format("auto", "zstd"), zstd);
        let columns = |words: &str| {
            let csv = format!("  csv: {{ {words} }}\n  tables:");
            loaded_with("  tables:", &csv).source.csv.columns
        };
        for (word, drift) in [
            ("accept", HeaderDrift::Accept),
            ("quarantine", HeaderDrift::Quarantine),
        ] {
            let words = |columns: &str| format!("columns: {columns}, header_drift: {word}");
            assert_eq!(columns(&words("by_header")), CsvColumns::ByHeader { drift });
            assert_eq!(columns(&words("by_position")), CsvColumns::ByPosition { drift });
        }
        let column = |word: &str| {
            let csv = format!("  csv: {{ load_operation_column: {word} }}\n  tables:");
            loaded_with("  tables:", &csv).source.csv.load_operation_column
        };
        assert_eq!(
            [column("detect"), column("present")],
            [LoadOperationColumn::Detect, LoadOperationColumn::Present]
        );
    }
}
