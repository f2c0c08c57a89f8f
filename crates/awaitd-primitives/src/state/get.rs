//! A job is handed out.

use std::time::Duration;

use crate::judge::{At, Verdict, wait_for_unknown};
use crate::limits::Limits;
use crate::messages::answer::{Answer, Got, Refusal};
use crate::messages::checkpoint::Gate;
use crate::messages::command::{GetMode, LeaseId};
use crate::messages::name::Name;
use crate::messages::record::{Held, Record};
use crate::messages::time::Time;
use crate::state::State;
use crate::state::job::{Job, Place};
use crate::state::queue::Queue;

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
    if known.gate != Gate::Open && known.waiting() == 0 {
        return Verdict::Refuse(Refusal::QueueShutDown);
    }
    let policy = &known.config.policy;
    if policy.paused || known.jobs.leased() as u64 >= policy.leased_max() {
        return Verdict::Wait;
    }
    let Some((place, job)) = known.jobs.first() else {
        return Verdict::Wait;
    };
    if let Some(again) = known.next_allowed().filter(|allowed| *allowed > at.now) {
        return Verdict::WaitUntil(again);
    }
    let lease = state.leases.next();
    let (length, until) = match mode {
        GetMode::Leased(length) => {
            let length = length.or_else(|| job.lease()).unwrap_or(known.config.lease);
            (length, Some(at.clock + length))
        }
        GetMode::AtMostOnce => (Duration::ZERO, None),
    };
    let waited = at.now.since(job.since(place));
    let held = Held::Job { queue: queue.clone(), job: place.job };
    let got = Answer::Got(Box::new(got(known, queue, lease, until, waited, place, job)));
    let ready_at = place.ready_at;
    Verdict::Grant(vec![Record::Leased { lease, held, length, until, waited, ready_at }], got)
}

/// A job, as a get is answered with it.
pub(crate) fn got(
    known: &Queue,
    queue: &Name,
    lease: LeaseId,
    until: Option<Time>,
    waited: Duration,
    place: Place,
    job: &Job,
) -> Got {
    let policy = &known.config.policy;
    let attempts = job.attempts();
    let last = attempts.saturating_add(1) >= known.most_attempts(job);
    Got {
        queue: queue.clone(),
        job: place.job,
        lease,
        until,
        attempt: attempts.saturating_add(1),
        waited,
        enqueued: job.enqueued,
        payload: job.payload.clone(),
        traits: job.traits().to_vec(),
        promised: last || job.key().is_some() || policy.concurrency.is_some(),
    }
}
