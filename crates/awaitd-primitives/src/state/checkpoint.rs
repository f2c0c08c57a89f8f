//! What lives, as copies that make older entries needless.

use crate::messages::body::Stored;
use crate::messages::checkpoint::{Checkpoint, Copied, Counts, Part, Tie, Tried};
use crate::messages::command::JobId;
use crate::messages::job::{JobState, Trait};
use crate::messages::name::{Name, Thing};
use crate::messages::record::{Held, Record};
use crate::messages::time::Time;
use crate::state::State;
use crate::state::barrier::Barrier;
use crate::state::jobs::Found;
use crate::state::remembered::KeyOf;
use crate::state::schedule::Schedule;

/// What a thing or a key takes in the journal beside names and values, at most.
const RECORD_BYTES: u64 = 72;

/// What a lease adds to the copy of what it holds, at most.
const LEASE_BYTES: u64 = 48;

impl State {
    /// A copy of what a part of the history is about, as it is now; `None` if it has gone.
    pub(crate) fn copy(&mut self, part: &Part) -> Option<Vec<Record>> {
        let copied = match part {
            Part::Thing(thing) => {
                let copied = Record::Copied(Box::new(self.copy_thing(thing)?));
                return Some([copied].into_iter().chain(self.copy_pace(thing)).collect());
            }
            Part::Job { queue, job } => {
                let stray = self.strays.0.remove(job);
                return self.copy_job(queue, *job).or_else(|| self.copy_job(&stray?, *job));
            }
            Part::Key { thing, key } => {
                let of = KeyOf { thing: thing.clone(), text: key.clone() };
                return Some(vec![self.remembered.get(&of)?.record(of)]);
            }
            Part::Fates(lease) => self.leases.copy_fates(*lease)?,
        };
        Some(vec![Record::Copied(Box::new(copied))])
    }

    fn copy_job(&self, queue: &Name, id: JobId) -> Option<Vec<Record>> {
        let known = self.queues.get(queue)?;
        if let Some(kept) = known.jobs.results().and_then(|results| results.get(id)) {
            let (queue, enqueued, until) = (queue.clone(), kept.enqueued, kept.until);
            let result = kept.result.clone();
            let copied = Copied::Result { queue, job: id, enqueued, result, until };
            return Some(vec![Record::Copied(Box::new(copied))]);
        }
        let Found { place, job, state, lease } = known.jobs.find(id)?;
        let mut records = Vec::new();
        if let Some(rank) = known.jobs.rank_of(id).cloned() {
            records.push(Record::Ranked { queue: queue.clone(), job: id, rank });
        }
        let dead = (state == JobState::Dead).then_some(Trait::Dead);
        let holds_key = job.holds_key().then_some(Trait::HoldsKey);
        let traits: Vec<Trait> =
            job.traits().iter().cloned().chain(dead).chain(holds_key).collect();
        if !traits.is_empty() {
            records.push(Record::Traits { queue: queue.clone(), job: id, traits });
        }
        let tried = job.more().map(|more| &more.tried).filter(|tried| **tried != Tried::default());
        records.push(Record::Copied(Box::new(Copied::Job {
            queue: queue.clone(),
            job: id,
            ready_at: place.ready_at,
            enqueued: job.enqueued,
            payload: job.payload.clone(),
            tried: tried.cloned().map(Box::new),
            lease: lease.and_then(|id| Some(Box::new(self.leases.get(id)?.copy(id)))),
        })));
        Some(records)
    }

    /// The pace of a queue whose rate is limited.
    fn copy_pace(&self, thing: &Thing) -> Option<Record> {
        let Thing::Queue(name) = thing else { return None };
        let used = self.queues.get(name).map(|known| known.used).filter(|it| *it > Time::ZERO)?;
        Some(Record::Copied(Box::new(Copied::Pace { queue: name.clone(), used })))
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
            Thing::Lock(_) | Thing::Semaphore(_) => self.copy_permits(thing)?,
            Thing::Barrier(name) => {
                let Barrier { parties, broken, generation } = *self.barriers.get(name)?;
                Copied::Barrier { barrier: name.clone(), parties, broken, generation }
            }
            Thing::Schedule(name) => {
                let Schedule { config, last } = self.schedules.get(name)?.clone();
                Copied::Schedule { schedule: name.clone(), config, last }
            }
        })
    }

    fn copy_permits(&self, thing: &Thing) -> Option<Copied> {
        let known = self.permits(thing)?;
        let touched = known.touched;
        let holders: Vec<_> = (known.holders.iter())
            .filter_map(|(id, permits)| Some((*id, *permits, self.leases.get(*id)?)))
            .collect();
        let alone = holders.iter().all(|(_, _, lease)| matches!(lease.held, Held::Lock { .. }));
        if let (Thing::Lock(lock), true) = (thing, alone) {
            let holder = holders.first();
            let owner = holder.and_then(|(_, _, lease)| lease.held.owner().cloned());
            let lease = holder.map(|(id, _, lease)| Box::new(lease.copy(*id)));
            return Some(Copied::Lock { lock: lock.clone(), touched, owner, lease });
        }
        let holders = holders
            .into_iter()
            .map(|(id, permits, lease)| (permits, lease.held.owner().cloned(), lease.copy(id)));
        let (thing, holders) = (thing.clone(), holders.collect());
        Some(Copied::Permits { thing, config: known.config, touched, holders })
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
            locks: (self.locks.len()
                + self.semaphores.len()
                + self.barriers.len()
                + self.schedules.len()) as u64,
            jobs: self.sums.jobs.jobs,
            leases: self.leases.len() as u64,
            keys: self.remembered.len() as u64,
        }
    }

    /// How many bytes it takes to write all that lives: no less, and not much more.
    pub fn live_bytes(&self) -> u64 {
        let records = (self.things.len() + self.remembered.len()) as u64 * RECORD_BYTES;
        let texts = self.sums.names + self.sums.values + self.remembered.bytes();
        let leases = self.leases.len() as u64 * LEASE_BYTES + self.leases.owner_bytes();
        self.sums.jobs.bytes + records + texts + leases + self.leases.fates_bytes()
    }

    /// How many bytes of jobs' bodies, and of what was said of them, are in memory.
    pub fn bytes_here(&self) -> u64 {
        self.sums.jobs.here
    }

    /// The newest moment of which the time of day is known.
    pub fn tied(&self) -> Option<Tie> {
        self.tied
    }

    /// The moment at a time of day, in microseconds since 1970.
    pub(crate) fn moment(&self, wall: u64) -> Time {
        self.tied.unwrap_or_default().time_at(wall)
    }

    /// Lets go of the body of a job: the journal has it there. `keep`: only if it is not in memory anyway.
    pub(crate) fn stow(&mut self, queue: &Name, job: JobId, stored: Stored, keep: bool) {
        let stray = self.strays.0.get(&job);
        let queue = &stray.unwrap_or(queue).clone();
        if let Some(known) = self.queues.get_mut(queue) {
            self.sums.jobs.sub(known.load(queue));
            known.jobs.stow(job, stored, keep);
            self.sums.jobs.add(known.load(queue));
        }
    }
}
