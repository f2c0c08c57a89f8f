//! Random histories, on the core and on a naive model side by side: `model.rs` says who waits and what
//! time does, `things.rs` what is done, of that `queues.rs`, `courses.rs`, `permits.rs`, `conditions.rs` and
//! `barriers.rs` what their names say, `views.rs` what is seen; `script.rs` makes histories up, of what `asks.rs` asks, `run.rs` plays
//! them to their end (`ends.rs`), `checks.rs` and `shares.rs` count the records.
//!
//! Half of them crash, and most clean their journal (`chores.rs`, `journal.rs`). The model follows up to
//! the first crash; what clients were told holds for ever (`oracle.rs`), and no reply leaves before it
//! is durable (`early.rs`). `limits.rs` and `room.rs` have what random histories never reach.

#[path = "histories/asks.rs"]
mod asks;
#[path = "histories/barriers.rs"]
mod barriers;
#[path = "histories/calls.rs"]
mod calls;
#[path = "histories/checks.rs"]
mod checks;
#[path = "histories/chores.rs"]
mod chores;
#[path = "histories/commands.rs"]
mod commands;
#[path = "histories/conditions.rs"]
mod conditions;
#[path = "histories/courses.rs"]
mod courses;
#[path = "histories/deliveries.rs"]
mod deliveries;
#[path = "histories/early.rs"]
mod early;
#[path = "histories/ends.rs"]
mod ends;
#[path = "histories/jobs.rs"]
mod jobs;
#[path = "histories/journal.rs"]
mod journal;
#[path = "histories/leases.rs"]
mod leases;
#[path = "histories/limits.rs"]
mod limits;
#[path = "histories/model.rs"]
mod model;
#[path = "histories/oracle.rs"]
mod oracle;
#[path = "histories/permits.rs"]
mod permits;
#[path = "histories/queues.rs"]
mod queues;
#[path = "histories/repeats.rs"]
mod repeats;
#[path = "histories/room.rs"]
mod room;
#[path = "histories/run.rs"]
mod run;
#[path = "histories/script.rs"]
mod script;
#[path = "histories/shares.rs"]
mod shares;
#[path = "histories/takes.rs"]
mod takes;
#[path = "histories/things.rs"]
mod things;
#[path = "histories/views.rs"]
mod views;
#[path = "histories/work_asks.rs"]
mod work_asks;

use std::num::NonZero;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::run::{Run, Tally};
use crate::script::{Script, Turn, script};

/// So many histories in CI.
const ALL: u64 = 10_000;

/// Each way in which a command can end has to be seen so often in all of them.
const OFTEN: u64 = 75;

