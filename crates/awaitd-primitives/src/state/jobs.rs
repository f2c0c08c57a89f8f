//! The jobs of one queue: which are ready, delayed or leased, and in which order they go.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;

use crate::messages::body::{Body, Stored};
use crate::messages::checkpoint::Tried;
use crate::messages::command::{JobId, LeaseId, Payload};
use crate::messages::configuration::{Order, Rank};
use crate::messages::time::Time;
use crate::state::ranks::Ranks;

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

impl Job {
    /// Which attempt comes next; 1 at first.
    pub(crate) fn attempt(&self) -> u32 {
        self.tried.as_ref().map_or(1, |tried| tried.attempts.saturating_add(1))
    }

    /// When it became ready, or will.
    pub(crate) fn since(&self, place: Place) -> Time {
        self.tried.as_ref().and_then(|tried| tried.since).unwrap_or(place.ready_at)
    }

    /// The place of one that was not delayed, as long as it keeps it.
    fn first_place(&self, job: JobId) -> Place {
        Place { ready_at: self.enqueued, job }
    }

    /// What it adds to its queue's sums.
    fn load(&self) -> Load {
        let Payload { body, content_type } = &self.payload;
        let kind = content_type.as_ref().map_or(0, |kind| kind.len());
        let error = self.tried.as_ref().and_then(|tried| tried.error.as_ref());
        let written = RECORD_BYTES + body.len() + kind + error.map_or(0, |error| error.len());
        Load { jobs: 1, bytes: written as u64, here: body.bytes_here() }
    }
}

/// What a job takes in the journal beside body, content type, error and its queue's name, at most.
const RECORD_BYTES: usize = 64;

/// Sums over jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Load {
    /// How many there are.
    pub(crate) jobs: u64,
    /// How many bytes it takes to write them all.
    pub(crate) bytes: u64,
    /// How many bytes of their bodies are in memory.
    pub(crate) here: u64,
}

impl Load {
    pub(crate) fn add(&mut self, more: Self) {
        self.jobs += more.jobs;
        self.bytes += more.bytes;
        self.here += more.here;
    }

    pub(crate) fn sub(&mut self, less: Self) {
        self.jobs -= less.jobs;
        self.bytes -= less.bytes;
        self.here -= less.here;
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
    order: Order,
    /// What most queues do not have.
    ranks: Option<Box<Ranks>>,
    /// Ready ever since they were put: the many. The order of their numbers is that of their places.
    fresh: BTreeMap<JobId, Job>,
    /// Ready at another place: those that were delayed, or given back.
    moved: BTreeMap<Place, Job>,
    moved_since: BTreeSet<(Time, JobId)>,
    delayed: BTreeMap<Place, Job>,
    /// Where those are that are not where their numbers say.
    places: FxHashMap<JobId, Time>,
    leased: FxHashMap<JobId, Out>,
    load: Sums,
}

/// Equal if as many jobs of as many bytes are there, wherever the bytes are.
#[derive(Clone, Debug, Default)]
struct Sums(Load);

impl PartialEq for Sums {
    fn eq(&self, other: &Self) -> bool {
        (self.0.jobs, self.0.bytes) == (other.0.jobs, other.0.bytes)
    }
}

impl Jobs {
    /// Sums over all of them.
    pub(crate) fn load(&self) -> Load {
        let ranks = self.ranks.as_ref().map_or(0, |ranks| ranks.bytes());
        Load { bytes: self.load.0.bytes + ranks, ..self.load.0 }
    }

    /// How many of them were put with a rank.
    pub(crate) fn ranks(&self) -> u64 {
        self.ranks.as_ref().map_or(0, |ranks| ranks.len() as u64)
    }

    /// The rank that a job was put with.
    pub(crate) fn rank_of(&self, job: JobId) -> Option<&Rank> {
        self.ranks.as_ref()?.of(job)
    }

    /// Notes the rank of a job that comes next. One that is there already has that rank.
    pub(crate) fn rank(&mut self, job: JobId, rank: Rank) {
        self.ranks.get_or_insert_default().insert(job, rank);
    }

    /// Which of them goes first. There may be some before that is known, in a history that begins late.
    pub(crate) fn set_order(&mut self, order: Order) {
        if order != Order::Priority && self.ranks() == 0 {
            self.ranks = None;
        }
        if self.order == order {
            return;
        }
        self.order = order;
        if order == Order::Priority {
            let ranks = self.ranks.get_or_insert_default();
            let fresh = self.fresh.iter().map(|(id, job)| job.first_place(*id));
            fresh.chain(self.moved.keys().copied()).for_each(|place| ranks.enter(place));
        }
    }

    pub(crate) fn ready(&self) -> usize {
        self.fresh.len() + self.moved.len()
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
        let fresh = |(id, job): (&JobId, _)| (Job::first_place(job, *id), job);
        let moved = |(place, job): (&Place, _)| (*place, job);
        match self.order {
            Order::Fifo => {
                let both = self.fresh.first_key_value().map(fresh).into_iter();
                let both = both.chain(self.moved.first_key_value().map(moved));
                both.min_by_key(|(place, _)| *place)
            }
            Order::Lifo => {
                let both = self.fresh.last_key_value().map(fresh).into_iter();
                let both = both.chain(self.moved.last_key_value().map(moved));
                both.max_by_key(|(place, _)| *place)
            }
            Order::Priority => self.waiting(self.ranks.as_ref()?.first()?.job),
        }
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
        let fresh = self.fresh.first_key_value().map(|(_, job)| job.enqueued);
        let moved = self.moved_since.first().map(|(since, _)| *since);
        fresh.into_iter().chain(moved).min()
    }

