//! What the loop refuses, in HTTP's numbers and in words for people.

use std::borrow::Cow;

use awaitd_primitives::{Bound, Refusal, limits};

/// The status with which it is told.
pub(super) fn status(refusal: &Refusal) -> u16 {
    match refusal {
        Refusal::NotFound => 404,
        Refusal::Empty
        | Refusal::NotDrained { .. }
        | Refusal::NotSet { .. }
        | Refusal::NotDone
        | Refusal::NotTripped
        | Refusal::Locked { waited: true, .. } => 408,
        Refusal::Leased
        | Refusal::Held
        | Refusal::Superseded
        | Refusal::OtherOrder
        | Refusal::NoRanks
        | Refusal::OwnDeadLetter
        | Refusal::OverBound { .. }
        | Refusal::Broken
        | Refusal::NotExclusive => 409,
        Refusal::QueueShutDown
        | Refusal::Failed
        | Refusal::LeaseLost
        | Refusal::Deleted
        | Refusal::Withdrawn => 410,
        Refusal::TooLarge { .. } => 413,
        Refusal::AlreadySet { .. } | Refusal::Exists { .. } => 412,
        Refusal::KeyMismatch => 422,
        Refusal::Locked { waited: false, .. } => 423,
        Refusal::Full
        | Refusal::WaitingBytes
        | Refusal::MemoryFull
        | Refusal::OverQuota { bound: Bound::Jobs | Bound::Bytes | Bound::Rate, .. } => 429,
        Refusal::TooManyWaits
        | Refusal::OverQuota { bound: Bound::Waits, .. }
        | Refusal::TooManyKeys
        | Refusal::TooManyNames
        | Refusal::DiskFull
        | Refusal::ShuttingDown => 503,
    }
}

/// What it is, for all of its kind.
pub(super) fn title(refusal: &Refusal) -> &'static str {
    match refusal {
        Refusal::Full => "The queue is full",
        Refusal::WaitingBytes => "The bodies of waiting puts are too many",
        Refusal::TooLarge { .. } => "The job is too large for the queue",
        Refusal::MemoryFull => "The server's memory is full",
        Refusal::OverQuota { .. } => "The namespace is at its quota",
        Refusal::NotDone => "The job is not done",
        Refusal::Failed => "The job has failed",
        Refusal::OwnDeadLetter => "A queue is no dead letter queue of itself",
        Refusal::QueueShutDown => "The queue is shut down",
        Refusal::Empty => "The queue is empty",
        Refusal::NotDrained { .. } => "The queue was not drained",
        Refusal::NotSet { .. } => "The event is not set",
        Refusal::AlreadySet { .. } => "The event is set",
        Refusal::Exists { .. } => "It exists",
        Refusal::OtherOrder => "The queue has another order",
        Refusal::NoRanks => "The queue has no priorities",
        Refusal::OverBound { .. } => "These are more permits than there may be",
        Refusal::NotTripped => "Not all parties have come",
        Refusal::Broken => "The barrier is broken",
        Refusal::NotExclusive => "The lock is not held alone",
        Refusal::Leased => "Somebody works on the job",
        Refusal::Locked { .. } | Refusal::Held => "It is held",
        Refusal::LeaseLost => "The lease is lost",
        Refusal::NotFound => "There is no such thing",
        Refusal::Deleted => "It was deleted",
        Refusal::KeyMismatch => "The key came with another request",
        Refusal::Superseded => "A newer request took over",
        Refusal::Withdrawn => "The request was withdrawn",
        Refusal::TooManyWaits | Refusal::TooManyKeys => "The server is overloaded",
        Refusal::TooManyNames => "There are too many names",
        Refusal::DiskFull => "The server's disk is full",
        Refusal::ShuttingDown => "The server is shutting down",
    }
}

