//! Every metric, once: its name, unit, labels and meaning. Exits and documents are made of this list. Pure: no I/O, no
//! clock.
//!
//! Names are those of OpenTelemetry without the unit; Prometheus puts units and `_total` behind them.

/// What a metric is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It only grows while the process lives.
    Counter,
    /// It goes up and down.
    Gauge,
    /// How often values fell into each of some ranges.
    Histogram,
}

/// A metric.
#[derive(Debug, PartialEq, Eq)]
pub struct Metric {
    /// Its name, after `brigade.` or `process.`.
    pub name: &'static str,
    /// Its unit, by UCUM; counted things in braces.
    pub unit: &'static str,
    /// What it is.
    pub kind: Kind,
    /// Its labels, besides `task`.
    pub labels: &'static [&'static str],
    /// What it says.
    pub about: &'static str,
}

impl Metric {
    /// Its name in Prometheus.
    pub fn prometheus_name(&self) -> String {
        let unit = match self.unit {
            "s" => "_seconds",
            "By" => "_bytes",
            "1" => "_ratio",
            _counted => "",
        };
        let total = if self.kind == Kind::Counter { "_total" } else { "" };
        format!("{}{unit}{total}", self.name.replace('.', "_"))
    }
}

/// A metric of the catalogue. The macro saves naming the fields forty times.
macro_rules! metrics {
    ($($constant:ident = $kind:ident $name:literal $unit:literal [$($label:literal),*] $about:literal;)*) => {
        $(
            #[doc = $about]
            pub static $constant: Metric = Metric {
                name: $name,
                unit: $unit,
                kind: Kind::$kind,
                labels: &[$($label),*],
                about: $about,
            };
        )*
        /// All of them, as they are documented.
        pub static METRICS: &[&Metric] = &[$(&$constant),*];
    };
}

