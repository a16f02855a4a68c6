//! Resolves `target`: where records go, what they look like, how they are delivered. Pure: no I/O, no clock.

use std::path::Path;
use std::time::Duration;

use super::super::keys::text::stream_of_arn;
use super::super::values::Section;
use super::endpoint::endpoint;
use super::{joined, message};
use crate::encode::partition_key::{PartitionKeyRule, PartitionKeyType};
use crate::limits::{SHARD_BYTES_PER_SECOND, SHARD_RECORDS_PER_SECOND};
use crate::map::plan::MappedTables;
use crate::model::{Operation, Table, TableIndex};
use crate::settings::problems::Report;
use crate::settings::{
    Aggregation, DeliveryConfig, Guarantee, MessageConfig, MigrationType, Ordering, OutOfRetention, Pace,
    RecreatedStream, SourcePosition, TargetConfig,
};

pub(super) struct Target {
    pub(super) place: TargetConfig,
    pub(super) message: MessageConfig,
    pub(super) delivery: DeliveryConfig,
}

pub(super) fn target(root: &Section<'_>, folder: &Path, report: &mut Report) -> Option<Target> {
    let section = root.section("target")?;
    let (place, aggregation, keys) = match (section.section("kinesis"), section.section("ndjson")) {
        (Some(keys), _) => (kinesis(&keys, report), aggregation(&keys), keys),
        (None, Some(ndjson)) => (self::ndjson(&ndjson, folder), Some(Aggregation::None), ndjson),
        (None, None) => return None,
    };
    let message = message::message(&keys, root)?;
    if let Some(kinesis) = section.section("kinesis") {
        warn_about_pace(&kinesis, report);
    }
    let guarantee = guarantee(&keys);
    message::check_chain(&keys, &message, report);
    let usual = match message.source_position {
        SourcePosition::None => Guarantee::Dedupe,
        // The filter leaves out what comes twice: nobody has to look.
        SourcePosition::Chain => Guarantee::AtLeastOnce,
    };
    Some(Target {
        place: place?,
        message,
        delivery: DeliveryConfig {
            guarantee: guarantee.unwrap_or(usual),
            is_guarantee_chosen: guarantee.is_some(),
            // What is written to a file is there as soon as its writer is gone.
            settle: keys.duration("settle").unwrap_or(Duration::ZERO),
            out_of_retention: keys
                .choice(
                    "out_of_retention",
                    &[("resend", OutOfRetention::Resend), ("stop", OutOfRetention::Stop)],
                )
                .unwrap_or(OutOfRetention::Resend),
            recreated_stream: keys.choice(
                "recreated_stream",
                &[
                    ("stop", RecreatedStream::Stop),
                    ("continue", RecreatedStream::Continue),
                ],
            )?,
            ordering: keys.choice(
                "ordering",
                &[
                    ("strict", Ordering::Strict),
                    ("final", Ordering::Final),
                    ("none", Ordering::None),
                ],
            )?,
            pace: pace(&keys)?,
            linger: keys.duration("linger")?,
            aggregation: aggregation?,
        },
    })
}

fn guarantee(keys: &Section<'_>) -> Option<Guarantee> {
    keys.choice(
        "delivery",
        &[
            ("dedupe", Guarantee::Dedupe),
            ("at_least_once", Guarantee::AtLeastOnce),
        ],
    )
}

fn kinesis(section: &Section<'_>, report: &mut Report) -> Option<TargetConfig> {
    let stream = section.text("stream")?.to_owned();
    let mut region = section.filled_text("region");
    if let Some((own, _)) = stream_of_arn(&stream) {
        if region.as_deref().is_some_and(|given| given != own) {
            report.error(
                section.place("region"),
                "`target.kinesis.region` is another one than that of the ARN in `target.kinesis.stream`; take it out",
            );
        }
        region = Some(own.to_owned());
    }
    Some(TargetConfig::Kinesis {
        stream,
        region,
        endpoint: endpoint(section, report),
        request_timeout: section.duration("request_timeout")?,
    })
}

fn aggregation(section: &Section<'_>) -> Option<Aggregation> {
    section.choice(
        "aggregation",
        &[("none", Aggregation::None), ("kpl", Aggregation::Kpl)],
    )
}

fn ndjson(section: &Section<'_>, folder: &Path) -> Option<TargetConfig> {
    Some(TargetConfig::Ndjson {
        path: joined(folder, section.text("path")?),
        shards: section.number("shards")?,
    })
}

fn pace(section: &Section<'_>) -> Option<Pace> {
    if let Some(custom) = section.section("pace") {
        return Some(Pace::Custom {
            records_per_second: custom.number("records_per_second")?,
            bytes_per_second: custom.number("bytes_per_second")?,
        });
    }
    section.choice("pace", &[("service", Pace::Service), ("off", Pace::Off)])
}

