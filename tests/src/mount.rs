//! A small file system of a test's own, in memory.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::package::leave_out;

/// A tmpfs that is mounted somewhere; unmounted when it is dropped.
#[derive(Debug)]
pub struct Mounted(PathBuf);

impl Mounted {
    /// Mounts one of this size on a folder. `None` where that is not allowed, which is said.
    pub fn new(on: &Path, size: &str) -> Option<Self> {
        if let Err(why) = mount(&format!("size={size}"), on) {
            leave_out(&format!("no tmpfs can be mounted here: {why}"));
            return None;
        }
        Some(Self(on.to_owned()))
    }

    /// Changes it: `size=200m`, `ro`.
    pub fn remount(&self, options: &str) {
        mount(&format!("remount,{options}"), &self.0).expect("what is mounted can be changed");
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        // Lazily: a server that is about to end may still have a file open.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

fn mount(options: &str, on: &Path) -> Result<(), String> {
    let mut command = Command::new("mount");
    command.args(["-t", "tmpfs", "-o", options, "tmpfs"]).arg(on);
    let output = command.stdin(Stdio::null()).output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() { Ok(()) } else { Err(said) }
}
