//! What lives, written once more, so that old entries can go.
//!
//! An old part of the journal may go once everything that it alone tells has been written anew: things
//! whole, as [`Copied`] records, and numbers in the [`Checkpoint`] that ends it. A history that begins
//! after that part tells of things before it tells what they are: such records are skipped, since the
//! thing comes whole, later, or has gone.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::messages::command::{JobId, LeaseId, Payload};
use crate::messages::configuration::{QueueConfig, SemaphoreConfig};
use crate::messages::name::{Name, Thing};
use crate::messages::schedule::ScheduleConfig;
use crate::messages::time::Time;

/// What can be written anew, as a part of the journal names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// A thing, a queue without its jobs.
    Thing(Thing),
    /// A job.
    Job {
        /// Of which queue.
        queue: Name,
        /// Which one.
        job: JobId,
    },
    /// What was done under a key.
    Key {
        /// The thing to which the key belongs.
        thing: Thing,
        /// The key.
        key: Arc<str>,
    },
    /// What became of a range of leases: that of this one.
    Fates(LeaseId),
}

/// A thing, whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Copied {
    /// A queue, without its jobs.
    Queue {
        /// Which one.
        queue: Name,
        /// What it was told to be.
        config: QueueConfig,
        /// Whether somebody said what it shall be.
        configured: bool,
        /// Whether it takes jobs.
        gate: Gate,
        /// Generation of the last moment without an unfinished job.
        drained: u64,
        /// When it was made, or last drained.
        touched: Time,
    },
    /// A job, with the lease by which it is held.
    Job {
        /// Of which queue.
        queue: Name,
        /// Which one.
        job: JobId,
        /// Its place.
        ready_at: Time,
        /// When it was put.
        enqueued: Time,
        /// What was put.
        payload: Payload,
        /// What it has been through.
        tried: Option<Box<Tried>>,
        /// By which lease it is held.
        lease: Option<Box<LeaseCopy>>,
    },
    /// An event.
    Event {
        /// Which one.
        event: Name,
        /// Whether it is set.
        set: bool,
        /// Generation and value of the last set.
        last: Option<(u64, Payload)>,
        /// When it was last set or cleared.
        touched: Time,
    },
    /// A lock, with the lease by which it is held.
    Lock {
        /// Which one.
        lock: Name,
        /// When it was last released.
        touched: Time,
        /// Who has it, as they said.
        owner: Option<Arc<str>>,
        /// By which lease it is held.
        lease: Option<Box<LeaseCopy>>,
    },
    /// What became of a range of leases, two bits each.
    Fates {
        /// The number of the range.
        chunk: u64,
        /// The bits.
        bits: Box<[u8]>,
    },
    /// What became of leases that were settled late.
    Late {
        /// Each with its two bits.
        fates: Vec<(LeaseId, u8)>,
    },
    /// A lock whose holders share it, or a semaphore.
    Permits {
        /// Which one.
        thing: Thing,
        /// What it was told to be, if it is a semaphore.
        config: Option<SemaphoreConfig>,
        /// When it was last released.
        touched: Time,
        /// By which leases it is held: how much of it, and by whom, as they said.
        holders: Vec<(u64, Option<Arc<str>>, LeaseCopy)>,
    },
    /// A barrier.
    Barrier {
        /// Which one.
        barrier: Name,
        /// How many meet there.
        parties: u64,
        /// It was aborted.
        broken: bool,
        /// Of the last moment when all had come.
        generation: u64,
    },
    /// What came of a job.
    Result {
        /// Of which queue.
        queue: Name,
        /// Which one.
        job: JobId,
        /// When it was put.
        enqueued: Time,
        /// What its worker said.
        result: Payload,
        /// Until when it is kept.
        until: Time,
    },
    /// The pace of a queue whose rate is limited.
    Pace {
        /// Of which queue.
        queue: Name,
        /// Up to when its rate is used up.
        used: Time,
    },
    /// A schedule.
    Schedule {
        /// Which one.
        schedule: Name,
        /// What it was told to be, and how far it is worked off.
        config: Box<ScheduleConfig>,
        /// The last time for which a job was put.
        last: Option<u64>,
    },
}

/// Whether a queue takes jobs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Gate {
    /// It does.
    Open,
    /// `shutdown()`: nothing more is put; what comes back is handed out again.
    ShutDown,
    /// `shutdown(immediate=True)`: what comes back is dropped.
    ShutDownAtOnce,
}

/// What a job has that was handed out before.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tried {
    /// Ends of leases that counted.
    pub attempts: u32,
    /// When it became ready, if that is not what its place says.
    pub since: Option<Time>,
    /// What its last worker said who said something.
    pub error: Option<Box<str>>,
}

/// A lease, beside what it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeaseCopy {
    /// Its number.
    pub lease: LeaseId,
    /// For how long it was granted.
    pub length: Duration,
    /// When it ends; `None` for a job that is done once it is delivered.
    pub until: Option<Time>,
    /// Since when it is held.
    pub granted: Time,
    /// For how long the job had been ready.
    pub waited: Duration,
    /// It was lengthened at a start and not kept since.
    pub graced: bool,
}

/// The end of a checkpoint: the numbers, the clocks, and how much there is of everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Where in the journal a history may begin from now on; the journal knows what it means.
    pub from: u64,
    /// The largest job number.
    pub last_job: u64,
    /// The largest generation.
    pub last_generation: u64,
    /// The largest lease number.
    pub last_lease: u64,
    /// The largest lease number that may be told.
    pub reserved: u64,
    /// How much there is.
    pub counts: Counts,
    /// The newest moment of which the time of day is known, and that.
    pub tied: Option<Tie>,
}

/// A moment of which the time of day is known.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tie {
    /// The moment.
    pub time: Time,
    /// Microseconds since 1970.
    pub wall: u64,
    /// The wall clock was behind at the last start, or ahead before: one of the two was wrong.
    pub doubted: bool,
}

impl Tie {
    /// What time of day it is at another moment.
    pub fn wall_at(&self, time: Time) -> u64 {
        let since = u64::try_from(time.since(self.time).as_micros()).unwrap_or(u64::MAX);
        self.wall.saturating_add(since)
    }

    /// The moment at a time of day; the beginning, if that lies before.
    pub fn time_at(&self, wall: u64) -> Time {
        let (ahead, behind) = (wall.saturating_sub(self.wall), self.wall.saturating_sub(wall));
        Time::from_micros(self.time.micros().saturating_add(ahead).saturating_sub(behind))
    }
}

/// How much there is of everything. Sums over what is there: whoever has lost something has others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Queues.
    pub queues: u64,
    /// Events.
    pub events: u64,
    /// Locks, semaphores, barriers and schedules.
    pub locks: u64,
    /// Jobs that are not done.
    pub jobs: u64,
    /// Leases that are held.
    pub leases: u64,
    /// Keys under which something is remembered.
    pub keys: u64,
}
