//! Keys and ranks in queues of each order.

#[allow(dead_code)]
#[path = "work/play.rs"]
mod play;

use std::time::Duration;

use awaitd_primitives::*;

use crate::play::*;

/// What a queue was told of keys before there was any holds for the first of them.
#[test]
fn what_is_said_of_keys_holds_for_the_first_of_them() {
    let mut play = Play::new();
    play.done(configure("fair", 0, |policy| policy.fair = true));
    play.done(configure("two", 0, |policy| policy.key_concurrency = 2));
    let [first, _, second] = ["a", "a", "b"].map(|of| play.put(put("fair", &[key(of)])));
    for job in [first, second] {
        let got = play.get("fair");
        play.done(done(&got));
        assert_eq!(got.job.0, job);
    }
    for _ in 0..2 {
        play.put(put("two", &[key("a")]));
    }
    assert_ne!(play.get("two").job, play.get("two").job);
    play.check();
}

/// A rank that came into a queue of another order stays with its job, whatever that queue is told.
#[test]
fn a_rank_outlives_what_its_queue_is_told() {
    let mut play = Play::new();
    play.done(ordered("q", 0, Order::Priority, |policy| {
        policy.max_attempts = 1;
        policy.dead_letter = Some(name("d"));
    }));
    play.put(put_ranked("q", 5, Duration::ZERO));
    let first = play.put(put_ranked("q", -5, Duration::ZERO));
    for _ in 0..2 {
        let got = play.get("q");
        play.done(nack(&got));
    }
    play.done(configure("d", 7, |_| ()));
    play.done(redrive("d", Some("q")));
    assert_eq!(play.get("q").job.0, first);
    play.check();
}

/// Jobs with keys go by their ranks in a queue that goes by ranks, and by their places in any other.
#[test]
fn keys_go_in_the_order_of_their_queue() {
    for (order, expected) in [(Order::Priority, [3, 1, 2]), (Order::Fifo, [1, 2, 3])] {
        let mut play = Play::new();
        play.done(ordered("q", 0, order, |_| ()));
        play.done(ordered("ranked", 0, Order::Priority, |_| ()));
        for (rank, of) in [(5, "a"), (9, "b"), (-5, "c")] {
            let (queue, payload, rank) = (name("ranked"), payload("job"), Some(Rank::from(rank)));
            let (delay, traits) = (Delay::For(60 * SECOND), vec![key(of)]);
            play.put(Command::Put { queue, payload, delay, rank, ttl: None, traits });
        }
        play.done(redrive("ranked", Some("q")));
        assert_eq!(expected.map(|_| play.get("q").job.0), expected, "{order:?}");
        play.check();
    }
}

/// The last one goes first, however late it is and however many there were before.
#[test]
fn the_last_one_goes_first_among_those_with_keys() {
    let mut play = Play::new();
    play.end_checkpoint();
    for record in play.entries.iter_mut().flat_map(|entry| &mut entry.records) {
        if let Record::Checkpoint(checkpoint) = record {
            checkpoint.last_job = 1 << 40;
        }
    }
    let mut play = Play::after(State::replay(play.entries));
    play.done(ordered("q", 0, Order::Lifo, |_| ()));
    play.pass(10_000 * 3_600 * SECOND);
    let mut jobs = ["a", "b"].map(|of| play.put(put("q", &[key(of)]))).to_vec();
    play.pass(Duration::from_micros(1));
    jobs.push(play.put(put("q", &[key("c")])));
    assert!(jobs[0] > 1 << 40);
    while let Some(last) = jobs.pop() {
        assert_eq!(play.get("q").job.0, last);
    }
}

/// Two states are not the same if a job has another key.
#[test]
fn a_key_is_part_of_the_state() {
    let state = |of| {
        let mut play = Play::new();
        play.put(put("q", &[key(of)]));
        play.engine.state().clone()
    };
    assert_eq!(state("a"), state("a"));
    assert_ne!(state("a"), state("b"));
}
