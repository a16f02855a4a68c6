//! The folders that a task reads, and the queue of each. Pure: no I/O, no clock.

use crate::config::Config;
use crate::model::object::is_named_as_changes;
use crate::model::{QueueName, RowSource, Table, TableIndex};

/// What the names of folders of change files begin with.
pub const CHANGE_FILES: &str = "change files";

/// A folder of objects that are read one after another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectFolder {
    /// `schema.table`, or `change files`, with the table if they are those of one.
    pub name: String,
    /// Its table, for a full load; changes name theirs.
    pub table: Option<TableIndex>,
    /// The queue that its objects get their numbers in.
    pub queue: QueueName,
    /// What all of its keys begin with.
    pub prefix: String,
    /// Which of those keys are its own.
    pub takes: Takes,
}

/// Which keys below a prefix belong to a folder. Where DMS writes the changes of a table beside its full load, names
/// tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// All.
    All,
    /// Those that are not named as changes.
    Loads,
    /// Those that are.
    Changes,
}

impl Takes {
    /// Whether a key below the prefix is taken.
    pub fn takes(self, key: &str) -> bool {
        match self {
            Self::All => true,
            Self::Loads => !is_named_as_changes(key),
            Self::Changes => is_named_as_changes(key),
        }
    }
}

impl ObjectFolder {
    /// How its rows are to be read.
    pub fn rows(&self) -> RowSource {
        self.table.map_or(RowSource::Changes, RowSource::Load)
    }

    /// Whether a key belongs to it.
    pub fn has(&self, key: &str) -> bool {
        key.starts_with(&self.prefix) && self.takes.takes(key)
    }
}

/// The folders of a task, load folders first, in the order of the tables.
pub fn folders(config: &Config) -> Vec<ObjectFolder> {
    let mut folders = Vec::new();
    if config.migration_type.has_full_load() {
        let tables = config.tables.iter().enumerate();
        folders.extend(tables.map(|(index, table)| load_folder(config, TableIndex(index), table)));
    }
    folders.extend(change_folders(config));
    folders
}

/// The folder of a table's full load.
pub fn load_folder(config: &Config, index: TableIndex, table: &Table) -> ObjectFolder {
    let takes = if config.source.has_changes_beside_loads() {
        Takes::Loads
    } else {
        Takes::All
    };
    ObjectFolder {
        name: table.full_name(),
        table: Some(index),
        queue: QueueName::load(&table.stored_name()),
        prefix: format!("{}{}", config.source.bucket_folder, table.path),
        takes,
    }
}

/// The folders of change files: that of all tables, or those of the tables themselves.
pub fn change_folders(config: &Config) -> Vec<ObjectFolder> {
    let base = &config.source.bucket_folder;
    if !config.migration_type.has_changes() {
        return Vec::new();
    }
    if let Some(cdc_path) = &config.source.cdc_path {
        return vec![ObjectFolder {
            name: CHANGE_FILES.to_owned(),
            table: None,
            queue: QueueName::changes(),
            prefix: format!("{base}{cdc_path}"),
            takes: Takes::All,
        }];
    }
    let of_table = |table: &Table| ObjectFolder {
        name: format!("{CHANGE_FILES} of {}", table.full_name()),
        table: None,
        queue: QueueName::changes_of(&table.stored_name()),
        prefix: format!("{base}{}", table.path),
        takes: Takes::Changes,
    };
    config.tables.iter().map(of_table).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::loaded_with;

    fn shown(config: &Config) -> Vec<String> {
        let folders = folders(config);
        let shown = folders
            .iter()
            .map(|folder| format!("{} {} {:?}", folder.queue, folder.prefix, folder.takes));
        shown.collect()
    }

    #[test]
    fn changes_have_a_folder_or_lie_beside_the_loads() {
        let config = loaded_with("cdc_path: /cdc", "cdc_path: cdc");
        assert_eq!(shown(&config).last().unwrap(), "changes cdc/ All");
        assert!(
            shown(&config)
                .iter()
                .any(|folder| folder.ends_with(" All") && folder.starts_with("load:"))
        );
        let config = loaded_with(", cdc_path: /cdc }", " }\n  data_format: parquet");
        let folders = shown(&config);
        let (loads, changes) = folders.split_at(folders.len() / 2);
        assert!(
            loads
                .iter()
                .all(|folder| folder.starts_with("load:") && folder.ends_with(" Loads")),
            "{folders:?}"
        );
        assert!(
            changes
                .iter()
                .all(|folder| folder.starts_with("changes:") && folder.ends_with(" Changes")),
            "{folders:?}"
        );
    }

    #[test]
    fn names_of_dms_tell_changes_from_loads() {
        for (key, expected) in [
            ("s/t/20230405-094615814.parquet", true),
            ("s/t/2023/04/05/20230405-094615814.parquet", true),
            ("s/t/LOAD00000001.parquet", false),
            ("s/t/20230405.parquet", false),
            ("s/20230405-094615814/part.parquet", false),
        ] {
            assert_eq!(Takes::Changes.takes(key), expected, "{key}");
            assert_eq!(Takes::Loads.takes(key), !expected, "{key}");
        }
    }
}
