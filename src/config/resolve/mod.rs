//! Makes the configuration out of checked values: words become types, keys that contradict each other become
//! problems. Pure: no I/O, no clock.

mod api;
mod endpoint;
mod errors;
mod event_sinks;
mod files;
mod format;
mod message;
mod restarts;
mod source;
mod target;

use core::num::NonZeroU32;
use std::path::{Path, PathBuf};

use super::Config;
use super::units::SizeText;
use super::values::{Section, Values};
use crate::map::TableName;
use crate::map::plan::MappedTables;
use crate::model::Table;
use crate::settings::life::parse_moment;
use crate::settings::problems::Report;
use crate::settings::{LimitsConfig, MigrationType, OtlpConfig, StateConfig, StopAfter, StopConfig};

/// The path of the table definition, if the document gives one.
pub(super) fn tables_path(values: &Values, folder: &Path) -> Option<PathBuf> {
    values
        .section("source")?
        .text("tables")
        .map(|path| joined(folder, path))
}

/// The path of the table mappings, if the document gives one.
pub(super) fn mappings_path(values: &Values, folder: &Path) -> Option<PathBuf> {
    values
        .section("")?
        .text("table_mappings")
        .map(|path| joined(folder, path))
}

/// The path of the task settings, if the document gives one.
pub(super) fn settings_path(values: &Values, folder: &Path) -> Option<PathBuf> {
    values
        .section("")?
        .text("task_settings")
        .map(|path| joined(folder, path))
}

/// Makes the configuration; `None` if a value is missing, which is in the report already.
pub(super) fn resolve(
    values: &Values,
    tables: Option<MappedTables>,
    folder: &Path,
    report: &mut Report,
) -> Option<Config> {
    let root = values.section("")?;
    let migration_type = root.choice(
        "migration_type",
        &[
            ("full-load", MigrationType::FullLoad),
            ("cdc", MigrationType::Changes),
            ("full-load-and-cdc", MigrationType::FullLoadAndChanges),
        ],
    );
    // Every part is made before the first missing one ends it, so that each can report its problems.
    let source = source::source(&root, migration_type, folder, report);
    let target = target::target(&root, folder, report);
    let limits = limits(&root, report);
    let state = state(&root, folder);
    let stop = stop(&root, migration_type, report);
    if let (Some(source), Some(tables), Some(target)) = (&source, &tables, &target) {
        source::check_output_is_not_input(source, &tables.tables, &target.place, &root, report);
    }
    if let (Some(source), Some(MappedTables { tables, mappings })) = (&source, &tables) {
        let unselected = mappings.unselected.iter().map(TableName::full_name);
        let known = tables.iter().map(Table::full_name).chain(unselected);
        files::check_tables(source, &known.collect::<Vec<_>>(), &root, report);
        files::check_layout(source, &root, report);
    }
    if let (Some(source), Some(tables), Some(migration_type)) = (&source, &tables, migration_type) {
        source::check_folders(source, &tables.tables, migration_type, &root, report);
    }
    if let (Some(target), Some(tables), Some(migration_type)) = (&target, &tables, migration_type) {
        target::warn_about_hot_keys(target, tables, migration_type, &root, report);
    }
    let MappedTables { tables, mappings } = tables?;
    let target = target?;
    let errors = errors::errors(&root, folder);
    let telemetry = root.section("telemetry")?;
    Some(Config {
        task: root.text("task")?.to_owned(),
        migration_type: migration_type?,
        source: source?,
        tables,
        mappings,
        stop: stop?,
        target: target.place,
        message: target.message,
        delivery: target.delivery,
        errors: errors?,
        state: state?,
        limits: limits?,
        api: api::api(&root)?,
        event_sinks: event_sinks::event_sinks(&root, report)?,
        otlp_endpoint: telemetry.section("otlp")?.filled_text("endpoint"),
        is_emf: telemetry.boolean("emf")?,
        otlp: otlp(&telemetry.section("otlp")?)?,
    })
}

fn otlp(section: &Section<'_>) -> Option<OtlpConfig> {
    Some(OtlpConfig {
        objects_per_second: NonZeroU32::new(section.number("objects_per_second")?)?,
        has_old_names: section.boolean("old_names")?,
        has_logs: section.boolean("logs")?,
    })
}

fn stop(
    root: &Section<'_>,
    migration_type: Option<MigrationType>,
    report: &mut Report,
) -> Option<StopConfig> {
    let section = root.section("stop")?;
    let after = section.choice(
        "after",
        &[
            ("never", StopAfter::Never),
            ("full_load", StopAfter::FullLoad),
            ("cached_changes", StopAfter::CachedChanges),
        ],
    )?;
    let has_both = migration_type? == MigrationType::FullLoadAndChanges;
    if after != StopAfter::Never && !has_both {
        let message = "`stop.after` has no effect, because `migration_type` is not full-load-and-cdc";
        report.warning(section.place("after"), message);
    }
    Some(StopConfig {
        at_ms: section.text("at").and_then(parse_moment),
        after,
    })
}

