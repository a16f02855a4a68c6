//! The embedded S3 server: s3s over a folder, wrapped where it differs from S3 in what a reader relies on.
//!
//! s3s-fs leaves the ETag out of listings and ignores `If-Match` on GET and HEAD; [`StrictFileSystem`] adds both.

use std::fmt::Display;
use std::path::Path;
use std::sync::Arc;

use aws_sdk_s3::primitives::ByteStream;
use axum::Router;
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use s3s::auth::SimpleAuth;
use s3s::dto::{
    AbortMultipartUploadInput, AbortMultipartUploadOutput, CompleteMultipartUploadInput,
    CompleteMultipartUploadOutput, CopyObjectInput, CopyObjectOutput, CreateBucketInput, CreateBucketOutput,
    CreateMultipartUploadInput, CreateMultipartUploadOutput, DeleteBucketInput, DeleteBucketOutput,
    DeleteObjectInput, DeleteObjectOutput, DeleteObjectsInput, DeleteObjectsOutput, ETag, ETagCondition,
    GetBucketLocationInput, GetBucketLocationOutput, GetObjectInput, GetObjectOutput, HeadBucketInput,
    HeadBucketOutput, HeadObjectInput, HeadObjectOutput, ListBucketsInput, ListBucketsOutput,
    ListObjectsInput, ListObjectsOutput, ListObjectsV2Input, ListObjectsV2Output, ListPartsInput,
    ListPartsOutput, Object, PutObjectInput, PutObjectOutput, UploadPartCopyInput, UploadPartCopyOutput,
    UploadPartInput, UploadPartOutput,
};
use s3s::service::S3ServiceBuilder;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};
use s3s_fs::FileSystem;

use super::clients::{request_error, s3_client};
use super::server::LocalServer;
use super::{ACCESS_KEY_ID, SECRET_ACCESS_KEY, SandboxError};

const SERVER: &str = "S3";

/// A running S3 server. Objects are plain files below `<folder>/<bucket>/`.
#[derive(Debug)]
pub struct SandboxS3 {
    server: LocalServer,
    client: aws_sdk_s3::Client,
}

impl SandboxS3 {
    /// Serves a folder that exists.
    ///
    /// # Errors
    /// [`SandboxError::Folder`] if the folder cannot be used, [`SandboxError::Listen`] if there is no port.
    pub async fn start(folder: &Path) -> Result<Self, SandboxError> {
        let refused = |detail: &dyn Display| SandboxError::Folder {
            folder: folder.display().to_string(),
            detail: detail.to_string(),
        };
        let inner = FileSystem::new(folder).map_err(|error| refused(&format!("{error:?}")))?;
        let mut builder = S3ServiceBuilder::new(StrictFileSystem { inner });
        builder.set_auth(SimpleAuth::from_single(ACCESS_KEY_ID, SECRET_ACCESS_KEY));
        let service = Arc::new(builder.build());
        let routes = Router::new().fallback(move |request: Request| {
            let service = Arc::clone(&service);
            async move { answer(&service, request).await }
        });
        let server = LocalServer::start(SERVER, routes).await?;
        let client = s3_client(&server.endpoint());
        Ok(Self { server, client })
    }

    /// Base URL of the server; buckets go into the path.
    pub fn endpoint(&self) -> String {
        self.server.endpoint()
    }

    /// A client of this server.
    pub fn client(&self) -> &aws_sdk_s3::Client {
        &self.client
    }

    /// Creates a bucket.
    ///
    /// # Errors
    /// [`SandboxError::Request`] if it exists or the server refuses.
    pub async fn create_bucket(&self, bucket: &str) -> Result<(), SandboxError> {
        let request = self.client.create_bucket().bucket(bucket);
        match request.send().await {
            Ok(_created) => Ok(()),
            Err(error) => Err(request_error(SERVER, format!("CreateBucket {bucket}"), error)),
        }
    }

    /// Writes an object and returns its ETag, without quotes.
    ///
    /// # Errors
    /// [`SandboxError::Request`] if the server refuses.
    pub async fn put(&self, bucket: &str, key: &str, content: Bytes) -> Result<String, SandboxError> {
        let request = self.client.put_object().bucket(bucket).key(key);
        match request.body(ByteStream::from(content)).send().await {
            Ok(stored) => Ok(stored.e_tag().unwrap_or_default().trim_matches('"').to_owned()),
            Err(error) => Err(request_error(SERVER, format!("PutObject {bucket}/{key}"), error)),
        }
    }

    /// Stops the server.
    ///
    /// # Errors
    /// [`SandboxError::Server`] if it failed.
    pub async fn stop(self) -> Result<(), SandboxError> {
        self.server.stop().await
    }
}

