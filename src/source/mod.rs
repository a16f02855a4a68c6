//! Where objects come from: one small seam, several backends (S3, a local folder, memory for tests).
//!
//! Here: listing, ranged reads of one version, and the errors of both. A new source is a folder here. Not here: what the
//! bytes mean (`read`).

use std::fmt::{Debug, Display};
use std::ops::Range;
use std::pin::Pin;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::Stream;

use crate::aws::witness::Witness;
use crate::fault::{Fault, FaultKind};
use crate::flow::outage::Outlasted;
use crate::model::ObjectVersion;
use crate::settings::{ArchivedObjects, ChangedObjects, HeaderDrift};

#[cfg(feature = "testkit")]
pub mod conformance;
pub mod local;
#[cfg(feature = "testkit")]
pub mod memory;
pub mod patient;
pub mod s3;

/// The bytes of an object from some position to its end.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, SourceError>> + Send>>;

/// One page of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListPage {
    /// Objects in key order (UTF-8 bytes), folder markers left out.
    pub objects: Vec<ObjectVersion>,
    /// Where the next page starts; `None` at the end of the listing.
    pub next: Option<ListCursor>,
}

/// Continues a listing; holds the last key seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListCursor {
    /// List keys greater than this one.
    pub start_after: String,
}

/// A place that holds objects.
///
/// Every backend passes the same conformance suite. All methods may be called at once from several tasks.
#[async_trait]
pub trait ObjectSource: Debug + Display + Send + Sync {
    /// One page of the objects under `prefix` with keys greater than the cursor's, in key order.
    ///
    /// # Errors
    /// Retryable trouble is retried inside; what comes out is final for this call.
    async fn list(&self, prefix: &str, after: Option<&ListCursor>) -> Result<ListPage, SourceError>;

    /// The bytes of exactly this version in `range`, as far as the object reaches. A body that breaks, stalls or
    /// ends short is resumed at the exact byte inside the stream; bytes of another version are never mixed in.
    ///
    /// # Errors
    /// [`SourceError::Changed`] if the object is another version now, [`SourceError::Vanished`] if it is
    /// gone; both may also come out of the stream later.
    async fn read_range(&self, version: &ObjectVersion, range: Range<u64>)
    -> Result<ByteStream, SourceError>;

    /// The bytes of exactly this version from `position` (≤ size) on.
    ///
    /// # Errors
    /// As [`Self::read_range`].
    async fn read(&self, version: &ObjectVersion, position: u64) -> Result<ByteStream, SourceError> {
        self.read_range(version, position..version.size_bytes).await
    }

    /// Checks that the source exists and may be listed. Used before a run and by `validate --online`.
    ///
    /// # Errors
    /// What is missing or not permitted.
    async fn check(&self) -> Result<(), SourceError>;

    /// `s3://bucket/key` or a path: how to name an object to people.
    fn locate(&self, key: &str) -> String;

    /// Bytes of objects that came from the backend since the source was made, whoever asked for them. What a
    /// resume reads a second time counts a second time.
    fn bytes_read(&self) -> u64;

    /// What the answers of a service say by the way; `None` where there is no service.
    fn witness(&self) -> Option<&Witness> {
        None
    }
}

/// What becomes of an object that cannot be read, by the configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ObjectPolicies {
    /// Of one that changes, or cannot be decoded.
    pub changed: ChangedObjects,
    /// Of one in an archive.
    pub archived: ArchivedObjects,
}

/// What can go wrong with a source.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SourceError {
    /// The object is another version than the one asked for.
    #[error("{location} changed while it was being read: its ETag is no longer {expected_etag}")]
    Changed {
        /// The object.
        location: String,
        /// The ETag asked for.
        expected_etag: String,
    },
    /// The object is gone.
    #[error("{location} vanished after it was listed")]
    Vanished {
        /// The object.
        location: String,
    },
    /// The content of the object cannot be read as what it is; reading it again would end in the same.
    #[error("{location} cannot be read as it is: {detail}")]
    Damaged {
        /// The object.
        location: String,
        /// What is wrong, at which byte, and what to do.
        detail: String,
    },
    /// Its header is not that of its table.
    #[error("{location} cannot be read by its header: {detail}")]
    Drifted {
        /// The object.
        location: String,
        /// What is wrong, and what to do.
        detail: String,
        /// What to do with it, by the configuration.
        policy: HeaderDrift,
    },
    /// The object has to be restored from an archive before it can be read.
    #[error("{location} is in an archive: {detail}; restore it, then `brigade files retry` reads it")]
    Archived {
        /// The object.
        location: String,
        /// What the service said.
        detail: String,
    },
    /// The bucket or folder does not exist.
    #[error("{location} does not exist")]
    Missing {
        /// The bucket or folder.
        location: String,
    },
    /// Not permitted.
    #[error("{action} on {location} was denied: {detail}")]
    Denied {
        /// The permission that is missing, for example `s3:ListBucket`.
        action: &'static str,
        /// Where.
        location: String,
        /// What the service or system said.
        detail: String,
    },
    /// The source cannot work as it is; trying again cannot help.
    #[error("{action} on {location} cannot work: {detail}")]
    Refused {
        /// What was tried.
        action: &'static str,
        /// Where.
        location: String,
        /// Why, and what to do.
        detail: String,
    },
    /// Unreachable after all retries.
    #[error("{action} on {location} failed after {attempts} attempts: {detail}")]
    Unreachable {
        /// What was tried.
        action: &'static str,
        /// Where.
        location: String,
        /// How often.
        attempts: u32,
        /// The last error.
        detail: String,
    },
    /// Unreachable for longer than the task waits.
    #[error(transparent)]
    Outlasted(#[from] Outlasted),
}

