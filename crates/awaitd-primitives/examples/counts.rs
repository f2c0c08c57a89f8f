//! What `cargo xtask counts` counts the instructions of: `counts SCENARIO TIMES` brings a queue into a state
//! and does one thing so many times.

use std::env;
use std::process::ExitCode;
use std::time::Duration;

use awaitd_primitives::{
    Answer, Ask, At, Command, Configuration, Delay, Engine, GetMode, JobId, LeaseId, LeaseRef,
    Limits, Name, Payload, Policy, Position, QueueConfig, Rate, Request, State, Step, Ticket, Time,
    Trait,
};

/// Jobs, or keys, that are there before it begins.
const MANY: u64 = 20_000;

fn main() -> ExitCode {
    let mut arguments = env::args().skip(1);
    let scenario = arguments.next();
    let times = arguments.next().and_then(|times| times.parse().ok());
    let (Some(scenario), Some(times)) = (scenario, times) else {
        eprintln!("counts SCENARIO TIMES");
        return ExitCode::FAILURE;
    };
    let mut play = Play::new();
    let mut act: Box<dyn FnMut(&mut Play)> = match &*scenario {
        "cycle" => Box::new(Play::cycle),
        "cycle-beside-features" => {
            play.add_features("other");
            Box::new(Play::cycle)
        }
        "cycle-among-delayed" => {
            let hour = Duration::from_hours(1);
            for _ in 0..MANY {
                play.put_later("q", Delay::For(hour), Vec::new());
            }
            Box::new(Play::cycle)
        }
        "get" => {
            play.put_many(MANY, |_| Vec::new());
            Box::new(Play::get_and_return)
        }
        "get-among-keys" => {
            play.block_keys();
            Box::new(Play::get_and_return)
        }
        "first-page" | "last-page" => {
            play.put_many(MANY, |_| Vec::new());
            let after = if scenario == "first-page" { 0 } else { MANY - 100 };
            Box::new(move |play| play.page(after))
        }
        _ => {
            eprintln!("there is no scenario {scenario}");
            return ExitCode::FAILURE;
        }
    };
    for _ in 0..times {
        act(&mut play);
    }
    ExitCode::SUCCESS
}

/// An engine, with whom nobody waits for a disk.
struct Play {
    engine: Engine,
    tickets: u64,
    entries: u64,
}

impl Play {
    fn new() -> Self {
        let mut play =
            Self { engine: Engine::new(State::new(), Limits::default()), tickets: 0, entries: 0 };
        let mut step = Step::default();
        let at = At { now: Time::ZERO, clock: Time::ZERO };
        play.engine.start(at, 0, &mut step);
        play.configure("q", Policy::default());
        play
    }

    fn configure(&mut self, queue: &str, policy: Policy) {
        let config = QueueConfig { maxsize: 0, policy: Box::new(policy), ..QueueConfig::default() };
        let configuration = Configuration::Queue(name(queue), config);
        self.ask(Command::Configure { configuration, only_new: false });
    }

    /// Asks, and does with the answer what a server would do.
    fn ask(&mut self, command: Command) -> Option<Answer> {
        self.tickets += 1;
        let (ticket, ask) = (Ticket(self.tickets), Ask { command, key: None });
        let request = Request { ticket, arrived: Time::ZERO, until: Time::ZERO, ask };
        let mut step = Step::default();
        self.engine.submit(request, &mut step);
        self.note(&step);
        let mut told = None;
        for reply in step.replies {
            let mut step = Step::default();
            let left = self.engine.deliver(reply, Time::ZERO, &mut step);
            told = left.and_then(|reply| reply.told.ok());
        }
        told
    }

    fn note(&mut self, step: &Step) {
        self.entries += step.entries.len() as u64;
        self.engine.durable(Position(self.entries));
    }

    fn put(&mut self, queue: &str, traits: Vec<Trait>) {
        self.put_later(queue, Delay::NONE, traits);
    }

    fn put_later(&mut self, queue: &str, delay: Delay, traits: Vec<Trait>) {
        let payload = Payload { body: [b'x'; 200][..].into(), content_type: None };
        let (queue, rank, ttl) = (name(queue), None, None);
        self.ask(Command::Put { queue, payload, delay, rank, ttl, traits });
    }

    fn put_many(&mut self, count: u64, traits: impl Fn(u64) -> Vec<Trait>) {
        for number in 0..count {
            self.put("q", traits(number));
        }
    }

    fn get(&mut self) -> LeaseId {
        let (queue, mode, settle) = (name("q"), GetMode::Leased(None), None);
        match self.ask(Command::Get { queue, mode, settle, most: 1 }) {
            Some(Answer::Got(got)) => got.lease,
            other => panic!("no job: {other:?}"),
        }
    }

    fn handed(&mut self, lease: LeaseId, taken: bool) {
        let mut step = Step::default();
        self.engine.handed(lease, taken, &mut step);
        self.note(&step);
    }

    /// Put, get and done of one job.
    fn cycle(&mut self) {
        self.put("q", Vec::new());
        let lease = self.get();
        self.handed(lease, true);
        self.ask(Command::Done { lease: LeaseRef { id: lease, thing: None } });
    }

    /// A get whose answer nobody takes.
    fn get_and_return(&mut self) {
        let lease = self.get();
        self.handed(lease, false);
    }

    fn page(&mut self, after: u64) {
        let (queue, cursor, limit) = (name("q"), Some(JobId(after)), 100);
        let (state, key, bodies) = (None, None, true);
        match self.ask(Command::ListJobs { queue, state, key, cursor, limit, bodies }) {
            Some(Answer::Jobs { items, .. }) => assert_eq!(items.len(), 100),
            other => panic!("no page: {other:?}"),
        }
    }

    /// All keys but one are held by a job that somebody works on, and of each there is one more.
    fn block_keys(&mut self) {
        let key = |number| vec![Trait::Key(format!("key-{number}").into())];
        self.put_many(MANY, key);
        for _ in 1..MANY {
            let lease = self.get();
            self.handed(lease, true);
        }
        self.put_many(MANY - 1, key);
    }

    /// A queue that uses all that there is, with jobs that do.
    fn add_features(&mut self, queue: &str) {
        let policy = Policy {
            dead_letter: Some(name("dead")),
            ttl: Some(Duration::from_hours(1)),
            max_bytes: Some(1 << 30),
            rate: Some(Rate { per_second: awaitd_primitives::Milli(1_000), burst: 10 }),
            concurrency: Some(10),
            key_concurrency: 2,
            fair: true,
            ..Policy::default()
        };
        self.configure(queue, policy);
        for number in 0..100 {
            let text = |what: &str| format!("{what}-{number}").into();
            let traits = vec![
                Trait::Key(text("key")),
                Trait::Unique(text("unique")),
                Trait::MaxAttempts(3),
                Trait::Header("job-a".into(), text("header")),
            ];
            self.put(queue, traits);
        }
    }
}

fn name(name: &str) -> Name {
    name.parse().expect("a name")
}
