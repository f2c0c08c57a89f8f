//! Leases: who holds what until when. One table for jobs and locks, one index of their ends, one
//! counter that is the fence.

use std::collections::BTreeSet;
use std::num::NonZeroU64;
use std::time::Duration;

use rustc_hash::FxHashMap;

use crate::messages::answer::Grant;
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
}

impl Lease {
    /// The lease as its holder is told of it.
    pub(crate) fn grant(&self, lease: LeaseId) -> Option<Grant> {
        Some(Grant { thing: self.held.thing(), lease, until: self.until? })
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
    live: FxHashMap<LeaseId, Lease>,
    ends: BTreeSet<(Time, LeaseId)>,
    settled: Settled,
}

impl Leases {
    /// The number of the next one.
    pub(crate) fn next(&self) -> LeaseId {
        LeaseId(NonZeroU64::MIN.saturating_add(self.last))
    }

    /// A live one.
    pub(crate) fn get(&self, lease: LeaseId) -> Option<&Lease> {
        self.live.get(&lease)
    }

    /// What became of one that is not live; `None` if it was never granted.
    pub(crate) fn fate(&self, lease: LeaseId) -> Option<Fate> {
        (lease.fence() <= self.last).then(|| self.settled.fate(lease))
    }

    /// Those that end, in the order of their ends.
    pub(crate) fn ends(&self) -> impl Iterator<Item = (Time, LeaseId)> + '_ {
        self.ends.iter().copied()
    }

    pub(crate) fn insert(&mut self, id: LeaseId, lease: Lease) {
        self.last = self.last.max(id.fence());
        self.settled.reach(id);
        if let Some(until) = lease.until {
            self.ends.insert((until, id));
        }
        self.live.insert(id, lease);
    }

    pub(crate) fn extend(&mut self, id: LeaseId, until: Time) {
        let lease = self.live.get_mut(&id).expect("only a live lease is extended");
        let before = lease.until.replace(until).expect("only a lease that ends is extended");
        self.ends.remove(&(before, id));
        self.ends.insert((until, id));
    }

    pub(crate) fn remove(&mut self, id: LeaseId, fate: Fate) {
        let lease = self.live.remove(&id).expect("only a live lease ends");
        if let Some(until) = lease.until {
            self.ends.remove(&(until, id));
        }
        self.settled.note(id, fate);
    }
}
