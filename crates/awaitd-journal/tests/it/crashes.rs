//! Power goes after any call, and any call may fail.

use awaitd_journal::recover;
use awaitd_primitives::{Entry, JobId, Record, Time};

use crate::one_of;
use crate::oracle::Oracle;
use crate::play::{Play, name, options, payload};
use crate::script::{self, Played};
use crate::twin::{Change, Crash, Fault, Twin, World};
use crate::verify::verify;

/// Two hundred requests, about two a turn.
const TURNS: usize = 100;

/// Images of the disk after each call: 60 of each, 20,000 altogether.
const TORN: u64 = 29;

/// Nothing that was told is lost and nothing finished comes back, wherever the power goes: with all
/// that was not synced lost, or any part of it.
#[test]
fn a_crash_after_each_call_loses_nothing_that_was_told() {
    let Played { twin, facts, stopped, trimmed, fetched, .. } =
        script::play(World::traced(), TURNS);
    assert!(stopped.is_none(), "{}", stopped.expect("it is there").1.0);
    assert!(trimmed > 5 && fetched > 5, "{trimmed} segments went, {fetched} bodies were read");
    let trace = twin.world().trace.take().expect("it was kept");
    let (mut world, mut oracle, mut facts) = (World::default(), Oracle::default(), facts.iter());
    let (mut next, mut images) = (facts.next(), 0);
    for call in 0..=trace.len() {
        while let Some((after, fact)) = next.filter(|(after, _)| *after <= call) {
            assert!(*after >= call.saturating_sub(1) || call == 0);
            oracle.follow(fact);
            next = facts.next();
        }
        let torn = (0..TORN).flat_map(|seed| {
            let seed = seed + 1_000 * call as u64;
            [512, 4_096].map(|block| Crash::Torn { block, seed })
        });
        let all = [Crash::Killed, Crash::Dropped].into_iter().chain(torn);
        for crash in all.filter(|_| call % one_of() == 0) {
            images += 1;
            if let Err(wrong) = verify(&world.after(crash), &oracle) {
                panic!("{crash:?} after {call} calls, the next {:?}: {wrong}", trace.get(call));
            }
        }
        if let Some(change) = trace.get(call) {
            world.change(change).expect("it was done before");
        }
    }
    assert!(images >= 20_000 / one_of(), "{images} images");
}

/// Whatever call fails, and however: the journal stays failed, nothing is tried again, and the next
/// start finds all that was told, whether the machine lives on or not.
#[test]
fn each_call_may_fail_in_each_way() {
    let calls = script::play(World::default(), TURNS).twin.world().calls;
    assert!(calls > 400, "{calls} calls");
    for call in (1..=calls).step_by(one_of()) {
        for fault in [Fault::Io, Fault::Full, Fault::Short] {
            let Played { twin, facts, stopped, .. } =
                script::play(World::failing(call, fault), TURNS);
            assert!(twin.world().failed, "call {call} did not fail");
            let mut oracle = Oracle::default();
            for (_, fact) in &facts {
                oracle.follow(fact);
            }
            if let Some((Some(play), _)) = stopped {
                stays_failed(*play);
            }
            let world = twin.world().after(Crash::Killed);
            let torn = [512, 4_096].map(|block| Crash::Torn { block, seed: call });
            for crash in [Crash::Killed, Crash::Dropped].into_iter().chain(torn) {
                if let Err(wrong) = verify(&world.after(crash), &oracle) {
                    panic!("{fault:?} in call {call}, then {crash:?}: {wrong}");
                }
            }
        }
    }
}

/// After an append failed, nothing more reaches the disk.
fn stays_failed(mut play: Play) {
    if !play.failed {
        return;
    }
    let entry = Entry { at: play.now, records: vec![Record::Tied { wall: 1, doubted: false }] };
    let files = play.twin.world().files();
    let calls = play.twin.world().calls;
    assert!(play.log.append(&[entry], false).is_err() && play.log.seal().is_err());
    assert_eq!(play.twin.world().calls, calls, "it was tried again");
    assert_eq!(play.twin.world().files(), files);
}

/// A start after a crash may fail as well, in any call, and so may the one after it: the next one finds
/// all that was told.
#[test]
fn a_start_after_a_crash_may_fail_in_each_call() {
    let Played { twin, facts, .. } = script::play(World::traced(), TURNS);
    let trace = twin.world().trace.take().expect("it was kept");
    let (mut world, mut oracle, mut facts) = (World::default(), Oracle::default(), facts.iter());
    let (mut next, mut failures) = (facts.next(), 0);
    for (call, change) in trace.iter().enumerate() {
        while let Some((_, fact)) = next.filter(|(after, _)| *after <= call) {
            oracle.follow(fact);
            next = facts.next();
        }
        let left = world.after(Crash::Torn { block: 512, seed: call as u64 });
        for first in (1..).take_while(|_| call % (7 * one_of()) == 0) {
            let Some(once) = failed_start(&left, first, Fault::Io) else { break };
            let twice = failed_start(&once, first + 1, Fault::Short).unwrap_or(once);
            for crash in [Crash::Killed, Crash::Dropped, Crash::Torn { block: 512, seed: first }] {
                failures += 1;
                if let Err(wrong) = verify(&twice.after(crash), &oracle) {
                    panic!("{crash:?} after call {first} failed, {call} calls before: {wrong}");
                }
            }
        }
        world.change(change).expect("it was done before");
    }
    assert!(failures > 2_000 / one_of(), "{failures} failures");
}

