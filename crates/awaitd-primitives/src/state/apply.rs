//! The one mutation by facts. Total: it looks at no clock, decides nothing and cannot fail.

use crate::messages::command::{JobId, LeaseId, Payload, QueueConfig};
use crate::messages::name::{Name, Thing};
use crate::messages::record::{Entry, Held, Outcome, Record, Then};
use crate::messages::time::Time;
use crate::state::State;
use crate::state::event::Event;
use crate::state::jobs::{Job, Place};
use crate::state::lease::Lease;
use crate::state::lock::Lock;
use crate::state::queue::{Gate, Queue};
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
            Record::Deleted { thing, .. } | Record::Forgotten { thing } => self.remove(thing),
            Record::Placed { queue, job, ready_at, payload } => {
                self.place(at, queue, *job, *ready_at, payload);
            }
            Record::Leased { lease, held, length, until, waited } => {
                let granted = at;
                let (held, length, until, waited) = (held.clone(), *length, *until, *waited);
                self.lease(*lease, Lease { held, length, until, granted, waited });
            }
            Record::Extended { lease, until } => self.leases.extend(*lease, *until),
            Record::Settled { lease, held, outcome, then, .. } => {
                self.settle(at, *lease, held, *outcome, then);
            }
            Record::ShutDown { queue, immediate } => {
                let gate = if *immediate { Gate::ShutDownAtOnce } else { Gate::ShutDown };
                self.queue(queue).gate = gate;
            }
            Record::Emptied { queue, .. } => self.empty(queue),
            Record::Drained { queue, generation } => self.drained_at(at, queue, *generation),
            Record::Set { event, generation, value } => {
                self.last_generation = *generation;
                let last = Some((*generation, value.clone()));
                self.events.insert(event.clone(), Event { set: true, last, touched: at });
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
        }
    }

    fn configure(&mut self, at: Time, queue: &Name, config: &QueueConfig) {
        let known = self.queue_or_new(queue, at);
        known.config = config.clone();
        known.configured = true;
    }

    fn empty(&mut self, queue: &Name) {
        let waiting = self.queue(queue).jobs.take_waiting();
        self.trash.0.push(waiting);
        self.index_due(queue);
    }

    fn drained_at(&mut self, at: Time, queue: &Name, generation: u64) {
        self.last_generation = generation;
        let known = self.queue(queue);
        known.drained = generation;
        known.touched = at;
    }

    fn clear(&mut self, at: Time, event: &Name) {
        let known = self.events.get_mut(event).expect("only an event that is there is cleared");
        known.set = false;
        known.touched = at;
    }

    fn queue(&mut self, name: &Name) -> &mut Queue {
        self.queues.get_mut(name).expect("a record about a queue follows the one that made it")
    }

    fn queue_or_new(&mut self, name: &Name, at: Time) -> &mut Queue {
        self.queues.entry(name.clone()).or_insert_with_key(|name| {
            self.queue_names.insert(name.clone());
            Queue::new(at)
        })
    }

    fn make(&mut self, thing: &Thing, at: Time) {
        match thing {
            Thing::Queue(name) => {
                self.queue_or_new(name, at);
            }
            Thing::Event(name) => {
                self.events.insert(name.clone(), Event::new(at));
            }
            Thing::Lock(name) => {
                self.locks.insert(name.clone(), Lock::new(at));
            }
        }
    }

    fn remove(&mut self, thing: &Thing) {
        match thing {
            Thing::Queue(name) => {
                let queue = self.queues.remove(name).expect("only a queue that is there goes");
                self.queue_names.remove(name);
                if let Some(due) = queue.due {
                    self.due.remove(&(due, name.clone()));
                }
                for lease in queue.jobs.leases() {
                    self.leases.remove(lease, Fate::Deleted);
                }
                if queue.jobs.unfinished() > 0 {
                    self.trash.0.push(queue.jobs);
                }
            }
            Thing::Event(name) => {
                self.events.remove(name);
            }
            Thing::Lock(name) => {
                let lock = self.locks.remove(name).expect("only a lock that is there goes");
                if let Some(lease) = lock.holder {
                    self.leases.remove(lease, Fate::Deleted);
                }
            }
        }
    }

    fn place(&mut self, at: Time, queue: &Name, job: JobId, ready_at: Time, payload: &Payload) {
        self.last_job = self.last_job.max(job.0);
        let what = Job { payload: payload.clone(), enqueued: at, tried: None };
        self.queue(queue).jobs.insert(at, Place { ready_at, job }, what);
        if ready_at > at {
            self.index_due(queue);
        }
    }

    fn lease(&mut self, id: LeaseId, lease: Lease) {
        match &lease.held {
            Held::Job { queue, job } => self.queue(queue).jobs.lease(*job, id),
            Held::Lock { lock, .. } => {
                let lock = self.locks.get_mut(lock).expect("only a lock that is there is acquired");
                lock.holder = Some(id);
            }
        }
        self.leases.insert(id, lease);
    }

    fn settle(&mut self, at: Time, id: LeaseId, held: &Held, outcome: Outcome, then: &Then) {
        let fate = match outcome {
            Outcome::Done => Fate::Done,
            Outcome::Returned => Fate::Returned,
            Outcome::Expired | Outcome::Undelivered => Fate::Lost,
        };
        self.leases.remove(id, fate);
        let (name, job) = match held {
            Held::Job { queue, job } => (queue, *job),
            Held::Lock { lock, .. } => {
                let lock = self.locks.get_mut(lock).expect("only a lock that is there is released");
                lock.holder = None;
                lock.touched = at;
                return;
            }
        };
        let queue = self.queue(name);
        let out = queue.jobs.release(job);
        match then {
            Then::Finished | Then::Dropped => {}
            Then::Back { ready_at, since, counted, error } => {
                let mut tried = out.job.tried.unwrap_or_default();
                tried.attempts = tried.attempts.saturating_add(u32::from(*counted));
                tried.since = (since != ready_at).then_some(*since);
                tried.error = error.clone().or(tried.error);
                let untried = tried.attempts == 0 && tried.since.is_none() && tried.error.is_none();
                let tried = if untried { None } else { Some(tried) };
                queue.jobs.insert(at, Place { ready_at: *ready_at, job }, Job { tried, ..out.job });
                if *ready_at > at {
                    self.index_due(name);
                }
            }
        }
    }

    /// Brings the index of due jobs up to date for a queue whose delayed jobs have changed.
    pub(super) fn index_due(&mut self, name: &Name) {
        let queue = self.queues.get_mut(name).expect("a queue whose jobs changed is there");
        let due = queue.jobs.due();
        let before = std::mem::replace(&mut queue.due, due);
        if before == due {
            return;
        }
        if let Some(before) = before {
            self.due.remove(&(before, name.clone()));
        }
        if let Some(due) = due {
            self.due.insert((due, name.clone()));
        }
    }
}
