//! What is called of the engine, and what comes of it.

use std::time::Duration;

use awaitd_primitives::*;

use crate::limits::bounds;
use crate::model::{Told, all_granted};

/// One call of the engine.
#[derive(Clone, Debug)]
pub(crate) enum Call {
    /// A new life goes on from a state; without a moment, it begins in the middle of one.
    Begin(Box<State>, Option<At>),
    Advance(At),
    Submit(Request),
    Withdraw(Ticket),
    Close,
    /// So many entries are durable.
    Durable(u64),
    Copy(Part, Option<Body>),
    EndCheckpoint(u64),
    Stow(Written),
    /// How far ahead the wall clock is now.
    Tie(Time, Duration),
    Room(Room),
    Deliver(Reply, Time),
    Handed(LeaseId, bool),
}

/// What came of a call.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Came {
    /// Facts.
    pub(crate) entries: Vec<Entry>,
    /// Who is told what, and for how long he had waited.
    pub(crate) told: Vec<(Ticket, Told, Duration)>,
    /// What was delivered, if it may leave.
    pub(crate) left: Option<Told>,
}

/// The time of day at that moment, as long as nobody sets the clock.
pub(crate) fn wall(clock: Time) -> u64 {
    clock.micros() + 1_000_000
}

/// Calls the engine; replies that have to leave go to `pending`.
pub(crate) fn perform(
    engine: &mut Engine,
    call: &Call,
    pending: &mut Vec<Reply>,
) -> Result<Came, String> {
    let (mut step, mut left) = (Step::default(), None);
    match call.clone() {
        Call::Begin(state, at) => {
            *engine = Engine::new(*state, bounds());
            if let Some(at) = at {
                engine.start(at, wall(at.clock), &mut step);
            }
        }
        Call::Copy(part, body) => engine.copy(&part, body.as_ref(), &mut step),
        Call::EndCheckpoint(from) => engine.end_checkpoint(from, &mut step),
        Call::Stow(written) => engine.stow(&written),
        Call::Tie(clock, ahead) => engine.tie(wall(clock + ahead), &mut step),
        Call::Room(room) => engine.set_room(room),
        Call::Advance(at) => {
            if !engine.advance(at, &mut step) {
                return Err("a turn was too short for a small history".into());
            }
        }
        Call::Submit(request) => engine.submit(request, &mut step),
        Call::Withdraw(ticket) => _ = engine.withdraw(ticket, &mut step),
        Call::Close => engine.close(&mut step),
        Call::Durable(upto) => engine.durable(Position(upto)),
        Call::Deliver(reply, clock) => {
            left = engine.deliver(reply, clock, &mut step).map(|reply| reply.told);
        }
        Call::Handed(lease, taken) => engine.handed(lease, taken, &mut step),
    }
    let told = step.replies.iter().map(|it| (it.ticket, it.told.clone(), it.waited)).collect();
    pending.extend(step.replies);
    Ok(Came { entries: step.entries, told, left })
}

/// A history, a call a line; what changed nothing is left out.
pub(crate) fn story(calls: &[(Call, Came)]) -> String {
    let mut story = String::new();
    for (call, came) in calls {
        let line = match call {
            Call::Advance(_) if came.entries.is_empty() && came.told.is_empty() => continue,
            Call::Deliver(reply, _) if all_granted(&reply.told).is_empty() => continue,
            Call::Begin(_, at) => match at {
                Some(at) => format!("{} us: a start", at.now.micros()),
                None => "a history".to_owned(),
            },
            Call::Copy(part, _) => format!("copy {part:?}"),
            Call::EndCheckpoint(from) => format!("a checkpoint from {from}"),
            Call::Stow(written) => format!("stow the body of job {}", written.job.0),
            Call::Tie(clock, ahead) => {
                format!("{} us: the time of day, {ahead:?} ahead", clock.micros())
            }
            Call::Room(room) => format!("room: {room:?}"),
            Call::Advance(At { now, clock }) => {
                format!("{} us, clock {} us", now.micros(), clock.micros())
            }
            Call::Submit(Request { ticket, arrived, until, ask }) => {
                let key =
                    ask.key.as_ref().map_or(String::new(), |key| format!(" key {}", key.text));
                let (arrived, until) = (arrived.micros(), until.micros());
                format!("{arrived} us: t{} asks until {until}{key}: {:?}", ticket.0, ask.command)
            }
            Call::Withdraw(ticket) => format!("t{} hangs up", ticket.0),
            Call::Close => "close".to_owned(),
            Call::Durable(upto) => format!("{upto} entries are durable"),
            Call::Deliver(reply, clock) => {
                format!("{} us: deliver to t{}", clock.micros(), reply.ticket.0)
            }
            Call::Handed(lease, true) => format!("lease {} taken", lease.fence()),
            Call::Handed(lease, false) => format!("lease {} not taken", lease.fence()),
        };
        story += &line;
        story.extend(came.told.iter().map(|(to, told, _)| format!("\n    -> t{}: {told:?}", to.0)));
        story.push('\n');
    }
    story
}
