//! What the core told, in the words of a transcript.

use awaitd_primitives::{
    Answer, Command, Grant, Granted, Holder, Payload, Refusal, Thing, Time, View, Withdrawal,
};

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
        Answer::Deleted | Answer::ShutDown | Answer::Cleared | Answer::Settled => Said::Ok,
        Answer::Placed { job, .. } => Said::Placed(job.0),
        Answer::Got(got) => {
            let lease = Lease { fence: got.lease.fence(), thing: Thing::Queue(got.queue.clone()) };
            // At most once: done once it is delivered, so there is no lease to come back with.
            let lease = got.until.map(|_| lease);
            Said::Got(got.job.0, text(here(&got.payload)), lease, got.attempt)
        }
        Answer::Fired => Said::Ok,
        Answer::Present { .. }
        | Answer::GotMany(_)
        | Answer::Job(_)
        | Answer::Jobs { .. }
        | Answer::Result(_)
        | Answer::Paused
        | Answer::Purged { .. }
        | Answer::Redriven { .. } => todo!("words for them"),
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
