//! What the transformation rules make of a table: its names, its columns, its key. Pure: no I/O, no clock.
//!
//! As in DMS, one rule counts per object (schema, table, column): the one with the lowest rule id. Masks come on top of
//! a change of type, and `include-column` says which columns there are, so both go beside another rule.

use std::collections::HashMap;

use super::expression::{self, OnDemand};
use super::key::define_key;
use super::rules::{Change, ColumnAction, ColumnRule, RuleHead, TransformationRule};
use super::{ColumnSource, MappedColumn};
use crate::model::{Column, Table};
use crate::settings::problems::Report;

/// What DMS does not transform in a column name.
const SPECIAL_CHARACTERS: [char; 4] = ['#', '\\', '/', '-'];

/// A table as its rules leave it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transformed {
    /// The table as its messages show it.
    pub output: Table,
    /// Where its columns come from.
    pub columns: Vec<MappedColumn>,
}

/// Applies the rules to a table; what is wrong with them is in the report.
pub fn transform(
    rules: &[TransformationRule],
    table: &Table,
    evaluator: &OnDemand,
    report: &mut Report,
) -> Transformed {
    let rules: Vec<_> = rules.iter().filter(|rule| rule.speaks_of(table)).collect();
    let work = Work {
        table,
        rules: &rules,
        evaluator,
    };
    let mut columns = work.columns(report);
    work.check_new_names(&columns, report);
    work.add_columns(&mut columns, report);
    check_column_names(table, &columns, report);
    let (columns, sources): (Vec<_>, Vec<_>) = columns
        .into_iter()
        .map(|column| (column.column, column.mapped))
        .unzip();
    let owner = work.schema_name(report);
    let (name, key) = (work.table_name(report), work.key(report));
    let mut output = Table {
        owner,
        name,
        path: table.path.clone(),
        columns,
    };
    if let Some((names, head)) = key {
        define_key(table, &mut output, &sources, (names, head), report);
    }
    Transformed {
        output,
        columns: sources,
    }
}

/// The rules that speak of a table.
pub(super) struct Work<'a> {
    pub(super) table: &'a Table,
    rules: &'a [&'a TransformationRule],
    /// For names that are expressions.
    evaluator: &'a OnDemand,
}

/// A column on its way into the output.
pub(super) struct Draft {
    pub(super) column: Column,
    pub(super) mapped: MappedColumn,
    /// The rule that gave it its name.
    pub(super) named_by: Option<RuleHead>,
}

impl<'a> Work<'a> {
    fn schema_name(&self, report: &mut Report) -> String {
        let mut rules = self.rules.iter().filter_map(|rule| match &rule.change {
            Change::Schema(naming) => Some((rule.head, naming)),
            Change::Table(_) | Change::PrimaryKey(_) | Change::Column { .. } | Change::AddColumn { .. } => {
                None
            }
        });
        match rules.next() {
            Some((head, naming)) => {
                naming.apply(&self.table.owner, self.table, None, head, self.evaluator, report)
            }
            None => self.table.owner.clone(),
        }
    }

    fn table_name(&self, report: &mut Report) -> String {
        let mut rules = self.rules.iter().filter_map(|rule| match &rule.change {
            Change::Table(naming) => Some((*rule, naming)),
            Change::Schema(_) | Change::PrimaryKey(_) | Change::Column { .. } | Change::AddColumn { .. } => {
                None
            }
        });
        let Some((winner, naming)) = rules.next() else {
            return self.table.name.clone();
        };
        self.warn_losers("the name", winner, rules.map(|(rule, _)| rule), report);
        let name = &self.table.name;
        naming.apply(name, self.table, None, winner.head, self.evaluator, report)
    }

    /// The columns of its new key. DMS speaks of one action per table; a new name and a new key do not touch one another.
    fn key(&self, report: &mut Report) -> Option<(&'a [String], RuleHead)> {
        let mut rules = self.rules.iter().filter_map(|rule| match &rule.change {
            Change::PrimaryKey(names) => Some((*rule, names.as_slice())),
            Change::Schema(_) | Change::Table(_) | Change::Column { .. } | Change::AddColumn { .. } => None,
        });
        let (winner, names) = rules.next()?;
        self.warn_losers("the primary key", winner, rules.map(|(rule, _)| rule), report);
        Some((names, winner.head))
    }

