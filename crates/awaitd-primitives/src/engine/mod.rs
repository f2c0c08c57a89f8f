//! The glue between [`crate::judge()`] and [`State::apply`], plus the waiting lines.

mod any;
mod conditions;
mod delivery;
mod gather;
mod glance;
mod keys;
mod positions;
mod rest;
mod results;
mod settle;
mod start;
mod time;

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use crate::engine::delivery::Deliveries;
use crate::engine::keys::Seat;
use crate::engine::positions::Positions;
use crate::engine::rest::Rests;
use crate::judge::{At, Verdict, judge, turned_away};
use crate::limits::Limits;
use crate::messages::answer::{Answer, Refusal};
use crate::messages::command::{Ask, Command, Ticket};
use crate::messages::name::{Kind, Name, Thing};
use crate::messages::record::{Entry, Record};
use crate::messages::time::Time;
use crate::messages::view::{QueueView, QueueWaiters, View};
use crate::quotas::{Quota, Taken};
use crate::state::remembered::KeyOf;
use crate::state::{State, Trash, queue};
use crate::waiters::{Line, Parked, Waiters};

pub use glance::{Glance, Tally};
pub use positions::Position;
pub use start::Written;

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
    /// It would have waited, had it been necessary.
    pub waits: bool,
    /// It is told again what was done before under its key: nothing to count.
    pub repeat: bool,
    /// It may leave once the journal is durable up to here.
    pub after: Position,
}

/// What one turn of the loop has to do outside. A new one begins a new turn.
#[derive(Debug, Default)]
pub struct Step {
    /// To be made durable, in their order.
    pub entries: Vec<Entry>,
    /// To be delivered once what they tell of is durable, see [`Reply::after`] and
    /// [`Engine::deliver`].
    pub replies: Vec<Reply>,
    /// Ended leases and judged waits so far; [`crate::limits::TURN_MAX`] bounds it.
    pub work: usize,
    /// Delayed jobs that became ready; [`crate::limits::RIPE_MAX`] bounds those for which nobody asked.
    pub ripe: usize,
}

/// What there is at one moment, for gauges.
#[derive(Clone, Debug, Default)]
pub struct Census {
    /// Every queue, and whether it was configured.
    pub queues: Vec<(QueueView, bool)>,
    /// Every event, and whether it is set.
    pub events: Vec<(Name, bool)>,
    /// Every lock, semaphore and barrier.
    pub others: Vec<View>,
    /// Who waits and is there: at what, for what (`put`, `get`, `join`, `wait`, `acquire`), how many.
    /// No row where nobody waits.
    pub waiters: Vec<(Thing, &'static str, u64)>,
    /// All who wait, watchers of leases too.
    pub waits: usize,
    /// Namespaces with quotas, and what each takes.
    pub spaces: Vec<(Quota, Taken)>,
    /// Answers that grant something and have not been handed over yet, see [`Engine::handed`].
    pub undelivered: usize,
}

/// State, lines and timers; owned by one loop.
#[derive(Debug)]
pub struct Engine {
    state: State,
    limits: Limits,
    at: At,
    waiters: Waiters,
    deliveries: Deliveries,
    rests: Rests,
    positions: Positions,
    /// Lines that are to be judged again, and from which place on.
    stirred: VecDeque<(Line, u64)>,
    /// Queues whose rate allows the next get at these moments.
    again: BTreeSet<(Time, Name)>,
    closing: bool,
}

impl Engine {
    /// An engine that goes on from `state`.
    pub fn new(state: State, limits: Limits) -> Self {
        let mut rests = Rests::default();
        for thing in state.unconfigured() {
            rests.watch(thing, Time::ZERO);
        }
        let quotas = Arc::clone(&limits.quotas);
        let mut engine = Self {
            positions: Positions::new(state.leases.reserved()),
            state,
            limits,
            at: At::default(),
            waiters: Waiters::default(),
            deliveries: Deliveries::default(),
            rests,
            stirred: VecDeque::new(),
            again: BTreeSet::new(),
            closing: false,
        };
        engine.set_quotas(quotas);
        engine
    }

    /// Judges a request; it is answered in `step`, now or in a later one. Time must have been
    /// advanced to `request.arrived`.
    pub fn submit(&mut self, request: Request, step: &mut Step) {
        self.take(request, step);
        self.settle(step);
    }

    /// One who waits has hung up, and is not answered. `false`, and nothing is done, if it has been answered
    /// already.
    pub fn withdraw(&mut self, ticket: Ticket, step: &mut Step) -> bool {
        let parked = self.leave(ticket);
        if let Some(parked) = &parked {
            self.keep_place(parked.key.as_ref(), &parked.ask, parked.number);
        }
        self.settle(step);
        parked.is_some()
    }

