//! Plays a script on the core and on the model side by side, and then once more on the core alone.

use std::collections::BTreeMap;
use std::time::Duration;

use awaitd_primitives::*;

use crate::calls::{Call, Came, perform, story};
use crate::checks::Ledger;
use crate::early::Early;
use crate::model::{Model, Told, granted};
use crate::script::{Act, Append, Fate, Pass, Turn, What};
use crate::views::{in_order, op_of};

/// How often each command succeeded, or was refused with which code.
pub(crate) type Tally = BTreeMap<(&'static str, &'static str), u64>;

pub(crate) struct Run {
    engine: Engine,
    model: Model,
    ledger: Ledger,
    early: Early,
    clock: Time,
    /// Every request, and whether it was hung up on; its ticket is its place here.
    asked: Vec<(Request, bool)>,
    /// Replies that have not left yet.
    pending: Vec<Reply>,
    /// Answers that hang on their connection.
    hanging: Vec<(Ticket, LeaseId)>,
    /// Leases that somebody has heard of.
    heard_of: Vec<LeaseRef>,
    calls: Vec<(Call, Came)>,
    pub(crate) tally: Tally,
}

impl Default for Run {
    fn default() -> Self {
        Self {
            engine: Engine::new(State::new(), Limits::default()),
            model: Model::default(),
            ledger: Ledger::default(),
            early: Early::default(),
            clock: Time::ZERO,
            asked: Vec::new(),
            pending: Vec::new(),
            hanging: Vec::new(),
            heard_of: Vec::new(),
            calls: Vec::new(),
            tally: Tally::new(),
        }
    }
}

impl Run {
    /// Plays it to its end; an error says what went wrong.
    pub(crate) fn play(&mut self, turns: &[Turn]) -> Result<(), String> {
        self.call(&Call::Start(At::default()))?;
        turns.iter().try_for_each(|turn| self.turn(turn))?;
        self.end()?;
        self.replay()?;
        self.once_more()
    }

    fn turn(&mut self, turn: &Turn) -> Result<(), String> {
        let (before, earlier) = (self.clock, self.early.committed);
        self.pass(turn.pass);
        let mut fates = turn.fates.iter().copied().cycle();
        let mut fate = || fates.next().unwrap_or(Fate::Taken);
        for (ticket, lease) in std::mem::take(&mut self.hanging) {
            self.hand(ticket, lease, fate())?;
        }
        for act in &turn.acts {
            self.act(act, before)?;
        }
        self.call(&Call::Advance(At { now: self.clock, clock: self.clock }))?;
        self.leave(&mut fate)?;
        self.pass(turn.append.1);
        match turn.append.0 {
            Append::Stalled => return Ok(()),
            Append::Earlier => self.call(&Call::Durable(earlier.max(self.early.durable)))?,
            Append::All => self.call(&Call::Durable(self.early.committed))?,
        }
        self.leave(&mut fate)
    }

    /// All replies leave that may.
    fn leave(&mut self, fate: &mut impl FnMut() -> Fate) -> Result<(), String> {
        let durable = Position(self.early.durable);
        let leaving = |reply: &Reply| reply.after <= durable;
        let (leaving, staying) = std::mem::take(&mut self.pending).into_iter().partition(leaving);
        self.pending = staying;
        for reply in leaving {
            let ticket = reply.ticket;
            if let Some(lease) = self.deliver(&reply)? {
                self.hand(ticket, lease, fate())?;
            }
        }
        Ok(())
    }

    fn pass(&mut self, pass: Pass) {
        self.clock = match (pass, self.engine.wake_at()) {
            (Pass::By(length), _) => self.clock + length,
            (Pass::ToNext(less), Some(next)) => {
                let moment =
                    next.micros().saturating_sub(u64::try_from(less.as_micros()).unwrap_or(0));
                self.clock.max(Time::from_micros(moment)).min(self.clock + Duration::from_mins(1))
            }
            (Pass::ToNext(_), None) => self.clock,
        };
    }

    fn act(&mut self, act: &Act, before: Time) -> Result<(), String> {
        match act {
            Act::Ask { what, key, wait, late } => {
                let command = self.command(what);
                let fingerprint = fingerprint(&command);
                let key = key.map(|text| Key { text: text.into(), fingerprint });
                let arrived = before + self.clock.since(before) * *late / 100;
                self.ask(Ask { command, key }, arrived, *wait)
            }
            Act::Again { back, wait } => {
                let keyed = self.asked.iter().rev().filter(|(it, _)| it.ask.key.is_some());
                let Some(ask) = keyed.map(|(it, _)| it.ask.clone()).nth(*back) else {
                    return Ok(());
                };
                self.ask(ask, self.clock, *wait)
            }
            Act::HangUp { back } => {
                let Some((request, gone)) = self.asked.iter_mut().nth_back(*back) else {
                    return Ok(());
                };
                *gone = true;
                let ticket = request.ticket;
                self.call(&Call::Withdraw(ticket))
            }
            Act::Close => self.call(&Call::Close),
        }
    }

