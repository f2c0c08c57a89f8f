//! More than one turn may take: what is too much is left for the next turn, in order, and nothing of
//! it is lost. Each turn is bounded, so that whoever asks meanwhile is not held up.

mod overdue;

use std::time::Duration;

use awaitd_primitives::limits::{RIPE_MAX, TURN_MAX};
use awaitd_primitives::{
    Answer, Ask, At, Backoff, Command, Configuration, Delay, DropCause, Engine, Entry, GetMode,
    JobState, Key, LeaseId, Limits, Name, Outcome, Payload, Policy, Position, QueueConfig, Record,
    Refusal, Reply, Request, State, Step, Ticket, Time,
};

const MANY: u64 = 2 * TURN_MAX as u64 + 100;
const MINUTE: Duration = Duration::from_mins(1);

/// An engine, its clock, and everything that it has said.
struct Play {
    engine: Engine,
    now: Time,
    tickets: u64,
    entries: Vec<Entry>,
    /// Jobs that became ready in the last turn.
    ripe: usize,
}

impl Play {
    fn new() -> Self {
        let engine = Engine::new(State::new(), Limits::default());
        Self { engine, now: Time::ZERO, tickets: 0, entries: Vec::new(), ripe: 0 }
    }

    /// One call, as a turn of its own; what was told by it.
    fn turn(&mut self, call: impl FnOnce(&mut Engine, &mut Step)) -> Vec<Reply> {
        let mut step = Step::default();
        call(&mut self.engine, &mut step);
        assert!(step.work <= TURN_MAX, "a turn did {} things", step.work);
        self.ripe = step.ripe;
        self.entries.append(&mut step.entries);
        self.engine.durable(Position(self.entries.len() as u64));
        step.replies
    }

    fn ask(&mut self, command: Command, wait: Duration) -> Vec<Reply> {
        self.ask_under(None, command, wait)
    }

    fn ask_under(&mut self, key: Option<String>, command: Command, wait: Duration) -> Vec<Reply> {
        self.tickets += 1;
        let (ticket, arrived, until) = (Ticket(self.tickets), self.now, self.now + wait);
        let key = key.map(|text| Key { text: text.into(), fingerprint: 1 });
        let ask = Ask { command, key };
        let request = Request { ticket, arrived, until, ask };
        self.turn(|engine, step| engine.submit(request, step))
    }

    /// Turns until time has been worked off; what was told in each.
    fn pass(&mut self, by: Duration) -> Vec<Vec<Reply>> {
        self.now = self.now + by;
        let at = At { now: self.now, clock: self.now };
        let mut turns = Vec::new();
        for _ in 0..100 {
            let mut done = false;
            turns.push(self.turn(|engine, step| done = engine.advance(at, step)));
            let sleeps = self.engine.wake_at().is_none_or(|wake| wake > self.now);
            assert!(done || !sleeps, "it would sleep");
            if sleeps {
                return turns;
            }
        }
        panic!("time is never worked off");
    }

    /// Looks at a grant, which is taken or not.
    fn hand(&mut self, mut told: Vec<Reply>, taken: bool) -> LeaseId {
        let (now, reply) = (self.now, told.remove(0));
        self.turn(|engine, step| _ = engine.deliver(reply.clone(), now, step));
        let Ok(Answer::Got(got)) = reply.told else { panic!("no job: {:?}", reply.told) };
        self.turn(|engine, step| engine.handed(got.lease, taken, step));
        got.lease
    }

    /// Everything was said in the order of the tickets, in more turns than one, and is on record.
    fn end(&self, turns: &[Vec<Reply>], tickets: impl Iterator<Item = u64>) {
        let told: Vec<u64> = turns.iter().flatten().map(|reply| reply.ticket.0).collect();
        assert!(turns.len() > 2 && told.into_iter().eq(tickets), "not in order, or not all");
        assert_eq!(self.engine.census().waits, 0);
        self.check_replay();
    }

    /// One turn after so long; what was told in it.
    fn one_turn(&mut self, by: Duration) -> Vec<Reply> {
        self.now = self.now + by;
        let at = At { now: self.now, clock: self.now };
        let mut done = false;
        let told = self.turn(|engine, step| done = engine.advance(at, step));
        assert!(done && self.ripe == RIPE_MAX, "{} jobs became ready", self.ripe);
        told
    }

    /// What was recorded gives what is there.
    fn check_replay(&self) {
        let mut replayed = State::replay(self.entries.clone());
        let mut lived = self.engine.state().clone();
        replayed.advance(self.now);
        lived.advance(self.now);
        assert_eq!(replayed, lived);
    }
}

fn name() -> Name {
    "q".parse().expect("a name")
}

fn other() -> Name {
    "other".parse().expect("a name")
}

