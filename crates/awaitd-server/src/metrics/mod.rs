//! What is counted and measured: a fold over the records, and gauges gathered at scrape.
//!
//! The loop writes once a turn, a scrape copies what there is and renders the copy, so that neither
//! waits for the other. At most `metrics_max_names` names of each kind have series of their own; all
//! others are `_other`.

mod connections;
mod counts;
mod journal;
mod permits;
mod process;
pub(crate) mod sample;
mod seen;
mod spaces;
#[cfg(test)]
mod tests;
mod text;

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use awaitd_journal::{Appended, Free, Usage};
use awaitd_primitives::{
    Answer, Census, Command, Configuration, Entry, Held, JobState, Kind, Name, Outcome, Record,
    Refusal, Reply, Then, Thing, Time, View,
};
use rustc_hash::FxHashMap;
use tokio::sync::{Semaphore, SemaphorePermit};

use crate::config::Config;
use crate::locked;
pub use connections::Connected;
use counts::{Event, Histogram, Names, OfPermits, OfQueue, Sum};
use journal::{Beside, OfJournal};
use spaces::OverQuota;
use text::Page;

/// Everything that `/metrics` shows.
#[derive(Debug)]
pub struct Metrics {
    by_name: Mutex<ByName>,
    /// Requests by route, method and status.
    requests: Mutex<FxHashMap<(&'static str, &'static str, u16), Histogram>>,
    connections: AtomicUsize,
    refused: AtomicU64,
    /// Refusals because of a quota, by prefix.
    over_quota: Mutex<OverQuota>,
    lag_micros: AtomicU64,
    scrapes: Semaphore,
    journal: Mutex<OfJournal>,
    beside: Beside,
    started: SystemTime,
}

/// What the records told.
#[derive(Clone, Debug)]
struct ByName {
    queues: Names<OfQueue>,
    events: Names<Histogram>,
    locks: Names<OfPermits>,
    semaphores: Names<OfPermits>,
    barriers: Names<Histogram>,
}

impl Metrics {
    /// Nothing counted yet, by a process that started then.
    pub fn new(config: &Config, started: SystemTime) -> Self {
        let max = config.metrics_max_names;
        Self {
            by_name: Mutex::new(ByName {
                queues: Names::new(max),
                events: Names::new(max),
                locks: Names::new(max),
                semaphores: Names::new(max),
                barriers: Names::new(max),
            }),
            requests: Mutex::default(),
            over_quota: Mutex::default(),
            scrapes: Semaphore::new(1),
            connections: AtomicUsize::new(0),
            refused: AtomicU64::new(0),
            lag_micros: AtomicU64::new(0),
            journal: Mutex::default(),
            beside: Beside::default(),
            started,
        }
    }

    /// Counts what happened in a turn.
    pub fn fold(&self, entries: &[Entry], replies: &[Reply]) {
        if entries.is_empty() && replies.is_empty() {
            return;
        }
        let mut by_name = locked(&self.by_name);
        // Replies first: a thing that goes in this turn takes their counts along.
        let refused = |reply: &&Reply| matches!(reply.told, Err(Refusal::DiskFull));
        let refused = replies.iter().filter(refused).count() as u64;
        if refused > 0 {
            self.beside.refused.fetch_add(refused, Ordering::Relaxed);
        }
        spaces::refused(&self.over_quota, replies);
        for reply in replies.iter().filter(|reply| !reply.repeat) {
            by_name.told(reply);
        }
        for record in entries.iter().flat_map(|entry| &entry.records) {
            by_name.happened(record);
        }
    }

    /// An append is durable; what the journal takes now, and what it takes to write all that lives.
    pub fn appended(&self, appended: &Appended, usage: Option<Usage>, live_bytes: u64) {
        locked(&self.journal).appended(appended, usage, live_bytes);
    }

    /// The journal was read at the start, in this time.
    pub fn recovered(&self, took: Duration) {
        let micros = u64::try_from(took.as_micros()).unwrap_or(u64::MAX);
        self.beside.recovery.store(micros, Ordering::Relaxed);
    }

    /// The journal is on a disk, which is asked at each scrape what it has free.
    pub fn on_disk(&self, free: Free) {
        // There is one journal, and so one disk.
        _ = self.beside.free.set(free);
    }

    /// The loop is so far behind, at this scrape.
    pub fn behind(&self, lag: Duration) {
        let micros = u64::try_from(lag.as_micros()).unwrap_or(u64::MAX);
        self.lag_micros.store(micros, Ordering::Relaxed);
    }

