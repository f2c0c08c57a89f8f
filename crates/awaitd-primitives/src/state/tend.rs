//! What is done to jobs that nobody holds: they are cancelled, purged, or have waited for too long.

use crate::judge::{At, Verdict};
use crate::messages::answer::{Answer, Refusal};
use crate::messages::checkpoint::Gate;
use crate::messages::command::JobId;
use crate::messages::job::{Cause, JobState};
use crate::messages::name::{Name, Thing};
use crate::messages::record::{DropCause, Outcome, Record, Then};
use crate::messages::time::Time;
use crate::state::State;
use crate::state::queue::Queue;

pub(crate) fn judge_cancel(
    state: &State,
    at: At,
    queue: &Name,
    job: JobId,
    force: bool,
) -> Verdict {
    let Some(known) = state.queues.get(queue) else {
        return Verdict::Refuse(Refusal::NotFound);
    };
    let cancelled = || Record::Cancelled { queue: queue.clone(), job };
    if known.jobs.corpse(job).is_some() {
        return Verdict::Grant(vec![cancelled()], Answer::Deleted);
    }
    let mut records = match known.jobs.out(job) {
        None if known.jobs.waiting(job).is_some() => vec![cancelled()],
        None => return Verdict::Refuse(Refusal::NotFound),
        Some(_) if !force => return Verdict::Refuse(Refusal::Leased),
        Some(out) => {
            let lease = state.leases.get(out.lease).expect("a job is held by a lease");
            vec![lease.settled(out.lease, at.now, Outcome::Broken, Then::Dropped)]
        }
    };
    records.extend(drained(state, queue, known, 1));
    Verdict::Grant(records, Answer::Deleted)
}

pub(crate) fn judge_pause(state: &State, queue: &Name, paused: bool) -> Verdict {
    let Some(known) = state.queues.get(queue) else {
        return Verdict::Refuse(Refusal::NotFound);
    };
    let changes = known.config.policy.paused != paused;
    let record = changes.then(|| Record::Paused { queue: queue.clone(), paused });
    Verdict::Grant(record.into_iter().collect(), Answer::Paused)
}

pub(crate) fn judge_purge(state: &State, queue: &Name, only: Option<JobState>) -> Verdict {
    let Some(known) = state.queues.get(queue) else {
        return Verdict::Refuse(Refusal::NotFound);
    };
    if only == Some(JobState::Leased) {
        return Verdict::Refuse(Refusal::Leased);
    }
    let (mut records, mut gone, mut all) = (Vec::new(), 0, 0);
    for of in [JobState::Ready, JobState::Delayed, JobState::Dead, JobState::Done] {
        let there = known.jobs.count(of);
        let asked = only.map_or(of != JobState::Done, |only| only == of);
        if asked && there > 0 {
            let dropped = there as u64;
            records.push(Record::Purged { queue: queue.clone(), state: of, dropped });
            all += dropped;
            gone += if matches!(of, JobState::Ready | JobState::Delayed) { there } else { 0 };
        }
    }
    records.extend(drained(state, queue, known, gone));
    Verdict::Grant(records, Answer::Purged { dropped: all })
}

/// The next job that has waited for as long as it may: what becomes of it.
pub(crate) fn end_wait(state: &State, now: Time, queue: &Name, job: JobId) -> Vec<Record> {
    let known = state.queues.get(queue).expect("a job that waits has a queue");
    let mut records = if known.config.policy.dead_letter.is_some() {
        let died = Record::Died { queue: queue.clone(), job, cause: Cause::Ttl };
        let moved = bury_elsewhere(state, now, queue, job);
        [died].into_iter().chain(moved.into_iter().flatten()).collect()
    } else {
        vec![Record::Dropped { queue: queue.clone(), job, cause: DropCause::Ttl }]
    };
    records.extend(drained(state, queue, known, 1));
    records
}

/// How a job that dies goes into the dead letter queue, if its queue has one that takes it.
pub(crate) fn bury_elsewhere(
    state: &State,
    now: Time,
    from: &Name,
    job: JobId,
) -> Option<Vec<Record>> {
    let to = state.queues.get(from)?.config.policy.dead_letter.as_ref()?;
    let known = state.queues.get(to);
    if known.is_some_and(|known| known.gate != Gate::Open) {
        return None;
    }
    let made = known.is_none().then(|| Record::Made { thing: Thing::Queue(to.clone()) });
    let ends = known.and_then(|known| known.config.policy.ttl).map(|ttl| now + ttl);
    let (from, to) = (from.clone(), to.clone());
    let moved = Record::Moved { from, job, to, ready_at: now, ends, dead_letter: true };
    Some(made.into_iter().chain([moved]).collect())
}

/// The record that no job is unfinished any more, if that is so once so many are gone.
pub(crate) fn drained(state: &State, name: &Name, queue: &Queue, gone: usize) -> Option<Record> {
    let generation = state.last_generation + 1;
    let last = gone > 0 && queue.jobs.unfinished() == gone;
    last.then(|| Record::Drained { queue: name.clone(), generation })
}
