//! What follows from a bad row: a dead letter, the suspension of its table, or the end of the task. Pure: no I/O, no
//! clock.
//!
//! Rows are judged in reading order, and what was wrong before an object is given when it begins. So the same rows
//! meet the same judgement in every life of the task (D2: a row is skipped only as a durable dead letter).

use crate::model::trouble::{SuspendedRow, Suspension, Troubles};
use crate::model::{ObjectId, RejectedRecord, Table, TableIndex};
use crate::settings::{DataErrorPolicy, RowPolicies};

/// The `code` of a row that is held back because its table is suspended.
pub const TABLE_SUSPENDED: &str = "table_suspended";

/// What follows from a bad row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BadRowAction {
    /// It becomes a dead letter; its table goes on, or was suspended before.
    Keep,
    /// It becomes a dead letter, and its table is suspended with it.
    Suspend,
    /// The task ends before it: the message says where and why.
    Stop(String),
}

/// Judges the bad rows of one object after another.
#[derive(Debug)]
pub struct RowJudge {
    policies: RowPolicies,
    /// `schema.table` of each table.
    names: Vec<String>,
    object: Option<JudgedObject>,
    /// Before the next row.
    troubles: Troubles,
    /// What the rows since the last call of [`RowJudge::take_changed`] added.
    changed: Troubles,
    has_suspended: bool,
}

/// The object whose rows are judged.
#[derive(Debug)]
struct JudgedObject {
    id: ObjectId,
    key: String,
    location: String,
}

impl RowJudge {
    /// A judge for the tables of a task.
    pub fn new(policies: RowPolicies, tables: &[Table]) -> Self {
        Self {
            policies,
            names: tables.iter().map(Table::stored_name).collect(),
            object: None,
            troubles: Troubles::default(),
            changed: Troubles::default(),
            has_suspended: false,
        }
    }

    /// Says which object the next rows are of, and what was wrong before its first one. An object that was
    /// entered already goes on.
    pub fn enter(&mut self, id: &ObjectId, key: &str, location: &str, troubles: &Troubles) {
        if self.object.as_ref().is_some_and(|object| object.id == *id) {
            return;
        }
        self.object = Some(JudgedObject {
            id: id.clone(),
            key: key.to_owned(),
            location: location.to_owned(),
        });
        self.troubles = troubles.clone();
        self.has_suspended = self
            .troubles
            .iter()
            .any(|(_, trouble)| trouble.suspension.is_some());
    }

    /// Why no row of a table is sent, if it is suspended.
    pub fn suspended(&self, table: TableIndex) -> Option<String> {
        if !self.has_suspended {
            return None;
        }
        let name = self.names.get(table.0)?;
        let suspension = self.troubles.of(name)?.suspension.as_ref()?;
        Some(format!(
            "{name} is suspended since {suspension}; resume the table, then send the row with `brigade dlq replay`"
        ))
    }

    /// Judges a bad row. Rows of no table suspend nothing.
    pub fn judge(&mut self, row: &RejectedRecord) -> BadRowAction {
        let name = row.table.and_then(|table| self.names.get(table.0));
        let known = name.and_then(|name| self.troubles.of(name));
        if row.code == TABLE_SUSPENDED || known.is_some_and(|trouble| trouble.suspension.is_some()) {
            return BadRowAction::Keep;
        }
        let number = known.map_or(0, crate::model::trouble::Trouble::counted) + 1;
        let own = if is_truncation(row.code) {
            self.policies.truncation
        } else {
            self.policies.data
        };
        let escalated = self
            .policies
            .escalation
            .filter(|escalation| name.is_some() && number >= escalation.count);
        let policy = escalated.map_or(own, |escalation| own.or_stricter(escalation.policy));
        if policy == DataErrorPolicy::StopTask {
            let count = escalated.filter(|_| own != policy).map(|_| number);
            return BadRowAction::Stop(self.stop_message(row, name, count));
        }
        let (Some(name), Some(object)) = (name, &self.object) else {
            return BadRowAction::Keep;
        };
        let trouble = self.troubles.of_mut(name);
        trouble.bad_rows += 1;
        if policy == DataErrorPolicy::SuspendTable {
            trouble.suspension = Some(Suspension {
                object: object.id.clone(),
                key: object.key.clone(),
                row: Some(suspended_row(row)),
                reason: row.reason.clone(),
                is_in_doubt: false,
            });
            self.has_suspended = true;
        }
        self.changed.of_mut(name).absorb(trouble);
        match policy {
            DataErrorPolicy::SuspendTable => BadRowAction::Suspend,
            DataErrorPolicy::DeadLetter | DataErrorPolicy::StopTask => BadRowAction::Keep,
        }
    }

    /// What was wrong with the tables of the rows since the last call, up to the last of them.
    pub fn take_changed(&mut self) -> Troubles {
        std::mem::take(&mut self.changed)
    }

    fn stop_message(&self, row: &RejectedRecord, name: Option<&String>, count: Option<u64>) -> String {
        let location = self.object.as_ref().map_or("", |object| object.location.as_str());
        let table = name.map_or("a row of no table", String::as_str);
        let policy = match count {
            Some(count) => {
                format!("it is bad row {count} of the table (errors.data_error_escalation: STOP_TASK)")
            }
            None if is_truncation(row.code) => "errors.data_truncation_error_policy is STOP_TASK".to_owned(),
            None => "errors.data_error_policy is STOP_TASK".to_owned(),
        };
        format!(
            "{table}: {location}, {} (row {} of the file): {}; {policy}. Everything before the row is sent, and every start meets it \
             again: correct the table definition, or change the policy to DEAD_LETTER or SUSPEND_TABLE and send the \
             corrected row with `brigade dlq replay --file`",
            suspended_row(row),
            row.ordinal.saturating_add(1),
            row.reason
        )
    }
}

