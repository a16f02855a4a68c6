//! A task in a folder of its own, and the real binary to run it with.

#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test program has no public, and a test that cannot be set up has to fail"
)]

use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// How long a test waits for what must happen.
const PATIENCE: Duration = Duration::from_secs(30);
/// Records of a new task: two rows loaded, two changes, and three control records.
pub const RECORDS: usize = 7;
const TABLE_DEFINITION: &str = r#"{
  "TableCount": "1",
  "Tables": [
    {
      "TableName": "orders",
      "TablePath": "shop/orders/",
      "TableOwner": "shop",
      "TableColumns": [
        { "ColumnName": "id", "ColumnType": "INT8", "ColumnNullable": "false", "ColumnIsPk": "true" },
        { "ColumnName": "amount", "ColumnType": "NUMERIC", "ColumnPrecision": "10", "ColumnScale": "2" },
        { "ColumnName": "note", "ColumnType": "STRING", "ColumnLength": "50", "ColumnNullable": "true" }
      ],
      "TableColumnsTotal": "3"
    }
  ]
}
"#;

/// The token of a task that takes orders.
pub const TOKEN: &str = "a-token-of-16-letters";

/// An address that nobody has.
pub fn free_address() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap()
}

/// What of the configuration a test changes.
#[derive(Debug, Clone)]
pub struct Settings {
    pub task: &'static str,
    pub source: String,
    pub late_files: &'static str,
    pub target: String,
    pub dead_letters: &'static str,
    pub state: &'static str,
    pub commit_interval: &'static str,
    pub limits: &'static str,
    /// Where it is served: nowhere, because tests run side by side.
    pub listen: String,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            task: "orders",
            source: "./data".into(),
            late_files: "process",
            target: "  ndjson:\n    path: ./out\n    shards: 2\n    message_format: json-unformatted\n"
                .into(),
            dead_letters: "./dead-letters",
            state: "./state",
            commit_interval: "100ms",
            limits: "  restarts: 0\n",
            listen: "off".to_owned(),
        }
    }
}

/// The folder, which goes with the value.
#[derive(Debug)]
pub struct TaskFolder {
    folder: tempfile::TempDir,
}

impl TaskFolder {
    /// A task with one loaded table of two rows and two change files with a row each.
    pub fn new(settings: &Settings) -> Self {
        let task = Self {
            folder: tempfile::tempdir().unwrap(),
        };
        task.write("table-definition.json", TABLE_DEFINITION);
        task.write("data/shop/orders/LOAD1.csv", "1,10.50,first\n2,20.00,\n");
        task.write("data/cdc/a.csv", "INSERT,orders,shop,3,1.00,third\n");
        task.write("data/cdc/c.csv", "UPDATE,orders,shop,3,2.00,third\n");
        task.configure(settings);
        task
    }

    /// The same, which takes orders with [`TOKEN`] at an address of its own.
    pub fn with_orders() -> (Self, SocketAddr) {
        let address = free_address();
        let task = Self::new(&Settings {
            listen: format!("{address}\", token: \"{TOKEN}"),
            ..Settings::default()
        });
        (task, address)
    }

