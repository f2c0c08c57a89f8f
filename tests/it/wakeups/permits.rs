//! Shared locks, semaphores, barriers and conditions.

use super::{Scene, check};

use self::Kind::{Alone, Meet, Notified, Permit, Permits, Share, WatchPermit, WatchShare};

type Cause = super::Cause<Kind>;

/// What somebody waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    /// A lock that is shared.
    Alone,
    /// A lock that somebody has alone.
    Share,
    /// One permit.
    Permit,
    /// All three.
    Permits,
    Meet,
    /// At a condition of a lock that is free since.
    Notified,
    WatchShare,
    WatchPermit,
}

/// Everybody can wait here: a lock that is shared, another that somebody has alone, a semaphore without
/// a permit left, a barrier at which one waits, and a lock that was let go for a condition.
const SCENE: Scene<Kind> = Scene {
    lines: &[
        "acquire db shared lease=10m",
        "acquire own lease=10m",
        "configure semaphore s permits=3 unbounded",
        "acquire semaphore s permits=2 lease=10m",
        "acquire semaphore s lease=10m",
        "configure barrier b parties=3",
        "bob: wait barrier b wait=24h",
        "acquire m lease=10m",
    ],
    kinds: &[
        (Alone, "acquire db"),
        (Share, "acquire own shared"),
        (Permit, "acquire semaphore s"),
        (Permits, "acquire semaphore s permits=3"),
        (Meet, "wait barrier b"),
        (Notified, "wait condition m c held=5"),
        (WatchShare, "held lease 1"),
        (WatchPermit, "held lease 4"),
    ],
};

const WAITING: Cause =
    Cause { name: "", before: &[], how: "wait=24h", act: "", answered: &[], cannot: &[] };

