//! Every backend of the source keeps the promises of `source::conformance`.
#![allow(clippy::unwrap_used, reason = "a test that cannot be set up has to fail")]

use async_trait::async_trait;
use aws_sdk_s3::Client;
use aws_sdk_s3::primitives::ByteStream;
use bucket_brigade::source::conformance::{self, SourceStage};
use bucket_brigade::source::local::LocalSource;
use bucket_brigade::source::memory::MemorySource;
use bucket_brigade::source::s3::{Patience, S3Options, S3Source};
use bucket_brigade::source::{ObjectSource, SourceError};
use std::fmt;
use tempfile::TempDir;
use tokio::runtime::Handle;

use crate::servers;

#[derive(Debug)]
struct MemoryStage(MemorySource);

#[async_trait]
impl SourceStage for MemoryStage {
    fn source(&self) -> &dyn ObjectSource {
        &self.0
    }

    async fn put(&self, key: &str, bytes: &[u8]) {
        self.0.put(key, bytes.to_vec());
    }

    async fn remove(&self, key: &str) {
        self.0.remove(key);
    }
}

#[derive(Debug)]
struct LocalStage {
    source: LocalSource,
    folder: TempDir,
    elsewhere: TempDir,
}

#[async_trait]
impl SourceStage for LocalStage {
    fn source(&self) -> &dyn ObjectSource {
        &self.source
    }

    async fn put(&self, key: &str, bytes: &[u8]) {
        let path = self.folder.path().join(key);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let mut file = tempfile::NamedTempFile::new_in(self.elsewhere.path()).unwrap();
        std::io::Write::write_all(&mut file, bytes).unwrap();
        file.persist(path).unwrap();
    }

    async fn remove(&self, key: &str) {
        std::fs::remove_file(self.folder.path().join(key)).unwrap();
    }
}

struct S3Stage {
    source: S3Source,
    client: Client,
    takes_control_characters: bool,
}

const BUCKET: &str = "brigade-conformance";

// The client's own form fills pages.
impl fmt::Debug for S3Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "S3Stage({})", self.source)
    }
}

#[async_trait]
impl SourceStage for S3Stage {
    fn source(&self) -> &dyn ObjectSource {
        &self.source
    }

    fn takes_control_characters(&self) -> bool {
        self.takes_control_characters
    }

    async fn put(&self, key: &str, bytes: &[u8]) {
        let body = ByteStream::from(bytes.to_vec());
        self.client
            .put_object()
            .bucket(BUCKET)
            .key(key)
            .body(body)
            .send()
            .await
            .unwrap();
    }

    async fn remove(&self, key: &str) {
        self.client
            .delete_object()
            .bucket(BUCKET)
            .key(key)
            .send()
            .await
            .unwrap();
    }
}

/// How a bucket of a test server is reached.
pub(crate) fn options(endpoint: &str, bucket: &str) -> S3Options {
    S3Options {
        bucket: bucket.to_owned(),
        region: Some(servers::REGION.to_owned()),
        endpoint: Some(endpoint.to_owned()),
        path_style: true,
        requester_pays: false,
        checked_prefix: "orders/".to_owned(),
        expected_bucket_owner: None,
        patience: Patience::default(),
    }
}

async fn s3_stage(endpoint: &str, takes_control_characters: bool) -> S3Stage {
    let shared = servers::shared_configuration();
    let configuration = aws_sdk_s3::config::Builder::from(&shared)
        .endpoint_url(endpoint)
        .force_path_style(true);
    let client = Client::from_conf(configuration.build());
    let constraint = aws_sdk_s3::types::BucketLocationConstraint::from(servers::REGION);
    let place = aws_sdk_s3::types::CreateBucketConfiguration::builder()
        .location_constraint(constraint)
        .build();
    let creating = client
        .create_bucket()
        .bucket(BUCKET)
        .create_bucket_configuration(place);
    creating.send().await.unwrap();
    let source = S3Source::new(&shared, options(endpoint, BUCKET), Handle::current());
    S3Stage {
        source,
        client,
        takes_control_characters,
    }
}

async fn run_on_s3(endpoint: &str, takes_control_characters: bool) {
    let stage = s3_stage(endpoint, takes_control_characters).await;
    conformance::run_all(&stage).await;

    let missing = S3Source::new(
        &servers::shared_configuration(),
        options(endpoint, "brigade-missing"),
        Handle::current(),
    );
    let outcome = missing.check().await;
    assert!(matches!(outcome, Err(SourceError::Missing { .. })), "{outcome:?}");
}

#[tokio::test]
async fn memory_conforms() {
    conformance::run_all(&MemoryStage(MemorySource::new())).await;
    let small = MemorySource::new().with_piece_bytes(1000).with_page_keys(3);
    conformance::run_all(&MemoryStage(small)).await;
}

#[tokio::test]
async fn a_local_folder_conforms() {
    let root = tempfile::tempdir().unwrap();
    let stage = LocalStage {
        folder: TempDir::new_in(root.path()).unwrap(),
        elsewhere: TempDir::new_in(root.path()).unwrap(),
        source: LocalSource::new(root.path()),
    };
    let stage = LocalStage {
        source: LocalSource::new(stage.folder.path()),
        ..stage
    };
    conformance::run_all(&stage).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_conforms_on_moto() {
    let Some(server) = servers::moto() else { return };
    // Its routes do not match a line break.
    run_on_s3(&server.endpoint, false).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn s3_conforms_on_minio() {
    let Some(server) = servers::minio() else { return };
    run_on_s3(&server.endpoint, true).await;
}
