//! Locks: held by one lease at a time.

use std::sync::Arc;
use std::time::Duration;

use crate::judge::{At, Verdict};
use crate::limits::{self, Limits};
use crate::messages::answer::{Answer, Grant, LockView, Refusal};
use crate::messages::command::LeaseId;
use crate::messages::name::{Name, Thing};
use crate::messages::record::{Held, Record};
use crate::messages::time::Time;
use crate::state::State;

/// A lock; who has it and until when says the lease.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Lock {
    pub(crate) holder: Option<LeaseId>,
    /// When it was last released.
    pub(crate) touched: Time,
}

impl Lock {
    pub(crate) fn new(now: Time) -> Self {
        Self { holder: None, touched: now }
    }
}

pub(crate) fn judge_acquire(
    state: &State,
    limits: &Limits,
    at: At,
    lock: &Name,
    length: Option<Duration>,
    owner: Option<&Arc<str>>,
) -> Verdict {
    let mut records = Vec::with_capacity(2);
    match state.locks.get(lock) {
        Some(known) if known.holder.is_some() => return Verdict::Wait,
        Some(_) => {}
        None if state.is_full(limits) => return Verdict::Refuse(Refusal::TooManyNames),
        None => records.push(Record::Made { thing: Thing::Lock(lock.clone()) }),
    }
    let length = length.unwrap_or(limits::LEASE_DEFAULT);
    let (lease, end) = (state.leases.next(), at.clock + length);
    let held = Held::Lock { lock: lock.clone(), owner: owner.cloned() };
    let waited = Duration::ZERO;
    let (until, ready_at) = (Some(end), Time::ZERO);
    records.push(Record::Leased { lease, held, length, until, waited, ready_at });
    Verdict::Grant(
        records,
        Answer::Acquired(Grant { thing: Thing::Lock(lock.clone()), lease, until: end }),
    )
}

pub(crate) fn judge_delete(state: &State, lock: &Name, force: bool) -> Verdict {
    match state.locks.get(lock) {
        None => Verdict::Refuse(Refusal::NotFound),
        Some(known) if known.holder.is_some() && !force => Verdict::Refuse(Refusal::Held),
        Some(known) => {
            let (thing, leases) = (Thing::Lock(lock.clone()), known.holder.into_iter().collect());
            Verdict::Grant(vec![Record::Deleted { thing, dropped: 0, leases }], Answer::Deleted)
        }
    }
}

/// For whoever will not wait, or no longer.
pub(crate) fn locked(state: &State, lock: &Name, waited: bool) -> Refusal {
    let view = view(state, lock);
    let (owner, holder) = view.map_or((None, None), |view| (view.owner, view.holder));
    Refusal::Locked { owner, until: holder.map(|(_, until)| until), waited }
}

/// Its state, as far as it is known here: who waits, the engine knows.
pub(crate) fn view(state: &State, lock: &Name) -> Option<LockView> {
    let known = state.locks.get(lock)?;
    let lease = known.holder.and_then(|id| Some((id, state.leases.get(id)?)));
    let owner = lease.and_then(|(_, lease)| match &lease.held {
        Held::Lock { owner, .. } => owner.clone(),
        Held::Job { .. } => None,
    });
    let holder = lease.and_then(|(id, lease)| Some((id, lease.until?)));
    Some(LockView { name: lock.clone(), owner, holder, waiters: 0 })
}
