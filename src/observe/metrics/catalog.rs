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
    DEAD_LETTERS = Counter "brigade.dead_letters" "{row}" ["table", "code"]
        "Dead letters that this process made durable, by the reason that they name. A restart may write one again.";
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
    OBJECTS_NOT_READ = Gauge "brigade.objects_not_read" "{object}" ["queue", "reason"]
        "Objects that nobody reads: `before_start`, `after_load`, `replaced`, `read_otherwise`, `unread_changes`, or `not_data`. See the log.";
    LISTING_DURATION = Histogram "brigade.listing.duration" "s" ["queue"]
        "Time spent on listing a folder to its end.";
    LISTING_AGE = Gauge "brigade.listing.age" "s" []
        "Time since the folder of the changes was last listed to its end. While 1,000 objects wait, it is not listed.";
    S3_REQUESTS = Counter "brigade.s3_requests" "{request}" ["op", "code"]
        "Requests to S3, each attempt, by operation and HTTP status; `none` without an answer. Only with a bucket.";
    BODY_RESUMES = Counter "brigade.body_resumes" "{resume}" []
        "Bodies of objects that broke off and went on at the exact byte. Only with a bucket.";
    OLDEST_WAITING = Gauge "brigade.oldest_waiting_object.age" "s" ["queue"]
        "Age, since LastModified, of the oldest object that is known and not opened; 0 if none waits.";
    OLDEST_UNSETTLED = Gauge "brigade.oldest_unsettled_object.age" "s" ["queue"]
        "The same of the oldest that is not settled, opened or not.";
    FRESHNESS = Histogram "brigade.freshness" "s" ["queue"]
        "Time from LastModified of an object until its last row was settled and durably noted.";
    ETA = Gauge "brigade.eta" "s" []
        "Time that the load still takes at the pace of the last minute; no value without a complete listing or a pace.";
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
    SETTLE = Histogram "brigade.settle" "s" []
        "Time until it was known what a shard had of the records in doubt: waiting for requests that are under way, and reading back.";
    HOT_KEY = Gauge "brigade.hot_key_share" "1" ["shard"]
        "At least this share of the records of a shard has the same partition key lately, by a sample of each request.";
    RETENTION_MARGIN = Gauge "brigade.retention_margin" "s" []
        "Retention of the stream less the age of the checkpoint: how long records in doubt can still be read back. Only with Kinesis.";
    STREAM_INFO = Gauge "brigade.stream_info" "" ["stream", "mode"]
        "Always 1; its labels say which stream it is. Only with Kinesis.";
    SHARDS_IN_DOUBT = Gauge "brigade.shards_in_doubt" "{shard}" []
        "Shards that are being read back for records in doubt.";
    CHECKPOINT_AGE = Gauge "brigade.checkpoint.age" "s" []
        "Time since the last durable checkpoint, while something is in flight; else 0.";
    CHECKPOINT_DURATION = Histogram "brigade.checkpoint.duration" "s" []
        "Time of one durable commit.";
    CHECKPOINT = Gauge "brigade.checkpoint" "By" []
        "Bytes of the state on its disk.";
    DEAD_LETTER_BYTES = Gauge "brigade.dead_letter" "By" []
        "Bytes of the files of dead letters.";
    STATE_DISK_FREE = Gauge "brigade.state_disk_free" "By" []
        "Bytes that are free on the disk of the state.";
    NO_PROGRESS = Gauge "brigade.no_progress" "s" []
        "How long nothing was settled although there is work; 0 without work.";
    CONSECUTIVE_ERRORS = Gauge "brigade.consecutive_errors" "{attempt}" ["stage"]
        "Attempts in a row that failed since the `source` or the `target` is away; 0 while it answers.";
    CREDENTIALS_EXPIRE = Gauge "brigade.credentials_expire" "s" []
        "Time until the credentials in use expire. No value if they do not.";
    CLOCK_SKEW = Gauge "brigade.clock_skew" "s" ["side"]
        "How far the clock here is ahead of the one of S3 or Kinesis, to about a second; negative if it is late.";
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
    VERIFY_LAST_SUCCESS = Gauge "brigade.verify_last_success.timestamp" "s" []
        "When `brigade verify` last compared everything with the stream and missed nothing, in seconds since the epoch. No value before that.";
    VERIFY_ROWS = Gauge "brigade.verify_rows" "{row}" ["finding"]
        "What the last comparison of everything found, and one of a part since: rows that are `missing`, `repeated` or `out_of_order`. No value before the first one.";
    TASK_STATE = Gauge "brigade.task_state" "" ["state"]
        "1 for the state of the task: `starting`, `full_load`, `changes`, `paused` or `stopping`; 0 for the others.";
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
