//! An engine, its clock, and everything that it has written.

use std::time::Duration;

use awaitd_primitives::*;

pub(crate) const SECOND: Duration = Duration::from_secs(1);

pub(crate) type Told = Result<Answer, Refusal>;

pub(crate) struct Play {
    pub(crate) engine: Engine,
    pub(crate) now: Time,
    tickets: u64,
    pub(crate) entries: Vec<Entry>,
    /// What was told since it was last asked for.
    told: Vec<Reply>,
}

impl Play {
    pub(crate) fn new() -> Self {
        Self::with(Limits::default())
    }

    pub(crate) fn with(limits: Limits) -> Self {
        let engine = Engine::new(State::new(), limits);
        Self { engine, now: Time::ZERO, tickets: 0, entries: Vec::new(), told: Vec::new() }
    }

    /// Goes on from this state.
    pub(crate) fn after(state: State) -> Self {
        let engine = Engine::new(state, Limits::default());
        Self { engine, ..Self::new() }
    }

    /// Writes something anew.
    pub(crate) fn copy(&mut self, part: &Part) {
        self.turn(|engine, step| engine.copy(part, None, step));
    }

    /// All is written anew.
    pub(crate) fn end_checkpoint(&mut self) {
        self.turn(|engine, step| engine.end_checkpoint(1, step));
    }

    pub(crate) fn turn(&mut self, call: impl FnOnce(&mut Engine, &mut Step)) {
        let mut step = Step::default();
        call(&mut self.engine, &mut step);
        self.entries.append(&mut step.entries);
        self.told.append(&mut step.replies);
        self.engine.durable(Position(self.entries.len() as u64));
    }

    /// Who asks: waits for so long, under that key.
    pub(crate) fn begin(&mut self, command: Command, wait: Duration, key: Option<&str>) -> Ticket {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let key = key.map(|text| Key { text: text.into(), fingerprint: 1 });
        let (arrived, until) = (self.now, self.now + wait);
        let ask = Ask { command, key };
        self.turn(|engine, step| {
            engine.submit(Request { ticket, arrived, until, ask }, step);
        });
        ticket
    }

    /// What was told to him; `None` if he waits.
    pub(crate) fn told(&mut self, ticket: Ticket) -> Option<Told> {
        let at = self.told.iter().position(|reply| reply.ticket == ticket)?;
        let reply = self.told.remove(at);
        let now = self.now;
        self.turn(|engine, step| _ = engine.deliver(reply.clone(), now, step));
        for lease in reply.told.iter().flat_map(Answer::leases) {
            self.turn(|engine, step| engine.handed(lease, true, step));
        }
        Some(reply.told)
    }

    /// What is told at once to one who does not wait.
    pub(crate) fn ask(&mut self, command: Command) -> Told {
        let ticket = self.begin(command, Duration::ZERO, None);
        self.told(ticket).expect("who does not wait is told at once")
    }

    pub(crate) fn done(&mut self, command: Command) {
        let told = self.ask(command);
        assert!(told.is_ok(), "{told:?}");
    }

    /// The number of a job that was put.
    pub(crate) fn put(&mut self, command: Command) -> u64 {
        match self.ask(command) {
            Ok(Answer::Placed { job, .. }) => job.0,
            told => panic!("not put: {told:?}"),
        }
    }

    /// A job that is got.
    pub(crate) fn get(&mut self, queue: &str) -> Got {
        match self.ask(get(queue)) {
            Ok(Answer::Got(got)) => *got,
            told => panic!("not got: {told:?}"),
        }
    }

    /// Takes the lock `l`.
    pub(crate) fn lock(&mut self) -> LeaseRef {
        let thing = Thing::Lock(name("l"));
        let acquire = Command::Acquire {
            thing: thing.clone(),
            share: Share::Whole,
            lease: None,
            owner: None,
        };
        match self.ask(acquire) {
            Ok(Answer::Acquired(grant)) => LeaseRef { id: grant.lease, thing: Some(thing) },
            told => panic!("not acquired: {told:?}"),
        }
    }

    /// Takes the lock `l` and lets it go to wait for its condition `c`.
    pub(crate) fn wait_for_c(&mut self) -> Ticket {
        let wait = Command::WaitCondition {
            lock: name("l"),
            condition: name("c"),
            held: self.lock(),
            lease: None,
            owner: None,
            patience: 60 * SECOND,
            notified: None,
        };
        self.begin(wait, 60 * SECOND, None)
    }

    pub(crate) fn pass(&mut self, by: Duration) {
        self.now = self.now + by;
        let at = At { now: self.now, clock: self.now };
        self.turn(|engine, step| assert!(engine.advance(at, step)));
    }

