//! What survives: the state, and the one way to change it.

mod apply;
pub(crate) mod barrier;
mod checkpoint;
mod course;
pub(crate) mod ending;
pub(crate) mod event;
pub(crate) mod get;
pub(crate) mod groups;
pub(crate) mod job;
pub(crate) mod jobs;
pub(crate) mod lease;
pub(crate) mod look;
pub(crate) mod permits;
pub(crate) mod put;
pub(crate) mod queue;
pub(crate) mod ranks;
pub(crate) mod redrive;
pub(crate) mod remembered;
mod restore;
pub(crate) mod results;
pub(crate) mod schedule;
pub(crate) mod settled;
pub(crate) mod tend;
pub(crate) mod usage;

use std::collections::BTreeSet;

// Names come from users: with a seed that is another at each start, those that fall together cannot be chosen
// beforehand. They are looked up nine times for each job.
use foldhash::HashMap;
use rustc_hash::FxHashMap;

use crate::limits::{Limits, Room};
use crate::messages::answer::Refusal;
use crate::messages::checkpoint::{Gate, Tie};
use crate::messages::command::JobId;
use crate::messages::configuration::Configuration;
use crate::messages::job::Trait;
use crate::messages::name::{Kind, Name, Thing};
use crate::messages::record::Entry;
use crate::messages::time::Time;
use crate::messages::view::View;
use crate::state::barrier::Barrier;
use crate::state::event::Event;
use crate::state::job::Load;
use crate::state::jobs::Jobs;
use crate::state::lease::Leases;
use crate::state::permits::Permits;
use crate::state::queue::Queue;
use crate::state::remembered::Remembered;
use crate::state::schedule::Schedule;
use crate::state::usage::Usage;

/// What survives. Nothing changes it but [`State::apply`], by facts, and [`State::advance`], by
/// what follows from time alone; so the same entries give the same state, live and in a replay.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {
    /// All that there is, in order, for lists.
    things: BTreeSet<Thing>,
    pub(crate) queues: HashMap<Name, Queue>,
    pub(crate) events: HashMap<Name, Event>,
    pub(crate) locks: HashMap<Name, Permits>,
    pub(crate) semaphores: HashMap<Name, Permits>,
    pub(crate) barriers: HashMap<Name, Barrier>,
    pub(crate) schedules: HashMap<Name, Schedule>,
    pub(crate) leases: Leases,
    pub(crate) remembered: Remembered,
    pub(crate) last_job: u64,
    /// Of sets and drains alike.
    pub(crate) last_generation: u64,
    /// When time has something to do in each queue.
    due: BTreeSet<(Time, Name)>,
    /// When the first job of each queue has waited for as long as it may.
    ends: BTreeSet<(Time, Name)>,
    /// The traits of the job that an entry tells of next.
    told: Option<(JobId, Vec<Trait>)>,
    strays: Strays,
    /// The newest moment of which the time of day is known.
    tied: Option<Tie>,
    sums: Sums,
    usage: Usage,
    trash: Trash,
}

/// Sums over what is there. They follow from the rest and are left out when states are compared,
/// since where a body is makes no difference.
#[derive(Clone, Debug, Default)]
struct Sums {
    /// Of the jobs of all queues.
    jobs: Load,
    /// Bytes of the values of all events and of their types, and of what schedules are told.
    values: u64,
    /// Bytes of the names of all things.
    names: u64,
}

impl PartialEq for Sums {
    fn eq(&self, other: &Self) -> bool {
        let told = |sums: &Self| (sums.jobs.jobs, sums.jobs.bytes, sums.values, sums.names);
        told(self) == told(other)
    }
}

/// Where those jobs are that are not in the queue into which they were put: an old part of the journal
/// names them as they were then. It follows from the rest.
#[derive(Clone, Debug, Default)]
struct Strays(FxHashMap<JobId, Name>);

impl PartialEq for Strays {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

/// Large tables of things that went. They are taken out whole and dropped where that holds nobody
/// up; to the state they are gone.
#[derive(Clone, Debug, Default)]
pub struct Trash(Vec<Jobs>);

impl Trash {
    /// Nothing worth a detour.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl PartialEq for Trash {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl State {
    /// An empty state.
    pub fn new() -> Self {
        Self::default()
    }

