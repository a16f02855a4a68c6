//! How the judge reads a message: plain serde, and a row's own words about what it must say. Pure: no I/O, no clock.
//!
//! Nothing here calls the encoder of the engine.

use std::borrow::Cow;

use serde::Deserialize;

use super::blog_data::{SCHEMA, TABLE};
use super::blog_row::{BlogRow, ChangeKey};
use crate::model::Operation;

/// One message of the stream.
#[derive(Deserialize)]
pub(super) struct Message<'a> {
    #[serde(borrow, default)]
    pub(super) data: Option<Data<'a>>,
    #[serde(borrow)]
    pub(super) metadata: Metadata<'a>,
}

/// Its `data` object; the members are the columns.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Data<'a> {
    pub(super) id: u64,
    #[serde(borrow, default)]
    ingest_time: Option<Cow<'a, str>>,
    #[serde(borrow, default)]
    doi: Option<Cow<'a, str>>,
    #[serde(default)]
    value: Option<f64>,
    #[serde(borrow, default, rename = "data_sig")]
    signature: Option<Cow<'a, str>>,
}

/// Its `metadata` object, as far as the judge looks at it.
#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Metadata<'a> {
    #[serde(borrow)]
    pub(super) record_type: Cow<'a, str>,
    #[serde(borrow)]
    operation: Cow<'a, str>,
    #[serde(borrow)]
    schema_name: Cow<'a, str>,
    #[serde(borrow)]
    table_name: Cow<'a, str>,
}

/// The first thing in which a message differs from what its row demands.
pub(super) fn difference(
    row: &BlogRow,
    message: &Message<'_>,
    partition_key: &str,
    change_key: ChangeKey,
) -> Option<String> {
    let data = message.data.as_ref()?;
    let metadata = &message.metadata;
    let value = row.value();
    // Both are the double next to the same decimal, so equal values have equal bits.
    let expected_bits = value
        .as_ref()
        .and_then(|value| value.parse().ok())
        .map(f64::to_bits);
    if data.value.map(f64::to_bits) != expected_bits {
        return Some(format!("value is {:?} and must be {value:?}", data.value));
    }
    let ingest_time = row.ingest_time();
    let key = row.partition_key(change_key);
    let texts = [
        (
            "ingest_time",
            data.ingest_time.as_deref(),
            Some(ingest_time.as_str()),
        ),
        ("doi", data.doi.as_deref(), row.doi.as_deref()),
        ("data_sig", data.signature.as_deref(), row.data_sig.as_deref()),
        ("record-type", Some(&*metadata.record_type), Some("data")),
        ("operation", Some(&*metadata.operation), Some(operation_text(row))),
        ("schema-name", Some(&*metadata.schema_name), Some(SCHEMA)),
        ("table-name", Some(&*metadata.table_name), Some(TABLE)),
        ("the partition key", Some(partition_key), Some(key.as_str())),
    ];
    let (name, found, expected) = texts.into_iter().find(|(_, found, expected)| found != expected)?;
    Some(format!("{name} is {found:?} and must be {expected:?}"))
}

/// DMS's word for the operation, in the judge's own hand.
fn operation_text(row: &BlogRow) -> &'static str {
    match row.operation {
        Operation::Load => "load",
        Operation::Insert => "insert",
        Operation::Update => "update",
        Operation::Delete => "delete",
    }
}
