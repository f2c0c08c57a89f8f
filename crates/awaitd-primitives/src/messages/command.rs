//! What is asked. A command is a value: it can be judged, parked and judged again.

use std::sync::Arc;
use std::time::Duration;

use crate::messages::configuration::{Configuration, Rank};
use crate::messages::job::{JobState, Trait};
use crate::messages::name::{Kind, Name, Thing};
use crate::messages::time::Delay;

pub use crate::messages::ask::{Ask, Key};
pub use crate::messages::body::Payload;
pub use crate::messages::held::Share;
pub use crate::messages::id::{JobId, LeaseId, LeaseRef, Ticket};

/// What a get does with the job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GetMode {
    /// Holds it by a lease of this length, or of the queue's.
    Leased(Option<Duration>),
    /// At most once (`ack=true`): done as soon as it is delivered.
    AtMostOnce,
}

/// Everything that can be asked: the calls of the HTTP contract, and [`Command::Fire`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command {
    /// Replaces the configuration of a queue, a semaphore, a barrier or a schedule, or makes it.
    Configure {
        /// What it shall be.
        configuration: Configuration,
        /// `If-None-Match: *`: refuse if it exists.
        only_new: bool,
    },
    /// The state of a thing other than an event, which is waited for.
    Read {
        /// Which thing.
        thing: Thing,
    },
    /// The things of a kind in the order of their names.
    List {
        /// Of which kind.
        kind: Kind,
        /// Only those whose names begin so.
        prefix: String,
        /// Only those after this name.
        cursor: Option<String>,
        /// At most so many.
        limit: usize,
    },
    /// Removes a thing other than an event, which is cleared, and all that it holds.
    Delete {
        /// Which thing.
        thing: Thing,
        /// A lock or a semaphore also while somebody holds it.
        force: bool,
    },
    /// `put`.
    Put {
        /// Into which queue.
        queue: Name,
        /// The job.
        payload: Payload,
        /// Not handed out before.
        delay: Delay,
        /// Where it stands, if the queue's order is by rank.
        rank: Option<Rank>,
        /// For how long it may wait; as long as the queue says if nothing is said.
        ttl: Option<Duration>,
        /// What else was said of it.
        traits: Vec<Trait>,
    },
    /// A job, in any state.
    ReadJob {
        /// Of which queue.
        queue: Name,
        /// Which one.
        job: JobId,
    },
    /// The jobs of a queue in the order in which they were put.
    ListJobs {
        /// Of which queue.
        queue: Name,
        /// Only those in this state.
        state: Option<JobState>,
        /// Only those of this key.
        key: Option<Arc<str>>,
        /// Only those after this one.
        cursor: Option<JobId>,
        /// At most so many.
        limit: usize,
        /// With their bodies, wherever these are.
        bodies: bool,
    },
    /// What came of a job: waits until it is done or dead.
    WaitResult {
        /// Of which queue.
        queue: Name,
        /// Which one.
        job: JobId,
    },
    /// Hands out nothing, or goes on.
    Pause {
        /// Which queue.
        queue: Name,
        /// Or goes on.
        paused: bool,
    },
    /// Drops jobs that nobody holds.
    Purge {
        /// Of which queue.
        queue: Name,
        /// Only those in this state; all that wait or are dead if nothing is said.
        state: Option<JobState>,
    },
    /// Puts jobs that wait or are dead, as new.
    Redrive {
        /// Of which queue.
        queue: Name,
        /// Into this one; where each died, if nothing is said, else where it is.
        to: Option<Name>,
        /// Only those in this state.
        state: Option<JobState>,
        /// Only this one.
        job: Option<JobId>,
        /// At most so many.
        limit: u64,
        /// The first is ready after so long.
        delay: Duration,
        /// From each to the next.
        spacing: Duration,
    },
    /// Takes a job out of its queue.
    CancelJob {
        /// Of which queue.
        queue: Name,
        /// Which one.
        job: JobId,
        /// Also from whoever works on it.
        force: bool,
    },
    /// `get`.
    Get {
        /// From which queue.
        queue: Name,
        /// Held by a lease, or at most once.
        mode: GetMode,
        /// `task_done` of this lease first; if that is refused, nothing is got.
        settle: Option<LeaseRef>,
        /// As many as there are, up to this; 1 for a plain one.
        most: u64,
    },
    /// `get` from whichever of these has a job.
    GetAny {
        /// From which queues, no two of them the same.
        queues: Vec<Name>,
        /// The one that was not asked for longest goes first; otherwise the first that has one.
        fair: bool,
        /// Held by a lease, or at most once.
        mode: GetMode,
        /// As many as there are, up to this.
        most: u64,
    },
    /// `join`: until every job that was put is done.
    Join {
        /// Of which queue.
        queue: Name,
        /// Answer with a generation above this one.
        after: Option<u64>,
    },
    /// `shutdown`.
    Shutdown {
        /// Which queue.
        queue: Name,
        /// Drops what waits in it.
        immediate: bool,
    },
    /// `Event.set()`.
    SetEvent {
        /// Which event.
        event: Name,
        /// Given to whoever waits.
        value: Payload,
        /// `If-None-Match: *`: refuse if it is set.
        only_unset: bool,
    },
    /// `Event.clear()`.
    ClearEvent {
        /// Which event.
        event: Name,
    },
    /// `Event.wait()`.
    WaitEvent {
        /// Which event.
        event: Name,
        /// Answer with a generation above this one.
        after: Option<u64>,
    },
    /// `acquire()` of a lock or a semaphore.
    Acquire {
        /// Which of them.
        thing: Thing,
        /// How much of it.
        share: Share,
        /// For how long; the default if nothing is said.
        lease: Option<Duration>,
        /// Shown to others.
        owner: Option<Arc<str>>,
    },
    /// Takes a lock from its holders.
    Break {
        /// Which lock.
        lock: Name,
    },
    /// `Semaphore.release()` of what was not acquired: adds permits.
    Release {
        /// To which semaphore.
        semaphore: Name,
        /// How many.
        permits: u64,
    },
    /// `Barrier.wait()`.
    WaitBarrier {
        /// At which barrier.
        barrier: Name,
    },
    /// `Barrier.reset()`.
    ResetBarrier {
        /// Which barrier.
        barrier: Name,
    },
    /// `Barrier.abort()`.
    AbortBarrier {
        /// Which barrier.
        barrier: Name,
    },
    /// `Condition.wait()`: releases the lock and waits, in one step; then takes the lock again.
    WaitCondition {
        /// Of which lock.
        lock: Name,
        /// Which condition of it.
        condition: Name,
        /// The lease by which the caller holds the lock.
        held: LeaseRef,
        /// For how long it takes the lock again; the default if nothing is said.
        lease: Option<Duration>,
        /// Shown to others.
        owner: Option<Arc<str>>,
        /// For how long it stands in the lock's line to have it again.
        patience: Duration,
        /// `None` while it waits for a notification. From then on it waits for the lock: whether it was
        /// notified, or its time was over.
        notified: Option<bool>,
    },
    /// `Condition.notify(n)`.
    Notify {
        /// Of which lock.
        lock: Name,
        /// Which condition of it.
        condition: Name,
        /// The lease by which the caller holds the lock.
        held: LeaseRef,
        /// How many; all if nothing is said.
        most: Option<u64>,
    },
    /// How many wait for a condition.
    ReadCondition {
        /// Of which lock.
        lock: Name,
        /// Which condition of it.
        condition: Name,
    },
    /// `task_done()` or `release()`.
    Done {
        /// Of which lease.
        lease: LeaseRef,
    },
    /// `task_done()` with a result.
    Finish {
        /// Of which lease.
        lease: LeaseRef,
        /// Kept for whoever asks what came of the job.
        result: Payload,
    },
    /// How far the work is.
    Progress {
        /// Of which lease.
        lease: LeaseRef,
        /// In the worker's words.
        progress: Payload,
    },
    /// Gives the job back.
    Nack {
        /// Of which lease.
        lease: LeaseRef,
        /// Not handed out before so long from now.
        delay: Option<Duration>,
        /// Does not count the attempt.
        defer: bool,
        /// It is not worth another attempt.
        dead: bool,
        /// What went wrong, in the worker's words.
        error: Option<Box<str>>,
    },
    /// Keeps a lease.
    Extend {
        /// Which lease.
        lease: LeaseRef,
        /// For so long from now; as long as it was granted if nothing is said.
        length: Option<Duration>,
    },
    /// Is it still held? As a wait: until it is lost.
    Watch {
        /// Which lease.
        lease: LeaseRef,
    },
    /// The time of a schedule has come: its job is put. The server asks this of itself.
    Fire {
        /// Which schedule.
        schedule: Name,
        /// Into which queue, by what it is told to be.
        queue: Name,
        /// Nothing is done unless its times are worked off up to this one.
        after: u64,
        /// The time, in microseconds since 1970; those before go with it.
        due: u64,
        /// Puts nothing, since it was missed.
        skip: bool,
    },
    /// Takes back what was asked under a key.
    Withdraw {
        /// The thing that was asked for.
        thing: Thing,
        /// The key.
        key: Arc<str>,
    },
}

