//! Names of the attributes of spans: OpenTelemetry's where it has one, and our own below `brigade.`.
//!
//! Its names for messaging and AWS are not final. Whatever changes there changes here, and the changelog says so.

/// The messaging system that requests go to.
pub(super) const MESSAGING_SYSTEM_NAME: &str = "messaging.system.name";
/// OpenTelemetry has no value for Kinesis yet; this follows those it has for the other services of AWS.
pub(super) const MESSAGING_SYSTEM_KINESIS: &str = "aws.kinesis";
/// The key before it had `.name`, for whoever asks for it.
pub(super) const MESSAGING_SYSTEM_OLD: &str = "messaging.system";
/// What instrumentations write under that key.
pub(super) const MESSAGING_SYSTEM_KINESIS_OLD: &str = "aws_kinesis";
pub(super) const MESSAGING_OPERATION_NAME: &str = "messaging.operation.name";
pub(super) const MESSAGING_OPERATION_TYPE: &str = "messaging.operation.type";
pub(super) const MESSAGING_DESTINATION_NAME: &str = "messaging.destination.name";
pub(super) const MESSAGING_BATCH_MESSAGE_COUNT: &str = "messaging.batch.message_count";
pub(super) const KINESIS_STREAM_NAME: &str = "aws.kinesis.stream_name";
pub(super) const S3_BUCKET: &str = "aws.s3.bucket";
pub(super) const S3_KEY: &str = "aws.s3.key";
pub(super) const ERROR_TYPE: &str = "error.type";

pub(super) const TASK: &str = "brigade.task";
pub(super) const QUEUE: &str = "brigade.queue";
pub(super) const TABLE: &str = "brigade.table";
pub(super) const PHASE: &str = "brigade.phase";
pub(super) const OBJECT_ETAG: &str = "brigade.object.etag";
pub(super) const OBJECT_SIZE: &str = "brigade.object.size";
pub(super) const OUTCOME: &str = "brigade.outcome";
pub(super) const RESUME_ROW: &str = "brigade.resume_row";
pub(super) const ROWS: &str = "brigade.rows";
pub(super) const ROWS_DEAD_LETTERED: &str = "brigade.rows.dead_lettered";
pub(super) const REQUESTS: &str = "brigade.requests";
pub(super) const REQUESTS_THROTTLED: &str = "brigade.requests.throttled";
pub(super) const REQUESTS_REPEATED: &str = "brigade.requests.repeated";
pub(super) const REQUESTS_LEFT_OUT: &str = "brigade.requests.left_out";
pub(super) const LINKS_DROPPED: &str = "brigade.links_dropped";
pub(super) const SHARD: &str = "brigade.shard";
pub(super) const BYTES: &str = "brigade.bytes";
pub(super) const ATTEMPTS: &str = "brigade.attempts";
pub(super) const FAILED_RECORDS: &str = "brigade.failed_records";
pub(super) const COUNT: &str = "brigade.count";
pub(super) const POSITION: &str = "brigade.position";
/// Marks a span that is not sent.
pub(super) const LEFT_OUT: &str = "brigade.left_out";
