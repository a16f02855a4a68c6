//! Resolves `source.files`. Pure: no I/O, no clock.

use super::super::values::Section;
use crate::settings::problems::Report;
use crate::settings::{FilePattern, FileSelection, FilesConfig, SourceConfig};

pub(super) fn files(source: &Section<'_>) -> Option<FilesConfig> {
    let Some(section) = source.section("files") else {
        return Some(FilesConfig::default());
    };
    let loads = selection(&section, &FileSelection::default());
    let below = |section: Option<Section<'_>>| section.map(|section| selection(&section, &loads));
    let tables = section.section("tables");
    let names = section.names("tables").iter();
    let tables = names.filter_map(|name| {
        let own = below(tables.as_ref()?.section(name))?;
        Some((name.clone(), own))
    });
    Some(FilesConfig {
        changes: below(section.section("changes")).unwrap_or_else(|| loads.clone()),
        tables: tables.collect(),
        are_changes_beside_loads: section.boolean("changes_beside_loads")?,
        are_moments_loads: section.choice("named_by_time", &[("changes", false), ("load", true)])?,
        loads,
    })
}

/// What a section says, and the rest as above it.
fn selection(section: &Section<'_>, above: &FileSelection) -> FileSelection {
    let patterns = |name: &str| {
        let texts = section.texts(name)?;
        Some(texts.iter().map(|text| FilePattern::new(text)).collect())
    };
    let sides = [("ignore", false), ("read", true)];
    FileSelection {
        include: patterns("include").unwrap_or_else(|| above.include.clone()),
        exclude: patterns("exclude").unwrap_or_else(|| above.exclude.clone()),
        is_recursive: section.boolean("recursive").unwrap_or(above.is_recursive),
        has_side_files: section
            .choice("side_files", &sides)
            .unwrap_or(above.has_side_files),
    }
}

/// Refuses names of tables that the definition does not have: the wish for them would have no effect in silence.
pub(super) fn check_tables(source: &SourceConfig, known: &[String], root: &Section<'_>, report: &mut Report) {
    let tables = root.section("source").and_then(|source| source.section("files"));
    let tables = tables.and_then(|files| files.section("tables"));
    for name in source.files.tables.keys().filter(|name| !known.contains(name)) {
        let message = format!(
            "`source.files.tables` names {name}, which the table definition does not have; it has {}",
            known.join(", ")
        );
        report.error(tables.as_ref().and_then(|tables| tables.place(name)), message);
    }
}

/// Refuses what cannot go together with change files beside the load files.
pub(super) fn check_layout(source: &SourceConfig, root: &Section<'_>, report: &mut Report) {
    let files = &source.files;
    if !files.are_changes_beside_loads {
        return;
    }
    let section = root.section("source").and_then(|source| source.section("files"));
    let place = |name| section.as_ref().and_then(|section| section.place(name));
    if files.are_moments_loads {
        let message = "`source.files.named_by_time: load` and `changes_beside_loads` contradict each other: the names tell \
                       changes from loads; remove one of them";
        report.error(place("named_by_time"), message);
    }
    if source.cdc_path.is_some() {
        let message = "`source.files.changes_beside_loads` and `cdc_path` are two places for the change files; remove one \
                       of them";
        report.error(place("changes_beside_loads"), message);
    }
    if !source.csv.columns.is_by_position() {
        let message = "`source.files.changes_beside_loads` needs `csv.columns: by_position`: such change files have no \
                       header that names operation and table; remove one of them";
        report.error(place("changes_beside_loads"), message);
    }
}

#[cfg(test)]
mod tests {
    use crate::config::tests::{check, loaded_with};
    use crate::settings::{FilePattern, FileSelection, FilesConfig};

    fn files(text: &str) -> FilesConfig {
        let files = format!("  files: {{ {text} }}\n  tables:");
        loaded_with("  tables:", &files).source.files
    }

    fn patterns(texts: &[&str]) -> Vec<FilePattern> {
        texts.iter().map(|text| FilePattern::new(text)).collect()
    }

    #[test]
    fn tables_and_changes_take_over_what_they_do_not_say() {
        let table = crate::config::tests::loaded().tables[0].full_name();
        let found = files(&format!(
            "include: ['*.csv', '*.gz'], exclude: manifest, recursive: false, tables: {{ {table}: {{ recursive: true }} }}, \
             changes: {{ include: 'c*', side_files: read }}"
        ));
        let loads = FileSelection {
            include: patterns(&["*.csv", "*.gz"]),
            exclude: patterns(&["manifest"]),
            is_recursive: false,
            has_side_files: false,
        };
        assert_eq!(found.loads, loads);
        let of_table = FileSelection {
            is_recursive: true,
            ..loads.clone()
        };
        assert_eq!(*found.of_table(&table), of_table);
        assert_eq!(*found.of_table("another.one"), loads);
        let changes = FileSelection {
            include: patterns(&["c*"]),
            has_side_files: true,
            ..loads
        };
        assert_eq!(found.changes, changes);
        assert_eq!(files(""), FilesConfig::default());
        assert!(files("named_by_time: load").are_moments_loads);
    }

    #[test]
    fn what_would_have_no_effect_is_refused() {
        for (text, expected) in [
            ("tables: { no.such: { recursive: true } }", "does not have"),
            ("include: []", "is empty"),
            ("include: [1]", "is not text"),
            ("exclude: [[a]]", "has a list in it"),
            ("exclude: /x", "is not allowed"),
            ("changes_beside_loads: true", "two places for the change files"),
        ] {
            let text = format!("  files: {{ {text} }}\n  tables:");
            check("  tables:", &text, expected);
        }
    }

    #[test]
    fn change_files_lie_beside_loads_if_that_is_said() {
        let from = ", cdc_path: /cdc }";
        let source = loaded_with(from, " }\n  files: { changes_beside_loads: true }").source;
        assert!(source.has_changes_beside_loads());
        check(from, " }", "changes_beside_loads");
    }
}
