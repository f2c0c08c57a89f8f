//! What things are told to be.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};

use crate::limits;
use crate::messages::name::{Name, Thing};
use crate::messages::policy::Policy;
use crate::messages::schedule::ScheduleConfig;

/// Which job is handed out first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Order {
    /// The one that was ready first.
    #[default]
    Fifo,
    /// The one that was ready last.
    Lifo,
    /// The one of the lowest rank; of one rank, the one that was ready first.
    Priority,
}

/// Where a job stands in a queue whose order is [`Order::Priority`]: compared as bytes, lower first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
pub struct Rank(pub Arc<[u8]>);

/// In hexadecimal digits, as `priority-key` has them.
impl fmt::Display for Rank {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

/// As bytes, and for people as it is shown.
impl Serialize for Rank {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if serializer.is_human_readable() {
            serializer.collect_str(self)
        } else {
            self.0.serialize(serializer)
        }
    }
}

impl From<i64> for Rank {
    /// The rank of a priority: its eight bytes, big endian, the sign turned over, so that negative
    /// numbers come first.
    fn from(priority: i64) -> Self {
        Self((priority ^ i64::MIN).to_be_bytes().into())
    }
}

/// What a queue is told to be; [`super::written`] says how it is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueConfig {
    /// How many jobs may wait in it, ready or delayed; 0 is asyncio's "infinite".
    pub maxsize: u64,
    /// Which of them goes first.
    pub order: Order,
    /// How long a lease is if neither the get nor the job says.
    pub lease: Duration,
    /// All the rest.
    pub policy: Box<Policy>,
}

impl Default for QueueConfig {
    fn default() -> Self {
        Self {
            maxsize: limits::MAXSIZE_DEFAULT,
            order: Order::Fifo,
            lease: limits::LEASE_DEFAULT,
            policy: Box::default(),
        }
    }
}

/// What a semaphore is told to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SemaphoreConfig {
    /// How many permits there are.
    pub permits: u64,
    /// `BoundedSemaphore`: nobody adds permits to these.
    pub bounded: bool,
}

/// What a thing is told to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Configuration {
    /// `Queue(maxsize)`.
    Queue(Name, QueueConfig),
    /// `Semaphore(permits)`.
    Semaphore(Name, SemaphoreConfig),
    /// `Barrier(parties)`.
    Barrier(Name, u64),
    /// Jobs at their times.
    Schedule(Name, Box<ScheduleConfig>),
}

impl Configuration {
    /// The thing.
    pub fn thing(&self) -> Thing {
        match self {
            Self::Queue(name, _) => Thing::Queue(name.clone()),
            Self::Semaphore(name, _) => Thing::Semaphore(name.clone()),
            Self::Barrier(name, _) => Thing::Barrier(name.clone()),
            Self::Schedule(name, _) => Thing::Schedule(name.clone()),
        }
    }
}