/// In which ways each command can end.
const WAYS: &[(&str, &[&str])] = &[
    ("configure queue", &["ok", "exists", "conflict", MISMATCH, "withdrawn", ROOM]),
    ("configure semaphore", &["ok", "exists", MISMATCH, "withdrawn", ROOM]),
    ("configure barrier", &["ok", "exists", MISMATCH, "withdrawn", ROOM]),
    ("read queue", &["ok", "not_found"]),
    ("read event", &["ok", "not_found"]),
    ("read lock", &["ok", "not_found"]),
    ("read condition", &["ok", "not_found"]),
    ("read semaphore", &["ok", "not_found"]),
    ("read barrier", &["ok", "not_found"]),
    ("list", &["ok"]),
    ("delete queue", &["ok", "not_found", MISMATCH, "withdrawn"]),
    ("put", &["ok", "queue_full", SHUT, "deleted", MISMATCH, "superseded", "withdrawn", GOING]),
    ("put", &["present", "conflict", "too_large", ROOM]),
    ("get", &["ok", "empty", SHUT, "deleted", MISMATCH, "superseded", "withdrawn", GOING]),
    ("get", &["lease_lost", "not_found", ROOM]),
    ("get any", &[MISMATCH, "lease_lost", "superseded", "withdrawn"]),
    ("get any", &["ok", "empty", "deleted", GOING, ROOM]),
    ("result", &["ok", "not_done", "failed", "not_found", "deleted", GOING]),
    ("read job", &["ok", "not_found"]),
    ("list jobs", &["ok", "not_found"]),
    ("pause", &["ok", "not_found", MISMATCH, "withdrawn"]),
    ("purge", &["ok", "leased", "not_found", MISMATCH, "withdrawn"]),
    ("redrive", &["ok", "leased", "not_found", "queue_full", SHUT, MISMATCH, "withdrawn", ROOM]),
    ("redrive", &["too_large"]),
    ("finish", &["ok", "lease_lost", "deleted", "not_found", MISMATCH, "withdrawn"]),
    ("progress", &["ok", "lease_lost", "not_found", MISMATCH, "withdrawn", ROOM]),
    ("join", &["ok", "not_drained", "deleted", GOING]),
    ("cancel", &["ok", "leased", "not_found", MISMATCH, "withdrawn"]),
    ("shutdown", &["ok", "not_found", MISMATCH, "withdrawn"]),
    ("set", &["ok", "already_set", MISMATCH, "withdrawn", ROOM]),
    ("clear", &["ok", MISMATCH, "withdrawn"]),
    ("wait", &["ok", "not_set", GOING]),
    ("acquire", &["ok", "locked", "deleted", MISMATCH, "superseded", "withdrawn", GOING]),
    ("acquire", &["lease_lost", "not_found", "over_bound", ROOM]),
    ("break", &["ok", "not_found", MISMATCH, "withdrawn"]),
    ("delete lock", &["ok", "held", "not_found", MISMATCH, "withdrawn"]),
    ("release", &["ok", "not_found", "over_bound", MISMATCH, "withdrawn", ROOM]),
    ("delete semaphore", &["ok", "held", "not_found", MISMATCH, "withdrawn"]),
    ("wait at a barrier", &["ok", "not_tripped", "broken", "not_found", "deleted", MISMATCH]),
    ("wait at a barrier", &["superseded", "withdrawn", GOING, ROOM]),
    ("reset", &["ok", "not_found", MISMATCH, "withdrawn"]),
    ("abort", &["ok", "not_found", MISMATCH, "withdrawn"]),
    ("delete barrier", &["ok", "not_found", MISMATCH, "withdrawn"]),
    ("wait for a condition", &["notified", "ok", "locked", "not_exclusive", "lease_lost"]),
    ("wait for a condition", &["not_found", "deleted", MISMATCH, "superseded", "withdrawn"]),
    ("wait for a condition", &[GOING, ROOM]),
    ("notify", &["ok", "not_exclusive", "lease_lost", "not_found", MISMATCH, "withdrawn"]),
    ("done", &["ok", "lease_lost", "deleted", "not_found", MISMATCH, "withdrawn"]),
    ("nack", &["ok", "lease_lost", "deleted", "not_found", MISMATCH, "withdrawn"]),
    ("extend", &["ok", "lease_lost", "deleted", "not_found"]),
    ("watch", &["ok", "lease_lost", "deleted", "not_found", GOING]),
    ("withdraw", &["ok", "not_found", MISMATCH]),
];
/// In which ways some can end, but seldom do.
const SELDOM: &[(&str, &[&str])] = &[
    ("join", &[ROOM]),
    ("wait", &[ROOM]),
    ("wait for a condition", &["deleted"]),
    ("notify", &["deleted"]),
    ("progress", &["deleted"]),
    ("get any", &[SHUT]),
];
const MISMATCH: &str = "idempotency_mismatch";
const SHUT: &str = "queue_shut_down";
const GOING: &str = "shutting_down";
const ROOM: &str = "disk_full";

fn number(name: &str) -> Option<u64> {
    Some(std::env::var(name).ok()?.parse().expect("a number"))
}

/// Plays a script; what went wrong, if anything.
fn play(run: &mut Run, script: &Script) -> Result<(), String> {
    catch_unwind(AssertUnwindSafe(|| run.play(script))).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(format!("panicked: {}", text.unwrap_or_default()))
    })
}

/// The script with whatever can be left out left out, so that it still goes wrong.
fn shrink(mut script: Script) -> Script {
    let mut turns = std::mem::take(&mut script.turns);
    let fails = |turns: &[Turn]| {
        let script = Script { turns: turns.to_vec(), ..script.clone() };
        play(&mut Run::new(&script), &script).is_err()
    };
    let mut chunk = turns.len();
    while chunk > 0 {
        let mut at = 0;
        while at < turns.len() {
            let mut fewer = turns.clone();
            fewer.drain(at..(at + chunk).min(turns.len()));
            if fails(&fewer) { turns = fewer } else { at += chunk }
        }
        chunk /= 2;
    }
    for turn in 0..turns.len() {
        let mut act = 0;
        while act < turns[turn].acts.len() {
            let mut fewer = turns.clone();
            fewer[turn].acts.remove(act);
            if fails(&fewer) { turns = fewer } else { act += 1 }
        }
    }
    Script { turns, ..script }
}

