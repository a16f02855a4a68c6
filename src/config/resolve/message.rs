//! Resolves what the messages look like. Pure: no I/O, no clock.

use super::super::values::Section;
use super::errors;
use crate::settings::problems::Report;
use crate::settings::{
    ChangePartitionKey, MessageConfig, MessageFormat, NonFinite, NumberFormat, SourcePosition, TextFormat,
};

/// The message settings; what becomes of values that do not fit is said among the errors.
pub(super) fn message(section: &Section<'_>, root: &Section<'_>) -> Option<MessageConfig> {
    Some(MessageConfig {
        format: section.choice(
            "message_format",
            &[
                ("json", MessageFormat::Json),
                ("json-unformatted", MessageFormat::JsonUnformatted),
            ],
        )?,
        include_control_details: section.boolean("include_control_details")?,
        include_null_and_empty: section.boolean("include_null_and_empty")?,
        include_partition_value: section.boolean("include_partition_value")?,
        partition_include_schema_table: section.boolean("partition_include_schema_table")?,
        no_hex_prefix: section.boolean("no_hex_prefix")?,
        control_records: section.boolean("control_records")?,
        task_resource_id: section.filled_text("task_resource_id"),
        number_format: section.choice(
            "number_format",
            &[("exact", NumberFormat::Exact), ("dms", NumberFormat::Dms)],
        )?,
        change_partition_key: section.choice(
            "change_partition_key",
            &[
                ("schema-table", ChangePartitionKey::SchemaTable),
                ("primary-key", ChangePartitionKey::PrimaryKey),
            ],
        )?,
        source_position: section.choice(
            "source_position",
            &[("none", SourcePosition::None), ("chain", SourcePosition::Chain)],
        )?,
        text_format: section.choice(
            "text_format",
            &[("exact", TextFormat::Exact), ("dms", TextFormat::Dms)],
        )?,
        non_finite: section.choice(
            "non_finite_numbers",
            &[("refuse", NonFinite::Refused), ("as_null", NonFinite::Null)],
        )?,
        fit: errors::fit(root)?,
    })
}

/// A filter drops a record that overtook the one before it, and relies on its coming again. Sent alone, the
/// one before would be the last to come; and who looks for records in the stream would find the dropped one there.
pub(super) fn check_chain(section: &Section<'_>, message: &MessageConfig, report: &mut Report) {
    if message.source_position == SourcePosition::None {
        return;
    }
    if section.word("ordering") == Some("none") {
        let message =
            "`source_position: chain` needs the order of its lanes: set `ordering` to final or strict";
        report.error(section.place("ordering"), message);
    }
    if section.word("aggregation") == Some("kpl") {
        let message = "`aggregation: kpl` does not go with `source_position: chain`: the records of an aggregate have no \
                       place of their own, and a lane needs one: set `aggregation` to none";
        report.error(section.place("aggregation"), message);
    }
    if section.word("delivery") == Some("dedupe") {
        let message = "`delivery: dedupe` does not go with `source_position: chain`, whose consumers leave out what comes \
                       twice and need what they left out too early to come again: take `delivery` out, or set it to \
                       at_least_once";
        report.error(section.place("delivery"), message);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::{check, loaded_with};
    use crate::settings::{Guarantee, Ordering};

    #[test]
    fn each_switch_turns_its_own_setting_and_no_other() {
        let with = |switch: fn(&mut MessageConfig)| {
            let mut message = MessageConfig::default();
            switch(&mut message);
            message
        };
        let switches = [
            (
                "include_control_details: true",
                with(|own| own.include_control_details = true),
            ),
            (
                "include_null_and_empty: true",
                with(|own| own.include_null_and_empty = true),
            ),
            (
                "include_partition_value: true",
                with(|own| own.include_partition_value = true),
            ),
            (
                "partition_include_schema_table: true",
                with(|own| own.partition_include_schema_table = true),
            ),
            ("no_hex_prefix: true", with(|own| own.no_hex_prefix = true)),
            ("control_records: false", with(|own| own.control_records = false)),
            (
                "task_resource_id: ABC",
                with(|own| own.task_resource_id = Some("ABC".into())),
            ),
            ("text_format: dms", with(|own| own.text_format = TextFormat::Dms)),
            (
                "non_finite_numbers: as_null",
                with(|own| own.non_finite = NonFinite::Null),
            ),
        ];
        for (line, expected) in switches {
            let config = loaded_with("stream: orders", &format!("stream: orders, {line}"));
            assert_eq!(config.message, expected, "{line}");
        }
    }

    #[test]
    fn a_chain_needs_order_and_no_looking() {
        let chained = |rest: &str| {
            loaded_with(
                "stream: orders",
                &format!("stream: orders, source_position: chain{rest}"),
            )
        };
        for (rest, ordering) in [("", Ordering::Final), (", ordering: strict", Ordering::Strict)] {
            let config = chained(rest);
            assert_eq!(config.message.source_position, SourcePosition::Chain);
            assert_eq!(
                (config.delivery.guarantee, config.delivery.ordering),
                (Guarantee::AtLeastOnce, ordering)
            );
        }
        for (line, expected) in [
            ("delivery: dedupe", "does not go with `source_position: chain`"),
            ("ordering: none", "needs the order of its lanes"),
            (
                "aggregation: kpl",
                "`aggregation: kpl` does not go with `source_position: chain`",
            ),
        ] {
            let document = format!("stream: orders, source_position: chain, {line}");
            check("stream: orders", &document, expected);
        }
    }
}
