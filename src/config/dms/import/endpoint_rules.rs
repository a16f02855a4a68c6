//! What is done about the settings of endpoints. Pure: no I/O, no clock.

use super::TABLE_DEFINITION;
use super::rules::{Effect, Form, Rule};

const TARGET_ONLY: Effect = Effect::Ignored("acts on S3 as a target only");
const STATE: Effect = Effect::Ignored("describes the endpoint; not a setting");
const ENCRYPTION: Effect =
    Effect::Ignored("encrypts what DMS stores about the endpoint; nothing is stored here");
const TLS: Effect = Effect::Ignored("S3 and Kinesis are always reached by TLS");
const LOGIN: Effect = Effect::Ignored("nobody logs in to S3 or Kinesis");
const ROLE: Effect =
    Effect::Ignored("credentials come from the SDK's provider chain; give the role to the process");

/// `S3Settings` and the attributes of an S3 source.
pub(super) static S3: &[Rule] = &[
    ("BucketName", Effect::Key("source.s3.bucket", Form::Text)),
    ("BucketFolder", Effect::Key("source.s3.bucket_folder", Form::Text)),
    (
        "ExternalTableDefinition",
        Effect::Document("source.tables", TABLE_DEFINITION),
    ),
    ("CdcPath", Effect::Key("source.s3.cdc_path", Form::Text)),
    (
        "ExpectedBucketOwner",
        Effect::Key("source.s3.expected_bucket_owner", Form::Text),
    ),
    ("CsvDelimiter", Effect::Key("source.csv.delimiter", Form::Text)),
    (
        "CsvRowDelimiter",
        Effect::Key("source.csv.row_delimiter", Form::Text),
    ),
    ("CsvNullValue", Effect::Key("source.csv.null_value", Form::Text)),
    (
        "IgnoreHeaderRows",
        Effect::Key("source.csv.ignore_header_rows", Form::Number(0, 1)),
    ),
    ("Rfc4180", Effect::Key("source.csv.rfc4180", Form::Boolean)),
    (
        "DataFormat",
        Effect::Key(
            "source.data_format",
            Form::Words(&[("csv", "csv"), ("parquet", "parquet")]),
        ),
    ),
    // The API names it also where nobody chose it, and says it of targets only: the files know better.
    (
        "CompressionType",
        Effect::Key(
            "source.csv.compression",
            Form::Words(&[("none", "auto"), ("gzip", "auto")]),
        ),
    ),
    ("ServiceAccessRoleArn", ROLE),
    ("CsvNoSupValue", TARGET_ONLY),
    ("UseCsvNoSupValue", TARGET_ONLY),
    ("AddColumnName", TARGET_ONLY),
    ("AddTrailingPaddingCharacter", TARGET_ONLY),
    ("CannedAclForObjects", TARGET_ONLY),
    ("CdcInsertsOnly", TARGET_ONLY),
    ("CdcInsertsAndUpdates", TARGET_ONLY),
    ("CdcMaxBatchInterval", TARGET_ONLY),
    ("CdcMinFileSize", TARGET_ONLY),
    (
        "IncludeOpForFullLoad",
        Effect::Ignored(
            "acts on targets; an operation in full-load rows is detected, see source.csv.load_operation_column",
        ),
    ),
    ("MaxFileSize", TARGET_ONLY),
    ("PreserveTransactions", TARGET_ONLY),
    ("TimestampColumnName", TARGET_ONLY),
    ("UseTaskStartTimeForFullLoadTimestamp", TARGET_ONLY),
    ("DatePartitionEnabled", TARGET_ONLY),
    ("DatePartitionSequence", TARGET_ONLY),
    ("DatePartitionDelimiter", TARGET_ONLY),
    ("DatePartitionTimezone", TARGET_ONLY),
    ("DatePartitionTimezoneName", TARGET_ONLY),
    ("EncodingType", TARGET_ONLY),
    ("EncryptionMode", TARGET_ONLY),
    ("ServerSideEncryptionKmsKeyId", TARGET_ONLY),
    ("DictPageSizeLimit", TARGET_ONLY),
    ("DataPageSize", TARGET_ONLY),
    ("RowGroupLength", TARGET_ONLY),
    ("EnableStatistics", TARGET_ONLY),
    ("ParquetVersion", TARGET_ONLY),
    ("ParquetTimestampInMillisecond", TARGET_ONLY),
    ("GlueCatalogGeneration", TARGET_ONLY),
    ("DetachTargetOnLobLookupFailureParquet", TARGET_ONLY),
];

/// `KinesisSettings` and the attributes of a Kinesis target.
pub(super) static KINESIS: &[Rule] = &[
    ("StreamArn", Effect::StreamArn),
    (
        "MessageFormat",
        Effect::Key(
            "target.kinesis.message_format",
            Form::Words(&[("json", "json"), ("json-unformatted", "json-unformatted")]),
        ),
    ),
    (
        "IncludeControlDetails",
        Effect::Key("target.kinesis.include_control_details", Form::Boolean),
    ),
    (
        "IncludeNullAndEmpty",
        Effect::Key("target.kinesis.include_null_and_empty", Form::Boolean),
    ),
    (
        "IncludePartitionValue",
        Effect::Key("target.kinesis.include_partition_value", Form::Boolean),
    ),
    (
        "PartitionIncludeSchemaTable",
        Effect::Key("target.kinesis.partition_include_schema_table", Form::Boolean),
    ),
    (
        "NoHexPrefix",
        Effect::Key("target.kinesis.no_hex_prefix", Form::Boolean),
    ),
    (
        "UseLargeIntegerValue",
        Effect::Ignored(
            "every digit is kept anyway; target.kinesis.number_format: dms prints numbers through a double",
        ),
    ),
    (
        "IncludeTransactionDetails",
        Effect::Ignored("has no effect in DMS either when S3 is the source"),
    ),
    (
        "IncludeTableAlterOperations",
        Effect::Ignored("files in S3 alter no tables"),
    ),
    ("ServiceAccessRoleArn", ROLE),
];

/// The members of an endpoint itself.
pub(super) static ENDPOINT: &[Rule] = &[
    ("EndpointIdentifier", STATE),
    ("EndpointId", STATE),
    ("EndpointArn", STATE),
    ("EndpointType", STATE),
    ("EngineName", STATE),
    ("EngineDisplayName", STATE),
    ("Status", STATE),
    ("IsReadOnly", STATE),
    ("Tags", STATE),
    ("TagsAll", STATE),
    ("Id", STATE),
    ("Region", STATE),
    ("ResourceIdentifier", STATE),
    ("ExternalId", STATE),
    ("Timeouts", STATE),
    ("PauseReplicationTasks", STATE),
    ("Username", LOGIN),
    ("Password", LOGIN),
    ("ServerName", LOGIN),
    ("Port", LOGIN),
    ("DatabaseName", LOGIN),
    ("SecretsManagerArn", LOGIN),
    ("SecretsManagerAccessRoleArn", LOGIN),
    ("KmsKeyId", ENCRYPTION),
    ("KmsKeyArn", ENCRYPTION),
    ("SslMode", TLS),
    ("CertificateArn", TLS),
    ("ServiceAccessRoleArn", ROLE),
    ("ServiceAccessRole", ROLE),
    (
        "DmsTransferSettings",
        Effect::Ignored("an older form of the role and the bucket"),
    ),
];
