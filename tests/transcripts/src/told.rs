//! What the core told, in the words of a transcript.

use awaitd_primitives::{
    Answer, Command, Got, Grant, Granted, Holder, JobState, JobView, Payload, Refusal, Thing, Time,
    Trait, View, Withdrawal,
};

use super::jobs::{Died, Looked, More, Taken};
use super::said::{Facts, Lease, Said};

/// What the core told at `now`.
pub fn told(command: &Command, told: &Result<Answer, Refusal>, now: Time) -> Said {
    let answer = match told {
        Ok(answer) => answer,
        Err(refusal) => return refused(refusal, now),
    };
    match answer {
        Answer::Configured { configuration, created } => {
            Said::Configured(*created, configuration.clone())
        }
        Answer::State(view) => state(view, now),
        Answer::List { items, cursor } => {
            let names = items.iter().map(|view| view.name().to_string()).collect();
            Said::List(names, cursor.as_ref().map(ToString::to_string))
        }
        Answer::Deleted
        | Answer::ShutDown
        | Answer::Cleared
        | Answer::Settled
        | Answer::Paused
        | Answer::Fired => Said::Ok,
        Answer::Placed { job, .. } => Said::Placed(job.0),
        Answer::Present { job, .. } => Said::Present(job.0),
        Answer::Got(got) => Said::Got(taken(command, got)),
        Answer::GotMany(all) => Said::GotMany(all.iter().map(|got| taken(command, got)).collect()),
        Answer::Job(view) => Said::Job(Box::new(looked(view, true, now))),
        Answer::Jobs { items, cursor } => {
            let bodies = matches!(command, Command::ListJobs { bodies: true, .. });
            let items = items.iter().map(|view| looked(view, bodies, now)).collect();
            Said::Jobs(items, cursor.map(|job| job.0))
        }
        Answer::Result(result) => Said::Result(text(here(result))),
        Answer::Purged { dropped } => Said::Dropped(*dropped),
        Answer::Redriven { moved, left } => Said::Moved(*moved, *left),
        Answer::Joined { generation } => Said::Drained(*generation),
        Answer::Set { generation } => Said::Generation(*generation, String::new()),
        Answer::Happened { generation, value } => Said::Generation(*generation, text(here(value))),
        Answer::Acquired(grant) => Said::Acquired(lease(grant)),
        Answer::Woken { grant, notified, .. } => Said::Woken(lease(grant), *notified),
        Answer::Notified { woken } => Said::Notified(*woken),
        Answer::Broken(holders) => {
            let lock = command.thing().expect("a lock was named");
            Said::Broke(lock, from_zero(holders, now))
        }
        Answer::Tripped { index, generation } => Said::Met(*index, *generation),
        Answer::Extended(grant) | Answer::Held(grant) => {
            Said::Lasts(lease(grant), grant.until.since(now))
        }
        Answer::Withdrawn(Withdrawal::Withdrawn) => Said::Withdrawn,
        Answer::Withdrawn(Withdrawal::Granted(granted)) => match granted {
            Granted::Job(_, job) => Said::GrantedJob(job.0),
            Granted::Lease(thing, lease) => {
                Said::GrantedLease(Lease { fence: lease.fence(), thing: thing.clone() })
            }
            Granted::Nothing => Said::GrantedNothing,
        },
    }
}

fn taken(command: &Command, got: &Got) -> Taken {
    let lease = Lease { fence: got.lease.fence(), thing: Thing::Queue(got.queue.clone()) };
    let any = matches!(command, Command::GetAny { .. });
    Taken {
        job: got.job.0,
        value: text(here(&got.payload)),
        // At most once: done once it is delivered, so there is no lease to come back with.
        lease: got.until.map(|_| lease),
        attempt: got.attempt.into(),
        from: any.then(|| got.queue.to_string()),
        more: more(&got.traits),
    }
}

