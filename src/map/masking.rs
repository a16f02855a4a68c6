//! Which columns of a table are hidden, and that none is which a rule means to hide and does not. Pure: no I/O, no clock.

use super::ColumnSource;
use super::mask::Mask;
use super::rules::{ColumnAction, ColumnRule, RuleHead};
use super::transform::{Draft, Work};
use crate::model::Column;
use crate::settings::problems::Report;

impl Work<'_> {
    /// Hides a column, by the mask of the lowest rule id.
    pub(super) fn mask(
        &self,
        draft: &mut Draft,
        original: &Column,
        winner: Option<RuleHead>,
        report: &mut Report,
    ) {
        let mut masks = self
            .column_rules()
            .filter(|rule| rule.speaks_of(original))
            .filter_map(|rule| match rule.action {
                ColumnAction::Mask(mask) => Some((rule, *mask)),
                ColumnAction::Name(_)
                | ColumnAction::Remove
                | ColumnAction::Include
                | ColumnAction::Retype(_) => None,
            });
        let Some((rule, mask)) = masks.next() else { return };
        for (loser, _) in masks.filter(|(loser, _)| !loser.name.has_wildcard()) {
            self.warn_loser(
                &format!("the column {:?}", original.name),
                loser.head,
                rule.head,
                report,
            );
        }
        if let Some(winner) = winner.filter(|winner| draft.mapped.is_retyped && winner.id > rule.head.id) {
            let message = format!(
                "rule {} hides the column {:?} of {} before rule {} changes its type; give the change of type the smaller \
                 rule id",
                rule.head.id,
                original.name,
                self.table.full_name(),
                winner.id
            );
            report.error(rule.head.place, message);
        }
        self.set_mask(draft, mask, rule, report);
    }

    pub(super) fn set_mask(&self, draft: &mut Draft, mask: Mask, rule: ColumnRule<'_>, report: &mut Report) {
        if mask != Mask::Hash {
            // Hidden digits are no longer a key: rows that belong together get different ones, and others the same.
            self.warn_key(&draft.column, rule.head, "hides digits of", report);
        }
        if mask.fits(draft.column.column_type) {
            draft.mapped.mask = Some(mask);
            draft.column.column_type = mask.output(draft.column.column_type);
            return;
        }
        // A mask that is not applied would send in the clear what was to be hidden.
        let message = format!(
            "rule {} cannot hide the column {:?} of {}: its type is not one that this mask takes; change it with a \
             `change-data-type` rule of a smaller rule id, or leave the column out",
            rule.head.id,
            draft.column.name,
            self.table.full_name()
        );
        report.error(rule.head.place, message);
    }

    /// Refuses a rule that keeps something back and calls its column by the new name: it would be sent in the clear.
    pub(super) fn check_new_names(&self, drafts: &[Draft], report: &mut Report) {
        for draft in drafts.iter().filter(|draft| draft.named_by.is_some()) {
            let ColumnSource::Column(index) = draft.mapped.source else {
                continue;
            };
            let Some(original) = self.table.columns.get(index) else {
                continue;
            };
            let by_new_name = self.column_rules().filter(|rule| {
                let keeps_back = matches!(rule.action, ColumnAction::Mask(_) | ColumnAction::Remove);
                keeps_back && rule.name.matches(&draft.column.name) && !rule.name.matches(&original.name)
            });
            for rule in by_new_name {
                let message = format!(
                    "rule {} is about {:?}, which is the new name of a column of {}; the source calls it {:?}, and so have \
                     rules to call it",
                    rule.head.id,
                    draft.column.name,
                    self.table.full_name(),
                    original.name
                );
                if rule.name.has_wildcard() {
                    report.warning(rule.head.place, message);
                } else {
                    report.error(rule.head.place, message);
                }
            }
        }
    }
}
