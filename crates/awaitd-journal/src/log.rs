//! The log: entries to segments, synced. One thread writes; nothing here waits for another.

use std::collections::VecDeque;
use std::io;
use std::mem;

use awaitd_primitives::{Entry, JobOf, Record, Stored, Written};

use crate::disk::{Disk, DiskFile};
use crate::frame::{self, HEAD, Key};
use crate::segment::Segment;

/// Where the next segment comes from, by its number.
pub type Source<F> = Box<dyn FnMut(u64) -> io::Result<Segment<F>> + Send>;

/// The log of one journal.
pub struct Log<D: Disk> {
    pub(crate) key: Key,
    /// The size of new segments.
    pub(crate) size: u64,
    /// From the oldest to the one that is written to.
    pub(crate) segments: VecDeque<Segment<D::File>>,
    /// Where the next one comes from.
    pub(crate) source: Source<D::File>,
    /// The number of the next append.
    pub(crate) append: u64,
    pub(crate) buffer: Vec<u8>,
    /// A call to the disk failed: nobody knows what is on it, and nothing more is written.
    pub(crate) failed: bool,
}

/// What became of an append.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// How many bytes it took.
    pub bytes: u64,
    /// Those of them that are copies of what was written before.
    pub copied_bytes: u64,
    /// Where bodies were written, if that was asked.
    pub written: Vec<Written>,
}

impl<D: Disk> Log<D> {
    /// Takes the next segments from there, instead of making them when they are needed.
    pub fn take_from(&mut self, source: Source<D::File>) {
        self.source = source;
    }

    /// Writes entries and makes them durable. All or none of them are there after a crash, unless they
    /// are more than a segment holds: then it is the first of them, or none. `track`: says where bodies lie.
    pub fn append(&mut self, entries: &[Entry], track: bool) -> io::Result<Outcome> {
        self.guarded(|log| log.try_append(entries, track))
    }

    /// Says that the journal was closed in order.
    pub fn seal(&mut self) -> io::Result<()> {
        self.guarded(|log| {
            let append = log.append;
            log.room_for(frame::FRAME_HEAD as u64)?;
            let (home, base) = (log.active().home, log.active().used);
            log.buffer.clear();
            frame::write_seal(&mut log.buffer, home, base, append);
            log.write()
        })
    }

    /// The segment that is written to.
    pub fn active(&self) -> &Segment<D::File> {
        self.segments.back().expect("a log has a segment")
    }

    /// All segments, from the oldest to the one that is written to.
    pub fn segments(&self) -> impl Iterator<Item = &Segment<D::File>> {
        self.segments.iter()
    }

    /// Lets go of all segments before this one; who they were.
    pub fn trim(&mut self, from: u64) -> Vec<u64> {
        let old = |segment: &Segment<D::File>| segment.number < from;
        let mut gone = Vec::new();
        while self.segments.len() > 1 && self.segments.front().is_some_and(old) {
            gone.extend(self.segments.pop_front().map(|segment| segment.number));
        }
        gone
    }

    fn guarded<R>(&mut self, run: impl FnOnce(&mut Self) -> io::Result<R>) -> io::Result<R> {
        if self.failed {
            return Err(io::Error::other("the journal has failed before"));
        }
        let done = run(self);
        self.failed = done.is_err();
        done
    }

    fn try_append(&mut self, entries: &[Entry], track: bool) -> io::Result<Outcome> {
        if entries.is_empty() {
            return Ok(Outcome::default());
        }
        let mut written = Vec::new();
        // The place is part of the checksums, so a second try is for the few that do not fit.
        loop {
            written.clear();
            let copied_bytes = self.encode(entries, track.then_some(&mut written));
            let bytes = self.buffer.len() as u64;
            if bytes + HEAD as u64 > self.size && entries.len() > 1 {
                return self.append_in_two(entries, track);
            }
            if !self.room_for(bytes)? {
                self.write()?;
                return Ok(Outcome { bytes, copied_bytes, written });
            }
        }
    }

    /// What does not fit into one segment, in two appends: nobody is told of either before both are
    /// durable.
    fn append_in_two(&mut self, entries: &[Entry], track: bool) -> io::Result<Outcome> {
        let (first, second) = entries.split_at(entries.len() / 2);
        let mut outcome = self.try_append(first, track)?;
        let more = self.try_append(second, track)?;
        outcome.bytes += more.bytes;
        outcome.copied_bytes += more.copied_bytes;
        outcome.written.extend(more.written);
        Ok(outcome)
    }

    /// Encodes entries as they would lie at the end of the active segment.
    fn encode(&mut self, entries: &[Entry], mut written: Option<&mut Vec<Written>>) -> u64 {
        let Segment { number, home, used: base, .. } = *self.active();
        let mut copied_bytes = 0;
        let mut bytes = mem::take(&mut self.buffer);
        bytes.clear();
        let mut start = 0;
        for entry in entries {
            start = bytes.len();
            frame::write(&mut bytes, home, base, self.append, entry);
            if matches!(entry.records[..], [Record::Copied(_)]) {
                copied_bytes += (bytes.len() - start) as u64;
            }
            if let Some(written) = &mut written {
                let at = address(number, base + start as u64);
                written.extend(entry.records.iter().filter_map(|record| body(record, at)));
            }
        }
        frame::mark_last(&mut bytes, start, home, base);
        self.buffer = bytes;
        copied_bytes
    }

    /// Makes room for so many bytes in the active segment; `true`: that is another one now.
    fn room_for(&mut self, bytes: u64) -> io::Result<bool> {
        let active = self.active();
        // One that is empty stays, or a start would find nothing where it looks for something.
        let next = active.used + bytes > active.size && active.used > HEAD as u64;
        if next {
            let number = active.number + 1;
            let segment = (self.source)(number)?;
            self.segments.push_back(segment);
        }
        let size = self.size.max(HEAD as u64 + bytes);
        let active = self.segments.back_mut().expect("a log has a segment");
        if active.used + bytes > active.size {
            active.file.grow(size)?;
            active.size = size;
        }
        Ok(next)
    }

    fn write(&mut self) -> io::Result<()> {
        let active = self.segments.back_mut().expect("a log has a segment");
        active.file.write_at(&self.buffer, active.used)?;
        active.file.sync()?;
        active.used += self.buffer.len() as u64;
        self.append += 1;
        // One large append shall not keep its room for ever.
        self.buffer.shrink_to(1 << 20);
        Ok(())
    }
}

/// A frame's place in one number.
pub(crate) fn address(segment: u64, offset: u64) -> u64 {
    segment << 32 | offset
}

/// A frame's segment and offset.
pub fn place(address: u64) -> (u64, u64) {
    (address >> 32, address & u64::from(u32::MAX))
}

/// Where the body of a record's job is, if it has one.
pub(crate) fn body(record: &Record, at: u64) -> Option<Written> {
    let JobOf { queue, job, payload, copied } = record.job()?;
    let bytes = u32::try_from(payload.body.len()).ok()?;
    let stored = Stored { at, bytes };
    Some(Written { queue: queue.clone(), job, stored, copied })
}
