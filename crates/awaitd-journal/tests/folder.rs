//! A journal in a real folder, and what it says of itself; and the ones that have no disk.

use std::fs;
use std::io::{Error, ErrorKind};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use awaitd_journal::disk::{Disk, DiskFile, Folder, is_passing};
use awaitd_journal::frame::HEAD;
use awaitd_journal::recover::Options;
use awaitd_journal::segment;
use awaitd_journal::{FileJournal, Forgetful, Journal, JournalError, Kept};
use awaitd_primitives::{Body, Entry, JobId, Payload, Record, Room, Stored, Time};
use rustix::fs::statvfs;

const SEGMENT: u64 = 8 * 1024;

/// An empty place of its own, where nothing is yet.
fn place(of: &str) -> PathBuf {
    let place = Path::new(env!("CARGO_TARGET_TMPDIR")).join("folder").join(of);
    _ = fs::remove_dir_all(&place);
    place
}

fn open(folder: &Path, new_key: u8) -> FileJournal {
    let options =
        Options { segment_bytes: SEGMENT, memory_budget: u64::MAX, new_key: [new_key; 32] };
    FileJournal::open(folder, &options, |_| ()).expect("it opens").journal
}

fn put(job: u64, body: &[u8]) -> Vec<Entry> {
    let (at, queue) = (Time::from_micros(job), "q".parse().expect("a name"));
    let payload = Payload { body: Body::from(body.to_vec()), content_type: None };
    vec![Entry {
        at,
        records: vec![Record::Placed { queue, job: JobId(job), ready_at: at, payload }],
    }]
}

/// Files are as long as they were told to be, their room is taken, and nobody else may look into them.
#[test]
fn a_file_is_made_with_its_room() {
    let place = place("file");
    let folder = Folder::at(&place).expect("it is made");
    assert_eq!(folder.place(), place);
    assert_eq!(folder.path("one"), place.join("one"));
    let file = folder.create("one", 100_000).expect("there is room");
    let seen = fs::metadata(place.join("one")).expect("it is there");
    assert_eq!((seen.len(), seen.permissions().mode() & 0o777), (100_000, 0o600));
    assert!(seen.blocks() * 512 >= 100_000, "its room is not taken");
    assert_eq!(fs::metadata(&place).expect("it is there").permissions().mode() & 0o777, 0o700);
    assert_eq!((file.len().unwrap(), file.is_empty().unwrap()), (100_000, false));
    let again = folder.create("one", 1).expect_err("it is there");
    assert_eq!(again.kind(), ErrorKind::AlreadyExists);

    file.write_at(b"at the end", 99_990).expect("it is written");
    file.grow(150_000).expect("there is room");
    let mut bytes = [1; 20];
    assert_eq!(file.read_at(&mut bytes, 99_990).expect("it is read"), 20);
    assert_eq!(&bytes, b"at the end\0\0\0\0\0\0\0\0\0\0");
    assert_eq!(file.read_at(&mut bytes, 149_993).expect("it is read"), 7);
    assert_eq!(file.read_at(&mut bytes, 150_000).expect("nothing is there"), 0);
    let mut bytes = [0; 10];
    // Nobody has to know what the system has in its cache.
    if let Some(read) = file.read_now_at(&mut bytes, 99_990) {
        assert_eq!((read, &bytes), (10, b"at the end"));
    }

    let listed = || {
        let mut names = folder.list().expect("it can be read");
        names.sort();
        names
    };
    let empty = fs::File::create(place.join("two")).expect("it is made");
    assert!(empty.is_empty().expect("it is there"));
    assert_eq!(listed(), ["one", "two"]);
    folder.rename("one", "three").expect("it is there");
    folder.remove("two").expect("it is there");
    assert_eq!(listed(), ["three"]);
    folder.open("one").expect_err("it has another name");
    let other = folder.open("three").expect("it is there");
    assert_eq!(DiskFile::len(&other).expect("it is there"), 150_000);
}

