//! What is to be done with a command: one match, one line a command. Pure.

use crate::limits::{Limits, REMEMBER_FOR};
use crate::messages::answer::{Answer, Refusal};
use crate::messages::command::{Ask, Command, Key, LeaseId};
use crate::messages::name::Thing;
use crate::messages::record::{Held, Record, Remembrance};
use crate::messages::time::Time;
use crate::state::ending::{Ending, end};
use crate::state::lease::Lease;
use crate::state::remembered::{KeyOf, Memory};
use crate::state::settled::Fate;
use crate::state::{State, event, lock, queue};

/// The moment of a judgement.
#[derive(Clone, Copy, Debug, Default)]
pub struct At {
    /// The moment that is worked off: it decides what is due and what has ended.
    pub now: Time,
    /// The clock's newest reading: new leases count from here.
    pub clock: Time,
}

/// What is to be done with a command.
#[derive(Clone, Debug)]
pub enum Verdict {
    /// Do this and tell that. Nothing to do: a read, or a repeat of what was done before.
    Grant(Vec<Record>, Answer),
    /// Let it wait.
    Wait,
    /// Tell it no.
    Refuse(Refusal),
}

/// Decides, and changes nothing. A request under a key that was done is answered as it was then;
/// one that is done now will be remembered.
pub fn judge(state: &State, limits: &Limits, at: At, ask: &Ask) -> Verdict {
    let Some((key, of)) = ask.key.as_ref().and_then(|key| Some((key, key_of(ask, key)?))) else {
        return decide(state, limits, at, &ask.command);
    };
    if let Some(memory) = state.remembered.get(&of) {
        return match recall(state, key, memory) {
            Ok(answer) => Verdict::Grant(Vec::new(), answer),
            Err(refusal) => Verdict::Refuse(refusal),
        };
    }
    match decide(state, limits, at, &ask.command) {
        Verdict::Grant(mut records, answer) => {
            records
                .extend(remembrance(&answer).map(|what| remember(of, key.fingerprint, what, at)));
            Verdict::Grant(records, answer)
        }
        other @ (Verdict::Wait | Verdict::Refuse(_)) => other,
    }
}

/// The key of a request and the thing that it belongs to.
pub(crate) fn key_of(ask: &Ask, key: &Key) -> Option<KeyOf> {
    Some(KeyOf { thing: ask.command.thing()?, text: key.text.clone() })
}

fn decide(state: &State, limits: &Limits, at: At, command: &Command) -> Verdict {
    if !limits.room.suffices(command) {
        return Verdict::Refuse(Refusal::DiskFull);
    }
    match command {
        Command::ConfigureQueue { queue, config, only_new } => {
            queue::judge_configure(state, limits, queue, config, *only_new)
        }
        Command::ReadQueue { queue } => read(queue::view(state, queue).map(Answer::Queue)),
        Command::ListQueues { prefix, cursor, limit } => {
            queue::judge_list(state, prefix, cursor.as_deref(), *limit)
        }
        Command::DeleteQueue { queue } => queue::judge_delete(state, queue),
        Command::Put { queue, payload, delay } => {
            queue::judge_put(state, limits, at, queue, payload, *delay)
        }
        Command::Get { queue, mode, settle: _ } => {
            queue::judge_get(state, limits, at, queue, *mode)
        }
        Command::Join { queue, after } => queue::judge_join(state, limits, queue, *after),
        Command::Shutdown { queue, immediate } => queue::judge_shutdown(state, queue, *immediate),
        Command::SetEvent { event, value, only_unset } => {
            event::judge_set(state, limits, event, value, *only_unset)
        }
        Command::ClearEvent { event } => event::judge_clear(state, event),
        Command::WaitEvent { event, after } => event::judge_wait(state, limits, event, *after),
        Command::Acquire { lock, lease, owner } => {
            lock::judge_acquire(state, limits, at, lock, *lease, owner.as_ref())
        }
        Command::ReadLock { lock } => read(lock::view(state, lock).map(Answer::Lock)),
        Command::DeleteLock { lock, force } => lock::judge_delete(state, lock, *force),
        Command::Done { lease } => judge_done(state, at, lease.id),
        Command::Nack { lease, delay, defer, error } => {
            let (delay, defer, error) = (delay.unwrap_or_default(), *defer, error.as_deref());
            judge_nack(state, at, lease.id, &Ending::Returned { delay, defer, error })
        }
        Command::Extend { lease, length } => judge_extend(state, at, lease.id, *length),
        Command::Watch { lease } => match live(state, lease.id) {
            Ok(_) => Verdict::Wait,
            Err(refusal) => Verdict::Refuse(refusal),
        },
        Command::Withdraw { .. } => unreachable!("the engine takes back, since it knows who waits"),
    }
}

/// What is to be done with a wait for what is not there: whoever parks makes it.
pub(crate) fn wait_for_unknown(limits: &Limits) -> Verdict {
    if limits.auto_create { Verdict::Wait } else { Verdict::Refuse(Refusal::NotFound) }
}

fn read(answer: Option<Answer>) -> Verdict {
    match answer {
        Some(answer) => Verdict::Grant(Vec::new(), answer),
        None => Verdict::Refuse(Refusal::NotFound),
    }
}

fn live(state: &State, id: LeaseId) -> Result<&Lease, Refusal> {
    state.leases.get(id).ok_or_else(|| match state.leases.fate(id) {
        None => Refusal::NotFound,
        Some(Fate::Deleted) => Refusal::Deleted,
        Some(Fate::Lost | Fate::Done | Fate::Returned) => Refusal::LeaseLost,
    })
}

