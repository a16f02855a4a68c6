//! Which control records a task sends at its start. Pure: no I/O, no clock.
//!
//! DMS sends `drop-table` and `create-table` per table before a full load; a changes-only task sends
//! `create-table` per table and one for its exceptions table.

use crate::model::{ObjectVersion, TableIndex};
use crate::settings::MigrationType;

/// Key of the stand-in object that gives a queue's control records their place in the checkpoint. It lies under no
/// prefix that is ever listed, and sorts before every ordinary key, so that it is never the greatest of its queue.
pub const CONTROL_KEY: &str = "!control-records";

/// One control record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ControlRecord {
    /// `drop-table` of a table.
    DropTable(TableIndex),
    /// `create-table` of a table.
    CreateTable(TableIndex),
    /// `create-table` of `awsdms_apply_exceptions`.
    CreateExceptionsTable,
}

/// Control records that are sent together, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ControlPlan(pub Vec<ControlRecord>);

impl ControlPlan {
    /// What goes before a table's full load.
    pub fn before_load(table: TableIndex) -> Self {
        Self(vec![
            ControlRecord::DropTable(table),
            ControlRecord::CreateTable(table),
        ])
    }

    /// What goes before the first change of a task.
    pub fn before_changes(migration_type: MigrationType, tables_count: usize) -> Self {
        let tables = if migration_type.has_full_load() {
            0
        } else {
            tables_count
        };
        let creates = (0..tables).map(|index| ControlRecord::CreateTable(TableIndex(index)));
        Self(creates.chain([ControlRecord::CreateExceptionsTable]).collect())
    }

    /// The same for changes that have a queue per table: what goes before the first change of each.
    pub fn before_changes_of_each(
        migration_type: MigrationType,
        tables: impl Iterator<Item = TableIndex>,
    ) -> Vec<Self> {
        let plan = |(number, table): (usize, TableIndex)| {
            let create = (!migration_type.has_full_load()).then_some(ControlRecord::CreateTable(table));
            let exceptions = (number == 0).then_some(ControlRecord::CreateExceptionsTable);
            Self(create.into_iter().chain(exceptions).collect())
        };
        tables.enumerate().map(plan).collect()
    }
}

/// Whether a key that has no number comes after keys that have one.
pub fn is_late(key: &str, greatest_key: Option<&str>) -> bool {
    key != CONTROL_KEY && greatest_key.is_some_and(|greatest| key < greatest)
}

/// The stand-in version that gives control records a place in the checkpoint.
pub fn control_version() -> ObjectVersion {
    ObjectVersion {
        key: CONTROL_KEY.into(),
        etag: String::new(),
        size_bytes: 0,
        modified_ms: 0,
    }
}
