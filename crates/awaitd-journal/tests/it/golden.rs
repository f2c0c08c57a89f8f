//! A journal of each version of the format is read for ever, and written as it always was.
//!
//! `UPDATE_GOLDEN=1 cargo test -p awaitd-journal golden` writes the files of the version that is
//! written now. Those of a version that was released are never written again.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use awaitd_journal::recover::{self, Options};
use awaitd_journal::segment;
use awaitd_primitives::*;

use crate::play::{KEY, lease, name};
use crate::twin::{Twin, World};

const OPTIONS: Options =
    Options { segment_bytes: segment::SEGMENT_BYTES_MIN, memory_budget: 1 << 20, new_key: KEY };

/// What is in the files, as text, and what is answered by the state that they give.
fn read(files: &BTreeMap<String, Vec<u8>>, commands: &[Command]) -> String {
    let (twin, mut text) = (Twin::new(World::of(files.clone())), String::new());
    let entry = |(segment, offset): (u64, u64), entry: &Entry| {
        writeln!(text, "{segment} {offset} {} us", entry.at.micros()).expect("it is text");
        for record in &entry.records {
            let record = format!("{record:?}");
            writeln!(text, "    {record:.400} ({} characters)", record.len()).expect("it is text");
        }
    };
    let scanned = recover::scan(&twin, |_| (), entry).map_err(|error| error.to_string());
    let scanned = scanned.expect("it is read");
    assert!(scanned.sealed && scanned.torn.is_none());
    writeln!(text, "{} segments, {:?}", scanned.segments, scanned.state.counts()).expect("text");
    let mut engine = Engine::new(scanned.state, Limits::default());
    let mut step = Step::default();
    for command in commands.iter().cloned() {
        let (ask, now) = (Ask { command, key: None }, Time::from_micros(100_000));
        engine.submit(Request { ticket: Ticket(1), arrived: now, until: now, ask }, &mut step);
    }
    for reply in step.replies {
        writeln!(text, "{:?}\n    {:?}", reply.command, reply.told).expect("it is text");
    }
    text
}

/// The files that are written of the same entries today.
fn write(appends: &[Vec<Entry>]) -> BTreeMap<String, Vec<u8>> {
    let twin = Twin::default();
    let opened = recover::open(&twin, &OPTIONS, |_| ()).map_err(|error| error.to_string());
    let mut log = opened.expect("it opens").log;
    for entries in appends {
        log.append(entries, false).expect("it is written");
    }
    log.seal().expect("it is written");
    twin.world().files()
}

/// The files in a folder are these entries, today as on the day when they were written.
pub(crate) fn check(folder: &str, appends: &[Vec<Entry>], commands: &[Command]) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(folder);
    let written = write(appends);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(&folder).expect("a folder");
        for (name, bytes) in &written {
            std::fs::write(folder.join(name), bytes).expect("it is written");
        }
        std::fs::write(folder.join("golden.txt"), read(&written, commands)).expect("it is written");
    }
    let mut files = BTreeMap::new();
    for entry in folder.read_dir().expect("a folder") {
        let entry = entry.expect("a file");
        let name = entry.file_name().into_string().expect("a name");
        files.insert(name, std::fs::read(entry.path()).expect("it is read"));
    }
    let text = String::from_utf8(files.remove("golden.txt").expect("it is there"));
    assert_eq!(read(&files, commands), text.expect("it is text"));
    assert!(files == written, "the same entries are other bytes now");
}

#[test]
fn a_journal_of_version_1_is_read_and_written_as_ever() {
    let commands = [
        Command::Read { thing: Thing::Queue(name("q")) },
        Command::Read { thing: Thing::Queue(name("copied")) },
        Command::WaitEvent { event: name("e"), after: None },
        Command::Read { thing: Thing::Lock(name("l")) },
        Command::Watch { lease: LeaseRef { id: lease(4), thing: None } },
        Command::Done { lease: LeaseRef { id: lease(1), thing: None } },
        Command::Get { queue: name("copied"), mode: GetMode::AtMostOnce, settle: None, most: 1 },
    ];
    let appends = appends();
    assert!(write(&appends).len() > 1);
    check("v1", &appends, &commands);
}

