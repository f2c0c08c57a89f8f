//! The records of keys, retries, dead letters, lifetimes and results: in version 1 of the format, but younger
//! than its first journals.

use std::time::Duration;

use awaitd_primitives::*;

use crate::golden::check;
use crate::play::{lease, name, payload};

#[test]
fn a_journal_of_work_queues_is_read_and_written_as_ever() {
    let list = |queue: &str| Command::ListJobs {
        queue: name(queue),
        state: None,
        key: None,
        cursor: None,
        limit: 10,
        bodies: true,
    };
    let commands = [
        Command::Read { thing: Thing::Queue(name("q")) },
        Command::Read { thing: Thing::Queue(name("dead")) },
        list("q"),
        list("dead"),
        list("copied"),
        Command::WaitResult { queue: name("q"), job: JobId(3) },
        Command::WaitResult { queue: name("copied"), job: JobId(20) },
    ];
    check("v1-work", &appends(), &commands);
}

fn appends() -> Vec<Vec<Entry>> {
    let mut appends: Vec<Vec<Entry>> = Vec::new();
    let mut at = 0;
    for groups in [things(), jobs(), courses(), ends(), keys(), copies()] {
        let entry = |records| {
            at += 1_000;
            Entry { at: Time::from_micros(at), records }
        };
        appends.push(groups.into_iter().map(entry).collect());
    }
    let state = State::replay(appends.concat());
    let (from, counts) = (1, state.counts());
    let (last_job, last_generation, last_lease, reserved) = (22, 0, 5, 1_000);
    let end =
        Checkpoint { from, last_job, last_generation, last_lease, reserved, counts, tied: None };
    let records = vec![Record::Checkpoint(Box::new(end))];
    appends.push(vec![Entry { at: Time::from_micros(90_000), records }]);
    appends
}

fn seconds(count: u64) -> Duration {
    Duration::from_secs(count)
}

/// Every field is another one than it is by default.
fn config() -> QueueConfig {
    let policy = Policy {
        max_attempts: 3,
        backoff: Backoff {
            min: seconds(2),
            max: seconds(9),
            factor: Milli(1_500),
            jitter: Milli(250),
        },
        dead_letter: Some(name("dead")),
        ttl: Some(seconds(3_600)),
        full: WhenFull::DropOldest,
        max_bytes: Some(1_000_000),
        max_leased: 77,
        max_dead: 66,
        rate: Some(Rate { per_second: Milli(2_500), burst: 4 }),
        concurrency: Some(5),
        key_concurrency: 2,
        fair: true,
        retain: seconds(600),
        paused: false,
    };
    QueueConfig { maxsize: 50, order: Order::Lifo, lease: seconds(9), policy: Box::new(policy) }
}

fn things() -> Vec<Vec<Record>> {
    let plain = QueueConfig { order: Order::Lifo, ..QueueConfig::default() };
    vec![
        vec![Record::Reserved { from: 0, upto: 1_000 }],
        vec![Record::Configured { queue: name("q"), config: plain }],
        vec![Record::Configured { queue: name("q"), config: config() }],
        vec![Record::Made { thing: Thing::Queue(name("dead")) }],
        vec![Record::Paused { queue: name("dead"), paused: true }],
        vec![Record::Paused { queue: name("q"), paused: true }],
        vec![Record::Paused { queue: name("q"), paused: false }],
    ]
}

fn traits() -> Vec<Trait> {
    vec![
        Trait::Key("a key".into()),
        Trait::Unique("a value".into()),
        Trait::MaxAttempts(2),
        Trait::Lease(seconds(8)),
        Trait::Header("job-color".into(), "red".into()),
        Trait::Ends(Time::from_micros(5_000_000)),
    ]
}

fn put(job: u64, traits: Vec<Trait>) -> Vec<Record> {
    let (queue, job, ready_at) = (name("q"), JobId(job), Time::from_micros(2_000));
    let told = Record::Traits { queue: queue.clone(), job, traits };
    vec![told, Record::Placed { queue, job, ready_at, payload: payload(b"job") }]
}

fn jobs() -> Vec<Vec<Record>> {
    (1..=10)
        .map(|job| put(job, if job < 3 { traits() } else { vec![Trait::Key("b".into())] }))
        .collect()
}

fn leased(number: u64, job: u64) -> Record {
    Record::Leased {
        lease: lease(number),
        held: Held::Job { queue: name("q"), job: JobId(job) },
        length: seconds(9),
        until: Some(Time::from_micros(9_000_000)),
        waited: Duration::ZERO,
        ready_at: Time::from_micros(2_000),
    }
}

