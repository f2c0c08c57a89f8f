//! What is asked of queues for work in random histories.

use std::time::Duration;

use awaitd_primitives::*;
use fastrand::Rng;

use crate::asks::{Mood, OfJob, What, a, delay, mode, name, payload};
use crate::script::length;

/// What is done to jobs beside putting and getting them.
pub(crate) fn work_what(rng: &mut Rng, queue: Name) -> What {
    let back = rng.usize(0..rng.clone().usize(1..10));
    let state = [None, None, Some(JobState::Ready), Some(JobState::Delayed), Some(JobState::Dead)];
    let state = state[rng.usize(0..5)].filter(|_| rng.bool());
    What::Plain(match rng.u32(0..100) {
        0..9 => return What::Of { back, what: OfJob::Read },
        9..12 => return What::Watch(back),
        12..26 => return What::Of { back, what: OfJob::Result },
        26..32 => {
            let to = rng.bool().then(|| a(rng, Kind::Queue).name().clone());
            return What::Of { back, what: OfJob::Redrive(to) };
        }
        32..42 => {
            let to = (rng.u32(0..3) == 0).then(|| a(rng, Kind::Queue).name().clone());
            let state = if rng.u32(0..12) == 0 { Some(JobState::Leased) } else { state };
            let limit = [1, 2, 1_000][rng.usize(0..3)];
            let (delay, spacing) = (delay(rng), delay(rng));
            Command::Redrive { queue, to, state, job: None, limit, delay, spacing }
        }
        42..52 => {
            let queues = [["q", "r"], ["r", "q"], ["q", "d"], ["d", "r"]][rng.usize(0..4)];
            let queues = queues.into_iter().map(name).collect();
            let most = [1, 1, 3][rng.usize(0..3)];
            Command::GetAny { queues, fair: rng.bool(), mode: mode(rng), most }
        }
        52..60 => Command::Get { queue, mode: mode(rng), settle: None, most: rng.u64(2..5) },
        60..67 => return What::Finish(back, payload(rng)),
        67..78 => return What::Progress(back, payload(rng)),
        78..80 => Command::Pause { queue, paused: true },
        80..84 => Command::Pause { queue, paused: false },
        84..88 => {
            let held = rng.u32(0..8) == 0;
            let done = Some(if held { JobState::Leased } else { JobState::Done });
            Command::Purge { queue, state: if rng.u32(0..4) == 0 { done } else { state } }
        }
        _ => {
            let state = if rng.u32(0..4) == 0 { Some(JobState::Done) } else { state };
            let key = (rng.u32(0..3) == 0).then(|| "k".into());
            let cursor = rng.bool().then(|| JobId(rng.u64(0..30)));
            Command::ListJobs { queue, state, key, cursor, limit: rng.usize(1..5), bodies: false }
        }
    })
}

/// For how long a job may wait, and what else is said of it.
pub(crate) fn told(rng: &mut Rng) -> (Option<Duration>, Vec<Trait>) {
    let mut traits = Vec::new();
    let mut some = |rng: &mut Rng, one_in: u32, it: fn(&mut Rng) -> Trait| {
        if rng.u32(0..one_in) == 0 {
            traits.push(it(rng));
        }
    };
    some(rng, 2, |rng| Trait::Key(["k", "k", "l"][rng.usize(0..3)].into()));
    some(rng, 4, |rng| Trait::Unique(["u", "v"][rng.usize(0..2)].into()));
    some(rng, 8, |rng| Trait::MaxAttempts(rng.u32(1..4)));
    some(rng, 8, |rng| Trait::Lease(length(rng, 9).max(Duration::from_millis(100))));
    some(rng, 8, |_| Trait::Header("job-color".into(), "red".into()));
    let ttl = (rng.u32(0..8) == 0).then(|| length(rng, 12).max(Duration::from_millis(1)));
    (ttl, traits)
}

/// What a queue is told beside its bound and its order.
pub(crate) fn policy(rng: &mut Rng, mood: Mood, queue: &Name) -> Policy {
    let plain = Policy { backoff: backoff(rng), ..Policy::default() };
    if !mood.rich {
        return plain;
    }
    let few = |rng: &mut Rng, one_in: u32| (rng.u32(0..one_in) == 0).then(|| rng.u64(1..4));
    let dead_letter = (rng.u32(0..3) > 0).then(|| a(rng, Kind::Queue).name().clone());
    let own = rng.u32(0..3) == 0;
    Policy {
        max_attempts: [25, 1, 2, 3][rng.usize(0..4)],
        dead_letter: dead_letter.filter(|it| it != queue || own),
        ttl: (rng.u32(0..5) == 0).then(|| length(rng, 15).max(Duration::from_millis(1))),
        full: if rng.u32(0..4) == 0 { WhenFull::DropOldest } else { WhenFull::Wait },
        max_bytes: few(rng, 6),
        max_leased: few(rng, 6).unwrap_or(100_000),
        max_dead: few(rng, 4).unwrap_or(100_000),
        rate: few(rng, 6).map(|burst| {
            let per_second = Milli([100, 300, 1_000, 3_000][rng.usize(0..4)]);
            Rate { per_second, burst }
        }),
        concurrency: few(rng, 8),
        key_concurrency: [1, 1, 2][rng.usize(0..3)],
        fair: rng.u32(0..3) == 0,
        retain: Duration::from_secs([0, 7, 300][rng.usize(0..3)]),
        ..plain
    }
}

/// Often none, so that a job comes back at once and moments meet.
fn backoff(rng: &mut Rng) -> Backoff {
    let min = if rng.bool() { Duration::ZERO } else { length(rng, 3) };
    match rng.u32(0..3) {
        0 => Backoff::default(),
        1 => Backoff { min, jitter: Milli(0), ..Backoff::default() },
        _ => Backoff { min, max: min * 3, factor: Milli(1_500), jitter: Milli(500) },
    }
}
