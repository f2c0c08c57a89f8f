//! Things as JSON shows them.

use std::collections::BTreeMap;
use std::time::Duration;

use awaitd_primitives::{
    BarrierView, ConditionView, EventView, Holder, LockView, Milli, Name, Order, QueueConfig,
    QueueView, SemaphoreView, Share, Time, View, WhenFull,
};
use serde::{Serialize, Serializer};

use super::schedules;

/// What a thing was told to be.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum Configuration<'a> {
    Queue(Box<QueueConfiguration<'a>>),
    Semaphore { name: &'a str, permits: u64, bounded: bool },
    Barrier { name: &'a str, parties: u64 },
    Schedule(Box<schedules::Told<'a>>),
}

impl<'a> Configuration<'a> {
    /// As it was told.
    pub(super) fn of(configuration: &'a awaitd_primitives::Configuration) -> Self {
        use awaitd_primitives::Configuration as Told;
        match configuration {
            Told::Queue(name, config) => {
                Self::Queue(Box::new(QueueConfiguration::of(name, config)))
            }
            Told::Semaphore(name, config) => Self::Semaphore {
                name: name.as_str(),
                permits: config.permits,
                bounded: config.bounded,
            },
            Told::Barrier(name, parties) => {
                Self::Barrier { name: name.as_str(), parties: *parties }
            }
            Told::Schedule(name, config) => {
                Self::Schedule(Box::new(schedules::Told::of(name, config)))
            }
        }
    }
}

/// A queue's configuration. Whether it is paused is no part of it.
#[derive(Serialize)]
pub(super) struct QueueConfiguration<'a> {
    name: &'a str,
    maxsize: u64,
    order: &'static str,
    #[serde(serialize_with = "seconds")]
    lease: Duration,
    max_attempts: u32,
    backoff: Backoff,
    dead_letter: Option<&'a str>,
    #[serde(serialize_with = "maybe_seconds")]
    ttl: Option<Duration>,
    full: &'static str,
    max_bytes: Option<u64>,
    max_leased: u64,
    max_dead: u64,
    rate: Option<Rate>,
    concurrency: Option<u64>,
    key_concurrency: u64,
    fair: bool,
    #[serde(serialize_with = "seconds")]
    retain: Duration,
}

#[derive(Serialize)]
struct Backoff {
    #[serde(serialize_with = "seconds")]
    min: Duration,
    #[serde(serialize_with = "seconds")]
    max: Duration,
    factor: Milli,
    jitter: Milli,
}

#[derive(Serialize)]
struct Rate {
    per_second: Milli,
    burst: u64,
}

impl<'a> QueueConfiguration<'a> {
    fn of(name: &'a Name, config: &'a QueueConfig) -> Self {
        let order = match config.order {
            Order::Fifo => "fifo",
            Order::Lifo => "lifo",
            Order::Priority => "priority",
        };
        let policy = &*config.policy;
        let full = match policy.full {
            WhenFull::Wait => "wait",
            WhenFull::DropOldest => "drop_oldest",
        };
        let awaitd_primitives::Backoff { min, max, factor, jitter } = policy.backoff;
        Self {
            name: name.as_str(),
            maxsize: config.maxsize,
            order,
            lease: config.lease,
            max_attempts: policy.max_attempts,
            backoff: Backoff { min, max, factor, jitter },
            dead_letter: policy.dead_letter.as_ref().map(Name::as_str),
            ttl: policy.ttl,
            full,
            max_bytes: policy.max_bytes,
            max_leased: policy.max_leased,
            max_dead: policy.max_dead,
            rate: policy.rate.map(|rate| Rate { per_second: rate.per_second, burst: rate.burst }),
            concurrency: policy.concurrency,
            key_concurrency: policy.key_concurrency,
            fair: policy.fair,
            retain: policy.retain,
        }
    }
}

/// A thing's state.
#[derive(Serialize)]
#[serde(untagged)]
pub(super) enum State<'a> {
    Queue(Queue<'a>),
    Event { name: &'a str, set: bool, generation: u64 },
    Lock(Lock<'a>),
    Semaphore(Semaphore<'a>),
    Barrier { name: &'a str, parties: u64, waiting: u64, broken: bool, generation: u64 },
    Condition { name: &'a str, lock: &'a str, waiters: u64 },
    Schedule(Box<schedules::Schedule<'a>>),
}

impl<'a> State<'a> {
    /// As it is at `now`, alone.
    pub(super) fn of(view: &'a View, now: Time) -> Self {
        Self::among(view, now, false)
    }

    /// As it is at `now`, alone or in a list.
    fn among(view: &'a View, now: Time, listed: bool) -> Self {
        match view {
            View::Schedule(view) => Self::Schedule(Box::new(schedules::Schedule::of(view, listed))),
            View::Queue(view) => Self::Queue(Queue::of(view, now)),
            View::Event(EventView { name, set, generation }) => {
                Self::Event { name: name.as_str(), set: *set, generation: *generation }
            }
            View::Lock(view) => Self::Lock(Lock::of(view, now)),
            View::Semaphore(view) => Self::Semaphore(Semaphore::of(view, now)),
            View::Barrier(BarrierView { name, parties, waiting, broken, generation }) => {
                Self::Barrier {
                    name: name.as_str(),
                    parties: *parties,
                    waiting: *waiting,
                    broken: *broken,
                    generation: *generation,
                }
            }
            View::Condition(ConditionView { lock, name, waiters }) => {
                Self::Condition { name: name.as_str(), lock: lock.as_str(), waiters: *waiters }
            }
        }
    }
}

/// A page of things.
#[derive(Serialize)]
pub(super) struct Page<'a> {
    items: Vec<State<'a>>,
    cursor: Option<&'a str>,
}

impl<'a> Page<'a> {
    /// As they are at `now`.
    pub(super) fn of(items: &'a [View], cursor: Option<&'a Name>, now: Time) -> Self {
        let items = items.iter().map(|view| State::among(view, now, true)).collect();
        Self { items, cursor: cursor.map(Name::as_str) }
    }
}

/// A queue's state.
#[derive(Serialize)]
pub(super) struct Queue<'a> {
    #[serde(flatten)]
    configuration: QueueConfiguration<'a>,
    ready: u64,
    delayed: u64,
    leased: u64,
    dead: u64,
    unfinished: u64,
    #[serde(serialize_with = "maybe_seconds")]
    oldest_ready_age: Option<Duration>,
    shut_down: bool,
    paused: bool,
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
    fn of(view: &'a QueueView, now: Time) -> Self {
        let waiters = view.waiters;
        Self {
            configuration: QueueConfiguration::of(&view.name, &view.config),
            ready: view.ready,
            delayed: view.delayed,
            leased: view.leased,
            dead: view.dead,
            unfinished: view.unfinished,
            oldest_ready_age: view.oldest_ready.map(|since| now.since(since)),
            shut_down: view.shut_down,
            paused: view.config.policy.paused,
            waiters: Waiters { put: waiters.put, get: waiters.get, join: waiters.join },
        }
    }
}

/// A lock's state.
#[derive(Serialize)]
pub(super) struct Lock<'a> {
    name: &'a str,
    locked: bool,
    mode: Option<&'static str>,
    /// Of its first holder, like what follows.
    owner: Option<&'a str>,
    fence: Option<u64>,
    #[serde(serialize_with = "maybe_seconds")]
    expires_in: Option<Duration>,
    holders: Vec<Held<'a>>,
    waiters: u64,
    conditions: BTreeMap<&'a str, u64>,
}

impl<'a> Lock<'a> {
    fn of(view: &'a LockView, now: Time) -> Self {
        let first = view.holders.first();
        let mode = |holder: &Holder| match holder.share {
            Share::Whole => "exclusive",
            Share::Permits(_) => "shared",
        };
        let conditions = view.conditions.iter().map(|(name, waiters)| (name.as_str(), *waiters));
        Self {
            name: view.name.as_str(),
            locked: first.is_some(),
            mode: first.map(mode),
            owner: first.and_then(|holder| holder.owner.as_deref()),
            fence: first.map(|holder| holder.lease.fence()),
            expires_in: first.map(|holder| holder.until.since(now)),
            holders: holders(&view.holders, now, false),
            waiters: view.waiters,
            conditions: conditions.collect(),
        }
    }
}

/// A semaphore's state.
#[derive(Serialize)]
pub(super) struct Semaphore<'a> {
    name: &'a str,
    permits: u64,
    bounded: bool,
    available: u64,
    holders: Vec<Held<'a>>,
    waiters: u64,
}

impl<'a> Semaphore<'a> {
    fn of(view: &'a SemaphoreView, now: Time) -> Self {
        Self {
            name: view.name.as_str(),
            permits: view.config.permits,
            bounded: view.config.bounded,
            available: view.available,
            holders: holders(&view.holders, now, true),
            waiters: view.waiters,
        }
    }
}

/// Who had a lock that was taken from them.
#[derive(Serialize)]
pub(super) struct Broken<'a> {
    holders: Vec<Held<'a>>,
}

impl<'a> Broken<'a> {
    /// At `now`.
    pub(super) fn of(holders: &'a [Holder], now: Time) -> Self {
        Self { holders: self::holders(holders, now, false) }
    }
}

/// Who has a lock, or permits.
#[derive(Serialize)]
struct Held<'a> {
    owner: Option<&'a str>,
    fence: u64,
    #[serde(serialize_with = "seconds")]
    expires_in: Duration,
    /// Of a semaphore: how many.
    #[serde(skip_serializing_if = "Option::is_none")]
    permits: Option<u64>,
}

impl<'a> Held<'a> {
    fn of(holder: &'a Holder, now: Time, counted: bool) -> Self {
        let permits = match holder.share {
            Share::Permits(permits) if counted => Some(permits),
            Share::Permits(_) | Share::Whole => None,
        };
        Self {
            owner: holder.owner.as_deref(),
            fence: holder.lease.fence(),
            expires_in: holder.until.since(now),
            permits,
        }
    }
}

fn holders(holders: &[Holder], now: Time, counted: bool) -> Vec<Held<'_>> {
    holders.iter().map(|holder| Held::of(holder, now, counted)).collect()
}

/// A length as seconds, see [`seconds`].
#[derive(Serialize)]
pub(super) struct Seconds(#[serde(serialize_with = "seconds")] pub(super) Duration);

/// Seconds with at most three places, without a fraction where there is none.
fn seconds<S: Serializer>(length: &Duration, to: S) -> Result<S::Ok, S::Error> {
    match length.subsec_millis() {
        0 => to.serialize_u64(length.as_secs()),
        _ => to.serialize_f64(length.as_millis() as f64 / 1_000.0),
    }
}

#[expect(clippy::ref_option)] // as serde calls it
pub(super) fn maybe_seconds<S: Serializer>(
    length: &Option<Duration>,
    to: S,
) -> Result<S::Ok, S::Error> {
    match length {
        Some(length) => seconds(length, to),
        None => to.serialize_none(),
    }
}

/// How many jobs were put as new, and how many more there are.
#[derive(Serialize)]
pub(super) struct Redriven {
    pub(super) moved: u64,
    pub(super) left: u64,
}
