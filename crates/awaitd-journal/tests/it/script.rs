//! Two hundred requests of every kind, the same ones each time.

use std::time::Duration;

use awaitd_primitives::*;

use crate::play::{Fact, LEASE, Play, Stop, name, payload};
use crate::twin::{Twin, World};

/// How it went: as far as it came.
pub(crate) struct Played {
    pub(crate) twin: Twin,
    pub(crate) facts: Vec<(usize, Fact)>,
    /// What ended it before its time, and the log that it left.
    pub(crate) stopped: Option<(Option<Box<Play>>, Stop)>,
    pub(crate) trimmed: usize,
    pub(crate) fetched: usize,
}

/// Plays it on this disk, to its end or until the journal fails.
pub(crate) fn play(world: World, turns: usize) -> Played {
    let twin = Twin::new(world);
    match act(&twin, turns) {
        Ok(play) => played(*play, None),
        Err((Some(mut play), stop)) => {
            let facts = std::mem::take(&mut play.facts);
            let (trimmed, fetched) = (play.trimmed, play.fetched);
            Played { twin, facts, stopped: Some((Some(play), stop)), trimmed, fetched }
        }
        Err((None, stop)) => {
            Played { twin, facts: Vec::new(), stopped: Some((None, stop)), trimmed: 0, fetched: 0 }
        }
    }
}

fn played(play: Play, stopped: Option<(Option<Box<Play>>, Stop)>) -> Played {
    let Play { twin, facts, trimmed, fetched, .. } = play;
    Played { twin, facts, stopped, trimmed, fetched }
}

fn act(twin: &Twin, turns: usize) -> Result<Box<Play>, (Option<Box<Play>>, Stop)> {
    let mut random = fastrand::Rng::with_seed(4);
    let mut play = Box::new(Play::open(twin).map_err(|stop| (None, stop))?);
    for turn in 0..turns {
        let asks = if turn == 0 { beginning() } else { some(&mut random, &mut play) };
        if let Err(stop) = play.turn(asks) {
            return Err((Some(play), stop));
        }
        if turn % 23 == 22 {
            let reopened = play.reopen(turn % 46 == 22);
            play = Box::new(reopened.map_err(|(play, stop)| (Some(play), stop))?);
        }
    }
    Ok(play)
}

fn plain(command: Command) -> (Ask, Duration) {
    (Ask { command, key: None }, Duration::ZERO)
}

fn beginning() -> Vec<(Ask, Duration)> {
    let config = |maxsize| QueueConfig { maxsize, lease: LEASE, ..QueueConfig::default() };
    let configure = |queue, maxsize| {
        let (queue, config) = (name(queue), config(maxsize));
        plain(Command::Configure {
            configuration: Configuration::Queue(queue, config),
            only_new: false,
        })
    };
    let told = |configuration| plain(Command::Configure { configuration, only_new: false });
    let semaphore = SemaphoreConfig { permits: 6, bounded: false };
    let ranked = QueueConfig { order: Order::Priority, ..config(0) };
    // A job that is never finished, beneath all that come and go.
    let old = Command::Put {
        queue: name("old"),
        payload: payload(b"old"),
        delay: Delay::NONE,
        rank: None,
        ttl: None,
        traits: Vec::new(),
    };
    vec![
        told(Configuration::Queue(name("work"), work())),
        configure("q0", 0),
        configure("q1", 7),
        plain(old),
        told(Configuration::Queue(name("ranked"), ranked)),
        told(Configuration::Semaphore(name("s"), semaphore)),
        told(Configuration::Barrier(name("b"), 2)),
    ]
}

/// What fails twice is dead, elsewhere; results are kept for longer than any script lasts.
fn work() -> QueueConfig {
    let backoff = Backoff { min: Duration::from_millis(20), ..Backoff::default() };
    let policy = Policy {
        max_attempts: 2,
        backoff,
        dead_letter: Some(name("dead")),
        key_concurrency: 2,
        retain: Duration::from_hours(100),
        ..Policy::default()
    };
    QueueConfig { maxsize: 0, lease: LEASE, policy: Box::new(policy), ..QueueConfig::default() }
}

/// What comes in one turn.
fn some(random: &mut fastrand::Rng, play: &mut Play) -> Vec<(Ask, Duration)> {
    let mut asks = Vec::new();
    for _ in 0..random.usize(1..4) {
        asks.push(one(random, play));
    }
    if random.bool() {
        asks.push(another(random, play));
    }
    if random.bool() {
        asks.push(of_work(random, play));
    }
    asks
}