    /// A turn at being scraped: one at a time, since each holds a copy of all that there is.
    pub async fn scrape_turn(&self) -> SemaphorePermit<'_> {
        self.scrapes.acquire().await.expect("it is never closed")
    }

    /// Counts an HTTP request; `route` is the template. Both texts must come from tables, never from
    /// a client, who could invent series without end.
    pub fn request(&self, route: &'static str, method: &'static str, status: u16, took: Duration) {
        locked(&self.requests).entry((route, method, status)).or_default().observe(took);
    }

    /// The text for Prometheus. With many names it takes some milliseconds.
    pub fn render(&self, census: &Census, now: Time) -> String {
        self.page(census, now).text()
    }

    fn page(&self, census: &Census, now: Time) -> Page {
        let by_name = self.by_name(census);
        let mut page = Page::default();
        page.queues(&by_name.queues, census, now);
        page.events(&by_name.events, census);
        page.locks(&by_name.locks);
        page.semaphores(&by_name.semaphores, census);
        page.barriers(&by_name.barriers);
        page.waiters(&by_name, census);
        let requests = locked(&self.requests).clone();
        page.requests(&requests);
        page.connections(
            self.connections.load(Ordering::Relaxed),
            self.refused.load(Ordering::Relaxed),
        );
        page.spaces(&census.spaces, &locked(&self.over_quota));
        page.lag(Duration::from_micros(self.lag_micros.load(Ordering::Relaxed)));
        let journal = locked(&self.journal).clone();
        page.journal(&journal, &self.beside);
        page.process(self.started);
        page
    }

    /// A copy of what the records told, after everything in the census was given its own series as
    /// far as there is room.
    fn by_name(&self, census: &Census) -> ByName {
        let copy = locked(&self.by_name).clone();
        let queues = census.queues.iter().map(|(view, configured)| (&view.name, *configured));
        let events = census.events.iter().map(|(event, _)| (event, false));
        // A lock is never configured, the others always are.
        let others = |kind: Kind| {
            let views = census.others.iter().filter(move |view| kind_of(view) == Some(kind));
            views.map(move |view| (view.name(), kind != Kind::Lock))
        };
        let queues = copy.queues.wanting(queues);
        let events = copy.events.wanting(events);
        let locks = copy.locks.wanting(others(Kind::Lock));
        let semaphores = copy.semaphores.wanting(others(Kind::Semaphore));
        let barriers = copy.barriers.wanting(others(Kind::Barrier));
        let all = [&queues, &events, &locks, &semaphores, &barriers];
        if all.iter().all(|wanting| wanting.is_empty()) {
            return copy;
        }
        let mut by_name = locked(&self.by_name);
        admit(&mut by_name.queues, queues);
        admit(&mut by_name.events, events);
        admit(&mut by_name.locks, locks);
        admit(&mut by_name.semaphores, semaphores);
        admit(&mut by_name.barriers, barriers);
        by_name.clone()
    }
}

impl ByName {
    /// Waits that ended as was hoped; those that did not have to wait took no time.
    fn told(&mut self, reply: &Reply) {
        let Ok(answer) = &reply.told else { return };
        let waits = match answer {
            Answer::Placed { queue, .. } => &mut self.queues.of(queue).put_blocked,
            Answer::Got(got) => &mut self.queues.of(&got.queue).get_blocked,
            // Many, of one queue: the wait was one.
            Answer::GotMany(all) => match all.first() {
                Some(got) => &mut self.queues.of(&got.queue).get_blocked,
                None => return,
            },
            Answer::Acquired(grant) => match self.permits(&grant.thing) {
                Some(counts) => &mut counts.wait,
                None => return,
            },
            Answer::Tripped { .. } => {
                let Command::WaitBarrier { barrier } = &reply.command else {
                    return;
                };
                self.barriers.of(barrier)
            }
            Answer::Happened { .. } => {
                let Command::WaitEvent { event, .. } = &reply.command else {
                    return;
                };
                self.events.of(event)
            }
            Answer::Configured { .. }
            | Answer::State(_)
            | Answer::List { .. }
            | Answer::Deleted
            | Answer::Fired
            | Answer::Present { .. }
            | Answer::Job(_)
            | Answer::Jobs { .. }
            | Answer::Result(_)
            | Answer::Paused
            | Answer::Purged { .. }
            | Answer::Redriven { .. }
            | Answer::Joined { .. }
            | Answer::ShutDown
            | Answer::Set { .. }
            | Answer::Cleared
            | Answer::Broken(_)
            // Most of it is the wait for the notification.
            | Answer::Woken { .. }
            | Answer::Notified { .. }
            | Answer::Settled
            | Answer::Extended(_)
            | Answer::Held(_)
            | Answer::Withdrawn(_) => return,
        };
        waits.observe(reply.waited);
    }

