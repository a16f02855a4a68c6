//! Faults that end a task: the one place that says of which kind they are, with which exit code they end it, and
//! whether a restart could help. What is tried again and what is set aside before that is a matter of each seam.

use std::fmt;

/// What a failed attempt may still have done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Certainty {
    /// It certainly had no effect.
    NotApplied,
    /// It may have had its effect: doubt.
    MaybeApplied,
}

/// The class of a fault that ends a task; decides the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultKind {
    /// A bug or a failure without a better class.
    Internal,
    /// Wrong command line.
    Usage,
    /// A data error stopped the task by policy.
    Data,
    /// Bucket, folder, stream or file is missing.
    SourceMissing,
    /// AWS was unreachable after retries.
    Unreachable,
    /// The source or the target was away for longer than the task waits.
    Outlasted,
    /// An actor panicked or hung, again and again.
    Panic,
    /// A thread does not answer, and does not end.
    Hang,
    /// The state folder or an output cannot be created.
    StateCreate,
    /// Reading or writing state failed.
    StateIo,
    /// Another process holds the state.
    StateLocked,
    /// The state is damaged, belongs to another task, or is newer than this program.
    StateDamaged,
    /// Permission denied, by IAM or by the file system.
    PermissionDenied,
    /// The configuration is invalid.
    Configuration,
}

impl FaultKind {
    /// The process exit code (sysexits where they fit; see the table in `docs/operations.md`).
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Internal => 1,
            Self::Usage => 64,
            Self::Data => 65,
            Self::SourceMissing => 66,
            Self::Unreachable | Self::Outlasted => 69,
            Self::Panic | Self::Hang => 70,
            Self::StateCreate => 73,
            Self::StateIo => 74,
            Self::StateLocked => 75,
            Self::StateDamaged => 76,
            Self::PermissionDenied => 77,
            Self::Configuration => 78,
        }
    }

    /// A kind with an exit code: what another process tells of its fault.
    pub fn of_exit_code(code: u8) -> Self {
        match code {
            64 => Self::Usage,
            65 => Self::Data,
            66 => Self::SourceMissing,
            69 => Self::Unreachable,
            70 => Self::Panic,
            73 => Self::StateCreate,
            74 => Self::StateIo,
            75 => Self::StateLocked,
            76 => Self::StateDamaged,
            77 => Self::PermissionDenied,
            78 => Self::Configuration,
            _ => Self::Internal,
        }
    }

    /// What to do about it in general; `None` where each message says it.
    pub fn help(self) -> Option<&'static str> {
        match self {
            Self::Internal | Self::Panic | Self::Hang => {
                Some("the checkpoint is safe; start the task again, and report a bug if this comes back")
            }
            Self::Usage | Self::Configuration | Self::StateLocked | Self::StateDamaged => None,
            Self::Data => Some("correct the data or the policy named above, then start the task again"),
            Self::SourceMissing => {
                Some("create it, or correct the name; `brigade validate --online` checks all of them")
            }
            Self::Unreachable | Self::Outlasted => Some(
                "check endpoint, region, network and credentials; `brigade validate --online` tries them",
            ),
            Self::StateCreate => Some("choose a path that exists and is writable"),
            Self::StateIo => Some("check the disk: free space, permissions, its health"),
            Self::PermissionDenied => Some("grant the permission, or use credentials that have it"),
        }
    }

    /// Whether the next start may find it gone, although nobody changed anything.
    pub fn may_pass(self) -> bool {
        self.is_worth_a_restart() || matches!(self, Self::Outlasted | Self::Hang)
    }

    /// Whether a new generation could cure it.
    pub fn is_worth_a_restart(self) -> bool {
        match self {
            Self::Internal | Self::Unreachable | Self::Panic => true,
            // It was waited for already, and nothing is wrong with the data path.
            Self::Outlasted
            // Only another process is rid of the thread.
            | Self::Hang
            | Self::Usage
            | Self::Data
            | Self::SourceMissing
            | Self::StateCreate
            | Self::StateIo
            | Self::StateLocked
            | Self::StateDamaged
            | Self::PermissionDenied
            | Self::Configuration => false,
        }
    }
}

/// A fault that ends an actor, a generation or the task: what failed, where, and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Its class.
    pub kind: FaultKind,
    /// Lowercase, no full stop: what failed, where, what to do.
    pub message: String,
}

impl Fault {
    /// A fault of a kind with its message.
    pub fn new(kind: FaultKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Fault {}
