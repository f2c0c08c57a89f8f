//! The jobs of one queue: which are ready, delayed or leased, and in which order they go.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;

use crate::messages::command::{JobId, LeaseId, Payload};
use crate::messages::time::Time;

/// Where a job stands: a fact of its records, never of when somebody looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) ready_at: Time,
    pub(crate) job: JobId,
}

/// A job. A million of them should fit, so what few have is in a box of its own.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Job {
    pub(crate) payload: Payload,
    pub(crate) enqueued: Time,
    pub(crate) tried: Option<Box<Tried>>,
}

/// What a job has that was handed out before.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Tried {
    /// Ends of leases that counted.
    pub(crate) attempts: u32,
    /// When it became ready, if that is not what its place says.
    pub(crate) since: Option<Time>,
    /// What its last worker said who said something.
    pub(crate) error: Option<Box<str>>,
}

impl Job {
    /// Which attempt comes next; 1 at first.
    pub(crate) fn attempt(&self) -> u32 {
        self.tried.as_ref().map_or(1, |tried| tried.attempts.saturating_add(1))
    }

    /// When it became ready, or will.
    pub(crate) fn since(&self, place: Place) -> Time {
        self.tried.as_ref().and_then(|tried| tried.since).unwrap_or(place.ready_at)
    }
}

/// A job under lease.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Out {
    pub(crate) lease: LeaseId,
    pub(crate) place: Place,
    pub(crate) job: Job,
}

/// All jobs of a queue.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Jobs {
    /// Ready since their place says so: the many.
    fresh: BTreeMap<Place, Job>,
    /// Ready again at a place older than that: the few that were given back.
    returned: BTreeMap<Place, Job>,
    returned_since: BTreeSet<(Time, JobId)>,
    delayed: BTreeMap<Place, Job>,
    leased: FxHashMap<JobId, Out>,
}

impl Jobs {
    pub(crate) fn ready(&self) -> usize {
        self.fresh.len() + self.returned.len()
    }

    pub(crate) fn delayed(&self) -> usize {
        self.delayed.len()
    }

    pub(crate) fn leased(&self) -> usize {
        self.leased.len()
    }

    pub(crate) fn unfinished(&self) -> usize {
        self.ready() + self.delayed() + self.leased()
    }

    /// The one that goes next.
    pub(crate) fn first(&self) -> Option<(Place, &Job)> {
        let (fresh, returned) = (self.fresh.first_key_value(), self.returned.first_key_value());
        fresh
            .into_iter()
            .chain(returned)
            .min_by_key(|(place, _)| **place)
            .map(|(at, job)| (*at, job))
    }

    /// One that is held.
    pub(crate) fn out(&self, job: JobId) -> Option<&Out> {
        self.leased.get(&job)
    }

    /// The leases of those that are held.
    pub(crate) fn leases(&self) -> impl Iterator<Item = LeaseId> + '_ {
        self.leased.values().map(|out| out.lease)
    }

    /// When the one became ready that has been ready for longest.
    pub(crate) fn oldest_ready(&self) -> Option<Time> {
        let fresh = self.fresh.first_key_value().map(|(place, _)| place.ready_at);
        let returned = self.returned_since.first().map(|(since, _)| *since);
        fresh.into_iter().chain(returned).min()
    }

    /// When the first of the delayed is due.
    pub(crate) fn due(&self) -> Option<Time> {
        self.delayed.first_key_value().map(|(place, _)| place.ready_at)
    }

    /// Puts a job in its place.
    pub(crate) fn insert(&mut self, now: Time, place: Place, job: Job) {
        if place.ready_at > now {
            self.delayed.insert(place, job);
        } else if job.since(place) == place.ready_at {
            self.fresh.insert(place, job);
        } else {
            self.returned_since.insert((job.since(place), place.job));
            self.returned.insert(place, job);
        }
    }

    /// Moves what is due to what is ready, at most `most` of it; says how many there were.
    pub(crate) fn ripen(&mut self, now: Time, most: usize) -> usize {
        let mut moved = 0;
        while moved < most && self.due().is_some_and(|due| due <= now) {
            let (place, job) = self.delayed.pop_first().expect("one is due");
            self.insert(now, place, job);
            moved += 1;
        }
        moved
    }

    /// Hands a job out.
    pub(crate) fn lease(&mut self, id: JobId, lease: LeaseId) {
        let first = self.first().map(|(place, _)| place).filter(|place| place.job == id);
        // It is the first whenever it is handed out; only a replay may look at another moment.
        let place = first.or_else(|| self.find(id)).expect("only a waiting job is leased");
        let job = self.take(place);
        self.leased.insert(id, Out { lease, place, job });
    }

    /// Takes a job back from whoever held it.
    pub(crate) fn release(&mut self, id: JobId) -> Out {
        self.leased.remove(&id).expect("a lease holds a job")
    }

    /// Takes out all that waits, whole, so that dropping it holds nobody up.
    pub(crate) fn take_waiting(&mut self) -> Self {
        let leased = std::mem::take(&mut self.leased);
        let waiting = std::mem::take(self);
        self.leased = leased;
        waiting
    }

    fn find(&self, id: JobId) -> Option<Place> {
        let all = self.fresh.keys().chain(self.returned.keys()).chain(self.delayed.keys());
        all.copied().find(|place| place.job == id)
    }

    fn take(&mut self, place: Place) -> Job {
        if let Some(job) = self.fresh.remove(&place).or_else(|| self.delayed.remove(&place)) {
            return job;
        }
        let job = self.returned.remove(&place).expect("a place that was found has a job");
        self.returned_since.remove(&(job.since(place), place.job));
        job
    }
}
