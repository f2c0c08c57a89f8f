//! The journal with its threads: what fails is told, what is full waits, and the end ends everything.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::process;
use std::thread;

use awaitd_journal::disk::{Disk, DiskFile};
use awaitd_journal::{FileJournal, Journal, recover, segment};
use awaitd_primitives::*;

use crate::play::{name, options, payload};
use crate::twin::{Change, Crash, Fault, Twin, World};

const SEGMENT: usize = 8 * 1024;

fn open(twin: &Twin) -> FileJournal<Twin> {
    let opened = FileJournal::on(twin, &options(), |_| ());
    opened.map_err(|error| error.to_string()).expect("it opens").journal
}

fn jobs(world: &World) -> u64 {
    let twin = Twin::new(world.clone());
    let opened = FileJournal::on(&twin, &options(), |_| ());
    opened.map_err(|error| error.to_string()).expect("it opens").state.counts().jobs
}

fn wait<F: Future>(future: F) -> F::Output {
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("it starts");
    runtime.block_on(future)
}

fn until(mut holds: impl FnMut() -> bool) {
    while !holds() {
        thread::yield_now();
    }
}

/// The next segment is there: the second thread has nothing to do.
fn ready(journal: &FileJournal<Twin>) {
    let segments = || journal.usage().expect("it takes room").segments;
    until(|| segments() > 2);
}

fn put(job: u64, length: usize) -> Vec<Entry> {
    let at = Time::from_micros(job);
    let payload = payload(&vec![b'x'; length]);
    let (queue, job) = (name("q"), JobId(job));
    vec![Entry { at, records: vec![Record::Placed { queue, job, ready_at: at, payload }] }]
}

/// After a failed sync nobody is told of anything any more, and nothing is tried again.
#[test]
fn a_failed_sync_is_told_to_that_append_and_all_later_ones() {
    let twin = Twin::default();
    let mut journal = open(&twin);
    ready(&journal);
    wait(journal.append(put(1, 10), true)).expect("it is durable");
    let sync = twin.world().calls + 2;
    twin.world().plan = Some((sync, Fault::Io));
    let error = wait(journal.append(put(2, 10), true)).expect_err("it failed").to_string();
    assert!(error.contains("failed to append to the journal"), "{error}");
    for job in 3..6 {
        let error = wait(journal.append(put(job, 10), true)).expect_err("it failed before");
        assert!(error.to_string().contains("has failed before"), "{error}");
    }
    wait(journal.seal()).expect_err("it failed before");
    assert_eq!(twin.world().calls, sync);
    drop(journal);
    // It reads as if it were there; that it is told of then must be true.
    let killed = twin.world().after(Crash::Killed);
    assert!((1..=2).contains(&jobs(&killed)));
    assert!((1..=2).contains(&jobs(&twin.world().after(Crash::Dropped))));
    let twin = Twin::new(killed);
    let opened = FileJournal::on(&twin, &options(), |_| ());
    let opened = opened.map_err(|error| error.to_string()).expect("it opens");
    let found = opened.state.counts().jobs;
    assert_eq!(jobs(&twin.world().after(Crash::Dropped)), found, "what was found is durable");
}

/// A full disk is seen before it is needed, stops nobody who has what he needs, and passes.
#[test]
fn a_full_disk_is_seen_before_it_is_needed() {
    let twin = Twin::new(World::with_room(3 * SEGMENT));
    let mut journal = open(&twin);
    ready(&journal);
    assert_eq!(journal.room(), Room::Enough);
    wait(journal.append(put(1, SEGMENT - 500), true)).expect("it fits into the first");
    wait(journal.append(put(2, 1_000), true)).expect("it fits into the second");
    until(|| journal.room() == Room::Low);
    wait(journal.append(put(3, SEGMENT - 1_500), true)).expect("it still fits");
    assert_eq!(journal.room(), Room::Critical);
    wait(journal.append(put(4, SEGMENT - 500), true)).expect("it fits into the third");
    assert_eq!(journal.room(), Room::Exhausted);
    // What does not fit waits for room, and then goes on.
    let waits = journal.append(put(5, SEGMENT / 2), true);
    twin.world().room = Some(6 * SEGMENT);
    wait(waits).expect("it fits into the fourth");
    until(|| journal.room() == Room::Enough);
    drop(journal);
    assert_eq!(jobs(&twin.world().after(Crash::Dropped)), 5);
}

/// Whoever writes faster than segments are made hears that there is no more room before he can take what is for
/// compaction, too.
#[test]
fn nobody_is_ahead_of_the_news_that_the_disk_is_full() {
    for _ in 0..100 {
        let twin = Twin::new(World::with_room(3 * SEGMENT));
        let mut journal = open(&twin);
        ready(&journal);
        wait(journal.append(put(1, SEGMENT - 500), true)).expect("it fits into the first");
        wait(journal.append(put(2, SEGMENT / 2), true)).expect("it fits into the second");
        assert_eq!(journal.room(), Room::Low);
    }
}

