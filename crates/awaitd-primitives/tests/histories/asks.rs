//! What is asked in random histories.

use std::time::Duration;

use awaitd_primitives::*;
use fastrand::Rng;

use crate::script::{Act, length, wait};
use crate::work_asks::{policy, told, work_what};

/// What is asked; leases are named by how many grants ago they were.
#[derive(Clone, Debug)]
pub(crate) enum What {
    Plain(Command),
    GetAfter {
        queue: Name,
        back: usize,
    },
    /// The job so many ago.
    Cancel {
        queue: Name,
        back: usize,
        force: bool,
    },
    /// Of the job so many ago, wherever it is.
    Of {
        back: usize,
        what: OfJob,
    },
    Finish(usize, Payload),
    Progress(usize, Payload),
    Done(usize),
    Nack {
        back: usize,
        delay: Option<Duration>,
        defer: bool,
        dead: bool,
    },
    Extend {
        back: usize,
        length: Option<Duration>,
    },
    Watch(usize),
    WaitCondition {
        condition: Name,
        back: usize,
        lease: Option<Duration>,
        patience: Duration,
    },
    Notify {
        condition: Name,
        back: usize,
        most: Option<u64>,
    },
}

/// What is asked about one job.
#[derive(Clone, Debug)]
pub(crate) enum OfJob {
    Read,
    Result,
    Redrive(Option<Name>),
}

/// What a history is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mood {
    /// So much of it, in hundredths, about what is shared: locks and their conditions, semaphores, barriers.
    pub(crate) sharing: u32,
    /// Of most queues that are configured.
    order: Order,
    /// Queues have policies, and jobs have traits.
    pub(crate) rich: bool,
}

const KEYS: [&str; 3] = ["a", "b", "c"];

pub(crate) fn mood(rng: &mut Rng) -> Mood {
    let order = [Order::Fifo, Order::Fifo, Order::Lifo, Order::Priority][rng.usize(0..4)];
    Mood { sharing: [5, 30, 90][rng.usize(0..3)], order, rich: rng.u32(0..3) > 0 }
}

pub(crate) fn ask(rng: &mut Rng, mood: Mood) -> Act {
    let sharing = rng.u32(0..100) < mood.sharing;
    let what = if sharing { sharing_what(rng, mood) } else { what(rng, mood) };
    // What is only read has no key, nor has a get without a lease.
    let keyless = match &what {
        What::Plain(command) => matches!(
            command,
            Command::Read { .. }
                | Command::ReadCondition { .. }
                | Command::List { .. }
                | Command::Join { .. }
                | Command::WaitEvent { .. }
                | Command::Get { mode: GetMode::AtMostOnce, .. }
                | Command::Get { most: 2.., .. }
                | Command::GetAny { mode: GetMode::AtMostOnce, .. }
                | Command::GetAny { most: 2.., .. }
                | Command::ListJobs { .. }
        ),
        What::Of { what: OfJob::Read | OfJob::Result, .. }
        | What::Extend { .. }
        | What::Watch(_) => true,
        What::GetAfter { .. }
        | What::Cancel { .. }
        | What::Of { .. }
        | What::Finish(..)
        | What::Progress(..)
        | What::Done(_)
        | What::Nack { .. }
        | What::WaitCondition { .. }
        | What::Notify { .. } => false,
    };
    let key = (!keyless && rng.u32(0..4) == 0).then(|| KEYS[rng.usize(0..KEYS.len())]);
    // A withdrawal under a key has one of its own.
    let withdraws = matches!(what, What::Plain(Command::Withdraw { .. }));
    let key = if withdraws { key.map(|_| "w") } else { key };
    let late = if rng.u32(0..4) == 0 { rng.u32(0..=100) } else { 100 };
    Act::Ask { what, key, wait: wait(rng), late }
}

