//! What is told: an answer or a refusal.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::messages::command::{JobId, LeaseId, Payload};
use crate::messages::configuration::Configuration;
use crate::messages::job::Trait;
use crate::messages::name::{Name, Thing};
use crate::messages::time::Time;
use crate::messages::view::{Holder, JobView, View};
use crate::quotas::Bound;

/// The caller has what it asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// The thing is as it was told to be.
    Configured {
        /// As it is now.
        configuration: Configuration,
        /// It was not there before.
        created: bool,
    },
    /// A thing's state.
    State(Box<View>),
    /// A page of things.
    List {
        /// In the order of their names.
        items: Vec<View>,
        /// Where the next page begins, if there is one.
        cursor: Option<Name>,
    },
    /// The thing is gone.
    Deleted,
    /// The job is in the queue.
    Placed {
        /// Which queue.
        queue: Name,
        /// Under which number.
        job: JobId,
    },
    /// There is a job with this unique value already; nothing was added.
    Present {
        /// Which queue.
        queue: Name,
        /// Under which number.
        job: JobId,
    },
    /// A job.
    Got(Box<Got>),
    /// Jobs, at least one.
    GotMany(Vec<Got>),
    /// A job as it is.
    Job(Box<JobView>),
    /// A page of jobs.
    Jobs {
        /// In the order in which they were put.
        items: Vec<JobView>,
        /// The last of them, if there are more behind it.
        cursor: Option<JobId>,
    },
    /// The job is done; what came of it, if its worker said so and that is still kept.
    Result(Payload),
    /// Nothing is handed out any more, or things go on.
    Paused,
    /// Jobs were dropped.
    Purged {
        /// How many.
        dropped: u64,
    },
    /// Jobs were put as new.
    Redriven {
        /// How many.
        moved: u64,
        /// How many more there are of those that were asked for.
        left: u64,
    },
    /// A time of a schedule is worked off, or was before.
    Fired,
    /// Every job is done.
    Joined {
        /// Of the moment when the last one was.
        generation: u64,
    },
    /// The queue takes no more jobs.
    ShutDown,
    /// The event is set.
    Set {
        /// Of this set.
        generation: u64,
    },
    /// The event is not set.
    Cleared,
    /// The event was set.
    Happened {
        /// Of the last set.
        generation: u64,
        /// Of the last set.
        value: Payload,
    },
    /// The lock is the caller's, or the permits are.
    Acquired(Grant),
    /// The lock was taken from these, the first of them.
    Broken(Vec<Holder>),
    /// All parties have come to the barrier.
    Tripped {
        /// In which order this one had come; 0 first.
        index: u64,
        /// Of this moment.
        generation: u64,
    },
    /// The lock is the caller's again after a wait for a condition.
    Woken {
        /// The lock.
        grant: Grant,
        /// Which condition.
        condition: Name,
        /// Whether it was notified, or its time was over.
        notified: bool,
    },
    /// So many who waited for the condition were woken.
    Notified {
        /// How many.
        woken: u64,
    },
    /// The lease has ended as was asked: job done, lock released, job given back.
    Settled,
    /// The lease has been kept.
    Extended(Grant),
    /// The lease is held.
    Held(Grant),
    /// What became of a request under a key.
    Withdrawn(Withdrawal),
}

impl Answer {
    /// What was put, of each job that it tells of with its number.
    pub fn payloads(&mut self) -> impl Iterator<Item = (JobId, &mut Payload)> {
        let (one, jobs, views) = match self {
            Self::Got(got) => (Some((got.job, &mut got.payload)), &mut [][..], &mut [][..]),
            Self::Job(view) => (Some((view.job, &mut view.payload)), &mut [][..], &mut [][..]),
            Self::GotMany(all) => (None, all.as_mut_slice(), &mut [][..]),
            Self::Jobs { items, .. } => (None, &mut [][..], items.as_mut_slice()),
            _ => (None, &mut [][..], &mut [][..]),
        };
        let jobs = jobs.iter_mut().map(|got| (got.job, &mut got.payload));
        let views = views.iter_mut().map(|view| (view.job, &mut view.payload));
        one.into_iter().chain(jobs).chain(views)
    }

    /// The leases that it grants.
    pub fn leases(&self) -> impl Iterator<Item = LeaseId> + '_ {
        let (one, many) = match self {
            Self::Got(got) => (Some(got.lease), &[][..]),
            Self::Acquired(grant) | Self::Woken { grant, .. } => (Some(grant.lease), &[][..]),
            Self::GotMany(all) => (None, all.as_slice()),
            _ => (None, &[][..]),
        };
        one.into_iter().chain(many.iter().map(|got| got.lease))
    }
}

/// A lease, as its holder is told of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// What is held.
    pub thing: Thing,
    /// Its number.
    pub lease: LeaseId,
    /// When it ends.
    pub until: Time,
}

/// A job, as a get is answered with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Got {
    /// From which queue.
    pub queue: Name,
    /// Its number.
    pub job: JobId,
    /// By which lease.
    pub lease: LeaseId,
    /// When that ends; `None` if the job is done once it is delivered.
    pub until: Option<Time>,
    /// 1 at first.
    pub attempt: u32,
    /// How long it had been ready.
    pub waited: Duration,
    /// When it was put.
    pub enqueued: Time,
    /// What was put.
    pub payload: Payload,
    /// What else it has.
    pub traits: Vec<Trait>,
    /// Its lease is a promise to others, so it has to be durable before anybody is told of it.
    pub promised: bool,
}

