//! Whether a file is another one than before, without reading it, and when to look.

use std::fs;
use std::future::pending;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::clock::real_sleep;

/// A state of a file, as far as it can be told apart from outside: which file it is, how long, and when it or
/// what may be done with it was changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stamp([u64; 3], [i64; 4]);

/// How a file is now; `None` if it is not there.
pub fn stamp(path: &Path) -> io::Result<Option<Stamp>> {
    match fs::metadata(path) {
        Ok(it) => {
            let times = [it.mtime(), it.mtime_nsec(), it.ctime(), it.ctime_nsec()];
            Ok(Some(Stamp([it.dev(), it.ino(), it.len()], times)))
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// When files are looked at: every so often, and at once on SIGHUP.
pub struct Looks {
    every: Duration,
    hangups: Option<Signal>,
}

impl Looks {
    /// If there are no signals to be had, only every so often. Within a runtime of tokio's.
    pub fn every(every: Duration) -> Self {
        Self { every, hangups: signal(SignalKind::hangup()).ok() }
    }

    /// The next one. Whether somebody asked for it: then files are read though they look the same.
    pub async fn next(&mut self) -> bool {
        let hangup = async {
            match &mut self.hangups {
                Some(hangups) => hangups.recv().await,
                None => pending().await,
            }
        };
        tokio::select! {
            _ = hangup => true,
            () = real_sleep(self.every) => false,
        }
    }
}
