//! Queues: bounded, in order, with every job finished or given back.

use std::time::Duration;

use crate::judge::{At, Verdict, wait_for_unknown};
use crate::limits::{self, Limits};
use crate::messages::answer::{Answer, Got, Refusal};
use crate::messages::checkpoint::Gate;
use crate::messages::command::{GetMode, JobId, LeaseId, Payload};
use crate::messages::configuration::{Order, QueueConfig, Rank};
use crate::messages::name::{Name, Thing};
use crate::messages::record::{Held, Outcome, Record, Then};
use crate::messages::time::Time;
use crate::messages::view::{QueueView, QueueWaiters};
use crate::state::State;
use crate::state::jobs::{Job, Jobs, Load, Place};

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
        }
    }

    /// Sums over its jobs as they are written.
    pub(crate) fn load(&self, name: &Name) -> Load {
        let load = self.jobs.load();
        // The name stands with each of them, and with each rank.
        let names = (load.jobs + self.jobs.ranks()) * name.as_str().len() as u64;
        Load { bytes: load.bytes + names, ..load }
    }

    /// Makes it what it was told to be.
    pub(crate) fn configure(&mut self, config: QueueConfig) {
        self.jobs.set_order(config.order);
        self.config = config;
    }

    fn is_full(&self) -> bool {
        let waiting = (self.jobs.ready() + self.jobs.delayed()) as u64;
        self.config.maxsize != 0 && waiting >= self.config.maxsize
    }
}

/// Whether a queue may have this order: one that holds jobs keeps its own.
pub(crate) fn may_be(state: &State, queue: &Name, order: Order) -> bool {
    let holds = |known: &&Queue| known.config.order != order && known.jobs.unfinished() > 0;
    !state.queues.get(queue).is_some_and(|known| holds(&known))
}

pub(crate) fn judge_delete(state: &State, queue: &Name) -> Verdict {
    let Some(known) = state.queues.get(queue) else {
        return Verdict::Refuse(Refusal::NotFound);
    };
    let (thing, dropped) = (Thing::Queue(queue.clone()), known.jobs.unfinished() as u64);
    let leases = known.jobs.leases().collect();
    Verdict::Grant(vec![Record::Deleted { thing, dropped, leases }], Answer::Deleted)
}

pub(crate) fn judge_put(
    state: &State,
    limits: &Limits,
    at: At,
    queue: &Name,
    payload: &Payload,
    (delay, rank): (Duration, Option<&Rank>),
) -> Verdict {
    let mut records = Vec::with_capacity(2);
    let known = state.queues.get(queue);
    let order = known.map_or(Order::default(), |known| known.config.order);
    let may_make = if known.is_none() { state.may_make(limits) } else { Ok(()) };
    if let Err(refusal) = may_make {
        return Verdict::Refuse(refusal);
    }
    if rank.is_some() && order != Order::Priority {
        return Verdict::Refuse(Refusal::NoRanks);
    }
    match known {
        Some(known) if known.gate != Gate::Open => return Verdict::Refuse(Refusal::QueueShutDown),
        Some(known) if known.is_full() => return Verdict::Wait,
        Some(_) => {}
        None => records.push(Record::Made { thing: Thing::Queue(queue.clone()) }),
    }
    let (queue, job) = (queue.clone(), JobId(state.last_job + 1));
    let (ready_at, payload) = (at.now + delay, payload.clone());
    if let Some(rank) = rank.cloned() {
        records.push(Record::Ranked { queue: queue.clone(), job, rank });
    }
    records.push(Record::Placed { queue: queue.clone(), job, ready_at, payload });
    Verdict::Grant(records, Answer::Placed { queue, job })
}

pub(crate) fn judge_cancel(
    state: &State,
    at: At,
    queue: &Name,
    job: JobId,
    force: bool,
) -> Verdict {
    let known = state.queues.get(queue);
    let Some((known, (_, _, lease))) = known.and_then(|it| Some((it, it.jobs.find(job)?))) else {
        return Verdict::Refuse(Refusal::NotFound);
    };
    let mut records = match lease {
        None => vec![Record::Cancelled { queue: queue.clone(), job }],
        Some(_) if !force => return Verdict::Refuse(Refusal::Leased),
        Some(id) => {
            let lease = state.leases.get(id).expect("a job is held by a lease");
            vec![lease.settled(id, at.now, Outcome::Broken, Then::Dropped)]
        }
    };
    if known.jobs.unfinished() == 1 {
        let generation = state.last_generation + 1;
        records.push(Record::Drained { queue: queue.clone(), generation });
    }
    Verdict::Grant(records, Answer::Deleted)
}

pub(crate) fn judge_get(
    state: &State,
    limits: &Limits,
    at: At,
    queue: &Name,
    mode: GetMode,
) -> Verdict {
    let Some(known) = state.queues.get(queue) else {
        return wait_for_unknown(limits);
    };
    let Some((place, job)) = known.jobs.first() else {
        let over = known.gate != Gate::Open && known.jobs.delayed() == 0;
        return if over { Verdict::Refuse(Refusal::QueueShutDown) } else { Verdict::Wait };
    };
    if known.jobs.leased() as u64 >= limits::LEASED_MAX {
        return Verdict::Wait;
    }
    let lease = state.leases.next();
    let (length, until) = match mode {
        GetMode::Leased(length) => {
            let length = length.unwrap_or(known.config.lease);
            (length, Some(at.clock + length))
        }
        GetMode::AtMostOnce => (Duration::ZERO, None),
    };
    let waited = at.now.since(job.since(place));
    let held = Held::Job { queue: queue.clone(), job: place.job };
    let got = got(queue, lease, until, waited, place, job);
    let ready_at = place.ready_at;
    Verdict::Grant(vec![Record::Leased { lease, held, length, until, waited, ready_at }], got)
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

/// A job, as a get is answered with it.
pub(crate) fn got(
    queue: &Name,
    lease: LeaseId,
    until: Option<Time>,
    waited: Duration,
    place: Place,
    job: &Job,
) -> Answer {
    Answer::Got(Box::new(Got {
        queue: queue.clone(),
        job: place.job,
        lease,
        until,
        attempt: job.attempt(),
        waited,
        enqueued: job.enqueued,
        payload: job.payload.clone(),
    }))
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
        unfinished: known.jobs.unfinished() as u64,
        oldest_ready: known.jobs.oldest_ready(),
        shut_down: known.gate != Gate::Open,
        waiters: QueueWaiters::default(),
    })
}