impl SourceError {
    /// Whether the source did not answer, so that another attempt may.
    pub fn is_away(&self) -> bool {
        matches!(self, Self::Unreachable { .. })
    }

    /// Whether only this object is concerned, so that others can go on.
    pub fn concerns_one_object(&self) -> bool {
        matches!(
            self,
            Self::Changed { .. }
                | Self::Vanished { .. }
                | Self::Damaged { .. }
                | Self::Drifted { .. }
                | Self::Archived { .. }
        )
    }

    /// Whether the version that was listed cannot be had any more, as opposed to one that was read up to where it is broken:
    /// then whoever reads it in vain cannot tell what an earlier process sent of it.
    pub fn withholds_version(&self) -> bool {
        self.concerns_one_object() && !matches!(self, Self::Damaged { .. } | Self::Drifted { .. })
    }

    /// Whether it is about one object and not about the place it lies in, so that others can be shown. A task may have to
    /// stop all the same: what it may not read, or cannot, it has to read one day.
    pub fn spares_others(&self) -> bool {
        match self {
            Self::Denied { .. } | Self::Refused { .. } => true,
            Self::Changed { .. }
            | Self::Vanished { .. }
            | Self::Damaged { .. }
            | Self::Drifted { .. }
            | Self::Archived { .. }
            | Self::Missing { .. }
            | Self::Unreachable { .. }
            | Self::Outlasted(_) => self.concerns_one_object(),
        }
    }

    /// Whether the object is set aside, or its table suspended, so that others can go on, or ends the task.
    pub fn sets_aside(&self, policies: ObjectPolicies) -> bool {
        match self {
            Self::Archived { .. } => policies.archived == ArchivedObjects::Quarantine,
            Self::Drifted { policy, .. } => *policy != HeaderDrift::Stop,
            Self::Changed { .. }
            | Self::Vanished { .. }
            | Self::Damaged { .. }
            | Self::Missing { .. }
            | Self::Denied { .. }
            | Self::Refused { .. }
            | Self::Unreachable { .. }
            | Self::Outlasted(_) => self.concerns_one_object() && policies.changed != ChangedObjects::Stop,
        }
    }
}

impl From<SourceError> for Fault {
    fn from(error: SourceError) -> Self {
        let kind = match &error {
            SourceError::Changed { .. }
            | SourceError::Vanished { .. }
            | SourceError::Damaged { .. }
            | SourceError::Drifted { .. }
            | SourceError::Archived { .. } => FaultKind::Data,
            SourceError::Missing { .. } => FaultKind::SourceMissing,
            SourceError::Denied { .. } => FaultKind::PermissionDenied,
            SourceError::Refused { .. } => FaultKind::Configuration,
            SourceError::Unreachable { .. } => FaultKind::Unreachable,
            SourceError::Outlasted(_) => FaultKind::Outlasted,
        };
        Self::new(kind, error.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_archived_object_is_set_aside_or_ends_the_task_by_a_policy_of_its_own() {
        let archived = SourceError::Archived {
            location: "s3://b/k".to_owned(),
            detail: "InvalidObjectState".to_owned(),
        };
        let by = |changed, archived_objects| {
            archived.sets_aside(ObjectPolicies {
                changed,
                archived: archived_objects,
            })
        };
        assert!(by(ChangedObjects::Stop, ArchivedObjects::Quarantine));
        assert!(!by(ChangedObjects::Quarantine, ArchivedObjects::Stop));
        assert!(archived.spares_others() && archived.concerns_one_object());
        assert!(archived.to_string().contains("brigade files retry"), "{archived}");
        assert_eq!(Fault::from(archived).kind, FaultKind::Data);
    }

    #[test]
    fn what_may_not_be_read_spares_others_to_look_at_and_ends_a_task() {
        let denied = SourceError::Denied {
            action: "s3:GetObject",
            location: "s3://b/k".to_owned(),
            detail: "AccessDenied".to_owned(),
        };
        let policies = ObjectPolicies {
            changed: ChangedObjects::Quarantine,
            archived: ArchivedObjects::Quarantine,
        };
        assert!(denied.spares_others() && !denied.sets_aside(policies));
        let missing = SourceError::Missing {
            location: "s3://b".to_owned(),
        };
        assert!(!missing.spares_others());
    }

    #[test]
    fn a_version_that_is_broken_was_had_and_one_that_is_gone_was_not() {
        let location = || "s3://b/k".to_owned();
        let changed = SourceError::Changed {
            location: location(),
            expected_etag: "e".to_owned(),
        };
        let damaged = SourceError::Damaged {
            location: location(),
            detail: "not gzip".to_owned(),
        };
        assert!(changed.withholds_version() && !damaged.withholds_version());
        let vanished = SourceError::Vanished { location: location() };
        assert!(vanished.withholds_version());
    }
}
