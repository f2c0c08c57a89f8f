//! What a queue for work has beyond a plain one: keys, attempts, pauses, results, several queues.

use super::{Scene, check};

use self::Kind::{Any, First, Get, Join, Put, Second};

type Cause = super::Cause<Kind>;

/// What somebody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Put,
    Get,
    /// From this queue or another.
    Any,
    Join,
    /// What comes of the job that somebody works on.
    First,
    /// What comes of the job that waits for its key.
    Second,
}

/// A full queue with nothing to be had: one job is worked on, one waits for its key, one is delayed.
const SCENE: Scene<Kind> = Scene {
    lines: &[
        "configure w maxsize=2 max-attempts=2 backoff=1m",
        r#"put w "a" group=k"#,
        "get w lease=10m",
        r#"put w "b" group=k ttl=5m"#,
        r#"put w "c" delay=20m"#,
    ],
    kinds: &[
        (Put, r#"put w "new""#),
        (Get, "get w"),
        (Any, "get any other w"),
        (Join, "join w"),
        (First, "result w job=1"),
        (Second, "result w job=2"),
    ],
};

const WAITING: Cause =
    Cause { name: "", before: &[], how: "wait=24h", act: "", answered: &[], cannot: &[] };

const B: (Kind, &str) = (Get, r#"job 2 "b" lease 2 attempt 1 group k"#);
const B_OF_ANY: (Kind, &str) = (Any, r#"job 2 "b" lease 2 attempt 1 from w group k"#);

const WORK: &[Cause] = &[
    Cause {
        name: "the end of the work on a key",
        act: "done lease 1",
        answered: &[B, B_OF_ANY, (First, r#"result """#)],
        ..WAITING
    },
    Cause {
        name: "a result",
        act: r#"done lease 1 "42""#,
        answered: &[B, B_OF_ANY, (First, r#"result "42""#)],
        ..WAITING
    },
    Cause { name: "progress", act: r#"progress lease 1 "half""#, ..WAITING },
    Cause { name: "a job that failed and holds its key", act: "nack lease 1", ..WAITING },
    Cause {
        name: "a backoff that is over",
        before: &[&["nack lease 1"]],
        act: "+1m",
        answered: &[
            (Get, r#"job 1 "a" lease 2 attempt 2 group k"#),
            (Any, r#"job 1 "a" lease 2 attempt 2 from w group k"#),
        ],
        ..WAITING
    },
    Cause {
        name: "the last attempt",
        before: &[&["nack lease 1", "+1m", "get w"]],
        act: "nack lease 2",
        answered: &[
            (Get, r#"job 2 "b" lease 3 attempt 1 group k"#),
            (Any, r#"job 2 "b" lease 3 attempt 1 from w group k"#),
            (First, "refused failed"),
        ],
        ..WAITING
    },
    Cause {
        name: "a job that has waited for too long",
        act: "+5m",
        answered: &[(Put, "job 4"), (Second, "refused failed")],
        ..WAITING
    },
    Cause {
        name: "a job that is cancelled",
        act: "cancel w job=2",
        answered: &[(Put, "job 4"), (Second, "refused failed")],
        ..WAITING
    },
    Cause {
        name: "a job that is taken from its worker",
        act: "cancel w job=1 force",
        answered: &[B, B_OF_ANY, (First, "refused failed")],
        ..WAITING
    },
    Cause {
        name: "a purge",
        act: "purge w",
        answered: &[(Put, "job 4"), (Second, "refused failed")],
        ..WAITING
    },
    Cause {
        name: "a purge of all that is left",
        before: &[&["done lease 1"]],
        act: "purge w",
        answered: &[(Put, "job 4"), (Join, "drained generation 1"), (Second, "refused failed")],
        cannot: &[Get, Any, First],
        ..WAITING
    },
    Cause { name: "a purge of what is dead", act: "purge w state=dead", ..WAITING },
    Cause { name: "a pause", act: "pause w", ..WAITING },
    Cause {
        name: "the end of a pause",
        before: &[&["pause w", "done lease 1"]],
        act: "resume w",
        answered: &[B, B_OF_ANY],
        cannot: &[First],
        ..WAITING
    },
    Cause {
        name: "a redrive",
        act: "redrive w job=3",
        answered: &[
            (Get, r#"job 3 "c" lease 2 attempt 1"#),
            (Any, r#"job 3 "c" lease 2 attempt 1 from w"#),
        ],
        ..WAITING
    },
    Cause {
        name: "a redrive to elsewhere",
        act: "redrive w to=other job=2",
        answered: &[
            (Put, "job 4"),
            (Any, r#"job 2 "b" lease 2 attempt 1 from other group k"#),
            (Second, "refused failed"),
        ],
        ..WAITING
    },
    Cause {
        name: "more of one key at a time",
        act: "configure w maxsize=2 key-concurrency=2",
        answered: &[B, B_OF_ANY],
        ..WAITING
    },
    Cause {
        name: "less at a time than there is",
        act: "configure w maxsize=2 concurrency=1 key-concurrency=2",
        ..WAITING
    },
    Cause {
        name: "a put into a queue that is full of what may be dropped",
        before: &[&["configure w maxsize=2 drop-oldest"]],
        act: r#"put w "d""#,
        answered: &[
            (Get, r#"job 4 "d" lease 2 attempt 1"#),
            (Any, r#"job 4 "d" lease 2 attempt 1 from w"#),
            (Second, "refused failed"),
        ],
        cannot: &[Put],
        ..WAITING
    },
    Cause {
        name: "a put into the other queue",
        act: r#"put other "x""#,
        answered: &[(Any, r#"job 4 "x" lease 2 attempt 1 from other"#)],
        ..WAITING
    },
    Cause {
        name: "the deletion of the queue",
        act: "delete queue w",
        answered: &[
            (Put, "refused deleted"),
            (Get, "refused deleted"),
            (Any, "refused deleted"),
            (Join, "refused deleted"),
            (First, "refused deleted"),
            (Second, "refused deleted"),
        ],
        ..WAITING
    },
    Cause {
        name: "the end of the wait",
        how: "wait=1m",
        act: "+1m",
        answered: &[
            (Put, "refused queue_full"),
            (Get, "refused empty"),
            (Any, "refused empty"),
            (Join, "refused not_drained unfinished 3 generation 0"),
            (First, "refused not_done"),
            (Second, "refused not_done"),
        ],
        ..WAITING
    },
    Cause {
        name: "the end of the server",
        act: "close",
        answered: &[
            (Put, "refused shutting_down"),
            (Get, "refused shutting_down"),
            (Any, "refused shutting_down"),
            (Join, "refused shutting_down"),
            (First, "refused shutting_down"),
            (Second, "refused shutting_down"),
        ],
        ..WAITING
    },
];

/// Every cause and every kind of waiter.
#[test]
fn who_is_woken_by_what() {
    check(&SCENE, &[WORK]);
}
