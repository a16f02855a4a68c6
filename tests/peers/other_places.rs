//! Buckets and streams that are not simply there: of another owner, in another region, encrypted with a key, behind a
//! certificate of one's own.
#![allow(
    clippy::unwrap_used,
    clippy::missing_assert_message,
    reason = "a test that cannot be set up has to fail"
)]

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use aws_config::{Region, SdkConfig};
use aws_sdk_s3::types::{BucketLocationConstraint, CreateBucketConfiguration, ServerSideEncryption};
use bucket_brigade::model::{BatchRecord, ObjectVersion};
use bucket_brigade::settings::Aggregation;
use bucket_brigade::sink::kinesis::{KinesisOptions, KinesisSink};
use bucket_brigade::sink::{PutEntry, ReadStart, RecordSink, SinkError};
use bucket_brigade::source::s3::{S3Options, S3Source};
use bucket_brigade::source::{ObjectSource, SourceError};
use bytes::Bytes;
use futures_util::TryStreamExt;
use tokio::runtime::Handle;

use crate::servers::scripted::{Reply, ScriptedServer};
use crate::{servers, source_conformance};

/// Another region than that of [`servers::shared_configuration`].
const ELSEWHERE: &str = "ap-southeast-2";
const CONTENT: &[u8] = b"1,first\n2,second\n";

fn options(endpoint: &str) -> S3Options {
    S3Options {
        region: Some(ELSEWHERE.to_owned()),
        ..source_conformance::options(endpoint, "elsewhere")
    }
}

fn configuration_elsewhere() -> SdkConfig {
    let shared = servers::shared_configuration().into_builder();
    shared.region(Region::new(ELSEWHERE)).build()
}

fn denied() -> Reply {
    let body = "<?xml version=\"1.0\"?><Error><Code>AccessDenied</Code><Message>scripted</Message></Error>";
    let length = body.len().to_string();
    Reply::new(403, &[("content-length", &length)], body.as_bytes())
}

async fn read(source: &S3Source, version: &ObjectVersion, position: u64) -> Bytes {
    let pieces = source.read(version, position).await.unwrap();
    let pieces: Vec<Bytes> = pieces.try_collect().await.unwrap();
    pieces.concat().into()
}

/// S3 answers so if the bucket is not of the account that the header names.
#[tokio::test]
async fn a_bucket_of_another_owner_is_refused_at_once_and_nothing_of_it_is_read() {
    let server = ScriptedServer::start(vec![denied(), denied()]).await;
    let source = S3Source::new(
        &servers::shared_configuration(),
        S3Options {
            expected_bucket_owner: Some("111122223333".to_owned()),
            ..options(&server.endpoint)
        },
        Handle::current(),
    );
    let listed = source.check().await.unwrap_err();
    assert!(matches!(listed, SourceError::Denied { .. }), "{listed:?}");
    let version = ObjectVersion {
        key: "orders/LOAD1.csv".to_owned(),
        etag: "e".to_owned(),
        size_bytes: 9,
        modified_ms: 0,
    };
    let body = async { source.read(&version, 0).await?.try_collect::<Vec<Bytes>>().await };
    let refused = body.await.unwrap_err();
    assert!(matches!(refused, SourceError::Denied { .. }), "{refused:?}");
    let requests = server.requests();
    assert_eq!(requests.len(), 2, "neither is repeated");
    for request in &requests {
        let owner = request.header("x-amz-expected-bucket-owner");
        assert_eq!(owner, Some("111122223333"), "{}", request.head);
    }
}

