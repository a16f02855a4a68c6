//! What each metric says now, out of the status and the counters: nothing is asked of the task for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry::KeyValue;
use tokio::time::Instant;

use super::figures::{
    Labels, Readings, age, by_queue, by_shard, by_table, checkpoint_age, clock_skew, consecutive_errors,
    credentials_expire, dead_letters, known, labelled, not_read, objects, one, plain, retention_margin,
    s3_requests, shard_use, sides, state, stream_info,
};
use super::process;
use super::progress::waiting_objects;
use super::view::View;
use crate::checkpoint::status::TaskStatus;
use crate::observe::facts::QueueKind;
use crate::observe::metrics::catalog::{self, Kind, Metric};
use crate::observe::metrics::{Metrics, NO_TABLE, Values};
use crate::saturate::to_f64 as number;

/// Gives every metric its reading.
pub(super) fn register(metrics: &Metrics, view: &View) {
    let task = KeyValue::new("task", view.config.task.clone());
    for (metric, read) in READINGS {
        let (view, task, high) = (view.clone(), task.clone(), HighWater::default());
        metrics.observe(metric, move || {
            let readings = read(&view, &view.now());
            let readings = match metric.kind {
                Kind::Counter => high.raise(readings),
                Kind::Gauge | Kind::Histogram => readings,
            };
            with_task(readings, &task)
        });
    }
}

fn with_task(readings: Readings, task: &KeyValue) -> Values {
    let readings = readings.into_iter().map(|(value, labels)| {
        let labels = labels.into_iter().map(|(name, value)| KeyValue::new(name, value));
        (value, labels.chain([task.clone()]).collect())
    });
    readings.collect()
}

/// A reading of a metric.
type Read = fn(&View, &TaskStatus) -> Readings;

/// All that are not timed where they happen.
const READINGS: &[(&Metric, Read)] = &[
    (&catalog::ROWS_READ, |_, status| {
        by_table(status, |table| table.read_records)
    }),
    (&catalog::ROWS_DELIVERED, |_, status| {
        by_table(status, |table| table.statistics.delivered_rows())
    }),
    (&catalog::ROWS_DEAD_LETTERED, |_, status| {
        let mut readings = by_table(status, |table| table.statistics.dead_lettered_rows());
        readings.push((
            number(status.unassigned_error_rows),
            vec![("table", NO_TABLE.to_owned())],
        ));
        readings
    }),
    (&catalog::DEAD_LETTERS, |view, _| dead_letters(view)),
    (&catalog::ROWS_FILTERED, |_, status| {
        by_table(status, |table| table.statistics.filtered_rows)
    }),
    (&catalog::ROWS_IN_FLIGHT, |_, status| {
        by_table(status, |table| table.in_flight_records)
    }),
    (&catalog::IDENTITY_DIFFERENCE, |_, status| {
        // Of many tables each counts, so that no two cancel out.
        by_table(status, |table| table.identity_difference().unsigned_abs())
    }),
    (&catalog::OBJECTS, |_, status| objects(status)),
    (&catalog::SOURCE, |view, _| one(view.source.bytes_read())),
    (&catalog::OBJECTS_NOT_READ, |_, status| not_read(status)),
    (&catalog::LISTING_AGE, |view, _| {
        let facts = view.counters.facts().of(QueueKind::Changes);
        known(facts.listing_age().map(|age| age.as_secs_f64()))
    }),
    (&catalog::S3_REQUESTS, |view, _| s3_requests(view)),
    (&catalog::BODY_RESUMES, |view, _| {
        let witness = view.source.witness();
        known(witness.map(|witness| number(witness.resumes())))
    }),
    (&catalog::OLDEST_WAITING, |view, _| {
        by_queue(|kind| age(view, view.counters.facts().of(kind).oldest_waiting_ms))
    }),
    (&catalog::OLDEST_UNSETTLED, |view, _| {
        by_queue(|kind| age(view, view.counters.facts().of(kind).oldest_unsettled_ms()))
    }),
    (&catalog::ETA, |view, status| {
        known(view.pace.seconds_left(status))
    }),
    (&catalog::WAITING_OBJECTS, |_, status| {
        one(waiting_objects(status))
    }),
    (&catalog::WAITING, |_, status| {
        one(status.tables.iter().map(|table| table.load_bytes_left).sum())
    }),
    (&catalog::RECORDS_SENT, |view, _| {
        one(view.counters.snapshot().sent())
    }),
    (&catalog::SENT, |view, _| one(view.counters.snapshot().bytes)),
    (&catalog::SHARD_USE, |view, _| shard_use(view)),
    (&catalog::SHARD_PACED, |view, _| {
        by_shard(view, |taken| number(taken.paced_percent) / 100.0)
    }),
    (&catalog::THROTTLED_RECORDS, |view, _| {
        by_shard(view, |taken| number(taken.refused))
    }),
    (&catalog::HOT_KEY, |view, _| {
        by_shard(view, |taken| number(taken.hot_key_thousandths) / 1_000.0)
    }),
    (&catalog::RESENT_RECORDS, |view, _| {
        let counts = view.counters.snapshot();
        labelled(
            "reason",
            [
                ("refused", counts.refused),
                ("order", counts.repeated),
                ("doubt", counts.doubtful.saturating_sub(counts.found)),
            ],
        )
    }),
    (&catalog::DOUBT, |view, _| one(view.counters.snapshot().doubtful)),
    (&catalog::DOUBT_RESOLVED, |view, _| {
        let counts = view.counters.snapshot();
        labelled(
            "result",
            [
                ("found", counts.found + counts.recovered),
                ("absent", counts.doubtful.saturating_sub(counts.found)),
            ],
        )
    }),
    (&catalog::SHARDS_IN_DOUBT, |view, _| {
        let count = view.counters.shards().in_doubt_count();
        one(u64::try_from(count).unwrap_or(u64::MAX))
    }),
    (&catalog::RETENTION_MARGIN, |view, status| {
        known(retention_margin(view, status))
    }),
    (&catalog::STREAM_INFO, |view, _| stream_info(view)),
    (&catalog::CHECKPOINT_AGE, |view, status| {
        plain(checkpoint_age(view, status))
    }),
    (&catalog::CHECKPOINT, |view, _| {
        let dead_letters = view.config.errors.dead_letters.as_path();
        known(process::folder_bytes(&view.config.state.path, Some(dead_letters)))
    }),
    (&catalog::DEAD_LETTER_BYTES, |view, _| {
        let bytes = process::folder_bytes(&view.config.errors.dead_letters, None);
        // Without a dead letter there is no folder.
        plain(bytes.unwrap_or(0.0))
    }),
    (&catalog::STATE_DISK_FREE, |view, _| {
        known(process::free_bytes(&view.config.state.path))
    }),
    (&catalog::NO_PROGRESS, |view, status| {
        plain(view.progress.standstill(status, Instant::now()).as_secs_f64())
    }),
    (&catalog::CONSECUTIVE_ERRORS, |_, status| {
        consecutive_errors(status)
    }),
    (&catalog::CREDENTIALS_EXPIRE, |view, _| {
        known(credentials_expire(view))
    }),
    (&catalog::CLOCK_SKEW, |view, _| clock_skew(view)),
    (&catalog::GENERATION_RESTARTS, |_, status| {
        one(u64::from(status.restarts))
    }),
    (&catalog::CREDITS_USED, |view, status| {
        plain(number(status.in_flight_bytes) / number(view.config.limits.in_flight_bytes.max(1)))
    }),
    (&catalog::SIDE_AWAY, |view, status| sides(view, status)),
    (&catalog::TABLES_SUSPENDED, |_, status| {
        let tables = status.tables.iter();
        let suspended = tables.filter(|table| table.statistics.is_suspended());
        one(u64::try_from(suspended.count()).unwrap_or(u64::MAX))
    }),
    (&catalog::OBJECTS_SET_ASIDE, |_, status| one(status.set_aside)),
    (&catalog::TASK_STATE, |view, status| {
        let now = state(view, status);
        let states = ["starting", "full_load", "changes", "paused", "stopping"];
        labelled("state", states.map(|state| (state, u64::from(state == now))))
    }),
    (&catalog::BUILD_INFO, |_, _| {
        labelled("version", [(env!("CARGO_PKG_VERSION"), 1)])
    }),
    (&catalog::START_TIME, |_, status| {
        let started_ms = status.started_ms.and_then(|at| u64::try_from(at).ok());
        plain(number(started_ms.unwrap_or(0)) / 1_000.0)
    }),
    (&catalog::CPU, |_, _| known(process::cpu_seconds())),
    (&catalog::RESIDENT_MEMORY, |_, _| known(process::resident_bytes())),
    (&catalog::OPEN_FDS, |_, _| known(process::open_files())),
];

