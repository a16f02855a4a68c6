//! Where the database was made: shows whether the files of a state are a copy.
//!
//! Whoever copies a state folder and puts it back later puts back a side file of the same age, so the two agree. What a
//! copy cannot have is the age of the file itself. Not noticed is what restores the whole disk.

use std::fs::Metadata;
use std::time::UNIX_EPOCH;

use serde::{Deserialize, Serialize};

/// What a file keeps for life, and a copy of it does not have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Origin {
    /// Its number in its file system, if that numbers files.
    inode: Option<u64>,
    /// When it was created, in nanoseconds since the epoch, if its file system keeps that.
    created_ns: Option<u128>,
}

impl Origin {
    /// Of a file; `None` if the system keeps neither.
    pub(super) fn of(metadata: &Metadata) -> Option<Self> {
        let created = metadata.created().ok();
        let created = created.and_then(|created| created.duration_since(UNIX_EPOCH).ok());
        let origin = Self {
            inode: inode(metadata),
            created_ns: created.map(|created| created.as_nanos()),
        };
        (origin.inode.is_some() || origin.created_ns.is_some()).then_some(origin)
    }

    /// Whether two can be of one file. What only one of them has tells nothing: systems learn to keep it.
    pub(super) fn is_same(self, other: Self) -> bool {
        fn agree<T: PartialEq>(left: Option<T>, right: Option<T>) -> bool {
            left.zip(right).is_none_or(|(left, right)| left == right)
        }
        agree(self.inode, other.inode) && agree(self.created_ns, other.created_ns)
    }
}

#[cfg(unix)]
#[expect(clippy::unnecessary_wraps, reason = "other systems than Unix have none")]
fn inode(metadata: &Metadata) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;
    Some(metadata.ino())
}

#[cfg(not(unix))]
fn inode(_metadata: &Metadata) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_keeps_its_origin_and_a_copy_has_another() {
        let folder = tempfile::tempdir().unwrap();
        let (path, moved, copy) = (
            folder.path().join("db"),
            folder.path().join("moved"),
            folder.path().join("copy"),
        );
        fs::write(&path, b"x").unwrap();
        let origin = |path| Origin::of(&fs::metadata(path).unwrap());
        let first = origin(&path);
        fs::write(&path, b"xy").unwrap();
        assert_eq!(origin(&path), first, "it was written to");
        fs::rename(&path, &moved).unwrap();
        assert_eq!(origin(&moved), first, "it was moved");
        fs::copy(&moved, &copy).unwrap();
        assert!(!origin(&copy).unwrap().is_same(first.unwrap()), "it was copied");
    }

    #[test]
    fn what_one_of_two_does_not_know_tells_nothing() {
        let origin = |inode, created_ns| Origin { inode, created_ns };
        let whole = origin(Some(1), Some(2));
        let table = [
            (whole, true),
            (origin(Some(1), None), true),
            (origin(None, Some(2)), true),
            (origin(Some(3), Some(2)), false),
            (origin(Some(1), Some(3)), false),
            (origin(None, Some(3)), false),
        ];
        for (other, expected) in table {
            let found = (whole.is_same(other), other.is_same(whole));
            assert_eq!(found, (expected, expected), "{other:?}");
        }
    }
}
