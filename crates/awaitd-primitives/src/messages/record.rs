//! What happened. Records are outcomes, never wishes: [`crate::State::apply`] folds them without a
//! clock and without a decision, and whoever counts or shows reads the same facts.
//!
//! The order of variants and fields is that of the bytes on disk: what is new goes to the end.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::messages::checkpoint::{Checkpoint, Copied};
use crate::messages::command::{JobId, LeaseId, Payload};
use crate::messages::configuration::{Configuration, QueueConfig, Rank};
use crate::messages::job::{Cause, JobState, Trait};
use crate::messages::name::{Name, Thing};
use crate::messages::remembrance::Remembrance;
use crate::messages::time::Time;

pub use crate::messages::held::{Held, Outcome, Then};

/// All records of one grant: all or nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// The moment of it.
    pub at: Time,
    /// In the order in which they hold.
    pub records: Vec<Record>,
}

/// A job as a record tells it: one that was put, or was copied.
#[derive(Clone, Copy, Debug)]
pub struct JobOf<'a> {
    /// Of which queue.
    pub queue: &'a Name,
    /// Which one.
    pub job: JobId,
    /// What was put.
    pub payload: &'a Payload,
    /// It was written before.
    pub copied: bool,
}

impl Record {
    /// The job with its payload, if it tells of one.
    pub fn job(&self) -> Option<JobOf<'_>> {
        let (queue, job, payload, copied) = match self {
            Self::Placed { queue, job, payload, .. } => (queue, *job, payload, false),
            Self::Copied(copied) => match &**copied {
                Copied::Job { queue, job, payload, .. } => (queue, *job, payload, true),
                _ => return None,
            },
            _ => return None,
        };
        Some(JobOf { queue, job, payload, copied })
    }

    /// The payload of that job.
    pub fn payload_mut(&mut self) -> Option<&mut Payload> {
        match self {
            Self::Placed { payload, .. } => Some(payload),
            Self::Copied(copied) => match &mut **copied {
                Copied::Job { payload, .. } => Some(payload),
                _ => None,
            },
            _ => None,
        }
    }
}