/// A counter never goes back: what a restart of the data path does again, because no commit had it, counts once.
#[derive(Debug, Clone, Default)]
struct HighWater(Arc<Mutex<HashMap<Labels, f64>>>);

impl HighWater {
    fn raise(&self, mut readings: Readings) -> Readings {
        let mut most = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for (value, labels) in &mut readings {
            let known = most.entry(labels.clone()).or_default();
            *known = known.max(*value);
            *value = *known;
        }
        readings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint::status::TableStatus;
    use crate::observe::metrics::catalog::METRICS;
    use crate::observe::metrics::{OTHER_TABLES, TABLES_MAX};

    fn table(name: &str, read: u64) -> TableStatus {
        let mut table = TableStatus {
            read_records: read,
            ..TableStatus::default()
        };
        (table.statistics.schema_name, table.statistics.table_name) = ("s".to_owned(), name.to_owned());
        table
    }

    fn status(tables: Vec<TableStatus>) -> TaskStatus {
        TaskStatus {
            tables,
            ..TaskStatus::default()
        }
    }

    #[test]
    fn every_metric_of_the_catalogue_is_read_once() {
        let mut read: Vec<_> = READINGS.iter().map(|(metric, _)| metric.name).collect();
        let timed = METRICS.iter().filter(|metric| metric.kind == Kind::Histogram);
        read.extend(timed.map(|metric| metric.name));
        let mut all: Vec<_> = METRICS.iter().map(|metric| metric.name).collect();
        read.sort_unstable();
        all.sort_unstable();
        assert_eq!(read, all);
    }

    #[test]
    fn what_a_restart_does_again_is_counted_once() {
        let high = HighWater::default();
        let read = |count| {
            let readings = by_table(&status(vec![table("t", count)]), |table| table.read_records);
            high.raise(readings).first().map(|(value, _)| *value)
        };
        assert_eq!(read(100), Some(100.0));
        assert_eq!(read(40), Some(100.0), "the data path was built again");
        assert_eq!(read(120), Some(120.0));
    }

    #[test]
    fn of_many_tables_the_last_are_one() {
        let count = TABLES_MAX + 3;
        let tables = (0..count).map(|number| table(&number.to_string(), 2)).collect();
        let readings = by_table(&status(tables), |table| table.read_records);
        assert_eq!(readings.len(), TABLES_MAX + 1);
        let last = readings.last().unwrap();
        assert_eq!(last, &(6.0, vec![("table", OTHER_TABLES.to_owned())]));
    }
}