/// Of queues, events and plain locks.
fn what(rng: &mut Rng, mood: Mood) -> What {
    let queue = a(rng, Kind::Queue).name().clone();
    if mood.rich && rng.u32(0..3) == 0 {
        return work_what(rng, queue);
    }
    let event = name("e");
    let back = rng.usize(0..rng.clone().usize(1..10));
    let after = (rng.u32(0..3) == 0).then(|| rng.u64(0..12));
    What::Plain(match rng.u32(0..140) {
        0..26 => {
            let (payload, delay, rank) = (payload(rng), not_before(rng), rank(rng, mood));
            let (ttl, traits) = if mood.rich { told(rng) } else { (None, Vec::new()) };
            Command::Put { queue, payload, delay, rank, ttl, traits }
        }
        26..46 => Command::Get { queue, mode: mode(rng), settle: None, most: 1 },
        46..50 => return What::GetAfter { queue, back },
        50..56 => Command::Join { queue, after },
        56..58 => return What::Cancel { queue, back, force: rng.u32(0..3) == 0 },
        58..63 => Command::SetEvent { event, value: payload(rng), only_unset: rng.u32(0..3) == 0 },
        63..67 => Command::ClearEvent { event },
        67 => Command::Delete { thing: Thing::Event(event), force: rng.bool() },
        68..76 => Command::WaitEvent { event, after },
        76..90 => acquire(rng, Share::Whole),
        90..106 => return What::Done(back),
        106..112 => {
            let delay = rng.bool().then(|| delay(rng));
            let (defer, dead) = (rng.u32(0..3) == 0, rng.u32(0..6) == 0);
            return What::Nack { back, delay, defer, dead };
        }
        112..117 => return What::Extend { back, length: lease(rng) },
        117..121 => return What::Watch(back),
        121..124 => configure(rng, mood, Kind::Queue),
        124..127 => look(rng),
        127..129 => Command::Delete { thing: Thing::Queue(queue), force: false },
        129 => Command::Shutdown { queue, immediate: rng.bool() },
        130..132 => Command::Read { thing: a(rng, Kind::Lock) },
        132..134 => Command::Delete { thing: a(rng, Kind::Lock), force: rng.u32(0..3) == 0 },
        _ => {
            let thing = match rng.u32(0..6) {
                0..3 => Thing::Queue(queue),
                3 => Thing::server(),
                4 => a(rng, Kind::Lock),
                _ => Thing::Event(event),
            };
            Command::Withdraw { thing, key: KEYS[rng.usize(0..KEYS.len())].into() }
        }
    })
}

/// Of what is shared, and of locks that somebody has alone.
fn sharing_what(rng: &mut Rng, mood: Mood) -> What {
    let back = rng.usize(0..rng.clone().usize(1..9));
    let (condition, barrier) = (name(if rng.u32(0..4) == 0 { "d" } else { "c" }), name("b"));
    let semaphore = a(rng, Kind::Semaphore);
    What::Plain(match rng.u32(0..140) {
        0..16 => acquire(rng, Share::Whole),
        16..26 => acquire(rng, Share::Permits(1)),
        26..44 => {
            let share = Share::Permits(rng.u64(1..5));
            let owner = rng.bool().then(|| "she".into());
            Command::Acquire { thing: semaphore, share, lease: lease(rng), owner }
        }
        44..62 => {
            let patience = [0, 3, 50][rng.usize(0..3)];
            let (lease, patience) = (lease(rng), Duration::from_secs(patience));
            return What::WaitCondition { condition, back, lease, patience };
        }
        62..72 => {
            let most = (rng.u32(0..4) > 0).then(|| rng.u64(0..3));
            return What::Notify { condition, back, most };
        }
        72..92 => return What::Done(back),
        92..96 => return What::Extend { back, length: lease(rng) },
        96..98 => return What::Watch(back),
        98..101 => configure(rng, mood, Kind::Semaphore),
        101..104 => {
            Command::Release { semaphore: semaphore.name().clone(), permits: rng.u64(1..3) }
        }
        104..107 => configure(rng, mood, Kind::Barrier),
        107..117 => Command::WaitBarrier { barrier },
        117 => Command::ResetBarrier { barrier },
        118 => Command::AbortBarrier { barrier },
        119..121 => Command::Break { lock: a(rng, Kind::Lock).name().clone() },
        121..124 => look(rng),
        124..126 => Command::ReadCondition { lock: a(rng, Kind::Lock).name().clone(), condition },
        126..130 => {
            let kind = [Kind::Lock, Kind::Semaphore, Kind::Barrier][rng.usize(0..3)];
            Command::Delete { thing: a(rng, kind), force: rng.u32(0..3) == 0 }
        }
        130 => return What::Nack { back, delay: None, defer: false, dead: false },
        _ => {
            let kind = [Kind::Lock, Kind::Semaphore, Kind::Barrier][rng.usize(0..3)];
            Command::Withdraw { thing: a(rng, kind), key: KEYS[rng.usize(0..KEYS.len())].into() }
        }
    })
}

