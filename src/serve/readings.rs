//! What each metric says now, out of the status and the counters: nothing is asked of the task for it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use opentelemetry::KeyValue;
use tokio::time::Instant;

use super::process;
use super::progress::waiting_objects;
use super::view::View;
use crate::checkpoint::status::{ObjectCounts, TableStatus, TaskStatus};
use crate::checkpoint::store::Phase;
use crate::flow::outage::Side;
use crate::limits::{SHARD_BYTES_PER_SECOND, SHARD_RECORDS_PER_SECOND};
use crate::observe::metrics::catalog::{self, Kind, Metric};
use crate::observe::metrics::{Metrics, OTHER_TABLES, TABLES_MAX, Values};
use crate::saturate::to_f64 as number;

/// The table of rows that belong to none.
const NO_TABLE: &str = "__none__";

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

/// Values with the labels of their own.
type Readings = Vec<(f64, Labels)>;
type Labels = Vec<(&'static str, String)>;

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
        let uses = view.counters.shards().uses().into_iter();
        uses.map(|(shard, taken)| (number(taken.paced_percent) / 100.0, vec![("shard", shard)]))
            .collect()
    }),
    (&catalog::THROTTLED_RECORDS, |view, _| {
        let uses = view.counters.shards().uses().into_iter();
        uses.map(|(shard, taken)| (number(taken.refused), vec![("shard", shard)]))
            .collect()
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
    (&catalog::CHECKPOINT_AGE, |view, status| {
        let is_due = status.in_flight_bytes > 0;
        let age = is_due.then(|| view.counters.since_commit());
        plain(age.unwrap_or_default().as_secs_f64())
    }),
    (&catalog::STATE_DISK_FREE, |view, _| {
        known(process::free_bytes(&view.config.state.path))
    }),
    (&catalog::NO_PROGRESS, |view, status| {
        plain(view.progress.standstill(status, Instant::now()).as_secs_f64())
    }),
    (&catalog::GENERATION_RESTARTS, |_, status| {
        one(u64::from(status.generation.saturating_sub(1)))
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
        let states = ["starting", "full_load", "changes", "stopping"];
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

fn plain(value: f64) -> Readings {
    vec![(value, Vec::new())]
}

fn one(count: u64) -> Readings {
    plain(number(count))
}

/// A value that is not known has no reading.
fn known(value: Option<f64>) -> Readings {
    value.into_iter().flat_map(plain).collect()
}

fn labelled<const N: usize>(label: &'static str, counts: [(&str, u64); N]) -> Readings {
    let readings = counts.map(|(name, count)| (number(count), vec![(label, name.to_owned())]));
    readings.into()
}

/// A count of each table; of too many tables those after the first ones are one.
fn by_table(status: &TaskStatus, count: impl Fn(&TableStatus) -> u64) -> Readings {
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

fn objects(status: &TaskStatus) -> Readings {
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

fn shard_use(view: &View) -> Readings {
    let uses = view.counters.shards().uses().into_iter();
    let readings = uses.flat_map(|(shard, taken)| {
        let bytes = number(taken.bytes_rate) / number(SHARD_BYTES_PER_SECOND);
        let records = number(taken.records_rate) / f64::from(SHARD_RECORDS_PER_SECOND);
        [("bytes", bytes), ("records", records)]
            .map(|(kind, share)| (share, vec![("shard", shard.clone()), ("kind", kind.to_owned())]))
    });
    readings.collect()
}

fn sides(view: &View, status: &TaskStatus) -> Readings {
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

fn state(view: &View, status: &TaskStatus) -> &'static str {
    if view.stop.is_cancelled() || status.life.stop.is_some() {
        return "stopping";
    }
    match (status.generation, status.phase) {
        (0, _) => "starting",
        (_, Phase::FullLoad) => "full_load",
        (_, Phase::Changes) => "changes",
    }
}

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
    use crate::observe::metrics::catalog::METRICS;

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
