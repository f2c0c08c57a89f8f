//! Schedules: the job of a time and the note that this time is worked off are there together or not at all,
//! and what was noted once is never done again.

#[allow(dead_code)]
#[path = "work/play.rs"]
mod play;

use std::time::Duration;

use crate::play::*;
use awaitd_primitives::*;

/// At the times of `cron`, into the queue `q`, beginning at this one.
fn config(cron: &str, upto: u64) -> ScheduleConfig {
    ScheduleConfig {
        cron: cron.into(),
        timezone: "UTC".into(),
        queue: name("q"),
        payload: payload("job"),
        rank: None,
        ttl: None,
        traits: Vec::new(),
        catch_up: CatchUp::One,
        upto,
    }
}

fn schedule(config: ScheduleConfig) -> Command {
    let configuration = Configuration::Schedule(name("s"), Box::new(config));
    Command::Configure { configuration, only_new: false }
}

fn fire(after: u64, due: u64) -> Command {
    Command::Fire { schedule: name("s"), queue: name("q"), after, due, skip: false }
}

fn skip(after: u64, due: u64) -> Command {
    Command::Fire { schedule: name("s"), queue: name("q"), after, due, skip: true }
}

fn thing() -> Thing {
    Thing::Schedule(name("s"))
}

/// Up to when it is worked off, and when it last put a job.
fn worked_off(play: &mut Play) -> (u64, Option<u64>) {
    match play.ask(Command::Read { thing: thing() }) {
        Ok(Answer::State(view)) => match *view {
            View::Schedule(ScheduleView { config, last, .. }) => (config.upto, last),
            view => panic!("not of a schedule: {view:?}"),
        },
        told => panic!("no schedule: {told:?}"),
    }
}

/// Whoever asks twice, or for what was worked off before, gets no second job.
#[test]
fn a_time_has_one_job() {
    let mut play = Play::new();
    play.done(schedule(config("c", 10)));
    assert_eq!(worked_off(&mut play), (10, None));
    for _ in 0..2 {
        play.done(fire(10, 20));
        play.done(fire(10, 15));
        play.done(fire(20, 20));
        assert_eq!(worked_off(&mut play), (20, Some(20)));
        assert_eq!(play.counts("q"), [1, 0, 0, 0, 1]);
    }
    play.done(fire(20, 30));
    assert_eq!(play.counts("q"), [2, 0, 0, 0, 2]);
    // The job and the note are one entry.
    let both = |entry: &&Entry| {
        let placed = entry.records.iter().any(|it| matches!(it, Record::Placed { .. }));
        let fired = entry.records.iter().any(|it| matches!(it, Record::Fired { .. }));
        assert_eq!(placed, fired, "{entry:?}");
        placed
    };
    assert_eq!(play.entries.iter().filter(both).count(), 2);
    play.check();
}

/// What was missed may be passed over: it is noted, and there is no job.
#[test]
fn a_time_may_be_passed_over() {
    let mut play = Play::new();
    play.done(schedule(config("c", 10)));
    play.done(fire(10, 20));
    play.done(skip(20, 50));
    play.done(fire(20, 30));
    assert_eq!(worked_off(&mut play), (50, Some(20)));
    assert_eq!(play.counts("q"), [1, 0, 0, 0, 1]);
    play.check();
}

/// A queue that takes no job leaves the time as it was, for whoever asks again.
#[test]
fn a_queue_without_room_is_asked_again() {
    let mut play = Play::new();
    play.done(configure("q", 1, |_| {}));
    play.done(schedule(config("c", 10)));
    let first = play.put(put("q", &[]));
    assert_eq!(play.ask(fire(10, 20)), Err(Refusal::Full));
    assert_eq!(worked_off(&mut play), (10, None));
    // Who waits is there before it.
    let waiting = play.begin(put("q", &[]), 100 * SECOND, None);
    assert_eq!(play.get("q").job, JobId(first));
    assert!(matches!(play.told(waiting), Some(Ok(Answer::Placed { .. }))));
    assert_eq!(play.ask(fire(10, 20)), Err(Refusal::Full));
    play.get("q");
    play.done(fire(10, 20));
    assert_eq!(worked_off(&mut play), (20, Some(20)));
    play.done(shutdown("q", false));
    assert_eq!(play.ask(fire(20, 30)), Err(Refusal::QueueShutDown));
    assert_eq!(worked_off(&mut play), (20, Some(20)));
    play.check();
}

/// A queue springs into being for it, unless the operator has that forbidden.
#[test]
fn a_queue_that_is_not_there_is_made_if_it_may_be() {
    let mut play = Play::with(Limits { auto_create: false, ..Limits::default() });
    play.done(schedule(config("c", 10)));
    assert_eq!(play.ask(fire(10, 20)), Err(Refusal::NotFound));
    play.done(configure("q", 0, |_| {}));
    play.done(fire(10, 20));
    assert_eq!(play.counts("q"), [1, 0, 0, 0, 1]);
}

