//! Plays a script on the core and on the model side by side, and then once more on the core alone.

use std::collections::BTreeMap;
use std::time::Duration;

use awaitd_primitives::*;

use crate::calls::{Call, Came, perform, story, wall};
use crate::checks::Ledger;
use crate::chores::Cleaning;
use crate::early::Early;
use crate::journal::Journal;
use crate::limits::bounds;
use crate::model::{Model, Told, all_granted};
use crate::oracle::Oracle;
use crate::script::{Act, Append, Fate, Pass, Script, Turn};
use crate::views::{in_order, op_of};

/// How often each command succeeded, or was refused with which code.
pub(crate) type Tally = BTreeMap<(&'static str, &'static str), u64>;

pub(crate) struct Run {
    pub(crate) engine: Engine,
    /// Up to the first crash.
    pub(crate) model: Option<Model>,
    pub(crate) ledger: Ledger,
    pub(crate) early: Early,
    pub(crate) oracle: Oracle,
    pub(crate) journal: Journal,
    pub(crate) cleaning: Option<Cleaning>,
    /// So often the journal was compared with the state.
    pub(crate) looks: u64,
    /// Every entry, of all lives.
    pub(crate) history: Vec<Entry>,
    pub(crate) clock: Time,
    pub(crate) now: Time,
    /// Every request, and whether it was hung up on; its ticket is its place here.
    asked: Vec<(Request, bool)>,
    /// Replies that have not left yet.
    pub(crate) pending: Vec<Reply>,
    /// Answers that hang on their connection.
    pub(crate) hanging: Vec<(Ticket, LeaseId)>,
    /// Leases that somebody has heard of.
    pub(crate) heard_of: Vec<LeaseRef>,
    pub(crate) calls: Vec<(Call, Came)>,
    pub(crate) tally: Tally,
}

impl Run {
    pub(crate) fn new(script: &Script) -> Self {
        Self {
            engine: Engine::new(State::new(), bounds()),
            model: Some(Model::default()),
            ledger: Ledger::default(),
            early: Early::default(),
            oracle: Oracle::default(),
            journal: Journal::new(script.segment),
            cleaning: None,
            looks: 0,
            history: Vec::new(),
            clock: Time::ZERO,
            now: Time::ZERO,
            asked: Vec::new(),
            pending: Vec::new(),
            hanging: Vec::new(),
            heard_of: Vec::new(),
            calls: Vec::new(),
            tally: Tally::new(),
        }
    }

    /// Plays it to its end; an error says what went wrong.
    pub(crate) fn play(&mut self, script: &Script) -> Result<(), String> {
        self.begin(script.seeded.as_ref())?;
        script.turns.iter().try_for_each(|turn| self.turn(turn))?;
        self.end(script.cleans)?;
        self.once_more()
    }

