//! What the system says of this process. Linux tells it in `/proc`; elsewhere it is not known.

use std::path::Path;
use std::{fs, io};

use crate::saturate::to_f64;

/// CPU time so far, in seconds.
pub(super) fn cpu_seconds() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program is in brackets and may hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace().skip(11);
    let (user, system): (f64, f64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    let ticks = rustix::param::clock_ticks_per_second();
    Some((user + system) / f64::from(u32::try_from(ticks).ok()?))
}

/// Bytes of memory that are in RAM.
pub(super) fn resident_bytes() -> Option<f64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse().ok()?;
    Some(kib * 1024.0)
}

/// Open files.
pub(super) fn open_files() -> Option<f64> {
    let count = fs::read_dir("/proc/self/fd").ok()?.count();
    Some(f64::from(u32::try_from(count).ok()?))
}

/// Free bytes of the disk that a folder is on.
pub(super) fn free_bytes(folder: &Path) -> Option<f64> {
    let disk = rustix::fs::statvfs(folder).ok()?;
    Some(to_f64(disk.f_bavail.saturating_mul(disk.f_frsize)))
}

/// Bytes of the files in a folder and below it, but for those in another one.
pub(super) fn folder_bytes(folder: &Path, except: Option<&Path>) -> Option<f64> {
    bytes_of(folder, except).ok().map(to_f64)
}

fn bytes_of(folder: &Path, except: Option<&Path>) -> io::Result<u64> {
    let mut bytes = 0;
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        // A link is counted for itself, and leads nowhere.
        let Ok(metadata) = entry.metadata() else {
            continue;
        };
        if !metadata.is_dir() {
            bytes += metadata.len();
        } else if except != Some(entry.path().as_path()) {
            bytes += bytes_of(&entry.path(), except).unwrap_or(0);
        }
    }
    Ok(bytes)
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_has_memory_files_and_a_disk() {
        assert!(cpu_seconds().is_some_and(|seconds| seconds >= 0.0));
        assert!(resident_bytes().is_some_and(|bytes| bytes > 1_000_000.0));
        assert!(open_files().is_some_and(|count| count >= 3.0));
        assert!(free_bytes(Path::new("/")).is_some_and(|bytes| bytes > 0.0));
    }

    #[test]
    fn a_folder_is_as_large_as_its_files() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path();
        fs::create_dir_all(path.join("a/b"))?;
        fs::create_dir_all(path.join("c"))?;
        for (file, size) in [("x", 3), ("a/y", 40), ("a/b/z", 500), ("c/w", 6_000)] {
            fs::write(path.join(file), vec![0; size])?;
        }
        assert_eq!(folder_bytes(path, None), Some(6_543.0));
        assert_eq!(folder_bytes(path, Some(&path.join("c"))), Some(543.0));
        assert_eq!(folder_bytes(&path.join("nothing"), None), None);
        Ok(())
    }
}
