//! The one mutation by facts. Total: it looks at no clock, decides nothing and cannot fail.
//!
//! A history may begin late, after a checkpoint: then it tells of things that it has not told of yet,
//! because they come whole, later, or have gone since. Such records are skipped, but for the numbers
//! in them. Only a job is never skipped: a queue that it is put into is there.

use std::collections::BTreeSet;

use crate::messages::checkpoint::{Checkpoint, Gate, Tie};
use crate::messages::command::LeaseId;
use crate::messages::configuration::{Configuration, QueueConfig};
use crate::messages::job::Trait;
use crate::messages::name::{Name, Thing};
use crate::messages::record::{Entry, Held, Outcome, Record, Then};
use crate::messages::time::Time;
use crate::state::State;
use crate::state::barrier::Barrier;
use crate::state::event::Event;
use crate::state::job::{Load, Place};
use crate::state::lease::Lease;
use crate::state::permits::Permits;
use crate::state::queue::Queue;
use crate::state::remembered::KeyOf;
use crate::state::settled::Fate;

impl State {
    /// Folds the records of an entry into the state.
    pub fn apply(&mut self, entry: &Entry) {
        for record in &entry.records {
            self.fold(entry.at, record);
        }
    }

    fn fold(&mut self, at: Time, record: &Record) {
        match record {
            Record::Configured { queue, config } => self.configure(at, queue, config),
            Record::Made { thing } => self.make(thing, at),
            Record::Deleted { thing, leases, .. } => {
                self.remove(thing);
                for lease in leases {
                    self.leases.remove(*lease, Fate::Deleted);
                }
            }
            Record::Forgotten { thing } => self.remove(thing),
            Record::Placed { queue, job, ready_at, payload } => {
                self.place(at, queue, *job, *ready_at, payload);
            }
            Record::Leased { lease, held, length, until, waited, ready_at: _ } => {
                let (held, length, until, waited) = (held.clone(), *length, *until, *waited);
                let known = Lease { held, length, until, granted: at, waited, graced: false };
                self.lease(*lease, known);
            }
            Record::Extended { lease, until } => self.leases.extend(*lease, *until, false),
            Record::Graced { lease, until } => self.leases.extend(*lease, *until, true),
            Record::Settled { lease, held, outcome, then, .. } => {
                self.settle(at, *lease, held, *outcome, then);
            }
            Record::ShutDown { queue, immediate } => {
                let gate = if *immediate { Gate::ShutDownAtOnce } else { Gate::ShutDown };
                self.with_queue(queue, |queue| queue.gate = gate);
            }
            Record::Emptied { queue, .. } => self.empty(queue),
            Record::Drained { queue, generation } => self.drained_at(at, queue, *generation),
            Record::Set { event, generation, value } => {
                self.last_generation = self.last_generation.max(*generation);
                let last = Some((*generation, value.clone()));
                self.put_event(event, Event { set: true, last, touched: at });
            }
            Record::Cleared { event } => self.clear(at, event),
            Record::Remembered { thing, key, fingerprint, what, until } => {
                let key = KeyOf { thing: thing.clone(), text: key.clone() };
                self.remembered.insert(key, *fingerprint, what.clone(), *until);
            }
            Record::Unremembered { thing, key } => {
                let key = KeyOf { thing: thing.clone(), text: key.clone() };
                self.remembered.remove(&key);
            }
            Record::Reserved { from, upto } => self.leases.reserve(*from, *upto),
            Record::Tied { wall, doubted } => {
                self.tie(Tie { time: at, wall: *wall, doubted: *doubted });
            }
            Record::Copied(copied) => self.restore(at, copied),
            Record::Checkpoint(checkpoint) => self.checkpoint(checkpoint),
            Record::Ranked { queue, job, rank } => {
                self.queue_or_new(queue, at);
                self.with_queue(queue, |queue| queue.jobs.rank(*job, rank.clone()));
            }
            Record::Cancelled { queue, job } => {
                self.drop_job(queue, *job);
            }
            Record::Prepared(configuration) => self.prepare(at, configuration),
            Record::Tripped { barrier, generation } => {
                self.last_generation = self.last_generation.max(*generation);
                self.with_barrier(barrier, |barrier| barrier.generation = *generation);
            }
            Record::Reset { barrier } => {
                self.with_barrier(barrier, |barrier| barrier.broken = false);
            }
            Record::Aborted { barrier } => {
                self.with_barrier(barrier, |barrier| barrier.broken = true);
            }
            Record::Traits { queue: _, job, traits } => self.told = Some((*job, traits.clone())),
            Record::Died { queue, job, cause } => self.bury(at, queue, *job, *cause),
            Record::Dropped { queue, job, cause: _ } => self.drop_job(queue, *job),
            Record::Moved { from, job, to, ready_at, ends, dead_letter: _ } => {
                let place = Place { ready_at: *ready_at, job: *job };
                self.move_job(at, from, to, place, *ends);
            }
            Record::Paused { queue, paused } => {
                self.with_queue(queue, |queue| queue.pause(*paused));
            }
            Record::Purged { queue, state, .. } => {
                let gone = self.with_queue(queue, |queue| queue.jobs.purge(*state));
                self.trash.0.extend(gone);
                self.index(queue);
            }
            Record::Resulted { queue, job, result, until } => {
                self.keep_result(queue, *job, result, *until);
            }
            Record::Progressed { queue, job, progress } => {
                let progress = Trait::Progress(Box::new(progress.clone()));
                self.with_queue(queue, |queue| queue.jobs.progress(*job, progress));
            }
            Record::Fired { schedule, due, skipped } => self.fired(schedule, *due, *skipped),
        }
    }

