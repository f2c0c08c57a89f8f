//! What is counted by name, and who has a name of their own.

use std::ops::Range;
use std::time::Duration;

use awaitd_primitives::Name;
// Names come from users: with a seed that is another at each start, those that fall together cannot be chosen.
use foldhash::{HashMap, HashMapExt};

/// The upper bounds of all histograms, in seconds: from a hand-off to the longest sensible wait.
pub(super) const BOUNDS: [f64; 12] =
    [0.0005, 0.002, 0.01, 0.05, 0.2, 1.0, 5.0, 20.0, 60.0, 300.0, 900.0, 3_600.0];

/// How long something took, each time.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Histogram {
    /// How many were at most as long as the bound, and longer than the one before; the last one
    /// holds those above every bound.
    pub(super) buckets: [u64; BOUNDS.len() + 1],
    /// All lengths together.
    pub(super) seconds: f64,
}

impl Histogram {
    /// Counts one.
    pub(super) fn observe(&mut self, took: Duration) {
        let seconds = took.as_secs_f64();
        self.buckets[BOUNDS.partition_point(|bound| *bound < seconds)] += 1;
        self.seconds += seconds;
    }

    /// How many there were.
    pub(super) fn count(&self) -> u64 {
        self.buckets.iter().sum()
    }
}

/// What can be counted together.
pub(super) trait Sum: Clone + Default + PartialEq {
    /// Adds what another counted.
    fn add(&mut self, other: &Self);
}

impl Sum for u64 {
    fn add(&mut self, other: &Self) {
        *self += other;
    }
}

impl Sum for Histogram {
    fn add(&mut self, other: &Self) {
        self.buckets.add(&other.buckets);
        self.seconds += other.seconds;
    }
}

impl<S: Sum, const N: usize> Sum for [S; N]
where
    Self: Default,
{
    fn add(&mut self, other: &Self) {
        for (sum, more) in self.iter_mut().zip(other) {
            sum.add(more);
        }
    }
}

/// What happens to jobs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Event {
    Put,
    Got,
    Done,
    Returned,
    Undelivered,
    Expired,
    Dropped,
    Cancelled,
    Dead,
    DeadLettered,
    Redriven,
}

/// [`Event`]s in their order, as they stand in the label `event`.
pub(super) const EVENTS: [&str; 11] = [
    "put",
    "got",
    "done",
    "returned",
    "undelivered",
    "expired",
    "dropped",
    "cancelled",
    "dead",
    "dead_lettered",
    "redriven",
];

/// Those of them that end a lease, as they stand in the label `outcome`.
pub(super) const ENDS: Range<usize> = Event::Done as usize..Event::Dropped as usize;

/// What is counted of a queue.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct OfQueue {
    /// Jobs, by [`EVENTS`].
    pub(super) jobs: [u64; EVENTS.len()],
    /// How long jobs were ready.
    pub(super) job_wait: Histogram,
    /// How long jobs were held, by [`ENDS`].
    pub(super) job_held: [Histogram; ENDS.end - ENDS.start],
    /// How long puts that were admitted had waited.
    pub(super) put_blocked: Histogram,
    /// How long gets that got had waited.
    pub(super) get_blocked: Histogram,
}

impl OfQueue {
    /// Counts jobs.
    pub(super) fn count(&mut self, event: Event, jobs: u64) {
        self.jobs[event as usize] += jobs;
    }
}

impl Sum for OfQueue {
    fn add(&mut self, other: &Self) {
        self.jobs.add(&other.jobs);
        self.job_wait.add(&other.job_wait);
        self.job_held.add(&other.job_held);
        self.put_blocked.add(&other.put_blocked);
        self.get_blocked.add(&other.get_blocked);
    }
}

/// What is counted of a lock or a semaphore.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct OfPermits {
    /// How long acquires that had it had waited.
    pub(super) wait: Histogram,
    /// How long it was held, by each holder.
    pub(super) held: Histogram,
    /// Holders that lost it since their time was over.
    pub(super) expired: u64,
}

impl Sum for OfPermits {
    fn add(&mut self, other: &Self) {
        self.wait.add(&other.wait);
        self.held.add(&other.held);
        self.expired.add(&other.expired);
    }
}

/// Counts by name, of as many names as may have series of their own. The others are counted together,
/// and so is what a name had counted when it goes: `other` never falls.
#[derive(Clone, Debug)]
pub(super) struct Names<S> {
    max: usize,
    /// At most `max`.
    pub(super) own: HashMap<Name, Own<S>>,
    /// Of all who have none of their own.
    pub(super) other: S,
}

/// A name's own counts.
#[derive(Clone, Debug, Default)]
pub(super) struct Own<S> {
    /// It was configured, and gives way to nobody.
    configured: bool,
    /// What was counted since it has its own.
    pub(super) counts: S,
}

impl<S: Sum> Names<S> {
    /// Nothing counted yet, of at most `max` names.
    pub(super) fn new(max: usize) -> Self {
        Self { max, own: HashMap::new(), other: S::default() }
    }

    /// Whether one more name may have its own.
    pub(super) fn has_room(&self) -> bool {
        self.own.len() < self.max
    }

    /// Where to count for this name.
    pub(super) fn of(&mut self, name: &Name) -> &mut S {
        if self.has_room() && !self.own.contains_key(name) {
            self.own.insert(name.clone(), Own::default());
        }
        self.own.get_mut(name).map_or(&mut self.other, |own| &mut own.counts)
    }

    /// A configured name goes before one that is not.
    pub(super) fn configured(&mut self, name: &Name) {
        if self.own.len() >= self.max && !self.own.contains_key(name) {
            let mut others = self.own.iter().filter(|(_, own)| !own.configured);
            let Some((weaker, _)) = others.next() else {
                return;
            };
            let weaker = weaker.clone();
            self.freed(&weaker);
        }
        self.own.entry(name.clone()).or_default().configured = true;
    }

    /// A name is gone; what it had counted is not.
    pub(super) fn freed(&mut self, name: &Name) {
        if let Some(own) = self.own.remove(name) {
            self.other.add(&own.counts);
        }
    }

    /// Which of these names may have their own, since there is room or they are configured.
    pub(super) fn wanting<'a>(
        &self,
        names: impl Iterator<Item = (&'a Name, bool)> + Clone,
    ) -> Vec<(&'a Name, bool)> {
        let room = self.max - self.own.len();
        let weak = self.own.values().filter(|own| !own.configured).count();
        if room + weak == 0 {
            return Vec::new();
        }
        let without = names.filter(|(name, _)| !self.own.contains_key(*name));
        let strong = without.clone().filter(|(_, configured)| *configured).take(room + weak);
        let rest = without.filter(|(_, configured)| !configured).take(room);
        strong.chain(rest).collect()
    }
}
