//! Things as JSON shows them.

use std::time::Duration;

use awaitd_primitives::{LockView, Name, Order, QueueConfig, QueueView, Time};
use serde::{Serialize, Serializer};

/// A queue's configuration.
#[derive(Serialize)]
pub(super) struct Configuration<'a> {
    name: &'a str,
    maxsize: u64,
    order: &'static str,
    #[serde(serialize_with = "seconds")]
    lease: Duration,
}

impl<'a> Configuration<'a> {
    /// Of this queue.
    pub(super) fn of(name: &'a Name, config: &QueueConfig) -> Self {
        let order = match config.order {
            Order::Fifo => "fifo",
        };
        Self { name: name.as_str(), maxsize: config.maxsize, order, lease: config.lease }
    }
}

/// A queue's state.
#[derive(Serialize)]
pub(super) struct Queue<'a> {
    #[serde(flatten)]
    configuration: Configuration<'a>,
    ready: u64,
    delayed: u64,
    leased: u64,
    /// Jobs that nobody will try again: there are none yet.
    dead: u64,
    unfinished: u64,
    #[serde(serialize_with = "maybe_seconds")]
    oldest_ready_age: Option<Duration>,
    shut_down: bool,
    waiters: Waiters,
}

#[derive(Serialize)]
struct Waiters {
    put: u64,
    get: u64,
    join: u64,
}

impl<'a> Queue<'a> {
    /// As it is at `now`.
    pub(super) fn of(view: &'a QueueView, now: Time) -> Self {
        let waiters = view.waiters;
        Self {
            configuration: Configuration::of(&view.name, &view.config),
            ready: view.ready,
            delayed: view.delayed,
            leased: view.leased,
            dead: 0,
            unfinished: view.unfinished,
            oldest_ready_age: view.oldest_ready.map(|since| now.since(since)),
            shut_down: view.shut_down,
            waiters: Waiters { put: waiters.put, get: waiters.get, join: waiters.join },
        }
    }
}

/// A page of queues.
#[derive(Serialize)]
pub(super) struct Page<'a> {
    items: Vec<Queue<'a>>,
    cursor: Option<&'a str>,
}

impl<'a> Page<'a> {
    /// As they are at `now`.
    pub(super) fn of(items: &'a [QueueView], cursor: Option<&'a Name>, now: Time) -> Self {
        let items = items.iter().map(|view| Queue::of(view, now)).collect();
        Self { items, cursor: cursor.map(Name::as_str) }
    }
}

/// A lock's state.
#[derive(Serialize)]
pub(super) struct Lock<'a> {
    name: &'a str,
    locked: bool,
    owner: Option<&'a str>,
    fence: Option<u64>,
    #[serde(serialize_with = "maybe_seconds")]
    expires_in: Option<Duration>,
    waiters: u64,
}

impl<'a> Lock<'a> {
    /// As it is at `now`.
    pub(super) fn of(view: &'a LockView, now: Time) -> Self {
        Self {
            name: view.name.as_str(),
            locked: view.holder.is_some(),
            owner: view.owner.as_deref(),
            fence: view.holder.map(|(lease, _)| lease.fence()),
            expires_in: view.holder.map(|(_, until)| until.since(now)),
            waiters: view.waiters,
        }
    }
}

/// Seconds with at most three places, without a fraction where there is none.
fn seconds<S: Serializer>(length: &Duration, to: S) -> Result<S::Ok, S::Error> {
    match length.subsec_millis() {
        0 => to.serialize_u64(length.as_secs()),
        _ => to.serialize_f64(length.as_millis() as f64 / 1_000.0),
    }
}

#[expect(clippy::ref_option)] // as serde calls it
fn maybe_seconds<S: Serializer>(length: &Option<Duration>, to: S) -> Result<S::Ok, S::Error> {
    match length {
        Some(length) => seconds(length, to),
        None => to.serialize_none(),
    }
}
