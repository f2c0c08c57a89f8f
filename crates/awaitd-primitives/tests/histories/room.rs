//! A disk that fills up: what is refused, and that it is over when there is room again.

use std::time::Duration;

use awaitd_primitives::*;

use crate::limits::{Bounded, acquire, get, holders_of_l, lease_of_l, name, put, wait_for_c};

/// Told at once: that there is no room.
const FULL: Option<Result<Answer, Refusal>> = Some(Err(Refusal::DiskFull));

fn configure(queue: &str, maxsize: u64) -> Command {
    let config = QueueConfig { maxsize, ..QueueConfig::default() };
    Command::Configure { configuration: Configuration::Queue(name(queue), config), only_new: false }
}

fn set(event: &str) -> Command {
    let value = Payload { body: [].into(), content_type: None };
    Command::SetEvent { event: name(event), value, only_unset: false }
}

fn wait(event: &str) -> Command {
    Command::WaitEvent { event: name(event), after: None }
}

fn join(queue: &str, after: Option<u64>) -> Command {
    Command::Join { queue: name(queue), after }
}

fn lease(number: u64, thing: &Thing) -> LeaseRef {
    let id = LeaseId(std::num::NonZeroU64::new(number).expect("a number of a lease"));
    LeaseRef { id, thing: Some(thing.clone()) }
}

fn permits(semaphore: &str) -> Command {
    let config = SemaphoreConfig { permits: 1, bounded: false };
    let configuration = Configuration::Semaphore(name(semaphore), config);
    Command::Configure { configuration, only_new: false }
}

fn parties(barrier: &str) -> Command {
    Command::Configure { configuration: Configuration::Barrier(name(barrier), 1), only_new: false }
}

fn release() -> Command {
    Command::Release { semaphore: name("s"), permits: 1 }
}

fn meet() -> Command {
    Command::WaitBarrier { barrier: name("b") }
}

fn notify(held: u64) -> Command {
    let held = lease_of_l(held);
    Command::Notify { lock: name("l"), condition: name("c"), held, most: None }
}

/// Two jobs in `q`, two under the leases 1 and 2; the lock `l` by lease 3; the event `e`; the semaphore
/// `s`, of which nobody has any permit, and the barrier `b`, at which one alone meets.
fn busy() -> Bounded {
    let mut bounded = Bounded::new(Limits::default());
    let commands =
        [configure("s", 1), configure("q", 4), put("q", 1), put("q", 1), put("q", 1), put("q", 1)];
    let more = [get("q"), get("q"), acquire("l"), set("e"), permits("s"), parties("b")];
    for command in commands.into_iter().chain(more) {
        assert!(matches!(bounded.ask(command, None), Some(Ok(_))));
    }
    bounded
}

/// What is done however little room there is: it gives room back, keeps or ends a lease, or looks.
fn always() -> Vec<Command> {
    let (queue, lock) = (Thing::Queue(name("q")), Thing::Lock(name("l")));
    let (one, two, three) = (lease(1, &queue), lease(2, &queue), lease(3, &lock));
    vec![
        Command::Read { thing: Thing::Queue(name("q")) },
        Command::List { kind: Kind::Queue, prefix: String::new(), cursor: None, limit: 10 },
        Command::Read { thing: Thing::Lock(name("l")) },
        wait("e"),
        notify(3),
        Command::ReadCondition { lock: name("l"), condition: name("c") },
        Command::AbortBarrier { barrier: name("b") },
        Command::ResetBarrier { barrier: name("b") },
        Command::Delete { thing: Thing::Barrier(name("b")), force: false },
        Command::Extend { lease: one.clone(), length: Some(Duration::from_mins(10)) },
        Command::Done { lease: one },
        Command::Nack {
            lease: two,
            delay: None,
            defer: false,
            dead: false,
            error: Some("oh".into()),
        },
        Command::Done { lease: three },
        Command::Break { lock: name("l") },
        Command::Delete { thing: Thing::Lock(name("l")), force: false },
        Command::ClearEvent { event: name("e") },
        Command::CancelJob { queue: name("q"), job: JobId(4), force: true },
        Command::Shutdown { queue: name("q"), immediate: true },
        join("s", None),
        Command::Delete { thing: Thing::Queue(name("q")), force: false },
    ]
}

#[test]
fn when_room_is_low_nothing_new_is_taken_in() {
    let mut bounded = busy();
    bounded.engine.set_room(Room::Low);
    let taking =
        [configure("q", 9), configure("r", 9), put("q", 1), put("r", 1), set("e"), set("f")];
    let taking = taking.into_iter().chain([permits("s"), parties("b"), release()]);
    // What is waited for would have to be made.
    for command in taking.chain([get("r"), join("r", Some(0)), wait("f")]) {
        assert_eq!(bounded.ask(command.clone(), None), FULL, "{command:?}");
    }
    // What is there is worked off.
    for command in [get("q"), acquire("m"), get("q"), meet()].into_iter().chain(always()) {
        assert!(matches!(bounded.ask(command.clone(), None), Some(Ok(_))), "{command:?}");
    }
}

