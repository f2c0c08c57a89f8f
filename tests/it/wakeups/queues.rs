//! Queues, events and locks, and waiting itself.

use super::{Scene, check};

use self::Kind::{Acquire, Event, Get, Join, Put, WatchJob, WatchLock};

type Cause = super::Cause<Kind>;

/// What somebody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Put,
    Get,
    Join,
    Event,
    Acquire,
    WatchJob,
    WatchLock,
}

/// Everybody can wait here: a queue that is full and has no job to be had now, with a job at work and
/// one that is delayed; an event that is not set; a lock that is held.
const SCENE: Scene<Kind> = Scene {
    lines: &[
        "configure q maxsize=1 backoff=0s",
        r#"put q "a""#,
        "get q lease=10m",
        r#"put q "b" delay=20m"#,
        "acquire l lease=10m",
    ],
    kinds: &[
        (Put, r#"put q "new""#),
        (Get, "get q"),
        (Join, "join q"),
        (Event, "wait e"),
        (Acquire, "acquire l"),
        (WatchJob, "held lease 1"),
        (WatchLock, "held lease 2"),
    ],
};

/// The job that was delayed is ready, and both leases last.
const DUE: [&str; 3] = ["extend lease 1 lease=1h", "extend lease 2 lease=1h", "+20m"];

const WAITING: Cause =
    Cause { name: "", before: &[], how: "wait=24h", act: "", answered: &[], cannot: &[] };

/// Everything about queues that may wake somebody.
const QUEUES: &[Cause] = &[
    Cause {
        name: "a put",
        before: &[&["configure q maxsize=9"]],
        act: r#"put q "c""#,
        answered: &[(Get, r#"job 3 "c" lease 3 attempt 1"#)],
        cannot: &[Put],
        ..WAITING
    },
    Cause { name: "a put into a full queue", act: r#"put q "c""#, ..WAITING },
    Cause {
        name: "a put of a job that is delayed",
        before: &[&["configure q maxsize=9"]],
        act: r#"put q "c" delay=1m"#,
        cannot: &[Put],
        ..WAITING
    },
    Cause {
        name: "a delayed put that becomes due",
        before: &[&["extend lease 1 lease=1h", "extend lease 2 lease=1h"]],
        act: "+20m",
        answered: &[(Get, r#"job 2 "b" lease 3 attempt 1"#)],
        ..WAITING
    },
    Cause {
        name: "a nack",
        act: "nack lease 1 delay=0s",
        answered: &[(Get, r#"job 1 "a" lease 3 attempt 2"#), (WatchJob, "refused lease_lost")],
        ..WAITING
    },
    Cause {
        name: "a nack with a delay",
        act: "nack lease 1 delay=1m",
        answered: &[(WatchJob, "refused lease_lost")],
        ..WAITING
    },
    Cause {
        name: "a nacked job that becomes due",
        before: &[&["nack lease 1 delay=1m"]],
        act: "+1m",
        answered: &[(Get, r#"job 1 "a" lease 3 attempt 2"#)],
        cannot: &[WatchJob],
        ..WAITING
    },
    Cause {
        name: "the end of a job's lease",
        before: &[&["extend lease 2 lease=1h"]],
        act: "+10m",
        answered: &[(Get, r#"job 1 "a" lease 3 attempt 2"#), (WatchJob, "refused lease_lost")],
        ..WAITING
    },
    Cause {
        name: "a job that was not delivered",
        before: &[&[
            "configure q maxsize=9",
            r#"put q "c""#,
            "dan: get q slowly",
            "configure q maxsize=1",
        ]],
        act: "dan hangs up",
        answered: &[(Get, r#"job 3 "c" lease 4 attempt 1"#)],
        ..WAITING
    },
    Cause {
        name: "a get that makes room",
        before: &[&DUE],
        act: "get q",
        answered: &[(Put, "job 3")],
        cannot: &[Get],
        ..WAITING
    },
    Cause {
        name: "a get at most once that makes room",
        before: &[&DUE],
        act: "get q ack",
        answered: &[(Put, "job 3")],
        cannot: &[Get],
        ..WAITING
    },
    Cause {
        name: "a job that is done while others are not",
        act: "done lease 1",
        answered: &[(WatchJob, "refused lease_lost")],
        ..WAITING
    },
    Cause {
        name: "the last job that is done",
        before: &[&DUE, &["get q ack"]],
        act: "done lease 1",
        answered: &[(Join, "drained generation 1"), (WatchJob, "refused lease_lost")],
        cannot: &[Put],
        ..WAITING
    },
    Cause {
        name: "a larger maxsize",
        act: "configure q maxsize=2",
        answered: &[(Put, "job 3")],
        ..WAITING
    },
    Cause { name: "the same maxsize", act: "configure q maxsize=1", ..WAITING },
    Cause {
        name: "a shutdown",
        act: "shutdown q",
        answered: &[(Put, "refused queue_shut_down")],
        ..WAITING
    },
    Cause {
        name: "a shutdown with nothing left",
        before: &[&DUE, &["get q"]],
        act: "shutdown q",
        answered: &[(Get, "refused queue_shut_down")],
        cannot: &[Put],
        ..WAITING
    },
    Cause {
        name: "an immediate shutdown",
        act: "shutdown q immediate",
        answered: &[(Put, "refused queue_shut_down"), (Get, "refused queue_shut_down")],
        ..WAITING
    },
    Cause {
        name: "an immediate shutdown with nobody at work",
        before: &[&["done lease 1"]],
        act: "shutdown q immediate",
        answered: &[
            (Put, "refused queue_shut_down"),
            (Get, "refused queue_shut_down"),
            (Join, "drained generation 1"),
        ],
        cannot: &[WatchJob],
        ..WAITING
    },
    Cause {
        name: "a job that comes back after an immediate shutdown",
        before: &[&["shutdown q immediate"]],
        act: "nack lease 1",
        answered: &[(Join, "drained generation 1"), (WatchJob, "refused lease_lost")],
        cannot: &[Put, Get],
        ..WAITING
    },
    Cause {
        name: "the deletion of a queue",
        act: "delete queue q",
        answered: &[
            (Put, "refused deleted"),
            (Get, "refused deleted"),
            (Join, "refused deleted"),
            (WatchJob, "refused deleted"),
        ],
        ..WAITING
    },
];

/// Everything about events and locks that may wake somebody.
const EVENTS_AND_LOCKS: &[Cause] = &[
    Cause {
        name: "a set",
        act: r#"set e "v""#,
        answered: &[(Event, r#"generation 1 "v""#)],
        ..WAITING
    },
    Cause { name: "a clear", act: "clear e", ..WAITING },
    Cause { name: "a set of another event", act: "set other", ..WAITING },
    Cause {
        name: "a release",
        act: "release lease 2",
        answered: &[(Acquire, "lease 3"), (WatchLock, "refused lease_lost")],
        ..WAITING
    },
    Cause {
        name: "the end of a lock's lease",
        before: &[&["extend lease 1 lease=1h"]],
        act: "+10m",
        answered: &[(Acquire, "lease 3"), (WatchLock, "refused lease_lost")],
        ..WAITING
    },
    Cause {
        name: "a lock that was not delivered",
        before: &[&["release lease 2", "dan: acquire l slowly"]],
        act: "dan hangs up",
        answered: &[(Acquire, "lease 4")],
        cannot: &[WatchLock],
        ..WAITING
    },
    Cause {
        name: "the deletion of a lock by force",
        act: "delete lock l force",
        answered: &[(Acquire, "refused deleted"), (WatchLock, "refused deleted")],
        ..WAITING
    },
    Cause { name: "a deletion that was refused", act: "delete lock l", ..WAITING },
];

/// Everything about waiting itself.
const WAITS: &[Cause] = &[
    Cause {
        name: "the end of the wait",
        how: "wait=1m",
        act: "+1m",
        answered: &[
            (Put, "refused queue_full"),
            (Get, "refused empty"),
            (Join, "refused not_drained unfinished 2 generation 0"),
            (Event, "refused not_set generation 0"),
            (Acquire, "refused locked for 9m"),
            (WatchJob, "lease 1 ends in 9m"),
            (WatchLock, "lease 2 ends in 9m"),
        ],
        ..WAITING
    },
    Cause { name: "time that passes", act: "+9m", ..WAITING },
    Cause { name: "an extension of the job's lease", act: "extend lease 1 lease=1h", ..WAITING },
    Cause { name: "an extension of the lock's lease", act: "extend lease 2 lease=1h", ..WAITING },
    Cause {
        name: "the first putter who leaves",
        before: &[&[r#"dan: put q "c" wait=24h"#]],
        act: "dan hangs up",
        ..WAITING
    },
    Cause {
        name: "the first getter who leaves",
        before: &[&["dan: get q wait=24h"]],
        act: "dan hangs up",
        ..WAITING
    },
    Cause {
        name: "the first in a lock's line who leaves",
        before: &[&["dan: acquire l wait=24h"]],
        act: "dan hangs up",
        ..WAITING
    },
    Cause {
        name: "the first putter who is withdrawn",
        before: &[&[r#"dan: put q "c" wait=24h key=k"#]],
        act: "withdraw queue q k",
        ..WAITING
    },
    Cause {
        name: "a withdrawal at the queue",
        how: "wait=24h key=k",
        act: "withdraw queue q k",
        answered: &[(Put, "refused withdrawn"), (Get, "refused withdrawn")],
        // What only looks has no key.
        cannot: &[Join, Event, WatchJob, WatchLock],
        ..WAITING
    },
    Cause {
        name: "a withdrawal at the lock",
        how: "wait=24h key=k",
        act: "withdraw lock l k",
        answered: &[(Acquire, "refused withdrawn")],
        cannot: &[Join, Event, WatchJob, WatchLock],
        ..WAITING
    },
    Cause { name: "a look at the queue", act: "queue q", ..WAITING },
    Cause { name: "a look at the lock", act: "lock l", ..WAITING },
    Cause {
        name: "the end of the server",
        act: "close",
        answered: &[
            (Put, "refused shutting_down"),
            (Get, "refused shutting_down"),
            (Join, "refused shutting_down"),
            (Event, "refused shutting_down"),
            (Acquire, "refused shutting_down"),
            (WatchJob, "refused shutting_down"),
            (WatchLock, "refused shutting_down"),
        ],
        ..WAITING
    },
];

/// Every cause and every kind of waiter.
#[test]
fn who_is_woken_by_what() {
    check(&SCENE, &[QUEUES, EVENTS_AND_LOCKS, WAITS]);
}