#[tokio::test]
async fn a_bucket_of_another_region_is_asked_in_its_region_or_the_answer_says_which() {
    let moved = [("x-amz-bucket-region", ELSEWHERE), ("content-length", "0")];
    let server = ScriptedServer::start(vec![Reply::new(301, &moved, b""), denied()]).await;
    let of_region = |region: Option<&str>| {
        let options = S3Options {
            region: region.map(str::to_owned),
            ..options(&server.endpoint)
        };
        S3Source::new(&servers::shared_configuration(), options, Handle::current())
    };
    let said = of_region(None).check().await.unwrap_err().to_string();
    assert!(
        said.contains(ELSEWHERE) && said.contains("source.s3.region"),
        "{said}"
    );
    of_region(Some(ELSEWHERE)).check().await.unwrap_err();
    let scopes = server
        .requests()
        .into_iter()
        .map(|request| request.header("authorization").unwrap().to_owned());
    let scopes: Vec<_> = scopes.collect();
    assert!(scopes[0].contains("/eu-west-1/s3/"), "{scopes:?}");
    assert!(scopes[1].contains("/ap-southeast-2/s3/"), "{scopes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn objects_that_are_encrypted_with_a_key_are_read_to_the_byte_in_another_region() {
    let Some(server) = servers::moto() else { return };
    let builder = aws_sdk_s3::config::Builder::from(&configuration_elsewhere());
    let client = aws_sdk_s3::Client::from_conf(
        builder
            .endpoint_url(&server.endpoint)
            .force_path_style(true)
            .build(),
    );
    let place =
        CreateBucketConfiguration::builder().location_constraint(BucketLocationConstraint::from(ELSEWHERE));
    let create = client.create_bucket().bucket("elsewhere");
    create
        .create_bucket_configuration(place.build())
        .send()
        .await
        .unwrap();
    let key = format!("arn:aws:kms:{ELSEWHERE}:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab");
    let put = client.put_object().bucket("elsewhere").key("orders/LOAD1.csv");
    let put = put
        .server_side_encryption(ServerSideEncryption::AwsKms)
        .ssekms_key_id(&key);
    put.body(Bytes::from_static(CONTENT).into()).send().await.unwrap();
    let head = client
        .head_object()
        .bucket("elsewhere")
        .key("orders/LOAD1.csv")
        .send()
        .await
        .unwrap();
    assert_eq!(head.server_side_encryption(), Some(&ServerSideEncryption::AwsKms));
    assert_eq!(head.ssekms_key_id(), Some(key.as_str()));

    let source = S3Source::new(
        &servers::shared_configuration(),
        options(&server.endpoint),
        Handle::current(),
    );
    source.check().await.unwrap();
    let listed = source.list("orders/", None).await.unwrap();
    let version = &listed.objects[0];
    assert_eq!(read(&source, version, 0).await, CONTENT);
    assert_eq!(
        read(&source, version, 8).await,
        &CONTENT[8..],
        "a restart goes on in its middle"
    );
}

fn sink(endpoint: &str, stream: &str, region: Option<&str>, aggregation: Aggregation) -> KinesisSink {
    let options = KinesisOptions {
        stream: stream.to_owned(),
        region: region.map(str::to_owned),
        endpoint: Some(endpoint.to_owned()),
        request_timeout: Duration::from_mins(1),
        aggregation,
    };
    KinesisSink::new(&servers::shared_configuration(), options, Handle::current())
}

/// The server keeps the streams of each region by themselves.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_of_another_region_is_written_and_read_by_its_arn() {
    let Some(server) = servers::moto() else { return };
    let builder = aws_sdk_kinesis::config::Builder::from(&configuration_elsewhere());
    let client = aws_sdk_kinesis::Client::from_conf(builder.endpoint_url(&server.endpoint).build());
    client
        .create_stream()
        .stream_name("far")
        .shard_count(2)
        .send()
        .await
        .unwrap();
    let described = client
        .describe_stream_summary()
        .stream_name("far")
        .send()
        .await
        .unwrap();
    let arn = described.stream_description_summary.unwrap().stream_arn;
    assert!(arn.contains(ELSEWHERE), "{arn}");

    let near = sink(&server.endpoint, "far", None, Aggregation::None)
        .describe()
        .await;
    assert!(matches!(near, Err(SinkError::Missing { .. })), "{near:?}");
    for (aggregation, payload) in [(Aggregation::None, "plain"), (Aggregation::Kpl, "aggregated")] {
        let far = sink(&server.endpoint, &arn, Some(ELSEWHERE), aggregation);
        let shards = far.describe().await.unwrap().shards;
        let shard = shards.shards()[0].clone();
        far.check_readable(&shard).await.unwrap();
        let keys = (0..).map(|number: u64| format!("key-{number}"));
        let keys = keys.filter(|key| {
            let point = bucket_brigade::route::shard_map::HashKey::of_partition_key(key.as_bytes());
            shard.range.contains(point)
        });
        let records: Vec<_> = keys
            .take(3)
            .zip(0..)
            .map(|(key, ordinal)| BatchRecord::new(ordinal, payload.as_bytes(), key.as_bytes()))
            .collect();
        let entries = far.put(&shard, &records).await.unwrap();
        assert!(
            entries
                .iter()
                .all(|entry| matches!(entry, PutEntry::Stored { .. })),
            "{entries:?}"
        );
        let mut reader = far.read(&shard, ReadStart::Oldest).await.unwrap();
        let page = reader.next_page().await.unwrap();
        let found = page
            .records
            .iter()
            .filter(|record| record.payload == payload.as_bytes());
        assert_eq!(found.count(), 3);
    }
}

