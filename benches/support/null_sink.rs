//! The Kinesis server that stores nothing, in a process of its own: its CPU time is nobody else's.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use bucket_brigade::sandbox::null_kinesis::NullKinesis;

use super::Trouble;

/// First argument of the benchmark when it is to be the sink.
pub const ROLE: &str = "null-sink";
/// Shards of every stream of it.
pub const SHARDS_COUNT: u32 = 4;

/// The running sink; it ends when this is dropped.
#[derive(Debug)]
pub struct NullSink {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    /// Base URL.
    pub endpoint: String,
}

/// What the sink has taken since it started.
#[derive(Debug, Clone, Copy, Default)]
pub struct Taken {
    /// Records.
    pub records_count: u64,
    /// Bytes of their messages.
    pub bytes_count: u64,
}

impl NullSink {
    /// Starts this very program as the sink.
    ///
    /// # Errors
    /// If it does not start.
    pub fn start() -> Result<Self, Trouble> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(ROLE)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().ok_or("the sink has no output")?);
        let mut sink = Self {
            child,
            input,
            output,
            endpoint: String::new(),
        };
        sink.endpoint = sink.line()?;
        Ok(sink)
    }

    /// What it has taken so far.
    ///
    /// # Errors
    /// If it is gone.
    pub fn taken(&mut self) -> Result<Taken, Trouble> {
        let input = self.input.as_mut().ok_or("the sink has no input")?;
        writeln!(input, "count")?;
        input.flush()?;
        let line = self.line()?;
        let (records, bytes) = line.split_once(' ').ok_or("the sink did not count")?;
        Ok(Taken {
            records_count: records.parse()?,
            bytes_count: bytes.parse()?,
        })
    }

    fn line(&mut self) -> Result<String, Trouble> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line.trim().to_owned())
    }
}

impl Drop for NullSink {
    fn drop(&mut self) {
        // Its input ends, and with it the process.
        drop(self.input.take());
        self.child.wait().ok();
    }
}

/// Is the sink until the input ends.
///
/// # Errors
/// If there is no port.
pub fn be() -> Result<(), Trouble> {
    let runtime = tokio::runtime::Runtime::new()?;
    let server = runtime.block_on(NullKinesis::start(SHARDS_COUNT))?;
    let mut out = std::io::stdout();
    writeln!(out, "{}", server.endpoint())?;
    out.flush()?;
    for line in std::io::stdin().lines() {
        line?;
        writeln!(
            out,
            "{} {}",
            server.reading().stored_count,
            server.payload_bytes()
        )?;
        out.flush()?;
    }
    Ok(())
}
