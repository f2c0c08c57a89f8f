//! Scripts of random histories. A script says what is done in words that do not depend on what
//! happened before ("the lease before the last"), so that any part of it can be left out.

use std::time::Duration;

use awaitd_primitives::*;
use fastrand::Rng;

use crate::asks::{Mood, What, ask, configure, conversation, mood, name, payload};

/// How the clock moves before a turn.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Pass {
    /// By so much.
    By(Duration),
    /// To the next moment at which something is due, less so much.
    ToNext(Duration),
}

/// A history.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    pub(crate) seeded: Option<Seeded>,
    /// So many entries make a segment of the journal.
    pub(crate) segment: usize,
    /// For so many turns at the end the journal is cleaned.
    pub(crate) cleans: usize,
    pub(crate) turns: Vec<Turn>,
}

/// What was before: so many lease numbers were reserved.
#[derive(Clone, Debug)]
pub(crate) struct Seeded {
    pub(crate) reserved: u64,
    /// The history begins in the middle of a life, in which so many more are.
    pub(crate) ahead: Option<u64>,
}

/// The server crashes, and starts again.
#[derive(Clone, Debug)]
pub(crate) struct Crash {
    /// How much of what is not durable is there all the same, in hundredths.
    pub(crate) kept: u32,
    /// For how long it is away.
    pub(crate) away: Duration,
    /// So many starts come before, in which nothing happens.
    pub(crate) idle: u64,
}

/// One turn of the loop.
#[derive(Clone, Debug)]
pub(crate) struct Turn {
    pub(crate) pass: Pass,
    pub(crate) acts: Vec<Act>,
    /// What becomes of the append, and how long that takes.
    pub(crate) append: (Append, Pass),
    /// What becomes of the answers that leave, one after the other, again and again.
    pub(crate) fates: Vec<Fate>,
}

/// What of the journal becomes durable in a turn.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Append {
    /// Nothing: the disk is stalled.
    Stalled,
    /// What came before this turn.
    Earlier,
    All,
    /// All, but no reply is looked at in this turn any more.
    Unseen,
}

/// What becomes of an answer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fate {
    Taken,
    NotTaken,
    /// It hangs on the connection; a later turn says.
    Later,
}

/// What somebody does.
#[derive(Clone, Debug)]
pub(crate) enum Act {
    /// Asks. `late`: the request had arrived when a part of the time since the last turn was over.
    Ask {
        what: What,
        key: Option<&'static str>,
        wait: Duration,
        late: u32,
    },
    /// Asks the same again that was asked under a key so many requests ago.
    Again {
        back: usize,
        wait: Duration,
    },
    /// Hangs up on a request, so many requests ago.
    HangUp {
        back: usize,
    },
    /// The server goes.
    Close,
    /// So many things are copied out of the oldest segment.
    Clean(usize),
    /// A body is put away: that of the job so many ago.
    Stow(usize),
    Crash(Crash),
    /// What the disk has left.
    Room(Room),
    /// Does the journal give the state that is lived?
    Look,
    /// The time of day is noted, so far ahead.
    Tie(Duration),
}

/// A script of about 80 turns, the same for the same seed.
pub(crate) fn script(seed: u64) -> Script {
    let mut rng = Rng::with_seed(seed);
    let (crashes, cleans) = (!seed.is_multiple_of(2), !seed.is_multiple_of(3));
    let mood = mood(&mut rng);
    let mut turns = vec![Turn {
        pass: Pass::By(Duration::ZERO),
        acts: [Kind::Queue, Kind::Queue, Kind::Queue, Kind::Semaphore, Kind::Barrier]
            .map(|kind| plain(configure(&mut rng, mood, kind)))
            .into(),
        append: (Append::All, Pass::By(Duration::ZERO)),
        fates: vec![Fate::Taken],
    }];
    // Some histories are hasty, so that much happens within one wait, some slow.
    let slow = rng.u64(1..4) * rng.u64(1..6);
    let sloppy = rng.u32(0..7);
    turns.extend((0..rng.usize(70..90)).map(|_| turn(&mut rng, mood, slow, sloppy)));
    if rng.bool() {
        let turn = turns.last_mut().expect("there is one");
        turn.acts.insert(0, Act::Close);
        turns.push(self::turn(&mut rng, mood, slow, sloppy));
    }
    for turn in &mut turns {
        let mut also = |rng: &mut Rng, one_in: u32, act: fn(&mut Rng) -> Act| {
            if rng.u32(0..one_in) == 0 {
                let at = rng.usize(0..=turn.acts.len());
                turn.acts.insert(at, act(rng));
            }
        };
        if cleans {
            also(&mut rng, 3, |rng| Act::Clean(rng.usize(1..16)));
            also(&mut rng, 6, |rng| Act::Stow(rng.usize(0..6)));
        }
        also(&mut rng, 30, |_| Act::Look);
        also(&mut rng, 30, |rng| {
            let ahead = [0, 0, 10, 30][rng.clone().usize(0..4)];
            Act::Tie(Duration::from_secs(ahead))
        });
        if crashes {
            also(&mut rng, 15, |rng| Act::Crash(crash(rng)));
            also(&mut rng, 40, |rng| {
                Act::Room(if rng.bool() { Room::Low } else { Room::Critical })
            });
            also(&mut rng, 6, |_| Act::Room(Room::Enough));
        }
    }
    for _ in 0..mood.sharing / 25 {
        let at = rng.usize(1..turns.len());
        let acts = conversation(&mut rng);
        let talk: Vec<_> = acts
            .into_iter()
            .map(|act| Turn { acts: vec![act], ..turn(&mut rng, mood, 1, 1) })
            .collect();
        turns.splice(at..at, talk);
    }
    let old = seed % 40 == 7;
    if old {
        let at = rng.usize(20..50);
        turns.splice(at..at, old_leases(&mut rng));
    }
    let seeded = (rng.u32(0..2) == 0).then(|| seeded(&mut rng));
    let segment = if old { rng.usize(20..40) } else { rng.usize(2..20) };
    let cleans = if old { 60 } else { 8 * usize::from(cleans) };
    Script { seeded, segment, cleans, turns }
}