fn add(sum: &mut Tally, tally: Tally) {
    for (what, count) in tally {
        *sum.entry(what).or_default() += count;
    }
}

/// What a worker has found: how often each command succeeded or was refused, and the broken seeds.
type Found = (Tally, Vec<u64>);

/// Plays the histories of every seed, each worker those that fall to it; all end soon after the first that
/// breaks if that is `enough`.
fn play_all(seeds: &Range<u64>, enough: bool) -> Found {
    let over = AtomicBool::new(false);
    let workers = std::thread::available_parallelism().map_or(1, NonZero::get);
    let work = &|worker: usize| {
        let (mut tally, mut broken) = Found::default();
        for seed in seeds.clone().skip(worker).step_by(workers) {
            if over.load(Ordering::Relaxed) {
                break;
            }
            let script = script(seed);
            let mut run = Run::new(&script);
            if play(&mut run, &script).is_err() {
                broken.push(seed);
                over.fetch_or(enough, Ordering::Relaxed);
            }
            run.tally
                .into_iter()
                .for_each(|(what, count)| *tally.entry(what).or_default() += count);
        }
        (tally, broken)
    };
    std::thread::scope(|scope| {
        let all: Vec<_> = (0..workers).map(|worker| scope.spawn(move || work(worker))).collect();
        let mut found = Found::default();
        for worker in all {
            let (tally, broken) = worker.join().expect("a worker catches what panics");
            add(&mut found.0, tally);
            found.1.extend(broken);
        }
        found.1.sort_unstable();
        found
    })
}

/// Random histories, on the core and on the naive model: the same answers to the same people, the same
/// views, at every step. `AWAITD_HISTORIES` says how many, `AWAITD_SEED` plays one of them; with
/// `AWAITD_FIRST_BROKEN` the number of the first that breaks is all that is told.
#[test]
fn histories() {
    let all = number("AWAITD_HISTORIES").unwrap_or(ALL);
    let seeds = number("AWAITD_SEED").map_or(0..all, |seed| seed..seed + 1);
    // What panics in a history is caught and told once, when it is short; other tests speak as ever.
    let speak = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        if std::thread::current().name().is_some_and(|name| name != "histories") {
            speak(panic);
        }
    }));
    let first = std::env::var_os("AWAITD_FIRST_BROKEN").is_some();
    let (tally, broken) = play_all(&seeds, first);
    if let Some(seed) = broken.first().filter(|_| first) {
        let _ = std::panic::take_hook();
        panic!("history {seed} broke");
    }
    let shrunk = broken.first().map(|seed| {
        let script = shrink(script(*seed));
        let mut run = Run::new(&script);
        let why = play(&mut run, &script).expect_err("it broke before");
        format!("seed {seed}, as short as it gets:\n{}\n{why}", run.story())
    });
    let _ = std::panic::take_hook();
    assert!(
        broken.is_empty(),
        "{} of {} histories broke; {}",
        broken.len(),
        seeds.end - seeds.start,
        shrunk.unwrap_or_default()
    );
    if seeds.end - seeds.start >= ALL {
        check_tally(&tally);
    }
}

/// Every command succeeded and was refused in every way in which it can be, often enough.
fn check_tally(tally: &Tally) {
    let rare: Vec<_> = WAYS
        .iter()
        .flat_map(|(op, codes)| codes.iter().map(move |code| (*op, *code)))
        .filter(|what| tally.get(what).copied().unwrap_or(0) < OFTEN)
        .map(|what| (what, tally.get(&what).copied().unwrap_or(0)))
        .collect();
    let unexpected: Vec<_> = tally
        .iter()
        .filter(|((op, code), _)| {
            let known = |ways: &[(&str, &[&str])]| {
                ways.iter().any(|(known, codes)| known == op && codes.contains(code))
            };
            !known(WAYS) && !known(SELDOM)
        })
        .collect();
    assert!(rare.is_empty() && unexpected.is_empty(), "rare: {rare:?}\nunexpected: {unexpected:?}");
}
