//! Bounds that random histories never reach: each refuses what is too much, and nothing else.

use std::time::Duration;

use awaitd_primitives::*;

/// An engine with these limits, and the tickets and replies of those who asked it.
pub(crate) struct Bounded {
    pub(crate) engine: Engine,
    tickets: u64,
}

impl Bounded {
    pub(crate) fn new(limits: Limits) -> Self {
        Self { engine: Engine::new(State::new(), limits), tickets: 0 }
    }

    /// What is told at once to one who would wait for a minute; `None` if he waits.
    pub(crate) fn ask(
        &mut self,
        command: Command,
        key: Option<&str>,
    ) -> Option<Result<Answer, Refusal>> {
        let told = self.replies(command, key);
        let own = told.into_iter().find(|reply| reply.ticket == Ticket(self.tickets));
        own.map(|reply| reply.told)
    }

    /// All that is told because of a command, to him who asks and to those who wait.
    pub(crate) fn told_by(&mut self, command: Command) -> Vec<Result<Answer, Refusal>> {
        self.replies(command, None).into_iter().map(|reply| reply.told).collect()
    }

    fn replies(&mut self, command: Command, key: Option<&str>) -> Vec<Reply> {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let (arrived, until) = (Time::ZERO, Time::ZERO + Duration::from_mins(1));
        let key = key.map(|text| Key { text: text.into(), fingerprint: 1 });
        let mut step = Step::default();
        self.engine
            .submit(Request { ticket, arrived, until, ask: Ask { command, key } }, &mut step);
        step.replies
    }

    fn hang_up(&mut self, ticket: u64) {
        self.engine.withdraw(Ticket(ticket), &mut Step::default());
    }
}

/// Those of random histories: nothing is refused, but namespaces are counted.
pub(crate) fn bounds() -> Limits {
    let quota = |prefix: &str| Quota { prefix: prefix.into(), ..Quota::default() };
    let quotas = Quotas::new(["", "q", "r", "s"].iter().map(|prefix| quota(prefix)).collect());
    Limits { quotas: quotas.into(), ..Limits::default() }
}

pub(crate) fn name(text: &str) -> Name {
    text.parse().expect("a good name")
}

pub(crate) fn get(queue: &str) -> Command {
    Command::Get { queue: name(queue), mode: GetMode::Leased(None), settle: None, most: 1 }
}

pub(crate) fn put(queue: &str, bytes: usize) -> Command {
    let payload = Payload { body: vec![0; bytes].into(), content_type: None };
    Command::Put {
        queue: name(queue),
        payload,
        delay: Delay::NONE,
        rank: None,
        ttl: None,
        traits: Vec::new(),
    }
}

pub(crate) fn acquire(lock: &str) -> Command {
    Command::Acquire {
        thing: Thing::Lock(name(lock)),
        share: Share::Whole,
        lease: None,
        owner: None,
    }
}

/// The lease of the lock `l` by this number.
pub(crate) fn lease_of_l(number: u64) -> LeaseRef {
    let id = LeaseId(std::num::NonZeroU64::new(number).expect("a number of a lease"));
    LeaseRef { id, thing: Some(Thing::Lock(name("l"))) }
}

/// Waits for the condition `c` of the lock `l`.
pub(crate) fn wait_for_c(held: u64) -> Command {
    Command::WaitCondition {
        lock: name("l"),
        condition: name("c"),
        held: lease_of_l(held),
        lease: None,
        owner: None,
        patience: Duration::from_mins(1),
        notified: None,
    }
}

/// Who has the lock `l`, by which leases.
pub(crate) fn holders_of_l(bounded: &mut Bounded) -> Vec<u64> {
    let Some(Ok(Answer::State(view))) =
        bounded.ask(Command::Read { thing: Thing::Lock(name("l")) }, None)
    else {
        panic!("no state of a lock");
    };
    let View::Lock(view) = *view else { panic!("not of a lock: {view:?}") };
    view.holders.iter().map(|holder| holder.lease.fence()).collect()
}