const CAUSES: &[Cause] = &[
    Cause {
        name: "the release of the last share",
        act: "release lease 1",
        answered: &[(Alone, "lease 6"), (WatchShare, "refused lease_lost")],
        ..WAITING
    },
    Cause {
        name: "the release of one share of two",
        before: &[&["acquire db shared lease=10m"]],
        act: "release lease 6",
        ..WAITING
    },
    Cause {
        name: "the release of whoever had it alone",
        act: "release lease 2",
        answered: &[(Share, "lease 6")],
        ..WAITING
    },
    Cause {
        name: "the end of all leases",
        act: "+10m",
        answered: &[
            (Alone, "lease 6"),
            (Share, "lease 6"),
            (Permit, "lease 6"),
            (Permits, "lease 6"),
            (WatchShare, "refused lease_lost"),
            (WatchPermit, "refused lease_lost"),
        ],
        ..WAITING
    },
    Cause {
        name: "a shared lock that is broken",
        act: "break db",
        answered: &[(Alone, "lease 6"), (WatchShare, "refused lease_lost")],
        ..WAITING
    },
    Cause {
        name: "a lock that is broken",
        act: "break own",
        answered: &[(Share, "lease 6")],
        ..WAITING
    },
    Cause {
        name: "the release of one permit",
        act: "release lease 4",
        answered: &[(Permit, "lease 6"), (WatchPermit, "refused lease_lost")],
        ..WAITING
    },
    Cause {
        name: "the release of all permits",
        before: &[&["release lease 4", "acquire semaphore s lease=10m", "release lease 3"]],
        act: "release lease 6",
        answered: &[(Permits, "lease 7")],
        cannot: &[Permit, WatchPermit],
        ..WAITING
    },
    Cause {
        name: "permits that are added",
        act: "release semaphore s permits=2",
        answered: &[(Permit, "lease 6")],
        ..WAITING
    },
    Cause {
        name: "many permits that are added",
        act: "release semaphore s permits=3",
        answered: &[(Permit, "lease 6"), (Permits, "lease 6")],
        ..WAITING
    },
    Cause {
        name: "a semaphore that has more permits",
        act: "configure semaphore s permits=6",
        answered: &[(Permit, "lease 6"), (Permits, "lease 6")],
        ..WAITING
    },
    Cause {
        name: "a semaphore that has fewer permits than somebody wants",
        act: "configure semaphore s permits=2",
        answered: &[(Permits, "refused over_bound")],
        ..WAITING
    },
    Cause {
        name: "permits that were not delivered",
        before: &[&["release lease 4", "dan: acquire semaphore s slowly"]],
        act: "dan hangs up",
        answered: &[(Permit, "lease 7")],
        cannot: &[WatchPermit],
        ..WAITING
    },
    Cause {
        name: "one who comes to the barrier",
        act: "dan: wait barrier b wait=24h",
        answered: &[(Meet, "index 1 generation 1")],
        ..WAITING
    },
    Cause { name: "one who leaves the barrier", act: "bob hangs up", ..WAITING },
    Cause {
        name: "a barrier of fewer parties",
        act: "configure barrier b parties=2",
        answered: &[(Meet, "index 1 generation 1")],
        ..WAITING
    },
    Cause { name: "a barrier of more parties", act: "configure barrier b parties=9", ..WAITING },
    Cause { name: "a reset", act: "reset b", answered: &[(Meet, "refused broken")], ..WAITING },
    Cause { name: "an abort", act: "abort b", answered: &[(Meet, "refused broken")], ..WAITING },
    Cause {
        name: "a notification of whom nobody keeps from the lock",
        before: &[&["dan: wait condition m c held=5 wait=24h", "acquire m"]],
        act: "notify m c held=6 n=all",
        cannot: &[Notified],
        ..WAITING
    },
    Cause {
        name: "the end of the wait",
        how: "wait=1m",
        act: "+1m",
        answered: &[
            (Alone, "refused locked for 9m"),
            (Share, "refused locked for 9m"),
            (Permit, "refused locked for 9m"),
            (Permits, "refused locked for 9m"),
            (Meet, "refused not_tripped"),
            (Notified, "lease 6 not notified"),
            (WatchShare, "lease 1 ends in 9m"),
            (WatchPermit, "lease 4 ends in 9m"),
        ],
        ..WAITING
    },
    Cause { name: "time that passes", act: "+9m", ..WAITING },
    Cause {
        name: "the deletion of a lock by force",
        act: "delete lock db force",
        answered: &[(Alone, "refused deleted"), (WatchShare, "refused deleted")],
        ..WAITING
    },
    Cause {
        name: "the deletion of a condition's lock",
        act: "delete lock m force",
        answered: &[(Notified, "refused deleted")],
        ..WAITING
    },
    Cause {
        name: "the deletion of a semaphore by force",
        act: "delete semaphore s force",
        answered: &[
            (Permit, "refused deleted"),
            (Permits, "refused deleted"),
            (WatchPermit, "refused deleted"),
        ],
        ..WAITING
    },
    Cause {
        name: "the deletion of a barrier",
        act: "delete barrier b",
        answered: &[(Meet, "refused deleted")],
        ..WAITING
    },
    Cause {
        name: "the first in a semaphore's line who leaves",
        before: &[&["release lease 4", "dan: acquire semaphore s permits=3 wait=24h"]],
        act: "dan hangs up",
        answered: &[(Permit, "lease 6")],
        cannot: &[WatchPermit],
        ..WAITING
    },
    Cause {
        name: "the first in a lock's line who leaves",
        before: &[&["dan: acquire own wait=24h", "carl: acquire db wait=24h"]],
        act: "dan hangs up",
        ..WAITING
    },
    Cause {
        name: "a withdrawal at the lock",
        how: "wait=24h key=k",
        act: "withdraw lock m k",
        answered: &[(Notified, "refused withdrawn")],
        cannot: &[WatchShare, WatchPermit],
        ..WAITING
    },
    Cause {
        name: "a withdrawal at the semaphore",
        how: "wait=24h key=k",
        act: "withdraw semaphore s k",
        answered: &[(Permit, "refused withdrawn"), (Permits, "refused withdrawn")],
        cannot: &[WatchShare, WatchPermit],
        ..WAITING
    },
    Cause {
        name: "a withdrawal at the barrier",
        how: "wait=24h key=k",
        act: "withdraw barrier b k",
        answered: &[(Meet, "refused withdrawn")],
        cannot: &[WatchShare, WatchPermit],
        ..WAITING
    },
    Cause { name: "a look at the barrier", act: "barrier b", ..WAITING },
    Cause { name: "a look at the semaphore", act: "semaphore s", ..WAITING },
    Cause { name: "a look at the condition", act: "condition m c", ..WAITING },
    Cause {
        name: "the end of the server",
        act: "close",
        answered: &[
            (Alone, "refused shutting_down"),
            (Share, "refused shutting_down"),
            (Permit, "refused shutting_down"),
            (Permits, "refused shutting_down"),
            (Meet, "refused shutting_down"),
            // She has let her lock go, so she cannot be told that nothing was done.
            (Notified, "refused locked"),
            (WatchShare, "refused shutting_down"),
            (WatchPermit, "refused shutting_down"),
        ],
        ..WAITING
    },
];

/// Every cause and every kind of waiter.
#[test]
fn who_is_woken_by_what() {
    check(&SCENE, &[CAUSES]);
}