/// Some wait for a condition, another one notifies them, and who is woken may leave; or they crowd at a
/// semaphore. Nobody else asks meanwhile.
pub(crate) fn conversation(rng: &mut Rng) -> Vec<Act> {
    let ask = |rng: &mut Rng, what| {
        let key = (rng.u32(0..4) == 0).then(|| KEYS[rng.usize(0..KEYS.len())]);
        let wait = if rng.u32(0..3) == 0 { wait(rng) } else { Duration::from_secs(50) };
        Act::Ask { what, key, wait, late: 100 }
    };
    if rng.u32(0..3) == 0 {
        return crowd(rng).into_iter().map(|what| ask(rng, what)).collect();
    }
    let mut whats = Vec::new();
    let acquire = |rng: &mut Rng| {
        let thing = Thing::Lock(name("l"));
        What::Plain(Command::Acquire { thing, share: Share::Whole, lease: lease(rng), owner: None })
    };
    for _ in 0..rng.usize(1..4) {
        let (condition, lease) = (name("c"), lease(rng));
        let patience = Duration::from_secs([0, 3, 50, 50][rng.usize(0..4)]);
        whats.push(acquire(rng));
        whats.push(What::WaitCondition { condition, back: 0, lease, patience });
    }
    whats.push(acquire(rng));
    let most = [None, Some(1), Some(1), Some(2)][rng.usize(0..4)];
    whats.push(What::Notify { condition: name("c"), back: 0, most });
    let mut acts: Vec<_> = whats.into_iter().map(|what| ask(rng, what)).collect();
    match rng.u32(0..4) {
        0 => {}
        1 => acts.push(ask(rng, What::Plain(Command::Break { lock: name("l") }))),
        _ => acts.push(Act::HangUp { back: rng.usize(1..4) * 2 }),
    }
    acts.extend((0..2).map(|_| ask(rng, What::Done(0))));
    acts
}

/// Some want more of a semaphore than others, who come after them.
fn crowd(rng: &mut Rng) -> Vec<What> {
    let config = SemaphoreConfig { permits: 3, bounded: rng.bool() };
    let configuration = Configuration::Semaphore(name("s"), config);
    let first = What::Plain(Command::Configure { configuration, only_new: false });
    let acquires = [rng.u64(1..3), 3, 1, rng.u64(1..4)].map(|permits| {
        let (thing, share) = (Thing::Semaphore(name("s")), Share::Permits(permits));
        What::Plain(Command::Acquire { thing, share, lease: lease(rng), owner: None })
    });
    let ends = [What::Done(0), What::Done(rng.usize(0..2))];
    [first].into_iter().chain(acquires).chain(ends).collect()
}

