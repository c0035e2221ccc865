//! A disk that a story can fill: a tmpfs of its own, unmounted at the end. Needs the right to mount.

use std::fs::{self, File};
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::skip;

pub struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None`, said loudly, where mounting is forbidden.
    pub fn mounted(folder: &Path, kibibytes: u32) -> Option<Self> {
        let path = folder.join("disk");
        fs::create_dir(&path).unwrap();
        let size = format!("size={kibibytes}k,mode=0700");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "bellhop-story"]).arg(&path).output();
        if let Ok(output) = &mounted
            && output.status.success()
        {
            return Some(Self(path));
        }
        let refused = mounted.as_ref().is_ok_and(|output| String::from_utf8_lossy(&output.stderr).contains("ermi"));
        let why = format!("Mounting a tmpfs needs root: {mounted:?}");
        skip::skipped("every story on a full disk", &why, refused || !skip::may_mount());
        None
    }

    pub fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Lazily: after a failed story somebody may still hold a file of it.
        let _ = Command::new("umount").arg("-l").arg(&self.0).stderr(Stdio::null()).status();
    }
}

/// What fills a disk until it is thrown overboard.
pub struct Ballast(PathBuf);

/// Fills the disk that `folder` is on, but for `free` bytes.
pub fn ballast_in(folder: &Path, free: u64) -> Ballast {
    let path = folder.join("ballast");
    let mut file = File::create(&path).unwrap();
    let block = [1_u8; 4096];
    let mut written = 0;
    loop {
        match file.write(&block) {
            Ok(n) => written += n as u64,
            Err(full) if matches!(full.kind(), ErrorKind::StorageFull) => break,
            Err(problem) => panic!("{problem}"),
        }
    }
    file.set_len(written.saturating_sub(free)).unwrap();
    Ballast(path)
}

impl Ballast {
    pub fn goes_overboard(self) {
        fs::remove_file(&self.0).unwrap();
    }
}