fn suspended_row(row: &RejectedRecord) -> SuspendedRow {
    SuspendedRow {
        ordinal: row.ordinal,
        line: row.line,
        byte: row.position,
        column: row.column.clone(),
    }
}

/// Whether a row is bad because a value does not fit the length, the range, the precision or the scale of its column.
fn is_truncation(code: &str) -> bool {
    matches!(code, "too_long" | "number_out_of_range" | "too_precise")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::model::QueueName;
    use crate::settings::Escalation;

    fn tables() -> Vec<Table> {
        ["a", "b"]
            .map(|name| Table {
                owner: "s".to_owned(),
                name: name.to_owned(),
                path: String::new(),
                columns: Vec::new(),
            })
            .into()
    }

    fn object() -> ObjectId {
        ObjectId {
            queue: QueueName::changes(),
            number: 4,
        }
    }

    fn judge(policies: RowPolicies, troubles: &Troubles) -> RowJudge {
        let mut judge = RowJudge::new(policies, &tables());
        judge.enter(&object(), "cdc/4.csv", "s3://b/cdc/4.csv", troubles);
        judge
    }

    fn row(ordinal: u64, table: Option<usize>, code: &'static str) -> RejectedRecord {
        RejectedRecord {
            ordinal,
            line: ordinal + 1,
            position: ordinal * 10,
            table: table.map(TableIndex),
            column: Some("x".to_owned()),
            code,
            reason: "the value is bad".to_owned(),
            row: Vec::new(),
            is_cut: false,
            message: None,
        }
    }

    fn any_policy() -> impl Strategy<Value = DataErrorPolicy> {
        prop_oneof![
            3 => Just(DataErrorPolicy::DeadLetter),
            1 => Just(DataErrorPolicy::SuspendTable),
            1 => Just(DataErrorPolicy::StopTask),
        ]
    }

    proptest! {
        /// Wherever a life ended, the next one judges the rows after that as the first one did.
        #[test]
        fn a_row_meets_the_same_judgement_wherever_reading_goes_on(
            (data, truncation) in (any_policy(), any_policy()),
            escalation in prop::option::of((1_u64..5, any_policy())),
            rows in prop::collection::vec((prop::option::of(0_usize..2), any::<bool>()), 0..20),
            split in 0_usize..20,
        ) {
            let escalation = escalation.map(|(count, policy)| Escalation { count, policy });
            let policies = RowPolicies { data, truncation, escalation };
            let rows: Vec<_> = (0..).zip(&rows).map(|(ordinal, (table, is_too_long))| {
                row(ordinal, *table, if *is_too_long { "too_long" } else { "not_a_number" })
            }).collect();
            let split = split.min(rows.len());
            let mut whole = judge(policies, &Troubles::default());
            let mut durable = Troubles::default();
            for row in &rows[..split] {
                whole.judge(row);
                durable.absorb(&whole.take_changed());
            }
            let mut resumed = judge(policies, &durable);
            for row in &rows[split..] {
                prop_assert_eq!(whole.judge(row), resumed.judge(row));
                prop_assert_eq!(whole.take_changed(), resumed.take_changed());
            }
        }
    }

    #[test]
    fn a_value_that_does_not_fit_is_judged_by_its_own_policy() {
        let policies = RowPolicies {
            truncation: DataErrorPolicy::SuspendTable,
            ..RowPolicies::default()
        };
        let mut judge = judge(policies, &Troubles::default());
        assert_eq!(judge.judge(&row(0, Some(0), "not_a_number")), BadRowAction::Keep);
        assert_eq!(judge.suspended(TableIndex(0)), None);
        assert_eq!(judge.judge(&row(1, Some(0), "too_long")), BadRowAction::Suspend);
        let reason = judge.suspended(TableIndex(0)).unwrap();
        assert!(
            reason.contains("cdc/4.csv, line 2, byte 10, column x"),
            "{reason}"
        );
        assert_eq!(judge.suspended(TableIndex(1)), None, "the other one goes on");
        assert_eq!(
            judge.judge(&row(2, Some(0), "too_long")),
            BadRowAction::Keep,
            "it is suspended already"
        );
        assert_eq!(
            judge.judge(&row(3, Some(1), "number_out_of_range")),
            BadRowAction::Suspend
        );
        let policies = RowPolicies {
            truncation: DataErrorPolicy::StopTask,
            ..RowPolicies::default()
        };
        let mut judge = self::judge(policies, &Troubles::default());
        let stopped = judge.judge(&row(0, Some(0), "too_precise"));
        assert!(matches!(stopped, BadRowAction::Stop(_)), "{stopped:?}");
    }

    #[test]
    fn bad_rows_before_a_resumed_table_do_not_count_any_more() {
        let escalation = Some(Escalation {
            count: 2,
            policy: DataErrorPolicy::StopTask,
        });
        let policies = RowPolicies {
            escalation,
            ..RowPolicies::default()
        };
        let mut troubles = Troubles::default();
        troubles.of_mut("s.a").bad_rows = 7;
        troubles.of_mut("s.a").forgiven = 7;
        let mut judge = judge(policies, &troubles);
        assert_eq!(judge.judge(&row(0, Some(0), "not_a_number")), BadRowAction::Keep);
        let BadRowAction::Stop(message) = judge.judge(&row(1, Some(0), "not_a_number")) else {
            panic!("the second one stops the task");
        };
        for part in [
            "s.a",
            "s3://b/cdc/4.csv",
            "line 2",
            "row 2 of the file",
            "byte 10",
            "column x",
            "the value is bad",
            "bad row 2",
        ] {
            assert!(message.contains(part), "{part}: {message}");
        }
    }
}
