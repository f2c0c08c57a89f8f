//! Backups: what is restored is what was durable, and a damaged one is refused whole.

#[path = "backup/small.rs"]
mod small;

use std::fs;
use std::path::Path;

use awaitd_journal::disk::{Disk, Folder};
use awaitd_journal::file::reading;
use awaitd_journal::read::OpenError;
use awaitd_journal::recover;
use awaitd_journal::restore::{LEAP, RestoreError, restore};
use awaitd_journal::{FileJournal, Journal};
use awaitd_primitives::{Record, Time};

use crate::small::*;

/// What was acknowledged before the backup began is in it, whatever is appended meanwhile, and nothing
/// is in it that something earlier is missing from.
#[tokio::test]
async fn a_backup_while_appends_go_on_is_a_prefix_with_all_that_was_durable() {
    let scratch = Scratch::new();
    let mut journal = open(&scratch.join("source"), SMALL).journal;
    journal.append(vec![made()], false).await.expect("the disk is good");
    let mut copies = Vec::new();
    for number in 1..=400_u64 {
        if number % 40 == 0 {
            // Begun between two appends, read while later ones are written.
            let pieces = journal.backup().expect("a journal on a disk can be copied");
            let before = number - 1;
            copies.push((
                before,
                std::thread::spawn(move || -> Vec<u8> {
                    pieces.flat_map(|piece| piece.expect("the disk is good")).collect()
                }),
            ));
        }
        journal.append(vec![job(number)], true).await.expect("the disk is good");
    }
    for (before, copy) in copies {
        let backup = copy.join().expect("nothing panics");
        let target = scratch.join(&format!("target-{before}"));
        let restored = try_restore(&backup, &target).expect("a good backup");
        let (jobs, scanned) = jobs(&target);
        assert!(jobs.len() as u64 >= before, "{before} were durable, {} are there", jobs.len());
        assert!(jobs.iter().copied().eq(1..=jobs.len() as u64), "there is a hole: {jobs:?}");
        assert_eq!(restored, jobs.len() as u64);
        assert!(scanned.sealed && scanned.torn.is_none());
    }
}

/// What is removed while it is being copied is in the copy all the same.
#[tokio::test]
async fn a_segment_that_goes_meanwhile_is_copied() {
    let scratch = Scratch::new();
    let source = scratch.join("source");
    let whole = small(&source).await;
    let mut journal = open(&source, SMALL).journal;
    let pieces = journal.backup().expect("a journal on a disk can be copied");
    let first = source.join("journal-00000000000000000001.segment");
    assert!(first.exists());
    drop(journal.trim(2));
    // Once the threads have ended, all that was ordered is done.
    drop(journal);
    assert!(!first.exists(), "the first segment went");
    let backup: Vec<u8> = pieces.flat_map(|piece| piece.expect("open files stay")).collect();
    assert_eq!(backup, whole);
    assert_eq!(try_restore(&backup, &scratch.join("target")).expect("a good backup"), 60);
}

/// Whoever was told a number after the backup was taken is never met by another one with that number,
/// and what was restored goes on as any journal does, and can be copied and restored again.
#[tokio::test]
async fn numbers_leap_ahead_and_the_journal_goes_on() {
    let scratch = Scratch::new();
    let backup = small(&scratch.join("source")).await;
    let target = scratch.join("target");
    let restored = restore(&*backup, &target, SMALL, |_| {}).expect("a good backup");
    assert_eq!(restored.fence, 65_536 + LEAP);
    assert_eq!((restored.counts.queues, restored.counts.jobs), (1, 60));
    assert_eq!(restored.bytes, backup.len() as u64);

    let opened = open(&target, SMALL);
    assert!(opened.sealed && opened.cut.is_none());
    assert_eq!(opened.journal.key(), [5; 32], "tokens of the old journal hold");
    assert_eq!(opened.last, Time::from_micros(60));
    let leaps = |path: &Path| {
        let disk = Folder::at(path).expect("the folder is there");
        let mut leaps = Vec::new();
        let scanned = recover::scan(
            &disk,
            |_| {},
            |_, entry| {
                for record in &entry.records {
                    if let Record::Checkpoint(it) = record {
                        leaps.push((it.last_lease, it.last_job, it.last_generation, it.from));
                    }
                }
            },
        );
        scanned.expect("what was restored can be read");
        leaps
    };
    let mut journal = opened.journal;
    journal.append(vec![job(60 + LEAP + 1)], false).await.expect("the disk is good");
    let again = copy(&journal);
    drop(journal);
    assert_eq!(leaps(&target), [(65_536 + LEAP, 60 + LEAP, LEAP, 1)]);

    let second = scratch.join("second");
    assert_eq!(try_restore(&again, &second).expect("a good backup"), 61);
    let once = (65_536 + LEAP, 60 + LEAP, LEAP, 1);
    assert_eq!(leaps(&second), [once, (65_536 + 2 * LEAP, 61 + 2 * LEAP, 2 * LEAP, 1)]);
}

