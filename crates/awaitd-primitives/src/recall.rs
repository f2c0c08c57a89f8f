//! What was done under a key: what of it is remembered, and how it is told again.

use crate::judge::{At, Verdict, live};
use crate::limits::{HOLDERS_SHOWN, REMEMBER_FOR};
use crate::messages::answer::{Answer, Got, Grant, Refusal};
use crate::messages::command::{Ask, Command, Key, LeaseId};
use crate::messages::configuration::Configuration;
use crate::messages::name::Thing;
use crate::messages::record::{Held, Record};
use crate::messages::remembrance::Remembrance;
use crate::state::State;
use crate::state::get::got;
use crate::state::remembered::{KeyOf, Memory};

/// The key of a request and what it belongs to.
pub(crate) fn key_of(ask: &Ask, key: &Key) -> Option<KeyOf> {
    Some(KeyOf { thing: ask.command.owner()?, text: key.text.clone() })
}

/// A request under a key that was done is answered as it was then; `None` if this one was not.
pub(crate) fn recalled(state: &State, ask: &Ask) -> Option<Verdict> {
    let key = ask.key.as_ref()?;
    let memory = state.remembered.get(&key_of(ask, key)?)?;
    Some(match recall(state, (ask, key), memory) {
        Ok(answer) => Verdict::Grant(Vec::new(), answer),
        Err(refusal) => Verdict::Refuse(refusal),
    })
}

/// What is granted under a key will be remembered.
pub(crate) fn remembering(ask: &Ask, verdict: Verdict, at: At) -> Verdict {
    match (&ask.key, verdict) {
        (Some(key), Verdict::Grant(mut records, answer)) => {
            let what = key_of(ask, key).zip(remembrance(&ask.command, &answer));
            records.extend(what.map(|(of, what)| remember(of, key.fingerprint, what, at)));
            Verdict::Grant(records, answer)
        }
        (_, verdict) => verdict,
    }
}

/// The record that a request was done under a key.
pub(crate) fn remember(of: KeyOf, fingerprint: u128, what: Remembrance, at: At) -> Record {
    let KeyOf { thing, text: key } = of;
    Record::Remembered { thing, key, fingerprint, what, until: at.now + REMEMBER_FOR }
}

/// What is to be remembered of a request that was answered so; nothing of one that only looked.
fn remembrance(command: &Command, answer: &Answer) -> Option<Remembrance> {
    Some(match answer {
        Answer::Configured { configuration, created } => match configuration.clone() {
            Configuration::Queue(queue, config) => {
                Remembrance::Configured { queue, config, created: *created }
            }
            // As it is now: its body may be large.
            Configuration::Schedule(..) => Remembrance::Scheduled { created: *created },
            configuration @ (Configuration::Semaphore(..) | Configuration::Barrier(..)) => {
                Remembrance::Prepared { configuration, created: *created }
            }
        },
        Answer::Present { queue, job } => Remembrance::Present(queue.clone(), *job),
        Answer::Paused => Remembrance::Paused,
        Answer::Purged { dropped } => Remembrance::Purged(*dropped),
        Answer::Redriven { moved, left } => Remembrance::Redriven(*moved, *left),
        Answer::Deleted => Remembrance::Deleted,
        Answer::Placed { queue, job } => Remembrance::Placed(queue.clone(), *job),
        Answer::Got(got) => Remembrance::Leased(Thing::Queue(got.queue.clone()), got.lease),
        Answer::ShutDown => Remembrance::ShutDown,
        Answer::Set { generation } => Remembrance::Set(*generation),
        Answer::Cleared => Remembrance::Cleared,
        Answer::Acquired(grant) => Remembrance::Leased(grant.thing.clone(), grant.lease),
        Answer::Woken { grant: Grant { thing, lease, .. }, notified, .. } => {
            Remembrance::Woken { lock: thing.name().clone(), lease: *lease, notified: *notified }
        }
        Answer::Broken(holders) => {
            Remembrance::Broke(holders.iter().take(HOLDERS_SHOWN).cloned().collect())
        }
        Answer::Tripped { index, generation } => {
            Remembrance::Tripped { index: *index, generation: *generation }
        }
        Answer::Notified { woken } => Remembrance::Notified(*woken),
        Answer::Settled => Remembrance::Settled,
        Answer::State(_) => match command {
            Command::Release { .. } => Remembrance::Released,
            Command::ResetBarrier { .. } | Command::AbortBarrier { .. } => Remembrance::Turned,
            _ => return None,
        },
        // No key comes with a get of many.
        Answer::GotMany(_)
        | Answer::Fired
        | Answer::List { .. }
        | Answer::Job(_)
        | Answer::Jobs { .. }
        | Answer::Result(_)
        | Answer::Joined { .. }
        | Answer::Happened { .. }
        | Answer::Extended(_)
        | Answer::Held(_)
        | Answer::Withdrawn(_) => return None,
    })
}

