//! What came of the jobs of one queue that are done, for as long as that is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use crate::messages::command::{JobId, Payload};
use crate::messages::time::Time;

/// What a result takes in the journal beside its payload and its queue's name, at most.
const RECORD_BYTES: u64 = 64 + crate::limits::NAME_BYTES_MAX as u64;

/// What came of a job.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Kept {
    pub(crate) result: Payload,
    pub(crate) enqueued: Time,
    pub(crate) until: Time,
}

impl Kept {
    fn bytes(&self) -> u64 {
        RECORD_BYTES + self.result.bytes() as u64
    }
}

/// All that is kept.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Results {
    kept: BTreeMap<JobId, Kept>,
    ends: BTreeSet<(Time, JobId)>,
    bytes: u64,
}

impl Results {
    pub(crate) fn get(&self, job: JobId) -> Option<&Kept> {
        self.kept.get(&job)
    }

    pub(crate) fn len(&self) -> usize {
        self.kept.len()
    }

    /// How many bytes all of them take.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// When the next one is kept no longer.
    pub(crate) fn next_end(&self) -> Option<Time> {
        self.ends.first().map(|(end, _)| *end)
    }

    /// The numbers of the jobs after this one, in order.
    pub(crate) fn after(&self, job: JobId) -> impl Iterator<Item = JobId> + '_ {
        self.kept.range((Bound::Excluded(job), Bound::Unbounded)).map(|(id, _)| *id)
    }

    pub(crate) fn insert(&mut self, job: JobId, kept: Kept) {
        self.remove(job);
        self.bytes += kept.bytes();
        self.ends.insert((kept.until, job));
        self.kept.insert(job, kept);
    }

    fn remove(&mut self, job: JobId) {
        if let Some(kept) = self.kept.remove(&job) {
            self.bytes -= kept.bytes();
            self.ends.remove(&(kept.until, job));
        }
    }

    /// Lets go of those that are kept no longer, at most so many; says how many there were.
    pub(crate) fn forget(&mut self, now: Time, most: usize) -> usize {
        let mut forgotten = 0;
        while forgotten < most
            && let Some((_, job)) = self.ends.first().copied().filter(|(end, _)| *end <= now)
        {
            self.remove(job);
            forgotten += 1;
        }
        forgotten
    }
}
