//! What the doors share whose engine runs against the servers of the sandbox: a world that can break ([`world`],
//! [`gate`]), rows from a seed ([`data`]), the real binary ([`engine`]) and the judge of what came through ([`judge`]).

pub(crate) mod data;
pub(crate) mod engine;
pub(crate) mod gate;
pub(crate) mod judge;
pub(crate) mod task;
pub(crate) mod world;

use std::fs;
use std::path::Path;
use std::time::Duration;

use bucket_brigade::sandbox::fault_proxy::{FaultPlan, FaultRates};
use bucket_brigade::saturate;
use serde_json::Value;

use self::data::{Data, File};
use self::engine::{Ended, Engine};
use self::judge::{Expectation, Findings, Judge};
use self::task::TaskConfig;
use self::world::{BUCKET, World};

/// How long what must happen may take, beside the outages of a door.
pub(crate) const PATIENCE: Duration = Duration::from_mins(2);
/// File name of the configuration.
pub(crate) const CONFIGURATION: &str = "brigade.yaml";
const DEFINITION: &str = "table-definition.json";

/// A task in a folder of its own, its world, and its rows.
#[derive(Debug)]
pub(crate) struct Field {
    pub(crate) world: World,
    pub(crate) data: Data,
    pub(crate) task: TaskConfig,
    /// Variables that `brigade run` gets, beside those of every command.
    pub(crate) environment: Vec<(&'static str, String)>,
    folder: tempfile::TempDir,
}

impl Field {
    /// A task that has not begun, over no files; single requests are broken by these rates.
    pub(crate) fn new(seed: u64, data: Data, task: TaskConfig, rates: FaultRates) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let objects = folder.path().join("s3");
        fs::create_dir(&objects).map_err(|error| format!("{}: {error}", objects.display()))?;
        let field = Self {
            world: World::start(&objects, FaultPlan { rates, seed })?,
            data,
            task,
            environment: Vec::new(),
            folder,
        };
        field.write(DEFINITION, &field.data.definition())?;
        field.configure()?;
        Ok(field)
    }

    /// The folder with everything.
    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file into the folder.
    pub(crate) fn write(&self, name: &str, content: &str) -> Result<(), String> {
        fs::write(self.path().join(name), content).map_err(|error| format!("{name}: {error}"))
    }

    /// Writes the configuration as it stands now.
    pub(crate) fn configure(&self) -> Result<(), String> {
        let endpoints = (self.world.s3_endpoint(), self.world.kinesis_endpoint());
        self.write(CONFIGURATION, &self.task.configuration(endpoints))
    }

    /// Puts a file where the task began to look for it.
    pub(crate) fn put(&self, file: &File) -> Result<(), String> {
        self.world.put(BUCKET, "", file)
    }

    /// Makes load files of so many rows for every table and puts them there.
    pub(crate) fn load(&mut self, files_per_table: usize, rows_per_file: usize) -> Result<(), String> {
        for _ in 0..files_per_table {
            for table in 0..self.data.tables_count() {
                let file = self.data.load(table, rows_per_file);
                self.put(&file)?;
            }
        }
        Ok(())
    }

    /// Makes a change file and puts it there.
    pub(crate) fn changes(&mut self, rows_count: usize) -> Result<(), String> {
        let file = self.data.changes(rows_count);
        self.put(&file)
    }

    /// Records that the stream has when everything is sent: rows and control records.
    pub(crate) fn records_expected(&self) -> u64 {
        let controls = judge::controls(self.data.tables_count());
        self.data.rows_count() + saturate::to_u64(controls.len())
    }

    /// Starts the engine with further arguments.
    pub(crate) fn start(&self, arguments: &[&str]) -> Result<Engine, String> {
        let run = ["run", "--output", "json"];
        Engine::start(self.path(), &[&run, arguments].concat(), &self.environment)
    }

    /// Runs the engine until everything is sent; gives its exit code.
    pub(crate) fn finish(&self, patience: Duration) -> Result<i32, String> {
        self.start(&["--once"])?.wait(patience)
    }

    /// The same, and any exit code but 0 is a failure.
    pub(crate) fn complete(&self, patience: Duration) -> Result<(), String> {
        match self.finish(patience)? {
            0 => Ok(()),
            code => Err(format!("`run --once` ended with {code}: {}", self.last_words())),
        }
    }

    /// Runs a command to its end.
    pub(crate) fn brigade(&self, arguments: &[&str]) -> Result<Ended, String> {
        engine::brigade(self.path(), arguments)
    }

    /// `status.json` as it stands.
    pub(crate) fn status(&self) -> Value {
        let status = fs::read(self.path().join("state/status.json")).unwrap_or_default();
        serde_json::from_slice(&status).unwrap_or_default()
    }

    /// The last lines of the log.
    pub(crate) fn last_words(&self) -> String {
        let log = fs::read_to_string(self.path().join(engine::LOG)).unwrap_or_default();
        let lines: Vec<&str> = log.lines().rev().take(5).collect();
        lines.into_iter().rev().collect::<Vec<_>>().join(" / ")
    }

    /// The verdict on the whole stream, where single requests were broken and the engine crashed so often.
    ///
    /// With `final`, what overtook a refused record of its key is sent again, to keep the last state of the key; and where
    /// a crash may have met such a repair, equal rows may come again too, with the rows of their key after them.
    pub(crate) fn verdict_over_faults(&self, crashes: u64) -> Result<String, String> {
        let findings = self.judge(Expectation::default())?;
        let faults = self.world.faults();
        match self.task.ordering {
            "final" if faults.throttled_records > 0 => {
                let overtakers = faults.stored_behind_refused_of_key + faults.untold_behind_refused_of_key;
                findings.verdict_with_equals(overtakers, crashes)
            }
            _other => findings.verdict(0),
        }
    }

    /// Reads the whole stream and compares it with the rows.
    pub(crate) fn judge(&self, expectation: Expectation) -> Result<Findings, String> {
        let mut judge = Judge::new(&self.data, expectation);
        for shard in self.world.read()? {
            for record in &shard.records {
                judge.take(&record.partition_key, &record.payload);
            }
        }
        Ok(judge.finish())
    }
}
