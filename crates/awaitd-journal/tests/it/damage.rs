//! Bytes that were durable once and are not as they were: reported, with file and offset, never
//! silently wrong.

use std::collections::BTreeMap;
use std::time::Duration;

use awaitd_journal::frame::{HEAD, Head};
use awaitd_journal::read::OpenError;
use awaitd_journal::recover::{self, Recovered};
use awaitd_journal::segment;
use awaitd_primitives::*;

use crate::one_of;
use crate::play::{KEY, Play, name, options, payload};
use crate::script;
use crate::twin::{Twin, World};

type Files = BTreeMap<String, Vec<u8>>;

/// The files of a sealed journal in which much has happened, and what it holds.
fn journal() -> (Files, State) {
    let played = script::play(World::default(), 100);
    assert!(played.stopped.is_none() && played.trimmed > 0);
    let mut play = Play::open(&played.twin).expect("it opens");
    play.log.seal().expect("it seals");
    let files = played.twin.world().files();
    let found = open(&files).expect("it opens");
    assert!(found.sealed);
    (files, found.state)
}

fn open(files: &Files) -> Result<Recovered<Twin>, OpenError> {
    recover::open(&Twin::new(World::of(files.clone())), &options(), |_| ())
}

/// It is refused, and these words are in the reason.
fn refused(files: &Files, words: &[&str]) {
    let reason = open(files).err().expect("it is refused").to_string();
    assert!(words.iter().all(|word| reason.contains(word)), "{reason}");
}

/// The numbers of segments in which something was written, without the first and the last.
fn segments(files: &Files) -> Vec<u64> {
    let numbers = files.keys().filter_map(|name| segment::number(name));
    numbers
        .filter(|number| files[&segment::name(*number)][HEAD..].iter().any(|it| *it != 0))
        .collect()
}

/// Each bit of a journal of more than 64 KiB matters, or lies where nothing is.
#[test]
fn a_flipped_bit_is_found_or_means_nothing() {
    let (twin, seal) = large();
    let files = twin.world().files();
    let [name] = files.keys().collect::<Vec<_>>()[..] else { panic!("one segment") };
    assert_eq!(files[name].len(), 64 * 1024);
    let whole = open(&files).expect("it opens");
    assert!(whole.sealed && whole.cut.is_none());
    std::thread::scope(|scope| {
        for half in 0..2 {
            let (mut files, whole, name) = (files.clone(), &whole.state, name.clone());
            let run = move || {
                for bit in (half..64 * 1024 * 8).step_by(2 * one_of()) {
                    files.get_mut(&name).expect("it is there")[bit / 8] ^= 1 << (bit % 8);
                    check_flip(&files, whole, bit / 8, seal);
                    files.get_mut(&name).expect("it is there")[bit / 8] ^= 1 << (bit % 8);
                }
            };
            scope.spawn(run);
        }
    });
}

fn check_flip(files: &Files, whole: &State, at: usize, seal: usize) {
    let twin = Twin::new(World::of(files.clone()));
    match recover::scan(&twin, |_| (), |_, _| ()) {
        Ok(found) => {
            assert!(at >= seal, "a flip at byte {at} was not found");
            // In the seal it is as if the journal had not been closed; behind it there is nothing.
            assert!(found.torn.is_some() && found.sealed == (at >= seal + 16), "byte {at}");
            assert!(found.state == *whole, "byte {at}");
        }
        Err(error) => {
            let reason = error.to_string();
            assert!(at < seal, "{reason}");
            assert!(reason.contains("journal-00000000000000000001.segment"), "{reason}");
            assert!(reason.contains("at byte") || reason.contains("version"), "{reason}");
        }
    }
}

/// A sealed journal of one segment of 64 KiB, nearly full, and where its seal is.
fn large() -> (Twin, usize) {
    let twin = Twin::default();
    let options = recover::Options { segment_bytes: 64 * 1024, ..options() };
    let mut log = recover::open(&twin, &options, |_| ()).map_err(|it| it.to_string()).unwrap().log;
    let mut random = fastrand::Rng::with_seed(64);
    for job in 1..60 {
        let bytes: Vec<u8> = (0..random.usize(900..1_200)).map(|_| random.u8(..)).collect();
        log.append(&entries(job, &bytes), false).expect("it is written");
    }
    log.seal().expect("it is written");
    let (used, segments) = (log.active().used, log.segments().count());
    assert!(segments == 1 && used > 60_000, "{used} bytes in {segments} segments");
    (twin, usize::try_from(used).expect("it is small") - 16)
}