/// Whatever a folder lies in is made with it, and what cannot be one is an error.
#[test]
fn a_folder_is_made_where_it_is_told_to_be() {
    let place = place("made");
    for _ in 0..2 {
        Folder::at(place.join("one/in/another")).expect("it is made, or there");
    }
    fs::write(place.join("file"), "").expect("there is room");
    Folder::at(place.join("file")).expect_err("it is a file");
    Folder::at(place.join("file/below")).expect_err("it is below a file");
    // All other tests name their places from the root.
    std::env::set_current_dir(&place).expect("it is there");
    Folder::at("here").expect("it is made");
    assert!(place.join("here").is_dir());
}

/// What a disk does not do is told: nothing is taken for read, or for durable.
#[test]
fn what_is_not_done_is_told() {
    let place = place("gone");
    let folder = Folder::at(&place).expect("it is made");
    let file = fs::File::open(&place).expect("it is there");
    DiskFile::read_at(&file, &mut [0], 0).expect_err("a folder has no bytes");
    let null = fs::File::open("/dev/null").expect("each system has it");
    DiskFile::sync(&null).expect_err("it keeps nothing");
    fs::remove_dir(&place).expect("it is there");
    folder.sync_names().expect_err("it has gone");
    folder.list().expect_err("it has gone");
    assert_eq!(folder.free(), None);
}

/// What passes is waited for; all else ends the journal.
#[test]
fn a_full_disk_passes_and_a_broken_one_does_not() {
    for kind in [ErrorKind::StorageFull, ErrorKind::QuotaExceeded] {
        assert!(is_passing(&Error::from(kind)), "{kind}");
    }
    // Too many open files, of this process or of the system.
    for code in [24, 23, 28] {
        assert!(is_passing(&Error::from_raw_os_error(code)), "{code}");
    }
    assert!(!is_passing(&Error::from_raw_os_error(5)));
    assert!(!is_passing(&Error::from(ErrorKind::PermissionDenied)));
}

/// What it says of the disk is what there is, after each append.
#[tokio::test]
async fn what_it_takes_of_the_disk_is_told() {
    let place = place("usage");
    let mut journal = open(&place, 1);
    assert!(journal.syncs());
    let (mut written, mut before) = (0, journal.usage().expect("it takes room"));
    for job in 1..=60 {
        let appended = journal.append(put(job, &[b'x'; 700]), false).await.expect("it is durable");
        assert_eq!(appended.entries, put(job, &[b'x'; 700]));
        assert!(appended.bytes > 700);
        let usage = journal.usage().expect("it takes room");
        written += 1;
        if usage.numbers.1 == before.numbers.1 {
            assert_eq!(usage.active_bytes, before.active_bytes + appended.bytes);
        }
        let closed = usage.numbers.1 - usage.numbers.0;
        assert_eq!(usage.segment_bytes, SEGMENT);
        assert_eq!((usage.numbers.0, usage.closed_bytes), (1, closed * SEGMENT));
        assert_eq!(usage.bytes, usage.segments * SEGMENT);
        assert_eq!(usage.set_aside + usage.active_bytes + usage.closed_bytes, usage.bytes);
        before = usage;
    }
    assert!(written == 60 && before.numbers.1 >= 5, "{before:?}");
    assert!(before.oldest_bytes > SEGMENT / 2 && before.oldest_bytes <= SEGMENT);
    assert_eq!(journal.room(), Room::Enough);
    let disk = statvfs(&place).expect("it is a disk");
    let (free, there) = (journal.free().expect("it has a disk"), disk.f_bavail * disk.f_frsize);
    let free = free.bytes().expect("the system tells");
    // Others write to it as well.
    assert!(free > there / 2 && free / 2 < there, "{free} of {there}");
    // Those that are made in advance come and go.
    drop(journal);
    let files = fs::read_dir(&place).expect("it can be read");
    let segments = files.filter(|file| {
        file.as_ref().expect("it is there").metadata().expect("it is there").len() == SEGMENT
    });
    assert!(segments.count() as u64 >= before.numbers.1);
}

/// A journal keeps its secret, and each has its own.
#[tokio::test]
async fn a_journal_keeps_its_key() {
    let (one, other) = (place("key-one"), place("key-other"));
    for new_key in [1, 2, 3] {
        assert_eq!(open(&one, new_key).key(), [1; 32]);
    }
    assert_eq!(open(&other, 2).key(), [2; 32]);
}

