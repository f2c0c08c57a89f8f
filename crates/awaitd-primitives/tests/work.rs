//! What comes together seldom: keys, retries, dead letters, lifetimes and bounds, two or three at a time.

#[path = "work/play.rs"]
mod play;

use std::time::Duration;

use awaitd_primitives::*;

use crate::play::*;

/// What a result took is free again once it is kept no longer.
#[test]
fn a_result_that_is_forgotten_takes_nothing() {
    let mut play = Play::new();
    play.done(configure("q", 0, |policy| policy.retain = SECOND));
    let before = play.engine.state().live_bytes();
    for _ in 0..10 {
        play.put(put("q", &[]));
        let got = play.get("q");
        play.done(finish(&got, &"r".repeat(1_000)));
    }
    assert!(play.engine.state().live_bytes() > before + 10_000);
    assert!(play.engine.state().bytes_here() > 10_000);
    play.pass(SECOND);
    play.put(put("q", &[]));
    play.check();
    let got = play.get("q");
    play.done(done(&got));
    assert_eq!(play.engine.state().bytes_here(), 0);
}

/// Two of one value may come to be in one queue, since what dies elsewhere is not refused. As long as one
/// of them lives, no more is put.
#[test]
fn a_value_is_unique_until_the_last_of_its_jobs_is_gone() {
    for the_first_goes in [false, true] {
        let mut play = Play::new();
        play.done(configure("d", 0, |_| ()));
        play.done(configure("q", 0, |policy| {
            policy.max_attempts = 1;
            policy.dead_letter = Some(name("d"));
        }));
        let died = play.put(put("q", &[unique("u")]));
        let got = play.get("q");
        let last = play.put(put("d", &[unique("u")]));
        play.done(nack(&got));
        let present = |job| Ok(Answer::Present { queue: name("d"), job: JobId(job) });
        assert_eq!(play.ask(put("d", &[unique("u")])), present(died));
        play.check();
        let (goes, stays) = if the_first_goes { (died, last) } else { (last, died) };
        play.done(cancel("d", goes, false));
        assert_eq!(play.ask(put("d", &[unique("u")])), present(stays));
        play.done(cancel("d", stays, false));
        play.put(put("d", &[unique("u")]));
        play.check();
    }
}

/// What is redriven into the queue where it is dead is unfinished there again, however many go elsewhere.
#[test]
fn a_queue_is_not_drained_by_a_redrive_into_itself() {
    let mut play = Play::new();
    play.done(configure("d", 0, |policy| policy.max_attempts = 1));
    play.done(configure("q", 0, |policy| {
        policy.max_attempts = 1;
        policy.dead_letter = Some(name("d"));
    }));
    play.put(put("d", &[]));
    let got = play.get("d");
    play.done(nack(&got));
    play.put(put("q", &[]));
    let got = play.get("q");
    play.done(nack(&got));
    assert_eq!(play.counts("d"), [1, 0, 0, 1, 1]);
    let join = play.begin(Command::Join { queue: name("d"), after: None }, 60 * SECOND, None);
    assert_eq!(play.ask(redrive("d", None)), Ok(Answer::Redriven { moved: 2, left: 0 }));
    assert_eq!((play.counts("d"), play.counts("q")), ([1, 0, 0, 0, 1], [1, 0, 0, 0, 1]));
    assert_eq!(play.told(join), None);
    play.check();
}

/// Who waits to put what has come from elsewhere meanwhile is told of it.
#[test]
fn who_waits_to_put_is_told_of_a_job_that_comes_from_elsewhere() {
    let mut play = Play::new();
    play.done(configure("d", 1, |_| ()));
    play.done(configure("q", 0, |policy| {
        policy.max_attempts = 1;
        policy.dead_letter = Some(name("d"));
    }));
    let job = play.put(put("q", &[unique("u")]));
    let got = play.get("q");
    play.put(put("d", &[]));
    let waits = play.begin(put("d", &[unique("u")]), 60 * SECOND, None);
    assert_eq!(play.told(waits), None);
    play.done(nack(&got));
    let present = Answer::Present { queue: name("d"), job: JobId(job) };
    assert_eq!(play.told(waits), Some(Ok(present)));
}

/// Nothing is put, so nobody is overtaken: not under a key either.
#[test]
fn who_puts_what_is_there_waits_for_nobody() {
    let mut play = Play::new();
    play.done(configure("q", 1, |_| ()));
    let job = play.put(put("q", &[unique("u")]));
    let waits = play.begin(put("q", &[]), 60 * SECOND, None);
    for key in [None, Some("a"), Some("a")] {
        let again = play.begin(put("q", &[unique("u")]), 60 * SECOND, key);
        let present = Answer::Present { queue: name("q"), job: JobId(job) };
        assert_eq!(play.told(again), Some(Ok(present)));
    }
    assert_eq!(play.told(waits), None);
}

