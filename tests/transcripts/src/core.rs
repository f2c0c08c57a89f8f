//! The core, told what the loop would tell it. Time moves by hand, and every history is replayed.

use std::collections::BTreeMap;
use std::time::Duration;

use awaitd_primitives::{
    Answer, Ask, At, Engine, Entry, LeaseId, Position, Reply, Request, State, Step, Ticket, Time,
};

use super::asking::{Asking, Hands};
use super::play::{Played, World, play};
use super::said::Said;
use super::script::{Script, What};
use super::told::told;

/// Plays a script on the core, and its records again.
pub fn play_on_core(script: &Script) -> Played {
    let mut core = Core::new(script);
    let played = play(script, &mut core);
    core.check_replay(&script.name);
    played
}

/// An engine, and what its loop knows.
struct Core {
    engine: Engine,
    now: Time,
    /// All that was ever made durable.
    entries: Vec<Entry>,
    /// Who was not answered yet, and what becomes of their answer.
    open: BTreeMap<Ticket, (String, Hands)>,
    /// Whose answer is on its way, and what it grants.
    sent: BTreeMap<String, Vec<LeaseId>>,
    last_ticket: u64,
    /// Everything up to here is durable.
    durable: Position,
    /// Replies that are not durable yet, if nothing becomes durable.
    stalled: Option<Vec<Reply>>,
    stops: Vec<Duration>,
}

impl Core {
    /// One that is asked for the first time.
    fn new(script: &Script) -> Self {
        let mut engine = Engine::new(State::new(), script.limits.clone());
        let mut step = Step::default();
        engine.start(At::default(), 0, &mut step);
        let durable = engine.judged();
        engine.durable(durable);
        Self {
            engine,
            now: Time::ZERO,
            durable,
            entries: step.entries,
            open: BTreeMap::new(),
            sent: BTreeMap::new(),
            last_ticket: 0,
            stalled: None,
            stops: Vec::new(),
        }
    }

    /// What was recorded gives what is there.
    fn check_replay(&self, name: &str) {
        let mut replayed = State::replay(self.entries.clone());
        let mut state = self.engine.state().clone();
        replayed.advance(self.now);
        state.advance(self.now);
        assert!(replayed == state, "{name}: a replay gives\n{replayed:#?}\nand not\n{state:#?}");
    }

    /// One turn of the loop and those that it brings about: time, the act, time, then all answers.
    fn turn(&mut self, act: impl FnOnce(&mut Engine, &mut Step)) -> Vec<(String, Said)> {
        let mut step = Step::default();
        self.work_off(&mut step);
        act(&mut self.engine, &mut step);
        let mut heard = Vec::new();
        loop {
            self.work_off(&mut step);
            let Step { entries, replies, .. } = std::mem::take(&mut step);
            if entries.is_empty() && replies.is_empty() {
                return heard;
            }
            self.entries.extend(entries);
            if self.stalled.is_none() {
                self.durable = self.engine.judged();
                self.engine.durable(self.durable);
            }
            let durable = self.durable;
            let (leaving, held): (Vec<_>, Vec<_>) =
                replies.into_iter().partition(|reply| reply.after <= durable);
            self.stalled.iter_mut().for_each(|stalled| stalled.extend(held.iter().cloned()));
            heard.extend(self.deliver(leaving, &mut step));
        }
    }

    /// Time up to now, in as many turns as that takes.
    fn work_off(&mut self, step: &mut Step) {
        let at = At { now: self.now, clock: self.now };
        while !self.engine.advance(at, step) {
            step.begin_turn();
        }
    }

    /// Looks at replies and hands them over.
    fn deliver(&mut self, replies: Vec<Reply>, step: &mut Step) -> Vec<(String, Said)> {
        let mut heard = Vec::new();
        let looked: Vec<Reply> = replies
            .into_iter()
            .filter_map(|reply| self.engine.deliver(reply, self.now, step))
            .collect();
        for reply in looked {
            let leases = granted(&reply);
            // Whoever hung up meanwhile takes nothing.
            let Some((who, hands)) = self.open.remove(&reply.ticket) else {
                self.hand(&leases, false, step);
                continue;
            };
            let said = told(&reply.command, &reply.told, self.now);
            let said = match hands {
                Hands::Take => {
                    self.hand(&leases, true, step);
                    said
                }
                Hands::Drop => {
                    self.hand(&leases, false, step);
                    Said::Undelivered(Box::new(said))
                }
                Hands::Wait => {
                    self.sent.insert(who.clone(), leases);
                    Said::Sent(Box::new(said))
                }
            };
            heard.push((who, said));
        }
        heard
    }

