//! What leases hold, and how they end.
//!
//! The order of variants and fields is that of the bytes on disk: what is new goes to the end.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::messages::id::JobId;
use crate::messages::job::Cause;
use crate::messages::name::{Name, Thing};
use crate::messages::time::Time;

/// What a lease holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Held {
    /// A job.
    Job {
        /// Of which queue.
        queue: Name,
        /// Which one.
        job: JobId,
    },
    /// A lock.
    Lock {
        /// Which lock.
        lock: Name,
        /// Who has it, as they said.
        owner: Option<Arc<str>>,
    },
    /// A part of a lock that is shared, or permits of a semaphore.
    Part {
        /// Of which thing.
        thing: Thing,
        /// How many permits.
        permits: u64,
        /// Who has them, as they said.
        owner: Option<Arc<str>>,
    },
}

impl Held {
    /// The thing that it belongs to.
    pub fn thing(&self) -> Thing {
        match self {
            Self::Job { queue, .. } => Thing::Queue(queue.clone()),
            Self::Lock { lock, .. } => Thing::Lock(lock.clone()),
            Self::Part { thing, .. } => thing.clone(),
        }
    }

    /// Who has it, as they said.
    pub fn owner(&self) -> Option<&Arc<str>> {
        match self {
            Self::Job { .. } => None,
            Self::Lock { owner, .. } | Self::Part { owner, .. } => owner.as_ref(),
        }
    }
}

/// Why a lease ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Outcome {
    /// Its holder was done with the job or released the lock.
    Done,
    /// Its holder gave the job back.
    Returned,
    /// Its time was over.
    Expired,
    /// Nobody ever heard of it.
    Undelivered,
    /// An operator took the lock from its holder.
    Broken,
}

/// What became of that which a lease held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Then {
    /// The job is done, the lock is free.
    Finished,
    /// The job is in its queue again.
    Back {
        /// Its place: that of jobs which became ready at this moment.
        ready_at: Time,
        /// When it became ready, or will, for its age.
        since: Time,
        /// This counts as an attempt.
        counted: bool,
        /// What its worker said.
        error: Option<Box<str>>,
    },
    /// The job went, since its queue was shut down at once.
    Dropped,
    /// The job is dead, in its own queue.
    Dead {
        /// Why.
        cause: Cause,
        /// What its worker said.
        error: Option<Box<str>>,
    },
}

/// How much of a lock or a semaphore is taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Share {
    /// All of a lock: nobody else has any of it.
    Whole,
    /// So many permits of a semaphore; 1 of a lock: its holders share it.
    Permits(u64),
}
