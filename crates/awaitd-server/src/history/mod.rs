//! What there is, looked at once a second for all who watch, and what became of it. A look costs as
//! much as it shows, however many queues there are; nobody who watches costs the loop anything.

mod past;
mod sample;
mod waits;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex};

use awaitd_primitives::{Glance, Name, Time};
use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};

use crate::clock::Clock;
use crate::desk::BackOffice;
use crate::locked;
use crate::metrics::Metrics;
use crate::shares::{Share, Shares};
use past::{MINUTE, Past};
use sample::Row;

pub(crate) use sample::{Filter, Sample};

/// Queues that are looked at, besides those that somebody watches alone.
const QUEUES_MAX: usize = 200;

/// Who may watch at one time.
const WATCHERS_MAX: usize = 100;

/// And how many of them with one token: none takes all places.
const WATCHERS_OF_TOKEN_MAX: usize = 50;

/// What became of queues, and a way to hear what becomes of them.
#[derive(Clone)]
pub struct History(Arc<Shared>);

struct Shared {
    clock: Clock,
    latest: watch::Receiver<Option<Arc<Sample>>>,
    pasts: Mutex<Pasts>,
    /// Queues that are watched alone, and by how many.
    alone: Mutex<BTreeMap<Name, usize>>,
    places: Arc<Semaphore>,
    shares: Shares<String>,
}

/// The past of each queue that was looked at.
struct Pasts {
    by_name: HashMap<Name, Past>,
    /// When that was.
    at: u64,
}

/// Who looks.
pub(crate) struct Sampler {
    history: History,
    latest: watch::Sender<Option<Arc<Sample>>>,
    metrics: Arc<Metrics>,
    office: BackOffice,
}

/// Over which time somebody looks back.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Span {
    /// By the second.
    Hour,
    /// By the minute.
    Day,
}

/// One who watches. Samples that he does not take in time are not kept for him.
pub(crate) struct Watcher {
    history: History,
    latest: watch::Receiver<Option<Arc<Sample>>>,
    filter: Filter,
    _place: OwnedSemaphorePermit,
    _share: Option<Share<String>>,
}

impl History {
    /// One that nobody has begun, and who will.
    pub(crate) fn new(clock: Clock, metrics: Arc<Metrics>, office: BackOffice) -> (Self, Sampler) {
        let (sender, latest) = watch::channel(None);
        let pasts = Pasts { by_name: HashMap::new(), at: second_of(clock.now()) };
        let history = Self(Arc::new(Shared {
            clock,
            latest,
            pasts: Mutex::new(pasts),
            alone: Mutex::default(),
            places: Arc::new(Semaphore::new(WATCHERS_MAX)),
            shares: Shares::new(WATCHERS_OF_TOKEN_MAX),
        }));
        (history.clone(), Sampler { history, latest: sender, metrics, office })
    }

    /// Watches what the filter lets through, beginning with the latest that is known. `None` if as many
    /// watch as may, or with this token.
    pub(crate) fn watch(&self, filter: Filter, token: Option<&str>) -> Option<Watcher> {
        let share = match token {
            Some(name) => Some(self.0.shares.take(name.to_owned())?),
            None => None,
        };
        let place = Arc::clone(&self.0.places).try_acquire_owned().ok()?;
        if let Some(queue) = &filter.queue {
            *locked(&self.0.alone).entry(queue.clone()).or_default() += 1;
        }
        let mut latest = self.0.latest.clone();
        latest.mark_changed();
        Some(Watcher { history: self.clone(), latest, filter, _place: place, _share: share })
    }

    /// What became of a queue, as an event; nothing is in it if the queue was not looked at.
    pub(crate) fn past(&self, queue: &Name, span: Span) -> Bytes {
        let pasts = locked(&self.0.pasts);
        let past = pasts.by_name.get(queue);
        let (ring, step, end) = match span {
            Span::Hour => (past.map(|past| &past.seconds), 1, pasts.at),
            Span::Day => (past.map(|past| &past.minutes), MINUTE, pasts.at / MINUTE * MINUTE),
        };
        let end = self.0.clock.rfc3339(Time::from_micros(end * 1_000_000));
        sample::past(ring, step, &end)
    }

    /// Takes in what was seen at a second.
    fn take(&self, now: Time, glance: &Glance, metrics: &Metrics) -> Sample {
        let counted = metrics.counted(&glance.queues);
        let second = second_of(now);
        let mut pasts = locked(&self.0.pasts);
        let rows = glance.queues.iter().zip(counted).map(|((view, _), counted)| {
            let past = pasts.by_name.entry(view.name.clone());
            let past = past.or_insert_with(|| Past::new(second));
            let waits = past.take(second, view, counted.clone());
            Row::new(view, counted.as_ref(), waits, now)
        });
        let rows = rows.collect();
        let seen: HashSet<&Name> = glance.queues.iter().map(|(view, _)| &view.name).collect();
        pasts.by_name.retain(|name, _| seen.contains(name));
        pasts.at = second;
        drop(pasts);
        Sample::new(self.0.clock.rfc3339(now), rows, QUEUES_MAX, glance.there)
    }
}

impl Sampler {
    /// Looks once a second, as long as the loop is there.
    pub(crate) async fn run(self) {
        let Self { history, latest, metrics, office } = self;
        let clock = history.0.clock.clone();
        loop {
            let next = second_of(clock.now()) + 1;
            clock.sleep_until(Time::from_micros(next * 1_000_000)).await;
            let names = history.0.names(&metrics);
            let Some(desk) = office.desk() else { return };
            let Some(glance) = desk.glance(names, QUEUES_MAX).await else { return };
            drop(desk);
            let sample = history.take(clock.now(), &glance, &metrics);
            latest.send_replace(Some(Arc::new(sample)));
        }
    }
}

impl Watcher {
    /// The next sample as an event; `None` when there will be none.
    pub(crate) async fn next(&mut self) -> Option<Bytes> {
        loop {
            self.latest.changed().await.ok()?;
            let sample = self.latest.borrow_and_update().clone();
            if let Some(sample) = sample {
                return Some(sample.event(&self.filter));
            }
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        if let Some(queue) = &self.filter.queue {
            let mut alone = locked(&self.history.0.alone);
            if let Some(watchers) = alone.get_mut(queue) {
                *watchers -= 1;
                if *watchers == 0 {
                    alone.remove(queue);
                }
            }
        }
    }
}

impl Shared {
    /// Queues to look at.
    fn names(&self, metrics: &Metrics) -> Vec<Name> {
        let mut names = metrics.own_queues(QUEUES_MAX);
        let own: HashSet<Name> = names.iter().cloned().collect();
        let alone = locked(&self.alone);
        names.extend(alone.keys().filter(|name| !own.contains(*name)).cloned());
        names
    }
}

fn second_of(time: Time) -> u64 {
    time.micros() / 1_000_000
}
