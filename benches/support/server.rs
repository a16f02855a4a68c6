//! A server in a process of its own, so that its CPU time is nobody else's: this very program in another role.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use super::Trouble;

/// The running server; it ends when this is dropped.
#[derive(Debug)]
pub struct Server {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    /// Base URL.
    pub endpoint: String,
}

impl Server {
    /// Starts this program with the role as its argument; the first line it says is its endpoint.
    ///
    /// # Errors
    /// If it does not start.
    pub fn start(role: &str) -> Result<Self, Trouble> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(role)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let input = child.stdin.take();
        let output = BufReader::new(child.stdout.take().ok_or("the server has no output")?);
        let mut server = Self {
            child,
            input,
            output,
            endpoint: String::new(),
        };
        server.endpoint = server.line()?;
        Ok(server)
    }

    /// Asks it something in a line, and gives the line it answers.
    ///
    /// # Errors
    /// If it is gone.
    pub fn ask(&mut self, question: &str) -> Result<String, Trouble> {
        let input = self.input.as_mut().ok_or("the server has no input")?;
        writeln!(input, "{question}")?;
        input.flush()?;
        self.line()
    }

    fn line(&mut self) -> Result<String, Trouble> {
        let mut line = String::new();
        self.output.read_line(&mut line)?;
        Ok(line.trim().to_owned())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Its input ends, and with it the process.
        drop(self.input.take());
        self.child.wait().ok();
    }
}

/// Is the server until the input ends: says the endpoint, then an answer to each line.
///
/// # Errors
/// If nobody listens.
pub fn serve(endpoint: &str, mut answer: impl FnMut() -> String) -> Result<(), Trouble> {
    let mut out = std::io::stdout();
    writeln!(out, "{endpoint}")?;
    out.flush()?;
    for line in std::io::stdin().lines() {
        line?;
        writeln!(out, "{}", answer())?;
        out.flush()?;
    }
    Ok(())
}
