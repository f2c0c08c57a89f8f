//! Where each job is, by the records alone: in one place, and nowhere else.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use awaitd_primitives::*;

/// The jobs of one queue.
#[derive(Default)]
struct Queue {
    config: QueueConfig,
    /// When those that wait are ready.
    waiting: BTreeMap<JobId, Time>,
    held: BTreeMap<JobId, LeaseId>,
    dead: BTreeSet<JobId>,
    /// Results, until when they are kept.
    done: BTreeMap<JobId, Time>,
}

/// All jobs.
#[derive(Default)]
pub(crate) struct Jobs {
    queues: BTreeMap<Name, Queue>,
    put: u64,
    /// Those that are done, dropped, purged or cancelled.
    gone: u64,
    /// Of jobs that have one.
    keys: BTreeMap<JobId, Arc<str>>,
    /// Handed out before, and not finished.
    holds: BTreeSet<JobId>,
    bodies: BTreeMap<JobId, u64>,
    /// What their types and ranks take.
    said: BTreeMap<JobId, [u64; 2]>,
    /// Some job has had traits, an error or a result: these are always in memory.
    pub(crate) rich: bool,
}

fn ensure(holds: bool, what: &str, record: &Record) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("{what}: {record:?}")) }
}

impl Queue {
    fn unfinished(&self) -> u64 {
        (self.waiting.len() + self.held.len()) as u64
    }
}

impl Jobs {
    fn at(&mut self, queue: &Name) -> &mut Queue {
        self.queues.entry(queue.clone()).or_default()
    }

    /// What a record says of jobs.
    pub(crate) fn note(&mut self, at: Time, record: &Record) -> Result<(), String> {
        self.weigh(record);
        match record {
            Record::Configured { queue, config } => self.at(queue).config = config.clone(),
            Record::Paused { queue, paused } => {
                let policy = &mut self.at(queue).config.policy;
                ensure(policy.paused != *paused, "nothing changed", record)?;
                policy.paused = *paused;
            }
            Record::Traits { job, traits, .. } => self.told(*job, traits),
            Record::Placed { queue, job, ready_at, payload } => {
                let bytes = payload.body.len() as u64;
                self.bodies.insert(*job, bytes);
                ensure(self.has_room(queue, bytes), "no room", record)?;
                self.put += 1;
                self.at(queue).waiting.insert(*job, *ready_at);
            }
            Record::Leased { lease, held: Held::Job { queue, job }, .. } => {
                self.lease(*lease, (queue, *job), record)?;
            }
            Record::Settled { lease, held: Held::Job { queue, job }, then, outcome, .. } => {
                let known = self.at(queue);
                ensure(known.held.remove(job) == Some(*lease), "not its holder", record)?;
                match then {
                    Then::Back { ready_at, .. } => _ = known.waiting.insert(*job, *ready_at),
                    Then::Dead { .. } => _ = known.dead.insert(*job),
                    Then::Finished | Then::Dropped => self.gone += 1,
                }
                self.rich |= matches!(then, Then::Back { error: Some(_), .. } | Then::Dead { .. });
                if !matches!(then, Then::Back { .. }) {
                    self.holds.remove(job);
                } else if *outcome != Outcome::Undelivered && self.keys.contains_key(job) {
                    self.holds.insert(*job);
                }
            }
            Record::Died { queue, job, .. } => {
                let known = self.at(queue);
                let waited = known.waiting.remove(job).is_some();
                ensure(waited && known.dead.insert(*job), "not a job that waits", record)?;
                self.holds.remove(job);
                self.rich = true;
            }
            Record::Dropped { queue, job, .. } => {
                let waited = self.at(queue).waiting.remove(job).is_some();
                ensure(waited, "not a job that waits", record)?;
                (self.gone, _) = (self.gone + 1, self.holds.remove(job));
            }
            Record::Cancelled { queue, job } => {
                let known = self.at(queue);
                let there = known.waiting.remove(job).is_some() || known.dead.remove(job);
                ensure(there, "not a job that waits or is dead", record)?;
                (self.gone, _) = (self.gone + 1, self.holds.remove(job));
            }
            Record::Moved { from, job, to, ready_at, dead_letter, .. } => {
                let known = self.at(from);
                let dead = known.dead.remove(job);
                let there = dead || !dead_letter && known.waiting.remove(job).is_some();
                ensure(there, "not a job that may move", record)?;
                ensure(!dead_letter || from != to, "a dead letter queue of itself", record)?;
                self.holds.remove(job);
                self.at(to).waiting.insert(*job, *ready_at);
            }
            Record::Purged { queue, state, dropped } => {
                self.purge(at, queue, *state, *dropped, record)?;
            }
            Record::Resulted { queue, job, until, .. } => {
                let known = self.at(queue);
                ensure(known.held.contains_key(job), "a result of nobody", record)?;
                known.done.insert(*job, *until);
                self.rich = true;
            }
            Record::Progressed { queue, job, .. } => {
                ensure(self.at(queue).held.contains_key(job), "a progress of nobody", record)?;
                self.rich = true;
            }
            Record::Emptied { queue, dropped } => {
                let waiting = std::mem::take(&mut self.at(queue).waiting);
                ensure(waiting.len() as u64 == *dropped, "a wrong count", record)?;
                self.gone += dropped;
            }
            Record::Deleted { thing: Thing::Queue(queue), dropped, leases } => {
                let known = self.queues.remove(queue).unwrap_or_default();
                let all = known.unfinished() + known.dead.len() as u64;
                ensure(all == *dropped, "a wrong count", record)?;
                let held: BTreeSet<_> = known.held.values().collect();
                ensure(held == leases.iter().collect(), "other leases", record)?;
                self.gone += dropped;
            }
            Record::Forgotten { thing: Thing::Queue(queue) } => {
                let known = self.queues.remove(queue).unwrap_or_default();
                let kept = known.done.values().any(|until| *until > at);
                let bare = known.unfinished() == 0 && known.dead.is_empty() && !kept;
                ensure(bare && !known.config.policy.paused, "something was forgotten", record)?;
            }
            Record::Drained { queue, .. } => {
                ensure(self.at(queue).unfinished() == 0, "drained with jobs", record)?;
            }
            _ => {}
        }
        Ok(())
    }