/// What a put and a get would append.
fn entries(job: u64, bytes: &[u8]) -> Vec<Entry> {
    let at = Time::from_micros(job * 1_000);
    let (queue, job) = (name("q"), JobId(job));
    let placed =
        Record::Placed { queue: queue.clone(), job, ready_at: at, payload: payload(bytes) };
    let held = Held::Job { queue, job };
    let (length, until) = (Duration::from_mins(1), Some(at + Duration::from_mins(1)));
    let lease = crate::play::lease(job.0);
    let leased =
        Record::Leased { lease, held, length, until, waited: Duration::ZERO, ready_at: at };
    vec![Entry { at, records: vec![placed] }, Entry { at, records: vec![leased] }]
}

/// Cut at any byte, a journal holds the appends that are whole, and goes on behind them.
#[test]
fn a_journal_may_end_anywhere_in_its_last_frames() {
    let twin = Twin::default();
    let mut log =
        recover::open(&twin, &options(), |_| ()).map_err(|it| it.to_string()).unwrap().log;
    let mut ends = Vec::new();
    for job in 1..8 {
        log.append(&entries(job, b"some bytes")[..1], false).expect("it is written");
        ends.push(usize::try_from(log.active().used).expect("it is small"));
    }
    let (mut files, of) = (twin.world().files(), segment::name(1));
    let whole = files[&of].clone();
    for end in (ends[3]..=ends[6]).rev() {
        for shorter in [false, true] {
            let bytes = files.get_mut(&of).expect("it is there");
            (*bytes).clone_from(&whole);
            bytes[end..].fill(0);
            if shorter {
                bytes.truncate(end);
            }
            // The last bytes of a frame may be zeros.
            let is_whole = |it: &&usize| bytes.get(..**it) == whole.get(..**it);
            let good: Vec<usize> = ends.iter().filter(is_whole).copied().collect();
            let torn = bytes[good[good.len() - 1]..].iter().any(|byte| *byte != 0);
            let appends = good.len() as u64;
            let twin = Twin::new(World::of(files.clone()));
            let mut found = recover::open(&twin, &options(), |_| ()).expect("it opens");
            assert_eq!(found.state.counts().jobs, appends, "cut at byte {end}");
            assert_eq!(found.cut.is_some(), torn, "cut at byte {end}");
            found.log.append(&entries(99, b"more")[..1], false).expect("it is written");
            let again = open(&twin.world().files()).expect("it opens");
            assert_eq!(again.state.counts().jobs, appends + 1, "cut at byte {end}");
            assert!(again.cut.is_none());
        }
    }
}

/// What was begun behind a seal and did not become whole goes like any other, or it could come to light
/// behind what is written next.
#[test]
fn what_was_begun_behind_a_seal_is_zeroed() {
    let twin = Twin::default();
    let mut log =
        recover::open(&twin, &options(), |_| ()).map_err(|it| it.to_string()).unwrap().log;
    log.append(&entries(1, b"some bytes")[..1], false).expect("it is written");
    log.seal().expect("it is written");
    let used = usize::try_from(log.active().used).expect("it is small");
    let (whole, of) = (twin.world().files(), segment::name(1));
    for length in [1, 10, 20, 1_000, 4_000] {
        let mut files = whole.clone();
        files.get_mut(&of).expect("it is there")[used..used + length].fill(7);
        let twin = Twin::new(World::of(files));
        let found = recover::open(&twin, &options(), |_| ()).expect("it opens");
        let cut = found.cut.expect("it is there");
        assert_eq!((cut.offset, cut.bytes), (used as u64, length as u64));
        assert!(found.sealed && twin.world().files() == whole, "{length} bytes");
    }
}