/// One of the things of a kind that there may be.
pub(crate) fn a(rng: &mut Rng, kind: Kind) -> Thing {
    let (first, second) = match kind {
        Kind::Queue if rng.u32(0..6) == 0 => ("d", "d"),
        Kind::Queue => ("q", "r"),
        Kind::Event => ("e", "f"),
        Kind::Lock => ("l", "m"),
        Kind::Semaphore => ("s", "t"),
        Kind::Barrier => ("b", "b"),
        Kind::Schedule => unreachable!("schedules have tests of their own"),
    };
    Thing::new(kind, name(if rng.u32(0..3) == 0 { second } else { first }))
}

fn look(rng: &mut Rng) -> Command {
    let kind = Kind::ALL[rng.usize(0..5)];
    if rng.u32(0..3) > 0 {
        return Command::Read { thing: a(rng, kind) };
    }
    let prefix = ["", "", "q", "r", "s"][rng.usize(0..5)].into();
    let cursor = rng.bool().then(|| ["a", "l", "q", "~"][rng.usize(0..4)].into());
    Command::List { kind, prefix, cursor, limit: rng.usize(1..3) }
}

fn acquire(rng: &mut Rng, share: Share) -> Command {
    let owner = rng.bool().then(|| "me".into());
    Command::Acquire { thing: a(rng, Kind::Lock), share, lease: lease(rng), owner }
}

pub(crate) fn name(text: &str) -> Name {
    text.parse().expect("a good name")
}

/// Says what a queue, a semaphore or a barrier shall be.
pub(crate) fn configure(rng: &mut Rng, mood: Mood, kind: Kind) -> Command {
    let name = a(rng, kind).name().clone();
    let configuration = match kind {
        Kind::Semaphore => {
            let config = SemaphoreConfig { permits: rng.u64(0..6), bounded: rng.u32(0..3) > 0 };
            Configuration::Semaphore(name, config)
        }
        Kind::Barrier => Configuration::Barrier(name, rng.u64(1..5)),
        _ => {
            let lease = lease(rng).unwrap_or(Duration::from_secs(30));
            let order = if rng.u32(0..5) == 0 { Order::Fifo } else { mood.order };
            let policy = Box::new(policy(rng, mood, &name));
            let maxsize = rng.u64(0..4);
            Configuration::Queue(name, QueueConfig { maxsize, order, lease, policy })
        }
    };
    Command::Configure { configuration, only_new: rng.u32(0..3) == 0 }
}

pub(crate) fn payload(rng: &mut Rng) -> Payload {
    let bytes = [rng.u8(..); 3];
    let bytes = &bytes[..rng.usize(0..10).clamp(1, 3)];
    let content_type = rng.bool().then(|| "text/plain".into());
    Payload { body: bytes.into(), content_type }
}

pub(crate) fn delay(rng: &mut Rng) -> Duration {
    if rng.u32(0..3) == 0 { length(rng, 15) } else { Duration::ZERO }
}

/// Times of day are few, so that some jobs have the same one.
fn not_before(rng: &mut Rng) -> Delay {
    let length = delay(rng);
    let mut which = rng.clone();
    if length.is_zero() || which.bool() {
        return Delay::For(length);
    }
    Delay::Until(10_000_000 * which.u64(0..10))
}

/// Few of them, so that there are ties.
fn rank(rng: &mut Rng, mood: Mood) -> Option<Rank> {
    let ranked = if mood.order == Order::Priority { 7 } else { 1 };
    let bytes: [&[u8]; 4] = [&[], &[128], &[128, 0, 0, 0, 0, 0, 0, 0], &[255; 3]];
    match rng.u32(0..10) {
        it if it >= ranked => None,
        0..4 => Some(Rank::from(rng.i64(-1..2))),
        _ => Some(Rank(bytes[rng.usize(0..4)].into())),
    }
}

fn lease(rng: &mut Rng) -> Option<Duration> {
    rng.bool().then(|| length(rng, 20).max(Duration::from_millis(100)))
}

pub(crate) fn mode(rng: &mut Rng) -> GetMode {
    if rng.u32(0..6) == 0 { GetMode::AtMostOnce } else { GetMode::Leased(lease(rng)) }
}