#[test]
fn when_room_is_critical_nothing_is_handed_out() {
    let mut bounded = busy();
    bounded.engine.set_room(Room::Critical);
    let taking = [get("q"), get("r"), acquire("m"), put("q", 1), set("e"), configure("q", 1)];
    for command in taking.into_iter().chain([meet(), release(), wait_for_c(3)]) {
        assert_eq!(bounded.ask(command.clone(), None), FULL, "{command:?}");
    }
    for command in always() {
        assert!(matches!(bounded.ask(command.clone(), None), Some(Ok(_))), "{command:?}");
    }
}

/// Who has let his lock go for a condition has it again, however little room there is; nobody else lets
/// his go then.
#[test]
fn when_room_is_critical_no_lock_is_lost_for_a_condition() {
    let mut bounded = busy();
    assert_eq!(bounded.ask(wait_for_c(3), None), None);
    assert!(matches!(bounded.ask(acquire("l"), None), Some(Ok(_))));
    bounded.engine.set_room(Room::Critical);
    assert_eq!(bounded.ask(notify(4), None), Some(Ok(Answer::Notified { woken: 1 })));
    let told = bounded.told_by(Command::Done { lease: lease_of_l(4) });
    assert!(matches!(told[..], [Ok(Answer::Settled), Ok(Answer::Woken { notified: true, .. })]));
    assert_eq!(bounded.ask(wait_for_c(5), None), FULL);
    assert_eq!(holders_of_l(&mut bounded), [5]);
}

/// Nothing of what was done is taken back, nor asked for again.
#[test]
fn a_repeat_is_told_what_was_done_while_there_was_room() {
    let mut bounded = busy();
    let placed = bounded.ask(put("q", 1), Some("a"));
    let got = bounded.ask(get("q"), Some("b"));
    assert!(matches!((&placed, &got), (Some(Ok(Answer::Placed { .. })), Some(Ok(Answer::Got(_))))));
    bounded.engine.set_room(Room::Critical);
    assert_eq!(bounded.ask(put("q", 1), Some("a")), placed);
    assert_eq!(bounded.ask(get("q"), Some("b")), got);
    assert_eq!(bounded.ask(put("q", 1), Some("c")), FULL);
    bounded.engine.set_room(Room::Enough);
    assert!(matches!(bounded.ask(put("q", 1), Some("c")), Some(Ok(Answer::Placed { .. }))));
}

/// Who waits is told when his turn comes, and goes on waiting if it comes when there is room again.
#[test]
fn who_waits_is_refused_when_his_turn_comes() {
    let mut bounded = busy();
    assert!(matches!(bounded.ask(configure("q", 2), None), Some(Ok(_))));
    let (first, second) = (bounded.ask(put("q", 1), None), bounded.ask(put("q", 1), None));
    assert_eq!((first, second), (None, None));
    bounded.engine.set_room(Room::Low);
    let told = bounded.told_by(get("q"));
    assert!(matches!(
        told[..],
        [Ok(Answer::Got(_)), Err(Refusal::DiskFull), Err(Refusal::DiskFull)]
    ));
    bounded.engine.set_room(Room::Enough);
    assert!(matches!(bounded.ask(put("q", 1), None), Some(Ok(_))));
    assert_eq!(bounded.ask(put("q", 1), None), None);
    bounded.engine.set_room(Room::Low);
    bounded.engine.set_room(Room::Enough);
    let told = bounded.told_by(get("q"));
    assert!(matches!(told[..], [Ok(Answer::Got(_)), Ok(Answer::Placed { .. })]));
}

#[test]
fn who_waits_for_a_job_or_a_lock_is_refused_when_nothing_is_handed_out() {
    let mut bounded = busy();
    assert_eq!(bounded.ask(acquire("l"), None), None);
    assert_eq!(bounded.ask(get("r"), None), None);
    bounded.engine.set_room(Room::Critical);
    let done = Command::Done { lease: lease(3, &Thing::Lock(name("l"))) };
    let told = bounded.told_by(done);
    assert!(matches!(told[..], [Ok(Answer::Settled), Err(Refusal::DiskFull)]));
    bounded.engine.set_room(Room::Enough);
    assert!(matches!(bounded.ask(acquire("l"), None), Some(Ok(Answer::Acquired(_)))));
    let told = bounded.told_by(put("r", 1));
    assert!(matches!(told[..], [Ok(Answer::Placed { .. }), Ok(Answer::Got(_))]));
}