    /// What types and ranks of all that are there take in memory.
    pub(crate) fn said(&self) -> u64 {
        let all = self.queues.values();
        let there = all.flat_map(|it| it.waiting.keys().chain(it.held.keys()).chain(&it.dead));
        there.flat_map(|job| self.said[job]).sum()
    }

    fn weigh(&mut self, record: &Record) {
        let (job, place, bytes) = match record {
            Record::Placed { job, payload, .. } => {
                (job, 0, payload.content_type.as_ref().map_or(0, |kind| kind.len()))
            }
            Record::Ranked { job, rank, .. } => (job, 1, 16 + rank.0.len()),
            _ => return,
        };
        self.said.entry(*job).or_default()[place] = bytes as u64;
    }

    fn told(&mut self, job: JobId, traits: &[Trait]) {
        self.rich = true;
        for it in traits {
            if let Trait::Key(key) = it {
                self.keys.insert(job, key.clone());
            }
        }
    }

    /// Whether a job may be put: the bound holds, and somebody looks at the dead ones.
    fn has_room(&mut self, queue: &Name, bytes: u64) -> bool {
        let known = self.queues.entry(queue.clone()).or_default();
        let (maxsize, policy) = (known.config.maxsize, &known.config.policy);
        let there: u64 = known.waiting.keys().map(|job| self.bodies[job]).sum();
        (maxsize == 0 || (known.waiting.len() as u64) < maxsize)
            && policy.max_bytes.is_none_or(|most| there + bytes <= most)
            && (known.dead.len() as u64) < policy.max_dead
    }

    /// One that is ready is handed out, and no limit is passed.
    fn lease(
        &mut self,
        lease: LeaseId,
        (queue, job): (&Name, JobId),
        record: &Record,
    ) -> Result<(), String> {
        let (keys, holds) = (&self.keys, &self.holds);
        let known = self.queues.entry(queue.clone()).or_default();
        let policy = &known.config.policy;
        let most = policy.max_leased.min(policy.concurrency.unwrap_or(u64::MAX));
        ensure(known.waiting.remove(&job).is_some(), "a second winner", record)?;
        ensure(!policy.paused, "it is paused", record)?;
        ensure((known.held.len() as u64) < most, "too many are held", record)?;
        if let Some(key) = keys.get(&job).filter(|_| !holds.contains(&job)) {
            let same = |it: &&JobId| keys.get(it) == Some(key);
            let waiting = known.waiting.keys().filter(|it| holds.contains(it));
            let out = known.held.keys().chain(waiting).filter(same).count() as u64;
            ensure(out < policy.key_concurrency, "its key is held", record)?;
        }
        known.held.insert(job, lease);
        Ok(())
    }

    fn purge(
        &mut self,
        at: Time,
        queue: &Name,
        state: JobState,
        dropped: u64,
        record: &Record,
    ) -> Result<(), String> {
        let known = self.at(queue);
        let before = known.unfinished() + known.dead.len() as u64;
        let kept = known.done.values().filter(|until| **until > at).count() as u64;
        match state {
            JobState::Ready => known.waiting.retain(|_, ready_at| *ready_at > at),
            JobState::Delayed => known.waiting.retain(|_, ready_at| *ready_at <= at),
            JobState::Dead => known.dead.clear(),
            JobState::Done => known.done.clear(),
            JobState::Leased => return Err(format!("nobody may take these: {record:?}")),
        }
        let gone = before - known.unfinished() - known.dead.len() as u64;
        let right = dropped == if state == JobState::Done { kept } else { gone };
        self.gone += gone;
        ensure(right, "a wrong count", record)
    }

    /// put = ready + delayed + leased + dead + done + dropped + cancelled, and what is shown is that.
    pub(crate) fn conserves(&self, census: &Census) -> Result<(), String> {
        let there = |known: &Queue| known.unfinished() + known.dead.len() as u64;
        let all: u64 = self.queues.values().map(there).sum();
        if self.put != all + self.gone {
            return Err(format!("{} were put, {all} are there, {} gone", self.put, self.gone));
        }
        for (view, _) in &census.queues {
            let none = Queue::default();
            let known = self.queues.get(&view.name).unwrap_or(&none);
            let shown = [view.ready + view.delayed, view.leased, view.dead, view.unfinished];
            let counted = [known.waiting.len(), known.held.len(), known.dead.len()];
            let [waiting, held, dead] = counted.map(|count| count as u64);
            if shown != [waiting, held, dead, waiting + held] {
                return Err(format!("records say {counted:?}, but {view:?}"));
            }
        }
        Ok(())
    }
}