/// What became of a request under a key that is taken back.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Withdrawal {
    /// It had not been done, and will not be.
    Withdrawn,
    /// It had been done: here is what it was granted, if that has a place of its own.
    Granted(Granted),
}

/// What was done under a key and can be named.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Granted {
    /// A job was put.
    Job(Name, JobId),
    /// A lease was granted.
    Lease(Thing, LeaseId),
    /// Something was done that has no place of its own.
    Nothing,
}

/// The caller does not have what it asked for. Clients match [`Refusal::code`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The queue is at its bound.
    Full,
    /// The bodies of waiting puts have no more room.
    WaitingBytes,
    /// The job alone has more bytes than may wait in the queue.
    TooLarge {
        /// How many may wait.
        max_bytes: u64,
    },
    /// The server holds as much as it may.
    MemoryFull,
    /// The namespace has as much of this as it may.
    OverQuota {
        /// With what its names begin.
        prefix: Arc<str>,
        /// Of what.
        bound: Bound,
        /// How much there may be.
        most: u64,
    },
    /// The queue takes no more jobs, or has none any more.
    QueueShutDown,
    /// The queue has no job.
    Empty,
    /// The job is neither done nor dead yet.
    NotDone,
    /// The job will never be done: it is dead, or was cancelled or dropped.
    Failed,
    /// A queue is no dead letter queue of itself.
    OwnDeadLetter,
    /// Jobs are unfinished.
    NotDrained {
        /// How many.
        unfinished: u64,
        /// Of the last moment when none was.
        generation: u64,
    },
    /// The event is not set.
    NotSet {
        /// Of the last set; 0 if never.
        generation: u64,
    },
    /// The event is set already.
    AlreadySet {
        /// Of the last set.
        generation: u64,
    },
    /// The thing is there already.
    Exists {
        /// As it is.
        configuration: Configuration,
    },
    /// The queue holds jobs, so it keeps its order.
    OtherOrder,
    /// The queue's order is not by rank, so no job of it has one.
    NoRanks,
    /// More permits than there are, or than may be.
    OverBound {
        /// How many there are.
        permits: u64,
    },
    /// Not all parties have come.
    NotTripped,
    /// The barrier was reset while the caller waited, or is aborted.
    Broken,
    /// The lease is not one by which this lock is held alone.
    NotExclusive,
    /// Somebody else has the lock, or too many permits.
    Locked {
        /// Who, as they said.
        owner: Option<Arc<str>>,
        /// Until when; `None` if the lock has just come free for somebody who was there before.
        until: Option<Time>,
        /// The caller waited, and that is over.
        waited: bool,
    },
    /// Somebody works on the job.
    Leased,
    /// The lock is held and may not be deleted.
    Held,
    /// The lease has ended otherwise.
    LeaseLost,
    /// There is no such thing.
    NotFound,
    /// The thing went while the caller waited.
    Deleted,
    /// The key was used for another request.
    KeyMismatch,
    /// A newer request with the same key has the place.
    Superseded,
    /// The request was taken back.
    Withdrawn,
    /// More waits than there is room for.
    TooManyWaits,
    /// More keys than there is room for.
    TooManyKeys,
    /// More things than there is room for.
    TooManyNames,
    /// The journal's disk has no more room for this.
    DiskFull,
    /// The server is going.
    ShuttingDown,
}

impl Refusal {
    /// The stable code that clients match.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Full => "queue_full",
            Self::WaitingBytes => "waiting_bytes",
            Self::TooLarge { .. } => "too_large",
            Self::MemoryFull => "memory_full",
            Self::NotDone => "not_done",
            Self::Failed => "failed",
            Self::QueueShutDown => "queue_shut_down",
            Self::Empty => "empty",
            Self::NotDrained { .. } => "not_drained",
            Self::NotSet { .. } => "not_set",
            Self::AlreadySet { .. } => "already_set",
            Self::Exists { .. } => "exists",
            Self::Locked { .. } => "locked",
            Self::OtherOrder | Self::NoRanks | Self::OwnDeadLetter => "conflict",
            Self::OverBound { .. } => "over_bound",
            Self::NotTripped => "not_tripped",
            Self::Broken => "broken",
            Self::NotExclusive => "not_exclusive",
            Self::Leased => "leased",
            Self::Held => "held",
            Self::LeaseLost => "lease_lost",
            Self::NotFound => "not_found",
            Self::Deleted => "deleted",
            Self::KeyMismatch => "idempotency_mismatch",
            Self::Superseded => "superseded",
            Self::Withdrawn => "withdrawn",
            Self::TooManyWaits
            | Self::TooManyKeys
            | Self::OverQuota { bound: Bound::Waits, .. } => "overloaded",
            Self::OverQuota { bound: Bound::Jobs | Bound::Bytes | Bound::Rate, .. } => "over_quota",
            Self::TooManyNames => "too_many_names",
            Self::DiskFull => "disk_full",
            Self::ShuttingDown => "shutting_down",
        }
    }
}
