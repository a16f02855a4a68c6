//! Starts the servers and stops exactly the processes that were started.
//!
//! moto, kinesalite and oteltap run until their standard input closes, so they also end when the test program is killed.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Prints its port, which the system chose.
const MOTO_PROGRAM: &str = r#"
import sys
from moto.server import ThreadedMotoServer
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(server.get_host_and_port()[1], flush=True)
sys.stdin.read()
"#;

/// Takes the file that it writes spans to, one JSON object per line; prints its port.
///
/// The receiver does not tell a port that the system chose, so the program looks for one and tries anew.
const OTELTAP_PROGRAM: &str = r#"
import asyncio, socket, sys
from google.protobuf.json_format import MessageToJson
from oteltap import OtelTapHttpProtobufReceiver, OtelTapHttpProtobufReceiverSettings

async def start():
    for attempt in range(20):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        try:
            return port, await OtelTapHttpProtobufReceiver(OtelTapHttpProtobufReceiverSettings(http_port=port)).start()
        except Exception as error:
            last = error
    raise last

async def main():
    port, receiver = await start()
    asyncio.get_running_loop().run_in_executor(None, sys.stdin.read).add_done_callback(lambda _: sys.exit(0))
    print(port, flush=True)
    with open(sys.argv[1], "w") as spans:
        async for span in receiver.stream_traces():
            print(MessageToJson(span, indent=None), file=spans, flush=True)

asyncio.run(main())
"#;

const KINESALITE_PROGRAM: &str = r"
const server = require('kinesalite')({ createStreamMs: 50, deleteStreamMs: 50, updateStreamMs: 50, shardLimit: 100 });
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.on('end', () => process.exit(0)).resume();
";

/// A running server; it is stopped when this is dropped.
#[derive(Debug)]
pub struct ServerProcess {
    child: Child,
    /// Where it listens.
    pub endpoint: String,
    /// Its files, if it has some.
    _data: Option<tempfile::TempDir>,
}

