//! How a lease ends, whichever way: the records of it.

use std::time::Duration;

use crate::limits::ERROR_BYTES_MAX;
use crate::messages::checkpoint::Gate;
use crate::messages::command::LeaseId;
use crate::messages::record::{Held, Outcome, Record, Then};
use crate::messages::time::Time;
use crate::state::State;
use crate::state::lease::Lease;

/// Why a lease ends.
pub(crate) enum Ending<'a> {
    Done,
    Returned { delay: Duration, defer: bool, error: Option<&'a str> },
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
        // An older place under a younger age: it goes first, but it has not been ready for long.
        Ending::Expired | Ending::Broken => Some((old, now, true, None)),
        // As if it had never been handed out.
        Ending::Undelivered => Some((old, out.job.since(out.place), false, None)),
        Ending::Returned { delay, defer, error } => {
            let since = now + *delay;
            let ready_at = if delay.is_zero() { old } else { since };
            Some((ready_at, since, !defer, error.map(cut)))
        }
    };
    let then = match back {
        None => Then::Finished,
        Some(_) if queue.gate == Gate::ShutDownAtOnce => Then::Dropped,
        Some((ready_at, since, counted, error)) => Then::Back { ready_at, since, counted, error },
    };
    let gone = matches!(then, Then::Finished | Then::Dropped);
    let mut records = vec![lease.settled(id, now, outcome, then)];
    if gone && queue.jobs.unfinished() == 1 {
        let generation = state.last_generation + 1;
        records.push(Record::Drained { queue: name.clone(), generation });
    }
    records
}

/// As much of an error text as is kept.
fn cut(error: &str) -> Box<str> {
    error[..error.floor_char_boundary(ERROR_BYTES_MAX.min(error.len()))].into()
}
