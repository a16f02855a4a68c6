//! How a status and the counters become readings of metrics.

use super::view::View;
use crate::aws::witness::Witness;
use crate::checkpoint::status::{ObjectCounts, TableStatus, TaskStatus};
use crate::checkpoint::store::Phase;
use crate::flow::outage::Side;
use crate::limits::{SHARD_BYTES_PER_SECOND, SHARD_RECORDS_PER_SECOND};
use crate::observe::facts::QueueKind;
use crate::observe::metrics::{OTHER_TABLES, TABLES_MAX};
use crate::observe::shards::ShardUse;
use crate::saturate::to_f64 as number;

/// Values with the labels of their own.
pub(super) type Readings = Vec<(f64, Labels)>;
/// Labels of one.
pub(super) type Labels = Vec<(&'static str, String)>;

pub(super) fn plain(value: f64) -> Readings {
    vec![(value, Vec::new())]
}

pub(super) fn one(count: u64) -> Readings {
    plain(number(count))
}

/// A value that is not known has no reading.
pub(super) fn known(value: Option<f64>) -> Readings {
    value.into_iter().flat_map(plain).collect()
}

pub(super) fn labelled<const N: usize>(label: &'static str, counts: [(&str, u64); N]) -> Readings {
    let readings = counts.map(|(name, count)| (number(count), vec![(label, name.to_owned())]));
    readings.into()
}

/// What the last comparison of the stream with the files found.
pub(super) fn verify_rows(view: &View) -> Readings {
    let Some(found) = view.comparing.status().findings else {
        return Readings::new();
    };
    labelled(
        "finding",
        [
            ("missing", found.rows_missing),
            ("repeated", found.rows_repeated),
            ("out_of_order", found.rows_out_of_order),
        ],
    )
}

/// A count of each table; of too many tables those after the first ones are one.
pub(super) fn by_table(status: &TaskStatus, count: impl Fn(&TableStatus) -> u64) -> Readings {
    let (own, others) = status.tables.split_at(status.tables.len().min(TABLES_MAX));
    let mut readings: Readings = own
        .iter()
        .map(|table| {
            (
                number(count(table)),
                vec![("table", table.statistics.full_name())],
            )
        })
        .collect();
    if !others.is_empty() {
        let sum = others.iter().map(count).sum();
        readings.push((number(sum), vec![("table", OTHER_TABLES.to_owned())]));
    }
    readings
}

pub(super) fn objects(status: &TaskStatus) -> Readings {
    let mut load = ObjectCounts::default();
    for table in &status.tables {
        load.known += table.load.known;
        load.opened += table.load.opened;
        load.ended += table.load.ended;
        load.quarantined += table.load.quarantined;
    }
    let of = |queue: &'static str, counts: &ObjectCounts| {
        let over = counts.ended + counts.quarantined;
        [
            ("waiting", counts.waiting()),
            ("open", counts.opened.saturating_sub(over)),
            ("done", counts.ended),
            ("set_aside", counts.quarantined),
        ]
        .map(|(state, count)| {
            let labels = vec![("queue", queue.to_owned()), ("state", state.to_owned())];
            (number(count), labels)
        })
    };
    of("load", &load)
        .into_iter()
        .chain(of("changes", &status.changes))
        .collect()
}

/// A figure of each shard.
pub(super) fn by_shard(view: &View, figure: impl Fn(&ShardUse) -> f64) -> Readings {
    let uses = view.counters.shards().uses().into_iter();
    uses.map(|(shard, taken)| (figure(&taken), vec![("shard", shard)]))
        .collect()
}

/// A figure of both kinds of objects.
pub(super) fn by_queue(figure: impl Fn(QueueKind) -> f64) -> Readings {
    let kinds = QueueKind::ALL.into_iter();
    kinds
        .map(|kind| (figure(kind), vec![("queue", kind.as_str().to_owned())]))
        .collect()
}

/// How old something is that was written then, in seconds.
pub(super) fn age(view: &View, written_ms: Option<i64>) -> f64 {
    let age_ms = written_ms.map(|written_ms| view.clock.now_ms().saturating_sub(written_ms));
    number(age_ms.and_then(|age_ms| u64::try_from(age_ms).ok()).unwrap_or(0)) / 1_000.0
}

/// Dead letters by reason; of too many tables those after the first ones are one.
pub(super) fn dead_letters(view: &View) -> Readings {
    let counts = view.counters.facts().dead_letters().into_iter();
    counts
        .map(|(table, code, count)| (number(count), vec![("table", table), ("code", code)]))
        .collect()
}