    /// When the first of the delayed is due.
    pub(crate) fn due(&self) -> Option<Time> {
        self.delayed.first_key_value().map(|(place, _)| place.ready_at)
    }

    /// Takes a job in.
    pub(crate) fn insert(&mut self, now: Time, place: Place, job: Job) {
        self.load.0.add(job.load());
        self.put(now, place, job);
    }

    /// Puts a job in its place.
    fn put(&mut self, now: Time, place: Place, job: Job) {
        if place.ready_at > now {
            self.places.insert(place.job, place.ready_at);
            self.delayed.insert(place, job);
            return;
        }
        if self.order == Order::Priority {
            self.ranks.get_or_insert_default().enter(place);
        }
        if place == job.first_place(place.job) && job.since(place) == place.ready_at {
            self.fresh.insert(place.job, job);
        } else {
            self.places.insert(place.job, place.ready_at);
            self.moved_since.insert((job.since(place), place.job));
            self.moved.insert(place, job);
        }
    }

    /// Moves what is due to what is ready, at most `most` of it; says how many there were.
    pub(crate) fn ripen(&mut self, now: Time, most: usize) -> usize {
        let mut moved = 0;
        while moved < most && self.due().is_some_and(|due| due <= now) {
            let (place, job) = self.delayed.pop_first().expect("one is due");
            self.put(now, place, job);
            moved += 1;
        }
        moved
    }

    /// Hands out a job that waits; `false` if there is none of this number.
    pub(crate) fn lease(&mut self, id: JobId, lease: LeaseId) -> bool {
        let Some((place, job)) = self.take(id) else { return false };
        self.leased.insert(id, Out { lease, place, job });
        true
    }

    /// Takes a job back from whoever held it.
    pub(crate) fn release(&mut self, id: JobId) -> Option<Out> {
        let out = self.leased.remove(&id)?;
        self.load.0.sub(out.job.load());
        Some(out)
    }

    /// A job has gone for good.
    pub(crate) fn unrank(&mut self, id: JobId) {
        if let Some(ranks) = &mut self.ranks {
            ranks.remove(id);
        }
    }

    /// Takes out a job that waits, for good.
    pub(crate) fn remove(&mut self, id: JobId) -> Option<Job> {
        let (_, job) = self.take(id)?;
        self.load.0.sub(job.load());
        self.unrank(id);
        Some(job)
    }

    /// Takes out all that waits, whole, so that dropping it holds nobody up.
    pub(crate) fn take_waiting(&mut self) -> Self {
        let leased = std::mem::take(&mut self.leased);
        let waiting = std::mem::take(self);
        self.set_order(waiting.order);
        for out in leased.values() {
            self.load.0.add(out.job.load());
            if let Some(rank) = waiting.rank_of(out.place.job) {
                self.rank(out.place.job, rank.clone());
            }
        }
        self.leased = leased;
        waiting
    }

    /// Takes a copy in. One that is there already is the same one.
    pub(crate) fn restore(&mut self, now: Time, place: Place, job: Job, lease: Option<LeaseId>) {
        if let Some((_, before)) = self.take(place.job) {
            self.load.0.sub(before.load());
        }
        _ = self.release(place.job);
        self.load.0.add(job.load());
        match lease {
            Some(lease) => _ = self.leased.insert(place.job, Out { lease, place, job }),
            None => self.put(now, place, job),
        }
    }

    /// A job, its place, and by which lease it is held.
    pub(crate) fn find(&self, id: JobId) -> Option<(Place, &Job, Option<LeaseId>)> {
        if let Some(out) = self.leased.get(&id) {
            return Some((out.place, &out.job, Some(out.lease)));
        }
        self.waiting(id).map(|(place, job)| (place, job, None))
    }

    /// Lets go of the body of a job: the journal has it. `keep`: only if it is not in memory anyway.
    pub(crate) fn stow(&mut self, id: JobId, stored: Stored, keep: bool) {
        let job = match self.leased.get_mut(&id) {
            Some(out) => Some(&mut out.job),
            None => match self.places.get(&id) {
                None => self.fresh.get_mut(&id),
                Some(ready_at) => {
                    let place = Place { ready_at: *ready_at, job: id };
                    self.moved.get_mut(&place).or_else(|| self.delayed.get_mut(&place))
                }
            },
        };
        if let Some(job) = job.filter(|job| !keep || job.payload.body.here().is_none()) {
            self.load.0.here -= job.payload.body.bytes_here();
            job.payload.body = Body::Stored(Box::new(stored));
        }
    }

    /// One that waits, and its place.
    fn waiting(&self, id: JobId) -> Option<(Place, &Job)> {
        if let Some(job) = self.fresh.get(&id) {
            return Some((job.first_place(id), job));
        }
        let place = Place { ready_at: *self.places.get(&id)?, job: id };
        let job = self.moved.get(&place).or_else(|| self.delayed.get(&place))?;
        Some((place, job))
    }

    /// Takes one out that waits.
    fn take(&mut self, id: JobId) -> Option<(Place, Job)> {
        let (place, job) = if let Some(job) = self.fresh.remove(&id) {
            (job.first_place(id), job)
        } else {
            let place = Place { ready_at: self.places.remove(&id)?, job: id };
            let Some(job) = self.moved.remove(&place) else {
                return self.delayed.remove(&place).map(|job| (place, job));
            };
            self.moved_since.remove(&(job.since(place), id));
            (place, job)
        };
        if let Some(ranks) = &mut self.ranks {
            ranks.leave(place);
        }
        Some((place, job))
    }
}
