//! Transformation of a table's columns against a naive model: the rule of the lowest id counts, word for word.

use proptest::prelude::*;

use super::*;
use crate::map::mask::Mask;
use crate::map::pattern::Pattern;
use crate::map::rules::{Locator, Naming};
use crate::model::ColumnType;
use crate::settings::DocumentPlace;

const TEXT: ColumnType = ColumnType::String { length: Some(9) };

fn table(names: &[&str]) -> Table {
    let columns = names.iter().map(|name| Column {
        name: (*name).to_owned(),
        column_type: TEXT,
        nullable: true,
        is_primary_key: false,
    });
    Table {
        owner: "s".to_owned(),
        name: "t".to_owned(),
        path: "s/t/".to_owned(),
        columns: columns.collect(),
    }
}

fn rule(id: u64, name: &str, action: ColumnAction) -> TransformationRule {
    TransformationRule {
        head: RuleHead {
            id,
            place: DocumentPlace { line: 1, column: 1 },
        },
        locator: Locator {
            schema: Pattern::new("s"),
            table: Pattern::any(),
        },
        change: Change::Column {
            name: Pattern::new(name),
            data_type: None,
            action,
        },
    }
}

fn transformed(rules: &[TransformationRule], table: &Table) -> (Transformed, Report) {
    let mut report = Report::new("m.json");
    (transform(rules, table, &OnDemand::default(), &mut report), report)
}

fn any_action() -> impl Strategy<Value = ColumnAction> {
    let name = |naming: fn(String) -> Naming| {
        "[ab_]{1,2}"
            .prop_map(move |text| ColumnAction::Name(naming(text)))
            .boxed()
    };
    prop_oneof![
        name(Naming::AddPrefix),
        name(Naming::RemovePrefix),
        name(Naming::AddSuffix),
        name(Naming::RemoveSuffix),
        ("[abA]{1,2}", "[xy]{0,2}")
            .prop_map(|(old, new)| ColumnAction::Name(Naming::ReplacePrefix { old, new })),
        ("[abA]{1,2}", "[xy]{0,2}")
            .prop_map(|(old, new)| ColumnAction::Name(Naming::ReplaceSuffix { old, new })),
        Just(ColumnAction::Name(Naming::Uppercase)),
        Just(ColumnAction::Name(Naming::Lowercase)),
        Just(ColumnAction::Remove),
        Just(ColumnAction::Include),
        Just(ColumnAction::Retype(ColumnType::Int4)),
        Just(ColumnAction::Mask(Mask::Hash)),
    ]
}

/// What a name becomes, character by character.
fn renamed(naming: &Naming, name: &str) -> String {
    let characters: Vec<char> = name.chars().collect();
    let chars = |text: &str| text.chars().collect::<Vec<_>>();
    let result: Vec<char> = match naming {
        Naming::Rename(text) | Naming::Expression(text) => chars(text),
        Naming::AddPrefix(text) => [chars(text), characters].concat(),
        Naming::AddSuffix(text) => [characters, chars(text)].concat(),
        Naming::RemovePrefix(old) => without_start(&characters, &chars(old), &[]),
        Naming::ReplacePrefix { old, new } => without_start(&characters, &chars(old), &chars(new)),
        Naming::RemoveSuffix(old) => backwards(&characters, &chars(old), &[]),
        Naming::ReplaceSuffix { old, new } => backwards(&characters, &chars(old), &chars(new)),
        Naming::Uppercase => characters.iter().map(char::to_ascii_uppercase).collect(),
        Naming::Lowercase => characters.iter().map(char::to_ascii_lowercase).collect(),
    };
    result.into_iter().collect()
}

/// The name with `new` in place of `old` at its start, if it starts so.
fn without_start(name: &[char], old: &[char], new: &[char]) -> Vec<char> {
    let is_there = old.len() <= name.len() && old.iter().zip(name).all(|(left, right)| left == right);
    if is_there {
        new.iter().chain(&name[old.len()..]).copied().collect()
    } else {
        name.to_vec()
    }
}

