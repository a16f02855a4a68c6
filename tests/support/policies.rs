//! Tasks with bad rows and what follows from them by policy.

use bucket_brigade::checkpoint::resume_table::resume_table;
use bucket_brigade::checkpoint::store::CheckpointStore;
use bucket_brigade::model::trouble::Suspension;
use bucket_brigade::settings::{DataErrorPolicy, Escalation, MigrationType, RowPolicies};

use super::fixtures::{Data, Defect};
use super::pipeline::{Run, World};

/// The note of a row that the stream refuses.
pub(crate) const REFUSED_NOTE: &str = "the stream refuses this";

/// A bad row suspends its table.
pub(crate) const SUSPEND: RowPolicies = RowPolicies {
    data: DataErrorPolicy::SuspendTable,
    truncation: DataErrorPolicy::SuspendTable,
    escalation: None,
};
/// A bad row stops the task.
pub(crate) const STOP: RowPolicies = RowPolicies {
    data: DataErrorPolicy::StopTask,
    truncation: DataErrorPolicy::StopTask,
    escalation: None,
};

/// So many bad rows have this effect.
pub(crate) fn escalation(count: u64, policy: DataErrorPolicy) -> RowPolicies {
    RowPolicies {
        escalation: Some(Escalation { count, policy }),
        ..RowPolicies::default()
    }
}

/// Where the tables of a run are suspended.
pub(crate) fn suspensions(run: &Run) -> Vec<(String, Suspension)> {
    let tables = run.status.tables.iter().map(|table| &table.statistics);
    let suspended = tables.filter_map(|table| Some((table.full_name(), table.trouble.suspension.clone()?)));
    suspended.collect()
}

/// Lifts a suspension, as `brigade tables resume` does.
pub(crate) fn resume(world: &World, table: &str) {
    let store = world.watched_store();
    let resumed = resume_table(&world.store.reopen().unwrap().load().unwrap(), table, false).unwrap();
    store.commit(&resumed.delta).unwrap();
}

/// Two tables. The first has three load files; the one in the middle, of several chunks, has a bad row, and it is the
/// row that the world is given with. Changes of both tables follow.
pub(crate) fn load_world() -> (World, [String; 3], usize) {
    let mut data = Data::new(2).with_note_bytes(1_500);
    let bad = 411;
    let first = data.load(0, 120);
    let middle = data.load_with(0, 900, &[(bad, Defect::KeyNotANumber)]);
    data.load(1, 300);
    let last = data.load(0, 60);
    data.changes(80);
    data.changes(80);
    data.hold_back(0, 0);
    let mut world = World::busy(data, 2);
    world.config.errors.rows = SUSPEND;
    (world, [first, middle, last], bad)
}

/// Change files of two tables; the second one has bad rows of the first table at these rows.
pub(crate) fn changes_world(bad: &[usize], bad_rows_before: usize) -> World {
    let mut data = Data::new(2).with_note_bytes(900);
    data.changes(300);
    let defects: Vec<_> = bad.iter().map(|row| (*row, Defect::KeyNotANumber)).collect();
    data.changes_with(900, &defects);
    for _ in 0..3 {
        data.changes(200);
    }
    data.hold_back(0, bad_rows_before);
    let mut world = World::busy(data, 2);
    world.config.migration_type = MigrationType::Changes;
    world
}

/// Rows of the first table in a file, by number.
pub(crate) fn rows_of_first_table(data: &Data, file: usize) -> Vec<usize> {
    let rows = data.files[file].rows.iter().enumerate();
    rows.filter(|(_, row)| row.table == 0)
        .map(|(ordinal, _)| ordinal)
        .collect()
}

/// The same in the second file of [`changes_world`].
pub(crate) fn first_table_rows_in_second_file() -> Vec<usize> {
    rows_of_first_table(&changes_world(&[], 0).data, 1)
}

/// The same data with nothing held back.
pub(crate) fn unheld(data: &Data) -> Data {
    let mut data = data.clone();
    for row in data.files.iter_mut().flat_map(|file| &mut file.rows) {
        row.defect = row.defect.filter(|defect| *defect != Defect::HeldBack);
    }
    data
}