    fn warn_losers<'r>(
        &self,
        what: &str,
        winner: &TransformationRule,
        losers: impl Iterator<Item = &'r TransformationRule>,
        report: &mut Report,
    ) {
        for loser in losers.filter(|loser| !loser.locator.has_wildcard()) {
            self.warn_loser(what, loser.head, winner.head, report);
        }
    }

    pub(super) fn warn_loser(&self, what: &str, loser: RuleHead, winner: RuleHead, report: &mut Report) {
        let message = format!(
            "rule {} has no effect on {what} of {}: DMS applies one action per object, that of the lowest rule id, which is \
             rule {}",
            loser.id,
            self.table.full_name(),
            winner.id
        );
        report.warning(loser.place, message);
    }

    /// Warns if a rule takes something from the primary key, and with it from partition keys.
    pub(super) fn warn_key(&self, column: &Column, head: RuleHead, what: &str, report: &mut Report) {
        if column.is_primary_key {
            let message = format!(
                "rule {} {what} the column {:?}, which is part of the primary key of {}: partition keys and the order of \
                 rows follow what is left of it; use `data-masking-hash-mask`, or a `define-primary-key` rule",
                head.id,
                column.name,
                self.table.full_name()
            );
            report.warning(head.place, message);
        }
    }

    /// The rules about columns of the definition.
    pub(super) fn column_rules(&self) -> impl Iterator<Item = ColumnRule<'a>> {
        self.rules.iter().filter_map(|rule| rule.of_columns())
    }

    fn columns(&self, report: &mut Report) -> Vec<Draft> {
        let includes = self
            .column_rules()
            .filter(|rule| *rule.action == ColumnAction::Include);
        let includes: Vec<_> = includes.collect();
        let columns = self.table.columns.iter().enumerate();
        let drafts = columns.filter_map(|(index, column)| {
            let is_included = includes.is_empty() || includes.iter().any(|rule| rule.speaks_of(column));
            if let Some(first) = includes.first().filter(|_| !is_included) {
                self.warn_key(column, first.head, "leaves out", report);
            }
            self.column(index, column, report).filter(|_| is_included)
        });
        drafts.collect()
    }

    /// Whether a rule removes a column: what one rule keeps back, another one does not send.
    fn is_removed(&self, column: &Column, report: &mut Report) -> bool {
        let rules = || self.column_rules().filter(|rule| rule.speaks_of(column));
        let Some(removal) = rules().find(|rule| *rule.action == ColumnAction::Remove) else {
            return false;
        };
        self.warn_key(column, removal.head, "leaves out", report);
        let first = rules().find(|rule| {
            rule.head.id < removal.head.id
                && matches!(rule.action, ColumnAction::Name(_) | ColumnAction::Retype(_))
        });
        if let Some(first) = first {
            let message = format!(
                "rule {} leaves out the column {:?} of {}, although rule {} about it has the lower id: DMS would apply that \
                 one alone, and send the column",
                removal.head.id,
                column.name,
                self.table.full_name(),
                first.head.id
            );
            report.warning(removal.head.place, message);
        }
        true
    }

    /// A column of the definition; `None` if a rule removes it.
    fn column(&self, index: usize, column: &Column, report: &mut Report) -> Option<Draft> {
        if self.is_removed(column, report) {
            return None;
        }
        let mut draft = Draft {
            column: column.clone(),
            mapped: MappedColumn {
                source: ColumnSource::Column(index),
                is_retyped: false,
                mask: None,
            },
            named_by: None,
        };
        let what = format!("the column {:?}", column.name);
        let mut winner: Option<RuleHead> = None;
        for rule in self.column_rules().filter(|rule| rule.speaks_of(column)) {
            if matches!(rule.action, ColumnAction::Mask(_) | ColumnAction::Include) {
                continue;
            }
            if let Some(winner) = winner {
                if !rule.name.has_wildcard() {
                    self.warn_loser(&what, rule.head, winner, report);
                }
                continue;
            }
            match rule.action {
                ColumnAction::Name(naming) => {
                    draft.column.name = naming.apply(
                        &column.name,
                        self.table,
                        Some(column),
                        rule.head,
                        self.evaluator,
                        report,
                    );
                    draft.named_by = Some(rule.head);
                    self.warn_special(column, rule, report);
                }
                ColumnAction::Retype(column_type) => {
                    if !self.refuse_large(column, rule, report) {
                        draft.column.column_type = *column_type;
                        draft.mapped.is_retyped = *column_type != column.column_type;
                    }
                }
                ColumnAction::Mask(_) | ColumnAction::Include | ColumnAction::Remove => {}
            }
            winner = Some(rule.head);
        }
        self.mask(&mut draft, column, winner, report);
        Some(draft)
    }

    /// Whether the column holds large values, which DMS can only leave out.
    fn refuse_large(&self, column: &Column, rule: ColumnRule<'_>, report: &mut Report) -> bool {
        let is_large = column.column_type.is_large();
        if is_large {
            let message = format!(
                "rule {} changes the column {:?} of {}, which holds large values: the only thing DMS does to those is \
                 `remove-column`; leave it out of the rule",
                rule.head.id,
                column.name,
                self.table.full_name()
            );
            if rule.name.has_wildcard() {
                report.warning(rule.head.place, message);
            } else {
                report.error(rule.head.place, message);
            }
        }
        is_large
    }

    fn warn_special(&self, column: &Column, rule: ColumnRule<'_>, report: &mut Report) {
        let is_large = column.column_type.is_large();
        if is_large || column.name.contains(SPECIAL_CHARACTERS) {
            let why = if is_large {
                "holds large values"
            } else {
                "has a special character"
            };
            let message = format!(
                "rule {} renames the column {:?} of {}, which {why}; it is done here, and DMS would not",
                rule.head.id,
                column.name,
                self.table.full_name()
            );
            report.warning(rule.head.place, message);
        }
    }

    fn add_columns(&self, drafts: &mut Vec<Draft>, report: &mut Report) {
        for rule in self.rules {
            let Change::AddColumn {
                name,
                column_type,
                expression,
                about,
            } = &rule.change
            else {
                continue;
            };
            let mut defined = self.table.columns.iter();
            let about = defined.find(|column| about.as_deref() == Some(column.name.as_str()));
            let (about, about_type) =
                about.map_or((name, *column_type), |column| (&column.name, column.column_type));
            let expression = expression
                .as_ref()
                .map(|text| expression::of_column(text, about, about_type.dms_name()));
            let mut draft = Draft {
                column: Column {
                    name: name.clone(),
                    column_type: *column_type,
                    nullable: true,
                    is_primary_key: false,
                },
                mapped: MappedColumn {
                    source: expression.map_or(ColumnSource::Nothing, ColumnSource::Expression),
                    is_retyped: false,
                    mask: None,
                },
                named_by: Some(rule.head),
            };
            let column = draft.column.clone();
            for other in self.column_rules().filter(|rule| rule.speaks_of(&column)) {
                if let ColumnAction::Mask(mask) = other.action {
                    self.set_mask(&mut draft, *mask, other, report);
                    break;
                }
            }
            drafts.push(draft);
        }
    }
}

fn check_column_names(table: &Table, drafts: &[Draft], report: &mut Report) {
    let mut seen: HashMap<&str, Option<RuleHead>> = HashMap::new();
    for draft in drafts {
        if let Some(other) = seen.insert(&draft.column.name, draft.named_by) {
            let message = format!(
                "two columns of {} would be called {:?}; a consumer would see one of them: rename one",
                table.full_name(),
                draft.column.name
            );
            report.error(draft.named_by.or(other).map(|head| head.place), message);
        }
    }
}

#[cfg(test)]
#[path = "transform_tests.rs"]
mod tests;