    /// The server is going: all who wait are told so, and nobody waits from now on.
    pub fn close(&mut self, step: &mut Step) {
        self.closing = true;
        for ticket in self.waiters.everybody() {
            self.dismiss(ticket, Err(Refusal::ShuttingDown), step);
        }
    }

    /// Large tables of things that went, to be dropped where that holds nobody up.
    pub fn take_trash(&mut self) -> Trash {
        self.state.take_trash()
    }

    /// What there is.
    pub fn census(&self) -> Census {
        let state = &self.state;
        let queues = state.queues.iter().filter_map(|(name, known)| {
            let view = queue::view(state, name)?;
            Some((QueueView { waiters: self.queue_waiters(name), ..view }, known.configured))
        });
        let things = [Kind::Lock, Kind::Semaphore, Kind::Barrier].into_iter();
        let others = things.flat_map(|kind| state.things(kind, "", None)).filter_map(|thing| {
            let mut view = state.view(thing)?;
            self.count_waiters(&mut view);
            Some(view)
        });
        // A lock may have several conditions.
        let mut waiters: HashMap<(Thing, &'static str), u64> = HashMap::new();
        for (line, count) in self.waiters.lines() {
            if let Some(label) = line.label() {
                *waiters.entry(label).or_default() += count as u64;
            }
        }
        Census {
            queues: queues.collect(),
            events: state.events.iter().map(|(name, event)| (name.clone(), event.set)).collect(),
            others: others.collect(),
            waiters: waiters.into_iter().map(|((thing, op), count)| (thing, op, count)).collect(),
            waits: self.waiters.len(),
            spaces: self.spaces(),
            undelivered: self.deliveries.outstanding(),
        }
    }

    /// What survives.
    pub fn state(&self) -> &State {
        &self.state
    }

    /// The moment up to which time is worked off.
    pub fn now(&self) -> Time {
        self.at.now
    }

    /// Answers a request that has come, or parks it.
    fn take(&mut self, request: Request, step: &mut Step) {
        let Request { ticket, arrived, mut until, mut ask } = request;
        self.ripen_for(&ask.command, step);
        let (seat, told) = match self.seat(&mut ask, (arrived, &mut until), step) {
            Err(refusal) => (Seat::default(), Some(Err(refusal))),
            Ok(seat) => {
                let told = self.judge_among(&ask, &seat, step);
                let told = told.or_else(|| self.turn_away(&ask, &seat, until > arrived));
                (seat, told)
            }
        };
        let (waits, waited) = (until > arrived, Duration::ZERO);
        if let Some(told) = told {
            let repeat = seat.repeat;
            let after = self.positions.after(&ask, told.as_ref().ok());
            let command = ask.command;
            return self.reply(Reply { ticket, command, told, waited, waits, repeat, after }, step);
        }
        self.note_moment(&mut ask.command, step);
        let number = seat.number.unwrap_or_else(|| self.waiters.new_number());
        let line = Line::of(&ask.command).expect("only what has a line is told to wait");
        let also = Line::also_of(&ask.command);
        self.waiters
            .park(ticket, Parked { arrived, until, number, line, also, ask, key: seat.key });
    }

    /// What is told to a newcomer who has to wait, but will not or may not.
    fn turn_away(
        &mut self,
        ask: &Ask,
        seat: &Seat,
        waits: bool,
    ) -> Option<Result<Answer, Refusal>> {
        let told = if waits {
            Err(self.may_park(&ask.command).err()?)
        } else {
            turned_away(&self.state, &ask.command, false)
        };
        if let Some(number) = seat.number {
            self.keep_place(seat.key.as_ref(), ask, number);
        }
        Some(told)
    }

    /// Judges a newcomer among those who are there; `None` if it has to wait.
    fn judge_among(
        &mut self,
        ask: &Ask,
        seat: &Seat,
        step: &mut Step,
    ) -> Option<Result<Answer, Refusal>> {
        if let Command::Withdraw { thing, key } = &ask.command {
            let of = KeyOf { thing: thing.clone(), text: key.clone() };
            return Some(self.take_back(of, ask, step));
        }
        if let Command::ReadCondition { lock, condition } = &ask.command {
            return Some(self.read_condition(lock, condition));
        }
        if let Some(told) = self.judge_notify(ask, step) {
            return Some(told);
        }
        if let Command::GetAny { .. } = &ask.command {
            return self.judge_any(ask, seat, step);
        }
        match judge(&self.state, &self.limits, self.at, ask) {
            Verdict::Refuse(refusal) => Some(Err(refusal)),
            Verdict::WaitUntil(again) => {
                self.judge_again(&ask.command, again);
                None
            }
            Verdict::Wait => self.completes(ask, seat, step).map(Ok),
            Verdict::Grant(records, answer) => {
                // What would take something parks behind whoever is there; a read or a repeat takes
                // nothing, nor does a put of what is there already.
                let taking = !records.is_empty() && !matches!(answer, Answer::Present { .. });
                let lined = taking && self.waiters.len() > 0;
                let line = lined.then(|| Line::of(&ask.command)).flatten();
                let line = line.filter(|line| !line.is_crowd());
                let place = seat.number.unwrap_or(u64::MAX);
                if line.is_some_and(|line| self.waiters.somebody_before(&line, place)) {
                    return None;
                }
                self.commit(records, step);
                Some(Ok(self.take_more(&ask.command, answer, step)))
            }
        }
    }

    pub(super) fn may_park(&self, command: &Command) -> Result<(), Refusal> {
        let bytes = command.body_bytes();
        let lines: Vec<Line> =
            Line::of(command).into_iter().chain(Line::also_of(command)).collect();
        let spaces = self.waiters.in_spaces().admits(lines.iter().filter_map(Line::name));
        if self.closing {
            Err(Refusal::ShuttingDown)
        } else if self.waiters.len() >= self.limits.waits_max || self.is_one_full(&lines) {
            Err(Refusal::TooManyWaits)
        } else if let Err(refusal) = spaces {
            Err(refusal)
        } else if bytes > 0 && self.waiters.bytes() + bytes > self.limits.waiting_bytes_max {
            Err(Refusal::WaitingBytes)
        } else if command.makes().any(|thing| !self.state.has(&thing)) {
            self.state.may_make(&self.limits)
        } else {
            Ok(())
        }
    }

    /// Whether one of these lines is as long as it may be.
    fn is_one_full(&self, lines: &[Line]) -> bool {
        let most = self.limits.line_max as u64;
        lines.iter().any(|line| self.waiters.count(line) >= most)
    }

    /// Makes what is waited for, and notes the generation at which a wait begins: any later one
    /// answers it, even if the event is cleared or the queue filled again at once.
    fn note_moment(&mut self, command: &mut Command, step: &mut Step) {
        for thing in command.makes() {
            if !self.state.has(&thing) {
                self.commit(vec![Record::Made { thing }], step);
            }
        }
        if let Command::Join { queue, after } = command {
            after.get_or_insert(self.state.drained(queue));
        }
        if let Command::WaitEvent { event, after } = command {
            after.get_or_insert(self.state.generation(event));
        }
    }

    /// Fills in who waits.
    fn count_waiters(&self, view: &mut View) {
        match view {
            View::Queue(view) => view.waiters = self.queue_waiters(&view.name),
            View::Lock(view) => {
                let thing = Thing::Lock(view.name.clone());
                view.waiters = self.waiters.count(&Line::Acquire(thing));
                let conditions = self.waiters.conditions_of(&view.name);
                view.conditions = conditions.map(|(name, count)| (name.clone(), count)).collect();
            }
            View::Semaphore(view) => {
                let thing = Thing::Semaphore(view.name.clone());
                view.waiters = self.waiters.count(&Line::Acquire(thing));
            }
            View::Barrier(view) => {
                view.waiting = self.waiters.count(&Line::Barrier(view.name.clone()));
            }
            View::Event(_) | View::Condition(_) | View::Schedule(_) => {}
        }
    }

    /// Namespaces with quotas, in the order of their prefixes, and what each takes.
    pub fn spaces(&self) -> Vec<(Quota, Taken)> {
        let taken = self.state.taken().zip(self.waiters.in_spaces().there());
        let taken = taken.map(|(jobs, waits)| Taken { waits: *waits, ..jobs });
        self.limits.quotas.all().iter().cloned().zip(taken).collect()
    }

    fn queue_waiters(&self, queue: &Name) -> QueueWaiters {
        let count = |line: fn(Name) -> Line| self.waiters.count(&line(queue.clone()));
        let (put, get, join) = (count(Line::Put), count(Line::Get), count(Line::Join));
        QueueWaiters { put, get, join }
    }

    /// Sends a reply on its way, with what only the lines know.
    fn reply(&mut self, mut reply: Reply, step: &mut Step) {
        match &mut reply.told {
            Ok(Answer::State(view)) => self.count_waiters(view),
            Ok(Answer::List { items, .. }) => {
                for view in items {
                    self.count_waiters(view);
                }
            }
            _ => {}
        }
        self.deliveries.told(&reply.told);
        step.replies.push(reply);
    }
}