/// A body is read back by itself, as it was written, and for nobody else.
#[tokio::test]
async fn a_body_is_read_back() {
    let place = place("body");
    let mut journal = open(&place, 1);
    let body: Vec<u8> = (0..=250).cycle().take(3_000).collect();
    journal.append(put(1, b"another"), true).await.expect("it is durable");
    let appended = journal.append(put(2, &body), true).await.expect("it is durable");
    let [written] = &appended.written[..] else { panic!("one body: {:?}", appended.written) };
    assert_eq!((written.job, written.copied, written.stored.bytes), (JobId(2), false, 3_000));
    let fetch = journal.fetch(&written.stored, JobId(2)).expect("it is there");
    let read = |body: &Body| body.here().map(|bytes| bytes.to_vec());
    assert_eq!(read(&fetch.read().expect("it is there")), Some(body.clone()));
    let file = Folder::at(&place).and_then(|folder| folder.open(&segment::name(1)));
    let mut whole = [0; 8 * 1024];
    // Nobody has to know what the system has in its cache, but who knows it says so.
    if file.expect("it is there").read_now_at(&mut whole, 0) == Some(whole.len()) {
        assert_eq!(fetch.now().as_ref().and_then(read), Some(body));
    }
    let nobody = journal.fetch(&written.stored, JobId(1)).expect("a segment is there");
    assert!(nobody.read().is_err() && nobody.now().is_none());
}

/// An entry may have much beside a body, the jobs of one request for instance: that takes a second look.
#[tokio::test]
async fn a_body_is_read_back_from_among_others() {
    let mut journal = open(&place("among"), 1);
    let bodies = [vec![b'a'; 10], vec![b'b'; 2_000], vec![b'c'; 600]];
    let mut entries = put(1, &bodies[0]);
    entries[0].records.extend(put(2, &bodies[1]).remove(0).records);
    entries[0].records.extend(put(3, &bodies[2]).remove(0).records);
    let appended = journal.append(entries, true).await.expect("it is durable");
    assert_eq!(appended.written.len(), 3);
    for (written, body) in appended.written.iter().zip(bodies) {
        let fetch = journal.fetch(&written.stored, written.job).expect("it is there");
        let read = fetch.read().expect("it is there");
        assert_eq!(read.here().map(|bytes| bytes.to_vec()), Some(body));
    }
}

/// A start keeps bodies in memory up to its budget, to the byte; the others stay on the disk.
#[tokio::test]
async fn a_start_keeps_as_many_bodies_as_it_may() {
    let place = place("budget");
    let mut journal = open(&place, 1);
    for job in 1..=3 {
        journal.append(put(job, &[b'x'; 400]), false).await.expect("it is durable");
    }
    drop(journal);
    for (memory_budget, here) in
        [(0, 0), (399, 0), (400, 400), (799, 400), (800, 800), (u64::MAX, 1_200)]
    {
        let options = Options { segment_bytes: SEGMENT, memory_budget, new_key: [1; 32] };
        let opened = FileJournal::open(&place, &options, |_| ()).expect("it opens");
        assert_eq!(opened.state.bytes_here(), here, "of {memory_budget}");
    }
}

/// An old segment is read in slices of any size, and tells the same; a slice is no larger than was asked, but for
/// one entry that is.
#[tokio::test]
async fn an_old_segment_is_read_in_slices() {
    let mut journal = open(&place("slices"), 1);
    let mut entry = 0;
    while journal.usage().expect("it takes room").numbers.1 == 1 {
        let appended = journal.append(put(entry + 1, &[b'x'; 700]), false).await;
        entry = appended.expect("it is durable").entries[0].at.micros();
    }
    let used = journal.usage().expect("it takes room").oldest_bytes;
    let mut told = Vec::new();
    for most in [16, 700, 1_000, 2_000, 5_000, 100_000] {
        let mut sweep = journal.sweep().expect("one segment is old");
        let (mut jobs, mut bytes, mut end) = (Vec::new(), 0, None);
        while end.is_none() {
            let slice = sweep.read(most).expect("it is good");
            assert!(slice.bytes > 0 && slice.bytes <= most.max(1_000) as u64);
            jobs.extend(slice.candidates);
            (bytes, end) = (bytes + slice.bytes, slice.end);
        }
        assert_eq!((end, bytes), (Some(2), used - HEAD as u64));
        assert_eq!(sweep.read(most).expect("nothing is left").end, end);
        // What met the first entry of the next segment is not in it.
        assert_eq!(jobs.len() as u64, entry - 1);
        told.push(jobs);
    }
    assert!(told.iter().all(|jobs| *jobs == told[0]));
}

