//! What is to be done with a command: one match, one line a command. Pure.

use crate::limits::Limits;
use crate::messages::answer::{Answer, Refusal};
use crate::messages::command::{Ask, Command, LeaseId, LeaseRef, Payload, Share};
use crate::messages::configuration::Configuration;
use crate::messages::name::{Kind, Name, Thing};
use crate::messages::record::{Held, Record};
use crate::messages::time::Time;
use crate::messages::view::View;
use crate::recall::{recalled, remembering};
use crate::state::ending::{Ending, end};
use crate::state::lease::Lease;
use crate::state::permits::Taking;
use crate::state::put::{self, Put};
use crate::state::redrive::{self, Redrive};
use crate::state::schedule::{self, Fire};
use crate::state::settled::Fate;
use crate::state::{State, barrier, event, get, look, permits, queue, tend};

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
    /// Let it wait, and judge it again at this moment.
    WaitUntil(Time),
    /// Tell it no.
    Refuse(Refusal),
}

/// Decides, and changes nothing. A request under a key that was done is answered as it was then;
/// one that is done now will be remembered.
pub fn judge(state: &State, limits: &Limits, at: At, ask: &Ask) -> Verdict {
    recalled(state, ask)
        .unwrap_or_else(|| remembering(ask, decide(state, limits, at, &ask.command), at))
}

fn decide(state: &State, limits: &Limits, at: At, command: &Command) -> Verdict {
    if !limits.room.suffices(command) {
        return Verdict::Refuse(Refusal::DiskFull);
    }
    match command {
        Command::Configure { configuration, only_new } => {
            judge_configure(state, limits, configuration, *only_new)
        }
        Command::Read { thing } => match state.view(thing) {
            Some(view) => Verdict::Grant(Vec::new(), Answer::State(Box::new(view))),
            None => Verdict::Refuse(Refusal::NotFound),
        },
        Command::List { kind, prefix, cursor, limit } => {
            judge_list(state, *kind, prefix, cursor.as_deref(), *limit)
        }
        Command::Delete { thing, force } => match thing {
            Thing::Queue(queue) => queue::judge_delete(state, queue),
            Thing::Event(event) => event::judge_clear(state, event),
            Thing::Lock(_) | Thing::Semaphore(_) => permits::judge_delete(state, thing, *force),
            Thing::Barrier(barrier) => barrier::judge_delete(state, barrier),
            Thing::Schedule(schedule) => schedule::judge_delete(state, schedule),
        },
        Command::Put { queue, payload, delay, rank, ttl, traits } => {
            let (delay, rank, ttl) = (*delay, rank.as_ref(), *ttl);
            put::judge_put(state, limits, at, &Put { queue, payload, delay, rank, ttl, traits })
        }
        Command::Fire { schedule, queue, after, due, skip } => {
            let (after, due, skip) = (*after, *due, *skip);
            schedule::judge_fire(state, limits, at, &Fire { schedule, queue, after, due, skip })
        }
        Command::CancelJob { queue, job, force } => {
            tend::judge_cancel(state, at, queue, *job, *force)
        }
        Command::ReadJob { queue, job } => look::judge_read(state, queue, *job),
        Command::ListJobs { queue, state: only, key, cursor, limit, bodies } => {
            let of = (*only, key.as_ref());
            look::judge_list(state, queue, of, *cursor, (*limit, *bodies))
        }
        Command::WaitResult { queue, job } => look::judge_result(state, queue, *job),
        Command::Pause { queue, paused } => tend::judge_pause(state, queue, *paused),
        Command::Purge { queue, state: only } => tend::judge_purge(state, queue, *only),
        Command::Redrive { queue, to, state: only, job, limit, delay, spacing } => {
            let (state_only, job, limit, to) = (*only, *job, *limit, to.as_ref());
            let (delay, spacing) = (*delay, *spacing);
            let redrive = Redrive { queue, to, state: state_only, job, limit, delay, spacing };
            redrive::judge_redrive(state, limits, at, &redrive)
        }
        Command::Get { queue, mode, .. } => get::judge_get(state, limits, at, queue, *mode),
        Command::Join { queue, after } => queue::judge_join(state, limits, queue, *after),
        Command::Shutdown { queue, immediate } => queue::judge_shutdown(state, queue, *immediate),
        Command::SetEvent { event, value, only_unset } => {
            event::judge_set(state, limits, event, value, *only_unset)
        }
        Command::ClearEvent { event } => event::judge_clear(state, event),
        Command::WaitEvent { event, after } => event::judge_wait(state, limits, event, *after),
        Command::Acquire { thing, share, lease, owner } => {
            let taking = Taking { thing, share: *share, length: *lease, owner: owner.as_ref() };
            permits::judge_acquire(state, limits, at, &taking, Answer::Acquired)
        }
        Command::Break { lock } => permits::judge_break(state, at, lock),
        Command::Release { semaphore, permits } => {
            permits::judge_release(state, semaphore, *permits)
        }
        Command::WaitBarrier { barrier } => barrier::judge_wait(state, barrier),
        Command::ResetBarrier { barrier } => barrier::judge_turn(state, barrier, false),
        Command::AbortBarrier { barrier } => barrier::judge_turn(state, barrier, true),
        // Until it is notified, or its time is over.
        Command::WaitCondition { notified: None, .. } => Verdict::Wait,
        Command::WaitCondition {
            lock, condition, lease, owner, notified: Some(notified), ..
        } => {
            let thing = &Thing::Lock(lock.clone());
            let taking =
                Taking { thing, share: Share::Whole, length: *lease, owner: owner.as_ref() };
            let (condition, notified) = (condition.clone(), *notified);
            let woken = |grant| Answer::Woken { grant, condition, notified };
            permits::judge_acquire(state, limits, at, &taking, woken)
        }
        Command::Done { lease } => judge_done(state, at, lease.id),
        Command::Nack { lease, delay, defer, dead, error } => {
            // Why it failed may be left out, that it did may not.
            let fits = |error: &&str| state.memory() + error.len() as u64 <= limits.memory_max;
            let (delay, error) = (*delay, error.as_deref().filter(fits));
            let ending = match (*dead, *defer) {
                (true, _) => Ending::Rejected { error },
                (false, true) => Ending::Deferred { delay, error },
                (false, false) => Ending::Failed { delay, error },
            };
            judge_nack(state, at, lease.id, &ending)
        }
        Command::Extend { lease, length } => judge_extend(state, at, lease.id, *length),
        Command::Watch { lease } => match live(state, lease.id) {
            Ok(_) => Verdict::Wait,
            Err(refusal) => Verdict::Refuse(refusal),
        },
        Command::Finish { lease, result } => judge_finish(state, limits, at, lease.id, result),
        Command::Progress { lease, progress } => judge_progress(state, limits, lease.id, progress),
        Command::ReadCondition { .. }
        | Command::Notify { .. }
        | Command::Withdraw { .. }
        | Command::GetAny { .. } => unreachable!("the engine does it, since it knows who waits"),
    }
}

