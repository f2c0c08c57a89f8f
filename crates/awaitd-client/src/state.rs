//! Things as the server shows them, and lists of them.

use reqwest::Method;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::call::{Call, Until};
use crate::client::{Client, Repeat};
use crate::config::QueueConfig;
use crate::error::Result;
use crate::event::EventState;
use crate::schedule::ScheduleState;

/// So many are asked for at one time.
const PAGE: u32 = 1_000;

/// A queue, and what is in it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct QueueState {
    /// Its name.
    pub name: String,
    /// What it shall be.
    #[serde(flatten)]
    pub config: QueueConfig,
    /// Jobs that can be got.
    pub ready: u64,
    /// Jobs whose time has not come.
    pub delayed: u64,
    /// Jobs that somebody works on.
    pub leased: u64,
    /// Jobs that nobody will try again.
    pub dead: u64,
    /// Jobs that are not done.
    pub unfinished: u64,
    /// For how many seconds the oldest of the ready ones could be got; `None` if none is ready.
    pub oldest_ready_age: Option<f64>,
    /// Whether it takes no more.
    pub shut_down: bool,
    /// Whether it hands out nothing.
    #[serde(default)]
    pub paused: bool,
    /// How many wait.
    pub waiters: QueueWaiters,
}

/// How many wait at a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct QueueWaiters {
    /// For room.
    pub put: u64,
    /// For a job.
    pub get: u64,
    /// Until all jobs are done.
    pub join: u64,
}

/// A lock, and who holds it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LockState {
    /// Its name.
    pub name: String,
    /// Whether somebody holds it.
    pub locked: bool,
    /// How it is held.
    #[serde(default)]
    pub mode: Option<Mode>,
    /// What the oldest holder said who it is.
    pub owner: Option<String>,
    /// Of the oldest holder.
    pub fence: Option<u64>,
    /// Seconds that are left of the oldest holder's lease.
    pub expires_in: Option<f64>,
    /// Who holds it; the oldest hundred of those who share it.
    #[serde(default)]
    pub holders: Vec<Holder>,
    /// How many wait for it.
    pub waiters: u64,
}

/// How a lock is held.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Mode {
    /// By one.
    Exclusive,
    /// By many who share it.
    Shared,
}

/// Who holds a lock or permits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Holder {
    /// What it said who it is.
    pub owner: Option<String>,
    /// Of its lease.
    pub fence: u64,
    /// Seconds that are left of its lease.
    pub expires_in: f64,
    /// How many permits of a semaphore it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permits: Option<u64>,
}

/// A semaphore, and who has permits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SemaphoreState {
    /// Its name.
    pub name: String,
    /// How many permits there are.
    pub permits: u64,
    /// Whether there can be no more of them.
    pub bounded: bool,
    /// How many are free.
    pub available: u64,
    /// The oldest hundred who have some.
    pub holders: Vec<Holder>,
    /// How many wait for some.
    pub waiters: u64,
}

/// A barrier, and how many wait at it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct BarrierState {
    /// Its name.
    pub name: String,
    /// How many it waits for.
    pub parties: u64,
    /// How many are there.
    pub waiting: u64,
    /// Whether it was aborted.
    pub broken: bool,
    /// Which time this is.
    pub generation: u64,
}

#[derive(Deserialize)]
struct Page<T> {
    items: Vec<T>,
    cursor: Option<String>,
}

/// A list that is asked for page by page.
#[derive(Clone, Debug)]
pub(crate) struct Pages {
    client: Client,
    call: Call,
    /// Where the next page begins.
    cursor: Option<String>,
    at_end: bool,
}

impl Pages {
    pub(crate) fn new(client: &Client, call: Call) -> Self {
        Self { client: client.clone(), call, cursor: None, at_end: false }
    }

    /// The next page; `None` after the last one. An error does not end it.
    pub(crate) async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<Vec<T>>> {
        if self.at_end {
            return Ok(None);
        }
        let page = self.call.clone().with_some("cursor", self.cursor.as_ref());
        let page = self.client.ask(&page, Repeat::Harmless, Until::Now).await?;
        let Page { items, cursor } = page.json()?;
        self.at_end = cursor.is_none();
        self.cursor = cursor;
        Ok(Some(items))
    }
}

impl Client {
    /// The queues whose names begin so, in the order of their names; all if it is empty.
    pub async fn queues(&self, prefix: &str) -> Result<Vec<QueueState>> {
        self.list("queues", prefix).await
    }

    /// The events whose names begin so.
    pub async fn events(&self, prefix: &str) -> Result<Vec<EventState>> {
        self.list("events", prefix).await
    }

    /// The locks whose names begin so.
    pub async fn locks(&self, prefix: &str) -> Result<Vec<LockState>> {
        self.list("locks", prefix).await
    }

    /// The semaphores whose names begin so.
    pub async fn semaphores(&self, prefix: &str) -> Result<Vec<SemaphoreState>> {
        self.list("semaphores", prefix).await
    }

    /// The barriers whose names begin so.
    pub async fn barriers(&self, prefix: &str) -> Result<Vec<BarrierState>> {
        self.list("barriers", prefix).await
    }

    /// The schedules whose names begin so.
    pub async fn schedules(&self, prefix: &str) -> Result<Vec<ScheduleState>> {
        self.list("schedules", prefix).await
    }

    async fn list<T: DeserializeOwned>(&self, kind: &str, prefix: &str) -> Result<Vec<T>> {
        let call = Call::new(Method::GET, format!("/v1/{kind}")).with("limit", PAGE);
        let call = if prefix.is_empty() { call } else { call.with("prefix", prefix) };
        let (mut all, mut pages) = (Vec::new(), Pages::new(self, call));
        while let Some(items) = pages.next().await? {
            all.extend::<Vec<T>>(items);
        }
        Ok(all)
    }
}