    fn ask(&mut self, ask: Ask, arrived: Time, wait: Duration) -> Result<(), String> {
        let arrived = arrived.max(self.model.now);
        self.call(&Call::Advance(At { now: arrived, clock: self.clock }))?;
        let ticket = Ticket(self.asked.len() as u64);
        let request = Request { ticket, arrived, until: arrived + wait, ask };
        self.asked.push((request.clone(), false));
        self.call(&Call::Submit(request))
    }

    fn command(&self, what: &What) -> Command {
        match what {
            What::Plain(command) => command.clone(),
            What::GetAfter { queue, back } => {
                let settle = Some(LeaseRef { thing: None, ..self.lease(*back) });
                Command::Get { queue: queue.clone(), mode: GetMode::Leased(None), settle }
            }
            What::Done(back) => Command::Done { lease: self.lease(*back) },
            What::Nack { back, delay, defer } => {
                let (lease, error) = (self.lease(*back), Some("oh".into()));
                Command::Nack { lease, delay: *delay, defer: *defer, error }
            }
            What::Extend { back, length } => {
                Command::Extend { lease: self.lease(*back), length: *length }
            }
            What::Watch(back) => Command::Watch { lease: self.lease(*back) },
        }
    }

    /// A lease that somebody has heard of, so many ago; else one that was never granted.
    fn lease(&self, back: usize) -> LeaseRef {
        self.heard_of.iter().nth_back(back).cloned().unwrap_or_else(|| LeaseRef {
            id: LeaseId(std::num::NonZeroU64::MAX),
            thing: Some(Thing::Queue("q".parse().expect("a good name"))),
        })
    }

    /// A reply leaves; the lease that it still grants.
    fn deliver(&mut self, reply: &Reply) -> Result<Option<LeaseId>, String> {
        self.call(&Call::Deliver(reply.clone(), self.clock))?;
        let (_, came) = self.calls.last().expect("it was called just now");
        let Some(told) = &came.left else { return Ok(None) };
        self.early.check(&self.asked[place(reply.ticket)].0, reply)?;
        // Every reply leaves once: then it is counted.
        let code = told.as_ref().map_or_else(Refusal::code, |_| "ok");
        *self.tally.entry((op_of(&reply.command), code)).or_default() += 1;
        let (thing, known) = match told {
            Ok(Answer::Got(got)) => (Thing::Queue(got.queue.clone()), got.until.map(|_| got.lease)),
            Ok(Answer::Acquired(grant)) => (grant.thing.clone(), Some(grant.lease)),
            Ok(Answer::Withdrawn(Withdrawal::Granted(Granted::Lease(thing, lease)))) => {
                (thing.clone(), Some(*lease))
            }
            _ => return Ok(None),
        };
        let lease = granted(told);
        self.heard_of.extend(known.map(|id| LeaseRef { id, thing: Some(thing) }));
        Ok(lease)
    }

    fn hand(&mut self, ticket: Ticket, lease: LeaseId, fate: Fate) -> Result<(), String> {
        let fate = if self.asked[place(ticket)].1 { Fate::NotTaken } else { fate };
        match fate {
            Fate::Later => self.hanging.push((ticket, lease)),
            Fate::Taken => self.call(&Call::Handed(lease, true))?,
            Fate::NotTaken => self.call(&Call::Handed(lease, false))?,
        }
        Ok(())
    }

    /// Everything comes to its end: nobody waits, nothing is on its way, and what nobody configured
    /// and is at rest has been let go.
    fn end(&mut self) -> Result<(), String> {
        for _ in 0..100 {
            let last = Turn {
                pass: Pass::By(Duration::from_mins(1)),
                acts: Vec::new(),
                append: (Append::All, Pass::By(Duration::ZERO)),
                fates: vec![Fate::Taken],
            };
            self.turn(&last)?;
        }
        let census = self.engine.census();
        let idle = census
            .queues
            .iter()
            .find(|(it, configured)| !configured && !it.shut_down && it.unfinished == 0);
        let unset = census.events.iter().find(|(_, set)| !set);
        let left = census.waits + census.undelivered + census.waiters.len() + census.locks.len();
        if left > 0 || idle.is_some() || unset.is_some() {
            return Err(format!("something is left at the end: {census:?}"));
        }
        Ok(())
    }