/// More than a shard takes is not an error: limits grow. Requests will be throttled until they do.
fn warn_about_pace(section: &Section<'_>, report: &mut Report) {
    let Some(custom) = section.section("pace") else {
        return;
    };
    let records = custom.number::<u32>("records_per_second");
    if records.is_some_and(|records| records > SHARD_RECORDS_PER_SECOND) {
        let message = format!(
            "`pace.records_per_second` is above what a shard takes ({SHARD_RECORDS_PER_SECOND}); requests will be \
             throttled: lower it, or use `pace: service`"
        );
        report.warning(custom.place("records_per_second"), message);
    }
    let bytes = custom.number::<u64>("bytes_per_second");
    if bytes.is_some_and(|bytes| bytes > SHARD_BYTES_PER_SECOND) {
        let message = "`pace.bytes_per_second` is above what a shard takes (1MiB); requests will be throttled: lower \
                       it, or use `pace: service`";
        report.warning(custom.place("bytes_per_second"), message);
    }
}

/// In `strict` order a key gets one record per request, so a key that many rows share is slow.
pub(super) fn warn_about_hot_keys(
    target: &Target,
    tables: &MappedTables,
    migration_type: MigrationType,
    root: &Section<'_>,
    report: &mut Report,
) {
    // An aggregated record is stored as a whole, so nothing in it can overtake anything.
    if target.delivery.ordering != Ordering::Strict || target.delivery.aggregation == Aggregation::Kpl {
        return;
    }
    let has = |operation| match migration_type {
        MigrationType::FullLoad => operation == Operation::Load,
        MigrationType::Changes => operation != Operation::Load,
        MigrationType::FullLoadAndChanges => true,
    };
    let mut hot = Vec::new();
    for (operation, rows) in [(Operation::Load, "loaded rows"), (Operation::Update, "changes")] {
        let shares_key = |(index, table): &(usize, &Table)| {
            let index = TableIndex(*index);
            let mapping = tables.mappings.of(index);
            let key = mapping.and_then(|mapping| mapping.object.as_ref()?.key.as_ref());
            let output = tables.mappings.output(index, table);
            let rule = PartitionKeyRule::mapped(output, operation, &target.message, key);
            matches!(
                rule.key_type,
                PartitionKeyType::SchemaTable | PartitionKeyType::Constant
            )
        };
        let tables = tables.tables.iter().enumerate();
        let tables = tables.filter(shares_key).filter(|_| has(operation));
        hot.extend(tables.map(|(_, table)| format!("{rows} of {}", table.full_name())));
    }
    let Some(first) = hot.first() else { return };
    let more = match hot.len() - 1 {
        0 => String::new(),
        count => format!(" and {count} more"),
    };
    let message = format!(
        "`ordering: strict` sends one record of a partition key per request, and all {first}{more} share one key: with \
         20 ms per request that is 50 rows a second; give changes their own keys (`change_partition_key: \
         primary-key`), tables a primary key, or use `aggregation: kpl` or `ordering: final`"
    );
    let section = root
        .section("target")
        .and_then(|target| target.section("kinesis").or(target.section("ndjson")));
    report.warning(section.and_then(|section| section.place("ordering")), message);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::tests::loaded_with;
    use crate::settings::{ChangePartitionKey, MessageFormat, NumberFormat};

    #[test]
    fn every_key_of_a_target_reaches_its_own_field() {
        let config = loaded_with(
            "stream: orders",
            "stream: s, region: eu-west-1, endpoint: \"http://h:1\", request_timeout: 9s, message_format: json-unformatted, \
             include_control_details: true, ordering: none, linger: 7ms, delivery: at_least_once, settle: 6s, \
             out_of_retention: stop, recreated_stream: continue, number_format: dms, \
             change_partition_key: primary-key, aggregation: kpl, pace: { records_per_second: 3, bytes_per_second: 4KiB }",
        );
        assert_eq!(
            config.target,
            TargetConfig::Kinesis {
                stream: "s".into(),
                region: Some("eu-west-1".into()),
                endpoint: Some("http://h:1".into()),
                request_timeout: Duration::from_secs(9),
            }
        );
        assert_eq!(
            config.message,
            MessageConfig {
                format: MessageFormat::JsonUnformatted,
                include_control_details: true,
                number_format: NumberFormat::Dms,
                change_partition_key: ChangePartitionKey::PrimaryKey,
                ..MessageConfig::default()
            }
        );
        assert_eq!(
            config.delivery,
            DeliveryConfig {
                guarantee: Guarantee::AtLeastOnce,
                is_guarantee_chosen: true,
                settle: Duration::from_secs(6),
                out_of_retention: OutOfRetention::Stop,
                recreated_stream: RecreatedStream::Continue,
                ordering: Ordering::None,
                pace: Pace::Custom {
                    records_per_second: 3,
                    bytes_per_second: 4096,
                },
                linger: Duration::from_millis(7),
                aggregation: Aggregation::Kpl,
            }
        );
    }

    #[test]
    fn a_target_of_files_has_its_own_keys() {
        let config = loaded_with(
            "kinesis: { stream: orders }",
            "ndjson: { path: o, shards: 3, pace: service, ordering: none }",
        );
        let TargetConfig::Ndjson { path, shards } = config.target else {
            panic!("{:?}", config.target);
        };
        assert_eq!((path.to_str(), shards), (Some("/conf/o"), 3));
        assert_eq!(
            (config.delivery.pace, config.delivery.ordering),
            (Pace::Service, Ordering::None)
        );
        assert_eq!(config.delivery.aggregation, Aggregation::None);
    }
}