/// An empty journal can be copied as well: its key is worth it.
#[tokio::test]
async fn an_empty_journal_comes_back_empty() {
    let scratch = Scratch::new();
    let backup = copy(&open(&scratch.join("source"), SMALL).journal);
    let target = scratch.join("target");
    assert_eq!(try_restore(&backup, &target).expect("a good backup"), 0);
    let opened = open(&target, SMALL);
    assert_eq!(opened.journal.key(), [5; 32]);
    assert!(opened.sealed);
}

/// Wherever a download was cut, nothing is made of it, and nothing of it stays.
#[tokio::test]
async fn each_cut_is_refused() {
    let scratch = Scratch::new();
    let backup = small(&scratch.join("source")).await;
    let target = scratch.join("target");
    for length in 0..backup.len() {
        let refused = try_restore(&backup[..length], &target);
        assert!(matches!(refused, Err(RestoreError::Backup(_))), "{length} bytes: {refused:?}");
        assert!(!target.exists(), "{length} bytes left something");
    }
    let more = [&backup[..], b"\n"].concat();
    assert!(try_restore(&more, &target).is_err(), "something follows the end");
    try_restore(&backup, &target).expect("the whole one is good");
}

/// Whatever byte is another one than was written, nothing is made of it, and nothing of it stays.
#[tokio::test]
async fn each_flipped_byte_is_refused() {
    let scratch = Scratch::new();
    let mut backup = small(&scratch.join("source")).await;
    let target = scratch.join("target");
    for at in 0..backup.len() {
        let flip = 1 << fastrand::u8(..8);
        backup[at] ^= flip;
        let refused = try_restore(&backup, &target);
        assert!(matches!(refused, Err(RestoreError::Backup(_))), "byte {at}: {refused:?}");
        assert!(!target.exists(), "byte {at} left something");
        backup[at] ^= flip;
    }
    try_restore(&backup, &target).expect("the whole one is good");
}

/// A backup is as good as the journal was: what was damaged before it was copied is refused, and also
/// at its very end, where a start would take it for an append that was never acknowledged.
#[tokio::test]
async fn what_was_damaged_before_is_refused() {
    let scratch = Scratch::new();
    let source = scratch.join("source");
    let backup = small(&source).await;
    let journal = open(&source, SMALL).journal;
    let newest = fs::read_dir(&source).expect("it is there").filter_map(|entry| {
        let path = entry.expect("it can be read").path();
        let bytes =
            if path.extension()? == "segment" { fs::read(&path).ok()? } else { return None };
        // Behind the head, a byte of the last entry; a spare has none.
        let last = bytes.iter().skip(64).rposition(|byte| *byte != 0)?;
        Some((path, bytes, last + 64))
    });
    let (path, mut bytes, last) = newest.max_by(|one, other| one.0.cmp(&other.0)).expect("one");
    bytes[last] ^= 1;
    fs::write(&path, bytes).expect("it can be written");
    let damaged = copy(&journal);
    assert_eq!(damaged.len(), backup.len());
    let target = scratch.join("target");
    let refused = try_restore(&damaged, &target);
    let Err(RestoreError::Journal(OpenError::Damaged { file, .. })) = refused else {
        panic!("{refused:?}");
    };
    assert_eq!(Some(file.as_os_str()), path.file_name());
    assert!(!target.exists());
}

/// While a journal is open, nobody reads it as if it stood still; while it is read, nobody opens it.
#[tokio::test]
async fn who_reads_and_who_writes_keep_out_of_each_others_way() {
    let scratch = Scratch::new();
    let source = scratch.join("source");
    let journal = open(&source, SMALL).journal;
    let disk = Folder::at(&source).expect("it is there");
    let Err(OpenError::Locked(_, by)) = reading(&disk) else { panic!("it is open") };
    assert!(by.contains(&std::process::id().to_string()), "{by}");
    drop(journal);
    let readers = (reading(&disk), reading(&disk));
    assert!(matches!(readers, (Ok(Some(_)), Ok(Some(_)))), "{readers:?}");
    let refused = FileJournal::open(&source, &options(SMALL), |_| {});
    assert!(matches!(refused, Err(OpenError::Locked(..))), "it is read");
    drop(readers);
    open(&source, SMALL);
}

/// A folder that nobody ever opened has nothing to lock; one whose lock cannot be opened is not read.
#[test]
fn a_lock_that_cannot_be_opened() {
    let scratch = Scratch::new();
    let disk = Folder::at(scratch.join("source")).expect("it is made");
    assert!(matches!(reading(&disk), Ok(None)));
    std::os::unix::fs::symlink("lock", disk.path("lock")).expect("there is room");
    let Err(OpenError::Io(path, _)) = reading(&disk) else { panic!("it leads to itself") };
    assert_eq!(path, disk.path("lock"));
}