    fn configure(&mut self, at: Time, queue: &Name, config: &QueueConfig) {
        self.queue_or_new(queue, at);
        self.with_queue(queue, |known| {
            known.configure(config.clone());
            known.change_pace(at);
            known.configured = true;
        });
    }

    fn prepare(&mut self, at: Time, configuration: &Configuration) {
        let thing = configuration.thing();
        match configuration {
            Configuration::Queue(queue, config) => self.configure(at, queue, config),
            Configuration::Schedule(name, config) => self.put_schedule(name, config.clone()),
            Configuration::Semaphore(name, config) => {
                self.note(&thing);
                let known = self.semaphores.entry(name.clone());
                known.or_insert_with(|| Permits::new(at, None)).config = Some(*config);
            }
            Configuration::Barrier(name, parties) => {
                self.note(&thing);
                let known = self.barriers.entry(name.clone());
                known.or_insert_with(|| Barrier::new(*parties)).parties = *parties;
            }
        }
    }

    /// Notes that there is this thing.
    pub(super) fn note(&mut self, thing: &Thing) {
        if self.things.insert(thing.clone()) {
            self.sums.names += thing.name().as_str().len() as u64;
        }
    }

    fn with_barrier(&mut self, barrier: &Name, change: impl FnOnce(&mut Barrier)) {
        if let Some(known) = self.barriers.get_mut(barrier) {
            change(known);
        }
    }

    fn permits_mut(&mut self, thing: &Thing) -> Option<&mut Permits> {
        match thing {
            Thing::Lock(name) => self.locks.get_mut(name),
            Thing::Semaphore(name) => self.semaphores.get_mut(name),
            Thing::Queue(_) | Thing::Event(_) | Thing::Barrier(_) | Thing::Schedule(_) => None,
        }
    }

    fn empty(&mut self, queue: &Name) {
        let waiting = self.with_queue(queue, |queue| queue.jobs.take_waiting(&queue.config.policy));
        self.trash.0.extend(waiting);
        self.index(queue);
    }

    fn drained_at(&mut self, at: Time, queue: &Name, generation: u64) {
        self.last_generation = self.last_generation.max(generation);
        self.with_queue(queue, |known| {
            known.drained = generation;
            known.touched = at;
        });
    }

    fn clear(&mut self, at: Time, event: &Name) {
        if let Some(known) = self.events.get_mut(event) {
            known.set = false;
            known.touched = at;
        }
    }

    /// Changes a queue, if it is there, and the sums with it.
    pub(super) fn with_queue<R>(
        &mut self,
        name: &Name,
        change: impl FnOnce(&mut Queue) -> R,
    ) -> Option<R> {
        let queue = self.queues.get_mut(name)?;
        let before = queue.load(name);
        let result = change(queue);
        let after = queue.load(name);
        self.sums.jobs.sub(before);
        self.sums.jobs.add(after);
        self.usage.changed(name, before, after);
        Some(result)
    }

    pub(super) fn queue_or_new(&mut self, name: &Name, at: Time) -> &mut Queue {
        if !self.queues.contains_key(name) {
            self.note(&Thing::Queue(name.clone()));
        }
        self.queues.entry(name.clone()).or_insert_with(|| Queue::new(at))
    }

    pub(super) fn put_event(&mut self, name: &Name, event: Event) {
        self.sums.values += event.bytes();
        match self.events.insert(name.clone(), event) {
            Some(before) => self.sums.values -= before.bytes(),
            None => self.note(&Thing::Event(name.clone())),
        }
    }

    fn make(&mut self, thing: &Thing, at: Time) {
        match thing {
            Thing::Queue(name) => {
                self.queue_or_new(name, at);
            }
            Thing::Event(name) => self.put_event(name, Event::new(at)),
            Thing::Lock(_) | Thing::Semaphore(_) => self.put_permits(thing, Permits::new(at, None)),
            // Nobody makes these without saying what they shall be.
            Thing::Barrier(_) | Thing::Schedule(_) => {}
        }
    }

