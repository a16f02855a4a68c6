//! What follows from the answers of the service; nothing is sent here.

use aws_sdk_kinesis::types::{
    RecordDistributionStrategy, Shard as ServiceShard, StreamDescriptionSummary, StreamStatus,
};

use super::classify::Call;
use crate::fault::Certainty;
use crate::limits::{RECORD_BYTES_CEILING, RECORD_BYTES_DEFAULT};
use crate::route::lineage::{KnownShard, Lineage};
use crate::route::shard_map::{HashRange, Shard};
use crate::sink::{PutEntry, SHARD_MAP_CHANGED, SinkError};

/// One entry per record, or doubt if the answer is not about the records that were sent.
pub(super) fn one_each(
    call: &Call<'_>,
    entries: Vec<PutEntry>,
    sent_count: usize,
) -> Result<Vec<PutEntry>, SinkError> {
    if entries.len() == sent_count {
        return Ok(entries);
    }
    let answered_count = entries.len();
    Err(call.doubtful(format!(
        "the answer has {answered_count} entries for {sent_count} records"
    )))
}

/// The members of an aggregate share its answer.
///
/// An aggregate that went to another shard may be dropped whole by whoever reads it there, so it does not count as
/// stored.
pub fn shared_entries(entries: Vec<PutEntry>, meant: &Shard, count: usize) -> Vec<PutEntry> {
    let shared = entries.into_iter().map(|entry| match entry {
        PutEntry::Stored { shard_id, .. } if *shard_id != *meant.id => PutEntry::Failed {
            code: SHARD_MAP_CHANGED.to_owned(),
            message: format!(
                "the aggregated record for {} went to {shard_id}; the stream was resharded",
                meant.id
            ),
            certainty: Certainty::MaybeApplied,
        },
        PutEntry::Stored { .. } | PutEntry::Failed { .. } => entry,
    });
    shared
        .flat_map(|entry| std::iter::repeat_n(entry, count))
        .collect()
}

/// The entries of records that were left out of a request.
pub(super) fn unsent_entries(meant: &Shard, count: usize) -> impl Iterator<Item = PutEntry> {
    let entry = PutEntry::Failed {
        code: SHARD_MAP_CHANGED.to_owned(),
        message: format!("not sent yet: {} is closed, and records go one by one", meant.id),
        certainty: Certainty::NotApplied,
    };
    std::iter::repeat_n(entry, count)
}

/// ARN and creation time of a stream that can be written to.
pub(super) fn usable_identity(
    call: &Call<'_>,
    summary: &StreamDescriptionSummary,
) -> Result<String, SinkError> {
    let status = &summary.stream_status;
    if *status == StreamStatus::Creating {
        return Err(call.not_ready(format!("its status is {status}")));
    }
    if *status != StreamStatus::Active && *status != StreamStatus::Updating {
        return Err(call.refused(format!("its status is {status}; it has to be ACTIVE")));
    }
    if summary.record_distribution_strategy == Some(RecordDistributionStrategy::Auto) {
        return Err(call.refused(
            "it spreads records without regard to partition keys, so no order can be kept; \
             set its record distribution strategy to USER_PARTITION_KEY"
                .to_owned(),
        ));
    }
    let created = &summary.stream_creation_timestamp;
    Ok(format!(
        "{}@{}.{:09}",
        summary.stream_arn,
        created.secs(),
        created.subsec_nanos()
    ))
}

/// The largest record the stream takes.
pub(super) fn record_bytes_max(summary: &StreamDescriptionSummary) -> usize {
    let kibibytes = summary
        .max_record_size_in_kib
        .and_then(|count| usize::try_from(count).ok());
    let bytes = kibibytes.and_then(|count| count.checked_mul(1024));
    // Servers without the setting leave it out or answer 0.
    let set = bytes.filter(|bytes| *bytes > 0).unwrap_or(RECORD_BYTES_DEFAULT);
    set.min(RECORD_BYTES_CEILING)
}

/// All shards of a list with their parents.
pub(super) fn lineage_of(call: &Call<'_>, shards: Vec<ServiceShard>) -> Result<Lineage, SinkError> {
    let known = shards
        .into_iter()
        .map(|shard| known_shard(&shard).ok_or_else(|| unreadable_range(call, &shard)));
    Ok(Lineage::new(known.collect::<Result<_, _>>()?))
}

/// The shards that still take records are those without a last sequence number.
fn known_shard(shard: &ServiceShard) -> Option<KnownShard> {
    let range = shard.hash_key_range.as_ref()?;
    let numbers = shard.sequence_number_range.as_ref();
    let parents = [&shard.parent_shard_id, &shard.adjacent_parent_shard_id];
    Some(KnownShard {
        shard: Shard {
            id: shard.shard_id.clone(),
            range: HashRange {
                start: range.starting_hash_key.parse().ok()?,
                end: range.ending_hash_key.parse().ok()?,
            },
        },
        parents: parents.into_iter().flatten().cloned().collect(),
        is_open: numbers.is_none_or(|numbers| numbers.ending_sequence_number.is_none()),
    })
}

fn unreadable_range(call: &Call<'_>, shard: &ServiceShard) -> SinkError {
    call.doubtful(format!("the hash key range of {} cannot be read", shard.shard_id))
}

