//! Reading the oldest segment once more, for what still lives of it.

use std::collections::{BTreeSet, HashSet};

use awaitd_primitives::{Body, Copied, JobOf, LeaseId, Part, Record, Thing};

use crate::JournalError;
use crate::disk::DiskFile;
use crate::frame;
use crate::segment::Segment;

/// Reads a closed segment, a slice at a time.
#[derive(Debug)]
pub struct Sweep<F> {
    segment: Segment<F>,
    offset: u64,
    /// What has been named already: once is enough.
    named: HashSet<Part>,
    /// Leases, one of each range whose fates this segment began.
    fates: BTreeSet<u64>,
}

/// A part that a segment tells of, and the body of a job as it stands there.
pub type Candidate = (Part, Option<Body>);

/// A slice.
#[derive(Debug, Default)]
pub struct Slice {
    /// What the segment tells of. It may have gone since.
    pub candidates: Vec<Candidate>,
    /// How many bytes it has.
    pub bytes: u64,
    /// Nothing is left: once all is copied, a history may begin with this segment.
    pub end: Option<u64>,
}

impl<F: DiskFile> Sweep<F> {
    /// Begins with the oldest segment, which is written no more.
    pub fn new(segment: Segment<F>) -> Self {
        let offset = frame::HEAD as u64;
        Self { segment, offset, named: HashSet::new(), fates: BTreeSet::new() }
    }

    /// The next slice, of so many bytes at most, or one frame if that is longer.
    pub fn read(&mut self, most: usize) -> Result<Slice, JournalError> {
        let mut slice = Slice::default();
        let bytes = self.bytes(most)?;
        let mut at = 0;
        while let Some(frame) = frame::read(&bytes[at..], self.segment.home, self.offset) {
            let entry = frame.payload.and_then(frame::entry);
            for record in entry.iter().flat_map(|entry| &entry.records) {
                self.note(record, &mut slice.candidates);
            }
            at += frame.bytes;
            self.offset += frame.bytes as u64;
        }
        slice.bytes = at as u64;
        if at == 0 && self.offset < self.segment.used {
            let what = format!(
                "failed to read what is to be copied: segment {} is damaged at byte {}",
                self.segment.number, self.offset
            );
            return Err(JournalError(what));
        }
        if self.offset >= self.segment.used {
            // What became of leases is copied last: what the copies before say is in it.
            let fates = std::mem::take(&mut self.fates).into_iter();
            let leases = fates.filter_map(|number| Some(LeaseId(number.try_into().ok()?)));
            slice.candidates.extend(leases.map(|lease| (Part::Fates(lease), None)));
            slice.end = Some(self.segment.number + 1);
        }
        Ok(slice)
    }

    /// Bytes from where it stands.
    fn bytes(&self, most: usize) -> Result<Vec<u8>, JournalError> {
        let left = usize::try_from(self.segment.used - self.offset).unwrap_or(usize::MAX);
        let read = |length: usize| {
            let mut bytes = vec![0; length.min(left)];
            let read = self.segment.file.read_at(&mut bytes, self.offset);
            let read = read.map_err(|error| JournalError(format!("failed to read: {error}")))?;
            bytes.truncate(read);
            Ok(bytes)
        };
        let bytes = read(most)?;
        match bytes.first_chunk().map(frame::length) {
            Some(length) if length > bytes.len() => read(length),
            _ => Ok(bytes),
        }
    }

    /// Only what begins something names a part: whatever else is told of it came later, and was
    /// copied with it if its beginning was swept before.
    fn note(&mut self, record: &Record, candidates: &mut Vec<Candidate>) {
        if let Some(JobOf { queue, job, payload, .. }) = record.job() {
            let part = Part::Job { queue: queue.clone(), job };
            return candidates.push((part, Some(payload.body.clone())));
        }
        let part = match record {
            Record::Configured { queue, .. } => Part::Thing(Thing::Queue(queue.clone())),
            Record::Made { thing } => Part::Thing(thing.clone()),
            Record::Prepared(configuration) => Part::Thing(configuration.thing()),
            Record::Set { event, .. } => Part::Thing(Thing::Event(event.clone())),
            Record::Remembered { thing, key, .. } => {
                Part::Key { thing: thing.clone(), key: key.clone() }
            }
            Record::Leased { lease, .. } => return self.fate(lease.fence()),
            Record::Copied(copied) => match &**copied {
                Copied::Queue { queue, .. } => Part::Thing(Thing::Queue(queue.clone())),
                Copied::Event { event, .. } => Part::Thing(Thing::Event(event.clone())),
                Copied::Lock { lock, .. } => Part::Thing(Thing::Lock(lock.clone())),
                Copied::Permits { thing, .. } => Part::Thing(thing.clone()),
                Copied::Barrier { barrier, .. } => Part::Thing(Thing::Barrier(barrier.clone())),
                Copied::Schedule { schedule, .. } => Part::Thing(Thing::Schedule(schedule.clone())),
                Copied::Result { queue, job, .. } => Part::Job { queue: queue.clone(), job: *job },
                Copied::Fates { chunk, .. } => return self.fate(chunk * FATES),
                Copied::Job { .. } | Copied::Late { .. } | Copied::Pace { .. } => return,
            },
            Record::Placed { .. }
            | Record::Deleted { .. }
            | Record::Forgotten { .. }
            | Record::Extended { .. }
            | Record::Graced { .. }
            | Record::Settled { .. }
            | Record::ShutDown { .. }
            | Record::Emptied { .. }
            | Record::Drained { .. }
            | Record::Cleared { .. }
            | Record::Unremembered { .. }
            | Record::Reserved { .. }
            | Record::Tied { .. }
            | Record::Checkpoint(_)
            | Record::Ranked { .. }
            | Record::Cancelled { .. }
            | Record::Tripped { .. }
            | Record::Reset { .. }
            | Record::Aborted { .. }
            | Record::Traits { .. }
            | Record::Died { .. }
            | Record::Dropped { .. }
            | Record::Moved { .. }
            | Record::Paused { .. }
            | Record::Purged { .. }
            | Record::Resulted { .. }
            | Record::Progressed { .. }
            | Record::Fired { .. } => return,
        };
        if self.named.insert(part.clone()) {
            candidates.push((part, None));
        }
    }

    /// One lease of each range is enough.
    fn fate(&mut self, lease: u64) {
        self.fates.insert((lease / FATES * FATES).max(1));
    }
}

/// Leases in a range of fates.
const FATES: u64 = awaitd_primitives::limits::FATES_RANGE;
