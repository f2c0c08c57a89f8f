//! Queues: bounded, in order, with every job finished or given back.

use crate::judge::{At, Verdict};
use crate::limits::Limits;
use crate::messages::answer::{Answer, Refusal};
use crate::messages::checkpoint::Gate;
use crate::messages::command::{JobId, LeaseId, Payload};
use crate::messages::configuration::{Order, QueueConfig};
use crate::messages::job::Trait;
use crate::messages::name::{Name, Thing};
use crate::messages::policy::Policy;
use crate::messages::record::{Held, Record};
use crate::messages::time::Time;
use crate::messages::view::{QueueView, QueueWaiters};
use crate::state::State;
use crate::state::job::{Job, Load};
use crate::state::jobs::Jobs;
use crate::state::lease::Lease;
use crate::state::results::Results;

/// What a policy and the pace of a queue take in the journal, at most.
const POLICY_BYTES: u64 = 512;

/// A queue.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Queue {
    pub(crate) config: QueueConfig,
    /// Somebody said what it shall be; otherwise it may be forgotten.
    pub(crate) configured: bool,
    pub(crate) gate: Gate,
    pub(crate) jobs: Jobs,
    /// Generation of the last moment when no job was unfinished any more; 0 if there was none.
    pub(crate) drained: u64,
    /// When it was made, or last drained.
    pub(crate) touched: Time,
    /// Where [`State::due`] has it.
    pub(crate) due: Option<Time>,
    /// Where [`State::ends`] has it.
    pub(crate) ends: Option<Time>,
    /// Up to when its rate is used up.
    pub(crate) used: Time,
    pub(crate) served: Served,
    /// What its policy takes in the journal.
    policy_bytes: u64,
}

/// The lease that was granted last, of all leases: whose turn it is, and no part of what is true.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Served(pub(crate) u64);

impl PartialEq for Served {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Queue {
    pub(crate) fn new(now: Time) -> Self {
        Self {
            config: QueueConfig::default(),
            configured: false,
            gate: Gate::Open,
            jobs: Jobs::default(),
            drained: 0,
            touched: now,
            due: None,
            ends: None,
            used: Time::ZERO,
            served: Served::default(),
            policy_bytes: 0,
        }
    }

    /// Sums over its jobs as they are written.
    pub(crate) fn load(&self, name: &Name) -> Load {
        let load = self.jobs.load();
        // The name stands with each of them, and with each rank.
        let names = (load.jobs + self.jobs.ranks()) * name.as_str().len() as u64;
        Load { bytes: load.bytes + names + self.policy_bytes, ..load }
    }

    /// Nothing would be lost with it: no job, alive or dead, no result, and it is not paused.
    pub(crate) fn is_bare(&self) -> bool {
        let results = self.jobs.results().map_or(0, Results::len);
        self.jobs.load().jobs == 0 && results == 0 && !self.config.policy.paused
    }

    /// Makes it what it was told to be.
    pub(crate) fn configure(&mut self, config: QueueConfig) {
        self.jobs.set_order(config.order, &config.policy);
        self.config = config;
        self.weigh();
    }

    /// What was handed out at another rate counts as no more than the whole burst of this one: a faster
    /// rate shall be felt at once.
    pub(crate) fn change_pace(&mut self, at: Time) {
        if let Some(rate) = &self.config.policy.rate {
            let all = rate.interval() * u32::try_from(rate.burst.max(1)).unwrap_or(u32::MAX);
            self.used = self.used.min(at + all);
        }
    }

    /// Hands out nothing, or goes on.
    pub(crate) fn pause(&mut self, paused: bool) {
        self.config.policy.paused = paused;
        self.weigh();
    }

    fn weigh(&mut self) {
        let plain = *self.config.policy == Policy::default();
        self.policy_bytes = if plain { 0 } else { POLICY_BYTES };
    }

    /// Hands out a job that waits; `false` if there is none of this number.
    pub(crate) fn hand_out(&mut self, at: Time, job: JobId, lease: LeaseId) -> bool {
        self.served = Served(lease.fence());
        if let Some(rate) = &self.config.policy.rate {
            self.used = self.used.max(at) + rate.interval();
        }
        self.jobs.lease(job, lease)
    }

    /// When its rate allows the next one.
    pub(crate) fn next_allowed(&self) -> Option<Time> {
        let rate = self.config.policy.rate.as_ref()?;
        let more = u32::try_from(rate.burst.max(1) - 1).unwrap_or(u32::MAX);
        let ahead = u64::try_from((rate.interval() * more).as_micros()).unwrap_or(u64::MAX);
        Some(Time::from_micros(self.used.micros().saturating_sub(ahead)))
    }

    /// A job that has failed so often is dead.
    pub(crate) fn most_attempts(&self, job: &Job) -> u32 {
        job.max_attempts().unwrap_or(self.config.policy.max_attempts)
    }

    pub(crate) fn waiting(&self) -> u64 {
        (self.jobs.ready() + self.jobs.delayed()) as u64
    }

