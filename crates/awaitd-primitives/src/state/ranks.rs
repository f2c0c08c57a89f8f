//! The ranks of the jobs of one queue, if its order is by rank.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use rustc_hash::FxHashMap;

use crate::messages::command::JobId;
use crate::messages::configuration::Rank;
use crate::state::job::Place;

/// What a rank takes in the journal beside itself and its queue's name, at most.
const RECORD_BYTES: usize = 16;

/// Of a job that was put without one.
static DEFAULT: LazyLock<Rank> = LazyLock::new(|| Rank::from(0));

/// All of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Ranks {
    of: FxHashMap<JobId, Rank>,
    /// Those that are ready, in the order in which they go; empty in a queue of another order.
    ready: BTreeSet<(Rank, Place)>,
    bytes: u64,
}

impl Ranks {
    /// How many jobs were put with one.
    pub(crate) fn len(&self) -> usize {
        self.of.len()
    }

    /// How many bytes all of them take.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The rank that a job was put with.
    pub(crate) fn of(&self, job: JobId) -> Option<&Rank> {
        self.of.get(&job)
    }

    /// Notes the rank of a job that is not ready.
    pub(crate) fn insert(&mut self, job: JobId, rank: Rank) {
        self.bytes += bytes(&rank);
        if let Some(before) = self.of.insert(job, rank) {
            self.bytes -= bytes(&before);
        }
    }

    /// The job has gone.
    pub(crate) fn remove(&mut self, job: JobId) {
        if let Some(rank) = self.of.remove(&job) {
            self.bytes -= bytes(&rank);
        }
    }

    /// A job is ready at this place.
    pub(crate) fn enter(&mut self, place: Place) {
        self.ready.insert((self.rank(place.job), place));
    }

    /// A job is not ready any more.
    pub(crate) fn leave(&mut self, place: Place) {
        self.ready.remove(&(self.rank(place.job), place));
    }

    /// Nothing is ready any more.
    pub(crate) fn leave_all(&mut self) {
        self.ready.clear();
    }

    /// The place of the job that goes next.
    pub(crate) fn first(&self) -> Option<Place> {
        self.ready.first().map(|(_, place)| *place)
    }

    fn rank(&self, job: JobId) -> Rank {
        self.of.get(&job).unwrap_or(&DEFAULT).clone()
    }
}

/// What one takes, be it in the journal or in memory.
pub(crate) fn bytes(rank: &Rank) -> u64 {
    (RECORD_BYTES + rank.0.len()) as u64
}
