//! A disk that can lose its power: an ext4 file system in an image, on a loop device.
//!
//! The kernel writes out what nobody synced after half a minute, and its journal every five seconds; here the journal
//! waits longer than a run takes. `remount,abort` is the cut: from that moment on nothing reaches the image any more, as
//! after ext4's shutdown ioctl, and the next mount replays what the journal holds.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Much more than a run writes.
const IMAGE_BYTES: u64 = 1 << 30;
/// How long the journal waits for somebody to sync, in seconds.
const COMMIT_S: &str = "600";

/// A mounted image, unmounted when it is dropped.
#[derive(Debug)]
pub(super) struct Disk {
    image: PathBuf,
    mount: PathBuf,
    is_mounted: bool,
}

impl Disk {
    /// Makes a disk with nothing on it, mounted at a folder.
    pub(super) fn new(parent: &Path, name: &str) -> Result<Self, String> {
        let (image, mount) = (parent.join(format!("{name}.img")), parent.join(name));
        let made = fs::File::create(&image).and_then(|file| file.set_len(IMAGE_BYTES));
        made.and_then(|()| fs::create_dir(&mount))
            .map_err(|error| format!("{}: {error}", image.display()))?;
        command(Command::new("mkfs.ext4").args(["-q", "-F"]).arg(&image))?;
        let mut disk = Self {
            image,
            mount,
            is_mounted: false,
        };
        disk.power_on()?;
        Ok(disk)
    }

    /// Mounts what the image holds.
    pub(super) fn power_on(&mut self) -> Result<(), String> {
        let options = format!("loop,commit={COMMIT_S}");
        command(
            Command::new("mount")
                .args(["-t", "ext4", "-o", &options])
                .args([&self.image, &self.mount]),
        )?;
        self.is_mounted = true;
        Ok(())
    }

    /// Cuts the power. What is read from now on comes from memory, and nothing is written any more.
    pub(super) fn cut(&self) -> Result<(), String> {
        command(
            Command::new("mount")
                .args(["-o", "remount,abort"])
                .arg(&self.mount),
        )
    }

    /// Forgets what is in memory.
    pub(super) fn power_off(&mut self) -> Result<(), String> {
        self.is_mounted = false;
        command(Command::new("umount").arg(&self.mount))
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        if self.is_mounted && command(Command::new("umount").arg("-l").arg(&self.mount)).is_err() {
            println!("{} stays mounted", self.mount.display());
        }
    }
}

fn command(command: &mut Command) -> Result<(), String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    Err(format!(
        "{name}: {}",
        String::from_utf8_lossy(&output.stderr).trim()
    ))
}
