//! Limits of the services, and limits we set ourselves, as named constants.
//!
//! Kinesis: <https://docs.aws.amazon.com/streams/latest/dev/service-sizes-and-limits.html> (read 2026-11);
//! S3: <https://docs.aws.amazon.com/AmazonS3/latest/API/API_ListObjectsV2.html> (read 2026-11).

use std::time::Duration;

/// Records in one PutRecords request at most.
pub const REQUEST_RECORDS_MAX: usize = 500;
/// Records in one batch at most, however they are put into a request. Recovery relies on it: a process that was
/// killed left at most so many rows of an object in doubt after the last one that is certainly stored.
pub const BATCH_RECORDS_MAX: usize = 5_000;
/// Bytes in one PutRecords request at most, messages and partition keys together.
pub const REQUEST_BYTES_MAX: usize = 10 * 1024 * 1024;
/// Bytes at which a request is sent without waiting for more records: one second of one shard's write limit.
pub const REQUEST_BYTES_TARGET: usize = 1024 * 1024;
/// Record size (message plus partition key) that a stream takes unless it was changed.
pub const RECORD_BYTES_DEFAULT: usize = 1024 * 1024;
/// Longest row unless `limits.row` says otherwise.
pub const ROW_BYTES_DEFAULT: usize = 1024 * 1024;
/// Record size that a stream can be set to at most.
pub const RECORD_BYTES_CEILING: usize = REQUEST_BYTES_MAX;
/// Characters in a partition key at most, as [`partition_key_length`] counts them.
pub const PARTITION_KEY_CHARACTERS_MAX: usize = 256;
/// Records a shard takes per second.
pub const SHARD_RECORDS_PER_SECOND: u32 = 1_000;
/// Bytes a shard takes per second.
pub const SHARD_BYTES_PER_SECOND: u64 = 1024 * 1024;
/// Time from one GetRecords call to the next, per shard: five a second are allowed, and consumers want their share.
pub const READ_INTERVAL: Duration = Duration::from_millis(250);
/// How long a stream keeps its records at least.
pub const RETENTION_MIN: Duration = Duration::from_hours(24);
/// Keys in one page of an object listing.
pub const LIST_PAGE_KEYS_MAX: usize = 1_000;
/// Bytes of one chunk, unless a single record is larger.
pub const CHUNK_BYTES_MAX: usize = 256 * 1024;
/// Bytes of messages that are rendered at once where the messages of a chunk are larger than was expected of them.
pub const PART_BYTES_MAX: usize = 1024 * 1024;
/// Bytes of dead letters that one file may make in a minute unless `errors.dead_letters_max` says otherwise.
pub const DEAD_LETTERS_BYTES_DEFAULT: u64 = 1024 * 1024 * 1024;
/// Files that a process has to be allowed to have open: a task with a few shards has threads, connections, files of the state.
pub const OPEN_FILES_MIN: u64 = 256;
/// Bytes of a rejected row that are kept in its dead letter.
pub const DEAD_LETTER_ROW_BYTES_MAX: usize = 64 * 1024;

const _: () = assert!(
    REQUEST_BYTES_TARGET <= REQUEST_BYTES_MAX,
    "a full request must be allowed"
);
const _: () = assert!(
    RECORD_BYTES_CEILING <= REQUEST_BYTES_MAX,
    "the largest record must fit into a request"
);

/// Length of a partition key as the service counts it: in UTF-16 units, of which an emoji takes two. Its model says
/// "characters" (<https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecordsRequestEntry.html>, read
/// 2026-11); a key that is short enough in UTF-16 units is short enough however characters are counted.
pub fn partition_key_length(key: &str) -> usize {
    key.encode_utf16().count()
}