fn one(random: &mut fastrand::Rng, play: &mut Play) -> (Ask, Duration) {
    let queue = name(["q0", "q1", "q2", "q3"][random.usize(0..4)]);
    let lock = name(["l0", "l1"][random.usize(0..2)]);
    let event = name(["e0", "e1"][random.usize(0..2)]);
    let wait = if random.u8(0..4) == 0 { Duration::from_millis(50) } else { Duration::ZERO };
    let settled = |random: &mut fastrand::Rng, play: &mut Play| {
        let at = random.usize(0..play.held.len().max(1));
        if at < play.held.len() { Some(play.held.swap_remove(at)) } else { None }
    };
    let command = match random.u8(0..40) {
        0..12 => {
            // Now and then one that does not fit into a segment.
            let length = match random.u8(0..20) {
                0 => random.usize(8_000..10_000),
                1..5 => random.usize(600..1_500),
                _ => random.usize(0..200),
            };
            let bytes: Vec<u8> = (0..length).map(|_| random.u8(..)).collect();
            let delay = Duration::from_millis(if random.u8(0..5) == 0 { 60 } else { 0 });
            Command::Put {
                queue,
                payload: payload(&bytes),
                delay: Delay::For(delay),
                rank: None,
                ttl: None,
                traits: Vec::new(),
            }
        }
        12..18 => Command::Get { queue, mode: GetMode::Leased(Some(LEASE)), settle: None, most: 1 },
        18..20 => Command::Get { queue, mode: GetMode::AtMostOnce, settle: None, most: 1 },
        20..22 => {
            let settle = settled(random, play);
            Command::Get { queue, mode: GetMode::Leased(Some(LEASE)), settle, most: 1 }
        }
        22..27 => match settled(random, play) {
            Some(lease) => Command::Done { lease },
            None => Command::Read { thing: Thing::Queue(queue) },
        },
        27..29 => match settled(random, play) {
            Some(lease) => {
                let (delay, error) = (Some(Duration::from_millis(30)), Some("oh".into()));
                Command::Nack { lease, delay, defer: random.bool(), dead: false, error }
            }
            None => Command::Read { thing: Thing::Queue(queue) },
        },
        29 => match play.held.last() {
            Some(lease) => Command::Extend { lease: lease.clone(), length: None },
            None => Command::Read { thing: Thing::Queue(queue) },
        },
        30..33 => {
            let (thing, owner) = (Thing::Lock(lock), Some("me".into()));
            let share = if random.bool() { Share::Whole } else { Share::Permits(1) };
            Command::Acquire { thing, share, lease: Some(LEASE), owner }
        }
        33..36 => Command::SetEvent { event, value: payload(b"value"), only_unset: false },
        36 => Command::ClearEvent { event },
        37 => Command::Join { queue, after: None },
        38 => match random.u8(0..4) {
            0 => Command::Delete { thing: Thing::Queue(name("q2")), force: false },
            1 => Command::Shutdown { queue: name("q3"), immediate: random.bool() },
            2 => Command::Delete { thing: Thing::Queue(name("q3")), force: false },
            _ => Command::Delete { thing: Thing::Lock(lock), force: true },
        },
        _ => {
            let key = format!("k{}", random.u32(..)).into();
            Command::Withdraw { thing: Thing::Queue(queue), key }
        }
    };
    let keyed = matches!(
        command,
        Command::Put { .. }
            | Command::Acquire { .. }
            | Command::SetEvent { .. }
            | Command::Done { .. }
            | Command::Get { settle: None, .. }
    );
    let key = if keyed { key(random) } else { None };
    (Ask { command, key }, wait)
}

/// Now and then a key.
fn key(random: &mut fastrand::Rng) -> Option<Key> {
    (random.u8(0..3) == 0).then(|| Key {
        text: format!("k{}", random.u32(..)).into(),
        fingerprint: u128::from(random.u64(..)),
    })
}

/// Of what several may have, of conditions and of ranks.
fn another(random: &mut fastrand::Rng, play: &mut Play) -> (Ask, Duration) {
    let (lock, condition) = (name(["l0", "l1"][random.usize(0..2)]), name("c"));
    let thing = Thing::Lock(lock.clone());
    let held = play.held.iter().position(|it| it.thing.as_ref() == Some(&thing));
    let command = match (random.u8(0..18), held) {
        (0..5, _) => shared(random),
        (5..8, _) => {
            let (queue, rank) = (name("ranked"), Some(Rank::from(random.i64(-2..3))));
            Command::Put {
                queue,
                payload: payload(b"ranked"),
                delay: Delay::NONE,
                rank,
                ttl: None,
                traits: Vec::new(),
            }
        }
        (8, _) => {
            let mode = GetMode::Leased(Some(LEASE));
            Command::Get { queue: name("ranked"), mode, settle: None, most: 1 }
        }
        (9..11, _) => Command::WaitBarrier { barrier: name("b") },
        (_, None) => {
            Command::Acquire { thing, share: Share::Whole, lease: Some(LEASE), owner: None }
        }
        (11..14, Some(at)) => {
            let (held, lease) = (play.held.swap_remove(at), Some(LEASE));
            let (owner, patience, notified) = (None, Duration::from_millis(50), None);
            Command::WaitCondition { lock, condition, held, lease, owner, patience, notified }
        }
        (14..16, Some(at)) => {
            Command::Notify { lock, condition, held: play.held[at].clone(), most: None }
        }
        (_, Some(at)) => Command::Done { lease: play.held.swap_remove(at) },
    };
    let keyless = matches!(command, Command::Get { .. } | Command::Configure { .. });
    let key = if keyless { None } else { key(random) };
    let wait = Duration::from_millis(if random.bool() { 50 } else { 0 });
    (Ask { command, key }, wait)
}

