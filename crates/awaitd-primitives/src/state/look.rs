//! Jobs, looked at without touching them.

use std::sync::Arc;

use crate::judge::Verdict;
use crate::limits::{LISTED_BYTES_MAX, LOOKED_MAX};
use crate::messages::answer::{Answer, Refusal};
use crate::messages::command::JobId;
use crate::messages::job::{JobState, Trait};
use crate::messages::name::Name;
use crate::messages::view::JobView;
use crate::state::State;

pub(crate) fn judge_read(state: &State, queue: &Name, job: JobId) -> Verdict {
    match view(state, queue, job) {
        Some(view) => Verdict::Grant(Vec::new(), Answer::Job(Box::new(view))),
        None => Verdict::Refuse(Refusal::NotFound),
    }
}

/// A page ends early where much is said in it, or where many were looked at that are not asked for:
/// its cursor says that there may be more.
pub(crate) fn judge_list(
    state: &State,
    queue: &Name,
    (only, key): (Option<JobState>, Option<&Arc<str>>),
    cursor: Option<JobId>,
    (limit, bodies): (usize, bool),
) -> Verdict {
    let Some(known) = state.queues.get(queue) else {
        return Verdict::Refuse(Refusal::NotFound);
    };
    let after = cursor.unwrap_or(JobId(0));
    let ids: Box<dyn Iterator<Item = JobId>> = match (only, key) {
        (_, Some(key)) => Box::new(known.jobs.of_key(key, after)),
        (Some(only), None) => known.jobs.page(only, after),
        (None, None) => known.jobs.all(after),
    };
    let (mut items, mut bytes, mut last, mut cursor) = (Vec::<JobView>::new(), 0, None, None);
    for (looked, id) in ids.enumerate() {
        if looked >= LOOKED_MAX {
            cursor = last;
            break;
        }
        let view = view(state, queue, id);
        if let Some(view) = view.filter(|view| only.is_none_or(|only| view.state == only)) {
            bytes += said(&view, bodies);
            if items.len() >= limit || !items.is_empty() && bytes > LISTED_BYTES_MAX {
                cursor = last;
                break;
            }
            items.push(view);
        }
        last = Some(id);
    }
    Verdict::Grant(Vec::new(), Answer::Jobs { items, cursor })
}

/// What came of a job. One that is done and of which nothing is kept is not known any more.
pub(crate) fn judge_result(state: &State, queue: &Name, job: JobId) -> Verdict {
    match view(state, queue, job) {
        Some(JobView { state: JobState::Done, payload, .. }) => {
            Verdict::Grant(Vec::new(), Answer::Result(payload))
        }
        Some(JobView { state: JobState::Dead, .. }) => Verdict::Refuse(Refusal::Failed),
        Some(_) => Verdict::Wait,
        None if state.is_dead_letter(queue, job) => Verdict::Refuse(Refusal::Failed),
        None => Verdict::Refuse(Refusal::NotFound),
    }
}

/// How many bytes somebody said about a job that is shown, with its body or without.
fn said(view: &JobView, bodies: bool) -> usize {
    let body = if bodies { view.payload.body.len() } else { 0 };
    let error = view.error.as_ref().map_or(0, |error| error.len());
    body + error + view.traits.iter().map(Trait::bytes).sum::<usize>()
}

/// A job as it is.
fn view(state: &State, queue: &Name, id: JobId) -> Option<JobView> {
    let known = state.queues.get(queue)?;
    if let Some(kept) = known.jobs.results().and_then(|results| results.get(id)) {
        return Some(JobView {
            queue: queue.clone(),
            job: id,
            state: JobState::Done,
            enqueued: kept.enqueued,
            since: kept.enqueued,
            attempts: 0,
            error: None,
            lease: None,
            rank: None,
            payload: kept.result.clone(),
            traits: Vec::new(),
        });
    }
    let found = known.jobs.find(id)?;
    let lease = found.lease.and_then(|id| Some((id, state.leases.get(id)?.until)));
    Some(JobView {
        queue: queue.clone(),
        job: id,
        state: found.state,
        enqueued: found.job.enqueued,
        since: found.job.since(found.place),
        attempts: found.job.attempts(),
        error: found.job.error().map(Into::into),
        lease,
        rank: known.jobs.rank_of(id).cloned(),
        payload: found.job.payload.clone(),
        traits: found.job.traits().to_vec(),
    })
}
