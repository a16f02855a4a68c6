//! What is done about the settings of a task. Pure: no I/O, no clock.

use super::TABLE_MAPPINGS;
use super::error_rules::ERRORS;
use super::life_rules;
use super::rules::{Effect, Form, Rule};

const LOBS: Effect = Effect::Ignored("values are not cut to a size; limits.row bounds a row");
const LANES: Effect =
    Effect::Ignored("each shard has its own publisher; limits.in_flight bounds what is buffered");
const BATCH_APPLY: Effect = Effect::Ignored("batch apply is for databases; a stream has none");
const TIME_TRAVEL: Effect = Effect::Ignored("time travel is not for S3 sources");
const VALIDATION: Effect = Effect::Ignored(
    "DMS does not validate this pair either; `brigade verify` compares the stream with the files",
);
const RESYNC: Effect = Effect::Ignored("data resync is between databases");
const CONTROL_TABLES: Effect = Effect::Only(
    &["false", ""],
    "no control table is written",
    "control tables are not written into the stream; use `brigade status` and `brigade tables`",
);
const LOGGING: Effect = Effect::Ignored("the log goes to standard error; see --log-level and --log-format");
const STATE: Effect = Effect::Ignored("describes the task; not a setting");
pub(super) const TRANSACTIONS: Effect = Effect::Ignored("files in S3 have no transactions");
const MEMORY: Effect = Effect::Ignored("limits.in_flight bounds the memory; nothing is spilled to disk");
const CHANGES_FOLLOW: &str = "changes follow the full load";
const CHANGES_START: &str = "changes are read from the first file";
const PHASES: Effect = Effect::Ignored("the migration type says what is loaded and what is followed");
/// The groups of `ReplicationTaskSettings`, each with its members.
pub(super) static GROUPS: &[(&str, &[Rule])] = &[
    ("TargetMetadata", TARGET_METADATA),
    ("FullLoadSettings", FULL_LOAD),
    (
        "Logging",
        &[
            ("EnableLogging", LOGGING),
            ("EnableLogContext", LOGGING),
            ("LogComponents", LOGGING),
            ("CloudWatchLogGroup", LOGGING),
            ("CloudWatchLogStream", LOGGING),
        ],
    ),
    (
        "ControlTablesSettings",
        &[
            ("ControlSchema", CONTROL_TABLES),
            (
                "HistoryTimeslotInMinutes",
                Effect::Ignored("no control table is written"),
            ),
            ("StatusTableEnabled", CONTROL_TABLES),
            ("SuspendedTablesTableEnabled", CONTROL_TABLES),
            ("HistoryTableEnabled", CONTROL_TABLES),
            ("FullLoadExceptionTableEnabled", CONTROL_TABLES),
            ("CommitPositionTableEnabled", CONTROL_TABLES),
        ],
    ),
    (
        "StreamBufferSettings",
        &[
            ("StreamBufferCount", LANES),
            ("StreamBufferSizeInMB", LANES),
            ("CtrlStreamBufferSizeInMB", LANES),
        ],
    ),
    ("ChangeProcessingTuning", CHANGE_PROCESSING),
    (
        "ChangeProcessingDdlHandlingPolicy",
        &[
            (
                "HandleSourceTableDropped",
                Effect::Ignored("files in S3 drop no tables"),
            ),
            (
                "HandleSourceTableTruncated",
                Effect::Ignored("files in S3 truncate no tables"),
            ),
            (
                "HandleSourceTableAltered",
                Effect::Ignored("files in S3 alter no tables"),
            ),
        ],
    ),
    ("ErrorBehavior", ERRORS),
    (
        "ValidationSettings",
        &[
            ("EnableValidation", VALIDATION),
            ("ValidationMode", VALIDATION),
            ("ValidationOnly", VALIDATION),
            ("ThreadCount", VALIDATION),
            ("PartitionSize", VALIDATION),
            ("FailureMaxCount", VALIDATION),
            ("TableFailureMaxCount", VALIDATION),
            ("RecordFailureDelayInMinutes", VALIDATION),
            ("RecordFailureDelayLimitInMinutes", VALIDATION),
            ("RecordSuspendDelayInMinutes", VALIDATION),
            ("MaxKeyColumnSize", VALIDATION),
            ("HandleCollationDiff", VALIDATION),
            ("SkipLobColumns", VALIDATION),
            ("ValidationPartialLobSize", VALIDATION),
            ("ValidationQueryCdcDelaySeconds", VALIDATION),
            ("ValidationS3Mask", VALIDATION),
            ("ValidationS3Time", VALIDATION),
        ],
    ),
    (
        "ResyncSettings",
        &[
            ("EnableResync", RESYNC),
            ("ResyncSchedule", RESYNC),
            ("MaxResyncTime", RESYNC),
            ("ValidationTaskId", RESYNC),
        ],
    ),
    (
        "TTSettings",
        &[
            ("EnableTT", TIME_TRAVEL),
            ("TTS3Settings", TIME_TRAVEL),
            ("TTRecordSettings", TIME_TRAVEL),
        ],
    ),
];