fn payload() -> Payload {
    Payload { body: b"job"[..].into(), content_type: None }
}

fn put(delay: Duration) -> Command {
    put_for(delay, None)
}

/// A put of a job that may wait for so long.
fn put_for(delay: Duration, ttl: Option<Duration>) -> Command {
    let delay = Delay::For(delay);
    Command::Put { queue: name(), payload: payload(), delay, rank: None, ttl, traits: Vec::new() }
}

fn get() -> Command {
    Command::Get { queue: name(), mode: GetMode::Leased(Some(MINUTE)), settle: None, most: 1 }
}

/// A job that comes back does so at once.
fn configure(maxsize: u64) -> Command {
    let backoff = Backoff { min: Duration::ZERO, ..Backoff::default() };
    let policy = Box::new(Policy { backoff, ..Policy::default() });
    let config = QueueConfig { maxsize, policy, ..QueueConfig::default() };
    Command::Configure { configuration: Configuration::Queue(name(), config), only_new: false }
}

/// A set answers all who wait, even those whom the turn does not reach before the event is cleared.
#[test]
fn a_set_answers_more_than_a_turn_may_judge() {
    let mut play = Play::new();
    for _ in 0..MANY {
        play.ask(Command::WaitEvent { event: name(), after: None }, MINUTE);
    }
    let set = Command::SetEvent { event: name(), value: payload(), only_unset: false };
    let first = play.ask(set, Duration::ZERO);
    let cleared = play.ask(Command::ClearEvent { event: name() }, Duration::ZERO);
    assert_eq!((first.len(), cleared.len()), (TURN_MAX + 1, TURN_MAX + 1));
    let mut turns = vec![first[1..].to_vec(), cleared[1..].to_vec()];
    turns.extend(play.pass(Duration::ZERO));
    let happened = |reply: &Reply| matches!(reply.told, Ok(Answer::Happened { .. }));
    assert!(turns.iter().flatten().all(happened));
    play.end(&turns, 1..=MANY);
}

/// A shutdown sends home all who wait to put, and a newcomer does not slip in before them.
#[test]
fn a_shutdown_refuses_more_than_a_turn_may_judge() {
    let mut play = Play::new();
    play.ask(configure(1), Duration::ZERO);
    play.ask(put(Duration::ZERO), Duration::ZERO);
    for _ in 0..MANY {
        play.ask(put(Duration::ZERO), MINUTE);
    }
    let shutdown = Command::Shutdown { queue: name(), immediate: false };
    let mut turns = vec![play.ask(shutdown, Duration::ZERO)];
    assert!(matches!(turns[0].remove(0).told, Ok(Answer::ShutDown)));
    turns.extend(play.pass(Duration::ZERO));
    assert!(turns.iter().flatten().all(|reply| reply.told == Err(Refusal::QueueShutDown)));
    play.end(&turns, 3..3 + MANY);
}

/// Jobs that are due at one moment go to those who wait, in their order, however many there are.
#[test]
fn more_jobs_become_ready_than_a_turn_may_move() {
    let mut play = Play::new();
    play.ask(configure(0), Duration::ZERO);
    for _ in 0..MANY {
        play.ask(put(MINUTE), Duration::ZERO);
    }
    for _ in 0..MANY {
        play.ask(get(), 2 * MINUTE);
    }
    let first = play.one_turn(MINUTE);
    assert_eq!(first.len(), RIPE_MAX);
    let turns = [vec![first], play.pass(Duration::ZERO)].concat();
    let jobs = turns.iter().flatten().map(|reply| match &reply.told {
        Ok(Answer::Got(got)) => got.job.0,
        other => panic!("no job: {other:?}"),
    });
    assert!(jobs.eq(1..=MANY), "not in order");
    play.end(&turns, 2 + MANY..2 + 2 * MANY);
}

/// Leases that end at one moment all give back; those who wait have the jobs, and nobody is turned
/// away before what is free was handed out.
#[test]
fn more_leases_end_than_a_turn_may_settle() {
    let mut play = Play::new();
    play.ask(configure(0), Duration::ZERO);
    for _ in 0..MANY {
        play.ask(put(Duration::ZERO), Duration::ZERO);
        let told = play.ask(get(), Duration::ZERO);
        play.hand(told, true);
    }
    for _ in 0..MANY {
        play.ask(get(), MINUTE);
    }
    let turns = play.pass(MINUTE);
    let again = |reply: &Reply| matches!(&reply.told, Ok(Answer::Got(got)) if got.attempt == 2);
    assert!(turns.iter().flatten().all(again));
    play.end(&turns, 2 + 2 * MANY..2 + 3 * MANY);
}