/// A segment is filled to its last byte before the next one is begun.
#[tokio::test]
async fn a_segment_is_filled_to_its_last_byte() {
    let place = place("full");
    let mut journal = open(&place, 1);
    let appended = journal.append(put(1, &[b'x'; 1_000]), false).await.expect("it is durable");
    let left = SEGMENT - HEAD as u64 - appended.bytes;
    let body = vec![b'x'; usize::try_from(left - (appended.bytes - 1_000)).expect("it is small")];
    let appended = journal.append(put(2, &body), false).await.expect("it is durable");
    let usage = journal.usage().expect("it takes room");
    assert_eq!((appended.bytes, usage.numbers), (left, (1, 1)));
    assert_eq!((usage.active_bytes, usage.closed_bytes), (SEGMENT, 0));
    journal.append(put(3, b"x"), false).await.expect("it is durable");
    let usage = journal.usage().expect("it takes room");
    assert_eq!((usage.numbers, usage.closed_bytes), ((1, 2), SEGMENT));
    drop(journal);
    let options = Options { segment_bytes: SEGMENT, memory_budget: 0, new_key: [1; 32] };
    let opened = FileJournal::open(&place, &options, |_| ()).expect("it opens");
    assert_eq!((opened.state.counts().jobs, opened.cut), (3, None));
}

/// What makes a segment larger is told like all that it takes.
#[tokio::test]
async fn a_segment_that_grew_is_told() {
    let mut journal = open(&place("grown"), 1);
    for job in 1..=2 {
        let body = vec![b'x'; 30_000];
        let appended = journal.append(put(job, &body), false).await.expect("it is durable");
        let usage = journal.usage().expect("it takes room");
        assert_eq!((usage.numbers, usage.active_bytes), ((1, job), HEAD as u64 + appended.bytes));
        let grown = job * usage.active_bytes;
        assert_eq!(usage.closed_bytes, grown - usage.active_bytes);
        assert_eq!(usage.bytes, grown + (usage.segments - job) * SEGMENT);
    }
}

/// Of a file's name all twenty digits are its number, and nothing else is in it.
#[test]
fn a_segment_has_its_number_in_its_name() {
    for number in [0, 1, 12_345, u64::MAX] {
        assert_eq!(segment::number(&segment::name(number)), Some(number));
    }
    for name in [
        "journal-1.segment",
        "journal-000000000000000000001.segment",
        "journal-+0000000000000000001.segment",
        "journal-0000000000000000000a.segment",
        "journal-00000000000000000001.part",
        "other-00000000000000000001.segment",
        "lock",
    ] {
        assert_eq!(segment::number(name), None, "{name}");
    }
}

/// Without a disk there is nothing to wait for, to run out of, or to look after.
#[tokio::test]
async fn a_journal_without_a_disk() {
    async fn plain(mut journal: impl Journal) {
        for job in 1..=2 {
            let appended = journal.append(put(job, b"x"), true).await.expect("nothing can fail");
            assert_eq!(appended.entries, put(job, b"x"));
            assert_eq!((appended.bytes, appended.written.len()), (0, 0));
        }
        assert!(!journal.syncs());
        assert_eq!((journal.room(), journal.usage()), (Room::Enough, None));
        assert!(journal.free().is_none() && journal.sweep().is_none());
        assert!(journal.fetch(&Stored { at: 0, bytes: 1 }, JobId(1)).is_none());
        assert!(journal.backup().is_none());
        journal.trim(1).await;
        assert_eq!(journal.seal().await.expect("nothing can fail").entries, []);
    }
    let kept = Kept::default();
    assert_eq!((Forgetful::new([3; 32]).key(), kept.key()), ([3; 32], [7; 32]));
    plain(Forgetful::new([3; 32])).await;
    plain(kept.clone()).await;
    assert_eq!(kept.entries(), [put(1, b"x"), put(2, b"x")].concat());
    assert_eq!(JournalError("why".to_owned()).to_string(), "why");
}
