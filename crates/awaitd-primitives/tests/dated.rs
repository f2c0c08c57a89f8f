//! Jobs that were put for a time of day follow the wall clock when that is set, those with a delay do not.

use std::time::Duration;

use awaitd_primitives::*;

#[allow(dead_code)]
#[path = "work/play.rs"]
mod play;

use crate::play::*;

/// What time of day it is when these histories begin, in microseconds.
const NOON: u64 = 1_800_000_000_000_000;

const MINUTE: Duration = Duration::from_mins(1);

const JUST: Duration = Duration::from_micros(1);

/// So many minutes after noon.
fn noon(minutes: u64) -> u64 {
    NOON + minutes * 60_000_000
}

/// A moment less than so many minutes.
fn just_before(minutes: u32) -> Duration {
    (minutes * MINUTE).saturating_sub(JUST)
}

fn at_noon() -> Play {
    let mut play = Play::new();
    set(&mut play, NOON);
    play.done(configure("q", 0, |_| ()));
    play
}

/// It is that time of day now.
fn set(play: &mut Play, wall: u64) {
    play.turn(|engine, step| engine.tie(wall, step));
}

/// Which job it is that was put for that time of day.
fn put_at(play: &mut Play, wall: u64) -> u64 {
    play.put(put_when("q", &[], Delay::Until(wall)))
}

/// After that time there are so many ready and delayed.
fn after(play: &mut Play, time: Duration, counts: [u64; 2]) {
    play.pass(time);
    assert_eq!(play.counts("q")[..2], counts);
    play.check();
}

/// At ten past twelve the clock is set to that, with a job for one o'clock and one in an hour.
fn set_to(minutes: u64) -> Play {
    let mut play = at_noon();
    put_at(&mut play, noon(60));
    play.put(put_later("q", &[], 60 * MINUTE));
    play.pass(10 * MINUTE);
    set(&mut play, noon(minutes));
    after(&mut play, Duration::ZERO, [0, 2]);
    play
}

/// It comes a quarter of an hour sooner, or later; what has a delay comes when it would have.
#[test]
fn a_job_comes_at_its_time_of_day() {
    let mut play = set_to(25);
    after(&mut play, just_before(35), [0, 2]);
    after(&mut play, JUST, [1, 1]);
    after(&mut play, 15 * MINUTE, [2, 0]);
    let mut play = set_to(0);
    set(&mut play, NOON - 5 * 60_000_000);
    after(&mut play, 50 * MINUTE, [1, 1]);
    after(&mut play, just_before(15), [1, 1]);
    after(&mut play, JUST, [2, 0]);
}

/// Those whose time was skipped come at once, in the order of their times, and whoever waits is told. They
/// have waited since now. What is ready stays so, though it is before its time again.
#[test]
fn what_was_skipped_comes_at_once_and_in_order() {
    let mut play = at_noon();
    play.pass(3 * 60 * MINUTE);
    let [last, second, first, far] =
        [120, 100, 80, 600].map(|at| put_at(&mut play, noon(180 + at)));
    let waits = play.begin(get("q"), MINUTE, None);
    set(&mut play, noon(180 + 120));
    after(&mut play, 2 * SECOND, [2, 1]);
    let told = play.told(waits);
    let Some(Ok(Answer::Got(got))) = told else { panic!("{told:?}") };
    assert_eq!((got.job.0, got.waited), (first, Duration::ZERO));
    play.done(done(&got));
    set(&mut play, noon(180));
    after(&mut play, Duration::ZERO, [2, 1]);
    let got = play.get("q");
    assert_eq!((got.job.0, got.waited), (second, 2 * SECOND));
    play.done(done(&got));
    let got = play.get("q");
    assert_eq!(got.job.0, last);
    play.done(done(&got));
    after(&mut play, 600 * MINUTE, [1, 0]);
    assert_eq!(play.get("q").job.0, far);
}

/// A put that waits for room comes for its time of day as that is when there is room.
#[test]
fn a_put_that_waits_follows_it_too() {
    let mut play = at_noon();
    play.done(configure("q", 1, |_| ()));
    play.put(put("q", &[]));
    let waits = play.begin(put_when("q", &[], Delay::Until(noon(60))), 60 * MINUTE, None);
    set(&mut play, noon(30));
    let got = play.get("q");
    assert!(play.told(waits).is_some_and(|told| told.is_ok()));
    play.done(done(&got));
    after(&mut play, just_before(30), [0, 1]);
    after(&mut play, JUST, [1, 0]);
}

/// Once it was handed out, or put anew, a job comes back when it was said then.
#[test]
fn what_came_back_follows_no_clock() {
    for defer in [false, true] {
        let mut play = at_noon();
        put_at(&mut play, noon(10));
        play.pass(10 * MINUTE);
        let lease = lease_of(&play.get("q"));
        let delay = Some(60 * MINUTE);
        play.done(Command::Nack { lease, delay, defer, dead: false, error: None });
        set(&mut play, noon(100));
        after(&mut play, just_before(60), [0, 1]);
        after(&mut play, JUST, [1, 0]);
    }
    let mut play = at_noon();
    put_at(&mut play, noon(100));
    play.done(Command::Redrive {
        queue: name("q"),
        to: Some(name("r")),
        state: None,
        job: None,
        limit: 1,
        delay: 60 * MINUTE,
        spacing: Duration::ZERO,
    });
    set(&mut play, noon(50));
    play.pass(just_before(60));
    assert_eq!(play.counts("r")[..2], [0, 1]);
    play.pass(JUST);
    assert_eq!(play.counts("r")[..2], [1, 0]);
    play.check();
}