impl Drop for ServerProcess {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// Starts moto with the interpreter that has it.
pub fn start_moto(python: &Path) -> Result<ServerProcess, String> {
    start_announced(Command::new(python).arg("-c").arg(MOTO_PROGRAM))
}

/// Starts oteltap with the interpreter that has it; it writes the spans it receives to a file.
pub fn start_oteltap(python: &Path, spans: &Path) -> Result<ServerProcess, String> {
    start_announced(Command::new(python).arg("-c").arg(OTELTAP_PROGRAM).arg(spans))
}

/// Starts kinesalite from the folder of its modules.
pub fn start_kinesalite(modules: &Path) -> Result<ServerProcess, String> {
    start_announced(
        Command::new("node")
            .env("NODE_PATH", modules)
            .arg("-e")
            .arg(KINESALITE_PROGRAM),
    )
}

/// Starts `minio` over a folder of its own.
pub fn start_minio(program: &Path) -> Result<ServerProcess, String> {
    let data = tempfile::tempdir().map_err(|error| error.to_string())?;
    // MinIO does not tell a port that the system chose; another process may take this one, so it is tried anew.
    let mut last = String::new();
    for _attempt in 0..5 {
        let port = free_port()?;
        let mut command = Command::new(program);
        command
            .env("MINIO_ROOT_USER", super::ACCESS_KEY)
            .env("MINIO_ROOT_PASSWORD", super::SECRET_KEY)
            .env("MINIO_BROWSER", "off")
            .env("MINIO_REGION", super::REGION)
            .args(["server", "--quiet", "--address", &format!("127.0.0.1:{port}")])
            .arg(data.path());
        let mut child = spawn(command.stdout(Stdio::null()))?;
        match wait_for_port(&mut child, port) {
            Ok(()) => {
                return Ok(ServerProcess {
                    child,
                    endpoint: format!("http://127.0.0.1:{port}"),
                    _data: Some(data),
                });
            }
            Err(error) => last = error,
        }
        child.kill().ok();
        child.wait().ok();
    }
    Err(last)
}

/// Starts Prometheus with a configuration; its data goes with it.
pub fn start_prometheus(program: &Path, configuration: &Path) -> Result<ServerProcess, String> {
    let data = tempfile::tempdir().map_err(|error| error.to_string())?;
    let port = free_port()?;
    let mut command = Command::new(program);
    command
        .arg(format!("--config.file={}", configuration.display()))
        .arg(format!("--storage.tsdb.path={}", data.path().display()))
        .arg(format!("--web.listen-address=127.0.0.1:{port}"))
        .args(["--log.level=error"]);
    let child = spawn(command.stdout(Stdio::null()))?;
    let mut server = ServerProcess {
        child,
        endpoint: format!("http://127.0.0.1:{port}"),
        _data: Some(data),
    };
    wait_for_port(&mut server.child, port)?;
    Ok(server)
}

/// A running Jaeger.
#[derive(Debug)]
pub struct Jaeger {
    /// Where it answers questions.
    pub query: ServerProcess,
    /// Where it takes spans.
    pub endpoint: String,
}

/// Starts Jaeger, with its spans in memory.
pub fn start_jaeger(program: &Path) -> Result<Jaeger, String> {
    let data = tempfile::tempdir().map_err(|error| error.to_string())?;
    let (query, questions, spans) = (free_port()?, free_port()?, free_port()?);
    let configuration = format!(
        "service:
  extensions: [jaeger_storage, jaeger_query]
  pipelines:
    traces: {{ receivers: [otlp], exporters: [jaeger_storage_exporter] }}
  telemetry: {{ metrics: {{ level: none }}, logs: {{ level: error }} }}
extensions:
  jaeger_storage: {{ backends: {{ memory: {{ memory: {{ max_traces: 10000 }} }} }} }}
  jaeger_query:
    storage: {{ traces: memory }}
    http: {{ endpoint: \"127.0.0.1:{query}\" }}
    grpc: {{ endpoint: \"127.0.0.1:{questions}\" }}
receivers:
  otlp: {{ protocols: {{ http: {{ endpoint: \"127.0.0.1:{spans}\" }} }} }}
exporters:
  jaeger_storage_exporter: {{ trace_storage: memory }}
"
    );
    let path = data.path().join("jaeger.yaml");
    std::fs::write(&path, configuration).map_err(|error| error.to_string())?;
    let mut command = Command::new(program);
    command.arg("--config").arg(path).stdout(Stdio::null());
    let mut server = ServerProcess {
        child: spawn(&mut command)?,
        endpoint: format!("http://127.0.0.1:{query}"),
        _data: Some(data),
    };
    wait_for_port(&mut server.child, query)?;
    wait_for_port(&mut server.child, spans)?;
    Ok(Jaeger {
        query: server,
        endpoint: format!("http://127.0.0.1:{spans}"),
    })
}

/// Starts a program that prints its port as its first line.
fn start_announced(command: &mut Command) -> Result<ServerProcess, String> {
    let child = spawn(command.stdout(Stdio::piped()))?;
    let mut server = ServerProcess {
        child,
        endpoint: String::new(),
        _data: None,
    };
    let output = server.child.stdout.take().ok_or("no output")?;
    let mut line = String::new();
    BufReader::new(output)
        .read_line(&mut line)
        .map_err(|error| error.to_string())?;
    let port: u16 = line
        .trim()
        .parse()
        .map_err(|_error| format!("the server said {line:?} instead of its port"))?;
    server.endpoint = format!("http://127.0.0.1:{port}");
    Ok(server)
}

fn spawn(command: &mut Command) -> Result<Child, String> {
    let command = command.stdin(Stdio::piped()).stderr(Stdio::null());
    command.spawn().map_err(|error| format!("{command:?}: {error}"))
}

fn free_port() -> Result<u16, String> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).map_err(|error| error.to_string())?;
    listener
        .local_addr()
        .map(|address| address.port())
        .map_err(|error| error.to_string())
}

fn wait_for_port(child: &mut Child, port: u16) -> Result<(), String> {
    for _attempt in 0..300 {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            return Err(format!("the server ended with {status}"));
        }
        if TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Err("the server did not open its port".to_owned())
}