/// While its last job is there, one whose job is unique puts none, and its time is worked off.
#[test]
fn a_unique_job_is_there_once() {
    let mut play = Play::new();
    play.done(schedule(ScheduleConfig { traits: vec![unique("u")], ..config("c", 10) }));
    play.done(fire(10, 20));
    play.done(fire(20, 30));
    assert_eq!(worked_off(&mut play), (30, Some(30)));
    assert_eq!(play.counts("q"), [1, 0, 0, 0, 1]);
    let got = play.get("q");
    play.done(done(&got));
    play.done(fire(30, 40));
    assert_eq!(play.counts("q"), [1, 0, 0, 0, 1]);
    play.check();
}

/// The job has all that was said of it, and meets whoever waits for one.
#[test]
fn a_job_is_as_it_was_told() {
    let mut play = Play::new();
    play.done(ordered("q", 0, Order::Priority, |_| {}));
    let header = Trait::Header("job-a".into(), "b".into());
    let traits = vec![key("k"), header, Trait::MaxAttempts(1)];
    let (rank, ttl) = (Some(Rank::from(7)), Some(SECOND));
    play.done(schedule(ScheduleConfig { traits: traits.clone(), rank, ttl, ..config("c", 10) }));
    let waiting = play.begin(get("q"), 100 * SECOND, None);
    play.done(fire(10, 20));
    let Some(Ok(Answer::Got(got))) = play.told(waiting) else { panic!("nobody got it") };
    assert_eq!(got.payload, payload("job"));
    assert!(traits.iter().all(|it| got.traits.contains(it)), "{:?}", got.traits);
    play.done(fire(20, 30));
    assert_eq!(play.counts("q"), [1, 0, 1, 0, 2]);
    play.pass(2 * SECOND);
    assert_eq!(play.counts("q"), [0, 0, 1, 0, 1]);
    play.check();
}

/// Told anew with the same times it goes on, with others it begins anew; what it was before is not asked
/// of it any more.
#[test]
fn what_it_is_told_anew_holds_at_once() {
    let mut play = Play::new();
    play.done(schedule(config("c", 10)));
    play.done(fire(10, 20));
    play.done(schedule(ScheduleConfig { catch_up: CatchUp::All, ..config("c", 99) }));
    assert_eq!(worked_off(&mut play), (20, Some(20)));
    play.done(schedule(ScheduleConfig { queue: name("r"), ..config("c", 99) }));
    play.done(fire(20, 30));
    assert_eq!(play.counts("q"), [1, 0, 0, 0, 1]);
    assert_eq!(worked_off(&mut play), (20, Some(20)));
    play.done(schedule(config("d", 99)));
    assert_eq!(worked_off(&mut play), (99, Some(20)));
    play.done(schedule(ScheduleConfig { timezone: "Europe/Berlin".into(), ..config("d", 5) }));
    assert_eq!(worked_off(&mut play), (5, Some(20)));
    play.check();
}

/// Deleted, it is gone, and made again it begins anew. What it took is free again.
#[test]
fn deleted_it_is_gone() {
    let mut play = Play::new();
    let before = play.engine.state().live_bytes();
    play.done(schedule(config("c", 10)));
    assert!(play.engine.state().live_bytes() > before);
    assert_eq!(play.engine.state().schedules().count(), 1);
    play.done(Command::Delete { thing: thing(), force: false });
    assert_eq!(play.engine.state().live_bytes(), before);
    assert_eq!(play.ask(fire(10, 20)), Err(Refusal::NotFound));
    assert_eq!(play.ask(Command::Read { thing: thing() }), Err(Refusal::NotFound));
    let again = Command::Delete { thing: thing(), force: false };
    assert_eq!(play.ask(again), Err(Refusal::NotFound));
    play.done(schedule(config("c", 30)));
    assert_eq!(worked_off(&mut play), (30, None));
    play.check();
}

/// A repeat under its key is told the same, and makes nothing anew.
#[test]
fn it_is_told_once_under_a_key() {
    let mut play = Play::new();
    let created = |told| match told {
        Some(Ok(Answer::Configured { configuration, created })) => (configuration.thing(), created),
        told => panic!("not configured: {told:?}"),
    };
    for _ in 0..2 {
        let ticket = play.begin(schedule(config("c", 10)), Duration::ZERO, Some("k"));
        assert_eq!(created(play.told(ticket)), (thing(), true));
    }
    play.done(Command::Delete { thing: thing(), force: false });
    let ticket = play.begin(schedule(config("c", 10)), Duration::ZERO, Some("k"));
    assert_eq!(play.told(ticket), Some(Err(Refusal::NotFound)));
    play.check();
}
