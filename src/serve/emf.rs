//! A line a minute in the embedded metric format of CloudWatch, with the names that DMS gives its metrics, so that alarms
//! on a task of DMS can be pointed at one of brigade.
//!
//! One line for the task, and one for each table. What brigade has no honest value for is not there.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Map, Value, json};

use super::view::View;
use crate::checkpoint::status::{TableStatus, TaskStatus};
use crate::checkpoint::store::Phase;
use crate::observe::facts::QueueKind;
use crate::observe::metrics::TABLES_MAX;
use crate::saturate::to_f64;

/// Where CloudWatch files them. Names that begin with `AWS/` are taken.
const NAMESPACE: &str = "BucketBrigade";
/// CloudWatch counts in thousands.
const KILOBYTE: f64 = 1_000.0;

/// What was done since the last line.
#[derive(Debug, Default)]
pub struct EmfMeter {
    seen: Option<Totals>,
    /// Of the task as a whole.
    task: Done,
    tables: BTreeMap<String, Done>,
}

/// What was done so far.
#[derive(Debug, Default)]
struct Totals {
    source_bytes: u64,
    target_bytes: u64,
    tables: BTreeMap<String, TableTotals>,
}

#[derive(Debug, Clone, Copy, Default)]
struct TableTotals {
    read: u64,
    loaded: u64,
    applied: u64,
}

/// What was done in a minute.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Done {
    load: Throughput,
    changes: Throughput,
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Throughput {
    rows_read: u64,
    rows_sent: u64,
    bytes_read: u64,
    bytes_sent: u64,
}

impl EmfMeter {
    /// Looks at a task; to be called about once a second, because what is read counts for the phase that it is read in.
    pub fn sample(&mut self, view: &View) {
        let (bytes_read, bytes_sent) = (view.source.bytes_read(), view.counters.snapshot().bytes);
        self.add(&view.now(), bytes_read, bytes_sent);
    }

    fn add(&mut self, status: &TaskStatus, source_bytes: u64, target_bytes: u64) {
        let tables = status.tables.iter();
        let tables = tables.map(|table| (table.statistics.full_name(), totals_of(table)));
        let now = Totals {
            source_bytes,
            target_bytes,
            tables: tables.collect(),
        };
        // What earlier processes did does not count here.
        let Some(before) = self.seen.replace(now) else {
            return;
        };
        let Some(now) = &mut self.seen else { return };
        let is_loading = status.phase == Phase::FullLoad;
        for (name, now) in &mut now.tables {
            let before = before.tables.get(name).copied().unwrap_or_default();
            // What a restart does again is done once.
            now.read = now.read.max(before.read);
            now.loaded = now.loaded.max(before.loaded);
            now.applied = now.applied.max(before.applied);
            for done in [&mut self.task, self.tables.entry(name.clone()).or_default()] {
                done.of(is_loading).rows_read += now.read - before.read;
                done.load.rows_sent += now.loaded - before.loaded;
                done.changes.rows_sent += now.applied - before.applied;
            }
        }
        let throughput = self.task.of(is_loading);
        throughput.bytes_read += now.source_bytes.saturating_sub(before.source_bytes);
        throughput.bytes_sent += now.target_bytes.saturating_sub(before.target_bytes);
    }

    /// The lines of the time that is over.
    pub fn lines(&mut self, view: &View, lasted: Duration) -> String {
        let facts = view.counters.facts().of(QueueKind::Changes);
        let now_ms = view.clock.now_ms();
        let seconds = |written_ms: Option<i64>| {
            let age_ms = written_ms.map_or(0, |written_ms| now_ms.saturating_sub(written_ms));
            to_f64(u64::try_from(age_ms).unwrap_or(0)) / 1_000.0
        };
        let latencies = [
            ("CDCLatencySource", seconds(facts.oldest_waiting_ms)),
            ("CDCLatencyTarget", seconds(facts.oldest_unsettled_ms())),
        ];
        self.render(&view.now(), now_ms, lasted, &latencies)
    }