/// A repeat after a cut connection is no error: done is done.
fn judge_done(state: &State, at: At, id: LeaseId) -> Verdict {
    match live(state, id) {
        Ok(lease) => Verdict::Grant(end(state, id, lease, at.now, &Ending::Done), Answer::Settled),
        Err(_) if state.leases.fate(id) == Some(Fate::Done) => {
            Verdict::Grant(Vec::new(), Answer::Settled)
        }
        Err(refusal) => Verdict::Refuse(refusal),
    }
}

fn judge_nack(state: &State, at: At, id: LeaseId, ending: &Ending) -> Verdict {
    let settled = |records| Verdict::Grant(records, Answer::Settled);
    match live(state, id) {
        Ok(Lease { held: Held::Lock { .. }, .. }) => Verdict::Refuse(Refusal::NotFound),
        Ok(lease) => settled(end(state, id, lease, at.now, ending)),
        Err(_) if state.leases.fate(id) == Some(Fate::Returned) => settled(Vec::new()),
        Err(refusal) => Verdict::Refuse(refusal),
    }
}

fn judge_extend(
    state: &State,
    at: At,
    id: LeaseId,
    length: Option<std::time::Duration>,
) -> Verdict {
    let lease = match live(state, id) {
        Ok(lease) => lease,
        Err(refusal) => return Verdict::Refuse(refusal),
    };
    // A lease without an end has no token, so nobody can name it.
    let Some(mut grant) = lease.grant(id) else {
        return Verdict::Refuse(Refusal::NotFound);
    };
    let until = at.clock + length.unwrap_or(lease.length);
    if until <= grant.until {
        return Verdict::Grant(Vec::new(), Answer::Extended(grant));
    }
    grant.until = until;
    Verdict::Grant(vec![Record::Extended { lease: id, until }], Answer::Extended(grant))
}

/// What is told to whoever will not wait, or whose wait is over, or whose lease was over when its
/// answer was to be delivered. `waited`: it stood in line.
pub fn turned_away(state: &State, command: &Command, waited: bool) -> Result<Answer, Refusal> {
    match command {
        Command::Put { .. } => Err(Refusal::Full),
        Command::Get { .. } => Err(Refusal::Empty),
        Command::Join { queue, .. } => Err(queue::not_drained(state, queue)),
        Command::WaitEvent { event, .. } => Err(event::not_set(state, event)),
        Command::Acquire { lock, .. } => Err(lock::locked(state, lock, waited)),
        Command::Watch { lease } => {
            let held = live(state, lease.id)?.grant(lease.id);
            held.map(Answer::Held).ok_or(Refusal::NotFound)
        }
        Command::ConfigureQueue { .. }
        | Command::ReadQueue { .. }
        | Command::ListQueues { .. }
        | Command::DeleteQueue { .. }
        | Command::Shutdown { .. }
        | Command::SetEvent { .. }
        | Command::ClearEvent { .. }
        | Command::ReadLock { .. }
        | Command::DeleteLock { .. }
        | Command::Done { .. }
        | Command::Nack { .. }
        | Command::Extend { .. }
        | Command::Withdraw { .. } => unreachable!("{command:?} never waits"),
    }
}

/// The record that a request was done under a key.
pub(crate) fn remember(of: KeyOf, fingerprint: u128, what: Remembrance, at: At) -> Record {
    let KeyOf { thing, text: key } = of;
    Record::Remembered { thing, key, fingerprint, what, until: at.now + REMEMBER_FOR }
}

/// What is to be remembered of a request that was answered so; nothing of one that only looked.
fn remembrance(answer: &Answer) -> Option<Remembrance> {
    Some(match answer {
        Answer::Configured { queue, config, created } => {
            let (queue, config) = (queue.clone(), config.clone());
            Remembrance::Configured { queue, config, created: *created }
        }
        Answer::Deleted => Remembrance::Deleted,
        Answer::Placed { queue, job } => Remembrance::Placed(queue.clone(), *job),
        Answer::Got(got) => Remembrance::Leased(Thing::Queue(got.queue.clone()), got.lease),
        Answer::ShutDown => Remembrance::ShutDown,
        Answer::Set { generation } => Remembrance::Set(*generation),
        Answer::Cleared => Remembrance::Cleared,
        Answer::Acquired(grant) => Remembrance::Leased(grant.thing.clone(), grant.lease),
        Answer::Settled => Remembrance::Settled,
        Answer::Queue(_)
        | Answer::Queues { .. }
        | Answer::Joined { .. }
        | Answer::Happened { .. }
        | Answer::Lock(_)
        | Answer::Extended(_)
        | Answer::Held(_)
        | Answer::Withdrawn(_) => return None,
    })
}

/// What was told to a request that was done, told again.
pub(crate) fn recall(state: &State, key: &Key, memory: &Memory) -> Result<Answer, Refusal> {
    if memory.what == Remembrance::Withdrawn {
        return Err(Refusal::Withdrawn);
    }
    if memory.fingerprint != key.fingerprint {
        return Err(Refusal::KeyMismatch);
    }
    Ok(match &memory.what {
        Remembrance::Configured { queue, config, created } => {
            let (queue, config) = (queue.clone(), config.clone());
            Answer::Configured { queue, config, created: *created }
        }
        Remembrance::Placed(queue, job) => Answer::Placed { queue: queue.clone(), job: *job },
        Remembrance::Leased(_, lease) => recall_lease(state, *lease)?,
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
    let lease = live(state, id)?;
    match &lease.held {
        Held::Job { queue, job } => {
            let known = state.queues.get(queue).expect("a held job has a queue");
            let out = known.jobs.out(*job).expect("a lease holds a job");
            Ok(queue::got(queue, id, lease.until, lease.waited, out.place, &out.job))
        }
        Held::Lock { .. } => lease.grant(id).map(Answer::Acquired).ok_or(Refusal::LeaseLost),
    }
}