/// Leases that end at one moment, and grants that nobody came back for, are worked off whether somebody waits
/// for what they held or not.
#[test]
fn more_grants_go_back_than_a_turn_may_give_back() {
    for (taken, why) in [(true, Outcome::Expired), (false, Outcome::Undelivered)] {
        let mut play = Play::new();
        play.ask(configure(0), Duration::ZERO);
        for number in 0..MANY {
            play.ask(put(Duration::ZERO), Duration::ZERO);
            let told = play.ask_under(Some(number.to_string()), get(), Duration::ZERO);
            play.hand(told, taken);
        }
        let turns = play.pass(MINUTE);
        assert!(turns.len() > 2, "{} turns, {why:?}", turns.len());
        let ended = play.entries.iter().flat_map(|entry| &entry.records);
        let ended =
            ended.filter(|it| matches!(it, Record::Settled { outcome, .. } if *outcome == why));
        assert_eq!(ended.count() as u64, MANY);
        play.check_replay();
    }
}

/// A wait that ends for many at one moment ends for all of them, be it one after the other or not.
#[test]
fn more_waits_end_than_a_turn_may_turn_away() {
    for command in [get(), Command::WaitEvent { event: name(), after: None }] {
        let mut play = Play::new();
        for _ in 0..MANY {
            play.ask(command.clone(), MINUTE);
        }
        let turns = play.pass(MINUTE);
        let over = |told: &Reply| matches!(told.told, Err(Refusal::Empty | Refusal::NotSet { .. }));
        assert!(turns.iter().flatten().all(over));
        assert!(turns.iter().all(|told| told.len() <= TURN_MAX), "a turn told too many");
        play.end(&turns, 1..=MANY);
    }
}

/// Whoever waits for a place until a job ends has that one's.
#[test]
fn who_waits_until_a_job_ends_has_its_place() {
    let mut play = Play::new();
    play.ask(configure(1), Duration::ZERO);
    play.ask(put_for(Duration::ZERO, Some(MINUTE)), Duration::ZERO);
    play.ask(put(Duration::ZERO), MINUTE);
    let told = play.pass(MINUTE).concat();
    assert!(matches!(told[..], [Reply { told: Ok(Answer::Placed { .. }), .. }]), "{told:?}");
}

/// A step that goes on in the next turn has all of that before it, and keeps what is to be told.
#[test]
fn the_next_turn_of_a_step_is_counted_anew() {
    let mut play = Play::new();
    play.ask(configure(0), Duration::ZERO);
    play.ask(put(MINUTE), Duration::ZERO);
    play.ask(get(), 2 * MINUTE);
    let (now, mut step) = (play.now + MINUTE, Step::default());
    assert!(play.engine.advance(At { now, clock: now }, &mut step));
    assert!(step.work > 0 && step.ripe == 1);
    step.begin_turn();
    assert_eq!((step.work, step.ripe, step.replies.len()), (0, 0, 1));
}

/// Jobs that nobody came for end at one moment, however many there are, each of them once.
#[test]
fn more_jobs_end_than_a_turn_may_end() {
    let mut play = Play::new();
    play.ask(configure(0), Duration::ZERO);
    for _ in 0..MANY {
        play.ask(put_for(Duration::ZERO, Some(MINUTE)), Duration::ZERO);
    }
    let before = play.engine.state().counts().jobs;
    let turns = play.pass(MINUTE);
    assert!(before == MANY && turns.len() > 2, "{before} jobs, {} turns", turns.len());
    assert_eq!(play.engine.state().counts().jobs, 0);
    let ended = play.entries.iter().flat_map(|entry| &entry.records);
    let ended = ended.filter(|it| matches!(it, Record::Dropped { cause: DropCause::Ttl, .. }));
    assert_eq!(ended.count() as u64, MANY);
}

/// A checkpoint that ends while what is over has not been worked off counts what a replay will count.
#[test]
fn a_checkpoint_ends_between_the_turns_of_one_moment() {
    let mut play = Play::new();
    play.ask(configure(0), Duration::ZERO);
    for key in 0..MANY {
        play.ask_under(Some(key.to_string()), put(Duration::ZERO), Duration::ZERO);
    }
    play.now = play.now + 5 * MINUTE;
    let at = At { now: play.now, clock: play.now };
    let mut done = true;
    play.turn(|engine, step| done = engine.advance(at, step));
    assert!(!done, "one turn was enough");
    play.turn(|engine, step| engine.end_checkpoint(1, step));
    let counts = play.entries.iter().flat_map(|entry| &entry.records).find_map(|it| match it {
        Record::Checkpoint(checkpoint) => Some(checkpoint.counts),
        _ => None,
    });
    assert_eq!(counts, Some(State::replay(play.entries.clone()).counts()));
}