/// Appends with records of every kind that there was at first; what came later has files of its own.
fn appends() -> Vec<Vec<Entry>> {
    let mut appends: Vec<Vec<Entry>> = Vec::new();
    let mut at = 0;
    let mut add = |groups: Vec<Vec<Record>>| {
        let entry = |records| {
            at += 1_000;
            Entry { at: Time::from_micros(at), records }
        };
        appends.push(groups.into_iter().map(entry).collect());
    };
    add(vec![vec![Record::Tied { wall: 1_700_000_000_000_000, doubted: false }, reserved()]]);
    add(things());
    add(jobs());
    add(leases());
    add(keys());
    add(vec![vec![placed(9, &[b'y'; 3_000])]]);
    add(ends());
    add(copies());
    let state = State::replay(appends.concat());
    let (from, counts) = (1, state.counts());
    let (last_job, last_generation, last_lease, reserved) = (12, 5, 6, 1_000);
    let end =
        Checkpoint { from, last_job, last_generation, last_lease, reserved, counts, tied: None };
    let records = vec![Record::Checkpoint(Box::new(end))];
    appends.push(vec![Entry { at: Time::from_micros(90_000), records }]);
    appends
}

fn reserved() -> Record {
    Record::Reserved { from: 0, upto: 1_000 }
}

fn payload(bytes: &[u8]) -> Payload {
    Payload { body: bytes.into(), content_type: Some("text/plain".into()) }
}

fn placed(job: u64, bytes: &[u8]) -> Record {
    let ready_at = Time::from_micros(2_000 + job);
    Record::Placed { queue: name("q"), job: JobId(job), ready_at, payload: payload(bytes) }
}

fn things() -> Vec<Vec<Record>> {
    let config =
        QueueConfig { maxsize: 50, lease: Duration::from_secs(9), ..QueueConfig::default() };
    let [queue, event, lock] =
        [Thing::Queue(name("gone")), Thing::Event(name("e")), Thing::Lock(name("l"))];
    let set = |generation| Record::Set {
        event: name("e"),
        generation,
        value: Payload { body: (&b"value"[..]).into(), content_type: None },
    };
    vec![
        vec![Record::Configured { queue: name("q"), config }],
        vec![Record::Made { thing: queue.clone() }, Record::Made { thing: event }],
        vec![Record::Made { thing: lock }],
        vec![Record::Deleted { thing: queue, dropped: 0, leases: vec![lease(900)] }],
        vec![Record::Made { thing: Thing::Lock(name("rests")) }],
        vec![Record::Forgotten { thing: Thing::Lock(name("rests")) }],
        vec![set(1)],
        vec![Record::Cleared { event: name("e") }],
        vec![set(2)],
    ]
}

fn jobs() -> Vec<Vec<Record>> {
    vec![vec![placed(1, b"one")], vec![placed(2, b"two")], vec![placed(3, b"three")]]
}

fn job(number: u64) -> Held {
    Held::Job { queue: name("q"), job: JobId(number) }
}

fn leased(number: u64, held: Held, until: Option<u64>) -> Record {
    let ready_at = match &held {
        Held::Job { job, .. } => Time::from_micros(2_000 + job.0),
        Held::Lock { .. } | Held::Part { .. } => Time::ZERO,
    };
    let (length, waited) = (Duration::from_secs(9), Duration::from_micros(5));
    let until = until.map(Time::from_micros);
    Record::Leased { lease: lease(number), held, length, until, waited, ready_at }
}

fn leases() -> Vec<Vec<Record>> {
    let lock = Held::Lock { lock: name("l"), owner: Some("me".into()) };
    let until = Time::from_micros(20_000_000);
    vec![
        vec![leased(1, job(1), Some(9_000_000))],
        vec![leased(2, job(2), Some(9_000_000))],
        vec![leased(3, job(3), None)],
        vec![leased(4, lock, Some(9_000_000))],
        vec![Record::Extended { lease: lease(4), until }],
        vec![Record::Graced { lease: lease(2), until }],
    ]
}