metrics! {
    ROWS_READ = Counter "brigade.rows_read" "{row}" ["table"]
        "Rows read, and control records made, each once, since the task began. What a restart reads again counts when it is new.";
    ROWS_DELIVERED = Counter "brigade.rows_delivered" "{row}" ["table"]
        "Rows and control records that a shard acknowledged, since the task began.";
    ROWS_DEAD_LETTERED = Counter "brigade.rows_dead_lettered" "{row}" ["table"]
        "Rows that became dead letters, since the task began. Those that belong to no table have the table `__none__`.";
    ROWS_FILTERED = Counter "brigade.rows_filtered" "{row}" ["table"]
        "Rows that the table mappings leave out, since the task began.";
    ROWS_IN_FLIGHT = Gauge "brigade.rows_in_flight" "{row}" ["table"]
        "Rows that are read and not settled.";
    IDENTITY_DIFFERENCE = Gauge "brigade.identity_difference" "{row}" ["table"]
        "Rows read less those delivered, dead-lettered, filtered and in flight: never anything but 0.";
    OBJECTS = Gauge "brigade.objects" "{object}" ["queue", "state"]
        "Objects of a load or of the changes that are `waiting`, `open`, `done` or `set_aside`, since the data path was last started.";
    SOURCE = Counter "brigade.source" "By" []
        "Bytes read from the source, as they are stored there.";
    WAITING_OBJECTS = Gauge "brigade.waiting_objects" "{object}" []
        "Objects that are known and not opened.";
    WAITING = Gauge "brigade.waiting" "By" []
        "Bytes of known load files that are not settled.";
    PUT_RECORDS = Histogram "brigade.put_records.duration" "s" ["outcome"]
        "Time of one PutRecords request: `ok`, `partial`, `throttled` as a whole, or `failed` without a usable answer.";
    RECORDS_SENT = Counter "brigade.records_sent" "{record}" []
        "Records that this process sent and a shard acknowledged.";
    SENT = Counter "brigade.sent" "By" []
        "Bytes of them, keys and messages.";
    SHARD_USE = Gauge "brigade.shard_use" "1" ["shard", "kind"]
        "What a shard took in the last ten seconds, as a share of what it may take: `bytes` of 1 MiB/s, `records` of 1,000/s.";
    SHARD_PACED = Gauge "brigade.shard_paced" "1" ["shard"]
        "Share of its time that a shard's sender waits because the shard takes no more.";
    THROTTLED_RECORDS = Counter "brigade.throttled_records" "{record}" ["shard"]
        "Records that a shard refused, and that were sent again.";
    RESENT_RECORDS = Counter "brigade.resent_records" "{record}" ["reason"]
        "Records that were sent more than once: `refused`, `order` (after a refused one of their key), or `doubt`.";
    DOUBT = Counter "brigade.doubt" "{record}" []
        "Records whose request ended without an answer.";
    DOUBT_RESOLVED = Counter "brigade.doubt_resolved" "{record}" ["result"]
        "Records in doubt, also those of a process before this one, that were looked for: `found` or `absent`.";
    SHARDS_IN_DOUBT = Gauge "brigade.shards_in_doubt" "{shard}" []
        "Shards that are being read back for records in doubt.";
    CHECKPOINT_AGE = Gauge "brigade.checkpoint.age" "s" []
        "Time since the last durable checkpoint, while something is in flight; else 0.";
    CHECKPOINT_DURATION = Histogram "brigade.checkpoint.duration" "s" []
        "Time of one durable commit.";
    STATE_DISK_FREE = Gauge "brigade.state_disk_free" "By" []
        "Bytes that are free on the disk of the state.";
    NO_PROGRESS = Gauge "brigade.no_progress" "s" []
        "How long nothing was settled although there is work; 0 without work.";
    GENERATION_RESTARTS = Counter "brigade.generation_restarts" "{restart}" []
        "How often the data path was built again, after a fault or for other shards.";
    CREDITS_USED = Gauge "brigade.credits_used" "1" []
        "Bytes in flight as a share of `limits.in_flight`.";
    SIDE_AWAY = Gauge "brigade.side_away" "s" ["side"]
        "How long the source or the target does not answer; 0 while it does.";
    TABLES_SUSPENDED = Gauge "brigade.tables_suspended" "{table}" []
        "Tables that nothing more is sent of until they are resumed.";
    OBJECTS_SET_ASIDE = Gauge "brigade.objects_set_aside" "{object}" []
        "Objects that are set aside and wait for a person to decide, whichever run set them aside.";
    TASK_STATE = Gauge "brigade.task_state" "" ["state"]
        "1 for the state of the task: `starting`, `full_load`, `changes` or `stopping`; 0 for the others.";
    BUILD_INFO = Gauge "brigade.build_info" "" ["version"]
        "Always 1; its label says which program runs.";
    START_TIME = Gauge "process.start_time" "s" []
        "When the process started, in seconds since the epoch.";
    CPU = Counter "process.cpu" "s" []
        "CPU time of the process. Linux only.";
    RESIDENT_MEMORY = Gauge "process.resident_memory" "By" []
        "Memory of the process that is in RAM. Linux only.";
    OPEN_FDS = Gauge "process.open_fds" "{file}" []
        "Open files of the process. Linux only.";
}

/// The table of the documents.
pub fn as_markdown() -> String {
    let mut text = String::from("| Metric | Kind | Labels | Meaning |\n|---|---|---|---|\n");
    for metric in METRICS {
        let kind = match metric.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let labels: Vec<_> = metric.labels.iter().map(|label| format!("`{label}`")).collect();
        let (name, labels, about) = (metric.prometheus_name(), labels.join(", "), metric.about);
        text.push_str(
            &[
                format!("| `{name}` | {kind} | {labels} | {about} |"),
                "\n".to_owned(),
            ]
            .concat(),
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_prometheus_and_each_is_there_once() {
        let mut names: Vec<_> = METRICS.iter().map(|metric| metric.prometheus_name()).collect();
        assert!(names.contains(&"brigade_rows_read_total".to_owned()), "{names:?}");
        assert!(
            names.contains(&"brigade_source_bytes_total".to_owned()),
            "{names:?}"
        );
        assert!(
            names.contains(&"brigade_put_records_duration_seconds".to_owned()),
            "{names:?}"
        );
        assert!(names.contains(&"brigade_shard_use_ratio".to_owned()), "{names:?}");
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count, "a name is there twice");
    }
}