    /// The state that a history gives.
    pub fn replay(entries: impl IntoIterator<Item = Entry>) -> Self {
        let mut state = Self::new();
        for entry in entries {
            state.follow(&entry);
        }
        state
    }

    /// One entry more of a history: time goes on to its moment, and then it holds.
    pub fn follow(&mut self, entry: &Entry) {
        self.advance(entry.at);
        self.apply(entry);
        drop(self.take_trash());
    }

    /// What follows from time alone: delayed jobs become ready, keys and results are forgotten.
    pub fn advance(&mut self, now: Time) {
        self.ripen(now, usize::MAX);
        self.remembered.forget(now, usize::MAX);
    }

    /// Makes delayed jobs ready that are due, and forgets results, at most `most` of them; no queue's many
    /// keep those of another from it. Says how many there were, and of which queues.
    pub(crate) fn ripen(&mut self, now: Time, most: usize) -> (usize, Vec<Name>) {
        let (mut moved, mut queues) = (0, Vec::new());
        while moved < most {
            let due = self.due.iter().take_while(|(due, _)| *due <= now).take(most - moved);
            let due: Vec<Name> = due.map(|(_, name)| name.clone()).collect();
            if due.is_empty() {
                break;
            }
            let share = (most - moved) / due.len();
            moved += due.iter().map(|name| self.ripen_in(name, now, share)).sum::<usize>();
            queues.extend(due);
        }
        (moved, queues)
    }

    /// Likewise, of one queue. Says how many there were.
    pub(crate) fn ripen_in(&mut self, queue: &Name, now: Time, most: usize) -> usize {
        let ripe = self.with_queue(queue, |queue| queue.jobs.ripen(now, most));
        self.index(queue);
        ripe.unwrap_or(0)
    }

    /// When the next delayed job is due, or was.
    pub(crate) fn next_due(&self) -> Option<Time> {
        self.due.first().map(|(due, _)| *due)
    }

    /// The next job that has waited for as long as it may, if there is one by then.
    pub(crate) fn next_end_of_wait(&self) -> Option<(Time, &Name, JobId)> {
        let (end, name) = self.ends.first()?;
        let (_, job) = self.queues.get(name)?.jobs.next_end()?;
        Some((*end, name, job))
    }

    /// Whether a job of this queue died and is in its dead letter queue.
    pub(crate) fn is_dead_letter(&self, from: &Name, job: JobId) -> bool {
        let to = self.queues.get(from).and_then(|known| known.config.policy.dead_letter.as_ref());
        to.and_then(|to| self.queues.get(to)).is_some_and(|it| it.jobs.find(job).is_some())
    }

    /// About how many bytes of memory all jobs take, and the values of events.
    pub(crate) fn memory(&self) -> u64 {
        self.sums.jobs.memory() + self.sums.values
    }

    /// Whether there is memory for so much more of what is no job of its own; for nothing there always is.
    pub(crate) fn may_grow(&self, limits: &Limits, more: u64) -> Result<(), Refusal> {
        let fits = more == 0 || self.memory().saturating_add(more) <= limits.memory_max;
        if fits { Ok(()) } else { Err(Refusal::MemoryFull) }
    }

    /// Takes what is to be dropped elsewhere.
    pub(crate) fn take_trash(&mut self) -> Trash {
        std::mem::take(&mut self.trash)
    }

    pub(crate) fn is_full(&self, limits: &Limits) -> bool {
        self.things.len() >= limits.names_max
    }

    /// Whether a thing may spring into being by its use.
    pub(crate) fn may_make(&self, limits: &Limits) -> Result<(), Refusal> {
        if !limits.auto_create {
            return Err(Refusal::NotFound);
        }
        if self.is_full(limits) {
            return Err(Refusal::TooManyNames);
        }
        if limits.room == Room::Enough { Ok(()) } else { Err(Refusal::DiskFull) }
    }

    pub(crate) fn has(&self, thing: &Thing) -> bool {
        match thing {
            Thing::Queue(name) => self.queues.contains_key(name),
            Thing::Event(name) => self.events.contains_key(name),
            Thing::Lock(_) | Thing::Semaphore(_) => self.permits(thing).is_some(),
            Thing::Barrier(name) => self.barriers.contains_key(name),
            Thing::Schedule(name) => self.schedules.contains_key(name),
        }
    }