    pub(super) fn put_permits(&mut self, thing: &Thing, permits: Permits) {
        let (Thing::Lock(name) | Thing::Semaphore(name)) = thing else { return };
        let semaphores = matches!(thing, Thing::Semaphore(_));
        let all = if semaphores { &mut self.semaphores } else { &mut self.locks };
        all.insert(name.clone(), permits);
        self.note(thing);
    }

    fn remove(&mut self, thing: &Thing) {
        if self.things.remove(thing) {
            self.sums.names -= thing.name().as_str().len() as u64;
        }
        match thing {
            Thing::Queue(name) => {
                let Some(queue) = self.queues.remove(name) else { return };
                let load = queue.load(name);
                self.sums.jobs.sub(load);
                self.usage.changed(name, load, Load::default());
                if let Some(due) = queue.due {
                    self.due.remove(&(due, name.clone()));
                }
                if let Some(ends) = queue.ends {
                    self.ends.remove(&(ends, name.clone()));
                }
                if queue.jobs.load().jobs > 0 {
                    self.trash.0.push(queue.jobs);
                }
            }
            Thing::Event(name) => {
                let gone = self.events.remove(name);
                self.sums.values -= gone.map_or(0, |event| event.bytes());
            }
            Thing::Lock(name) => _ = self.locks.remove(name),
            Thing::Semaphore(name) => _ = self.semaphores.remove(name),
            Thing::Barrier(name) => _ = self.barriers.remove(name),
            Thing::Schedule(name) => self.remove_schedule(name),
        }
    }

    fn lease(&mut self, id: LeaseId, lease: Lease) {
        let there = match &lease.held {
            Held::Job { queue: name, job } => {
                let queue = self.queues.get_mut(name);
                let there = queue.is_some_and(|queue| queue.hand_out(lease.granted, *job, id));
                self.index(name);
                there
            }
            held @ (Held::Lock { .. } | Held::Part { .. }) => {
                let permits = self.permits_mut(&held.thing());
                permits.map(|permits| permits.take(id, held)).is_some()
            }
        };
        if there {
            self.leases.insert(id, lease);
        } else {
            self.leases.reach(id);
        }
    }

    fn settle(&mut self, at: Time, id: LeaseId, held: &Held, outcome: Outcome, then: &Then) {
        let fate = match outcome {
            Outcome::Done => Fate::Done,
            Outcome::Returned => Fate::Returned,
            Outcome::Expired | Outcome::Undelivered | Outcome::Broken => Fate::Lost,
        };
        self.leases.remove(id, fate);
        match held {
            Held::Job { queue, job } => self.release_job(at, queue, *job, outcome, then),
            Held::Lock { .. } | Held::Part { .. } => {
                if let Some(permits) = self.permits_mut(&held.thing()) {
                    permits.give_back(at, id);
                }
            }
        }
    }

    /// What time of day it is. If that is another than was known, jobs that wait for theirs wait for as long as
    /// that is away now. A history that begins late does not know what was known: to do it again changes nothing.
    fn tie(&mut self, tie: Tie) {
        let before = self.tied.replace(tie);
        if before.is_some_and(|before| before.wall_at(tie.time) == tie.wall) {
            return;
        }
        let dated = self.queues.iter_mut().filter_map(|(name, queue)| {
            queue.jobs.redate(tie.time, |wall| tie.time_at(wall)).then(|| name.clone())
        });
        for name in dated.collect::<Vec<_>>() {
            self.index(&name);
        }
    }

    fn checkpoint(&mut self, checkpoint: &Checkpoint) {
        self.last_job = self.last_job.max(checkpoint.last_job);
        self.last_generation = self.last_generation.max(checkpoint.last_generation);
        self.leases.reserve(checkpoint.last_lease, checkpoint.reserved);
        self.tied = checkpoint.tied;
    }

    /// Brings the indexes of what time does up to date for a queue that has changed.
    pub(super) fn index(&mut self, name: &Name) {
        let Some(queue) = self.queues.get_mut(name) else { return };
        let (due, ends) = (queue.jobs.due(), queue.jobs.next_end().map(|(end, _)| end));
        let before = std::mem::replace(&mut queue.due, due);
        put_off(&mut self.due, name, before, due);
        let before = std::mem::replace(&mut queue.ends, ends);
        put_off(&mut self.ends, name, before, ends);
    }
}

fn put_off(index: &mut BTreeSet<(Time, Name)>, name: &Name, from: Option<Time>, to: Option<Time>) {
    if from == to {
        return;
    }
    if let Some(from) = from {
        index.remove(&(from, name.clone()));
    }
    if let Some(to) = to {
        index.insert((to, name.clone()));
    }
}