/// What can stand beside the groups.
pub(super) static LONE: &[Rule] = &[
    (
        "BeforeImageSettings",
        Effect::Switch(
            "EnableBeforeImage",
            "there is no before image in a CSV file; remove it",
        ),
    ),
    (
        "LoopbackPreventionSettings",
        Effect::Ignored("loops are between databases"),
    ),
    (
        "CharacterSetSettings",
        Effect::Only(&[], "", "files are UTF-8; convert them before they are stored"),
    ),
    (
        "PostProcessingRules",
        Effect::Ignored("acts on S3 as a target only"),
    ),
    (
        "FailTaskWhenCleanTaskResourceFailed",
        Effect::Ignored("there are no resources of a replication instance"),
    ),
];

static TARGET_METADATA: &[Rule] = &[
    (
        "TargetSchema",
        Effect::Only(
            &[""],
            "schemas keep their names",
            "use a transformation rule that renames the schema",
        ),
    ),
    ("SupportLobs", LOBS),
    ("FullLobMode", LOBS),
    ("LobChunkSize", LOBS),
    ("LimitedSizeLobMode", LOBS),
    ("LobMaxSize", LOBS),
    ("InlineLobMaxSize", LOBS),
    ("LoadMaxFileSize", Effect::Ignored("acts on file targets only")),
    (
        "ParallelApplyThreads",
        Effect::Key(
            "target.kinesis.change_partition_key",
            Form::AboveZero("primary-key", "schema-table"),
        ),
    ),
    ("ParallelLoadThreads", LANES),
    ("ParallelLoadBufferSize", LANES),
    ("ParallelLoadQueuesPerThread", LANES),
    ("ParallelApplyBufferSize", LANES),
    ("ParallelApplyQueuesPerThread", LANES),
    (
        "BatchApplyEnabled",
        Effect::Only(
            &["false"],
            "every row is a message of its own",
            "batch apply loses data on a stream; remove it",
        ),
    ),
    (
        "TaskRecoveryTableEnabled",
        Effect::Ignored("the checkpoint is in state.sled.path"),
    ),
];

static FULL_LOAD: &[Rule] = &[
    ("FullLoadEnabled", PHASES),
    ("ApplyChangesEnabled", PHASES),
    (
        "TargetTablePrepMode",
        Effect::Key(
            "target.kinesis.control_records",
            Form::Words(&[
                ("DROP_AND_CREATE", "true"),
                ("TRUNCATE_BEFORE_LOAD", "true"),
                ("DO_NOTHING", "false"),
            ]),
        ),
    ),
    (
        "MaxFullLoadSubTasks",
        Effect::Key("limits.files_in_parallel", Form::Number(1, 256)),
    ),
    (
        "CreatePkAfterFullLoad",
        Effect::Ignored("a stream has no primary keys"),
    ),
    (
        "StopTaskCachedChangesApplied",
        Effect::Read("stop.after", life_rules::stop_after_changes, CHANGES_FOLLOW),
    ),
    (
        "StopTaskCachedChangesNotApplied",
        Effect::Read("stop.after", life_rules::stop_before_changes, CHANGES_FOLLOW),
    ),
    (
        "TransactionConsistencyTimeout",
        Effect::Ignored("files in S3 have no open transactions"),
    ),
    (
        "CommitRate",
        Effect::Ignored(
            "requests are as full as Kinesis takes them; state.commit_interval times the checkpoint",
        ),
    ),
];

