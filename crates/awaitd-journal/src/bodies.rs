//! Bodies that are not in memory, read back when they are needed.

use std::io;

use awaitd_primitives::{Body, JobId, Record};

use crate::JournalError;
use crate::disk::DiskFile;
use crate::frame::{self, FRAME_HEAD};
use crate::segment::Segment;

/// What a frame has around a body, mostly; a longer one is read in two steps.
const AROUND: usize = 512;

/// A body on the disk. It can be read even if its segment goes meanwhile.
#[derive(Debug)]
pub struct Fetch<F> {
    /// The segment where it is.
    pub segment: Segment<F>,
    /// Where its frame begins.
    pub offset: u64,
    /// How long it is.
    pub bytes: u32,
    /// Whose body it is.
    pub job: JobId,
}

impl<F: DiskFile> Fetch<F> {
    /// Reads it, and checks that it is what was written. This may wait for the disk.
    pub fn read(&self) -> Result<Body, JournalError> {
        let failed = |error: io::Error| JournalError(format!("failed to read a body: {error}"));
        let mut bytes = self.buffer();
        let read = self.segment.file.read_at(&mut bytes, self.offset).map_err(failed)?;
        bytes.truncate(read);
        let length = bytes.first_chunk().map_or(0, frame::length);
        if length > bytes.len() {
            bytes.resize(length, 0);
            let read = self.segment.file.read_at(&mut bytes, self.offset).map_err(failed)?;
            bytes.truncate(read);
        }
        self.find(&bytes).ok_or_else(|| {
            let (segment, offset) = (self.segment.number, self.offset);
            JournalError(format!(
                "failed to read a body: segment {segment} is damaged at byte {offset}"
            ))
        })
    }

    /// The same, if it is in the system's cache as a whole.
    pub fn read_now(&self) -> Option<Body> {
        let mut bytes = self.buffer();
        let read = self.segment.file.read_now_at(&mut bytes, self.offset)?;
        bytes.truncate(read);
        self.find(&bytes)
    }

    /// Room for the frame, unless there is much around the body.
    fn buffer(&self) -> Vec<u8> {
        vec![0; FRAME_HEAD + AROUND + self.bytes as usize]
    }

    fn find(&self, bytes: &[u8]) -> Option<Body> {
        let entry = frame::entry(frame::read(bytes, self.segment.home, self.offset)?.payload?)?;
        let mut jobs = entry.records.iter().filter_map(Record::job);
        jobs.find(|it| it.job == self.job).map(|it| it.payload.body.clone())
    }
}
