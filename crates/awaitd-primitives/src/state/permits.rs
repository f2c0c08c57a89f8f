//! Permits: a lock is one machine with a semaphore. Whoever has a lock alone has all of it, whoever
//! shares it one permit of very many.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::judge::{At, Verdict};
use crate::limits::{self, Limits};
use crate::messages::answer::{Answer, Grant, Refusal};
use crate::messages::command::{LeaseId, Share};
use crate::messages::configuration::{Configuration, SemaphoreConfig};
use crate::messages::name::{Name, Thing};
use crate::messages::record::{Held, Record};
use crate::messages::time::Time;
use crate::messages::view::{Holder, LockView, SemaphoreView, View};
use crate::state::State;
use crate::state::ending::{Ending, end};

/// All of a lock.
const WHOLE: u64 = u64::MAX;

/// A lock or a semaphore; who has it and until when say the leases.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Permits {
    /// What a semaphore was told to be; a lock is not told.
    pub(crate) config: Option<SemaphoreConfig>,
    /// By which leases, and how much of it.
    pub(crate) holders: BTreeMap<LeaseId, u64>,
    taken: u64,
    /// When it was made, or last released.
    pub(crate) touched: Time,
}

impl Permits {
    pub(crate) fn new(now: Time, config: Option<SemaphoreConfig>) -> Self {
        Self { config, holders: BTreeMap::new(), taken: 0, touched: now }
    }

    fn total(&self) -> u64 {
        self.config.map_or(WHOLE, |config| config.permits)
    }

    fn available(&self) -> u64 {
        self.total().saturating_sub(self.taken)
    }

    /// Takes a holder in.
    pub(crate) fn take(&mut self, lease: LeaseId, held: &Held) {
        let permits = match held {
            Held::Job { .. } => 0,
            Held::Lock { .. } => WHOLE,
            Held::Part { permits, .. } => *permits,
        };
        let before = self.holders.insert(lease, permits);
        self.taken = self.taken.saturating_sub(before.unwrap_or(0)).saturating_add(permits);
    }

    /// Nothing if it is not held by this lease.
    pub(crate) fn give_back(&mut self, now: Time, lease: LeaseId) {
        if let Some(permits) = self.holders.remove(&lease) {
            self.taken -= permits;
            self.touched = now;
        }
    }
}

/// What somebody would have of a lock or a semaphore.
pub(crate) struct Taking<'a> {
    pub(crate) thing: &'a Thing,
    pub(crate) share: Share,
    /// For how long; the default if nothing is said.
    pub(crate) length: Option<Duration>,
    pub(crate) owner: Option<&'a Arc<str>>,
}

pub(crate) fn judge_acquire(
    state: &State,
    limits: &Limits,
    at: At,
    taking: &Taking<'_>,
    answer: impl FnOnce(Grant) -> Answer,
) -> Verdict {
    let (thing, share) = (taking.thing, taking.share);
    let mut records = Vec::with_capacity(2);
    match state.permits(thing) {
        Some(known) => {
            let permits = match share {
                Share::Whole => known.total(),
                Share::Permits(permits) => permits,
            };
            if known.config.is_some_and(|config| config.bounded && permits > config.permits) {
                return Verdict::Refuse(Refusal::OverBound { permits: known.total() });
            }
            if permits > known.available() || known.holders.len() >= limits::HOLDERS_MAX {
                return Verdict::Wait;
            }
        }
        None if matches!(thing, Thing::Semaphore(_)) => return Verdict::Refuse(Refusal::NotFound),
        None if state.is_full(limits) => return Verdict::Refuse(Refusal::TooManyNames),
        None => records.push(Record::Made { thing: thing.clone() }),
    }
    let length = taking.length.unwrap_or(limits::LEASE_DEFAULT);
    let (lease, end) = (state.leases.next(), at.clock + length);
    let owner = taking.owner.cloned();
    let held = match (thing, share) {
        (Thing::Lock(lock), Share::Whole) => Held::Lock { lock: lock.clone(), owner },
        (_, Share::Whole) => unreachable!("only a lock is had alone"),
        (_, Share::Permits(permits)) => Held::Part { thing: thing.clone(), permits, owner },
    };
    let (until, waited, ready_at) = (Some(end), Duration::ZERO, Time::ZERO);
    records.push(Record::Leased { lease, held, length, until, waited, ready_at });
    Verdict::Grant(records, answer(Grant { thing: thing.clone(), lease, until: end }))
}