fn looked(view: &JobView, with_body: bool, now: Time) -> Looked {
    let mut looked = Looked {
        job: view.job.0,
        state: view.state.name().into(),
        value: with_body.then(|| text(here(&view.payload))),
        attempts: view.attempts.into(),
        error: view.error.as_deref().map(Into::into),
        due: (view.state == JobState::Delayed).then(|| view.since.since(view.enqueued)),
        held_for: view.lease.and_then(|(_, until)| Some(until?.since(now))),
        rank: view.rank.as_ref().map(ToString::to_string),
        more: more(&view.traits),
        ..Looked::default()
    };
    for it in &view.traits {
        match it {
            Trait::Unique(value) => looked.unique = Some(value.to_string()),
            Trait::Ends(ends) => looked.ends = Some(ends.since(view.enqueued)),
            Trait::MaxAttempts(most) => looked.max_attempts = Some((*most).into()),
            Trait::Lease(length) => looked.lease_length = Some(*length),
            Trait::Progress(progress) => looked.progress = Some(text(here(progress))),
            Trait::Key(_)
            | Trait::Header(..)
            | Trait::Past(_)
            | Trait::HoldsKey
            | Trait::Dead
            | Trait::At(_) => {}
        }
    }
    looked
}

fn more(traits: &[Trait]) -> More {
    let mut more = More::default();
    for it in traits {
        match it {
            Trait::Key(key) => more.key = Some(key.to_string()),
            Trait::Header(name, value) => more.headers.push((name.to_string(), value.to_string())),
            Trait::Past(past) => {
                more.died = Some(Died {
                    queue: past.from.to_string(),
                    reason: past.cause.code().into(),
                    attempts: past.attempts.into(),
                    error: past.error.as_deref().map(Into::into),
                });
            }
            _ => {}
        }
    }
    more
}

/// A state, with what is left of leases rather than their ends.
fn state(view: &View, now: Time) -> Said {
    let mut view = view.clone();
    match &mut view {
        View::Queue(view) => {
            return Said::Queue(view.clone(), view.oldest_ready.map(|since| now.since(since)));
        }
        View::Lock(view) => view.holders = from_zero(&view.holders, now),
        View::Semaphore(view) => view.holders = from_zero(&view.holders, now),
        View::Event(_) | View::Barrier(_) | View::Condition(_) | View::Schedule(_) => {}
    }
    Said::State(Box::new(view))
}

fn from_zero(holders: &[Holder], now: Time) -> Vec<Holder> {
    let left = |holder: &Holder| Time::ZERO + holder.until.since(now);
    holders.iter().map(|holder| Holder { until: left(holder), ..holder.clone() }).collect()
}

fn lease(grant: &Grant) -> Lease {
    Lease { fence: grant.lease.fence(), thing: grant.thing.clone() }
}

/// A refusal at `now`.
fn refused(refusal: &Refusal, now: Time) -> Said {
    let facts = match refusal {
        Refusal::NotDrained { unfinished, generation } => Facts {
            unfinished: Some(*unfinished),
            generation: Some(*generation),
            ..Facts::default()
        },
        Refusal::NotSet { generation } | Refusal::AlreadySet { generation } => {
            Facts { generation: Some(*generation), ..Facts::default() }
        }
        Refusal::Exists { configuration } => {
            Facts { config: Some(configuration.clone()), ..Facts::default() }
        }
        Refusal::Locked { owner, until, .. } => Facts {
            owner: owner.as_ref().map(ToString::to_string),
            held_for: until.map(|until| until.since(now)),
            ..Facts::default()
        },
        Refusal::Full
        | Refusal::WaitingBytes
        | Refusal::TooLarge { .. }
        | Refusal::MemoryFull
        | Refusal::OverQuota { .. }
        | Refusal::NotDone
        | Refusal::Failed
        | Refusal::OwnDeadLetter
        | Refusal::QueueShutDown
        | Refusal::Empty
        | Refusal::OtherOrder
        | Refusal::NoRanks
        | Refusal::OverBound { .. }
        | Refusal::NotTripped
        | Refusal::Broken
        | Refusal::NotExclusive
        | Refusal::Leased
        | Refusal::Held
        | Refusal::LeaseLost
        | Refusal::NotFound
        | Refusal::Deleted
        | Refusal::KeyMismatch
        | Refusal::Superseded
        | Refusal::Withdrawn
        | Refusal::TooManyWaits
        | Refusal::TooManyKeys
        | Refusal::TooManyNames
        | Refusal::DiskFull
        | Refusal::ShuttingDown => Facts::default(),
    };
    Said::Refused(refusal.code().into(), facts)
}

/// The bytes of what is in memory.
pub fn here(payload: &Payload) -> &[u8] {
    payload.body.here().expect("no transcript has more than memory holds")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
