//! What lives, as copies that make older entries needless.

use crate::messages::body::Stored;
use crate::messages::checkpoint::{Checkpoint, Copied, Counts, Part, Tie};
use crate::messages::command::JobId;
use crate::messages::name::{Name, Thing};
use crate::messages::record::{Held, Record};
use crate::messages::time::Time;
use crate::state::State;
use crate::state::jobs::Place;
use crate::state::remembered::KeyOf;

/// What a queue, an event, a lock or a key takes in the journal beside names and values, at most.
const RECORD_BYTES: u64 = 72;

/// What a lease adds to the copy of what it holds, at most.
const LEASE_BYTES: u64 = 48;

impl State {
    /// A copy of what a part of the history is about, as it is now; `None` if it has gone.
    pub(crate) fn copy(&self, part: &Part) -> Option<Record> {
        let copied = match part {
            Part::Thing(thing) => self.copy_thing(thing)?,
            Part::Job { queue, job, ready_at } => {
                let known = self.queues.get(queue)?;
                let place = Place { ready_at: *ready_at, job: *job };
                let (place, job, lease) = known.jobs.find(place)?;
                let (payload, tried) = (job.payload.clone(), job.tried.clone());
                Copied::Job {
                    queue: queue.clone(),
                    job: place.job,
                    ready_at: place.ready_at,
                    enqueued: job.enqueued,
                    payload,
                    tried,
                    lease: lease.and_then(|id| Some(Box::new(self.leases.get(id)?.copy(id)))),
                }
            }
            Part::Key { thing, key } => {
                let of = KeyOf { thing: thing.clone(), text: key.clone() };
                return Some(self.remembered.get(&of)?.record(of));
            }
            Part::Fates(lease) => self.leases.copy_fates(*lease)?,
        };
        Some(Record::Copied(Box::new(copied)))
    }

    fn copy_thing(&self, thing: &Thing) -> Option<Copied> {
        Some(match thing {
            Thing::Queue(name) => {
                let known = self.queues.get(name)?;
                Copied::Queue {
                    queue: name.clone(),
                    config: known.config.clone(),
                    configured: known.configured,
                    gate: known.gate,
                    drained: known.drained,
                    touched: known.touched,
                }
            }
            Thing::Event(name) => {
                let known = self.events.get(name)?;
                let (set, last, touched) = (known.set, known.last.clone(), known.touched);
                Copied::Event { event: name.clone(), set, last, touched }
            }
            Thing::Lock(name) => {
                let known = self.locks.get(name)?;
                let lease = known.holder.and_then(|id| Some((id, self.leases.get(id)?)));
                let owner = lease.and_then(|(_, lease)| match &lease.held {
                    Held::Lock { owner, .. } => owner.clone(),
                    Held::Job { .. } => None,
                });
                let lease = lease.map(|(id, lease)| Box::new(lease.copy(id)));
                Copied::Lock { lock: name.clone(), touched: known.touched, owner, lease }
            }
        })
    }

    /// The records that end a checkpoint: a history may begin at `from` then. A replay has forgotten at
    /// once what is over, whereas here that may take some turns.
    pub(crate) fn end_checkpoint(&self, from: u64, now: Time) -> Vec<Record> {
        let keys = self.remembered.lasting(now) as u64;
        let late = self.leases.copy_late().map(|late| Record::Copied(Box::new(late)));
        let checkpoint = Checkpoint {
            from,
            last_job: self.last_job,
            last_generation: self.last_generation,
            last_lease: self.leases.last(),
            reserved: self.leases.reserved(),
            counts: Counts { keys, ..self.counts() },
            tied: self.tied,
        };
        late.into_iter().chain([Record::Checkpoint(Box::new(checkpoint))]).collect()
    }

    /// How much there is of everything.
    pub fn counts(&self) -> Counts {
        Counts {
            queues: self.queues.len() as u64,
            events: self.events.len() as u64,
            locks: self.locks.len() as u64,
            jobs: self.sums.jobs.jobs,
            leases: self.leases.len() as u64,
            keys: self.remembered.len() as u64,
        }
    }

    /// How many bytes it takes to write all that lives: no less, and not much more.
    pub fn live_bytes(&self) -> u64 {
        let things = self.queues.len() + self.events.len() + self.locks.len();
        let records = (things + self.remembered.len()) as u64 * RECORD_BYTES;
        let texts = self.sums.names + self.sums.values + self.remembered.bytes();
        let leases = self.leases.len() as u64 * LEASE_BYTES + self.leases.owner_bytes();
        self.sums.jobs.bytes + records + texts + leases + self.leases.fates_bytes()
    }

    /// How many bytes of jobs' bodies are in memory.
    pub fn bytes_here(&self) -> u64 {
        self.sums.jobs.here
    }

    /// The newest moment of which the time of day is known.
    pub fn tied(&self) -> Option<Tie> {
        self.tied
    }

    /// Lets go of the body of a job that had this place once: the journal has it there. `keep`: only
    /// if it is not in memory anyway.
    pub(crate) fn stow(
        &mut self,
        queue: &Name,
        job: JobId,
        ready_at: Time,
        stored: Stored,
        keep: bool,
    ) {
        if let Some(known) = self.queues.get_mut(queue) {
            self.sums.jobs.sub(known.load(queue));
            known.jobs.stow(Place { ready_at, job }, stored, keep);
            self.sums.jobs.add(known.load(queue));
        }
    }
}
