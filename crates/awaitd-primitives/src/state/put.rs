//! A job comes into a queue: by a put, or by a redrive, which is one.

use std::time::Duration;

use crate::judge::{At, Verdict};
use crate::limits::{DROPPED_MAX, Limits};
use crate::messages::answer::{Answer, Refusal};
use crate::messages::checkpoint::Gate;
use crate::messages::command::{JobId, Payload};
use crate::messages::configuration::{Order, Rank};
use crate::messages::job::Trait;
use crate::messages::name::{Name, Thing};
use crate::messages::policy::WhenFull;
use crate::messages::record::{DropCause, Record};
use crate::messages::time::Delay;
use crate::state::State;
use crate::state::job::Load;
use crate::state::queue::Queue;
use crate::state::ranks;

/// What is put.
pub(crate) struct Put<'a> {
    pub(crate) queue: &'a Name,
    pub(crate) payload: &'a Payload,
    pub(crate) delay: Delay,
    pub(crate) rank: Option<&'a Rank>,
    pub(crate) ttl: Option<Duration>,
    pub(crate) traits: &'a [Trait],
}

pub(crate) fn judge_put(state: &State, limits: &Limits, at: At, put: &Put) -> Verdict {
    let mut records = Vec::with_capacity(2);
    let known = state.queues.get(put.queue);
    let order = known.map_or(Order::default(), |known| known.config.order);
    let may_make = if known.is_none() { state.may_make(limits) } else { Ok(()) };
    if let Err(refusal) = may_make {
        return Verdict::Refuse(refusal);
    }
    if put.rank.is_some() && order != Order::Priority {
        return Verdict::Refuse(Refusal::NoRanks);
    }
    if let Some(known) = known {
        if known.gate != Gate::Open {
            return Verdict::Refuse(Refusal::QueueShutDown);
        }
        if let Some(job) = Trait::unique_in(put.traits).and_then(|value| known.jobs.unique(value)) {
            return Verdict::Grant(Vec::new(), Answer::Present { queue: put.queue.clone(), job });
        }
    }
    let bytes = put.payload.body.len() as u64;
    let traits: usize = put.traits.iter().map(Trait::bytes).sum();
    let with_all = (put.payload.bytes() + traits) as u64 + put.rank.map_or(0, ranks::bytes);
    let mut goes = Load::default();
    let room = known.map(|known| make_room(put.queue, known, bytes, &mut goes));
    let most = limits.memory_max.saturating_add(goes.memory());
    if state.memory().saturating_add(with_all) > most {
        return Verdict::Refuse(Refusal::MemoryFull);
    }
    match room {
        Some(Ok(dropped)) => records.extend(dropped),
        Some(Err(verdict)) => return verdict,
        None => records.push(Record::Made { thing: Thing::Queue(put.queue.clone()) }),
    }
    if let Err(refusal) = state.usage.admits(put.queue, with_all, goes, at.now) {
        return Verdict::Refuse(refusal);
    }
    let (queue, job) = (put.queue.clone(), JobId(state.last_job + 1));
    if let Some(rank) = put.rank.cloned() {
        records.push(Record::Ranked { queue: queue.clone(), job, rank });
    }
    let ttl = put.ttl.or_else(|| known?.config.policy.ttl);
    let (ready_at, dated) = match put.delay {
        Delay::For(length) => (at.now + length, None),
        Delay::Until(wall) => (state.moment(wall).max(at.now), Some(Trait::At(wall))),
    };
    let dated = dated.filter(|_| ready_at > at.now);
    if ttl.is_some() || dated.is_some() || !put.traits.is_empty() {
        let ends = ttl.map(|ttl| Trait::Ends(at.now + ttl));
        let traits = put.traits.iter().cloned().chain(ends).chain(dated).collect();
        records.push(Record::Traits { queue: queue.clone(), job, traits });
    }
    let payload = put.payload.clone();
    records.push(Record::Placed { queue: queue.clone(), job, ready_at, payload });
    Verdict::Grant(records, Answer::Placed { queue, job })
}

/// What has to go before a job of so many bytes may come; `goes` is the sum of it.
fn make_room(
    name: &Name,
    queue: &Queue,
    bytes: u64,
    goes: &mut Load,
) -> Result<Vec<Record>, Verdict> {
    let policy = &queue.config.policy;
    if let Some(max_bytes) = policy.max_bytes.filter(|most| bytes > *most) {
        return Err(Verdict::Refuse(Refusal::TooLarge { max_bytes }));
    }
    if has_too_many_dead(queue) {
        return Err(Verdict::Wait);
    }
    let mut gone = (0, 0);
    if !queue.is_full(bytes, (0, 0), gone) {
        return Ok(Vec::new());
    }
    if policy.full == WhenFull::Wait {
        return Err(Verdict::Wait);
    }
    let mut dropped = Vec::new();
    for (job, what) in queue.jobs.oldest() {
        dropped.push(Record::Dropped { queue: name.clone(), job, cause: DropCause::Full });
        gone = (gone.0 + 1, gone.1 + what.payload.body.len() as u64);
        let rank = queue.jobs.rank_of(job).map_or(0, ranks::bytes);
        goes.add(what.load());
        goes.add(Load { jobs: 0, bytes: rank, here: rank });
        if !queue.is_full(bytes, (0, 0), gone) || dropped.len() >= DROPPED_MAX {
            return Ok(dropped);
        }
    }
    Err(Verdict::Wait)
}

/// Nobody has looked at the dead jobs of this queue for long.
pub(crate) fn has_too_many_dead(queue: &Queue) -> bool {
    queue.jobs.dead() as u64 >= queue.config.policy.max_dead
}