/// Objects that nobody reads.
pub(super) fn not_read(status: &TaskStatus) -> Readings {
    let of = |queue: &'static str, counts: Vec<&ObjectCounts>| {
        let sum = |count: fn(&ObjectCounts) -> u64| counts.iter().map(|counts| count(counts)).sum::<u64>();
        [
            ("before_start", sum(|counts| counts.in_front)),
            ("after_load", sum(|counts| counts.after_load)),
            ("replaced", sum(|counts| counts.replaced)),
            ("read_otherwise", sum(|counts| counts.read_otherwise.count)),
            ("unread_changes", sum(|counts| counts.unread_changes.count)),
            ("not_data", sum(|counts| counts.not_data.count)),
        ]
        .map(|(reason, count)| {
            let labels = vec![("queue", queue.to_owned()), ("reason", reason.to_owned())];
            (number(count), labels)
        })
    };
    let loads = status.tables.iter().map(|table| &table.load).collect();
    let changes = vec![&status.changes];
    of("load", loads)
        .into_iter()
        .chain(of("changes", changes))
        .collect()
}

/// Attempts in a row that failed.
pub(super) fn consecutive_errors(status: &TaskStatus) -> Readings {
    let sides = [Side::Source, Side::Target].into_iter();
    let errors = |side| status.outage(side).map_or(0, |outage| outage.errors);
    sides
        .map(|side| (number(errors(side)), vec![("stage", side.to_string())]))
        .collect()
}

/// How far the clocks of both services differ from the one here.
pub(super) fn clock_skew(view: &View) -> Readings {
    let sides = [
        (Side::Source, view.source.witness()),
        (Side::Target, view.target.as_ref()),
    ];
    let skews = sides.into_iter().filter_map(|(side, witness)| {
        let skew_ms = witness?.skew_ms()?;
        let ahead = number(u64::try_from(skew_ms).unwrap_or(0));
        let behind = number(u64::try_from(skew_ms.saturating_neg()).unwrap_or(0));
        Some(((ahead - behind) / 1_000.0, vec![("side", side.to_string())]))
    });
    skews.collect()
}

/// Time until the first of the credentials in use expires.
pub(super) fn credentials_expire(view: &View) -> Option<f64> {
    let witnesses = [view.source.witness(), view.target.as_ref()]
        .into_iter()
        .flatten();
    let now = number(u64::try_from(view.clock.now_ms()).unwrap_or(0)) / 1_000.0;
    let left = witnesses.filter_map(|witness| Some(witness.credentials_expire()? - now));
    left.reduce(f64::min)
}

/// How long records in doubt can still be read back.
pub(super) fn retention_margin(view: &View, status: &TaskStatus) -> Option<f64> {
    let stream = view.target.as_ref()?.stream()?;
    Some(stream.retention.as_secs_f64() - checkpoint_age(view, status))
}

/// Time since the last durable checkpoint, while something is in flight.
pub(super) fn checkpoint_age(view: &View, status: &TaskStatus) -> f64 {
    let is_due = status.in_flight_bytes > 0;
    let age = is_due.then(|| view.counters.since_commit());
    age.unwrap_or_default().as_secs_f64()
}

/// Which stream it is.
pub(super) fn stream_info(view: &View) -> Readings {
    let stream = view.target.as_ref().and_then(Witness::stream);
    let stream = stream.into_iter();
    stream
        .map(|stream| (1.0, vec![("stream", stream.name), ("mode", stream.mode)]))
        .collect()
}

/// Requests to S3.
pub(super) fn s3_requests(view: &View) -> Readings {
    let counts = view.source.witness().map(Witness::requests);
    let counts = counts.into_iter().flatten();
    counts
        .map(|(operation, code, count)| (number(count), vec![("op", operation), ("code", code)]))
        .collect()
}

pub(super) fn shard_use(view: &View) -> Readings {
    let uses = view.counters.shards().uses().into_iter();
    let readings = uses.flat_map(|(shard, taken)| {
        let bytes = number(taken.bytes_rate) / number(SHARD_BYTES_PER_SECOND);
        let records = number(taken.records_rate) / f64::from(SHARD_RECORDS_PER_SECOND);
        [("bytes", bytes), ("records", records)]
            .map(|(kind, share)| (share, vec![("shard", shard.clone()), ("kind", kind.to_owned())]))
    });
    readings.collect()
}

pub(super) fn sides(view: &View, status: &TaskStatus) -> Readings {
    let away = |side: Side| {
        let outage = status.outage(side);
        let away_ms = outage.map(|outage| view.clock.now_ms().saturating_sub(outage.since_ms));
        let away_ms = away_ms.and_then(|away_ms| u64::try_from(away_ms).ok());
        (
            number(away_ms.unwrap_or(0)) / 1_000.0,
            vec![("side", side.to_string())],
        )
    };
    vec![away(Side::Source), away(Side::Target)]
}

pub(super) fn state(view: &View, status: &TaskStatus) -> &'static str {
    if view.stop.is_cancelled() || status.life.stop.is_some() {
        return "stopping";
    }
    if status.paused {
        return "paused";
    }
    match (status.generation, status.phase) {
        (0, _) => "starting",
        (_, Phase::FullLoad) => "full_load",
        (_, Phase::Changes) => "changes",
    }
}