fn keys() -> Vec<Vec<Record>> {
    let queue = Thing::Queue(name("q"));
    let granted = |granted| Remembrance::Asked(Withdrawal::Granted(granted));
    let (config, created) = (QueueConfig::default(), true);
    let whats = vec![
        Remembrance::Configured { queue: name("q"), config, created },
        Remembrance::Placed(name("q"), JobId(1)),
        Remembrance::Leased(queue.clone(), lease(1)),
        Remembrance::Deleted,
        Remembrance::ShutDown,
        Remembrance::Set(2),
        Remembrance::Cleared,
        Remembrance::Settled,
        Remembrance::Asked(Withdrawal::Withdrawn),
        granted(Granted::Job(name("q"), JobId(1))),
        granted(Granted::Lease(queue.clone(), lease(1))),
        granted(Granted::Nothing),
        Remembrance::Withdrawn,
    ];
    let remembered = whats.into_iter().zip(0_u32..).map(|(what, number)| Record::Remembered {
        thing: queue.clone(),
        key: format!("key-{number}").into(),
        fingerprint: u128::from(number) << 100 | 7,
        what,
        until: Time::from_micros(300_000_000),
    });
    let forgotten = Record::Unremembered { thing: queue.clone(), key: "key-3".into() };
    vec![remembered.collect(), vec![forgotten]]
}

fn ends() -> Vec<Vec<Record>> {
    let settled = |number, of, outcome, then| Record::Settled {
        lease: lease(number),
        held: job(of),
        outcome,
        then,
        lasted: Duration::from_millis(3),
    };
    let back = |error: Option<&str>| Then::Back {
        ready_at: Time::from_micros(40_000),
        since: Time::from_micros(41_000),
        counted: error.is_some(),
        error: error.map(Into::into),
    };
    let waiting = |queue: &str, job| {
        let (queue, ready_at) = (name(queue), Time::from_micros(50_000_000));
        Record::Placed { queue, job: JobId(job), ready_at, payload: payload(b"later") }
    };
    vec![
        vec![settled(1, 1, Outcome::Done, Then::Finished)],
        vec![settled(2, 2, Outcome::Returned, back(Some("oh")))],
        vec![settled(3, 3, Outcome::Undelivered, back(None))],
        vec![leased(5, Held::Job { queue: name("q"), job: JobId(9) }, Some(9_000_000))],
        vec![settled(5, 9, Outcome::Expired, Then::Dropped)],
        vec![Record::Made { thing: Thing::Queue(name("shut")) }, waiting("shut", 10)],
        vec![
            Record::ShutDown { queue: name("shut"), immediate: true },
            Record::Emptied { queue: name("shut"), dropped: 1 },
            Record::Drained { queue: name("shut"), generation: 3 },
        ],
        vec![Record::ShutDown { queue: name("q"), immediate: false }],
    ]
}

fn copies() -> Vec<Vec<Record>> {
    let time = Time::from_micros;
    let copied = |copied| vec![Record::Copied(Box::new(copied))];
    let (queue, config) = (name("copied"), QueueConfig::default());
    let copy = |number, graced| {
        let (lease, length, waited) = (lease(number), Duration::from_secs(9), Duration::ZERO);
        let (until, granted) = (Some(time(99_000_000)), time(7_000));
        Some(Box::new(LeaseCopy { lease, length, until, granted, waited, graced }))
    };
    let a_job = |number, tried, lease| Copied::Job {
        queue: queue.clone(),
        job: JobId(number),
        ready_at: time(6_000),
        enqueued: time(5_000),
        payload: payload(b"copied"),
        tried,
        lease,
    };
    let tried = Tried { attempts: 3, since: Some(time(6_500)), error: Some("ah".into()) };
    let gates = [Gate::Open, Gate::ShutDown, Gate::ShutDownAtOnce];
    let queues = gates.into_iter().zip(["copied", "shut", "at-once"]).map(|(gate, of)| {
        let (queue, config) = (name(of), config.clone());
        let (configured, drained, touched) = (gate == Gate::Open, 4, time(8_000));
        copied(Copied::Queue { queue, config, configured, gate, drained, touched })
    });
    let last = Some((5, payload(b"copied")));
    let (owner, event) = (Some("them".into()), name("copied"));
    let mut all: Vec<Vec<Record>> = queues.collect();
    all.extend([
        copied(a_job(11, Some(Box::new(tried)), None)),
        copied(a_job(12, None, copy(6, true))),
        copied(Copied::Event { event, set: true, last, touched: time(9_000) }),
        copied(Copied::Event { event: name("no"), set: false, last: None, touched: time(9_000) }),
        copied(Copied::Lock { lock: name("held"), touched: time(9), owner, lease: copy(7, false) }),
        copied(Copied::Lock { lock: name("free"), touched: time(9), owner: None, lease: None }),
        copied(Copied::Fates { chunk: 0, bits: vec![0b0010_0100; 4_096].into() }),
        copied(Copied::Late { fates: vec![(lease(3), 1), (lease(4), 2)] }),
    ]);
    all
}