/// Of what is set aside each byte counts.
#[test]
fn the_room_that_is_left_is_told_to_the_byte() {
    let size = SEGMENT as u64;
    for (left, room) in [
        (size + size / 4, Room::Low),
        (size + size / 4 - 1, Room::Critical),
        (size / 16, Room::Critical),
        (size / 16 - 1, Room::Exhausted),
    ] {
        let twin = Twin::new(World::with_room(3 * SEGMENT));
        let mut journal = open(&twin);
        ready(&journal);
        let first = wait(journal.append(put(1, SEGMENT - 500), true)).expect("it fits");
        let around = first.bytes - (size - 500);
        wait(journal.append(put(2, 1_000), true)).expect("it fits into the second");
        until(|| journal.room() == Room::Low);
        if left < size {
            wait(journal.append(put(3, SEGMENT - 1_500), true)).expect("it fits into the second");
            wait(journal.append(put(4, 1_000), true)).expect("it fits into the third");
        }
        let length = journal.usage().expect("it takes room").set_aside - around - left;
        let length = usize::try_from(length).expect("it is small");
        wait(journal.append(put(5, length), true)).expect("it fits");
        assert_eq!(journal.usage().expect("it takes room").set_aside, left);
        assert_eq!(journal.room(), room, "{left} bytes are left");
    }
}

/// Room that comes back before it was needed is seen as well.
#[test]
fn a_disk_that_is_full_no_more() {
    let twin = Twin::new(World::with_room(3 * SEGMENT));
    let mut journal = open(&twin);
    ready(&journal);
    wait(journal.append(put(1, SEGMENT - 500), true)).expect("it fits into the first");
    wait(journal.append(put(2, 1_000), true)).expect("it fits into the second");
    until(|| journal.room() == Room::Low);
    assert_eq!(journal.usage().expect("it takes room").segments, 3);
    twin.world().room = Some(6 * SEGMENT);
    until(|| journal.room() == Room::Enough);
    assert_eq!(journal.usage().expect("it takes room").segments, 4);
}

/// After a disk failed to make a segment none is made any more: behind the one that is missing there is nothing.
#[test]
fn a_segment_that_could_not_be_made_is_the_last() {
    let calls = {
        let twin = Twin::default();
        recover::open(&twin, &options(), |_| ()).map_err(|it| it.to_string()).expect("it opens");
        twin.world().calls
    };
    let twin = Twin::new(World::failing(calls + 1, Fault::Io));
    let mut journal = open(&twin);
    until(|| twin.world().failed);
    wait(journal.append(put(1, SEGMENT - 500), true)).expect("it fits into the first");
    let error = wait(journal.append(put(2, SEGMENT - 500), true)).expect_err("there is no second");
    assert!(error.to_string().contains("failed to append"), "{error}");
    // Once the threads have ended, all that they were sent is done.
    drop(journal);
    let world = twin.world();
    assert!(world.files().keys().eq([&segment::name(1)]), "{:?}", world.files());
    assert_eq!(jobs(&world.after(Crash::Dropped)), 1);
}

/// An old segment that cannot be removed is tried again before the next one goes, or there would be a gap;
/// one that has gone is no hindrance.
#[test]
fn old_segments_go_in_their_order() {
    let [first, second] = [1, 2].map(segment::name);
    for gone in [false, true] {
        let twin = Twin::default();
        let mut journal = open(&twin);
        for job in 1..=4 {
            wait(journal.append(put(job, SEGMENT - 500), true)).expect("it is durable");
        }
        until(|| journal.usage().expect("it takes room").segments == 6);
        if gone {
            twin.remove(&first).expect("it is there");
        } else {
            let next = twin.world().calls + 1;
            twin.world().plan = Some((next, Fault::Io));
        }
        twin.world().trace = Some(Vec::new());
        wait(journal.trim(3));
        until(|| !twin.world().files().contains_key(&second));
        let trace = twin.world().trace.take().expect("it was kept");
        let removed = trace.into_iter().filter_map(|change| match change {
            Change::Remove(name) => Some(name),
            _ => None,
        });
        let expected =
            if gone { vec![second.clone()] } else { vec![first.clone(), second.clone()] };
        assert_eq!(removed.collect::<Vec<_>>(), expected);
    }
}

/// Killed as it went on to the next segment, a journal may have left one more in advance than it makes: that one is
/// taken in its turn, and not made again.
#[test]
fn a_segment_that_is_there_is_not_made_again() {
    let twin = Twin::default();
    let mut journal = open(&twin);
    ready(&journal);
    wait(journal.append(put(1, SEGMENT - 500), true)).expect("it is durable");
    let key = journal.key();
    drop(journal);
    segment::make(&twin, 4, key, SEGMENT as u64).expect("there is room");
    let mut journal = open(&twin);
    for job in 2..=8 {
        wait(journal.append(put(job, SEGMENT - 500), true)).expect("it is durable");
    }
    until(|| journal.usage().expect("it takes room").segments == 10);
    drop(journal);
    assert_eq!(jobs(&twin.world().after(Crash::Killed)), 8);
}