/// Serves one listing after another over TLS, with a certificate of an authority that nobody knows.
const TLS_PROGRAM: &str = r#"
import http.server, ssl, sys
PAGE = b'<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>'
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("content-length", str(len(PAGE)))
        self.end_headers()
        self.wfile.write(PAGE)
    def log_message(self, *arguments):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(sys.argv[1] + "/server.pem", sys.argv[1] + "/server.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
"#;

struct TlsServer {
    child: Child,
    port: String,
}

impl Drop for TlsServer {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn run(folder: &Path, program: &str, arguments: &[&str]) -> Result<(), String> {
    let output = Command::new(program).args(arguments).current_dir(folder).output();
    let output = output.map_err(|error| format!("{program}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        Ok(())
    } else {
        Err(format!("{program}: {said}"))
    }
}

/// Makes an authority and a certificate of it, and serves with that.
fn tls_server(folder: &Path) -> Result<TlsServer, String> {
    let python = servers::install::system_python("ssl")?;
    std::fs::write(folder.join("ext"), "subjectAltName=IP:127.0.0.1\n").map_err(|error| error.to_string())?;
    let split = |line: &'static str| line.split(' ').collect::<Vec<_>>();
    for line in [
        "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=authority",
        "req -newkey rsa:2048 -nodes -keyout server.key -out server.csr -subj /CN=server",
        "x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem -days 2 -extfile ext",
    ] {
        run(folder, "openssl", &split(line))?;
    }
    let mut command = Command::new(python);
    command
        .arg("-c")
        .arg(TLS_PROGRAM)
        .arg(folder)
        .stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| error.to_string())?;
    let mut port = String::new();
    let stdout = child.stdout.take().ok_or("no output")?;
    let read = BufReader::new(stdout).read_line(&mut port);
    let server = TlsServer {
        child,
        port: port.trim().to_owned(),
    };
    match read {
        Ok(_) if !server.port.is_empty() => Ok(server),
        Ok(_) => Err("the server did not start".to_owned()),
        Err(error) => Err(error.to_string()),
    }
}

#[cfg(feature = "sandbox")]
#[test]
fn a_server_is_trusted_by_the_bundle_that_aws_ca_bundle_names_and_by_no_other() {
    let folder = tempfile::tempdir().unwrap();
    let Some(server) = servers::or_skip("TLS server", tls_server(folder.path())) else {
        return;
    };
    let task = crate::task_folder::TaskFolder::new(&crate::task_folder::Settings::default());
    let text = std::fs::read_to_string(task.path().join("brigade.yaml")).unwrap();
    let s3 = format!(
        "  s3:\n    bucket: elsewhere\n    region: eu-west-1\n    endpoint: \"https://127.0.0.1:{}\"\n    path_style: true\n    cdc_path: cdc\n",
        server.port
    );
    let text = text.replace("  local:\n    directory: ./data\n    cdc_path: cdc\n", &s3);
    task.write("brigade.yaml", &text);
    let with_bundle = |bundle: &str| {
        let mut command = task.command(&["plan"]);
        command
            .env("AWS_CA_BUNDLE", bundle)
            .env("AWS_CONFIG_FILE", "/dev/null");
        crate::task_folder::Ended::from(command.output().unwrap())
    };
    let authority = folder.path().join("ca.pem");
    with_bundle(authority.to_str().unwrap()).expect(0);
    for (bundle, reason) in [
        (folder.path().join("ca.key"), "no certificate"),
        (folder.path().join("gone.pem"), "AWS_CA_BUNDLE names"),
    ] {
        let refused = with_bundle(bundle.to_str().unwrap()).expect(78);
        assert!(refused.stderr.contains(reason), "{refused:?}");
    }
    let other = tempfile::tempdir().unwrap();
    let line = "req -x509 -newkey rsa:2048 -nodes -keyout ca.key -out ca.pem -days 2 -subj /CN=other";
    run(other.path(), "openssl", &line.split(' ').collect::<Vec<_>>()).unwrap();
    let untrusted = with_bundle(other.path().join("ca.pem").to_str().unwrap());
    assert_eq!(untrusted.code, Some(69), "{untrusted:?}");
}
