//! Power goes after any call, and any call may fail.

use awaitd_primitives::Entry;

use crate::oracle::Oracle;
use crate::play::Play;
use crate::script::{self, Played};
use crate::twin::{Crash, Fault, World};
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
        for crash in [Crash::Killed, Crash::Dropped].into_iter().chain(torn) {
            images += 1;
            if let Err(wrong) = verify(&world.after(crash), &oracle) {
                panic!("{crash:?} after {call} calls, the next {:?}: {wrong}", trace.get(call));
            }
        }
        if let Some(change) = trace.get(call) {
            world.change(change).expect("it was done before");
        }
    }
    assert!(images >= 20_000, "{images} images");
}

/// Whatever call fails, and however: the journal stays failed, nothing is tried again, and the next
/// start finds all that was told, whether the machine lives on or not.
#[test]
fn each_call_may_fail_in_each_way() {
    let calls = script::play(World::default(), TURNS).twin.world().calls;
    assert!(calls > 400, "{calls} calls");
    for call in 1..=calls {
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

/// After an append failed, nothing more reaches the disk. If it was a reading that failed, the log is
/// as good as before.
fn stays_failed(mut play: Play) {
    let entry =
        || Entry { at: play.now, records: vec![awaitd_primitives::Record::Tied { wall: 1 }] };
    let before = play.twin.world().files();
    let calls = play.twin.world().calls;
    if play.log.append(&[entry()], false).is_err() {
        assert_eq!(play.twin.world().calls, calls, "it was tried again");
        assert!(play.log.seal().is_err());
        assert_eq!(play.twin.world().files(), before);
    }
}
