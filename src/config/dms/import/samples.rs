//! Which files say what the columns of a task are that has no table definition. Pure: no I/O, no clock.

use super::super::table_mappings;
use super::judge::Judge;
use crate::map::pattern::Pattern;
use crate::map::rules::{Rules, SelectionAction};
use crate::settings::problems::Report;

/// The first file of a full load, as DMS names it.
const FIRST_FILE: &str = "LOAD00000001.parquet";

/// A file of each table; none if a definition is there or the place of the files is not known.
pub(super) fn samples(judge: &Judge) -> Vec<String> {
    let bucket = plain(judge, "source.s3.bucket").filter(|_| judge.is_defined_by_files);
    let Some(bucket) = bucket else {
        return Vec::new();
    };
    let folder = plain(judge, "source.s3.bucket_folder").unwrap_or_default();
    let base: Vec<_> = [bucket.as_str(), folder.trim_matches('/')]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect();
    let base = base.join("/");
    let mut samples = Vec::new();
    for (schema, table) in tables(judge.table_mappings.as_deref().unwrap_or_default()) {
        let sample = format!("s3://{base}/{schema}/{table}/{FIRST_FILE}");
        if !samples.contains(&sample) {
            samples.push(sample);
        }
    }
    samples
}

/// The value of a key, as it is meant.
fn plain(judge: &Judge, key: &str) -> Option<String> {
    let written = &judge.value(key)?.value;
    let text: String = serde_json::from_str(written).ok()?;
    Some(text.replace("$$", "$"))
}

/// Schemas and tables that the mappings select.
fn tables(mappings: &str) -> Vec<(String, String)> {
    let rules: Rules = table_mappings::parse(mappings, &mut Report::new("TableMappings")).unwrap_or_default();
    let name = |pattern: &Pattern, other: &str| {
        let text = if pattern.has_wildcard() {
            other
        } else {
            pattern.as_str()
        };
        text.to_owned()
    };
    let selected = rules
        .selections
        .iter()
        .filter(|rule| rule.action != SelectionAction::Exclude)
        .map(|rule| {
            let schema = name(&rule.locator.schema, "SCHEMA");
            (schema, name(&rule.locator.table, "TABLE"))
        });
    let selected: Vec<_> = selected.collect();
    if selected.is_empty() {
        return vec![("SCHEMA".to_owned(), "TABLE".to_owned())];
    }
    selected
}