static CHANGE_PROCESSING: &[Rule] = &[
    ("BatchApplyPreserveTransaction", BATCH_APPLY),
    ("BatchApplyTimeoutMin", BATCH_APPLY),
    ("BatchApplyTimeoutMax", BATCH_APPLY),
    ("BatchApplyMemoryLimit", BATCH_APPLY),
    ("BatchSplitSize", BATCH_APPLY),
    ("MinTransactionSize", TRANSACTIONS),
    (
        "CommitTimeout",
        Effect::Ignored("target.kinesis.linger bounds how long a row waits for others"),
    ),
    ("MemoryLimitTotal", MEMORY),
    ("MemoryKeepTime", MEMORY),
    (
        "StatementCacheSize",
        Effect::Ignored("a stream takes no statements"),
    ),
    (
        "RecoveryTimeout",
        Effect::Ignored("a restart continues at the exact row and waits for nothing"),
    ),
];

const MIGRATION_TYPE: Effect = Effect::Key(
    "migration_type",
    Form::Words(&[
        ("full-load", "full-load"),
        ("cdc", "cdc"),
        ("full-load-and-cdc", "full-load-and-cdc"),
    ]),
);

/// The members of a task itself.
pub(super) static TASK: &[Rule] = &[
    ("ReplicationTaskIdentifier", Effect::TaskName),
    ("ReplicationTaskId", Effect::TaskName),
    ("ReplicationConfigIdentifier", Effect::TaskName),
    (
        "TableMappings",
        Effect::Document("table_mappings", TABLE_MAPPINGS),
    ),
    ("MigrationType", MIGRATION_TYPE),
    ("ReplicationType", MIGRATION_TYPE),
    (
        "CdcStartPosition",
        Effect::Read("source.changes_from", life_rules::start_position, CHANGES_START),
    ),
    (
        "CdcStartTime",
        Effect::Read("source.changes_from", life_rules::start_time, CHANGES_START),
    ),
    (
        "CdcStopPosition",
        Effect::Read(
            "stop.at",
            life_rules::stop_position,
            "the task runs until it is stopped",
        ),
    ),
    (
        "RecoveryCheckpoint",
        Effect::Ignored(
            "the place where DMS stopped is not known in terms of files; the task starts from the \
            beginning",
        ),
    ),
    (
        "ReplicationTaskArn",
        Effect::Read(
            "target.kinesis.task_resource_id",
            life_rules::task_resource_id,
            "describes the task; not a setting",
        ),
    ),
    ("SourceEndpointArn", STATE),
    ("TargetEndpointArn", STATE),
    ("ReplicationInstanceArn", STATE),
    ("TargetReplicationInstanceArn", STATE),
    ("Status", STATE),
    ("LastFailureMessage", STATE),
    ("StopReason", STATE),
    ("ReplicationTaskCreationDate", STATE),
    ("ReplicationTaskStartDate", STATE),
    ("ReplicationTaskStats", STATE),
    ("TaskData", STATE),
    ("Tags", STATE),
    ("TagsAll", STATE),
    ("Id", STATE),
    ("Region", STATE),
    ("ResourceIdentifier", STATE),
    ("StartReplicationTask", STATE),
    ("StartReplication", STATE),
    ("Timeouts", STATE),
    ("Arn", STATE),
    ("ReplicationConfigArn", STATE),
    ("ReplicationConfigCreateTime", STATE),
    ("ReplicationConfigUpdateTime", STATE),
    ("SupplementalSettings", STATE),
    ("IsReadOnly", STATE),
    (
        "ComputeConfig",
        Effect::Ignored("there is no capacity to buy; limits bounds what a process takes"),
    ),
];
