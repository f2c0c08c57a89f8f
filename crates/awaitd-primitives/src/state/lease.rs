//! Leases: who holds what until when. One table for jobs, locks and permits, one index of their ends, one
//! counter that is the fence.

use std::collections::BTreeSet;
use std::num::NonZeroU64;
use std::time::Duration;

use rustc_hash::FxHashMap;

use crate::messages::answer::Grant;
use crate::messages::checkpoint::{Copied, LeaseCopy};
use crate::messages::command::LeaseId;
use crate::messages::record::{Held, Outcome, Record, Then};
use crate::messages::time::Time;
use crate::state::settled::{Fate, Settled};

/// A lease that is held.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Lease {
    pub(crate) held: Held,
    /// For how long it was granted.
    pub(crate) length: Duration,
    /// When it ends; `None` for a job that is done once it is delivered.
    pub(crate) until: Option<Time>,
    /// Since when it is held.
    pub(crate) granted: Time,
    /// For how long the job had been ready, so that a repeat is told the same.
    pub(crate) waited: Duration,
    /// It was lengthened at a start and not kept since.
    pub(crate) graced: bool,
}

impl Lease {
    /// The lease as its holder is told of it.
    pub(crate) fn grant(&self, lease: LeaseId) -> Option<Grant> {
        Some(Grant { thing: self.held.thing(), lease, until: self.until? })
    }

    /// The lease of a copy of what it holds.
    pub(crate) fn from_copy(held: Held, copy: &LeaseCopy) -> Self {
        let LeaseCopy { length, until, granted, waited, graced, .. } = *copy;
        Self { held, length, until, granted, waited, graced }
    }

    /// A copy of it.
    pub(crate) fn copy(&self, lease: LeaseId) -> LeaseCopy {
        let Self { length, until, granted, waited, graced, .. } = *self;
        LeaseCopy { lease, length, until, granted, waited, graced }
    }

    fn owner_bytes(&self) -> u64 {
        self.held.owner().map_or(0, |owner| owner.len() as u64)
    }

    /// The record of its end.
    pub(crate) fn settled(
        &self,
        lease: LeaseId,
        now: Time,
        outcome: Outcome,
        then: Then,
    ) -> Record {
        let lasted = now.since(self.granted);
        Record::Settled { lease, held: self.held.clone(), outcome, then, lasted }
    }
}

/// All leases, live ones whole and ended ones by what became of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Leases {
    last: u64,
    /// No number above this one has been told.
    reserved: u64,
    live: FxHashMap<LeaseId, Lease>,
    /// Of the names of those who hold the live ones.
    owners: u64,
    ends: BTreeSet<(Time, LeaseId)>,
    settled: Settled,
}

impl Leases {
    /// The number of the next one.
    pub(crate) fn next(&self) -> LeaseId {
        LeaseId(NonZeroU64::MIN.saturating_add(self.last))
    }

    /// The largest number so far.
    pub(crate) fn last(&self) -> u64 {
        self.last
    }

    /// The largest number that may be told.
    pub(crate) fn reserved(&self) -> u64 {
        self.reserved
    }

    /// Goes on above `from`, and tells no number above `upto`.
    pub(crate) fn reserve(&mut self, from: u64, upto: u64) {
        self.last = self.last.max(from);
        self.reserved = self.reserved.max(upto);
    }

    /// How many are live.
    pub(crate) fn len(&self) -> usize {
        self.live.len()
    }

    /// How many bytes of names of holders there are.
    pub(crate) fn owner_bytes(&self) -> u64 {
        self.owners
    }

    /// A live one.
    pub(crate) fn get(&self, lease: LeaseId) -> Option<&Lease> {
        self.live.get(&lease)
    }

    /// All live ones, in the order of their numbers.
    pub(crate) fn in_order(&self) -> Vec<(LeaseId, &Lease)> {
        let mut all: Vec<_> = self.live.iter().map(|(id, lease)| (*id, lease)).collect();
        all.sort_unstable_by_key(|(id, _)| *id);
        all
    }

    /// What became of one that is not live; `None` if it was never granted.
    pub(crate) fn fate(&self, lease: LeaseId) -> Option<Fate> {
        (lease.fence() <= self.last).then(|| self.settled.fate(lease))
    }

    /// A copy of what became of the leases around this one.
    pub(crate) fn copy_fates(&self, lease: LeaseId) -> Option<Copied> {
        self.settled.copy_chunk(lease)
    }

    /// A copy of what became of those that were settled late, if there are any.
    pub(crate) fn copy_late(&self) -> Option<Copied> {
        self.settled.copy_late()
    }

    /// How many bytes it takes to tell what became of them.
    pub(crate) fn fates_bytes(&self) -> u64 {
        self.settled.bytes()
    }

    /// What became of leases, from a copy.
    pub(crate) fn settled(&mut self) -> &mut Settled {
        &mut self.settled
    }

    /// Those that end, in the order of their ends.
    pub(crate) fn ends(&self) -> impl Iterator<Item = (Time, LeaseId)> + '_ {
        self.ends.iter().copied()
    }

    /// A number was given out; what it was for is told elsewhere.
    pub(crate) fn reach(&mut self, id: LeaseId) {
        self.last = self.last.max(id.fence());
        self.settled.reach(id);
    }

    pub(crate) fn insert(&mut self, id: LeaseId, lease: Lease) {
        self.reach(id);
        if let Some(until) = lease.until {
            self.ends.insert((until, id));
        }
        self.owners += lease.owner_bytes();
        if let Some(before) = self.live.insert(id, lease) {
            self.owners -= before.owner_bytes();
            before.until.into_iter().for_each(|until| self.unschedule(until, id));
        }
    }

    /// Nothing if it is not there.
    pub(crate) fn extend(&mut self, id: LeaseId, until: Time, graced: bool) {
        let Some(lease) = self.live.get_mut(&id) else { return };
        lease.graced = graced;
        let before = lease.until.replace(until);
        if let Some(before) = before {
            self.ends.remove(&(before, id));
        }
        self.ends.insert((until, id));
    }

    /// What became of it is noted, whether it was there or not.
    pub(crate) fn remove(&mut self, id: LeaseId, fate: Fate) {
        if let Some(lease) = self.live.remove(&id) {
            self.owners -= lease.owner_bytes();
            lease.until.into_iter().for_each(|until| _ = self.ends.remove(&(until, id)));
        }
        // A history that begins late may not have told of a number before it tells of its end.
        self.reach(id);
        self.settled.note(id, fate);
    }

    fn unschedule(&mut self, until: Time, id: LeaseId) {
        if self.live.get(&id).is_none_or(|lease| lease.until != Some(until)) {
            self.ends.remove(&(until, id));
        }
    }
}