/// So many starts that the window over the numbers leaves those behind that are held now; then they end.
fn old_leases(rng: &mut Rng) -> [Turn; 3] {
    let turn = |acts| Turn {
        pass: Pass::By(Duration::ZERO),
        acts,
        append: (Append::All, Pass::By(Duration::ZERO)),
        fates: vec![Fate::Taken],
    };
    let take = |rng: &mut Rng| {
        let (queue, mode) = (name("q"), GetMode::Leased(Some(Duration::from_secs(20))));
        let put = Command::Put {
            queue: queue.clone(),
            payload: payload(rng),
            delay: Delay::NONE,
            rank: None,
            ttl: None,
            traits: Vec::new(),
        };
        let lock = Command::Acquire {
            thing: Thing::Lock(name("l")),
            share: Share::Whole,
            lease: None,
            owner: None,
        };
        [put, Command::Get { queue, mode, settle: None, most: 1 }, lock].map(plain)
    };
    let held = (0..3).flat_map(|_| take(rng)).collect();
    let crash = Crash { idle: rng.u64(120..140), ..crash(rng) };
    let anew = [Act::Crash(crash)].into_iter().chain(take(rng)).collect();
    let done = |back| Act::Ask { what: What::Done(back), key: None, wait: Duration::ZERO, late: 0 };
    [turn(held), turn(anew), turn((0..rng.usize(2..6)).map(done).collect())]
}

/// Just before a range of leases of which it is kept together what became of them; and in the middle
/// of a life, just before the mark up to which numbers are reserved.
fn seeded(rng: &mut Rng) -> Seeded {
    let reserved = 16 * 1024 * rng.u64(1..4) - rng.u64(0..8);
    Seeded { reserved, ahead: rng.bool().then(|| rng.u64(1..8)) }
}

fn crash(rng: &mut Rng) -> Crash {
    Crash {
        kept: [0, rng.u32(0..100), 100][rng.usize(0..3)],
        away: if rng.bool() { Duration::ZERO } else { length(rng, 15) },
        idle: 0,
    }
}

fn turn(rng: &mut Rng, mood: Mood, slow: u64, sloppy: u32) -> Turn {
    let pass = match rng.u32(0..100) {
        0..20 => Pass::By(Duration::ZERO),
        20..40 => Pass::ToNext(Duration::ZERO),
        40..50 => Pass::ToNext(Duration::from_micros(1)),
        // Long enough for keys to be forgotten, and for what rests to be let go.
        50 => Pass::By(length(rng, 400)),
        _ => Pass::By(length(rng, slow)),
    };
    let fate = |rng: &mut Rng| match rng.u32(0..20) {
        it if it < sloppy => Fate::NotTaken,
        it if it < sloppy * 2 => Fate::Later,
        _ => Fate::Taken,
    };
    let append = match rng.u32(0..20) {
        it if it < sloppy => Append::Stalled,
        it if it < sloppy * 2 => Append::Earlier,
        it if it < sloppy * 5 / 2 => Append::Unseen,
        _ => Append::All,
    };
    let takes = match rng.u32(0..30) {
        it if it < sloppy => Pass::By(length(rng, slow)),
        it if it < sloppy * 2 => Pass::ToNext(Duration::ZERO),
        _ => Pass::By(Duration::ZERO),
    };
    Turn {
        pass,
        acts: (0..rng.usize(1..5)).map(|_| act(rng, mood)).collect(),
        append: (append, takes),
        fates: (0..5).map(|_| fate(rng)).collect(),
    }
}

/// Some seconds in odd steps; whole ones often, so that moments meet.
pub(crate) fn length(rng: &mut Rng, most: u64) -> Duration {
    let whole = Duration::from_secs(rng.u64(0..=most));
    if rng.bool() { whole } else { whole + Duration::from_micros(rng.u64(0..3_000_000)) }
}

fn plain(command: Command) -> Act {
    Act::Ask { what: What::Plain(command), key: None, wait: Duration::ZERO, late: 0 }
}

pub(crate) fn wait(rng: &mut Rng) -> Duration {
    match rng.u32(0..10) {
        0..3 => Duration::ZERO,
        3..7 => length(rng, 12),
        _ => Duration::from_secs(50),
    }
}

fn act(rng: &mut Rng, mood: Mood) -> Act {
    match rng.u32(0..20) {
        0..2 => Act::HangUp { back: rng.usize(0..12) },
        2..4 => Act::Again { back: rng.usize(0..6), wait: wait(rng) },
        _ => ask(rng, mood),
    }
}