    /// One fact.
    fn happened(&mut self, record: &Record) {
        match record {
            Record::Configured { queue, .. } => self.queues.configured(queue),
            Record::Prepared(configuration) => match configuration {
                Configuration::Queue(name, _) => self.queues.configured(name),
                Configuration::Semaphore(name, _) => self.semaphores.configured(name),
                Configuration::Barrier(name, _) => self.barriers.configured(name),
                // What it puts is counted where that goes.
                Configuration::Schedule(..) => {}
            },
            Record::Placed { queue, .. } => self.queues.of(queue).count(Event::Put, 1),
            Record::Leased { held: Held::Job { queue, .. }, waited, .. } => {
                let queue = self.queues.of(queue);
                queue.count(Event::Got, 1);
                queue.job_wait.observe(*waited);
            }
            Record::Settled { held, outcome, then, lasted, .. } => {
                self.settled(held, *outcome, then, *lasted);
            }
            Record::Emptied { queue, dropped } | Record::Purged { queue, dropped, .. } => {
                // A result is no job: that was counted when it was done.
                let results = matches!(record, Record::Purged { state: JobState::Done, .. });
                self.queues.of(queue).count(Event::Dropped, if results { 0 } else { *dropped });
            }
            Record::Dropped { queue, .. } => self.queues.of(queue).count(Event::Dropped, 1),
            Record::Died { queue, .. } => self.queues.of(queue).count(Event::Dead, 1),
            Record::Moved { from, to, dead_letter, .. } => {
                let event = if *dead_letter { Event::DeadLettered } else { Event::Redriven };
                self.queues.of(from).count(event, 1);
                self.queues.of(to).count(Event::Put, 1);
            }
            Record::Cancelled { queue, .. } => self.queues.of(queue).count(Event::Cancelled, 1),
            Record::Deleted { thing, dropped, .. } => {
                if let Thing::Queue(queue) = thing {
                    self.queues.of(queue).count(Event::Dropped, *dropped);
                }
                self.freed(thing);
            }
            Record::Forgotten { thing } => self.freed(thing),
            Record::Leased { held: Held::Lock { .. } | Held::Part { .. }, .. }
            | Record::Made { .. }
            | Record::Extended { .. }
            | Record::ShutDown { .. }
            | Record::Drained { .. }
            | Record::Set { .. }
            | Record::Cleared { .. }
            | Record::Remembered { .. }
            | Record::Unremembered { .. }
            | Record::Reserved { .. }
            | Record::Tied { .. }
            | Record::Graced { .. }
            | Record::Copied(_)
            | Record::Checkpoint(_)
            | Record::Ranked { .. }
            | Record::Tripped { .. }
            | Record::Reset { .. }
            | Record::Aborted { .. }
            | Record::Traits { .. }
            | Record::Paused { .. }
            | Record::Resulted { .. }
            | Record::Progressed { .. }
            | Record::Fired { .. } => {}
        }
    }

    /// A lease ended.
    fn settled(&mut self, held: &Held, outcome: Outcome, then: &Then, lasted: Duration) {
        let Held::Job { queue, .. } = held else {
            // Nobody held what was never delivered.
            if outcome != Outcome::Undelivered
                && let Some(counts) = self.permits(&held.thing())
            {
                counts.held.observe(lasted);
                counts.expired += u64::from(outcome == Outcome::Expired);
            }
            return;
        };
        let end = match outcome {
            Outcome::Done => Event::Done,
            Outcome::Returned => Event::Returned,
            Outcome::Undelivered => Event::Undelivered,
            Outcome::Expired => Event::Expired,
            Outcome::Broken => return self.queues.of(queue).count(Event::Cancelled, 1),
        };
        let queue = self.queues.of(queue);
        queue.count(end, 1);
        queue.job_held[end as usize - counts::ENDS.start].observe(lasted);
        match then {
            Then::Dropped => queue.count(Event::Dropped, 1),
            Then::Dead { .. } => queue.count(Event::Dead, 1),
            Then::Finished | Then::Back { .. } => {}
        }
    }

    /// Where to count for what somebody acquires.
    fn permits(&mut self, thing: &Thing) -> Option<&mut OfPermits> {
        match thing {
            Thing::Lock(name) => Some(self.locks.of(name)),
            Thing::Semaphore(name) => Some(self.semaphores.of(name)),
            Thing::Queue(_) | Thing::Event(_) | Thing::Barrier(_) | Thing::Schedule(_) => None,
        }
    }

    /// A thing is gone.
    fn freed(&mut self, thing: &Thing) {
        match thing {
            Thing::Queue(name) => self.queues.freed(name),
            Thing::Event(name) => self.events.freed(name),
            Thing::Lock(name) => self.locks.freed(name),
            Thing::Semaphore(name) => self.semaphores.freed(name),
            Thing::Barrier(name) => self.barriers.freed(name),
            Thing::Schedule(_) => {}
        }
    }
}

/// The kind of thing that a state is of; a condition is none.
fn kind_of(view: &View) -> Option<Kind> {
    match view {
        View::Queue(_) => Some(Kind::Queue),
        View::Event(_) => Some(Kind::Event),
        View::Lock(_) => Some(Kind::Lock),
        View::Semaphore(_) => Some(Kind::Semaphore),
        View::Barrier(_) => Some(Kind::Barrier),
        View::Schedule(_) => Some(Kind::Schedule),
        View::Condition(_) => None,
    }
}

/// Gives names their own, as far as there is room.
fn admit<S: Sum>(names: &mut Names<S>, wanting: Vec<(&Name, bool)>) {
    for (name, configured) in wanting {
        if configured {
            names.configured(name);
        } else {
            names.of(name);
        }
    }
}
