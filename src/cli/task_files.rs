//! The files of a task as its source lists them: which belong to which table, and which are change files.

use crate::config::Config;
use crate::fault::{Fault, FaultKind};
use crate::model::{ObjectVersion, QueueName, Table, TableIndex};
use crate::parse::row::RowSource;
use crate::source::{ListCursor, ObjectSource, printable};

/// Name of the folder of the change files.
pub(super) const CHANGE_FILES: &str = "change files";

/// A folder of files that are read one after another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FileFolder {
    /// `schema.table`, or `change files`.
    pub(super) name: String,
    /// Its table; `None` for the change files.
    pub(super) table: Option<TableIndex>,
    /// What all of its keys begin with.
    pub(super) prefix: String,
}

impl FileFolder {
    /// How its rows are to be read.
    pub(super) fn rows(&self) -> RowSource {
        self.table.map_or(RowSource::Changes, RowSource::Load)
    }

    /// The queue that its files get their numbers in.
    pub(super) fn queue(&self) -> QueueName {
        match self.table {
            Some(_) => QueueName::load(&self.name),
            None => QueueName::changes(),
        }
    }

    /// The one of these folders that a key belongs to.
    ///
    /// # Errors
    /// [`FaultKind::Usage`] if there is none.
    pub(super) fn of_key(folders: Vec<Self>, key: &str) -> Result<Self, Fault> {
        let known: Vec<_> = folders.iter().map(|folder| folder.prefix.clone()).collect();
        let mut owners = folders
            .into_iter()
            .filter(|folder| key.starts_with(&folder.prefix));
        owners.next().ok_or_else(|| {
            let message = format!(
                "{} lies in no folder that the task reads; it reads {}",
                printable(key),
                known.join(", ")
            );
            Fault::new(FaultKind::Usage, message)
        })
    }
}

/// The folders that the task reads, load folders first.
pub(super) fn folders(config: &Config) -> Vec<FileFolder> {
    let base = &config.source.bucket_folder;
    let mut folders = Vec::new();
    if config.migration_type.has_full_load() {
        let tables = config.tables.iter().enumerate();
        folders.extend(tables.map(|(index, table)| FileFolder {
            name: Table::full_name(table),
            table: Some(TableIndex(index)),
            prefix: format!("{base}{}", table.path),
        }));
    }
    if let (true, Some(cdc_path)) = (config.migration_type.has_changes(), &config.source.cdc_path) {
        folders.push(FileFolder {
            name: CHANGE_FILES.to_owned(),
            table: None,
            prefix: format!("{base}{cdc_path}"),
        });
    }
    folders
}

/// Lists page after page, until there is none or `take` has enough; says whether the listing came to its end.
///
/// # Errors
/// As [`ObjectSource::list`].
pub(super) async fn list(
    source: &dyn ObjectSource,
    prefix: &str,
    take: &mut dyn FnMut(Vec<ObjectVersion>) -> bool,
) -> Result<bool, Fault> {
    let mut after: Option<ListCursor> = None;
    loop {
        let page = source.list(prefix, after.as_ref()).await.map_err(Fault::from)?;
        let wants_more = take(page.objects);
        match page.next {
            None => return Ok(true),
            Some(_) if !wants_more => return Ok(false),
            Some(next) => after = Some(next),
        }
    }
}

/// The version of an object that is there now.
///
/// # Errors
/// [`FaultKind::SourceMissing`] if there is none.
pub(super) async fn find(source: &dyn ObjectSource, key: &str) -> Result<ObjectVersion, Fault> {
    let page = source.list(key, None).await.map_err(Fault::from)?;
    let found = page.objects.into_iter().find(|object| object.key == key);
    found.ok_or_else(|| {
        let message = format!("{} does not exist", source.locate(key));
        Fault::new(FaultKind::SourceMissing, message)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_outside_of_all_folders_is_refused() {
        let folder = FileFolder {
            name: "s.t".to_owned(),
            table: Some(TableIndex(0)),
            prefix: "in/s/t/".to_owned(),
        };
        let owner = FileFolder::of_key(vec![folder.clone()], "in/s/t/a.csv").unwrap();
        assert_eq!(owner, folder);
        let fault = FileFolder::of_key(vec![folder], "in/s/t2/a.csv").unwrap_err();
        assert_eq!(fault.kind, FaultKind::Usage);
    }
}
