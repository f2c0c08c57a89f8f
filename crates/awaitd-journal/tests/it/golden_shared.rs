//! The records of what is shared and of what goes by rank: in version 1 of the format, but younger than its
//! first journals.

use std::time::Duration;

use awaitd_primitives::*;

use crate::golden::check;
use crate::play::{lease, name, payload};

#[test]
fn a_journal_with_what_is_shared_is_read_and_written_as_ever() {
    let condition = name("c");
    let commands = [
        Command::Read { thing: Thing::Lock(name("l")) },
        Command::Read { thing: Thing::Semaphore(name("s")) },
        Command::Read { thing: Thing::Semaphore(name("copied")) },
        Command::Read { thing: Thing::Barrier(name("b")) },
        Command::Read { thing: Thing::Barrier(name("copied")) },
        Command::ReadCondition { lock: name("l"), condition },
        Command::Read { thing: Thing::Queue(name("lifo")) },
        Command::Get { queue: name("q"), mode: GetMode::AtMostOnce, settle: None, most: 1 },
        Command::Get { queue: name("q"), mode: GetMode::AtMostOnce, settle: None, most: 1 },
        Command::Done { lease: LeaseRef { id: lease(1), thing: None } },
    ];
    check("v1-shared", &appends(), &commands);
}

fn appends() -> Vec<Vec<Entry>> {
    let mut appends: Vec<Vec<Entry>> = Vec::new();
    let mut at = 0;
    for groups in [things(), leases(), jobs(), keys(), copies()] {
        let entry = |records| {
            at += 1_000;
            Entry { at: Time::from_micros(at), records }
        };
        appends.push(groups.into_iter().map(entry).collect());
    }
    let state = State::replay(appends.concat());
    let (from, counts) = (1, state.counts());
    let (last_job, last_generation, last_lease, reserved) = (5, 2, 5, 1_000);
    let end =
        Checkpoint { from, last_job, last_generation, last_lease, reserved, counts, tied: None };
    let records = vec![Record::Checkpoint(Box::new(end))];
    appends.push(vec![Entry { at: Time::from_micros(90_000), records }]);
    appends
}

fn semaphore(text: &str, permits: u64, bounded: bool) -> Configuration {
    Configuration::Semaphore(name(text), SemaphoreConfig { permits, bounded })
}

fn things() -> Vec<Vec<Record>> {
    let barrier = name("b");
    let ordered = |text: &str, order| {
        let config = QueueConfig {
            maxsize: 7,
            order,
            lease: Duration::from_secs(9),
            ..QueueConfig::default()
        };
        vec![Record::Configured { queue: name(text), config }]
    };
    let tripped = |generation| Record::Tripped { barrier: name("b"), generation };
    vec![
        vec![Record::Reserved { from: 0, upto: 1_000 }],
        vec![Record::Made { thing: Thing::Lock(name("l")) }],
        vec![Record::Prepared(semaphore("s", 5, true))],
        vec![Record::Prepared(semaphore("s", 7, false))],
        vec![Record::Prepared(Configuration::Barrier(barrier.clone(), 3))],
        vec![tripped(1)],
        vec![Record::Aborted { barrier: barrier.clone() }],
        vec![Record::Reset { barrier: barrier.clone() }],
        vec![tripped(2), Record::Aborted { barrier }],
        ordered("lifo", Order::Lifo),
        ordered("q", Order::Priority),
    ]
}

fn leased(number: u64, thing: Thing, permits: u64, owner: Option<&str>) -> Record {
    Record::Leased {
        lease: lease(number),
        held: Held::Part { thing, permits, owner: owner.map(Into::into) },
        length: Duration::from_secs(9),
        until: Some(Time::from_micros(9_000_000)),
        waited: Duration::ZERO,
        ready_at: Time::ZERO,
    }
}

fn leases() -> Vec<Vec<Record>> {
    let [lock, semaphore] = [Thing::Lock(name("l")), Thing::Semaphore(name("s"))];
    let held = Held::Part { thing: lock.clone(), permits: 1, owner: Some("me".into()) };
    vec![
        vec![leased(1, lock.clone(), 1, Some("me"))],
        vec![leased(2, lock, 1, None)],
        vec![leased(3, semaphore, 4, Some("she"))],
        vec![Record::Settled {
            lease: lease(1),
            held,
            outcome: Outcome::Broken,
            then: Then::Finished,
            lasted: Duration::from_millis(3),
        }],
    ]
}

fn jobs() -> Vec<Vec<Record>> {
    let placed = |job| {
        let (queue, ready_at) = (name("q"), Time::from_micros(2_000));
        Record::Placed { queue, job: JobId(job), ready_at, payload: payload(b"job") }
    };
    let ranked = |job, rank| Record::Ranked { queue: name("q"), job: JobId(job), rank };
    vec![
        vec![ranked(1, Rank::from(5)), placed(1)],
        vec![placed(2)],
        vec![ranked(3, Rank((&b"\x7f, a key"[..]).into())), placed(3)],
        vec![placed(4)],
        vec![Record::Cancelled { queue: name("q"), job: JobId(4) }],
    ]
}

fn keys() -> Vec<Vec<Record>> {
    let (created, thing) = (true, Thing::Lock(name("l")));
    let holder = |number, share, owner: Option<&str>| Holder {
        lease: lease(number),
        share,
        owner: owner.map(Into::into),
        until: Time::from_micros(9_000_000),
    };
    let whats = vec![
        Remembrance::Prepared { configuration: semaphore("s", 5, true), created },
        Remembrance::Prepared { configuration: Configuration::Barrier(name("b"), 3), created },
        Remembrance::Broke(vec![
            holder(1, Share::Permits(1), Some("me")),
            holder(9, Share::Whole, None),
        ]),
        Remembrance::Released,
        Remembrance::Tripped { index: 2, generation: 1 },
        Remembrance::Turned,
        Remembrance::Woken { lock: name("l"), lease: lease(2), notified: true },
        Remembrance::Notified(3),
    ];
    let remembered = whats.into_iter().zip(0_u32..).map(|(what, number)| Record::Remembered {
        thing: thing.clone(),
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
    let copy = |number| {
        let (lease, length, waited) = (lease(number), Duration::from_secs(9), Duration::ZERO);
        let (until, granted, graced) = (Some(time(99_000_000)), time(7_000), false);
        LeaseCopy { lease, length, until, granted, waited, graced }
    };
    let (queue, job) = (name("q"), JobId(5));
    let rank = Record::Ranked { queue: queue.clone(), job, rank: Rank::from(-1) };
    let config = Some(SemaphoreConfig { permits: 2, bounded: false });
    let holders = vec![(2, Some("them".into()), copy(4)), (1, None, copy(5))];
    vec![
        vec![
            rank,
            copied(Copied::Job {
                queue,
                job,
                ready_at: time(6_000),
                enqueued: time(5_000),
                payload: payload(b"copied"),
                tried: None,
                lease: None,
            }),
        ],
        vec![copied(Copied::Permits {
            thing: Thing::Semaphore(name("copied")),
            config,
            touched: time(9),
            holders,
        })],
        vec![copied(Copied::Permits {
            thing: Thing::Lock(name("l")),
            config: None,
            touched: time(10),
            holders: vec![(1, None, copy(2))],
        })],
        vec![copied(Copied::Barrier {
            barrier: name("copied"),
            parties: 4,
            broken: true,
            generation: 2,
        })],
    ]
}