impl Command {
    /// To what a key belongs: the thing in the path, or the server if the path names none.
    pub fn owner(&self) -> Option<Thing> {
        if let Self::GetAny { .. } = self { Some(Thing::server()) } else { self.thing() }
    }

    /// The thing in the path.
    pub fn thing(&self) -> Option<Thing> {
        match self {
            Self::Configure { configuration, .. } => Some(configuration.thing()),
            Self::Put { queue, .. }
            | Self::CancelJob { queue, .. }
            | Self::Get { queue, .. }
            | Self::Join { queue, .. }
            | Self::ReadJob { queue, .. }
            | Self::ListJobs { queue, .. }
            | Self::WaitResult { queue, .. }
            | Self::Pause { queue, .. }
            | Self::Purge { queue, .. }
            | Self::Redrive { queue, .. }
            | Self::Shutdown { queue, .. } => Some(Thing::Queue(queue.clone())),
            Self::SetEvent { event, .. }
            | Self::ClearEvent { event }
            | Self::WaitEvent { event, .. } => Some(Thing::Event(event.clone())),
            Self::Break { lock }
            | Self::WaitCondition { lock, .. }
            | Self::Notify { lock, .. }
            | Self::ReadCondition { lock, .. } => Some(Thing::Lock(lock.clone())),
            Self::Fire { schedule, .. } => Some(Thing::Schedule(schedule.clone())),
            Self::Release { semaphore, .. } => Some(Thing::Semaphore(semaphore.clone())),
            Self::WaitBarrier { barrier }
            | Self::ResetBarrier { barrier }
            | Self::AbortBarrier { barrier } => Some(Thing::Barrier(barrier.clone())),
            Self::Read { thing }
            | Self::Delete { thing, .. }
            | Self::Acquire { thing, .. }
            | Self::Withdraw { thing, .. } => Some(thing.clone()),
            Self::Done { lease }
            | Self::Finish { lease, .. }
            | Self::Progress { lease, .. }
            | Self::Nack { lease, .. }
            | Self::Extend { lease, .. }
            | Self::Watch { lease } => lease.thing.clone(),
            // Of several.
            Self::GetAny { .. } | Self::List { .. } => None,
        }
    }

    /// What it makes when it has to wait for it.
    pub(crate) fn makes(&self) -> impl Iterator<Item = Thing> {
        let waits = matches!(self, Self::Get { .. } | Self::Join { .. } | Self::WaitEvent { .. });
        let one = if waits { self.thing() } else { None };
        let many = if let Self::GetAny { queues, .. } = self { queues.as_slice() } else { &[] };
        one.into_iter().chain(many.iter().cloned().map(Thing::Queue))
    }

    /// Bytes of its body that are held while it waits.
    pub fn body_bytes(&self) -> usize {
        if let Self::Put { payload, .. } = self { payload.body.len() } else { 0 }
    }
}
