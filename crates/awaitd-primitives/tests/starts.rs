//! What a start owes to those who were there before: time for leases, numbers that nobody was told, and doubt of
//! a clock that was set back.

use std::collections::BTreeMap;
use std::time::Duration;

use awaitd_primitives::limits::{LEASE_GRACE, LEASES_RESERVED};
use awaitd_primitives::*;

#[allow(dead_code)]
#[path = "work/play.rs"]
mod play;

use crate::play::*;

/// What time of day it is when these histories begin.
const WALL: u64 = 1_800_000_000_000_000;

const JUST: Duration = Duration::from_micros(1);

/// The server ends, and so much later the next one starts, at that time of day.
fn restarted(play: &Play, after: Duration, wall: u64) -> Play {
    let mut next = Play::after(State::replay(play.entries.clone()));
    next.entries.clone_from(&play.entries);
    next.now = play.now + after;
    let (at, mut step) = (At { now: next.now, clock: next.now }, Step::default());
    next.engine.start(at, wall, &mut step);
    next.entries.append(&mut step.entries);
    next
}

/// As above, at the right time of day.
fn later(play: &Play, after: Duration) -> Play {
    let wall = play.engine.state().tied().map_or(WALL, |tie| tie.wall_at(play.now + after));
    restarted(play, after, wall)
}

/// A server on which a job of a queue is held, under a lease of that length.
fn with_a_lease(length: Duration) -> Play {
    let mut play = later(&Play::new(), Duration::ZERO);
    play.done(configure("q", 0, |_| ()));
    play.put(put("q", &[]));
    let mode = GetMode::Leased(Some(length));
    play.done(Command::Get { queue: name("q"), mode, settle: None, most: 1 });
    assert_eq!(play.counts("q"), HELD);
    play
}

const HELD: [u64; 5] = [0, 0, 1, 0, 1];

/// The lease lasts for so long still, and no longer.
fn lasts(mut play: Play, still: Duration) {
    play.pass(still.saturating_sub(JUST));
    assert_eq!(play.counts("q"), HELD, "it ended before {still:?}");
    play.pass(JUST);
    assert_ne!(play.counts("q"), HELD, "it lasts for longer than {still:?}");
    play.check();
}

/// A holder could not keep its lease while the server was away.
#[test]
fn a_lease_lasts_for_ten_seconds_after_a_start() {
    let play = with_a_lease(60 * SECOND);
    lasts(later(&play, 20 * SECOND), 40 * SECOND);
    lasts(later(&play, 55 * SECOND), LEASE_GRACE);
    lasts(later(&play, 600 * SECOND), LEASE_GRACE);
    // Or for as long as it was granted.
    lasts(later(&with_a_lease(4 * SECOND), 3 * SECOND), 4 * SECOND);
}

/// Or a server that ends again and again would keep it for ever.
#[test]
fn a_lease_is_lengthened_once() {
    let once = later(&with_a_lease(60 * SECOND), 55 * SECOND);
    lasts(later(&once, 4 * SECOND), LEASE_GRACE.saturating_sub(4 * SECOND));
    // One that lasts for so long anyway was not lengthened.
    let not_yet = later(&with_a_lease(60 * SECOND), (60 * SECOND).saturating_sub(LEASE_GRACE));
    lasts(later(&not_yet, 4 * SECOND), LEASE_GRACE);
}

/// Else those of a million dead holders would stop time for everybody.
#[test]
fn of_very_many_leases_not_all_end_at_one_moment() {
    let mut play = later(&Play::new(), Duration::ZERO);
    play.done(configure("q", 0, |_| ()));
    for _ in 0..3_000 {
        play.put(put("q", &[]));
        let mode = GetMode::Leased(Some(60 * SECOND));
        play.done(Command::Get { queue: name("q"), mode, settle: None, most: 1 });
    }
    let before = play.entries.len();
    let mut play = later(&play, 55 * SECOND);
    let mut ends = BTreeMap::new();
    for record in play.entries[before..].iter().flat_map(|entry| &entry.records) {
        if let Record::Graced { until, .. } = record {
            *ends.entry(until.since(play.now)).or_insert(0) += 1;
        }
    }
    let apart = |nth: u32| LEASE_GRACE + nth * Duration::from_millis(5);
    assert!(ends.into_iter().eq([(apart(0), 1_024), (apart(1), 1_024), (apart(2), 952)]));
    play.pass(apart(2));
    assert_eq!(play.counts("q")[2], 0);
    play.check();
}

/// Set back by more than a second it is wrong, or was: nobody knows which.
#[test]
fn a_clock_that_was_set_back_is_doubted() {
    let minute = 60_000_000;
    let second = 1_000_000;
    let play = later(&Play::new(), SECOND);
    let doubted = |wall: u64| {
        let next = restarted(&play, 60 * SECOND, wall);
        let tie = next.engine.state().tied().expect("a start notes the time of day");
        assert_eq!(tie.wall_at(next.now), wall);
        (tie.doubted, next)
    };
    assert!(!doubted(WALL + minute).0);
    assert!(!doubted(WALL + 60 * minute).0);
    assert!(!doubted(WALL + minute - second).0, "a second is no set-back");
    assert!(doubted(WALL + minute - second - 1).0);
    // Noted again it is as good or bad as at the start.
    for (wall, bad) in [(WALL, true), (WALL + minute, false)] {
        let mut next = doubted(wall).1;
        next.engine.tie(wall + 5, &mut Step::default());
        let tie = next.engine.state().tied().expect("it was noted");
        assert_eq!((tie.wall_at(next.now), tie.doubted), (wall + 5, bad));
    }
}

/// A number of which nothing is on record may be told again after a crash: so many are reserved in advance
/// that nobody waits for it, seldom, and the next life goes on above all of them.
#[test]
fn numbers_of_leases_are_reserved_long_before_they_are_told() {
    let mut play = later(&Play::new(), Duration::ZERO);
    play.done(configure("q", 0, |_| ()));
    for _ in 0..LEASES_RESERVED / 2 + 1_000 {
        play.put(put("q", &[]));
        let got = play.get("q");
        play.done(done(&got));
    }
    let (mut reserved, mut times) = (0, 0);
    for record in play.entries.iter().flat_map(|entry| &entry.records) {
        if let Record::Reserved { from, upto } = record {
            assert!(upto - from <= LEASES_RESERVED, "{upto}");
            (reserved, times) = (*upto, times + 1);
        }
        if let Record::Leased { lease, .. } = record {
            assert!(lease.fence() + LEASES_RESERVED / 2 <= reserved + 1, "{lease:?}");
        }
    }
    assert_eq!(times, 2);
    let mut next = later(&play, SECOND);
    next.put(put("q", &[]));
    assert_eq!(next.get("q").lease.fence(), reserved + 1);
}