    /// How many jobs of a queue are in each state.
    pub(crate) fn counts(&mut self, queue: &str) -> [u64; 5] {
        let view = match self.ask(Command::Read { thing: Thing::Queue(name(queue)) }) {
            Ok(Answer::State(view)) => *view,
            told => panic!("no state: {told:?}"),
        };
        let View::Queue(view) = view else { panic!("not of a queue: {view:?}") };
        [view.ready, view.delayed, view.leased, view.dead, view.unfinished]
    }

    /// The records so far give the state that is lived.
    pub(crate) fn check(&self) {
        let mut replayed = State::replay(self.entries.clone());
        let mut lived = self.engine.state().clone();
        replayed.advance(self.now);
        lived.advance(self.now);
        assert_eq!(replayed, lived);
    }
}

pub(crate) fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

pub(crate) fn payload(text: &str) -> Payload {
    Payload { body: text.as_bytes().into(), content_type: None }
}

/// A put of a job with these traits.
pub(crate) fn put(queue: &str, traits: &[Trait]) -> Command {
    put_later(queue, traits, Duration::ZERO)
}

pub(crate) fn put_later(queue: &str, traits: &[Trait], delay: Duration) -> Command {
    put_when(queue, traits, Delay::For(delay))
}

pub(crate) fn put_when(queue: &str, traits: &[Trait], delay: Delay) -> Command {
    let (queue, payload, traits) = (name(queue), payload("job"), traits.to_vec());
    Command::Put { queue, payload, delay, rank: None, ttl: None, traits }
}

pub(crate) fn put_ranked(queue: &str, rank: i64, delay: Duration) -> Command {
    let (queue, payload, rank) = (name(queue), payload("job"), Some(Rank::from(rank)));
    Command::Put { queue, payload, delay: Delay::For(delay), rank, ttl: None, traits: Vec::new() }
}

pub(crate) fn key(text: &str) -> Trait {
    Trait::Key(text.into())
}

pub(crate) fn unique(text: &str) -> Trait {
    Trait::Unique(text.into())
}

pub(crate) fn get(queue: &str) -> Command {
    Command::Get { queue: name(queue), mode: GetMode::Leased(None), settle: None, most: 1 }
}

pub(crate) fn get_any(queues: &[&str], fair: bool) -> Command {
    let queues = queues.iter().map(|it| name(it)).collect();
    Command::GetAny { queues, fair, mode: GetMode::Leased(None), most: 1 }
}

/// Without a backoff and with leases of ten seconds, but for what is said.
pub(crate) fn configure(queue: &str, maxsize: u64, say: impl FnOnce(&mut Policy)) -> Command {
    ordered(queue, maxsize, Order::Fifo, say)
}

pub(crate) fn ordered(
    queue: &str,
    maxsize: u64,
    order: Order,
    say: impl FnOnce(&mut Policy),
) -> Command {
    let backoff = Backoff { min: Duration::ZERO, ..Backoff::default() };
    let mut policy = Box::new(Policy { backoff, ..Policy::default() });
    say(&mut policy);
    let config = QueueConfig { maxsize, order, lease: 10 * SECOND, policy };
    Command::Configure { configuration: Configuration::Queue(name(queue), config), only_new: false }
}

pub(crate) fn lease_of(got: &Got) -> LeaseRef {
    LeaseRef { id: got.lease, thing: None }
}

pub(crate) fn done(got: &Got) -> Command {
    Command::Done { lease: lease_of(got) }
}

pub(crate) fn nack(got: &Got) -> Command {
    let (lease, error) = (lease_of(got), Some("oh".into()));
    Command::Nack { lease, delay: None, defer: false, dead: false, error }
}

pub(crate) fn cancel(queue: &str, job: u64, force: bool) -> Command {
    Command::CancelJob { queue: name(queue), job: JobId(job), force }
}

pub(crate) fn pause(queue: &str, paused: bool) -> Command {
    Command::Pause { queue: name(queue), paused }
}

pub(crate) fn purge(queue: &str, state: Option<JobState>) -> Command {
    Command::Purge { queue: name(queue), state }
}

pub(crate) fn shutdown(queue: &str, immediate: bool) -> Command {
    Command::Shutdown { queue: name(queue), immediate }
}

pub(crate) fn delete(queue: &str) -> Command {
    Command::Delete { thing: Thing::Queue(name(queue)), force: false }
}

pub(crate) fn redrive(queue: &str, to: Option<&str>) -> Command {
    Command::Redrive {
        queue: name(queue),
        to: to.map(name),
        state: None,
        job: None,
        limit: 1_000,
        delay: Duration::ZERO,
        spacing: Duration::ZERO,
    }
}

pub(crate) fn finish(got: &Got, result: &str) -> Command {
    Command::Finish { lease: lease_of(got), result: payload(result) }
}