/// Jobs come into both queues at one moment.
#[test]
fn who_waits_at_several_queues_gets_from_the_first_of_them() {
    for (first, second) in [("q", "r"), ("r", "q")] {
        let mut play = Play::new();
        let waits = play.begin(get_any(&[first, second], false), 60 * SECOND, None);
        for queue in ["q", "r"] {
            play.put(put_later(queue, &[], SECOND));
        }
        play.pass(SECOND);
        let Some(Ok(Answer::Got(got))) = play.told(waits) else { panic!("nothing was got") };
        assert_eq!(got.queue, name(first));
    }
}

/// That a queue is paused has to be written anew like the rest of its policy.
#[test]
fn a_pause_takes_room_in_the_journal() {
    let mut play = Play::new();
    play.put(put("q", &[]));
    let before = play.engine.state().live_bytes();
    play.done(pause("q", true));
    assert!(play.engine.state().live_bytes() > before);
    play.done(pause("q", false));
    assert_eq!(play.engine.state().live_bytes(), before);
}

/// What came of a job that was put elsewhere is copied when the old part of the journal goes that tells of
/// its put.
#[test]
fn a_result_of_a_job_from_elsewhere_outlives_its_put() {
    let mut play = Play::new();
    let job = JobId(play.put(put("q", &[])));
    play.done(redrive("q", Some("r")));
    let got = play.get("r");
    let begins = play.entries.len();
    play.done(finish(&got, "42"));
    for part in ["q", "r"].map(|queue| Part::Thing(Thing::Queue(name(queue)))) {
        play.copy(&part);
    }
    play.copy(&Part::Job { queue: name("q"), job });
    let state = State::replay(play.entries[begins..].iter().cloned());
    let mut play = Play::after(state);
    let result = play.ask(Command::WaitResult { queue: name("r"), job });
    assert_eq!(result, Ok(Answer::Result(payload("42"))));
}

/// A job with a rank may come into a queue of another order, and is forgotten there like any other.
#[test]
fn a_rank_goes_with_its_job() {
    let mut play = Play::new();
    play.done(ordered("q", 0, Order::Priority, |_| ()));
    let job = JobId(play.put(put_ranked("q", 1, SECOND)));
    play.done(redrive("q", Some("r")));
    let got = play.get("r");
    play.done(done(&got));
    let begins = play.entries.len();
    for part in ["q", "r"].map(|queue| Part::Thing(Thing::Queue(name(queue)))) {
        play.copy(&part);
    }
    play.copy(&Part::Job { queue: name("q"), job });
    play.copy(&Part::Fates(got.lease));
    play.end_checkpoint();
    let anew = State::replay(play.entries[begins..].iter().cloned());
    assert_eq!(anew, *play.engine.state());
}

/// A key whose leased job expires while its queue is paused and full: the job is back above the bound, holds
/// its key, and goes first once things go on; no put is admitted before there is room.
#[test]
fn a_key_whose_job_expires_in_a_queue_that_is_paused_and_full() {
    let mut play = Play::new();
    play.done(configure("q", 1, |_| ()));
    let first = play.put(put("q", &[key("k")]));
    let got = play.get("q");
    let second = play.put(put("q", &[key("k")]));
    play.done(pause("q", true));
    let waits = play.begin(put("q", &[key("l")]), 60 * SECOND, None);
    play.pass(10 * SECOND);
    assert_eq!(play.counts("q"), [2, 0, 0, 0, 2]);
    assert_eq!(play.ask(done(&got)), Err(Refusal::LeaseLost));
    assert_eq!(play.ask(get("q")), Err(Refusal::Empty));
    play.done(pause("q", false));
    let got = play.get("q");
    assert_eq!((got.job.0, got.attempt), (first, 2));
    assert_eq!((play.ask(get("q")), play.told(waits)), (Err(Refusal::Empty), None));
    play.done(done(&got));
    assert_eq!(play.get("q").job.0, second);
    assert!(matches!(play.told(waits), Some(Ok(Answer::Placed { .. }))));
    play.check();
}

