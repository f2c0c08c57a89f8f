//! File systems of a test's own: a small one in memory, and one whose disk can stall.

use std::fs::File;
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
        let _ = run("umount", &["-l"], &self.0);
    }
}

/// An ext4 in a file, whose disk can be made to stall; unmounted when it is dropped.
#[derive(Debug)]
pub struct Stalling(PathBuf);

/// As long as it is there, whoever writes waits, and cannot even be killed.
#[derive(Debug)]
pub struct Stall<'a>(&'a Stalling);

impl Stalling {
    /// Mounts one on a folder, from a file of this name. `None` where that is not allowed, which is
    /// said.
    pub fn new(on: &Path, file: &Path) -> Option<Self> {
        let image = File::create(file).and_then(|file| file.set_len(128 << 20));
        image.expect("a file can be made");
        let made = run("mkfs.ext4", &["-q", "-F"], file)
            .and_then(|()| run("mount", &["-o", "loop", text(file)], on));
        if let Err(why) = made {
            leave_out(&format!("no disk that can stall: {why}"));
            return None;
        }
        let stalling = Self(on.to_owned());
        // Where a file system cannot be frozen, this is the moment to learn it.
        let tried = run("fsfreeze", &["-f"], on).and_then(|()| run("fsfreeze", &["-u"], on));
        if let Err(why) = tried {
            leave_out(&format!("no disk that can stall: {why}"));
            return None;
        }
        Some(stalling)
    }

    /// Stalls, until what is returned is dropped.
    pub fn stall(&self) -> Stall<'_> {
        run("fsfreeze", &["-f"], &self.0).expect("it went well before");
        Stall(self)
    }
}

impl Drop for Stall<'_> {
    fn drop(&mut self) {
        // Of no use to anybody if it fails: the file system stays as it is.
        let _ = run("fsfreeze", &["-u"], &self.0.0);
    }
}

impl Drop for Stalling {
    fn drop(&mut self) {
        let _ = run("umount", &["-l"], &self.0);
    }
}

fn mount(options: &str, on: &Path) -> Result<(), String> {
    run("mount", &["-t", "tmpfs", "-o", options, "tmpfs"], on)
}

fn run(program: &str, args: &[&str], path: &Path) -> Result<(), String> {
    let mut command = Command::new(program);
    command.args(args).arg(path).stdin(Stdio::null());
    let output = command.output().map_err(|error| format!("{program}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stderr).trim().to_owned();
    if output.status.success() { Ok(()) } else { Err(format!("{program}: {said}")) }
}

fn text(path: &Path) -> &str {
    path.to_str().expect("paths of tests are text")
}