    pub(crate) fn turn(&mut self, turn: &Turn) -> Result<(), String> {
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
            // A life that began in this turn has nothing from before it.
            Append::Earlier if earlier > self.early.committed => {}
            Append::Earlier => self.durable(earlier.max(self.early.durable))?,
            Append::All => self.durable(self.early.committed)?,
            Append::Unseen => return self.durable(self.early.committed),
        }
        self.leave(&mut fate)
    }

    /// All replies leave that may.
    pub(crate) fn leave(&mut self, fate: &mut impl FnMut() -> Fate) -> Result<(), String> {
        let durable = Position(self.early.durable);
        let leaving = |reply: &Reply| reply.after <= durable;
        let (leaving, staying) = std::mem::take(&mut self.pending).into_iter().partition(leaving);
        self.pending = staying;
        for reply in leaving {
            let ticket = reply.ticket;
            for lease in self.deliver(&reply)? {
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
            Act::Clean(slice) => self.clean(*slice),
            Act::Stow(back) => self.stow(*back),
            Act::Crash(crash) => self.crash(crash),
            Act::Look => self.look(),
            Act::Tie(ahead) => self.call(&Call::Tie(self.clock, *ahead)),
            // The model knows of no disk.
            Act::Room(room) if self.model.is_none() => {
                self.oracle.short |= *room != Room::Enough;
                self.call(&Call::Room(*room))
            }
            Act::Room(_) => Ok(()),
        }
    }

    pub(crate) fn ask(&mut self, ask: Ask, arrived: Time, wait: Duration) -> Result<(), String> {
        let arrived = arrived.max(self.now);
        self.call(&Call::Advance(At { now: arrived, clock: self.clock }))?;
        let ticket = Ticket(self.asked.len() as u64);
        let request = Request { ticket, arrived, until: arrived + wait, ask };
        self.asked.push((request.clone(), false));
        self.oracle.asked(&request.ask.command);
        self.call(&Call::Submit(request))
    }

    /// A reply leaves; the leases that it still grants.
    fn deliver(&mut self, reply: &Reply) -> Result<Vec<LeaseId>, String> {
        self.call(&Call::Deliver(reply.clone(), self.clock))?;
        let (_, came) = self.calls.last().expect("it was called just now");
        let Some(told) = &came.left else { return Ok(Vec::new()) };
        let request = &self.asked[place(reply.ticket)].0;
        self.early.check(request, reply)?;
        self.oracle.left(request, told, reply.repeat, self.clock)?;
        // Every reply leaves once: then it is counted.
        let code = match told {
            Ok(Answer::Woken { notified: true, .. }) => "notified",
            Ok(Answer::Present { .. }) => "present",
            Ok(_) => "ok",
            Err(refusal) => refusal.code(),
        };
        *self.tally.entry((op_of(&request.ask.command), code)).or_default() += 1;
        let got = |got: &Got| {
            got.until
                .map(|_| LeaseRef { id: got.lease, thing: Some(Thing::Queue(got.queue.clone())) })
        };
        match told {
            Ok(Answer::Got(one)) => self.heard_of.extend(got(one)),
            Ok(Answer::GotMany(all)) => self.heard_of.extend(all.iter().filter_map(got)),
            Ok(Answer::Acquired(grant) | Answer::Woken { grant, .. }) => {
                let thing = Some(grant.thing.clone());
                self.heard_of.push(LeaseRef { id: grant.lease, thing });
            }
            Ok(Answer::Withdrawn(Withdrawal::Granted(Granted::Lease(thing, lease)))) => {
                self.heard_of.push(LeaseRef { id: *lease, thing: Some(thing.clone()) });
            }
            _ => {}
        }
        Ok(all_granted(told))
    }

    fn hand(&mut self, ticket: Ticket, lease: LeaseId, fate: Fate) -> Result<(), String> {
        let fate = if self.asked[place(ticket)].1 { Fate::NotTaken } else { fate };
        match fate {
            Fate::Later => self.hanging.push((ticket, lease)),
            Fate::Taken => {
                // One that had ended meanwhile was nobody's.
                if self.ledger.leases.contains_key(&lease) {
                    self.oracle.taken(lease, self.clock);
                }
                self.call(&Call::Handed(lease, true))?;
            }
            Fate::NotTaken => self.call(&Call::Handed(lease, false))?,
        }
        Ok(())
    }

    /// Calls the engine and the model, and compares everything.
    pub(crate) fn call(&mut self, call: &Call) -> Result<(), String> {
        self.calls.push((call.clone(), Came::default()));
        let came = perform(&mut self.engine, call, &mut self.pending)?;
        self.calls.last_mut().expect("it was pushed just now").1 = came.clone();
        self.take_in(call, &came)?;
        let Came { entries, mut told, left } = came;
        let Some(mut model) = self.model.take() else { return Ok(()) };
        let stays = self.imitate(&mut model, call);
        same("left", &left, &stays)?;
        let mut expected = std::mem::take(&mut model.told);
        expected.sort_by_key(|(ticket, ..)| *ticket);
        told.sort_by_key(|(ticket, ..)| *ticket);
        model.renumber(&mut expected, &told)?;
        if told != expected {
            return Err(format!("told {told:#?}\nexpected {expected:#?}"));
        }
        for (at, entry) in entries.iter().enumerate() {
            for record in &entry.records {
                let Record::Forgotten { thing } = record else { continue };
                let made = Record::Made { thing: thing.clone() };
                match entries[at..].iter().find(|later| later.records.contains(&made)) {
                    Some(later) => model.made_anew(thing, later.at),
                    None => model.forget(thing)?,
                }
            }
        }
        let (census, expected) = (in_order(self.engine.census()), model.census());
        self.model = Some(model);
        same("queues", &census.queues, &expected.queues)?;
        same("events", &census.events, &expected.events)?;
        same("others", &census.others, &expected.others)?;
        same("waiters", &census.waiters, &expected.waiters)?;
        same("waits", &census.waits, &expected.waits)?;
        same("undelivered", &census.undelivered, &expected.undelivered)
    }

    /// Everybody takes note of what came of a call.
    fn take_in(&mut self, call: &Call, came: &Came) -> Result<(), String> {
        if let Call::Advance(At { now, .. }) = call {
            self.now = self.now.max(*now);
        }
        let told = came.told.iter();
        let asked = told.map(|(ticket, told, _)| (&self.asked[place(*ticket)].0, told));
        self.early.note(&came.entries, asked)?;
        if let Call::Submit(request) = call
            && request.ask.key.is_none()
            && let Some((_, told, _)) = came.told.iter().find(|it| it.0 == request.ticket)
        {
            self.ledger.tells(&request.ask, told)?;
        }
        if let Call::Durable(upto) = call {
            self.early.durable = *upto;
        }
        self.journal.append(&came.entries)?;
        for entry in &came.entries {
            self.oracle.note(entry);
            self.ledger.add(entry)?;
            for record in &entry.records {
                if let Record::Settled { lease, outcome: Outcome::Expired, .. } = record
                    && !self.early.is_durable(*lease)
                {
                    return Err(format!("ended before it was durable: {lease:?}"));
                }
            }
            self.history.push(entry.clone());
        }
        for (_, told, _) in &came.told {
            let Ok(mut answer) = told.clone() else { continue };
            for (job, payload) in answer.payloads() {
                if let Body::Stored(stored) = &payload.body {
                    let body = Some(self.journal.body(stored)?);
                    same("a stored body", &body, &self.oracle.body(job))?;
                }
            }
        }
        let census = self.engine.census();
        // What namespaces take, summed up step by step, is what it comes to counted anew.
        self.engine.set_quotas(bounds().quotas);
        same("namespaces", &census.spaces, &self.engine.spaces())?;
        self.ledger.conserves(&census)
    }

    /// Calls the model; what may leave, if something was delivered.
    fn imitate(&self, model: &mut Model, call: &Call) -> Option<Told> {
        match call {
            Call::Begin(_, None)
            | Call::Copy(..)
            | Call::EndCheckpoint(_)
            | Call::Stow(_)
            | Call::Room(_) => {}
            Call::Begin(_, Some(at)) => model.tie(wall(at.clock)),
            Call::Tie(clock, ahead) => model.tie(wall(*clock + *ahead)),
            Call::Durable(_) => model.durable(|lease| self.early.is_durable(lease)),
            Call::Advance(at) => model.advance(at.now, at.clock),
            Call::Submit(request) => model.submit(request),
            Call::Withdraw(ticket) => model.withdraw(*ticket),
            Call::Close => model.close(),
            Call::Deliver(reply, clock) => {
                let request = &self.asked[place(reply.ticket)].0;
                let told = model.deliver(request, reply.told.clone(), *clock);
                match told {
                    Ok(told) => return Some(told),
                    Err(other) => model.told.push((reply.ticket, other, reply.waited)),
                }
            }
            Call::Handed(lease, taken) => model.handed(*lease, *taken),
        }
        None
    }

    /// The history so far.
    pub(crate) fn story(&self) -> String {
        story(&self.calls)
    }
}

pub(crate) fn same<T: PartialEq + std::fmt::Debug>(
    what: &str,
    is: &T,
    should: &T,
) -> Result<(), String> {
    if is == should {
        return Ok(());
    }
    // Of something large, that where it begins to differ.
    let (is, should) = (format!("{is:#?}"), format!("{should:#?}"));
    let equal = is.lines().zip(should.lines()).take_while(|(one, other)| one == other).count();
    let part = |text: &str| {
        let lines = text.lines().skip(equal.saturating_sub(25)).take(60);
        lines.collect::<Vec<_>>().join("\n")
    };
    Err(format!("{what}: is {}\nshould be {}", part(&is), part(&should)))
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