/// What is left of a start that fails in this call; `None` if it has fewer.
fn failed_start(left: &World, call: u64, fault: Fault) -> Option<World> {
    let twin = Twin::new(left.to_fail(call, fault));
    assert!(recover::open(&twin, &options(), |_| ()).is_err() || !twin.world().failed);
    let world = twin.world();
    world.failed.then(|| world.after(Crash::Killed))
}

/// Of an append that was torn, nothing comes back behind a newer one in its place, even if the start
/// that zeroed it could not sync the zeros, and they read as if they were there: be it behind a seal or not.
#[test]
fn what_was_cut_does_not_come_back() {
    let entry = |wall, length| {
        let tied = Record::Tied { wall, doubted: false };
        Entry { at: Time::ZERO, records: vec![tied, put(wall, length)] }
    };
    let open = |twin: &Twin| recover::open(twin, &options(), |_| ()).map_err(|it| it.to_string());
    for (seed, sealed) in (0..1_000).flat_map(|seed| [(seed, false), (seed, true)]) {
        let twin = Twin::default();
        let mut log = open(&twin).expect("it opens").log;
        if sealed {
            log.append(&[entry(9, 979)], false).expect("it is durable");
            log.seal().expect("it is durable");
        }
        let begin = log.active().used;
        let sync = twin.world().calls + 2;
        twin.world().plan = Some((sync, Fault::Io));
        twin.world().luck = 1_000 * seed;
        assert!(log.append(&[1, 2, 3].map(|job| entry(job, 931)), false).is_err());
        let mut left = twin.world().after(Crash::Dropped);
        left.luck = 1_000 * seed;
        let calls = calls_until_zeroed(&left);
        let left = failed_start(&left, calls, Fault::Io).expect("it fails");
        let twin = Twin::new(left);
        let mut log = open(&twin).expect("it opens").log;
        let used = log.active().used;
        let whole = used > begin + 1_000;
        log.append(&[entry(4, 931)], false).expect("it is durable");
        let end = log.active().used;
        // It ends where a sector does: what lies behind it is not written with it.
        assert!(whole || (used, end, end % 512) == (begin, begin + 960, 0), "{used} to {end}");
        let found = open(&Twin::new(twin.world().after(Crash::Dropped)));
        let jobs = found.expect("it opens").state.counts().jobs - u64::from(sealed);
        assert_eq!(jobs, if whole { 4 } else { 1 }, "seed {seed}");
    }
}

/// A seal whose sync failed reads as if it were there. A start that goes on behind it writes it once more, or
/// there would be a hole before all that it is told after that.
#[test]
fn a_seal_that_was_found_is_durable() {
    let open = |twin: &Twin| recover::open(twin, &options(), |_| ()).map_err(|it| it.to_string());
    let entry = |job, length| Entry { at: Time::ZERO, records: vec![put(job, length)] };
    let mut holes = 0;
    // Some seals end where a sector does: what comes next is not written with them.
    for length in 400..912 {
        let twin = Twin::default();
        let mut log = open(&twin).expect("it opens").log;
        log.append(&[entry(1, length)], false).expect("it is durable");
        let sync = twin.world().calls + 2;
        twin.world().plan = Some((sync, Fault::Io));
        assert!(log.seal().is_err());
        holes += usize::from(!sealed(&twin.world().after(Crash::Dropped)));
        let twin = Twin::new(twin.world().after(Crash::Killed));
        let found = open(&twin).expect("it opens");
        assert!(found.sealed, "it reads as if it were there");
        let mut log = found.log;
        log.append(&[entry(2, 10)], false).expect("it is durable");
        let found = open(&Twin::new(twin.world().after(Crash::Dropped))).expect("it opens");
        assert_eq!(found.state.counts().jobs, 2, "behind {length} bytes");
    }
    assert!(holes > 100, "{holes} seals were lost");
}

fn sealed(world: &World) -> bool {
    let found = recover::open(&Twin::new(world.clone()), &options(), |_| ());
    found.map_err(|error| error.to_string()).expect("it opens").sealed
}

/// The call of a start that syncs the zeros.
fn calls_until_zeroed(left: &World) -> u64 {
    let calls = (1..100).find(|call| {
        let twin = Twin::new(left.to_fail(*call, Fault::Io));
        _ = recover::open(&twin, &options(), |_| ());
        let world = twin.world();
        world.trace.as_ref().is_some_and(|trace| matches!(trace[..], [Change::Write(..), ..]))
    });
    calls.expect("it zeroes")
}

fn put(job: u64, length: usize) -> Record {
    let (queue, job, ready_at) = (name("q"), JobId(job), Time::ZERO);
    Record::Placed { queue, job, ready_at, payload: payload(&vec![b'x'; length]) }
}
