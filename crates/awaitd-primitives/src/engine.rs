//! The glue between [`crate::judge()`] and [`State::apply`], plus the waiting lines.

use std::time::Duration;

use crate::limits::Limits;
use crate::messages::answer::{Answer, LockView, QueueView, Refusal};
use crate::messages::command::{Ask, Command, LeaseId};
use crate::messages::name::{Name, Thing};
use crate::messages::record::Entry;
use crate::messages::time::Time;
use crate::state::{State, Trash};

/// Whoever asked; opaque here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// The moment of a turn.
#[derive(Clone, Copy, Debug)]
pub struct At {
    /// The moment that is worked off: it decides what is due and what has ended.
    pub now: Time,
    /// The clock's newest reading: new leases count from here.
    pub clock: Time,
}

/// A command that has arrived.
#[derive(Clone, Debug)]
pub struct Request {
    /// Who asked.
    pub ticket: Ticket,
    /// When it arrived.
    pub arrived: Time,
    /// Until when it waits; `arrived` if it does not.
    pub until: Time,
    /// What is asked.
    pub ask: Ask,
}

/// What is told to one who asked.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Who asked.
    pub ticket: Ticket,
    /// What was asked.
    pub command: Command,
    /// The answer or the refusal.
    pub told: Result<Answer, Refusal>,
    /// For how long it had waited.
    pub waited: Duration,
}

/// What one turn of the loop has to do outside.
#[derive(Debug, Default)]
pub struct Step {
    /// To be made durable in one append, before any of the replies leaves.
    pub entries: Vec<Entry>,
    /// To be delivered after that, see [`Engine::deliver`].
    pub replies: Vec<Reply>,
}

/// What there is at one moment, for gauges.
#[derive(Clone, Debug, Default)]
pub struct Census {
    /// Every queue, and whether it was configured.
    pub queues: Vec<(QueueView, bool)>,
    /// Every event, and whether it is set.
    pub events: Vec<(Name, bool)>,
    /// Every lock.
    pub locks: Vec<LockView>,
    /// Who waits and is there: at what, for what (`put`, `get`, `join`, `wait`, `acquire`), how many.
    /// No row where nobody waits.
    pub waiters: Vec<(Thing, &'static str, u64)>,
    /// All who wait, watchers of leases too.
    pub waits: usize,
    /// Answers that grant something and have not been handed over yet, see [`Engine::handed`].
    pub undelivered: usize,
}

/// State, lines and timers; owned by one loop.
#[derive(Debug)]
pub struct Engine {}

impl Engine {
    /// An engine that goes on from `state`.
    pub fn new(_state: State, _limits: Limits) -> Self {
        todo!()
    }

    /// Works off time up to `at.now`. `false`: there was more to do than one turn may take, time
    /// stopped before `at.now`, and the next turn must go on at once with no command submitted.
    pub fn advance(&mut self, _at: At, _step: &mut Step) -> bool {
        todo!()
    }

    /// Judges a request; it is answered in `step`, now or in a later one. Time must have been
    /// advanced to `request.arrived`.
    pub fn submit(&mut self, _request: Request, _step: &mut Step) {
        todo!()
    }

    /// One who waits has hung up. Nothing if it has been answered already.
    pub fn withdraw(&mut self, _ticket: Ticket, _step: &mut Step) {
        todo!()
    }

    /// Looks at a reply that is durable, before it leaves: a grant that is over becomes the answer
    /// without it, and what it held goes back.
    pub fn deliver(&mut self, _reply: Reply, _clock: Time, _step: &mut Step) -> Reply {
        todo!()
    }

    /// Of an answer that grants a lease ([`Answer::Got`], [`Answer::Acquired`]): the connection took
    /// its last byte, or did not and never will. To be called once for each that was delivered.
    pub fn handed(&mut self, _lease: LeaseId, _taken: bool, _step: &mut Step) {
        todo!()
    }

    /// The server is going: all who wait are told so, and nobody waits from now on.
    pub fn close(&mut self, _step: &mut Step) {
        todo!()
    }

    /// Large tables of things that went, to be dropped where that holds nobody up.
    pub fn take_trash(&mut self) -> Vec<Trash> {
        todo!()
    }

    /// When [`Engine::advance`] has something to do next.
    pub fn wake_at(&self) -> Option<Time> {
        todo!()
    }

    /// What there is.
    pub fn census(&self) -> Census {
        todo!()
    }

    /// What survives.
    pub fn state(&self) -> &State {
        todo!()
    }
}
