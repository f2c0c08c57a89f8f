//! What was done under a key, as it is written down; [`crate::recall`] tells it again.
//!
//! The order of variants and fields is that of the bytes on disk: what is new goes to the end.

use serde::{Deserialize, Serialize};

use crate::messages::answer::Withdrawal;
use crate::messages::command::{JobId, LeaseId};
use crate::messages::configuration::{Configuration, QueueConfig};
use crate::messages::name::{Name, Thing};
use crate::messages::view::Holder;

/// What is remembered of a request that was done under a key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Remembrance {
    /// A queue was configured.
    Configured {
        /// Which one.
        queue: Name,
        /// As it was then.
        config: QueueConfig,
        /// It was not there before.
        created: bool,
    },
    /// A job was put.
    Placed(Name, JobId),
    /// A lease was granted.
    Leased(Thing, LeaseId),
    /// A thing was deleted.
    Deleted,
    /// A queue was shut down.
    ShutDown,
    /// An event was set.
    Set(u64),
    /// An event was cleared.
    Cleared,
    /// A lease was settled.
    Settled,
    /// What became of another key was told.
    Asked(Withdrawal),
    /// The request was taken back before it was done.
    Withdrawn,
    /// A semaphore or a barrier was configured.
    Prepared {
        /// Which one, as it was then.
        configuration: Configuration,
        /// It was not there before.
        created: bool,
    },
    /// A lock was taken from its holders.
    Broke(Vec<Holder>),
    /// Permits were added.
    Released,
    /// All parties had come to a barrier.
    Tripped {
        /// In which order this one had come; 0 first.
        index: u64,
        /// Of that moment.
        generation: u64,
    },
    /// A barrier was reset or aborted.
    Turned,
    /// The lock was granted again after a wait for a condition.
    Woken {
        /// Which lock.
        lock: Name,
        /// By which lease.
        lease: LeaseId,
        /// Whether it was notified, or its time was over.
        notified: bool,
    },
    /// So many who waited for a condition were woken.
    Notified(u64),
    /// There was a job with this unique value.
    Present(Name, JobId),
    /// A queue was paused, or went on.
    Paused,
    /// Jobs were dropped.
    Purged(u64),
    /// Jobs were put as new: how many, and how many more there were.
    Redriven(u64, u64),
    /// A schedule was configured.
    Scheduled {
        /// It was not there before.
        created: bool,
    },
}

impl Remembrance {
    /// The lease that was granted, and of what.
    pub fn lease(&self) -> Option<(Thing, LeaseId)> {
        match self {
            Self::Leased(thing, lease) => Some((thing.clone(), *lease)),
            Self::Woken { lock, lease, .. } => Some((Thing::Lock(lock.clone()), *lease)),
            _ => None,
        }
    }
}
