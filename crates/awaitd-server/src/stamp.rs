//! Whether a file is another one than before, without reading it.

use std::fs;
use std::io::{self, ErrorKind};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

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
