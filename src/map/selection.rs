//! Which tables are read, in which order, and with which filters. Pure: no I/O, no clock.

use super::rules::{SelectionAction, SelectionRule, SourceFilter};
use crate::model::Table;
use crate::settings::problems::Report;

/// What the selection rules say about a table that is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Selected<'a> {
    /// A table with a higher one is loaded first.
    pub load_order: u32,
    /// Which of its rows are sent.
    pub filters: &'a [SourceFilter],
}

/// What the rules say about a table; `None` if it is not read. A table that one rule excludes stays out, whatever
/// other rules say.
pub fn select<'a>(rules: &'a [SelectionRule], table: &Table, report: &mut Report) -> Option<Selected<'a>> {
    let fitting: Vec<_> = rules.iter().filter(|rule| speaks_of(rule, table)).collect();
    if fitting.is_empty() || fitting.iter().any(|rule| rule.action == SelectionAction::Exclude) {
        return None;
    }
    let mut with_filters = fitting.iter().filter(|rule| !rule.filters.is_empty());
    let first = with_filters.next();
    if let (Some(first), Some(second)) = (first, with_filters.next()) {
        let message = format!(
            "the rules {} and {} both select {} and have filters; DMS does not say which of them count: put all filters \
             of a table into one rule",
            first.head.id,
            second.head.id,
            table.full_name()
        );
        report.error(second.head.place, message);
    }
    Some(Selected {
        load_order: fitting.iter().map(|rule| rule.load_order).max().unwrap_or(0),
        filters: first.map_or(&[], |rule| &rule.filters),
    })
}

/// Whether a rule speaks of a table.
pub fn speaks_of(rule: &SelectionRule, table: &Table) -> bool {
    match rule.action {
        SelectionAction::Include | SelectionAction::Exclude => {
            rule.locator.matches(&table.owner, &table.name)
        }
        SelectionAction::Explicit => rule.locator.is_exactly(&table.owner, &table.name),
    }
}