/// Of jobs with traits, which die, go elsewhere, come back, and have results.
fn of_work(random: &mut fastrand::Rng, play: &mut Play) -> (Ask, Duration) {
    let held = |it: &LeaseRef| matches!(&it.thing, Some(Thing::Queue(queue)) if is_work(queue));
    let held = play.held.iter().position(held);
    let queue = name(if random.u8(0..4) == 0 { "dead" } else { "work" });
    let command = match (random.u8(0..20), held) {
        (0..8, _) => {
            let length = random.usize(0..300);
            let bytes: Vec<u8> = (0..length).map(|_| random.u8(..)).collect();
            let mut traits = vec![Trait::Header("job-length".into(), length.to_string().into())];
            let key = ["a", "b"][random.usize(0..2)].into();
            traits.extend(random.bool().then_some(Trait::Key(key)));
            let value = random.u8(0..5).to_string().into();
            traits.extend((random.u8(0..3) == 0).then_some(Trait::Unique(value)));
            let (payload, delay, rank, ttl) = (payload(&bytes), Delay::NONE, None, None);
            Command::Put { queue: name("work"), payload, delay, rank, ttl, traits }
        }
        (8, _) => {
            let (to, state, job, limit) = (Some(name("work")), None, None, 2);
            let (delay, spacing) = (Duration::ZERO, Duration::from_millis(5));
            Command::Redrive { queue: name("dead"), to, state, job, limit, delay, spacing }
        }
        (9, _) => {
            let (from, to) = (name("work"), Some(name("dead")));
            let (state, job, limit) = (Some(JobState::Delayed), None, 1);
            let (delay, spacing) = (Duration::ZERO, Duration::ZERO);
            Command::Redrive { queue: from, to, state, job, limit, delay, spacing }
        }
        (10..13, _) | (_, None) => {
            Command::Get { queue, mode: GetMode::Leased(Some(LEASE)), settle: None, most: 1 }
        }
        (13, Some(at)) => {
            let (lease, progress) = (play.held[at].clone(), payload(b"half"));
            Command::Progress { lease, progress }
        }
        (14..16, Some(at)) => {
            let (lease, result) = (play.held.swap_remove(at), payload(&[random.u8(..); 9]));
            Command::Finish { lease, result }
        }
        (_, Some(at)) => {
            let (lease, error) = (play.held.swap_remove(at), Some("oh".into()));
            Command::Nack { lease, delay: None, defer: false, dead: false, error }
        }
    };
    let keyed = matches!(command, Command::Put { .. } | Command::Finish { .. });
    (Ask { command, key: if keyed { key(random) } else { None } }, Duration::ZERO)
}

/// Whether jobs may go from this queue to another.
pub(crate) fn is_work(queue: &Name) -> bool {
    ["work", "dead"].contains(&queue.as_str())
}

/// Of what several may have at one time.
fn shared(random: &mut fastrand::Rng) -> Command {
    let barrier = name("b");
    match random.u8(0..20) {
        0..12 => {
            let (thing, share) = (Thing::Semaphore(name("s")), Share::Permits(random.u64(1..4)));
            Command::Acquire { thing, share, lease: Some(LEASE), owner: Some("me".into()) }
        }
        12..15 => Command::Release { semaphore: name("s"), permits: random.u64(1..3) },
        15 => {
            let config = SemaphoreConfig { permits: random.u64(3..9), bounded: random.bool() };
            let configuration = Configuration::Semaphore(name("s"), config);
            Command::Configure { configuration, only_new: false }
        }
        16 => Command::Break { lock: name(["l0", "l1"][random.usize(0..2)]) },
        17 => Command::AbortBarrier { barrier },
        18 => Command::ResetBarrier { barrier },
        _ => {
            let configuration = Configuration::Barrier(barrier, random.u64(1..4));
            Command::Configure { configuration, only_new: false }
        }
    }
}