async fn answer(service: &s3s::service::S3Service, request: Request) -> Response {
    match service.call(request.map(s3s::Body::http_body_unsync)).await {
        Ok(response) => response.map(axum::body::Body::new),
        Err(error) => {
            let status = axum::http::StatusCode::INTERNAL_SERVER_ERROR;
            (status, format!("{error:?}")).into_response()
        }
    }
}

/// A folder served as S3 does it: conditional reads, and listings that tell each ETag.
#[derive(Debug)]
struct StrictFileSystem {
    inner: FileSystem,
}

impl StrictFileSystem {
    /// A listing names the version of each object, so that a reader can insist on it.
    async fn with_etag<T: Clone>(
        &self,
        listing: &S3Request<T>,
        bucket: &str,
        mut object: Object,
    ) -> S3Result<Object> {
        let mut head = HeadObjectInput::builder();
        head.set_bucket(bucket.to_owned());
        head.set_key(object.key.clone().unwrap_or_default());
        let head = head.build().map_err(|error| s3_error!(error, InternalError))?;
        let described = self
            .inner
            .head_object(listing.clone().map_input(|_| head))
            .await?;
        object.e_tag = described.output.e_tag;
        Ok(object)
    }
}

fn require_match(condition: Option<&ETagCondition>, found: Option<&ETag>) -> S3Result<()> {
    match (condition, found) {
        (Some(ETagCondition::ETag(expected)), Some(found)) if !expected.strong_cmp(found) => {
            Err(s3_error!(PreconditionFailed))
        }
        (Some(ETagCondition::ETag(_)), None) => Err(s3_error!(PreconditionFailed)),
        (Some(ETagCondition::ETag(_) | ETagCondition::Any) | None, _) => Ok(()),
    }
}

/// Passes operations on as they are, beside the ones written out.
macro_rules! serve_strictly {
    ($($operation:ident($input:ident) -> $output:ident;)* { $($own:tt)* }) => {
        #[async_trait::async_trait]
        impl S3 for StrictFileSystem {
            $(
                async fn $operation(&self, request: S3Request<$input>) -> S3Result<S3Response<$output>> {
                    self.inner.$operation(request).await
                }
            )*
            $($own)*
        }
    };
}

serve_strictly! {
    abort_multipart_upload(AbortMultipartUploadInput) -> AbortMultipartUploadOutput;
    complete_multipart_upload(CompleteMultipartUploadInput) -> CompleteMultipartUploadOutput;
    copy_object(CopyObjectInput) -> CopyObjectOutput;
    create_bucket(CreateBucketInput) -> CreateBucketOutput;
    create_multipart_upload(CreateMultipartUploadInput) -> CreateMultipartUploadOutput;
    delete_bucket(DeleteBucketInput) -> DeleteBucketOutput;
    delete_object(DeleteObjectInput) -> DeleteObjectOutput;
    delete_objects(DeleteObjectsInput) -> DeleteObjectsOutput;
    get_bucket_location(GetBucketLocationInput) -> GetBucketLocationOutput;
    head_bucket(HeadBucketInput) -> HeadBucketOutput;
    list_buckets(ListBucketsInput) -> ListBucketsOutput;
    list_objects(ListObjectsInput) -> ListObjectsOutput;
    list_parts(ListPartsInput) -> ListPartsOutput;
    put_object(PutObjectInput) -> PutObjectOutput;
    upload_part(UploadPartInput) -> UploadPartOutput;
    upload_part_copy(UploadPartCopyInput) -> UploadPartCopyOutput;
    {
        async fn get_object(&self, request: S3Request<GetObjectInput>) -> S3Result<S3Response<GetObjectOutput>> {
            let condition = request.input.if_match.clone();
            let response = self.inner.get_object(request).await?;
            require_match(condition.as_ref(), response.output.e_tag.as_ref())?;
            Ok(response)
        }

        async fn head_object(&self, request: S3Request<HeadObjectInput>) -> S3Result<S3Response<HeadObjectOutput>> {
            let condition = request.input.if_match.clone();
            let response = self.inner.head_object(request).await?;
            require_match(condition.as_ref(), response.output.e_tag.as_ref())?;
            Ok(response)
        }

        async fn list_objects_v2(
            &self,
            request: S3Request<ListObjectsV2Input>,
        ) -> S3Result<S3Response<ListObjectsV2Output>> {
            let bucket = request.input.bucket.clone();
            let mut response = self.inner.list_objects_v2(request.clone()).await?;
            let mut contents = Vec::new();
            for object in response.output.contents.take().unwrap_or_default() {
                contents.push(self.with_etag(&request, &bucket, object).await?);
            }
            response.output.contents = (!contents.is_empty()).then_some(contents);
            Ok(response)
        }
    }
}