    fn hand(&mut self, leases: &[LeaseId], taken: bool, step: &mut Step) {
        hand(&mut self.engine, leases, taken, step);
    }

    fn ask(&mut self, who: &str, asking: &Asking) -> Vec<(String, Said)> {
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        self.open.insert(ticket, (who.to_owned(), asking.hands));
        let ask = Ask { command: asking.command.clone(), key: asking.key.clone() };
        let (arrived, until) = (self.now, self.now + asking.wait);
        self.turn(|engine, step| engine.submit(Request { ticket, arrived, until, ask }, step))
    }

    fn hang_up(&mut self, who: &str) -> Vec<(String, Said)> {
        if let Some(leases) = self.sent.remove(who) {
            return self.turn(|engine, step| hand(engine, &leases, false, step));
        }
        let ticket = self.open.iter().find(|(_, (open, _))| open == who).map(|(it, _)| *it);
        let ticket = ticket.expect("only who waits hangs up");
        self.open.remove(&ticket);
        self.turn(|engine, step| _ = engine.withdraw(ticket, step))
    }

    /// Moves time from one moment at which there is something to do to the next.
    fn pass(&mut self, length: Duration) -> Vec<(String, Said)> {
        let (began, end) = (self.now, self.now + length);
        let mut heard = Vec::new();
        while let Some(wake) = self.engine.wake_at().filter(|wake| *wake < end) {
            assert!(wake > self.now, "woken at {wake:?}, but it is {:?} already", self.now);
            self.now = wake;
            self.stops.push(wake.since(began));
            heard.extend(self.turn(|_, _| ()));
        }
        self.now = end;
        heard.extend(self.turn(|_, _| ()));
        heard
    }
}

impl World for Core {
    fn act(&mut self, who: &str, what: &What) -> Vec<(String, Said)> {
        self.stops.clear();
        let heard = match what {
            What::Asks(asking) => self.ask(who, asking),
            What::HangsUp => self.hang_up(who),
            What::TakesIt => {
                let leases = self.sent.remove(who).expect("only what was sent is taken");
                self.turn(|engine, step| hand(engine, &leases, true, step))
            }
            What::Passes(length) => self.pass(*length),
            What::Closes => self.turn(Engine::close),
            What::Stalls => {
                self.stalled = Some(Vec::new());
                Vec::new()
            }
            What::GoesOn => {
                let stalled = self.stalled.take().expect("only what stalls goes on");
                self.durable = self.engine.judged();
                self.engine.durable(self.durable);
                let mut step = Step::default();
                let mut heard = self.deliver(stalled, &mut step);
                heard.extend(self.turn(|_, next| {
                    let later = std::mem::replace(next, step);
                    next.entries.extend(later.entries);
                    next.replies.extend(later.replies);
                }));
                heard
            }
        };
        let census = self.engine.census();
        if self.stalled.is_none() {
            assert_eq!(census.waits, self.open.len(), "all who were not answered wait");
            let granting = self.sent.values().flatten().count();
            assert_eq!(census.undelivered, granting, "all else has been delivered");
        }
        heard
    }

    fn waiting(&self) -> usize {
        self.open.len()
    }

    fn stops(&mut self) -> Vec<Duration> {
        std::mem::take(&mut self.stops)
    }
}

fn hand(engine: &mut Engine, leases: &[LeaseId], taken: bool, step: &mut Step) {
    for lease in leases {
        engine.handed(*lease, taken, step);
    }
}

fn granted(reply: &Reply) -> Vec<LeaseId> {
    reply.told.iter().flat_map(Answer::leases).collect()
}