/// Every segment but those before the newest checkpoint must be there.
#[test]
fn a_segment_is_missing() {
    let (files, _) = journal();
    let numbers = segments(&files);
    assert!(numbers.len() > 2 && numbers[0] > 1, "{numbers:?}");
    for number in &numbers[..numbers.len() - 1] {
        let mut files = files.clone();
        files.remove(&segment::name(*number));
        refused(&files, &[&segment::name(*number), "missing"]);
    }
}

/// What a crash leaves of segments that nobody needs is no gap: their removals need not reach the disk
/// in their order.
#[test]
fn a_gap_before_the_checkpoint_is_none() {
    let (files, state) = journal();
    let first = segments(&files)[0];
    assert!(first > 3);
    let mut more = files.clone();
    for old in [first - 3, first - 2] {
        let bytes = files[&segment::name(first)].clone();
        more.insert(segment::name(old), with_head(bytes, Head { number: old, key: KEY }));
    }
    let twin = Twin::new(World::of(more));
    let found = recover::open(&twin, &options(), |_| ()).expect("it opens");
    assert!(found.state == state);
    assert!(twin.world().files().keys().eq(files.keys()), "they are removed");
}

fn with_head(mut bytes: Vec<u8>, head: Head) -> Vec<u8> {
    bytes[..HEAD].copy_from_slice(&head.encode());
    bytes
}

/// A segment is what it says it is, in a version that is known here, and of this journal.
#[test]
fn a_head_is_wrong() {
    let (files, _) = journal();
    let numbers = segments(&files);
    let number = numbers[1];
    let of = segment::name(number);
    let change = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut files = files.clone();
        change(files.get_mut(&of).expect("it is there"));
        files
    };
    let head = |head: Head| change(&|bytes| bytes[..HEAD].copy_from_slice(&head.encode()));
    let foreign = head(Head { number, key: [1; 32] });
    refused(&foreign, &[&of, "byte 0", "another journal"]);
    let other = head(Head { number: number + 7, key: KEY });
    refused(&other, &[&of, "byte 0", "another segment"]);
    refused(&change(&|bytes| bytes[8] = 2), &[&of, "version 2", "knows version 1"]);
    refused(&change(&|bytes| bytes[30] ^= 1), &[&of, "byte 0", "not the head"]);
    refused(&change(&Vec::clear), &[&of, "byte 0", "not the head"]);
}

/// What was durable and has become zeros is missed, wherever it was: in the middle of a segment, at
/// its end, or all of it.
#[test]
fn a_segment_has_become_zeros() {
    let (files, _) = journal();
    let numbers = segments(&files);
    for number in &numbers[..numbers.len() - 1] {
        for from in [HEAD, HEAD + 700, 7_000] {
            let mut files = files.clone();
            let bytes = files.get_mut(&segment::name(*number)).expect("it is there");
            if bytes[from..].iter().all(|byte| *byte == 0) {
                continue;
            }
            bytes[from..].fill(0);
            refused(&files, &["damaged at byte", "journal-"]);
        }
    }
}

/// The first segment of all is not empty if others follow.
#[test]
fn the_first_segment_has_become_zeros() {
    let files = (1..).map(|turns| script::play(World::default(), turns).twin.world().files());
    let mut files = files.into_iter().find(|files| segments(files).len() > 1).expect("one has");
    files.get_mut(&segment::name(1)).expect("it is there")[HEAD..].fill(0);
    refused(&files, &[&segment::name(1), "damaged at byte 64"]);
}

/// An append that is larger than a segment makes the one it comes to larger, be it the first one of
/// all.
#[test]
fn an_append_is_larger_than_a_segment() {
    let twin = Twin::default();
    let found = recover::open(&twin, &options(), |_| ()).map_err(|it| it.to_string());
    let mut log = found.expect("it opens").log;
    for job in 1..4 {
        log.append(&entries(job, &[b'x'; 10_000])[..1], false).expect("it is written");
        let found = open(&twin.world().files()).expect("it opens");
        assert_eq!((found.state.counts().jobs, found.cut), (job, None));
        assert_eq!(found.log.segments().count() as u64, job);
    }
}