    fn render(
        &mut self,
        status: &TaskStatus,
        now_ms: i64,
        lasted: Duration,
        latencies: &[(&'static str, f64)],
    ) -> String {
        let seconds = lasted.as_secs_f64().max(1e-3);
        let (task, tables) = (std::mem::take(&mut self.task), std::mem::take(&mut self.tables));
        let in_flight = status.tables.iter().map(|table| table.in_flight_records).sum();
        let mut line = Line::new(now_ms, &status.task, None);
        for (name, value) in latencies {
            line.add(name, "Seconds", *value);
        }
        line.add_waiting(status, in_flight);
        line.add_done(&task, seconds);
        line.add_bandwidth(&task, seconds);
        let mut text = line.finish();
        for table in status.tables.iter().take(TABLES_MAX) {
            let name = table.statistics.full_name();
            let done = tables.get(&name).copied().unwrap_or_default();
            let mut line = Line::new(now_ms, &status.task, Some(&name));
            line.add_waiting(status, table.in_flight_records);
            line.add_done(&done, seconds);
            text.push_str(&line.finish());
        }
        text
    }
}

fn totals_of(table: &TableStatus) -> TableTotals {
    let statistics = &table.statistics;
    TableTotals {
        read: table.read_records,
        loaded: statistics.full_load_rows,
        applied: statistics.applied_inserts + statistics.applied_updates + statistics.applied_deletes,
    }
}

impl Done {
    fn of(&mut self, is_loading: bool) -> &mut Throughput {
        if is_loading {
            &mut self.load
        } else {
            &mut self.changes
        }
    }
}

/// A line.
struct Line {
    now_ms: i64,
    dimensions: Vec<&'static str>,
    metrics: Vec<Value>,
    members: Map<String, Value>,
}

impl Line {
    fn new(now_ms: i64, task: &str, table: Option<&str>) -> Self {
        let names = [("Task", Some(task)), ("Table", table)];
        let mut members = Map::new();
        let mut dimensions = Vec::new();
        for (name, value) in names {
            if let Some(value) = value {
                members.insert(name.to_owned(), Value::from(value));
                dimensions.push(name);
            }
        }
        Self {
            now_ms,
            dimensions,
            metrics: Vec::new(),
            members,
        }
    }

    fn add(&mut self, name: &str, unit: &str, value: f64) {
        self.metrics.push(json!({ "Name": name, "Unit": unit }));
        self.members.insert(name.to_owned(), Value::from(value));
    }

    /// Rows that wait. They wait in memory, in one place on the way from source to target: nothing is kept for a source
    /// that has not committed yet, and nothing on disk.
    fn add_waiting(&mut self, status: &TaskStatus, in_flight: u64) {
        let is_changes = status.phase == Phase::Changes;
        let rows = to_f64(if is_changes { in_flight } else { 0 });
        self.add("CDCIncomingChanges", "Count", rows);
        self.add("CDCChangesMemoryTarget", "Count", rows);
        for name in [
            "CDCChangesMemorySource",
            "CDCChangesDiskSource",
            "CDCChangesDiskTarget",
        ] {
            self.add(name, "Count", 0.0);
        }
    }

    fn add_done(&mut self, done: &Done, seconds: f64) {
        let rows = [
            ("CDCThroughputRowsSource", done.changes.rows_read),
            ("CDCThroughputRowsTarget", done.changes.rows_sent),
            ("FullLoadThroughputRowsSource", done.load.rows_read),
            ("FullLoadThroughputRowsTarget", done.load.rows_sent),
        ];
        for (name, rows) in rows {
            self.add(name, "Count/Second", to_f64(rows) / seconds);
        }
    }

    fn add_bandwidth(&mut self, done: &Done, seconds: f64) {
        let bytes = [
            ("CDCThroughputBandwidthSource", done.changes.bytes_read),
            ("CDCThroughputBandwidthTarget", done.changes.bytes_sent),
            ("FullLoadThroughputBandwidthSource", done.load.bytes_read),
            ("FullLoadThroughputBandwidthTarget", done.load.bytes_sent),
        ];
        for (name, bytes) in bytes {
            self.add(name, "Kilobytes/Second", to_f64(bytes) / KILOBYTE / seconds);
        }
    }

    fn finish(self) -> String {
        let about = json!({
            "Timestamp": self.now_ms,
            "CloudWatchMetrics": [{
                "Namespace": NAMESPACE,
                "Dimensions": [self.dimensions],
                "Metrics": self.metrics,
            }],
        });
        let mut members = self.members;
        members.insert("_aws".to_owned(), about);
        let mut text = Value::Object(members).to_string();
        text.push('\n');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(phase: Phase, read: u64, loaded: u64, inserts: u64) -> TaskStatus {
        let mut table = TableStatus {
            read_records: read,
            in_flight_records: read - loaded - inserts,
            ..TableStatus::default()
        };
        let statistics = &mut table.statistics;
        (statistics.schema_name, statistics.table_name) = ("s".to_owned(), "t".to_owned());
        (statistics.full_load_rows, statistics.applied_inserts) = (loaded, inserts);
        TaskStatus {
            task: "orders".to_owned(),
            phase,
            tables: vec![table],
            ..TaskStatus::default()
        }
    }

    fn lines(meter: &mut EmfMeter, status: &TaskStatus, seconds: u64) -> Vec<Value> {
        let text = meter.render(
            status,
            5,
            Duration::from_secs(seconds),
            &[("CDCLatencyTarget", 1.5)],
        );
        let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.collect()
    }

    #[test]
    fn rows_and_bytes_count_for_the_phase_that_they_are_of() {
        let mut meter = EmfMeter::default();
        meter.add(&status(Phase::FullLoad, 1_000, 1_000, 0), 7, 7);
        meter.add(&status(Phase::FullLoad, 1_600, 1_300, 0), 60_007, 120_007);
        meter.add(&status(Phase::Changes, 1_720, 1_600, 60), 66_007, 126_007);
        let of = lines(&mut meter, &status(Phase::Changes, 1_720, 1_600, 60), 60);
        let [task, table] = of.as_slice() else {
            panic!("{of:?}");
        };
        for line in [task, table] {
            assert_eq!(line["FullLoadThroughputRowsSource"], 10.0, "{line}");
            assert_eq!(line["FullLoadThroughputRowsTarget"], 10.0, "{line}");
            assert_eq!(line["CDCThroughputRowsSource"], 2.0, "{line}");
            assert_eq!(line["CDCThroughputRowsTarget"], 1.0, "{line}");
            assert_eq!(line["CDCIncomingChanges"], 60.0, "{line}");
            assert_eq!(line["CDCChangesDiskTarget"], 0.0, "{line}");
        }
        assert_eq!(task["FullLoadThroughputBandwidthSource"], 1.0, "{task}");
        assert_eq!(task["FullLoadThroughputBandwidthTarget"], 2.0, "{task}");
        assert_eq!(task["CDCThroughputBandwidthSource"], 0.1, "{task}");
        assert_eq!(task["CDCLatencyTarget"], 1.5, "{task}");
        assert_eq!(table["Table"], "s.t", "{table}");
        let next = lines(&mut meter, &status(Phase::Changes, 1_720, 1_600, 60), 60);
        assert_eq!(
            next[0]["CDCThroughputRowsSource"], 0.0,
            "a minute later: {next:?}"
        );
    }

    #[test]
    fn a_line_says_what_cloudwatch_makes_of_it() {
        let mut meter = EmfMeter::default();
        let of = lines(&mut meter, &status(Phase::Changes, 0, 0, 0), 60);
        for (line, dimensions) in of.iter().zip([vec!["Task"], vec!["Task", "Table"]]) {
            let about = &line["_aws"];
            assert_eq!(about["Timestamp"], 5, "{line}");
            let about = &about["CloudWatchMetrics"][0];
            assert_eq!(about["Namespace"], "BucketBrigade", "{line}");
            assert_eq!(about["Dimensions"], json!([dimensions]), "{line}");
            let metrics = about["Metrics"].as_array().unwrap();
            assert!(metrics.len() >= 9, "{line}");
            for metric in metrics {
                let name = metric["Name"].as_str().unwrap();
                assert!(line[name].is_number(), "{name}: {line}");
                assert!(metric["Unit"].is_string(), "{name}: {line}");
            }
        }
    }

    #[test]
    fn what_a_restart_reads_again_is_read_once() {
        let mut meter = EmfMeter::default();
        for read in [0, 600, 300, 600, 660] {
            meter.add(&status(Phase::Changes, read, 0, 0), 0, 0);
        }
        let of = lines(&mut meter, &status(Phase::Changes, 660, 0, 0), 60);
        assert_eq!(of[0]["CDCThroughputRowsSource"], 11.0, "{of:?}");
    }
}