fn state(root: &Section<'_>, folder: &Path) -> Option<StateConfig> {
    let state = root.section("state")?;
    Some(StateConfig {
        path: joined(folder, state.section("sled")?.text("path")?),
        commit_interval: state.duration("commit_interval")?,
    })
}

fn limits(root: &Section<'_>, report: &mut Report) -> Option<LimitsConfig> {
    let section = root.section("limits")?;
    let limits = LimitsConfig {
        in_flight_bytes: section.number("in_flight")?,
        files_in_parallel: section.number("files_in_parallel")?,
        row_bytes_max: section.number("row")?,
        drain_timeout: section.duration("drain_timeout")?,
        outage_patience: section.duration("outage_patience"),
        hang_timeout: section.duration("hang_timeout")?,
        restarts_max: section.number("restarts")?,
        restart: restarts::restarts(&section, report)?,
    };
    let row_bytes_max = section.number::<u64>("row")?;
    if limits.in_flight_bytes < row_bytes_max.saturating_mul(2) {
        let message = format!(
            "`limits.in_flight` is {}, less than twice `limits.row` ({}): one long row would stop the task; raise the \
             one or lower the other",
            SizeText(limits.in_flight_bytes),
            SizeText(row_bytes_max)
        );
        report.error(section.place("in_flight"), message);
    }
    Some(limits)
}

/// A path of the document: relative to its folder, and without `.` parts.
fn joined(folder: &Path, path: &str) -> PathBuf {
    folder.join(path).components().collect()
}

/// A key prefix: without one slash at the start, with exactly one at the end, or empty.
fn prefix(text: &str) -> String {
    let text = text.strip_prefix('/').unwrap_or(text).trim_end_matches('/');
    if text.is_empty() {
        String::new()
    } else {
        format!("{text}/")
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use proptest::prelude::*;

    use super::*;
    use crate::config::tests::loaded_with;
    use crate::settings::RestartDelays;

    #[test]
    fn prefixes_lose_one_slash_at_the_start_and_end_in_one() {
        for (given, expected) in [
            ("", ""),
            ("/", ""),
            ("cdc", "cdc/"),
            ("/cdc", "cdc/"),
            ("cdc//", "cdc/"),
            ("a/b", "a/b/"),
            ("//a", "/a/"),
        ] {
            assert_eq!(prefix(given), expected, "{given}");
        }
    }

    #[test]
    fn relative_paths_start_at_the_folder_of_the_document() {
        assert_eq!(joined(Path::new("conf"), "./a/b"), Path::new("conf/a/b"));
        assert_eq!(joined(Path::new("/conf"), "/a"), Path::new("/a"));
        assert_eq!(joined(Path::new("."), "a"), Path::new("./a"));
        assert_eq!(joined(Path::new("/conf"), "../a"), Path::new("/conf/../a"));
    }

    #[test]
    fn every_limit_reaches_its_own_field() {
        let config = loaded_with(
            "target:",
            "limits: { in_flight: 3MiB, files_in_parallel: 2, row: 4KiB, drain_timeout: 6s, outage_patience: 2h, hang_timeout: 9s, restarts: 7 }\n\
             state: { commit_interval: 20ms, sled: { path: /s } }\nerrors: { dead_letters: d }\n\
             telemetry: { otlp: { endpoint: \"http://h:4318\", objects_per_second: 3, old_names: true, logs: false } }\ntarget:",
        );
        let expected = LimitsConfig {
            in_flight_bytes: 3 << 20,
            files_in_parallel: 2,
            row_bytes_max: 4096,
            drain_timeout: Duration::from_secs(6),
            outage_patience: Some(Duration::from_hours(2)),
            hang_timeout: Duration::from_secs(9),
            restarts_max: 7,
            restart: RestartDelays::default(),
        };
        assert_eq!(config.limits, expected);
        assert_eq!(config.state.path, Path::new("/s"));
        assert_eq!(config.state.commit_interval, Duration::from_millis(20));
        assert_eq!(config.errors.dead_letters, Path::new("/conf/d"));
        assert_eq!(config.otlp_endpoint.as_deref(), Some("http://h:4318"));
        let otlp = OtlpConfig {
            objects_per_second: NonZeroU32::new(3).unwrap(),
            has_old_names: true,
            has_logs: false,
        };
        assert_eq!(config.otlp, otlp);
        assert_eq!(config.migration_type, MigrationType::FullLoadAndChanges);
        let load = loaded_with("full-load-and-cdc", "full-load");
        assert_eq!(
            (load.migration_type, load.source.cdc_path),
            (MigrationType::FullLoad, None)
        );
        assert_eq!(
            loaded_with("full-load-and-cdc", "cdc").migration_type,
            MigrationType::Changes
        );
    }

    proptest! {
        #[test]
        fn a_prefix_is_empty_or_ends_in_exactly_one_slash(text: String) {
            let prefix = prefix(&text);
            prop_assert!(prefix.is_empty() || (prefix.ends_with('/') && !prefix.ends_with("//")));
        }
    }
}
