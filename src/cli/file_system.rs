//! File systems that a state should not be on: one that does not outlive the machine or the container loses the
//! checkpoint, and then everything is sent again.

use std::path::Path;

/// A file system that a state should not be on, by the number that `statfs` gives it (`man 2 statfs`).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Unsafe {
    kinds: &'static [u64],
    /// Where the state is, as in "the state is in memory".
    pub(super) name: &'static str,
    /// What happens there.
    pub(super) consequence: &'static str,
}

const UNSAFE: [Unsafe; 3] = [
    Unsafe {
        kinds: &[0x0102_1994, 0x8584_58f6],
        name: "in memory (tmpfs)",
        consequence: "when the machine or the container starts again the checkpoint is gone, and everything is sent again",
    },
    Unsafe {
        kinds: &[0x794c_7630],
        name: "in a layer of a container (overlay)",
        consequence: "with the container the checkpoint is gone, and everything is sent again; mount a volume",
    },
    Unsafe {
        kinds: &[0x6969],
        name: "on NFS",
        consequence: "locks and syncs are as good as the server's, and two processes may both hold the state",
    },
];

/// What is known of the file system of a folder that speaks against it.
pub(super) fn unsafe_file_system(path: &Path) -> Option<&'static Unsafe> {
    kind_of(path).and_then(unsafe_kind)
}

fn unsafe_kind(kind: u64) -> Option<&'static Unsafe> {
    UNSAFE.iter().find(|known| known.kinds.contains(&kind))
}

#[cfg(target_os = "linux")]
fn kind_of(path: &Path) -> Option<u64> {
    let status = rustix::fs::statfs(path).ok()?;
    u64::try_from(status.f_type).ok()
}

/// Other systems have other numbers.
#[cfg(not(target_os = "linux"))]
fn kind_of(_path: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_lose_a_state_is_named() {
        let name = |kind| unsafe_kind(kind).map(|found| found.name);
        assert_eq!(name(0x0102_1994), Some("in memory (tmpfs)"));
        assert_eq!(name(0x6969), Some("on NFS"));
        // ext4, xfs, btrfs, zfs.
        assert_eq!(
            [0xef53, 0x5846_5342, 0x9123_683e, 0x2fc1_2fc1].map(name),
            [None; 4]
        );
    }
}