    /// Writes the configuration anew.
    pub fn configure(&self, settings: &Settings) {
        let Settings {
            task,
            source,
            late_files,
            target,
            dead_letters,
            state,
            commit_interval,
            limits,
            listen,
        } = settings;
        let text = format!(
            "version: 1\ntask: {task}\nmigration_type: full-load-and-cdc\nsource:\n  local:\n    \
             directory: {source}\n    cdc_path: cdc\n  tables: ./table-definition.json\n  late_files: {late_files}\n  \
             poll_interval: 100ms\ntarget:\n{target}errors:\n  dead_letters: {dead_letters}\nstate:\n  sled:\n    \
             path: {state}\n  commit_interval: {commit_interval}\napi: {{ listen: \"{listen}\" }}\nlimits:\n{limits}"
        );
        self.write("brigade.yaml", &text);
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file below the folder.
    pub fn write(&self, name: &str, text: &str) {
        let path = self.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        // At once: a task that runs must not find it half written.
        let incoming = self.path().join(".incoming");
        std::fs::write(&incoming, text).unwrap();
        std::fs::rename(incoming, path).unwrap();
    }

    /// The binary with arguments, nothing of this process's settings, and no terminal.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_brigade"));
        command
            .args(arguments)
            .current_dir(self.path())
            .stdin(Stdio::null());
        for name in [
            "BRIGADE_CONFIG",
            "BRIGADE_OUTPUT",
            "AWS_CA_BUNDLE",
            "HTTP_PROXY",
            "http_proxy",
            "HTTPS_PROXY",
            "https_proxy",
        ] {
            command.env_remove(name);
        }
        command
            .env("BRIGADE_LOG", "off")
            .env("AWS_ACCESS_KEY_ID", "test")
            .env("AWS_SECRET_ACCESS_KEY", "test")
            .env("AWS_EC2_METADATA_DISABLED", "true");
        command
    }

    /// Runs the binary to its end.
    pub fn brigade(&self, arguments: &[&str]) -> Ended {
        Ended::from(self.command(arguments).output().unwrap())
    }

    /// The JSON that a command prints.
    pub fn json(&self, arguments: &[&str]) -> serde_json::Value {
        let arguments = [arguments, &["--output", "json"]].concat();
        let ended = self.brigade(&arguments);
        serde_json::from_str(&ended.stdout).unwrap_or_else(|error| panic!("{error}: {ended:?}"))
    }

    /// Starts the task without an end of its own.
    pub fn start(&self) -> Running {
        Self::start_command(self.command(&["run"]))
    }

    /// Starts a command of this task.
    pub fn start_command(mut command: Command) -> Running {
        let mut child = command
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        Running { child, stderr }
    }

    /// Lines of all output files, which may still be written.
    pub fn records_count(&self) -> usize {
        self.output().iter().map(|text| text.lines().count()).sum()
    }

    /// The messages that were sent, in the order of the shards.
    pub fn messages(&self) -> Vec<String> {
        let output = self.output();
        let lines = output.iter().flat_map(|text| text.lines());
        let message = |line| {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            line.get("payload")
                .and_then(|text| text.as_str())
                .unwrap()
                .to_owned()
        };
        lines.map(message).collect()
    }

    /// The files of all shards.
    fn output(&self) -> Vec<String> {
        let Ok(entries) = std::fs::read_dir(self.path().join("out")) else {
            return Vec::new();
        };
        let mut shards: Vec<PathBuf> = entries.map(|entry| entry.unwrap().path()).collect();
        shards.retain(|path| path.extension().is_some_and(|name| name == "ndjson"));
        shards.sort();
        let text = |path| std::fs::read_to_string(path).unwrap();
        shards.iter().map(text).collect()
    }
}

/// How a command ended.
#[derive(Debug)]
pub struct Ended {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl Ended {
    /// Asserts the exit code, and that errors say so in the first line of standard error.
    pub fn expect(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{self:#?}");
        if code != 0 {
            assert!(self.stderr.starts_with("error: "), "{self:#?}");
        }
        self
    }
}

/// A running task; it is killed if the test gives up.
#[derive(Debug)]
pub struct Running {
    child: Child,
    stderr: BufReader<ChildStderr>,
}

impl Running {
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    pub fn terminate(&self) {
        self.signal("-TERM");
    }

    /// Sends a signal, as `kill` names it.
    pub fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args([signal, &id]).status().unwrap();
        assert!(status.success(), "the process takes no signal");
    }

    /// Reads standard error up to a line that contains the text.
    pub fn read_until(&mut self, text: &str) {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert!(
                self.stderr.read_line(&mut line).unwrap() > 0,
                "ended without {text:?}"
            );
        }
    }

    pub fn exit_code(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Waits for what another process does; there is nothing to be told by.
#[expect(clippy::disallowed_methods, reason = "the other process runs in real time")]
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < PATIENCE, "waited in vain until {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
