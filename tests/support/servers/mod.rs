//! Independent servers for tests: other people's code speaks S3 and Kinesis, on 127.0.0.1 and a free port.
//!
//! They are installed on first use into `target/test-servers/` from pinned versions. Where that is not possible
//! a test says `SKIPPED: …` and why; with `BRIGADE_TEST_SERVERS=required` it fails instead.
#![allow(
    unreachable_pub,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    reason = "a test program has no public, a test that cannot be set up has to fail, and one that is skipped has to say so"
)]

pub mod install;
pub mod process;
pub mod scripted;

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;

use self::process::ServerProcess;

/// Access key of every test server.
pub const ACCESS_KEY: &str = "brigade-test";
/// Secret key of every test server.
pub const SECRET_KEY: &str = "brigade-test-secret";
/// Region that every test speaks of.
pub const REGION: &str = "eu-west-1";

/// The shared configuration of the AWS clients of a test.
pub fn shared_configuration() -> SdkConfig {
    let credentials = Credentials::new(ACCESS_KEY, SECRET_KEY, None, None, "test");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .build()
}

/// moto (Python): S3 and, without resharding, Kinesis.
pub fn moto() -> Option<ServerProcess> {
    or_skip(
        "moto",
        install::moto().and_then(|python| process::start_moto(&python)),
    )
}

/// kinesalite (Node): Kinesis.
pub fn kinesalite() -> Option<ServerProcess> {
    or_skip(
        "kinesalite",
        install::kinesalite().and_then(|modules| process::start_kinesalite(&modules)),
    )
}

/// oteltap (Python): takes spans over OTLP and writes them to a file.
pub fn oteltap(spans: &std::path::Path) -> Option<ServerProcess> {
    or_skip(
        "oteltap",
        install::oteltap().and_then(|python| process::start_oteltap(&python, spans)),
    )
}

/// `minio` (Go): S3. Only with `BRIGADE_TEST_MINIO=1`, because its build takes minutes.
pub fn minio() -> Option<ServerProcess> {
    if std::env::var_os("BRIGADE_TEST_MINIO").is_none_or(|value| value != "1") {
        eprintln!("SKIPPED: minio: BRIGADE_TEST_MINIO is not 1");
        return None;
    }
    or_skip(
        "minio",
        install::minio().and_then(|program| process::start_minio(&program)),
    )
}

/// Jaeger (Go): takes spans over OTLP and answers questions about them. Only with `BRIGADE_TEST_JAEGER=1`, because its build
/// takes minutes.
pub fn jaeger() -> Option<process::Jaeger> {
    if std::env::var_os("BRIGADE_TEST_JAEGER").is_none_or(|value| value != "1") {
        eprintln!("SKIPPED: jaeger: BRIGADE_TEST_JAEGER is not 1");
        return None;
    }
    or_skip(
        "jaeger",
        install::jaeger().and_then(|program| process::start_jaeger(&program)),
    )
}

/// What was started or installed; if that was not possible, a test is skipped aloud, or fails if it must not be.
pub fn or_skip<T>(name: &str, started: Result<T, String>) -> Option<T> {
    match started {
        Ok(started) => Some(started),
        Err(reason) if std::env::var("BRIGADE_TEST_SERVERS").is_ok_and(|value| value == "required") => {
            panic!("{name}: {reason}");
        }
        Err(reason) => {
            eprintln!("SKIPPED: {name}: {reason}");
            None
        }
    }
}
