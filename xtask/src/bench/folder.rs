//! Folders for what is written, on the disk that the build is on: a folder in memory would measure none.

use std::env;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicUsize, Ordering};

/// A new folder below `target/bench`, removed with all that is in it when this is dropped.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> io::Result<Self> {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let program = env::current_exe()?;
        let target = program.ancestors().nth(2).ok_or_else(|| io::Error::other("no target/"))?;
        let name = format!("{}-{}", process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let folder = target.join("bench").join(name);
        fs::create_dir_all(&folder)?;
        Ok(Self(folder))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Bytes of the files in it. What its server removes in this moment is not among them.
    pub(super) fn bytes(&self) -> io::Result<u64> {
        fn below(folder: &Path) -> io::Result<u64> {
            let mut bytes = 0;
            for entry in fs::read_dir(folder)? {
                let entry = entry?;
                bytes += match entry.metadata() {
                    Ok(metadata) if metadata.is_dir() => below(&entry.path())?,
                    Ok(metadata) => metadata.len(),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
                    Err(error) => return Err(error),
                };
            }
            Ok(bytes)
        }
        below(&self.0)
    }

    /// Bytes that the disk below it has been given to write since it was started, by whomever. NaN if
    /// there is no such disk, as below an overlay.
    ///
    /// What `/proc/PID/io` says is no measure: it charges a whole large folio for each write into a
    /// file whose space was taken in advance, and knows nothing of the file system's own journal.
    pub(super) fn written(&self) -> f64 {
        const SECTOR: f64 = 512.0;
        let sectors = || {
            let stat = format!("/sys/dev/block/{}/stat", self.device()?);
            fs::read_to_string(stat).ok()?.split_whitespace().nth(6)?.parse::<f64>().ok()
        };
        sectors().unwrap_or(f64::NAN) * SECTOR
    }

    /// The kind of file system that it is on.
    pub(super) fn file_system(&self) -> Option<String> {
        let device = format!(" {} ", self.device()?);
        let mounts = fs::read_to_string("/proc/self/mountinfo").ok()?;
        let mount = mounts.lines().find(|line| line.contains(&device))?;
        mount.split_once(" - ")?.1.split(' ').next().map(str::to_owned)
    }

    /// The two numbers of the device that it is on.
    fn device(&self) -> Option<String> {
        let device = fs::metadata(&self.0).ok()?.dev();
        let major = ((device >> 8) & 0xfff) | ((device >> 32) & !0xfff);
        let minor = (device & 0xff) | ((device >> 12) & !0xff);
        Some(format!("{major}:{minor}"))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What cannot be removed lies below target/, where nobody minds.
        let _ = fs::remove_dir_all(&self.0);
    }
}