fn settled(number: u64, job: u64, outcome: Outcome, then: Then) -> Record {
    Record::Settled {
        lease: lease(number),
        held: Held::Job { queue: name("q"), job: JobId(job) },
        outcome,
        then,
        lasted: Duration::from_millis(3),
    }
}

fn courses() -> Vec<Vec<Record>> {
    let queue = || name("q");
    let moved = |job, to: &str, ends, dead_letter| Record::Moved {
        from: name("q"),
        job: JobId(job),
        to: name(to),
        ready_at: Time::from_micros(30_000),
        ends,
        dead_letter,
    };
    let ends = Some(Time::from_micros(77_000_000));
    let died = |job| Record::Died { queue: name("q"), job: JobId(job), cause: Cause::Ttl };
    let dropped = |job, cause| Record::Dropped { queue: name("q"), job: JobId(job), cause };
    let progress = payload(b"half");
    vec![
        vec![leased(1, 1)],
        vec![Record::Progressed { queue: queue(), job: JobId(1), progress }],
        vec![
            settled(
                1,
                1,
                Outcome::Returned,
                Then::Dead { cause: Cause::Attempts, error: Some("oh".into()) },
            ),
            moved(1, "dead", ends, true),
        ],
        vec![leased(2, 2)],
        vec![settled(2, 2, Outcome::Expired, Then::Dead { cause: Cause::Attempts, error: None })],
        vec![died(4), moved(4, "dead", None, true)],
        vec![died(5)],
        vec![moved(5, "q", None, false)],
        vec![moved(6, "other", ends, false)],
        vec![dropped(7, DropCause::Ttl), dropped(8, DropCause::Full)],
        vec![Record::Cancelled { queue: queue(), job: JobId(9) }],
    ]
}

fn ends() -> Vec<Vec<Record>> {
    let (queue, job) = (name("q"), JobId(3));
    let (result, until) = (payload(b"42"), Time::from_micros(600_000_000));
    let purged =
        |queue: &str, state, dropped| vec![Record::Purged { queue: name(queue), state, dropped }];
    vec![
        vec![leased(3, 3)],
        vec![
            Record::Resulted { queue, job, result, until },
            settled(3, 3, Outcome::Done, Then::Finished),
        ],
        purged("other", JobState::Ready, 1),
        purged("other", JobState::Delayed, 0),
        purged("other", JobState::Dead, 0),
        purged("other", JobState::Done, 0),
    ]
}

fn keys() -> Vec<Vec<Record>> {
    let whats = vec![
        Remembrance::Configured { queue: name("q"), config: config(), created: true },
        Remembrance::Present(name("q"), JobId(2)),
        Remembrance::Paused,
        Remembrance::Purged(7),
        Remembrance::Redriven(3, 4),
    ];
    let remembered = whats.into_iter().zip(0_u32..).map(|(what, number)| Record::Remembered {
        thing: Thing::Queue(name("q")),
        key: format!("key-{number}").into(),
        fingerprint: u128::from(number) << 100 | 7,
        what,
        until: Time::from_micros(300_000_000),
    });
    vec![remembered.collect()]
}

fn copies() -> Vec<Vec<Record>> {
    let time = Time::from_micros;
    let copied = |copied| Record::Copied(Box::new(copied));
    let queue = || name("copied");
    let job = |number, ready_at| {
        let (job, tried, lease) = (JobId(number), None, None);
        let (enqueued, payload) = (time(5_000), payload(b"copied"));
        copied(Copied::Job { queue: queue(), job, ready_at, enqueued, payload, tried, lease })
    };
    let told = |number, traits| Record::Traits { queue: queue(), job: JobId(number), traits };
    let past = |cause, error: Option<&str>| {
        Trait::Past(Box::new(Past {
            from: name("q"),
            cause,
            attempts: 3,
            error: error.map(Into::into),
            enqueued: time(5_000),
            died: time(7_000),
        }))
    };
    let dead = vec![past(Cause::Attempts, Some("ah")), Trait::Dead];
    let holds = vec![
        Trait::Key("a key".into()),
        past(Cause::Ttl, None),
        Trait::Progress(Box::new(payload(b"half"))),
        Trait::HoldsKey,
    ];
    let (result, until) = (payload(b"43"), time(600_000_000));
    let whole = Copied::Queue {
        queue: queue(),
        config: config(),
        configured: true,
        gate: Gate::Open,
        drained: 0,
        touched: time(8_000),
    };
    let pace = Copied::Pace { queue: queue(), used: time(50_000) };
    vec![
        vec![copied(whole), copied(pace)],
        vec![copied(Copied::Result {
            queue: queue(),
            job: JobId(20),
            enqueued: time(5_000),
            result,
            until,
        })],
        vec![told(21, dead), job(21, time(6_000))],
        vec![told(22, holds), job(22, time(6_000))],
    ]
}
