//! How a lease ends, whichever way: the records of it.

use std::time::Duration;

use crate::limits::ERROR_BYTES_MAX;
use crate::messages::checkpoint::Gate;
use crate::messages::command::LeaseId;
use crate::messages::name::Name;
use crate::messages::record::{Held, Outcome, Record, Then};
use crate::messages::time::Time;
use crate::state::State;
use crate::state::lease::Lease;
use crate::state::queue::Queue;
use crate::state::tend::{bury_elsewhere, drained};

/// Why a lease ends.
pub(crate) enum Ending<'a> {
    Done,
    Returned { delay: Option<Duration>, defer: bool, error: Option<&'a str> },
    Expired,
    Undelivered,
    Broken,
}

impl Ending<'_> {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Done => Outcome::Done,
            Self::Returned { .. } => Outcome::Returned,
            Self::Expired => Outcome::Expired,
            Self::Undelivered => Outcome::Undelivered,
            Self::Broken => Outcome::Broken,
        }
    }
}

/// The records of the end of a live lease.
pub(crate) fn end(
    state: &State,
    id: LeaseId,
    lease: &Lease,
    now: Time,
    ending: &Ending,
) -> Vec<Record> {
    let outcome = ending.outcome();
    let (name, job) = match &lease.held {
        Held::Lock { .. } | Held::Part { .. } => {
            return vec![lease.settled(id, now, outcome, Then::Finished)];
        }
        Held::Job { queue, job } => (queue, *job),
    };
    let queue = state.queues.get(name).expect("a held job has a queue");
    let out = queue.jobs.out(job).expect("a lease holds a job");
    let old = out.place.ready_at;
    let back = match ending {
        Ending::Done => None,
        Ending::Expired => {
            return fail(state, (id, lease), (name, queue), now, (None, outcome, None));
        }
        // Locks alone are taken from their holders.
        Ending::Broken => Some((old, now, true, None)),
        // As if it had never been handed out.
        Ending::Undelivered => Some((old, out.job.since(out.place), false, None)),
        Ending::Returned { delay, defer: true, error } => {
            let since = now + delay.unwrap_or_default();
            let ready_at = if since == now { old } else { since };
            Some((ready_at, since, false, error.map(cut)))
        }
        Ending::Returned { delay, defer: false, error } => {
            let why = (*delay, outcome, error.map(cut));
            return fail(state, (id, lease), (name, queue), now, why);
        }
    };
    let then = match back {
        None => Then::Finished,
        Some(_) if queue.gate == Gate::ShutDownAtOnce => Then::Dropped,
        Some((ready_at, since, counted, error)) => Then::Back { ready_at, since, counted, error },
    };
    let gone = usize::from(matches!(then, Then::Finished | Then::Dropped));
    let settled = lease.settled(id, now, outcome, then);
    [settled].into_iter().chain(drained(state, name, queue, gone)).collect()
}

/// An attempt has failed: the job is tried again after a while, unless that was its last one.
fn fail(
    state: &State,
    (id, lease): (LeaseId, &Lease),
    (name, queue): (&Name, &Queue),
    now: Time,
    (delay, outcome, error): (Option<Duration>, Outcome, Option<Box<str>>),
) -> Vec<Record> {
    let Held::Job { job, .. } = lease.held else { unreachable!("only a job is tried") };
    let out = queue.jobs.out(job).expect("a lease holds a job");
    let policy = &queue.config.policy;
    let attempts = out.job.attempts().saturating_add(1);
    let (then, gone) = if queue.gate == Gate::ShutDownAtOnce {
        (Then::Dropped, 1)
    } else if attempts >= out.job.max_attempts().unwrap_or(policy.max_attempts) {
        (Then::Dead { error }, 1)
    } else {
        let delay = delay.unwrap_or_else(|| policy.backoff.after(attempts, job.0));
        let since = now + delay;
        // An older place under a younger age: it goes first, but it has not been ready for long.
        let ready_at = if delay.is_zero() { out.place.ready_at } else { since };
        (Then::Back { ready_at, since, counted: true, error }, 0)
    };
    let moved = match then {
        Then::Dead { .. } => bury_elsewhere(state, now, name, job),
        Then::Finished | Then::Back { .. } | Then::Dropped => None,
    };
    let settled = lease.settled(id, now, outcome, then);
    let drained = drained(state, name, queue, gone);
    [settled].into_iter().chain(moved.into_iter().flatten()).chain(drained).collect()
}

/// As much of an error text as is kept.
fn cut(error: &str) -> Box<str> {
    error[..error.floor_char_boundary(ERROR_BYTES_MAX.min(error.len()))].into()
}