    /// Whether there is no room for a job of so many bytes, once so many have come and so many are gone:
    /// how many jobs, of how many bytes.
    pub(crate) fn is_full(&self, bytes: u64, come: (u64, u64), gone: (u64, u64)) -> bool {
        let Policy { max_bytes, .. } = &*self.config.policy;
        let waiting = self.waiting() + come.0 - gone.0;
        let waiting_bytes = self.jobs.waiting_bytes() + come.1 - gone.1;
        self.config.maxsize != 0 && waiting >= self.config.maxsize
            || max_bytes.is_some_and(|most| waiting_bytes + bytes > most)
    }
}

/// Whether a queue may have this order: one that holds jobs keeps its own.
pub(crate) fn may_be(state: &State, queue: &Name, order: Order) -> bool {
    let holds = |known: &&Queue| known.config.order != order && known.jobs.unfinished() > 0;
    !state.queues.get(queue).is_some_and(|known| holds(&known))
}

/// Whether it hands out nothing.
pub(crate) fn is_paused(state: &State, queue: &Name) -> bool {
    state.queues.get(queue).is_some_and(|known| known.config.policy.paused)
}

/// The record of what came of a job, if that is kept.
pub(crate) fn keep_result(
    state: &State,
    at: At,
    lease: &Lease,
    result: &Payload,
) -> Option<Record> {
    let Held::Job { queue, job } = &lease.held else { return None };
    let retain = state.queues.get(queue)?.config.policy.retain;
    let (queue, job, result) = (queue.clone(), *job, result.clone());
    (!retain.is_zero()).then(|| Record::Resulted { queue, job, result, until: at.now + retain })
}

/// Whether there is room for what came of a job that somebody holds.
pub(crate) fn may_keep(
    state: &State,
    limits: &Limits,
    (queue, job): (&Name, JobId),
    result: &Payload,
) -> Result<(), Refusal> {
    let bytes = result.body.len() as u64;
    state.may_grow(limits, bytes)?;
    let out = state.queues.get(queue).and_then(|known| known.jobs.out(job));
    state.usage.admits_result(queue, bytes, out.map_or(Load::default(), |out| out.job.load()))
}

/// Whether there is room for how far a job is that somebody holds, in place of how far it was.
pub(crate) fn may_progress(
    state: &State,
    limits: &Limits,
    (queue, job): (&Name, JobId),
    progress: &Payload,
) -> Result<(), Refusal> {
    let out = state.queues.get(queue).and_then(|known| known.jobs.out(job));
    let traits = out.map_or(&[][..], |out| out.job.traits());
    let before = traits.iter().filter(|it| matches!(it, Trait::Progress(_))).map(Trait::bytes);
    let more = progress.body.len().saturating_sub(before.sum()) as u64;
    state.may_grow(limits, more)?;
    state.usage.admits_result(queue, more, Load::default())
}

pub(crate) fn judge_delete(state: &State, queue: &Name) -> Verdict {
    let Some(known) = state.queues.get(queue) else {
        return Verdict::Refuse(Refusal::NotFound);
    };
    let dropped = (known.jobs.unfinished() + known.jobs.dead()) as u64;
    let thing = Thing::Queue(queue.clone());
    let leases = known.jobs.leases().collect();
    Verdict::Grant(vec![Record::Deleted { thing, dropped, leases }], Answer::Deleted)
}

pub(crate) fn judge_join(
    state: &State,
    limits: &Limits,
    queue: &Name,
    after: Option<u64>,
) -> Verdict {
    let known = state.queues.get(queue);
    if known.is_none() && !limits.auto_create {
        return Verdict::Refuse(Refusal::NotFound);
    }
    let (unfinished, generation) =
        known.map_or((0, 0), |known| (known.jobs.unfinished(), known.drained));
    let holds = match after {
        Some(after) => generation > after,
        None => unfinished == 0,
    };
    if holds { Verdict::Grant(Vec::new(), Answer::Joined { generation }) } else { Verdict::Wait }
}

pub(crate) fn judge_shutdown(state: &State, queue: &Name, immediate: bool) -> Verdict {
    let Some(known) = state.queues.get(queue) else {
        return Verdict::Refuse(Refusal::NotFound);
    };
    let queue = queue.clone();
    let further = known.gate == Gate::Open || immediate && known.gate == Gate::ShutDown;
    if !further {
        return Verdict::Grant(Vec::new(), Answer::ShutDown);
    }
    let mut records = vec![Record::ShutDown { queue: queue.clone(), immediate }];
    let dropped = (known.jobs.ready() + known.jobs.delayed()) as u64;
    if immediate && dropped > 0 {
        records.push(Record::Emptied { queue: queue.clone(), dropped });
        if known.jobs.leased() == 0 {
            records.push(Record::Drained { queue, generation: state.last_generation + 1 });
        }
    }
    Verdict::Grant(records, Answer::ShutDown)
}

/// For whoever will not wait for the end, or no longer.
pub(crate) fn not_drained(state: &State, queue: &Name) -> Refusal {
    let known = state.queues.get(queue);
    let unfinished = known.map_or(0, |known| known.jobs.unfinished() as u64);
    Refusal::NotDrained { unfinished, generation: state.drained(queue) }
}

/// Its state, as far as it is known here: who waits, the engine knows.
pub(crate) fn view(state: &State, queue: &Name) -> Option<QueueView> {
    let known = state.queues.get(queue)?;
    Some(QueueView {
        name: queue.clone(),
        config: known.config.clone(),
        ready: known.jobs.ready() as u64,
        delayed: known.jobs.delayed() as u64,
        leased: known.jobs.leased() as u64,
        dead: known.jobs.dead() as u64,
        unfinished: known.jobs.unfinished() as u64,
        oldest_ready: known.jobs.oldest_ready(),
        shut_down: known.gate != Gate::Open,
        waiters: QueueWaiters::default(),
    })
}
