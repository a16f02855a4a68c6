//! The folders that a task reads, and the queue of each. Pure: no I/O, no clock.

use crate::config::Config;
use crate::model::object::is_named_as_changes;
use crate::model::{QueueName, RowSource, Table, TableIndex};
use crate::settings::{FileSelection, LeftOut};

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
    /// What kind of rows they have.
    pub rows: RowSource,
    /// Which objects are its own.
    pub rule: FileRule,
}

/// Which objects are those of a folder. It is the one rule: whoever lists a folder asks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileRule {
    /// What all of their keys begin with.
    pub prefix: String,
    /// Where DMS writes the changes of a table beside its full load, names tell.
    pub takes: Takes,
    /// Which of them are data.
    pub selection: FileSelection,
}

/// Which keys below a prefix belong to a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Takes {
    /// All.
    All,
    /// Those that are not named as changes; those are for another folder.
    Loads,
    /// Those that are not named as changes; those are not read at all.
    LoadsAlone,
    /// Those that are named as changes.
    Changes,
}

/// What a key is to a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Belonging {
    /// One of its objects.
    Data,
    /// It lies in the folder and is not read; unless it has a number of a time when it was.
    LeftOut(LeftOut),
    /// It is none of its business.
    Elsewhere,
}

impl FileRule {
    /// All data below a prefix.
    pub fn all(prefix: String) -> Self {
        Self {
            prefix,
            takes: Takes::All,
            selection: FileSelection::default(),
        }
    }

    /// What a key is to the folder.
    pub fn judge(&self, key: &str) -> Belonging {
        let Some(name) = key.strip_prefix(&self.prefix) else {
            return Belonging::Elsewhere;
        };
        match (self.takes, is_named_as_changes(key)) {
            (Takes::Loads, true) | (Takes::Changes, false) => return Belonging::Elsewhere,
            (Takes::LoadsAlone, true) => return Belonging::LeftOut(LeftOut::NamedAsChanges),
            (Takes::All, _) | (Takes::Loads | Takes::LoadsAlone, false) | (Takes::Changes, true) => {}
        }
        let left_out = self.selection.leaves_out(name);
        left_out.map_or(Belonging::Data, Belonging::LeftOut)
    }

    /// Whether a key is that of data of the folder.
    pub fn has(&self, key: &str) -> bool {
        self.judge(key) == Belonging::Data
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

/// Whether the task reads a queue of one of its tables, or that of the change files of all.
pub fn reads_queue(config: &Config, queue: &QueueName) -> bool {
    if queue.is_of_load() {
        return config.migration_type.has_full_load();
    }
    let is_of_all = *queue == QueueName::changes();
    config.migration_type.has_changes() && is_of_all == config.source.cdc_path.is_some()
}

/// The folder of a table's full load.
pub fn load_folder(config: &Config, index: TableIndex, table: &Table) -> ObjectFolder {
    let source = &config.source;
    let takes = if source.files.are_moments_loads {
        Takes::All
    } else if source.has_changes_beside_loads() && config.migration_type.has_changes() {
        Takes::Loads
    } else {
        Takes::LoadsAlone
    };
    ObjectFolder {
        name: table.full_name(),
        table: Some(index),
        queue: QueueName::load(&table.stored_name()),
        rows: RowSource::Load(index),
        rule: rule_of(config, table, takes),
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
            rows: RowSource::Changes,
            rule: FileRule {
                selection: config.source.files.changes.clone(),
                ..FileRule::all(format!("{base}{cdc_path}"))
            },
        }];
    }
    let of_table = |(index, table): (usize, &Table)| ObjectFolder {
        name: format!("{CHANGE_FILES} of {}", table.full_name()),
        table: None,
        queue: QueueName::changes_of(&table.stored_name()),
        rows: RowSource::ChangesOf(TableIndex(index)),
        rule: rule_of(config, table, Takes::Changes),
    };
    config.tables.iter().enumerate().map(of_table).collect()
}

fn rule_of(config: &Config, table: &Table, takes: Takes) -> FileRule {
    FileRule {
        prefix: format!("{}{}", config.source.bucket_folder, table.path),
        takes,
        selection: config.source.files.of_table(&table.full_name()).clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::loaded_with;

    #[test]
    fn a_queue_is_read_if_it_has_a_folder() {
        let beside = loaded_with(", cdc_path: /cdc }", " }\n  data_format: parquet");
        for config in [loaded_with("cdc_path: /cdc", "cdc_path: cdc"), beside] {
            let folders = folders(&config);
            let own = config.tables.iter().map(Table::stored_name);
            let queues = own.flat_map(|name| [QueueName::load(&name), QueueName::changes_of(&name)]);
            for queue in queues.chain([QueueName::changes()]) {
                let is_there = folders.iter().any(|folder| folder.queue == queue);
                assert_eq!(reads_queue(&config, &queue), is_there, "{queue}");
            }
        }
    }

    fn shown(config: &Config) -> Vec<String> {
        let folders = folders(config);
        let shown = folders.iter().map(|folder| {
            let FileRule { prefix, takes, .. } = &folder.rule;
            format!("{} {prefix} {takes:?}", folder.queue)
        });
        shown.collect()
    }

    #[test]
    fn changes_have_a_folder_or_lie_beside_the_loads() {
        let config = loaded_with("cdc_path: /cdc", "cdc_path: cdc");
        assert_eq!(shown(&config).last().unwrap(), "changes cdc/ All");
        assert!(
            shown(&config)
                .iter()
                .any(|folder| folder.ends_with(" LoadsAlone") && folder.starts_with("load:"))
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
        let rule = |takes| FileRule {
            takes,
            ..FileRule::all("s/".to_owned())
        };
        let (loads, changes) = (Belonging::Data, Belonging::Elsewhere);
        for (key, is_change) in [
            ("s/t/20230405-094615814.parquet", true),
            ("s/t/2023/04/05/20230405-094615814.parquet", true),
            ("s/t/20230405-094615814.snappy.parquet", true),
            ("s/t/20230405-094615814.csv", true),
            ("s/t/20230405-094615814.csv.gz", true),
            ("s/t/LOAD00000001.parquet", false),
            ("s/t/20230405.parquet", false),
            ("s/20230405-094615814/part.parquet", false),
            ("s/t/20230405-0001.csv", false),
            ("s/t/20231405-094615814.csv", false),
            ("s/t/20230405-944615814.csv", false),
        ] {
            let (taken, other) = if is_change {
                (changes, loads)
            } else {
                (loads, changes)
            };
            assert_eq!(rule(Takes::Loads).judge(key), taken, "{key}");
            assert_eq!(rule(Takes::Changes).judge(key), other, "{key}");
            let alone = if is_change {
                Belonging::LeftOut(LeftOut::NamedAsChanges)
            } else {
                Belonging::Data
            };
            assert_eq!(rule(Takes::LoadsAlone).judge(key), alone, "{key}");
        }
    }

    #[test]
    fn side_files_lie_in_a_folder_and_are_not_its_data() {
        let rule = FileRule::all("_in/t/".to_owned());
        assert_eq!(rule.judge("_in/t/a.csv"), Belonging::Data);
        let side_file = Belonging::LeftOut(LeftOut::SideFile);
        assert_eq!(rule.judge("_in/t/_SUCCESS"), side_file);
        assert_eq!(rule.judge("_in/t/"), side_file);
        assert_eq!(rule.judge("_in/t2/a.csv"), Belonging::Elsewhere);
    }
}