/// One who may not wait for a condition keeps his lock.
#[test]
fn a_wait_too_many_lets_no_lock_go() {
    let mut bounded = Bounded::new(Limits { waits_max: 1, ..Limits::default() });
    assert!(matches!(bounded.ask(acquire("l"), None), Some(Ok(_))));
    assert_eq!(bounded.ask(get("q"), None), None);
    assert_eq!(bounded.ask(wait_for_c(1), None), Some(Err(Refusal::TooManyWaits)));
    assert_eq!(holders_of_l(&mut bounded), [1]);
    bounded.hang_up(2);
    assert_eq!(bounded.ask(wait_for_c(1), None), None);
    assert!(holders_of_l(&mut bounded).is_empty());
}

/// One name cannot take all places.
#[test]
fn no_more_wait_for_one_name_than_may() {
    let mut bounded = Bounded::new(Limits { line_max: 1, ..Limits::default() });
    assert_eq!(bounded.ask(get("q"), None), None);
    assert_eq!(bounded.ask(get("q"), None), Some(Err(Refusal::TooManyWaits)));
    assert_eq!(bounded.ask(get("p"), None), None);
    bounded.hang_up(1);
    assert_eq!(bounded.ask(get("q"), None), None);
}

#[test]
fn no_more_wait_than_may() {
    let mut bounded = Bounded::new(Limits { waits_max: 2, ..Limits::default() });
    assert_eq!(bounded.ask(get("q"), None), None);
    assert_eq!(bounded.ask(get("q"), None), None);
    assert_eq!(bounded.ask(get("q"), None), Some(Err(Refusal::TooManyWaits)));
    // What need not wait is done: here the first of the waiting gets it, which makes room for another.
    assert!(matches!(bounded.ask(put("q", 1), None), Some(Ok(_))));
    assert_eq!(bounded.ask(get("q"), None), None);
    bounded.hang_up(2);
    assert_eq!(bounded.ask(get("q"), None), None);
}

#[test]
fn bodies_of_waiting_puts_have_a_bound() {
    let mut bounded = Bounded::new(Limits { waiting_bytes_max: 10, ..Limits::default() });
    let config = QueueConfig { maxsize: 1, ..QueueConfig::default() };
    let configure = Command::Configure {
        configuration: Configuration::Queue(name("q"), config),
        only_new: false,
    };
    assert!(matches!(bounded.ask(configure, None), Some(Ok(_))));
    // A body that need not wait does not count.
    assert!(matches!(bounded.ask(put("q", 100), None), Some(Ok(_))));
    assert_eq!(bounded.ask(put("q", 6), None), None);
    assert_eq!(bounded.ask(put("q", 5), None), Some(Err(Refusal::WaitingBytes)));
    assert_eq!(bounded.ask(put("q", 4), None), None);
    assert_eq!(bounded.ask(put("q", 0), None), None);
    bounded.hang_up(3);
    assert_eq!(bounded.ask(put("q", 6), None), None);
}

#[test]
fn keys_have_a_bound() {
    let mut bounded = Bounded::new(Limits { keys_max: 2, ..Limits::default() });
    assert!(matches!(bounded.ask(put("q", 1), Some("done")), Some(Ok(_))));
    assert_eq!(bounded.ask(get("r"), Some("waits")), None);
    assert_eq!(bounded.ask(put("q", 1), Some("new")), Some(Err(Refusal::TooManyKeys)));
    // Known ones are not new, nor is what has none.
    assert!(matches!(bounded.ask(put("q", 1), Some("done")), Some(Ok(_))));
    assert!(matches!(bounded.ask(put("q", 1), None), Some(Ok(_))));
    // One whose place is kept is known for ten seconds more.
    bounded.hang_up(2);
    assert_eq!(bounded.ask(put("q", 1), Some("new")), Some(Err(Refusal::TooManyKeys)));
    let now = Time::ZERO + Duration::from_secs(10);
    assert!(bounded.engine.advance(At { now, clock: now }, &mut Step::default()));
    assert!(matches!(bounded.ask(put("q", 1), Some("new")), Some(Ok(_))));
}

