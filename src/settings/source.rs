//! Where objects come from and how to read them. Pure: no I/O, no clock.

use std::path::PathBuf;
use std::time::Duration;

use super::{ChangesFrom, CsvDialect, DataFormat, FilesConfig, SourceFormat};

/// Where objects come from and how to read them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceConfig {
    /// The place.
    pub location: SourceLocation,
    /// Prefix before every table path and of `cdc_path`: empty, or ending in one slash.
    pub bucket_folder: String,
    /// Folder of the change files below `bucket_folder`, ending in one slash; `None` without changes, and where they
    /// lie in the folders of their tables.
    pub cdc_path: Option<String>,
    /// Where the changes begin.
    pub changes_from: ChangesFrom,
    /// The CSV dialect.
    pub csv: CsvDialect,
    /// CSV or Parquet, and how compressed.
    pub format: SourceFormat,
    /// Which files are data.
    pub files: FilesConfig,
    /// What to do with a change file that appears after the last one read.
    pub late_files: LateFiles,
    /// What to do with an object in an archive.
    pub archived_objects: ArchivedObjects,
    /// What to do with an object that changes while it is read.
    pub changed_objects: ChangedObjects,
    /// Pause between two listings for new files.
    pub poll_interval: Duration,
    /// Pause between two full listings, which find late files.
    pub full_listing_interval: Duration,
}

impl SourceConfig {
    /// Whether the change files of a table lie beside the files of its full load, as DMS writes them.
    pub fn has_changes_beside_loads(&self) -> bool {
        let is_dms_layout = self.format.data == DataFormat::Parquet || self.files.are_changes_beside_loads;
        self.cdc_path.is_none() && is_dms_layout
    }
}

/// A bucket or a folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceLocation {
    /// An S3 bucket.
    S3 {
        /// Bucket name.
        bucket: String,
        /// Region; `None` leaves it to the SDK's provider chain.
        region: Option<String>,
        /// Custom endpoint.
        endpoint: Option<String>,
        /// Whether the bucket goes into the path instead of the host name.
        path_style: bool,
        /// Whether this account pays for the requests.
        requester_pays: bool,
        /// Account that must own the bucket.
        expected_bucket_owner: Option<String>,
    },
    /// A folder on this machine.
    Local {
        /// The folder.
        directory: PathBuf,
    },
}

/// What to do with a change file that appears after the last one read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LateFiles {
    /// Read it now, after what was read.
    Process,
    /// Set it aside, visibly.
    Quarantine,
    /// Stop the task.
    Stop,
}

/// What to do with an object that has to be restored from an archive before it can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ArchivedObjects {
    /// Set it aside, visibly.
    Quarantine,
    /// Stop the task.
    Stop,
}

/// What to do with an object that changes while it is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChangedObjects {
    /// Set the rest of it aside, visibly.
    Quarantine,
    /// Suspend its table; a change file is set aside.
    SuspendTable,
    /// Stop the task.
    Stop,
}