/// What was told to a request that was done, told again.
pub(crate) fn recall(
    state: &State,
    (ask, key): (&Ask, &Key),
    memory: &Memory,
) -> Result<Answer, Refusal> {
    if memory.what == Remembrance::Withdrawn {
        return Err(Refusal::Withdrawn);
    }
    if memory.fingerprint != key.fingerprint {
        return Err(Refusal::KeyMismatch);
    }
    Ok(match &memory.what {
        Remembrance::Configured { queue, config, created } => {
            let (queue, config) = (queue.clone(), config.clone());
            let configuration = Configuration::Queue(queue, config);
            Answer::Configured { configuration, created: *created }
        }
        Remembrance::Prepared { configuration, created } => {
            Answer::Configured { configuration: configuration.clone(), created: *created }
        }
        Remembrance::Scheduled { created } => {
            let thing = ask.command.thing();
            let configuration = thing.and_then(|thing| state.configuration(&thing));
            let configuration = configuration.ok_or(Refusal::NotFound)?;
            Answer::Configured { configuration, created: *created }
        }
        Remembrance::Broke(holders) => Answer::Broken(holders.clone()),
        // As it is now: what it was then is of no use to anybody.
        Remembrance::Released | Remembrance::Turned => {
            let view = ask.command.thing().and_then(|thing| state.view(&thing));
            Answer::State(Box::new(view.ok_or(Refusal::NotFound)?))
        }
        Remembrance::Tripped { index, generation } => {
            Answer::Tripped { index: *index, generation: *generation }
        }
        Remembrance::Woken { lease, notified, .. } => {
            match (&ask.command, recall_lease(state, *lease)?) {
                (Command::WaitCondition { condition, .. }, Answer::Acquired(grant)) => {
                    Answer::Woken { grant, condition: condition.clone(), notified: *notified }
                }
                (_, other) => other,
            }
        }
        Remembrance::Notified(woken) => Answer::Notified { woken: *woken },
        Remembrance::Placed(queue, job) => Answer::Placed { queue: queue.clone(), job: *job },
        Remembrance::Leased(_, lease) => recall_lease(state, *lease)?,
        Remembrance::Present(queue, job) => Answer::Present { queue: queue.clone(), job: *job },
        Remembrance::Paused => Answer::Paused,
        Remembrance::Purged(dropped) => Answer::Purged { dropped: *dropped },
        Remembrance::Redriven(moved, left) => Answer::Redriven { moved: *moved, left: *left },
        Remembrance::Settled => Answer::Settled,
        Remembrance::Deleted => Answer::Deleted,
        Remembrance::ShutDown => Answer::ShutDown,
        Remembrance::Set(generation) => Answer::Set { generation: *generation },
        Remembrance::Cleared => Answer::Cleared,
        Remembrance::Asked(withdrawal) => Answer::Withdrawn(withdrawal.clone()),
        Remembrance::Withdrawn => unreachable!("refused above"),
    })
}

/// The same lease and what is left of it, never a second one.
fn recall_lease(state: &State, id: LeaseId) -> Result<Answer, Refusal> {
    match recall_job(state, id) {
        Ok(got) => Ok(Answer::Got(Box::new(got))),
        Err(_) => live(state, id)?.grant(id).map(Answer::Acquired).ok_or(Refusal::LeaseLost),
    }
}

fn recall_job(state: &State, id: LeaseId) -> Result<Got, Refusal> {
    let lease = live(state, id)?;
    let Held::Job { queue, job } = &lease.held else { return Err(Refusal::NotFound) };
    let known = state.queues.get(queue).expect("a held job has a queue");
    let out = known.jobs.out(*job).expect("a lease holds a job");
    Ok(got(known, queue, id, lease.until, lease.waited, out.place, &out.job))
}
