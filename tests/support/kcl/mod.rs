//! The Kinesis Client Library in a process of its own, which prints what it reads.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    unreachable_pub,
    reason = "a test that cannot be set up has to fail, and one that is skipped has to say so"
)]

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use base64_simd::STANDARD;
use bucket_brigade::sink::SeenRecord;
use serde::Deserialize;
use tempfile::TempDir;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::{Instant, timeout_at};

use super::servers::process::{ServerProcess, start_moto};
use super::servers::{REGION, install, or_skip};

/// A run takes seconds.
const PATIENCE: Duration = Duration::from_secs(90);

/// A line of `Main.java`; key and message are base64.
#[derive(Debug, Deserialize)]
struct Line {
    shard: String,
    sequence_number: String,
    member: Option<usize>,
    partition_key: String,
    data: String,
}

/// What a [`Kcl`] is made of.
#[derive(Debug)]
pub struct Installed {
    /// The folder of the library and what it needs.
    libraries: PathBuf,
    /// The Python interpreter that has moto.
    moto: PathBuf,
}

/// The library, and moto for its leases. Skipped aloud without Java and Maven, also where all servers are required:
/// they take more than Python and Node.
pub fn installed() -> Option<Installed> {
    for program in ["java", "mvn"] {
        if Command::new(program).arg("-version").output().is_err() {
            eprintln!("SKIPPED: KCL: there is no {program}");
            return None;
        }
    }
    let libraries = or_skip("KCL", install::kcl(&folder().join("pom.xml")))?;
    let moto = or_skip("moto", install::moto())?;
    Some(Installed { libraries, moto })
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/support/kcl")
}

/// The running program; it ends when its standard input closes, so also when the test is killed.
#[derive(Debug)]
pub struct Kcl {
    child: Child,
    lines: UnboundedReceiver<String>,
    files: TempDir,
    /// Its `DynamoDB`, which nobody else uses.
    _leases: ServerProcess,
}

impl Drop for Kcl {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

impl Kcl {
    /// Starts to read a stream from its oldest record.
    pub fn start(installed: &Installed, endpoint: &str, stream: &str) -> Self {
        let leases = start_moto(&installed.moto).unwrap();
        let files = tempfile::tempdir().unwrap();
        let complaints = File::create(files.path().join("complaints")).unwrap();
        let mut child = Command::new("java")
            .args(["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-cp"])
            .arg(installed.libraries.join("*"))
            .arg(format!("-Djava.io.tmpdir={}", files.path().display()))
            .arg(folder().join("Main.java"))
            .args([endpoint, &leases.endpoint, REGION, stream])
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .current_dir(files.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(complaints)
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = unbounded_channel();
        std::thread::spawn(move || {
            for line in output.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Self {
            child,
            lines,
            files,
            _leases: leases,
        }
    }

    /// Everything that is printed, by shard, until so many records whose partition keys begin with `word` came.
    pub async fn read_until(&mut self, word: &str, count: usize) -> BTreeMap<String, Vec<SeenRecord>> {
        let deadline = Instant::now() + PATIENCE;
        let (mut seen, mut found) = (BTreeMap::<_, Vec<_>>::new(), 0);
        while found < count {
            let Ok(Some(line)) = timeout_at(deadline, self.lines.recv()).await else {
                let complaints = fs::read_to_string(self.files.path().join("complaints")).unwrap();
                let counts: Vec<_> = seen
                    .iter()
                    .map(|(shard, records)| (shard, records.len()))
                    .collect();
                panic!("KCL read {counts:?} and nothing more: {complaints}");
            };
            let line: Line = serde_json::from_str(&line).expect(&line);
            let text = |base64: &str| STANDARD.decode_to_vec(base64).unwrap();
            let record = SeenRecord {
                sequence_number: line.sequence_number,
                member: line.member,
                partition_key: String::from_utf8(text(&line.partition_key)).unwrap(),
                payload: text(&line.data).into(),
            };
            found += usize::from(record.partition_key.starts_with(word));
            seen.entry(line.shard).or_default().push(record);
        }
        seen
    }
}