#[test]
fn names_have_a_bound() {
    let mut bounded = Bounded::new(Limits { names_max: 2, ..Limits::default() });
    assert!(matches!(bounded.ask(put("q", 1), None), Some(Ok(_))));
    assert!(matches!(bounded.ask(acquire("l"), None), Some(Ok(_))));
    let payload = Payload { body: [].into(), content_type: None };
    let event = name("e");
    let set = Command::SetEvent { event: event.clone(), value: payload, only_unset: false };
    let wait = Command::WaitEvent { event, after: None };
    let (queue, config) = (name("r"), QueueConfig::default());
    let configure =
        Command::Configure { configuration: Configuration::Queue(queue, config), only_new: false };
    let config = SemaphoreConfig { permits: 1, bounded: true };
    let [semaphore, barrier] =
        [Configuration::Semaphore(name("s"), config), Configuration::Barrier(name("b"), 2)]
            .map(|configuration| Command::Configure { configuration, only_new: false });
    let all = [set, wait, configure, semaphore, barrier, put("r", 1), get("r"), acquire("m")];
    for command in all {
        assert_eq!(bounded.ask(command, None), Some(Err(Refusal::TooManyNames)));
    }
    assert!(matches!(bounded.ask(put("q", 1), None), Some(Ok(_))));
    assert!(matches!(
        bounded.ask(Command::Delete { thing: Thing::Queue(name("q")), force: false }, None),
        Some(Ok(_))
    ));
    assert!(matches!(bounded.ask(put("r", 1), None), Some(Ok(_))));
}

#[test]
fn without_auto_create_only_configuring_makes() {
    let mut bounded = Bounded::new(Limits { auto_create: false, ..Limits::default() });
    let wait = Command::WaitEvent { event: name("e"), after: None };
    let join = Command::Join { queue: name("q"), after: None };
    for command in [put("q", 1), get("q"), join, wait.clone()] {
        assert_eq!(bounded.ask(command, None), Some(Err(Refusal::NotFound)));
    }
    let payload = Payload { body: [].into(), content_type: None };
    let set = Command::SetEvent { event: name("e"), value: payload, only_unset: false };
    assert!(matches!(bounded.ask(set, None), Some(Ok(_))));
    assert!(matches!(bounded.ask(wait, None), Some(Ok(_))));
    let (queue, config) = (name("q"), QueueConfig::default());
    let configure =
        Command::Configure { configuration: Configuration::Queue(queue, config), only_new: false };
    assert!(matches!(bounded.ask(configure, None), Some(Ok(_))));
    assert!(matches!(bounded.ask(put("q", 1), None), Some(Ok(_))));
}

/// The type and the rank that a job is put with are in memory as its body is, until it goes.
#[test]
fn what_is_said_of_a_job_counts_as_memory() {
    let said = |kind: usize, rank: usize| {
        let kind = (kind > 0).then(|| "x".repeat(kind).into());
        let Command::Put { queue, delay, ttl, traits, .. } = put("q", 0) else { unreachable!() };
        let payload = Payload { body: [].into(), content_type: kind };
        let rank = (rank > 0).then(|| Rank(vec![0; rank].into()));
        Command::Put { queue, payload, delay, rank, ttl, traits }
    };
    for (kind, rank) in [(220, 0), (0, 204)] {
        let limits = Limits { memory_max: 420, ..Limits::default() };
        let mut bounded = Bounded::new(limits);
        let policy = Policy { full: WhenFull::DropOldest, ..Policy::default() }.into();
        let config =
            QueueConfig { order: Order::Priority, maxsize: 1, policy, ..QueueConfig::default() };
        let configuration = Configuration::Queue(name("q"), config);
        bounded.ask(Command::Configure { configuration, only_new: false }, None);
        let refused = Some(Err(Refusal::MemoryFull));
        assert_eq!(bounded.ask(said(2 * kind, 2 * rank), None), refused, "{kind} {rank}");
        assert!(matches!(bounded.ask(said(kind, rank), None), Some(Ok(_))));
        assert_eq!(bounded.ask(put("r", 1), None), refused, "{kind} {rank}");
        // It comes in the place of the other one.
        assert!(matches!(bounded.ask(said(kind, rank), None), Some(Ok(_))));
        assert!(matches!(bounded.ask(put("q", 1), None), Some(Ok(_))));
        assert!(matches!(bounded.ask(put("r", 1), None), Some(Ok(_))));
    }
}