    /// Calls the engine and the model, and compares everything.
    fn call(&mut self, call: &Call) -> Result<(), String> {
        self.calls.push((call.clone(), Came::default()));
        let came = perform(&mut self.engine, call, &mut self.pending)?;
        self.calls.last_mut().expect("it was pushed just now").1 = came.clone();
        let Came { entries, mut told, left } = came;
        let asked = told.iter().map(|(ticket, told, _)| (&self.asked[place(*ticket)].0, told));
        self.early.note(&entries, asked)?;
        let stays = self.imitate(call);
        same("left", &left, &stays)?;
        let mut expected = std::mem::take(&mut self.model.told);
        expected.sort_by_key(|(ticket, ..)| *ticket);
        told.sort_by_key(|(ticket, ..)| *ticket);
        self.model.renumber(&mut expected, &told)?;
        if told != expected {
            return Err(format!("told {told:#?}\nexpected {expected:#?}"));
        }
        for entry in &entries {
            self.ledger.add(entry)?;
            for record in &entry.records {
                if let Record::Forgotten { thing } = record {
                    self.model.forget(thing)?;
                }
            }
        }
        let (census, expected) = (in_order(self.engine.census()), self.model.census());
        self.ledger.conserves(&census)?;
        same("queues", &census.queues, &expected.queues)?;
        same("events", &census.events, &expected.events)?;
        same("locks", &census.locks, &expected.locks)?;
        same("waiters", &census.waiters, &expected.waiters)?;
        same("waits", &census.waits, &expected.waits)?;
        same("undelivered", &census.undelivered, &expected.undelivered)
    }

    /// Calls the model; what may leave, if something was delivered.
    fn imitate(&mut self, call: &Call) -> Option<Told> {
        match call {
            Call::Start(_) => {}
            Call::Durable(upto) => self.model.durable(&self.early.becomes_durable(*upto)),
            Call::Advance(at) => self.model.advance(at.now, at.clock),
            Call::Submit(request) => self.model.submit(request),
            Call::Withdraw(ticket) => self.model.withdraw(*ticket),
            Call::Close => self.model.close(),
            Call::Deliver(reply, clock) => {
                let request = &self.asked[place(reply.ticket)].0;
                let told = self.model.deliver(request, reply.told.clone(), *clock);
                match told {
                    Ok(told) => return Some(told),
                    Err(other) => self.model.told.push((reply.ticket, other, reply.waited)),
                }
            }
            Call::Handed(lease, taken) => self.model.handed(*lease, *taken),
        }
        None
    }

    /// The records alone give the state.
    fn replay(&self) -> Result<(), String> {
        let entries = self.calls.iter().flat_map(|(_, came)| came.entries.iter().cloned());
        let mut state = State::replay(entries);
        state.advance(self.model.now);
        same("replay", &state, self.engine.state())
    }

    /// The same calls give the same again, if time moves from one wake-up to the next and no further;
    /// just before each, nothing happens.
    fn once_more(&self) -> Result<(), String> {
        let mut engine = Engine::new(State::new(), Limits::default());
        let (mut now, mut scratch) = (Time::ZERO, Vec::new());
        for (call, came) in &self.calls {
            let mut again = Came::default();
            if let Call::Advance(at) = call {
                while let Some(next) = engine.wake_at().filter(|next| *next <= at.now) {
                    let just_before = Time::from_micros(next.micros().saturating_sub(1));
                    if just_before > now {
                        let early = Call::Advance(At { now: just_before, ..*at });
                        let nothing = perform(&mut engine, &early, &mut scratch)?;
                        same("just before a wake-up", &nothing, &Came::default())?;
                    }
                    now = now.max(next);
                    let call = Call::Advance(At { now, ..*at });
                    let came = perform(&mut engine, &call, &mut scratch)?;
                    again.entries.extend(came.entries);
                    again.told.extend(came.told);
                    if engine.wake_at().is_some_and(|later| later <= next) {
                        return Err(format!("wake_at stays at {next:?}"));
                    }
                }
                now = now.max(at.now);
            }
            let last = perform(&mut engine, call, &mut scratch)?;
            again.entries.extend(last.entries);
            again.told.extend(last.told);
            again.left = last.left;
            same("the second time", &again, came)?;
        }
        Ok(())
    }

    /// The history so far.
    pub(crate) fn story(&self) -> String {
        story(&self.calls)
    }
}

fn same<T: PartialEq + std::fmt::Debug>(what: &str, is: &T, should: &T) -> Result<(), String> {
    if is == should { Ok(()) } else { Err(format!("{what}: is {is:#?}\nshould be {should:#?}")) }
}

/// Where a request stands among all.
fn place(ticket: Ticket) -> usize {
    usize::try_from(ticket.0).expect("few tickets")
}

/// What makes two requests the same.
fn fingerprint(command: &Command) -> u128 {
    let text = format!("{command:?}");
    text.bytes().fold(1, |sum, byte| (sum ^ u128::from(byte)).wrapping_mul(0x0100_0000_01b3))
}
