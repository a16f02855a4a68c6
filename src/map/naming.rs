//! New names of schemas, tables and columns. Pure: no I/O, no clock.

use super::expression::OnDemand;
use super::rules::{Naming, RuleHead};
use crate::model::{Column, Table};
use crate::settings::problems::Report;

impl Naming {
    /// The new name of something.
    pub(super) fn apply(
        &self,
        name: &str,
        table: &Table,
        column: Option<&Column>,
        head: RuleHead,
        evaluator: &OnDemand,
        report: &mut Report,
    ) -> String {
        let unchanged = || name.to_owned();
        let new = match self {
            Self::Rename(new) => new.clone(),
            Self::Expression(expression) => {
                let name = evaluator
                    .get()
                    .and_then(|evaluator| evaluator.name(expression, table, column));
                match name {
                    Ok(new) => new,
                    Err(reason) => {
                        report.error(head.place, format!("rule {}: {reason}", head.id));
                        return unchanged();
                    }
                }
            }
            Self::Lowercase => name.to_lowercase(),
            Self::Uppercase => name.to_uppercase(),
            Self::AddPrefix(prefix) => format!("{prefix}{name}"),
            Self::RemovePrefix(prefix) => name.strip_prefix(prefix.as_str()).unwrap_or(name).to_owned(),
            Self::ReplacePrefix { old, new } => name
                .strip_prefix(old.as_str())
                .map_or_else(unchanged, |rest| format!("{new}{rest}")),
            Self::AddSuffix(suffix) => format!("{name}{suffix}"),
            Self::RemoveSuffix(suffix) => name.strip_suffix(suffix.as_str()).unwrap_or(name).to_owned(),
            Self::ReplaceSuffix { old, new } => name
                .strip_suffix(old.as_str())
                .map_or_else(unchanged, |rest| format!("{rest}{new}")),
        };
        if new.is_empty() {
            let message = format!(
                "rule {} leaves nothing of the name {name:?}; choose what stays",
                head.id
            );
            report.error(head.place, message);
            return unchanged();
        }
        new
    }
}