pub(crate) fn judge_delete(state: &State, thing: &Thing, force: bool) -> Verdict {
    match state.permits(thing) {
        None => Verdict::Refuse(Refusal::NotFound),
        Some(known) if !known.holders.is_empty() && !force => Verdict::Refuse(Refusal::Held),
        Some(known) => {
            let (thing, leases) = (thing.clone(), known.holders.keys().copied().collect());
            Verdict::Grant(vec![Record::Deleted { thing, dropped: 0, leases }], Answer::Deleted)
        }
    }
}

pub(crate) fn judge_break(state: &State, at: At, lock: &Name) -> Verdict {
    let Some(known) = state.locks.get(lock) else {
        return Verdict::Refuse(Refusal::NotFound);
    };
    let leases = known.holders.keys().filter_map(|id| Some((*id, state.leases.get(*id)?)));
    let ends = leases.flat_map(|(id, lease)| end(state, id, lease, at.now, &Ending::Broken));
    Verdict::Grant(ends.collect(), Answer::Broken(holders(state, known, limits::HOLDERS_SHOWN)))
}

/// `release()` of what was not acquired.
pub(crate) fn judge_release(state: &State, semaphore: &Name, permits: u64) -> Verdict {
    let known = state.semaphores.get(semaphore);
    let Some((known, config)) = known.and_then(|known| Some((known, known.config?))) else {
        return Verdict::Refuse(Refusal::NotFound);
    };
    let after = config.permits.saturating_add(permits);
    if config.bounded || after > limits::PERMITS_MAX {
        return Verdict::Refuse(Refusal::OverBound { permits: config.permits });
    }
    let config = SemaphoreConfig { permits: after, ..config };
    let view = view(state, semaphore, known, config);
    let record = Record::Prepared(Configuration::Semaphore(semaphore.clone(), config));
    Verdict::Grant(vec![record], Answer::State(Box::new(View::Semaphore(view))))
}

/// For whoever will not wait, or no longer.
pub(crate) fn locked(state: &State, thing: &Thing, waited: bool) -> Refusal {
    let first = state.permits(thing).and_then(|known| holders(state, known, 1).pop());
    let (owner, until) = first.map_or((None, None), |it| (it.owner, Some(it.until)));
    Refusal::Locked { owner, until, waited }
}

/// The state of a lock as far as it is known here: who waits, the engine knows.
pub(crate) fn lock_view(state: &State, lock: &Name) -> Option<LockView> {
    let known = state.locks.get(lock)?;
    let holders = holders(state, known, limits::HOLDERS_SHOWN);
    Some(LockView { name: lock.clone(), holders, waiters: 0, conditions: Vec::new() })
}

/// The state of a semaphore, likewise.
pub(crate) fn semaphore_view(state: &State, semaphore: &Name) -> Option<SemaphoreView> {
    let known = state.semaphores.get(semaphore)?;
    Some(view(state, semaphore, known, known.config?))
}

fn view(
    state: &State,
    semaphore: &Name,
    known: &Permits,
    config: SemaphoreConfig,
) -> SemaphoreView {
    SemaphoreView {
        name: semaphore.clone(),
        config,
        available: config.permits.saturating_sub(known.taken),
        holders: holders(state, known, limits::HOLDERS_SHOWN),
        waiters: 0,
    }
}

fn holders(state: &State, known: &Permits, most: usize) -> Vec<Holder> {
    let shown = known.holders.iter().take(most).filter_map(|(id, permits)| {
        let lease = state.leases.get(*id)?;
        let share = if *permits == WHOLE { Share::Whole } else { Share::Permits(*permits) };
        Some(Holder { lease: *id, share, owner: lease.held.owner().cloned(), until: lease.until? })
    });
    shown.collect()
}