    /// A lock or a semaphore.
    pub(crate) fn permits(&self, thing: &Thing) -> Option<&Permits> {
        match thing {
            Thing::Lock(name) => self.locks.get(name),
            Thing::Semaphore(name) => self.semaphores.get(name),
            Thing::Queue(_) | Thing::Event(_) | Thing::Barrier(_) | Thing::Schedule(_) => None,
        }
    }

    /// The things of a kind in the order of their names, from a name on.
    pub(crate) fn things<'a>(
        &'a self,
        kind: Kind,
        prefix: &'a str,
        cursor: Option<&'a str>,
    ) -> impl Iterator<Item = &'a Thing> {
        let from = cursor.map_or(prefix, |cursor| prefix.max(cursor));
        let first = from.parse().unwrap_or_else(|_| Name::least());
        let all = self.things.range(Thing::new(kind, first)..);
        all.take_while(move |thing| thing.kind() == kind)
            .filter(move |thing| cursor.is_none_or(|cursor| thing.name().as_str() > cursor))
            .take_while(move |thing| thing.name().as_str().starts_with(prefix))
    }

    /// A thing's state, as far as it is known here: who waits, the engine knows.
    pub(crate) fn view(&self, thing: &Thing) -> Option<View> {
        Some(match thing {
            Thing::Queue(name) => View::Queue(queue::view(self, name)?),
            Thing::Event(name) => View::Event(event::view(self, name)?),
            Thing::Lock(name) => View::Lock(permits::lock_view(self, name)?),
            Thing::Semaphore(name) => View::Semaphore(permits::semaphore_view(self, name)?),
            Thing::Barrier(name) => View::Barrier(barrier::view(self, name)?),
            Thing::Schedule(name) => View::Schedule(schedule::view(self, name)?),
        })
    }

    /// What a thing is.
    pub(crate) fn configuration(&self, thing: &Thing) -> Option<Configuration> {
        match thing {
            Thing::Queue(name) => {
                let config = self.queues.get(name)?.config.clone();
                Some(Configuration::Queue(name.clone(), config))
            }
            Thing::Semaphore(name) => {
                Some(Configuration::Semaphore(name.clone(), self.semaphores.get(name)?.config?))
            }
            Thing::Barrier(name) => {
                Some(Configuration::Barrier(name.clone(), self.barriers.get(name)?.parties))
            }
            Thing::Schedule(name) => {
                let config = self.schedules.get(name)?.config.clone();
                Some(Configuration::Schedule(name.clone(), config))
            }
            Thing::Event(_) | Thing::Lock(_) => None,
        }
    }

    /// Generation of the last moment when no job of a queue was unfinished any more.
    pub(crate) fn drained(&self, queue: &Name) -> u64 {
        self.queues.get(queue).map_or(0, |known| known.drained)
    }

    /// Generation of the last set of an event.
    pub(crate) fn generation(&self, event: &Name) -> u64 {
        self.events.get(event).map_or(0, Event::generation)
    }

    /// Since when a thing that nobody configured is at rest; `None` if it is not.
    pub(crate) fn resting_since(&self, thing: &Thing) -> Option<Time> {
        match thing {
            Thing::Queue(name) => {
                let queue = self.queues.get(name)?;
                let rests = !queue.configured && queue.gate == Gate::Open && queue.is_bare();
                rests.then_some(queue.touched)
            }
            Thing::Event(name) => {
                let event = self.events.get(name)?;
                (!event.set).then_some(event.touched)
            }
            Thing::Lock(name) => {
                let lock = self.locks.get(name)?;
                lock.holders.is_empty().then_some(lock.touched)
            }
            // Somebody configured it.
            Thing::Semaphore(_) | Thing::Barrier(_) | Thing::Schedule(_) => None,
        }
    }

    /// Everything that may be forgotten one day.
    pub(crate) fn unconfigured(&self) -> impl Iterator<Item = Thing> + '_ {
        let queues = self.queues.iter().filter(|(_, queue)| !queue.configured);
        let queues = queues.map(|(name, _)| Thing::Queue(name.clone()));
        let events = self.events.keys().map(|name| Thing::Event(name.clone()));
        queues.chain(events).chain(self.locks.keys().map(|name| Thing::Lock(name.clone())))
    }
}
