//! What is shown of a thing.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::messages::command::{JobId, LeaseId, Payload, Share};
use crate::messages::configuration::{QueueConfig, Rank, SemaphoreConfig};
use crate::messages::job::{JobState, Trait};
use crate::messages::name::Name;
use crate::messages::schedule::ScheduleConfig;
use crate::messages::time::Time;

/// A queue's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueView {
    /// Its name.
    pub name: Name,
    /// What it was told to be.
    pub config: QueueConfig,
    /// Jobs to be had now.
    pub ready: u64,
    /// Jobs to be had later.
    pub delayed: u64,
    /// Jobs that somebody holds.
    pub leased: u64,
    /// Jobs that failed too often or waited for too long.
    pub dead: u64,
    /// Jobs that were put and are not done or dead.
    pub unfinished: u64,
    /// When the job that has been ready for longest became so.
    pub oldest_ready: Option<Time>,
    /// Nothing more can be put.
    pub shut_down: bool,
    /// Who waits.
    pub waiters: QueueWaiters,
}

/// A job, as it is looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JobView {
    /// Of which queue.
    pub queue: Name,
    /// Its number.
    pub job: JobId,
    /// Where it is in its life.
    pub state: JobState,
    /// When it was put.
    pub enqueued: Time,
    /// When it became ready, or will; of a dead one when it died.
    pub since: Time,
    /// How many of its attempts have ended.
    pub attempts: u32,
    /// What its last worker said who said something.
    pub error: Option<Box<str>>,
    /// By which lease it is held, and until when; `None` for one without an end.
    pub lease: Option<(LeaseId, Option<Time>)>,
    /// Where it stands, if it was put with a rank.
    pub rank: Option<Rank>,
    /// What was put, or what came of it if it is done.
    pub payload: Payload,
    /// What else it has.
    pub traits: Vec<Trait>,
}

/// Who waits at a queue and is there.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueWaiters {
    /// For room.
    pub put: u64,
    /// For a job.
    pub get: u64,
    /// For the end.
    pub join: u64,
}

/// A thing's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum View {
    /// Of a queue.
    Queue(QueueView),
    /// Of an event.
    Event(EventView),
    /// Of a lock.
    Lock(LockView),
    /// Of a semaphore.
    Semaphore(SemaphoreView),
    /// Of a barrier.
    Barrier(BarrierView),
    /// Of a condition.
    Condition(ConditionView),
    /// Of a schedule.
    Schedule(ScheduleView),
}

impl View {
    /// The name of what it is of.
    pub fn name(&self) -> &Name {
        match self {
            Self::Queue(QueueView { name, .. })
            | Self::Event(EventView { name, .. })
            | Self::Lock(LockView { name, .. })
            | Self::Semaphore(SemaphoreView { name, .. })
            | Self::Barrier(BarrierView { name, .. })
            | Self::Condition(ConditionView { name, .. })
            | Self::Schedule(ScheduleView { name, .. }) => name,
        }
    }
}

/// An event's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EventView {
    /// Its name.
    pub name: Name,
    /// Whether it is set.
    pub set: bool,
    /// Of the last set; 0 if never.
    pub generation: u64,
}

/// Who has a lock, or permits of a semaphore.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// By which lease.
    pub lease: LeaseId,
    /// How much of it.
    pub share: Share,
    /// Who, as they said.
    pub owner: Option<Arc<str>>,
    /// Until when.
    pub until: Time,
}

/// A lock's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LockView {
    /// Its name.
    pub name: Name,
    /// Who holds it, the first of them, in the order in which they got it.
    pub holders: Vec<Holder>,
    /// Who waits for it and is there.
    pub waiters: u64,
    /// Who waits for its conditions and is there, by their names.
    pub conditions: Vec<(Name, u64)>,
}

/// A semaphore's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SemaphoreView {
    /// Its name.
    pub name: Name,
    /// What it was told to be.
    pub config: SemaphoreConfig,
    /// Permits that nobody has.
    pub available: u64,
    /// Who has some, the first of them, in the order in which they got them.
    pub holders: Vec<Holder>,
    /// Who waits for some and is there.
    pub waiters: u64,
}

/// A barrier's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BarrierView {
    /// Its name.
    pub name: Name,
    /// How many meet there.
    pub parties: u64,
    /// How many wait there.
    pub waiting: u64,
    /// It was aborted.
    pub broken: bool,
    /// Of the last moment when all had come; 0 if never.
    pub generation: u64,
}

/// A condition's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConditionView {
    /// Of which lock.
    pub lock: Name,
    /// Its name.
    pub name: Name,
    /// Who waits to be notified and is there.
    pub waiters: u64,
}

/// A schedule's state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleView {
    /// Its name.
    pub name: Name,
    /// What it was told to be, and how far it is worked off.
    pub config: Box<ScheduleConfig>,
    /// The last time for which a job was put, in microseconds since 1970.
    pub last: Option<u64>,
}