/// The end ends everything, also what waits for room.
#[test]
fn nothing_is_left_of_a_dropped_journal() {
    let twin = Twin::new(World::with_room(3 * SEGMENT));
    let mut journal = open(&twin);
    ready(&journal);
    for job in 1..=3 {
        wait(journal.append(put(job, SEGMENT - 500), true)).expect("it has a segment of its own");
    }
    until(|| journal.room() == Room::Exhausted);
    let waits = journal.append(put(4, SEGMENT - 500), true);
    drop(journal);
    wait(waits).expect_err("there was no room");
    assert!(twin.is_alone());
    assert_eq!(jobs(&twin.world().after(Crash::Dropped)), 3);
}

/// Where the first job's body is, in a journal whose first segment is closed.
fn with_a_body(twin: &Twin) -> (FileJournal<Twin>, Stored) {
    let mut journal = open(twin);
    let appended = wait(journal.append(put(1, 600), true)).expect("it is durable");
    let stored = appended.written[0].stored;
    assert_eq!((appended.written.len(), stored.bytes), (1, 600));
    wait(journal.append(put(2, SEGMENT - 500), true)).expect("it is durable");
    assert_eq!(journal.usage().expect("it takes room").closed_bytes, SEGMENT as u64);
    (journal, stored)
}

/// Whoever was told where a body is can read it, though its segment goes meanwhile.
#[test]
fn a_body_is_read_after_its_segment_went() {
    let twin = Twin::default();
    let (mut journal, stored) = with_a_body(&twin);
    let fetch = journal.fetch(&stored, JobId(1)).expect("it is there");
    let nobody = journal.fetch(&stored, JobId(2)).expect("a segment is there");
    drop(journal.trim(2));
    let first = segment::name(1);
    until(|| !twin.world().files().contains_key(&first));
    assert_eq!(fetch.read().expect("it is read").here().expect("it was read")[..], [b'x'; 600]);
    assert!(nobody.read().is_err(), "another job is there");
    assert!(journal.fetch(&stored, JobId(1)).is_none(), "the segment has gone");
    assert!(journal.sweep().is_none(), "nothing is old");
}

/// A body that is not what was written is an error, and so is what is told of an old segment.
#[test]
fn a_damaged_body_is_an_error() {
    let twin = Twin::default();
    let (journal, stored) = with_a_body(&twin);
    let (_, offset) = awaitd_journal::log::place(stored.at);
    let at = usize::try_from(offset).expect("it is small");
    for byte in [at, at + 4, at + 9, at + 300] {
        twin.flip(&segment::name(1), byte);
        let error =
            journal.fetch(&stored, JobId(1)).expect("it is there").read().expect_err("no body");
        assert!(error.to_string().contains(&format!("at byte {offset}")), "{error}");
        let mut sweep = journal.sweep().expect("one segment is old");
        assert!(sweep.read(256 * 1024).is_err());
        twin.flip(&segment::name(1), byte);
    }
    let mut sweep = journal.sweep().expect("one segment is old");
    let slice = sweep.read(256 * 1024).expect("it is whole again");
    assert_eq!((slice.candidates.len(), slice.end), (1, Some(2)));
}

fn folder(of: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(of);
    _ = std::fs::remove_dir_all(&folder);
    folder
}

/// One process a folder, and the other one is named.
#[test]
fn a_folder_that_is_open_is_refused() {
    let folder = folder("journal-lock");
    let first = FileJournal::open(&folder, &options(), |_| ());
    let first = first.map_err(|error| error.to_string()).expect("it opens").journal;
    let refused = FileJournal::open(&folder, &options(), |_| ()).expect_err("it is open");
    let reason = refused.to_string();
    assert!(reason.contains(&format!("process {}", process::id())), "{reason}");
    assert!(reason.contains(folder.to_str().expect("a path")), "{reason}");
    drop(first);
    assert!(FileJournal::open(&folder, &options(), |_| ()).is_ok(), "it is closed");
}

/// On a real disk, in folders that are made: all comes back, and it is known that it was closed.
#[test]
fn a_real_folder_is_opened_again() {
    let folder = folder("journal-folder").join("one/in/another");
    for life in 0..3 {
        let opened = FileJournal::open(&folder, &options(), |_| ());
        let opened = opened.map_err(|error| error.to_string()).expect("it opens");
        assert_eq!((opened.sealed, opened.cut), (life == 2, None));
        assert_eq!(opened.state.counts().jobs, 2 * life);
        let mut journal = opened.journal;
        for job in [1, 2] {
            let length = if job == 1 { 20 } else { SEGMENT };
            wait(journal.append(put(2 * life + job, length), false)).expect("it is durable");
        }
        if life == 1 {
            wait(journal.seal()).expect("it is durable");
        }
    }
}

/// A disk need not know what it has free, nor a file what can be read without waiting.
#[test]
fn a_plain_disk_tells_what_it_must() {
    let twin = Twin::default();
    let journal = open(&twin);
    assert_eq!(journal.free().expect("it has a disk").bytes(), None);
    let file = twin.create("file", 10).expect("there is room");
    assert_eq!(file.read_now_at(&mut [0; 10], 0), None);
    assert!(!file.is_empty().expect("it is there"));
}
