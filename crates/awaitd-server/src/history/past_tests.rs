use awaitd_primitives::{QueueConfig, QueueWaiters};

use super::*;

/// A queue with so many ready jobs.
fn view(ready: u64) -> QueueView {
    QueueView {
        name: "q".parse().unwrap(),
        config: QueueConfig::default(),
        ready,
        delayed: 0,
        leased: 1,
        dead: 0,
        unfinished: ready + 1,
        oldest_ready: None,
        shut_down: false,
        waiters: QueueWaiters::default(),
    }
}

/// So many put and got since the start.
fn counted(put: u64, got: u64) -> Counted {
    let mut waits = <[u64; 13]>::default();
    waits[0] = got;
    Counted { put, got, waits, ..Counted::default() }
}

/// A column of what is told.
fn column(ring: &Ring, of: fn(&Step) -> u32) -> Vec<Option<u32>> {
    ring.steps().map(|step| Some(of(&step)).filter(|number| *number != UNKNOWN)).collect()
}

/// What happened is told by the second, once it is known from when to when.
#[test]
fn what_happened_is_the_difference_of_two_looks() {
    let mut past = Past::new(10);
    past.take(10, &view(5), Some(counted(7, 2)));
    past.take(11, &view(8), Some(counted(10, 2)));
    let waits = past.take(12, &view(6), Some(counted(10, 4))).expect("two were handed out");
    // A queue of the same name, counted from zero.
    past.take(13, &view(1), Some(counted(1, 0)));
    past.take(14, &view(1), None);
    assert!(waits[2] > 0.0 && waits[2] <= 0.0005, "{waits:?}");
    assert_eq!(column(&past.seconds, |it| it.ready), [5, 8, 6, 1, 1].map(Some));
    assert_eq!(column(&past.seconds, |it| it.put), [None, Some(3), Some(0), Some(1), None]);
    assert_eq!(column(&past.seconds, |it| it.got), [None, Some(0), Some(2), Some(0), None]);
    let waits = column(&past.seconds, |it| it.wait_p99);
    assert_eq!(
        waits.iter().map(Option::is_some).collect::<Vec<_>>(),
        [false, false, true, false, false]
    );
}

/// A second in which nobody looked is not made up; its minute has what happened in it.
#[test]
fn what_was_not_looked_at_is_unknown() {
    let mut past = Past::new(58);
    past.take(58, &view(0), Some(counted(0, 0)));
    past.take(61, &view(9), Some(counted(9, 0)));
    past.take(62, &view(10), Some(counted(10, 0)));
    past.take(300, &view(10), Some(counted(10, 0)));
    let puts = column(&past.seconds, |it| it.put);
    assert_eq!(puts[..5], [None, None, None, None, Some(1)]);
    assert_eq!((puts.len(), puts[5..].iter().flatten().count()), (243, 0));
    assert_eq!(column(&past.minutes, |it| it.put), [None, Some(10), None, None, None]);
    assert_eq!(column(&past.minutes, |it| it.ready), [Some(0), Some(10), None, None, None]);
}

/// An hour of seconds and a day of minutes are kept and no more, and what is alike takes one place.
#[test]
fn the_oldest_goes() {
    let mut past = Past::new(0);
    let days = 2 * 24 * 60 * 60;
    for second in 0..days {
        past.take(second, &view(second / 7_200), Some(counted(0, 0)));
    }
    assert_eq!(past.seconds.steps().count(), SECONDS);
    assert_eq!(past.minutes.steps().count(), MINUTES);
    assert_eq!((past.seconds.runs.len(), past.minutes.runs.len()), (1, 13));
    let ready = column(&past.minutes, |it| it.ready);
    assert_eq!((ready[0], ready[MINUTES - 1]), (Some(11), Some(23)));
}

/// However much differs from second to second, it stays within what is said of it.
#[test]
fn what_a_past_takes_is_bounded() {
    let mut past = Past::new(0);
    for second in 0..26 * 60 * 60 {
        past.take(second, &view(second), Some(counted(second, 0)));
    }
    let runs = past.seconds.runs.capacity() + past.minutes.runs.capacity();
    let bytes = runs * size_of::<(Step, u32)>();
    assert!(bytes <= 145_000, "{bytes}");
}