/// What was wrong and what would be right.
pub(super) fn detail(refusal: &Refusal) -> Cow<'static, str> {
    Cow::Borrowed(match refusal {
        Refusal::Full => {
            "the queue is at its bound, be it maxsize, max_bytes or max_dead: ask again, or wait for room \
             with wait=30s"
        }
        Refusal::WaitingBytes => "puts that wait hold --max-waiting-bytes already: ask again later",
        Refusal::TooLarge { max_bytes } => {
            return Cow::Owned(format!(
                "the queue's max_bytes is {max_bytes}, and this job alone has more: put what it is \
                 about elsewhere, and its place into the job"
            ));
        }
        Refusal::MemoryFull => {
            "jobs take --max-memory already: ask again when some are done, or allow more"
        }
        Refusal::OverQuota { prefix, bound, most } => {
            return Cow::Owned(over_quota(prefix, *bound, *most));
        }
        Refusal::NotDone => "it is still to be done: ask again, or wait longer with wait=30s",
        Refusal::Failed => {
            "it will not be done: it is dead, or was cancelled, purged or dropped; GET the job says more"
        }
        Refusal::OwnDeadLetter => {
            "`dead_letter` must be the name of another queue; left out, dead jobs stay in this one"
        }
        Refusal::QueueShutDown => {
            "the queue was shut down: no job is put into it any more; DELETE and PUT open it again"
        }
        Refusal::Empty => "the queue has no job: ask again, or wait longer with wait=30s",
        Refusal::NotDrained { .. } => {
            "there has been no such moment since: ask again, or wait longer with wait=30s"
        }
        Refusal::NotSet { .. } => {
            "it was not set, or not after that: ask again, or wait longer with wait=30s"
        }
        Refusal::AlreadySet { .. } => {
            "If-None-Match: * sets only what is not set: clear it first, or leave the header out"
        }
        Refusal::Exists { .. } => {
            "If-None-Match: * only creates: leave the header out to replace its configuration"
        }
        Refusal::OtherOrder => {
            "the queue holds jobs, and their order stays: drain or delete it first, or PUT it with \
             the order that it has"
        }
        Refusal::NoRanks => {
            "the queue does not hand out by priority: leave `priority` and `priority-key` out, or \
             PUT it with \"order\": \"priority\" while it holds no jobs"
        }
        Refusal::OverBound { permits } => {
            return Cow::Owned(format!(
                "the semaphore has {permits} permits in all: a bounded one hands out and takes back \
                 no more, another one grows up to {}; PUT says how many there are, and with \
                 \"bounded\": false they may grow",
                limits::PERMITS_MAX
            ));
        }
        Refusal::NotTripped => {
            "you have left the barrier again: come back, or wait longer with wait=30s"
        }
        Refusal::Broken => {
            "it was reset while you waited, or is aborted: until POST …/reset nobody can wait there"
        }
        Refusal::NotExclusive => {
            "`held` must be a lease by which you hold this very lock, in mode=exclusive"
        }
        Refusal::Locked { waited: false, .. } => "somebody else has it: wait for it with wait=30s",
        Refusal::Locked { waited: true, .. } => {
            "it was not to be had in that time, and you hold nothing: acquire it anew, or wait longer"
        }
        Refusal::Leased => {
            "who works on it keeps it: wait until it has come back, or cancel it with force=true, which its \
             holder learns by a 410"
        }
        Refusal::Held => "somebody holds it: delete it when it is free, or with force=true",
        Refusal::LeaseLost => "it has ended: stop, what it held may be somebody else's by now",
        Refusal::NotFound => {
            "nothing is known under this path: it was never made (here by PUT alone, if the server runs \
             with --no-auto-create), or is gone"
        }
        Refusal::Deleted => "what the path names was deleted, with all that it held",
        Refusal::KeyMismatch => {
            "the same Idempotency-Key needs the same method, path, body and parameters (but wait)"
        }
        Refusal::Superseded => "one with the same Idempotency-Key has this one's place in line",
        Refusal::Withdrawn => "it was taken back: ask under a new Idempotency-Key, if at all",
        Refusal::TooManyWaits => {
            "all --max-waits, or the --max-waits-per-name of this one, are taken: ask again later"
        }
        Refusal::TooManyKeys => "all --max-keys are taken: ask again later, or without a key",
        Refusal::TooManyNames => "all --max-names are taken: delete something, or ask again later",
        Refusal::DiskFull => {
            "this was not done; jobs can be got and finished, which makes room: ask again later"
        }
        Refusal::ShuttingDown => "this was not done: ask again, once the server is back",
    })
}

fn over_quota(prefix: &str, bound: Bound, most: u64) -> String {
    let (what, when) = match bound {
        Bound::Jobs => (format!("{most} jobs"), "when some are done"),
        Bound::Bytes => (format!("{most} bytes of jobs"), "when some are done"),
        Bound::Waits => (format!("{most} waiting requests"), "when fewer wait"),
        Bound::Rate => (format!("{most} puts a second"), "in a moment"),
    };
    format!("the names that begin with {prefix:?} may have {what} together: ask again {when}")
}