/// What is to be done with a wait for what is not there: whoever parks makes it.
pub(crate) fn wait_for_unknown(limits: &Limits) -> Verdict {
    if limits.auto_create { Verdict::Wait } else { Verdict::Refuse(Refusal::NotFound) }
}

fn judge_configure(
    state: &State,
    limits: &Limits,
    configuration: &Configuration,
    only_new: bool,
) -> Verdict {
    let known = state.configuration(&configuration.thing());
    let created = known.is_none();
    match known {
        Some(configuration) if only_new => {
            return Verdict::Refuse(Refusal::Exists { configuration });
        }
        None if state.is_full(limits) => return Verdict::Refuse(Refusal::TooManyNames),
        Some(_) | None => {}
    }
    let mut configuration = configuration.clone();
    if let Configuration::Queue(queue, config) = &mut configuration {
        if config.policy.dead_letter.as_ref() == Some(queue) {
            return Verdict::Refuse(Refusal::OwnDeadLetter);
        }
        // It is not configured, but paused.
        config.policy.paused = queue::is_paused(state, queue);
    }
    if let Configuration::Schedule(name, config) = &mut configuration {
        if let Err(refusal) = schedule::may_be(state, limits, name, config) {
            return Verdict::Refuse(refusal);
        }
        schedule::go_on(state, name, config);
    }
    let record = match configuration.clone() {
        Configuration::Queue(queue, config) if queue::may_be(state, &queue, config.order) => {
            Record::Configured { queue, config }
        }
        Configuration::Queue(..) => return Verdict::Refuse(Refusal::OtherOrder),
        other @ (Configuration::Semaphore(..)
        | Configuration::Barrier(..)
        | Configuration::Schedule(..)) => Record::Prepared(other),
    };
    Verdict::Grant(vec![record], Answer::Configured { configuration, created })
}

fn judge_list(
    state: &State,
    kind: Kind,
    prefix: &str,
    cursor: Option<&str>,
    limit: usize,
) -> Verdict {
    let mut page = state.things(kind, prefix, cursor).filter_map(|thing| state.view(thing));
    let items: Vec<View> = page.by_ref().take(limit).collect();
    let cursor = page.next().and_then(|_| items.last()).map(|last| last.name().clone());
    Verdict::Grant(Vec::new(), Answer::List { items, cursor })
}

