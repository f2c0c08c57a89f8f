//! Segments: the files of the journal, by their numbers.

use std::io;
use std::sync::Arc;

use crate::disk::{Disk, DiskFile};
use crate::frame::{HEAD, Head, Home, Key};

/// The size of a segment. A larger one holds more dead bytes before it goes, a smaller one is made
/// more often.
pub const SEGMENT_BYTES: u64 = 16 * 1024 * 1024;

/// A segment under this size could not hold an entry.
pub const SEGMENT_BYTES_MIN: u64 = 4 * 1024;

const PREFIX: &str = "journal-";
const SUFFIX: &str = ".segment";
/// A segment that is being made.
pub(crate) const UNFINISHED: &str = "unfinished.segment";

/// A segment.
#[derive(Debug)]
pub struct Segment<F> {
    /// Its number.
    pub number: u64,
    /// For its frames.
    pub home: Home,
    /// Its file.
    pub file: Arc<F>,
    /// How large the file is.
    pub size: u64,
    /// How much of it has been written.
    pub used: u64,
}

impl<F> Clone for Segment<F> {
    fn clone(&self) -> Self {
        Self { file: Arc::clone(&self.file), ..*self }
    }
}

/// The name of a segment's file.
pub fn name(number: u64) -> String {
    format!("{PREFIX}{number:020}{SUFFIX}")
}

/// The number in the name of a segment's file.
pub fn number(name: &str) -> Option<u64> {
    let digits = name.strip_prefix(PREFIX)?.strip_suffix(SUFFIX)?;
    let whole = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    if whole { digits.parse().ok() } else { None }
}

/// Makes a segment, whole or not at all: under another name first, with its space and its head durable
/// before it gets its own.
pub fn make<D: Disk>(disk: &D, number: u64, key: Key, size: u64) -> io::Result<Segment<D::File>> {
    let head = Head { number, key };
    let made = disk.create(UNFINISHED, size).and_then(|file| {
        file.write_at(&head.encode(), 0)?;
        file.sync()?;
        disk.rename(UNFINISHED, &name(number))?;
        disk.sync_names()?;
        Ok(file)
    });
    match made {
        Ok(file) => {
            let (home, file, used) = (head.home(), Arc::new(file), HEAD as u64);
            Ok(Segment { number, home, file, size, used })
        }
        Err(error) => {
            // So that it can be tried again; if this fails, so will that, and say why.
            _ = disk.remove(UNFINISHED);
            Err(error)
        }
    }
}
