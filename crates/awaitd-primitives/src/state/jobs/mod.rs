//! The jobs of one queue: which are ready, delayed, leased or dead, and in which order they go.

mod bulk;
mod pages;
mod special;
mod steps;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

pub(crate) use self::pages::Found;
use self::special::{Rare, Special};
use crate::messages::command::{JobId, LeaseId};
use crate::messages::configuration::{Order, Rank};
use crate::messages::job::{JobState, Trait};
use crate::messages::policy::Policy;
use crate::messages::time::Time;
use crate::state::job::{Job, Load, Out, Place};
use crate::state::ranks::Ranks;
use crate::state::results::Results;

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
    moved_at: BTreeMap<JobId, Time>,
    moved_since: BTreeSet<(Time, JobId)>,
    delayed: BTreeMap<Place, Job>,
    delayed_at: BTreeMap<JobId, Time>,
    leased: BTreeMap<JobId, Out>,
    dead: BTreeMap<JobId, Job>,
    /// Bytes in the bodies of those that wait.
    waiting_bytes: u64,
    special: Rare,
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

/// Where a job stands that was put without a rank.
static DEFAULT: LazyLock<Rank> = LazyLock::new(|| Rank::from(0));

impl Jobs {
    /// Sums over all of them.
    pub(crate) fn load(&self) -> Load {
        let ranks = self.ranks.as_ref().map_or(0, |ranks| ranks.bytes());
        let results = self.special.0.as_ref().map_or(0, |special| special.results.bytes());
        let Load { jobs, bytes, here } = self.load.0;
        Load { jobs, bytes: bytes + ranks + results, here: here + ranks + results }
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
    pub(crate) fn set_order(&mut self, order: Order, policy: &Policy) {
        if order != Order::Priority && self.ranks() == 0 {
            self.ranks = None;
        }
        if let Some(special) = &mut self.special.0 {
            special.groups.set(policy.key_concurrency, policy.fair);
        } else if policy.fair || policy.key_concurrency != 1 {
            self.special.0 = Some(Box::new(Special::new(policy.key_concurrency, policy.fair)));
        }
        if self.order == order {
            return;
        }
        let keyed: Vec<JobId> =
            self.special.0.iter().flat_map(|special| special.keyed.keys().copied()).collect();
        let keyed: Vec<_> = keyed.into_iter().filter_map(|id| self.take(id)).collect();
        self.order = order;
        if order == Order::Priority {
            let ranks = self.ranks.get_or_insert_default();
            let fresh = self.fresh.iter().map(|(id, job)| job.first_place(*id));
            fresh.chain(self.moved.keys().copied()).for_each(|place| ranks.enter(place));
        }
        for (place, job) in keyed {
            self.put(place.ready_at, place, job);
        }
    }

    pub(crate) fn ready(&self) -> usize {
        let keyed = self.special.0.as_ref().map_or(0, |special| special.keyed.len());
        self.fresh.len() + self.moved.len() + keyed
    }

    pub(crate) fn delayed(&self) -> usize {
        self.delayed.len()
    }

    pub(crate) fn leased(&self) -> usize {
        self.leased.len()
    }

    pub(crate) fn dead(&self) -> usize {
        self.dead.len()
    }

    pub(crate) fn unfinished(&self) -> usize {
        self.ready() + self.delayed() + self.leased()
    }

    /// Bytes in the bodies of those that wait.
    pub(crate) fn waiting_bytes(&self) -> u64 {
        self.waiting_bytes
    }

    /// The one that goes next.
    pub(crate) fn first(&self) -> Option<(Place, &Job)> {
        let plain = self.first_plain();
        let Some(special) = &self.special.0 else { return plain };
        let Some(keyed) = special.groups.first() else { return plain };
        if let Some((place, job)) = plain {
            let rank = self.seat_rank(place.job);
            if special.groups.plain(rank, self.slot(place), place.job) < *keyed {
                return Some((place, job));
            }
        }
        special.keyed.get(&keyed.3).map(|(place, job)| (*place, job))
    }

    fn first_plain(&self) -> Option<(Place, &Job)> {
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

    /// Those that make room first: the ready ones in the order in which they were put, then those that
    /// are delayed.
    pub(crate) fn oldest(&self) -> impl Iterator<Item = (JobId, &Job)> {
        let ready = self.page(JobState::Ready, JobId(0));
        let ids = ready.chain(self.page(JobState::Delayed, JobId(0)));
        ids.filter_map(|id| Some((id, self.waiting(id)?.1)))
    }

    /// One that is held.
    pub(crate) fn out(&self, job: JobId) -> Option<&Out> {
        self.leased.get(&job)
    }

    /// One that is dead.
    pub(crate) fn corpse(&self, job: JobId) -> Option<&Job> {
        self.dead.get(&job)
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

    /// The unfinished job of this value.
    pub(crate) fn unique(&self, value: &str) -> Option<JobId> {
        self.special.0.as_ref()?.unique.first(value)
    }

    /// When time has something to do here: a delayed job is due, or a result is kept no longer.
    pub(crate) fn due(&self) -> Option<Time> {
        let delayed = self.delayed.first_key_value().map(|(place, _)| place.ready_at);
        let results = self.special.0.as_ref().and_then(|special| special.results.next_end());
        delayed.into_iter().chain(results).min()
    }

    /// The next one that has waited for as long as it may, and when that is.
    pub(crate) fn next_end(&self) -> Option<(Time, JobId)> {
        self.special.0.as_ref()?.ends.first().copied()
    }

    /// What came of those that are done.
    pub(crate) fn results(&self) -> Option<&Results> {
        self.special.0.as_ref().map(|special| &special.results)
    }

    /// Likewise.
    pub(crate) fn results_mut(&mut self) -> &mut Results {
        &mut self.special().results
    }

    /// Takes a job in.
    pub(crate) fn insert(&mut self, now: Time, place: Place, job: Job) {
        self.enroll(place.job, &job);
        if job.holds_key() {
            self.hold_key(&job);
        }
        self.put(now, place, job);
    }

    /// Takes a job in that is dead.
    pub(crate) fn bury(&mut self, id: JobId, job: Job) {
        self.load.0.add(job.load());
        if let Some(key) = job.key() {
            let key = Arc::clone(key);
            self.special().groups.enroll(&key, id);
        }
        self.dead.insert(id, job);
    }

    /// Puts a job in its place.
    fn put(&mut self, now: Time, place: Place, job: Job) {
        self.waiting_bytes += job.payload.body.len() as u64;
        if let (Some(ends), Some(special)) = (job.ends(), &mut self.special.0) {
            special.ends.insert((ends, place.job));
        }
        if place.ready_at > now || self.is_behind(now, place) {
            self.delayed_at.insert(place.job, place.ready_at);
            self.delayed.insert(place, job);
            return;
        }
        if let Some(key) = job.key() {
            self.moved_since.insert((job.since(place), place.job));
            let seat = (self.seat_rank(place.job), self.slot(place), place.job);
            let special = self.special.0.as_mut().expect("a job with a key is enrolled");
            special.groups.ready(key, seat, job.holds_key());
            special.keyed.insert(place.job, (place, job));
            return;
        }
        if self.order == Order::Priority {
            self.ranks.get_or_insert_default().enter(place);
        }
        if place == job.first_place(place.job) && job.since(place) == place.ready_at {
            self.fresh.insert(place.job, job);
        } else {
            self.moved_at.insert(place.job, place.ready_at);
            self.moved_since.insert((job.since(place), place.job));
            self.moved.insert(place, job);
        }
    }

    /// Whether one stands before this place that is due and was not made ready yet: it goes first, so this one
    /// is made ready after it.
    fn is_behind(&self, now: Time, place: Place) -> bool {
        let before = |first: &Place| first.ready_at <= now && *first < place;
        self.order == Order::Fifo
            && self.delayed.first_key_value().is_some_and(|(it, _)| before(it))
    }

    /// Works off what is due, at most `most` of it; says how much there was. A result is forgotten four times
    /// as fast as a job becomes ready.
    pub(crate) fn ripen(&mut self, now: Time, most: usize) -> usize {
        let mut done = 0;
        while done < most
            && let Some(first) = self.delayed.first_entry()
            && first.key().ready_at <= now
        {
            let (place, job) = first.remove_entry();
            self.delayed_at.remove(&place.job);
            self.forget_wait(place, &job);
            self.put(now, place, job);
            done += 1;
        }
        if let Some(special) = &mut self.special.0 {
            done += special.results.forget(now, (most - done).saturating_mul(4)).div_ceil(4);
        }
        done
    }

    /// Hands out a job that waits; `false` if there is none of this number.
    pub(crate) fn lease(&mut self, id: JobId, lease: LeaseId) -> bool {
        let Some((place, job)) = self.take(id) else { return false };
        if !job.holds_key() {
            self.hold_key(&job);
        }
        if let Some(special) = &mut self.special.0 {
            special.groups.took_turn(job.key());
        }
        self.leased.insert(id, Out { lease, place, job });
        true
    }

    /// Takes a job back from whoever held it.
    pub(crate) fn release(&mut self, id: JobId) -> Option<Out> {
        let out = self.leased.remove(&id)?;
        self.let_key_go(&out.job);
        self.strike(id, &out.job);
        Some(out)
    }

    /// A job has gone for good.
    pub(crate) fn unrank(&mut self, id: JobId) {
        if let Some(ranks) = &mut self.ranks {
            ranks.remove(id);
        }
        // One that came from a queue with ranks may have been the last that had one here.
        if self.order != Order::Priority && self.ranks() == 0 {
            self.ranks = None;
        }
    }

    /// Takes out a job that waits or is dead. Its rank stays, see [`Jobs::unrank`].
    pub(crate) fn remove(&mut self, id: JobId) -> Option<Job> {
        if let Some((_, job)) = self.take(id) {
            if job.holds_key() {
                self.let_key_go(&job);
            }
            self.strike(id, &job);
            return Some(job);
        }
        let job = self.dead.remove(&id)?;
        self.strike(id, &job);
        Some(job)
    }

    /// Takes a copy in. One that is there already is the same one.
    pub(crate) fn restore(
        &mut self,
        now: Time,
        place: Place,
        job: Job,
        lease: Option<LeaseId>,
        dead: bool,
    ) {
        _ = self.remove(place.job);
        _ = self.release(place.job);
        match lease {
            Some(lease) => self.take_out(Out { lease, place, job }),
            None if dead => self.bury(place.job, job),
            None => self.insert(now, place, job),
        }
    }

    /// How far the work on a job is that is held.
    pub(crate) fn progress(&mut self, id: JobId, progress: Trait) {
        let Some(mut out) = self.leased.remove(&id) else { return };
        self.load.0.sub(out.job.load());
        out.job = out.job.change(|more| {
            more.traits.retain(|it| !matches!(it, Trait::Progress(_)));
            more.traits.push(progress);
        });
        self.load.0.add(out.job.load());
        self.leased.insert(id, out);
    }

    /// One that waits, and its place.
    pub(crate) fn waiting(&self, id: JobId) -> Option<(Place, &Job)> {
        if let Some(job) = self.fresh.get(&id) {
            return Some((job.first_place(id), job));
        }
        if let Some((place, job)) = self.special.0.as_ref().and_then(|it| it.keyed.get(&id)) {
            return Some((*place, job));
        }
        let (at, there) = match self.moved_at.get(&id) {
            Some(at) => (at, &self.moved),
            None => (self.delayed_at.get(&id)?, &self.delayed),
        };
        let place = Place { ready_at: *at, job: id };
        Some((place, there.get(&place)?))
    }

    /// Whether one that waits is delayed.
    pub(crate) fn is_delayed(&self, id: JobId) -> bool {
        self.delayed_at.contains_key(&id)
    }
}
