//! What a checkpoint must carry over that no random history is long enough for: what became of leases
//! far below the window over their numbers, and of more of them than are remembered.

use std::num::NonZeroU64;
use std::time::Duration;

use awaitd_primitives::limits::{FATES_RANGE, SETTLED_LATE_MAX, SETTLED_WINDOW};
use awaitd_primitives::*;

const MINUTE: Duration = Duration::from_mins(1);

/// An engine, and all that it has written.
struct Play {
    engine: Engine,
    tickets: u64,
    entries: Vec<Entry>,
}

fn at() -> At {
    At { now: Time::ZERO + MINUTE, clock: Time::ZERO + MINUTE }
}

fn name() -> Name {
    "q".parse().expect("a name")
}

fn lease(number: u64) -> LeaseRef {
    let id = LeaseId(NonZeroU64::new(number).expect("leases begin at 1"));
    LeaseRef { id, thing: Some(Thing::Queue(name())) }
}

impl Play {
    /// Goes on after these entries.
    fn after(entries: Vec<Entry>) -> Self {
        let state = State::replay(entries.clone());
        let mut play = Self { engine: Engine::new(state, Limits::default()), tickets: 0, entries };
        play.turn(|engine, step| engine.start(at(), 0, step));
        play
    }

    fn turn(&mut self, call: impl FnOnce(&mut Engine, &mut Step)) -> Vec<Reply> {
        let mut step = Step::default();
        call(&mut self.engine, &mut step);
        self.entries.append(&mut step.entries);
        step.replies
    }

    fn ask(&mut self, command: Command) -> Result<Answer, Refusal> {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let (arrived, ask) = (at().now, Ask { command, key: None });
        let request = Request { ticket, arrived, until: arrived, ask };
        self.turn(|engine, step| engine.submit(request, step)).remove(0).told
    }

    /// So many jobs under so many leases.
    fn hold(&mut self, jobs: usize) {
        let config = QueueConfig { maxsize: 0, ..QueueConfig::default() };
        let configure = Command::Configure {
            configuration: Configuration::Queue(name(), config),
            only_new: false,
        };
        assert!(self.ask(configure).is_ok());
        for _ in 0..jobs {
            let payload = Payload { body: [].into(), content_type: None };
            let put = Command::Put {
                queue: name(),
                payload,
                delay: Delay::NONE,
                rank: None,
                ttl: None,
                traits: Vec::new(),
            };
            assert!(self.ask(put).is_ok());
            let mode = GetMode::Leased(Some(24 * 60 * MINUTE));
            assert!(self.ask(Command::Get { queue: name(), mode, settle: None, most: 1 }).is_ok());
        }
    }

    /// So many starts later that the window has left behind all that is held now.
    fn much_later(mut self) -> Self {
        let record = Record::Reserved { from: 2 * SETTLED_WINDOW, upto: 2 * SETTLED_WINDOW + 1 };
        self.entries.push(Entry { at: at().now, records: vec![record] });
        let mut play = Self::after(self.entries);
        play.hold(1);
        play
    }

    fn done(&mut self, number: u64) -> Result<Answer, Refusal> {
        self.ask(Command::Done { lease: lease(number) })
    }

    /// Everything is written anew; then the state that a history gives which begins here.
    fn written_anew(&mut self, begins: usize) -> State {
        let records = self.entries.iter().flat_map(|entry| &entry.records);
        let parts = records.filter_map(|record| match record {
            Record::Configured { queue, .. } => Some(Part::Thing(Thing::Queue(queue.clone()))),
            Record::Placed { queue, job, .. } => {
                Some(Part::Job { queue: queue.clone(), job: *job })
            }
            _ => None,
        });
        for part in parts.collect::<Vec<_>>() {
            self.turn(|engine, step| engine.copy(&part, None, step));
        }
        let newest = lease(2 * SETTLED_WINDOW + 2).id;
        self.turn(|engine, step| engine.copy(&Part::Fates(newest), None, step));
        self.turn(|engine, step| engine.end_checkpoint(1, step));
        State::replay(self.entries[begins..].iter().cloned())
    }
}

#[test]
fn what_became_of_an_old_lease_outlives_its_records() {
    let mut play = Play::after(Vec::new());
    play.hold(3);
    let mut play = play.much_later();
    assert_eq!(play.done(1), Ok(Answer::Settled));
    let begins = play.entries.len();
    let state = play.written_anew(begins);
    assert_eq!(state, *play.engine.state());
    let mut play = Play::after(play.entries.split_off(begins));
    assert_eq!(play.done(1), Ok(Answer::Settled));
    assert_eq!(play.done(2), Ok(Answer::Settled));
    let nack =
        Command::Nack { lease: lease(1), delay: None, defer: false, dead: false, error: None };
    assert_eq!(play.ask(nack), Err(Refusal::LeaseLost));
}

/// More than are remembered, the oldest last: a history that tells of those alone knows no more.
#[test]
fn of_too_many_old_leases_the_newest_are_remembered() {
    let few = 10;
    let many = SETTLED_LATE_MAX as u64 + few;
    let mut play = Play::after(Vec::new());
    play.hold(SETTLED_LATE_MAX + 10);
    let mut play = play.much_later();
    let mut begins = 0;
    for number in (1..=many).rev() {
        if number == few {
            begins = play.entries.len();
            // The window is up there for whoever begins here, too.
            play.hold(1);
        }
        assert_eq!(play.done(number), Ok(Answer::Settled));
    }
    let state = play.written_anew(begins);
    assert!(state == *play.engine.state(), "it knows more, or less");
    assert_eq!(play.done(many), Ok(Answer::Settled));
    assert_eq!(play.done(few), Err(Refusal::LeaseLost));
}

/// What became of a lease is known while it is one of the last so many, and not for ever; wherever the numbers
/// leap to, it is known of the new ones.
#[test]
fn what_became_of_a_lease_is_known_for_a_window() {
    let last = |number: u64| {
        let mut play = Play::after(Vec::new());
        play.hold(3);
        assert_eq!(play.done(2), Ok(Answer::Settled));
        let record = Record::Reserved { from: number - 1, upto: number - 1 };
        play.entries.push(Entry { at: at().now, records: vec![record] });
        let mut play = Play::after(play.entries);
        play.hold(1);
        assert_eq!(play.done(number), Ok(Answer::Settled));
        play
    };
    for number in [10 * FATES_RANGE - 1, 10 * FATES_RANGE, SETTLED_WINDOW - 1] {
        let mut play = last(number);
        assert_eq!(play.done(2), Ok(Answer::Settled), "{number}");
        assert_eq!(play.done(number), Ok(Answer::Settled), "{number}");
        assert_eq!(play.done(number - 1), Err(Refusal::LeaseLost), "{number}");
        assert_eq!(play.done(3), Ok(Answer::Settled), "{number}: it was held still");
        assert_eq!(play.done(3), Ok(Answer::Settled), "{number}");
    }
    for number in [SETTLED_WINDOW + FATES_RANGE, 2 * SETTLED_WINDOW, 9 * SETTLED_WINDOW + 7] {
        let mut play = last(number);
        assert_eq!(play.done(2), Err(Refusal::LeaseLost), "{number}");
        assert_eq!(play.done(number), Ok(Answer::Settled), "{number}");
        assert_eq!(play.done(number - 1), Err(Refusal::LeaseLost), "{number}");
        assert_eq!(play.done(1), Ok(Answer::Settled), "{number}: it was held still");
        assert_eq!(play.done(1), Ok(Answer::Settled), "{number}");
        assert_eq!(play.done(number), Ok(Answer::Settled), "{number}");
    }
}