/// A unique job that is cancelled, purged or dead makes way for the next one, and a redrive passes over it
/// as long as that one lives.
#[test]
fn a_unique_job_that_is_cancelled_purged_or_dead() {
    let mut play = Play::new();
    play.done(configure("q", 0, |policy| policy.max_attempts = 1));
    let present = |job| Ok(Answer::Present { queue: name("q"), job: JobId(job) });
    let job = play.put(put("q", &[unique("u")]));
    assert_eq!(play.ask(put("q", &[unique("u")])), present(job));
    play.done(cancel("q", job, false));
    play.put(put("q", &[unique("u")]));
    assert_eq!(play.ask(purge("q", None)), Ok(Answer::Purged { dropped: 1 }));
    let dies = play.put(put("q", &[unique("u")]));
    let got = play.get("q");
    assert_eq!(play.ask(put("q", &[unique("u")])), present(dies));
    play.done(nack(&got));
    let next = play.put(put("q", &[unique("u")]));
    let redriven = |moved, left| Ok(Answer::Redriven { moved, left });
    assert_eq!(play.ask(redrive("q", None)), redriven(0, 2));
    play.done(cancel("q", next, false));
    assert_eq!(play.ask(redrive("q", None)), redriven(1, 0));
    assert_eq!(play.ask(put("q", &[unique("u")])), present(dies));
    play.check();
}

/// Of a full queue that drops the oldest, the ready job goes that was put first, whatever its priority;
/// delayed ones only when none is ready, and none that somebody holds.
#[test]
fn a_delayed_job_with_a_priority_in_a_queue_that_drops_the_oldest() {
    let mut play = Play::new();
    play.done(ordered("q", 2, Order::Priority, |policy| policy.full = WhenFull::DropOldest));
    play.put(put_ranked("q", 0, Duration::ZERO));
    let held = play.get("q");
    let delayed = play.put(put_ranked("q", -5, 60 * SECOND));
    play.put(put_ranked("q", -1, Duration::ZERO));
    let last = play.put(put_ranked("q", 3, Duration::ZERO));
    assert_eq!(play.counts("q"), [1, 1, 1, 0, 3]);
    play.pass(60 * SECOND);
    let first = play.get("q");
    assert_eq!(first.job.0, delayed);
    assert_eq!(play.ask(done(&held)), Err(Refusal::LeaseLost));
    play.done(cancel("q", last, false));
    let (one, two) = (put_ranked("q", 1, 60 * SECOND), put_ranked("q", 2, 60 * SECOND));
    let [one, _] = [play.put(one), play.put(two)];
    play.put(put_ranked("q", 9, Duration::ZERO));
    let gone = play.ask(Command::ReadJob { queue: name("q"), job: JobId(one) });
    assert_eq!(gone, Err(Refusal::NotFound));
    play.check();
}

/// Jobs of one moment come in the order of their puts, whenever these were. A put that waits for room
/// until that is over comes at once, and one with a length begins to count when it is in its queue.
#[test]
fn a_moment_is_the_same_whenever_it_is_named() {
    let mut play = Play::new();
    play.done(configure("q", 4, |_| ()));
    let until = || put_when("q", &[], Delay::Until(60_000_000));
    let mut each = |_| (play.put(until()), play.pass(Duration::from_micros(1))).0;
    let jobs: Vec<u64> = (0..4).map(&mut each).collect();
    let waits = [until(), put_later("q", &[], SECOND)].map(|it| play.begin(it, 90 * SECOND, None));
    play.pass(70 * SECOND);
    assert_eq!(jobs, [(); 4].map(|()| play.get("q").job.0));
    assert!(waits.iter().all(|wait| play.told(*wait).is_some_and(|told| told.is_ok())));
    assert_eq!(play.counts("q"), [1, 1, 4, 0, 6]);
    play.check();
}

/// A shutdown waits for delayed jobs; at once, it does not.
#[test]
fn a_shutdown_with_delayed_jobs() {
    for immediate in [false, true] {
        let mut play = Play::new();
        let job = play.put(put_later("q", &[], 5 * SECOND));
        let waits = play.begin(get("q"), 60 * SECOND, None);
        let join = play.begin(Command::Join { queue: name("q"), after: None }, 60 * SECOND, None);
        play.done(shutdown("q", immediate));
        assert_eq!(play.ask(put("q", &[])), Err(Refusal::QueueShutDown));
        if immediate {
            assert_eq!(play.told(waits), Some(Err(Refusal::QueueShutDown)));
            assert!(matches!(play.told(join), Some(Ok(Answer::Joined { .. }))));
            continue;
        }
        assert_eq!((play.told(waits), play.told(join)), (None, None));
        play.pass(5 * SECOND);
        let Some(Ok(Answer::Got(got))) = play.told(waits) else { panic!("nothing was got") };
        assert_eq!(got.job.0, job);
        play.done(done(&got));
        assert_eq!(play.ask(get("q")), Err(Refusal::QueueShutDown));
        play.check();
    }
}

