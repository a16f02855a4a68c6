//! Others write into the stream while the engine recovers from SIGKILL and reads the stream back: their records are not
//! its own, and however many they are, its memory is bounded.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use aws_sdk_kinesis::primitives::Blob;
use aws_sdk_kinesis::types::PutRecordsRequestEntry;
use bucket_brigade::sandbox::clients::kinesis_client;
use bucket_brigade::sandbox::fault_proxy::FaultRates;
use clap::Args;
use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use tokio::runtime::Builder;

use crate::ScenarioResult;
use crate::field::data::{Data, Equals};
use crate::field::judge::{Expectation, Judge};
use crate::field::task::TaskConfig;
use crate::field::world::STREAM;
use crate::field::{Field, PATIENCE};

/// What `limits.in_flight` of the field says.
const IN_FLIGHT_BYTES: u64 = 4 << 20;
/// What an engine may have resident beyond that, its program aside.
const BESIDE_BYTES: u64 = 64 << 20;
const PACE: u64 = 2_000;
const ROWS_PER_FILE: usize = 1_500;
/// Records of one request.
const RECORDS_PER_REQUEST: u64 = 500;
/// Stands before each partition key of others.
const FOREIGN: &str = "foreign-";
/// Bytes of such a record at most.
const FOREIGN_BYTES_MAX: usize = 600;
/// Within what time the engine has to be done once the others are.
const LIFE_MAX: Duration = Duration::from_mins(5);

#[derive(Debug, Clone, Args)]
pub(crate) struct Arguments {
    /// Seed of the data and of the moment of the kill
    #[arg(long, default_value_t = 1)]
    pub(crate) seed: u64,
    /// Records that others write
    #[arg(long, default_value_t = 300_000)]
    pub(crate) records: u64,
}

pub(crate) fn run(arguments: &Arguments) -> ScenarioResult {
    let Arguments { seed, records } = *arguments;
    let mut rng = SmallRng::seed_from_u64(seed);
    let task = TaskConfig {
        records_per_second: Some(PACE),
        ..TaskConfig::default()
    };
    let data = Data::new(seed, 2, Equals::None);
    let mut field = Field::new(seed, data, task, FaultRates::default())?;
    field.load(2, ROWS_PER_FILE)?;
    let kill_at = rng.random_range(500..4_000);
    let mut engine = field.start(&["--once"])?;
    engine.until("records are stored", PATIENCE, || field.world.stored() >= kill_at)?;
    engine.kill()?;
    let others = Others::start(field.world.kinesis_endpoint(), seed, records);
    // A third is there before the engine looks, the rest comes while it does.
    while others.written() < records / 3 && !others.have_ended() {
        thread::sleep(Duration::from_millis(10));
    }
    let before = others.written();
    let mut engine = field.start(&["--once"])?;
    let mut peak_bytes = 0;
    let patience = LIFE_MAX;
    let mut code = None;
    crate::field::engine::wait_until("the engine ends", patience, || {
        peak_bytes = peak_bytes.max(engine.own_bytes());
        code = engine.ended()?;
        Ok(code.is_some())
    })
    .map_err(|finding| format!("seed {seed}: {finding}; {}", field.last_words()))?;
    let during = others.written() - before;
    others.finish()?;
    if code != Some(0) {
        return Err(format!(
            "seed {seed}: it ended with {code:?}: {}",
            field.last_words()
        ));
    }
    let findings = judge(&field, records);
    let findings = findings.map_err(|finding| format!("seed {seed}: {finding}"))?;
    let limit = IN_FLIGHT_BYTES + BESIDE_BYTES;
    let finding = format!(
        "seed {seed}: killed at {kill_at} records; {records} records of others, {during} of them while the engine recovered and \
         went on; peak {} MiB (limit {} MiB); {findings}",
        peak_bytes >> 20,
        limit >> 20,
    );
    if (1..=limit).contains(&peak_bytes) && during > 0 {
        Ok(finding)
    } else {
        Err(finding)
    }
}

/// Reads the stream as a consumer does that knows its records from those of others.
fn judge(field: &Field, records: u64) -> ScenarioResult {
    let mut judge = Judge::new(&field.data, Expectation::default());
    let mut foreign = 0;
    for shard in field.world.read()? {
        for record in &shard.records {
            if record.partition_key.starts_with(FOREIGN) {
                foreign += 1;
            } else {
                judge.take(&record.partition_key, &record.payload);
            }
        }
    }
    let findings = judge.finish().verdict(0)?;
    if foreign == records {
        Ok(findings)
    } else {
        Err(format!(
            "{foreign} records of others are in the stream; {findings}"
        ))
    }
}

/// Other writers.
#[derive(Debug)]
struct Others {
    written: Arc<AtomicU64>,
    thread: JoinHandle<Result<(), String>>,
}

impl Others {
    fn start(endpoint: &str, seed: u64, records: u64) -> Self {
        let (endpoint, written) = (endpoint.to_owned(), Arc::new(AtomicU64::new(0)));
        let counted = Arc::clone(&written);
        let thread = thread::spawn(move || write(&endpoint, seed, records, &counted));
        Self { written, thread }
    }

    fn written(&self) -> u64 {
        self.written.load(Ordering::SeqCst)
    }

    fn have_ended(&self) -> bool {
        self.thread.is_finished()
    }

    fn finish(self) -> Result<(), String> {
        let ended = self.thread.join();
        ended.map_err(|_panic| "the other writers panicked".to_owned())?
    }
}

fn write(endpoint: &str, seed: u64, records: u64, written: &AtomicU64) -> Result<(), String> {
    let mut builder = Builder::new_current_thread();
    let runtime = builder.enable_all().build().map_err(|error| error.to_string())?;
    let client = kinesis_client(endpoint);
    let mut rng = SmallRng::seed_from_u64(!seed);
    let mut first = 0;
    while first < records {
        let count = RECORDS_PER_REQUEST.min(records - first);
        let entries: Vec<_> = (first..first + count)
            .map(|number| foreign(number, &mut rng))
            .collect::<Result<_, _>>()?;
        let request = client
            .put_records()
            .stream_name(STREAM)
            .set_records(Some(entries));
        let answer = runtime.block_on(request.send());
        let answer = answer.map_err(|error| format!("the other writers: {error:?}"))?;
        if answer.failed_record_count.unwrap_or(0) > 0 {
            return Err("records of the other writers were refused".to_owned());
        }
        first += count;
        written.store(first, Ordering::SeqCst);
    }
    Ok(())
}

fn foreign(number: u64, rng: &mut SmallRng) -> Result<PutRecordsRequestEntry, String> {
    let mut payload = format!("{{\"foreign\":{number}}}").into_bytes();
    payload.resize(payload.len() + rng.random_range(0..FOREIGN_BYTES_MAX), b' ');
    let entry = PutRecordsRequestEntry::builder();
    let entry = entry
        .partition_key(format!("{FOREIGN}{number}"))
        .data(Blob::new(payload));
    entry.build().map_err(|error| error.to_string())
}