/// The lease by which somebody holds a lock alone.
pub(crate) fn held_alone<'a>(
    state: &'a State,
    lock: &Name,
    lease: &LeaseRef,
) -> Result<&'a Lease, Refusal> {
    let known = live(state, lease.id)?;
    match &known.held {
        Held::Lock { lock: held, .. } if held == lock => Ok(known),
        Held::Lock { .. } | Held::Part { .. } | Held::Job { .. } => Err(Refusal::NotExclusive),
    }
}

pub(crate) fn live(state: &State, id: LeaseId) -> Result<&Lease, Refusal> {
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

/// Done, with a result that is kept for whoever asks.
fn judge_finish(state: &State, limits: &Limits, at: At, id: LeaseId, result: &Payload) -> Verdict {
    if let Ok(Lease { held: Held::Lock { .. } | Held::Part { .. }, .. }) = live(state, id) {
        return Verdict::Refuse(Refusal::NotFound);
    }
    let lease = live(state, id).ok();
    let kept = lease.and_then(|lease| queue::keep_result(state, at, lease, result));
    if let (Some(_), Some(Lease { held: Held::Job { queue, job }, .. })) = (&kept, lease)
        && let Err(refusal) = queue::may_keep(state, limits, (queue, *job), result)
    {
        return Verdict::Refuse(refusal);
    }
    match judge_done(state, at, id) {
        Verdict::Grant(records, answer) => {
            Verdict::Grant(kept.into_iter().chain(records).collect(), answer)
        }
        other => other,
    }
}

fn judge_progress(state: &State, limits: &Limits, id: LeaseId, progress: &Payload) -> Verdict {
    match live(state, id) {
        Ok(Lease { held: Held::Job { queue, job }, .. }) => {
            if let Err(refusal) = queue::may_progress(state, limits, (queue, *job), progress) {
                return Verdict::Refuse(refusal);
            }
            let (queue, job, progress) = (queue.clone(), *job, progress.clone());
            Verdict::Grant(vec![Record::Progressed { queue, job, progress }], Answer::Settled)
        }
        Ok(_) => Verdict::Refuse(Refusal::NotFound),
        Err(refusal) => Verdict::Refuse(refusal),
    }
}

fn judge_nack(state: &State, at: At, id: LeaseId, ending: &Ending) -> Verdict {
    let settled = |records| Verdict::Grant(records, Answer::Settled);
    match live(state, id) {
        Ok(Lease { held: Held::Lock { .. } | Held::Part { .. }, .. }) => {
            Verdict::Refuse(Refusal::NotFound)
        }
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
        Command::Put { .. } | Command::Fire { .. } => Err(Refusal::Full),
        Command::Get { .. } | Command::GetAny { .. } => Err(Refusal::Empty),
        Command::WaitResult { .. } => Err(Refusal::NotDone),
        Command::Join { queue, .. } => Err(queue::not_drained(state, queue)),
        Command::WaitEvent { event, .. } => Err(event::not_set(state, event)),
        Command::Acquire { thing, .. } => Err(permits::locked(state, thing, waited)),
        Command::WaitBarrier { .. } => Err(Refusal::NotTripped),
        Command::WaitCondition { lock, .. } => {
            Err(permits::locked(state, &Thing::Lock(lock.clone()), true))
        }
        Command::Watch { lease } => {
            let held = live(state, lease.id)?.grant(lease.id);
            held.map(Answer::Held).ok_or(Refusal::NotFound)
        }
        Command::Configure { .. }
        | Command::Read { .. }
        | Command::List { .. }
        | Command::Delete { .. }
        | Command::CancelJob { .. }
        | Command::ReadJob { .. }
        | Command::ListJobs { .. }
        | Command::Pause { .. }
        | Command::Purge { .. }
        | Command::Redrive { .. }
        | Command::Finish { .. }
        | Command::Progress { .. }
        | Command::Shutdown { .. }
        | Command::SetEvent { .. }
        | Command::ClearEvent { .. }
        | Command::Break { .. }
        | Command::Release { .. }
        | Command::ResetBarrier { .. }
        | Command::AbortBarrier { .. }
        | Command::Notify { .. }
        | Command::ReadCondition { .. }
        | Command::Done { .. }
        | Command::Nack { .. }
        | Command::Extend { .. }
        | Command::Withdraw { .. } => unreachable!("{command:?} never waits"),
    }
}
