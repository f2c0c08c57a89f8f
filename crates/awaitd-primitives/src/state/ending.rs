//! How a lease ends, whichever way: the records of it.

use std::time::Duration;

use crate::limits::ERROR_BYTES_MAX;
use crate::messages::checkpoint::Gate;
use crate::messages::command::LeaseId;
use crate::messages::job::Cause;
use crate::messages::record::{Held, Outcome, Record, Then};
use crate::messages::time::Time;
use crate::state::State;
use crate::state::job::Out;
use crate::state::lease::Lease;
use crate::state::queue::Queue;
use crate::state::tend::{bury_elsewhere, drained};

/// Why a lease ends.
pub(crate) enum Ending<'a> {
    Done,
    /// Nack: it was an attempt.
    Failed {
        delay: Option<Duration>,
        error: Option<&'a str>,
    },
    /// Nack: not now, and no attempt.
    Deferred {
        delay: Option<Duration>,
        error: Option<&'a str>,
    },
    /// Nack: not worth another attempt.
    Rejected {
        error: Option<&'a str>,
    },
    Expired,
    Undelivered,
    /// Of a lock: it was taken from its holder.
    Broken,
}

impl Ending<'_> {
    fn outcome(&self) -> Outcome {
        match self {
            Self::Done => Outcome::Done,
            Self::Failed { .. } | Self::Deferred { .. } | Self::Rejected { .. } => {
                Outcome::Returned
            }
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
    let (name, job) = match &lease.held {
        Held::Lock { .. } | Held::Part { .. } => {
            return vec![lease.settled(id, now, ending.outcome(), Then::Finished)];
        }
        Held::Job { queue, job } => (queue, *job),
    };
    let queue = state.queues.get(name).expect("a held job has a queue");
    let then = then(queue, queue.jobs.out(job).expect("a lease holds a job"), now, ending);
    let gone = usize::from(!matches!(then, Then::Back { .. }));
    let buried = matches!(then, Then::Dead { .. }).then(|| bury_elsewhere(state, now, name, job));
    let mut records = vec![lease.settled(id, now, ending.outcome(), then)];
    records.extend(buried.flatten().into_iter().flatten());
    records.extend(drained(state, name, queue, gone));
    records
}

/// What becomes of the job.
fn then(queue: &Queue, out: &Out, now: Time, ending: &Ending) -> Then {
    let old = out.place.ready_at;
    let (delay, counted, error) = match ending {
        Ending::Done => return Then::Finished,
        Ending::Broken => unreachable!("locks alone are taken from their holders"),
        _ if queue.gate == Gate::ShutDownAtOnce => return Then::Dropped,
        Ending::Rejected { error } => {
            return Then::Dead { cause: Cause::Nack, error: error.map(cut) };
        }
        Ending::Undelivered => {
            // As if it had never been handed out.
            let since = out.job.since(out.place);
            return Then::Back { ready_at: old, since, counted: false, error: None };
        }
        Ending::Deferred { delay, error } => (delay.unwrap_or_default(), false, error.map(cut)),
        Ending::Failed { .. } | Ending::Expired => {
            let (delay, error) = match ending {
                Ending::Failed { delay, error } => (*delay, error.map(cut)),
                _ => (None, None),
            };
            let policy = &queue.config.policy;
            let attempts = out.job.attempts().saturating_add(1);
            if attempts >= queue.most_attempts(&out.job) {
                return Then::Dead { cause: Cause::Attempts, error };
            }
            let pause = || policy.backoff.after(attempts, out.place.job.0);
            (delay.unwrap_or_else(pause), true, error)
        }
    };
    let since = now + delay;
    // An older place under a younger age: it goes first, but it has not been ready for long.
    let ready_at = if delay.is_zero() { old } else { since };
    Then::Back { ready_at, since, counted, error }
}

/// As much of an error text as is kept.
fn cut(error: &str) -> Box<str> {
    error[..error.floor_char_boundary(ERROR_BYTES_MAX.min(error.len()))].into()
}