/// The same at its end.
fn backwards(name: &[char], old: &[char], new: &[char]) -> Vec<char> {
    let turned = |text: &[char]| text.iter().rev().copied().collect::<Vec<_>>();
    turned(&without_start(&turned(name), &turned(old), &turned(new)))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn the_rule_of_the_lowest_id_counts_for_each_column(
        drawn in prop::collection::vec(("[abA%_]{1,3}", any_action()), 0..6),
    ) {
        let names = ["ab", "aB_b", "b_a", "Abab"];
        let rules: Vec<_> = drawn.iter().zip(1..).map(|((name, action), id)| rule(id, name, action.clone())).collect();
        let of = |name: &str| drawn.iter().filter(|(pattern, _)| Pattern::new(pattern.as_str()).matches(name)).map(|(_, action)| action).collect::<Vec<_>>();
        let has_includes = drawn.iter().any(|(_, action)| *action == ColumnAction::Include);
        let mut expected = Vec::new();
        let mut has_error = false;
        for (index, name) in names.iter().enumerate() {
            let actions = of(name);
            let first = actions.iter().find(|action| !matches!(action, ColumnAction::Mask(_) | ColumnAction::Include));
            // What a rule leaves out is not sent, whichever rule has the lower id.
            if actions.contains(&&ColumnAction::Remove) || (has_includes && !actions.contains(&&ColumnAction::Include)) {
                continue;
            }
            let is_retyped = matches!(first, Some(ColumnAction::Retype(_)));
            let is_masked = actions.iter().any(|action| matches!(action, ColumnAction::Mask(_)));
            // A number cannot be hidden by its hash.
            has_error |= is_retyped && is_masked;
            let new = match first {
                Some(ColumnAction::Name(naming)) => renamed(naming, name),
                _ => (*name).to_owned(),
            };
            let new = if new.is_empty() { has_error = true; (*name).to_owned() } else { new };
            // A rule that keeps something back has to call it as the source does.
            let is_called_anew = |(pattern, action): &(String, ColumnAction)| {
                let fits = |name: &str| Pattern::new(pattern.as_str()).matches(name);
                let keeps_back = matches!(action, ColumnAction::Mask(_) | ColumnAction::Remove);
                keeps_back && !pattern.contains('%') && fits(&new) && !fits(name)
            };
            has_error |= matches!(first, Some(ColumnAction::Name(_))) && drawn.iter().any(is_called_anew);
            expected.push((new, index, is_retyped, is_masked && !is_retyped));
        }
        let (result, report) = transformed(&rules, &table(&names));
        let found: Vec<_> = result.output.columns.iter().zip(&result.columns).map(|(column, mapped)| {
            let ColumnSource::Column(index) = mapped.source else { panic!("{mapped:?}") };
            assert_eq!(mapped.is_retyped, column.column_type == ColumnType::Int4);
            (column.name.clone(), index, mapped.is_retyped, mapped.mask.is_some())
        }).collect();
        let mut distinct: Vec<_> = expected.iter().map(|(name, ..)| name).collect();
        distinct.sort_unstable();
        distinct.dedup();
        has_error |= distinct.len() < expected.len();
        // A column that include rules leave out may be wrong in itself, and is still looked at.
        if !has_includes {
            prop_assert_eq!(report.has_errors(), has_error, "{:?}", report);
        }
        prop_assert_eq!(found, expected);
    }
}

#[test]
fn a_mask_stands_after_the_change_of_type_it_relies_on() {
    let mask = |id| rule(id, "ab", ColumnAction::Mask(Mask::Digits('#')));
    let retype = |id| {
        rule(
            id,
            "ab",
            ColumnAction::Retype(ColumnType::String { length: Some(20) }),
        )
    };
    assert!(
        !transformed(&[retype(1), mask(2)], &table(&["ab"])).1.has_errors(),
        "in order"
    );
    let (_, report) = transformed(&[mask(1), retype(2)], &table(&["ab"]));
    let problems = report.into_problems();
    assert!(
        problems[0].message.contains("the smaller rule id"),
        "{problems:?}"
    );
}

#[test]
fn what_a_rule_takes_from_the_primary_key_is_said() {
    let mut table = table(&["id", "x"]);
    table.columns[0].is_primary_key = true;
    for action in [ColumnAction::Remove, ColumnAction::Mask(Mask::RandomDigits)] {
        let problems = transformed(&[rule(1, "id", action.clone())], &table)
            .1
            .into_problems();
        assert!(
            problems[0]
                .message
                .contains("partition keys and the order of rows"),
            "{action:?}: {problems:?}"
        );
    }
    let problems = transformed(&[rule(1, "id", ColumnAction::Mask(Mask::Hash))], &table)
        .1
        .into_problems();
    assert_eq!(problems, []);
    let problems = transformed(&[rule(1, "x", ColumnAction::Include)], &table)
        .1
        .into_problems();
    assert_eq!(problems.len(), 1, "{problems:?}");
}
