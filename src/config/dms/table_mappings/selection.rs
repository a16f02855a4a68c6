//! Selection rules and their source filters. Pure: no I/O, no clock.

use super::super::super::tree::Node;
use super::super::members::Members;
use super::{INVALID, locator, locator_members};
use crate::map::rules::{FilterCondition, RuleHead, SelectionAction, SelectionRule, SourceFilter, Test};
use crate::settings::problems::Report;

const MEMBERS: &[&str] = &[
    "rule-type",
    "rule-id",
    "rule-name",
    "rule-action",
    "object-locator",
    "load-order",
    "filters",
];
const LOCATOR: &[&str] = &["schema-name", "table-name", "table-type"];
const LOAD_ORDER_MAX: u64 = 2_147_483_647;
const ACTIONS: &[&str] = &["include", "exclude", "explicit"];
const OPERATORS: &[&str] = &[
    "lte",
    "ste",
    "gte",
    "eq",
    "noteq",
    "between",
    "notbetween",
    "null",
    "notnull",
];

/// Reads a selection rule.
pub(super) fn read(members: &Members<'_>, head: RuleHead, report: &mut Report) -> Option<SelectionRule> {
    members.warn_unknown(MEMBERS, report);
    let action = members
        .word("rule-action", ACTIONS, INVALID, report)
        .map(|action| match action {
            "exclude" => SelectionAction::Exclude,
            "explicit" => SelectionAction::Explicit,
            _ => SelectionAction::Include,
        });
    let object_locator = locator_members(members, head, LOCATOR, report);
    let locator = object_locator.as_ref().and_then(|object_locator| {
        check_table_type(object_locator, report);
        locator(object_locator, report)
    });
    let load_order = match members.node("load-order") {
        None => 0,
        Some(_) => members.number("load-order", 1, LOAD_ORDER_MAX, report)?,
    };
    let filters = filters(members, report);
    let rule = SelectionRule {
        head,
        action: action?,
        locator: locator?,
        load_order: u32::try_from(load_order).ok()?,
        filters: filters?,
    };
    check(&rule, members, report);
    Some(rule)
}

fn check(rule: &SelectionRule, members: &Members<'_>, report: &mut Report) {
    if rule.action == SelectionAction::Explicit && rule.locator.has_wildcard() {
        let message = format!(
            "{} is explicit and has a `%`; explicit takes one exact name: use include, or write the name in full",
            members.path
        );
        report.error(members.place_of("object-locator"), message);
    }
    if rule.filters.is_empty() {
        return;
    }
    let cure = if rule.action != SelectionAction::Include {
        "filters belong to rules that include; move them there"
    } else if rule.locator.has_wildcard() {
        "filters need exact names, without `%`; write one rule per table"
    } else {
        return;
    };
    let message = format!("{}.filters cannot be applied: {cure}", members.path);
    report.error(members.place_of("filters"), message);
}

/// `table-type`: files are tables, so rules about views alone fit nothing.
fn check_table_type(object_locator: &Members<'_>, report: &mut Report) {
    if object_locator.node("table-type").is_none() {
        return;
    }
    let given = object_locator.word("table-type", &["table", "view", "all"], INVALID, report);
    if given == Some("view") {
        let message = format!(
            "{}.table-type is view, and S3 has none; take it out",
            object_locator.path
        );
        report.error(object_locator.place_of("table-type"), message);
    }
}

/// The filters; `None` if one of them cannot be read.
fn filters(members: &Members<'_>, report: &mut Report) -> Option<Vec<SourceFilter>> {
    let nodes = members.list_or_none("filters", report)?;
    let filters: Vec<_> = nodes
        .iter()
        .enumerate()
        .map(|(index, node)| filter(node, format!("{}.filters[{index}]", members.path), report))
        .collect();
    filters.into_iter().collect()
}

fn filter(node: &Node, path: String, report: &mut Report) -> Option<SourceFilter> {
    let known = ["filter-type", "column-name", "filter-conditions"];
    let members = Members::of(node, path, &known, report)?;
    let filter_type = members.word("filter-type", &["source"], INVALID, report);
    let column = members.text("column-name", report);
    let conditions = members.list("filter-conditions", report).map(|nodes| {
        let conditions: Vec<_> = nodes
            .iter()
            .enumerate()
            .map(|(index, node)| {
                condition(
                    node,
                    format!("{}.filter-conditions[{index}]", members.path),
                    report,
                )
            })
            .collect();
        conditions
    });
    filter_type?;
    Some(SourceFilter {
        place: node.place,
        column: column?.to_owned(),
        conditions: conditions?.into_iter().collect::<Option<_>>()?,
    })
}

fn condition(node: &Node, path: String, report: &mut Report) -> Option<FilterCondition> {
    let known = ["filter-operator", "value", "start-value", "end-value"];
    let members = Members::of(node, path, &known, report)?;
    let operator = members.word("filter-operator", OPERATORS, INVALID, report)?;
    let wanted: &[&str] = match operator {
        "between" | "notbetween" => &["start-value", "end-value"],
        "null" | "notnull" => &[],
        _ => &["value"],
    };
    for other in ["value", "start-value", "end-value"] {
        if !wanted.contains(&other) && members.node(other).is_some() {
            let message = format!(
                "{}.{other} does not go with the operator {operator}; take it out",
                members.path
            );
            report.error(members.place_of(other), message);
        }
    }
    let mut value = |name| members.scalar(name, report);
    let test = match operator {
        "lte" | "ste" => Test::AtMost(value("value")?),
        "gte" => Test::AtLeast(value("value")?),
        "eq" => Test::Equal(value("value")?),
        "noteq" => Test::NotEqual(value("value")?),
        "null" => Test::Null,
        "notnull" => Test::NotNull,
        _ => {
            let ends = (value("start-value"), value("end-value"));
            match operator {
                "between" => Test::Between(ends.0?, ends.1?),
                _ => Test::NotBetween(ends.0?, ends.1?),
            }
        }
    };
    Some(FilterCondition {
        place: node.place,
        test,
    })
}