/// One fact.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Record {
    /// A queue was told what to be.
    Configured {
        /// Which one.
        queue: Name,
        /// What.
        config: QueueConfig,
    },
    /// A thing sprang into being by its first use.
    Made {
        /// Which one.
        thing: Thing,
    },
    /// A thing went with all it held, and those who wait for it are told.
    Deleted {
        /// Which one.
        thing: Thing,
        /// Jobs that went with it, ready, delayed, leased or dead.
        dropped: u64,
        /// Leases that went with it.
        leases: Vec<LeaseId>,
    },
    /// A thing at rest that nobody had configured was let go.
    Forgotten {
        /// Which one.
        thing: Thing,
    },
    /// A job was put.
    Placed {
        /// Into which queue.
        queue: Name,
        /// Under which number.
        job: JobId,
        /// Its place in the order, and when it may be handed out.
        ready_at: Time,
        /// What was put.
        payload: Payload,
    },
    /// A lease was granted.
    Leased {
        /// Its number.
        lease: LeaseId,
        /// What it holds.
        held: Held,
        /// For how long it was granted.
        length: Duration,
        /// When it ends; `None` for a job that is done once it is delivered.
        until: Option<Time>,
        /// For how long the job had been ready; nothing for a lock.
        waited: Duration,
        /// The place in which the job waited, see [`Record::Placed`]; the beginning for a lock.
        ready_at: Time,
    },
    /// A lease was kept.
    Extended {
        /// Which one.
        lease: LeaseId,
        /// When it ends now.
        until: Time,
    },
    /// A lease ended.
    Settled {
        /// Which one.
        lease: LeaseId,
        /// What it held.
        held: Held,
        /// Why.
        outcome: Outcome,
        /// What became of what it held.
        then: Then,
        /// For how long it was held.
        lasted: Duration,
    },
    /// A queue takes no more jobs.
    ShutDown {
        /// Which one.
        queue: Name,
        /// What comes back to it is dropped.
        immediate: bool,
    },
    /// All that waited in a queue was dropped.
    Emptied {
        /// Which one.
        queue: Name,
        /// How many jobs.
        dropped: u64,
    },
    /// The last unfinished job of a queue finished.
    Drained {
        /// Which one.
        queue: Name,
        /// Larger than any before.
        generation: u64,
    },
    /// An event was set.
    Set {
        /// Which one.
        event: Name,
        /// Larger than any before.
        generation: u64,
        /// Given to whoever waits.
        value: Payload,
    },
    /// An event was cleared.
    Cleared {
        /// Which one.
        event: Name,
    },
    /// What was done under a key.
    Remembered {
        /// The thing to which the key belongs.
        thing: Thing,
        /// The key.
        key: Arc<str>,
        /// Of the request.
        fingerprint: u128,
        /// What was done.
        what: Remembrance,
        /// Until when.
        until: Time,
    },
    /// A key is as good as new.
    Unremembered {
        /// The thing to which the key belongs.
        thing: Thing,
        /// The key.
        key: Arc<str>,
    },
    /// The next lease has a number above `from`, and none has one above `upto` before more are
    /// reserved: so a number that was told is not told again, even if its own record was lost.
    Reserved {
        /// The last number that may have been told.
        from: u64,
        /// The last number that may be told.
        upto: u64,
    },
    /// What time of day it was.
    Tied {
        /// Microseconds since 1970.
        wall: u64,
        /// See [`Tie::doubted`](crate::Tie::doubted).
        doubted: bool,
    },
    /// A lease that would have ended too soon after a start, at which its holder could not keep it.
    Graced {
        /// Which one.
        lease: LeaseId,
        /// When it ends now.
        until: Time,
    },
    /// A thing, whole, as it is: what came before about it is needed no more.
    Copied(Box<Copied>),
    /// The end of a checkpoint.
    Checkpoint(Box<Checkpoint>),
    /// The rank of the job that the same entry tells of next.
    Ranked {
        /// Of which queue.
        queue: Name,
        /// Which one.
        job: JobId,
        /// Where it stands.
        rank: Rank,
    },
    /// A job that waited was taken out of its queue.
    Cancelled {
        /// Of which queue.
        queue: Name,
        /// Which one.
        job: JobId,
    },
    /// A semaphore or a barrier was told what to be, or has more permits now.
    Prepared(Configuration),
    /// All parties had come to a barrier.
    Tripped {
        /// Which one.
        barrier: Name,
        /// Larger than any before.
        generation: u64,
    },
    /// A barrier was reset: who waits there is told, and it is as new.
    Reset {
        /// Which one.
        barrier: Name,
    },
    /// A barrier was aborted: who waits there is told, and whoever comes, until it is reset.
    Aborted {
        /// Which one.
        barrier: Name,
    },
    /// More about the job that the same entry tells of next.
    Traits {
        /// Of which queue.
        queue: Name,
        /// Which one.
        job: JobId,
        /// What else it has.
        traits: Vec<Trait>,
    },
    /// A job that waited is dead, in its own queue.
    Died {
        /// Of which queue.
        queue: Name,
        /// Which one.
        job: JobId,
        /// Why.
        cause: Cause,
    },
    /// A job that waited or was dead went.
    Dropped {
        /// Of which queue.
        queue: Name,
        /// Which one.
        job: JobId,
        /// Why.
        cause: DropCause,
    },
    /// A job that waited or was dead is as new, in this queue or another.
    Moved {
        /// From which queue.
        from: Name,
        /// Which one.
        job: JobId,
        /// Into which queue; it may be the same one.
        to: Name,
        /// Its place there.
        ready_at: Time,
        /// Then it goes, if it still waits.
        ends: Option<Time>,
        /// It died; otherwise it was redriven.
        dead_letter: bool,
    },
    /// A queue hands out nothing, or goes on.
    Paused {
        /// Which one.
        queue: Name,
        /// Or goes on.
        paused: bool,
    },
    /// Jobs of a queue in this state were dropped.
    Purged {
        /// Of which queue.
        queue: Name,
        /// In which state.
        state: JobState,
        /// How many.
        dropped: u64,
    },
    /// What came of the job that the same entry tells of before.
    Resulted {
        /// Of which queue.
        queue: Name,
        /// Which one.
        job: JobId,
        /// What its worker said.
        result: Payload,
        /// Until when that is kept.
        until: Time,
    },
    /// How far the work on a job is.
    Progressed {
        /// Of which queue.
        queue: Name,
        /// Which one.
        job: JobId,
        /// In the worker's words.
        progress: Payload,
    },
    /// A time of a schedule was worked off: the same entry tells of the job before, unless there was
    /// one with its unique value.
    Fired {
        /// Which one.
        schedule: Name,
        /// The time, in microseconds since 1970. None before it is worked off later.
        due: u64,
        /// No job was put for it.
        skipped: bool,
    },
}

/// Why a job that nobody held went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DropCause {
    /// It had waited for as long as it may, and its queue has no dead letter queue.
    Ttl,
    /// It made room for a newer one.
    Full,
}