#[cfg(test)]
mod tests {
    use aws_sdk_kinesis::primitives::DateTime;
    use aws_sdk_kinesis::types::{HashKeyRange, SequenceNumberRange};

    use super::*;

    const CALL: Call<'_> = Call {
        action: "kinesis:PutRecords",
        stream: "orders",
    };

    #[test]
    fn an_answer_of_another_length_is_doubt_and_never_success() {
        for answered_count in [0, 1, 3] {
            let entry = PutEntry::Stored {
                sequence_number: "7".to_owned(),
                shard_id: "s".into(),
            };
            let answered = vec![entry; answered_count];
            let outcome = one_each(&CALL, answered, 2);
            assert!(matches!(outcome, Err(SinkError::Doubtful { .. })), "{outcome:?}");
        }
    }

    fn summary(status: StreamStatus) -> aws_sdk_kinesis::types::builders::StreamDescriptionSummaryBuilder {
        StreamDescriptionSummary::builder()
            .stream_name("orders")
            .stream_arn("arn:aws:kinesis:eu-west-1:1:stream/orders")
            .stream_status(status)
            .retention_period_hours(24)
            .stream_creation_timestamp(DateTime::from_millis(1_700_000_000_123))
            .set_enhanced_monitoring(Some(Vec::new()))
            .open_shard_count(1)
    }

    #[test]
    fn only_a_stream_that_takes_records_by_key_is_usable() {
        let identity = |builder: aws_sdk_kinesis::types::builders::StreamDescriptionSummaryBuilder| {
            usable_identity(&CALL, &builder.build().unwrap())
        };
        for status in [StreamStatus::Active, StreamStatus::Updating] {
            let expected = "arn:aws:kinesis:eu-west-1:1:stream/orders@1700000000.123000000";
            assert_eq!(identity(summary(status)).unwrap(), expected);
        }
        let creating = identity(summary(StreamStatus::Creating)).unwrap_err();
        assert!(
            creating.is_away() && creating.to_string().contains("CREATING"),
            "{creating}"
        );
        let deleting = identity(summary(StreamStatus::Deleting)).unwrap_err();
        assert!(
            !deleting.is_away() && deleting.to_string().contains("DELETING"),
            "{deleting}"
        );
        let spread =
            summary(StreamStatus::Active).record_distribution_strategy(RecordDistributionStrategy::Auto);
        assert!(
            identity(spread)
                .unwrap_err()
                .to_string()
                .contains("USER_PARTITION_KEY")
        );
    }

    #[test]
    fn the_record_size_is_what_the_stream_says_within_the_limits() {
        let check = |kibibytes, expected| {
            let builder = summary(StreamStatus::Active).set_max_record_size_in_kib(kibibytes);
            assert_eq!(
                record_bytes_max(&builder.build().unwrap()),
                expected,
                "{kibibytes:?}"
            );
        };
        check(None, RECORD_BYTES_DEFAULT);
        check(Some(0), RECORD_BYTES_DEFAULT);
        check(Some(-1), RECORD_BYTES_DEFAULT);
        check(Some(2048), 2 * 1024 * 1024);
        check(Some(i32::MAX), RECORD_BYTES_CEILING);
    }

    fn shard(id: &str, start: &str, end: &str, last: Option<&str>) -> ServiceShard {
        let range = HashKeyRange::builder()
            .starting_hash_key(start)
            .ending_hash_key(end);
        let numbers = SequenceNumberRange::builder().starting_sequence_number("0");
        ServiceShard::builder()
            .shard_id(id)
            .hash_key_range(range.build().unwrap())
            .sequence_number_range(
                numbers
                    .set_ending_sequence_number(last.map(Into::into))
                    .build()
                    .unwrap(),
            )
            .build()
            .unwrap()
    }

    #[test]
    fn closed_shards_are_left_out_and_unreadable_ranges_are_not() {
        let last = u128::MAX.to_string();
        let shards = [
            shard("parent", "0", &last, Some("9")),
            shard("child", "0", &last, None),
        ];
        let open = lineage_of(&CALL, shards.into()).unwrap().open_map().unwrap();
        assert_eq!(
            open.shards(),
            [Shard {
                id: "child".into(),
                range: HashRange::ALL
            }]
        );
        assert!(lineage_of(&CALL, vec![shard("odd", "0", "many", None)]).is_err());
    }

    #[test]
    fn the_members_of_an_aggregate_share_the_answer_and_its_shard_must_be_right() {
        let stored = |shard_id: &str| PutEntry::Stored {
            sequence_number: "49".into(),
            shard_id: shard_id.into(),
        };
        let meant = Shard {
            id: "a".into(),
            range: HashRange::ALL,
        };
        assert_eq!(shared_entries(vec![stored("a")], &meant, 3), vec![stored("a"); 3]);
        let elsewhere = shared_entries(vec![stored("b")], &meant, 2);
        let expected = PutEntry::Failed {
            code: "ShardMapChanged".into(),
            message: "the aggregated record for a went to b; the stream was resharded".into(),
            certainty: Certainty::MaybeApplied,
        };
        assert_eq!(elsewhere, vec![expected; 2]);
        let throttled = PutEntry::Failed {
            code: "ProvisionedThroughputExceededException".into(),
            message: String::new(),
            certainty: Certainty::NotApplied,
        };
        assert_eq!(
            shared_entries(vec![throttled.clone()], &meant, 2),
            vec![throttled; 2]
        );
    }
}