/// What dies goes into its dead letter queue above the bound of that, stays where it is if that has shut
/// down, and makes it anew if it has gone. No queue is its own.
#[test]
fn a_dead_letter_queue_that_is_full_or_shut_down_or_gone_or_itself() {
    let mut play = Play::new();
    let itself = configure("q", 0, |policy| policy.dead_letter = Some(name("q")));
    assert_eq!(play.ask(itself), Err(Refusal::OwnDeadLetter));
    play.done(configure("d", 1, |policy| {
        policy.max_attempts = 1;
        policy.dead_letter = Some(name("q"));
    }));
    play.done(configure("q", 0, |policy| {
        policy.max_attempts = 1;
        policy.dead_letter = Some(name("d"));
    }));
    let dies = |play: &mut Play| {
        let job = play.put(put("q", &[]));
        let got = play.get("q");
        play.done(nack(&got));
        job
    };
    let (first, _) = (dies(&mut play), dies(&mut play));
    assert_eq!((play.counts("q"), play.counts("d")), ([0; 5], [2, 0, 0, 0, 2]));
    // Back to the first one.
    let got = play.get("d");
    let past = |got: &Got| match got.traits.as_slice() {
        [Trait::Past(past)] => (past.from.clone(), past.error.clone()),
        other => panic!("it has not died: {other:?}"),
    };
    assert_eq!((got.job.0, past(&got)), (first, (name("q"), Some("oh".into()))));
    play.done(nack(&got));
    let got = play.get("q");
    assert_eq!((got.job.0, got.attempt, past(&got).0), (first, 1, name("d")));
    play.done(done(&got));
    play.done(shutdown("d", false));
    dies(&mut play);
    assert_eq!(play.counts("q"), [0, 0, 0, 1, 0]);
    play.done(delete("d"));
    dies(&mut play);
    assert_eq!((play.counts("q"), play.counts("d")), ([0, 0, 0, 1, 0], [1, 0, 0, 0, 1]));
    play.check();
}

/// Who was notified and loses the lock before he has heard of it leaves the notification to another; who has
/// heard of it has had it.
#[test]
fn a_lock_that_is_broken_under_one_who_was_notified() {
    for heard in [false, true] {
        let mut play = Play::new();
        let ann = play.wait_for_c();
        let ben = play.wait_for_c();
        let held = play.lock();
        let (lock, condition) = (name("l"), name("c"));
        let notify = Command::Notify { lock, condition, held: held.clone(), most: Some(1) };
        assert_eq!(play.ask(notify), Ok(Answer::Notified { woken: 1 }));
        play.done(Command::Done { lease: held });
        if heard {
            let told = play.told(ann);
            assert!(matches!(told, Some(Ok(Answer::Woken { notified: true, .. }))), "{told:?}");
        }
        let told = play.ask(Command::Break { lock: name("l") });
        assert!(matches!(&told, Ok(Answer::Broken(from)) if from.len() == 1), "{told:?}");
        let told = play.told(ben);
        let woken = matches!(told, Some(Ok(Answer::Woken { notified: true, .. })));
        assert_eq!(woken, !heard, "{told:?}");
        play.check();
    }
}

/// Quotas hold from when they are told, and as long as nothing else is told.
#[test]
fn quotas_hold_from_when_they_are_told() {
    let quotas = |most| {
        let (jobs, waits) = (Some(most), Some(most));
        Quotas::new(vec![Quota { prefix: "q".into(), jobs, waits, ..Quota::default() }]).into()
    };
    let over = |told: Told| matches!(told, Err(Refusal::OverQuota { .. }));
    let mut play = Play::with(Limits { quotas: quotas(1), ..Limits::default() });
    play.put(put("q", &[]));
    assert!(over(play.ask(put("q", &[]))));
    play.engine.set_quotas(quotas(2));
    play.put(put("q", &[]));
    assert!(over(play.ask(put("q", &[]))));
    let waits = [0; 3].map(|_| play.begin(get("q2"), 60 * SECOND, None));
    let told = waits.map(|ticket| play.told(ticket).is_some_and(over));
    assert_eq!(told, [false, false, true]);
    play.engine.set_quotas(Quotas::default().into());
    play.put(put("q", &[]));
    let waits = play.begin(get("q2"), 60 * SECOND, None);
    assert_eq!(play.told(waits), None);
    // Who waits for all that was judged so far waits for so many entries.
    assert_eq!(play.engine.judged(), Position(play.entries.len() as u64));
    play.check();
}
