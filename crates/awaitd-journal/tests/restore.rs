//! Folders into which a journal is restored: what is in them already, and what a power loss leaves of a restore.

#[path = "backup/parts.rs"]
mod parts;
#[allow(dead_code)]
#[path = "backup/small.rs"]
mod small;

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use awaitd_journal::read::OpenError;
use awaitd_journal::restore::{RestoreError, broken_off};
use awaitd_journal::{FileJournal, Journal};

use crate::small::*;

/// A folder with something in it is left as it is; what an earlier restore left is no hindrance.
#[tokio::test]
async fn only_an_empty_folder_is_restored_into() {
    let scratch = Scratch::new();
    let source = scratch.join("source");
    let backup = small(&source).await;
    let refused = try_restore(&backup, &source);
    assert!(matches!(refused, Err(RestoreError::Occupied(..))), "{refused:?}");
    assert_eq!(jobs(&source).0.len(), 60);

    let other = scratch.join("other");
    fs::create_dir(&other).expect("there is room");
    fs::write(other.join("notes"), "mine").expect("there is room");
    let refused = try_restore(&backup, &other).expect_err("it is not empty").to_string();
    assert!(refused.contains("is not empty: notes is in it"), "{refused}");
    assert_eq!(fs::read_dir(&other).expect("it is there").count(), 1);

    let target = scratch.join("target");
    fs::create_dir_all(target.join("restoring")).expect("there is room");
    fs::write(target.join("restoring/journal-00000000000000000001.segment"), "half").expect("room");
    assert!(try_restore(&backup[..1_000], &target).is_err());
    assert_eq!(fs::read_dir(&target).expect("it was there before").count(), 0);
    assert_eq!(try_restore(&backup, &target).expect("a good backup"), 60);
    assert!(!target.join("restoring").exists());

    let strange = scratch.join("strange");
    fs::create_dir(&strange).expect("there is room");
    fs::write(strange.join("restoring"), "mine").expect("there is room");
    let refused = try_restore(&backup, &strange);
    let Err(RestoreError::Io(place, _)) = refused else { panic!("{refused:?}") };
    assert_eq!(place, strange, "what is in the way is no folder");
}

/// A restore that is cut off while it moves its files leaves what no start takes for a journal.
#[tokio::test]
async fn a_part_of_what_was_restored_is_not_opened() {
    let scratch = Scratch::new();
    let backup = small(&scratch.join("source")).await;
    let target = scratch.join("target");
    assert_eq!(try_restore(&backup, &target).expect("a good backup"), 60);
    let names = fs::read_dir(&target).expect("it is there");
    let names = names.map(|entry| entry.expect("it can be read").file_name());
    let mut segments: Vec<_> = names.filter(|name| name != "lock").collect();
    segments.sort();
    assert!(segments.len() >= 3, "{segments:?}");
    // The newest one is moved first, the others in any order.
    let others = segments.len() - 1;
    for there in 0..(1 << others) - 1 {
        let part = scratch.join(&format!("part-{there}"));
        fs::create_dir(&part).expect("there is room");
        for (at, name) in segments.iter().enumerate() {
            if at == others || there >> at & 1 == 1 {
                fs::copy(target.join(name), part.join(name)).expect("there is room");
            }
        }
        let refused = FileJournal::open(&part, &options(SMALL), |_| {});
        assert!(matches!(refused, Err(OpenError::Missing(_))), "{there:b}: {refused:?}");
        assert!(matches!(try_restore(&backup, &part), Err(RestoreError::Occupied(..))));
    }
}

/// Segments as large as they mostly are come in several parts.
#[tokio::test]
async fn a_large_segment_comes_back() {
    let scratch = Scratch::new();
    let source = scratch.join("source");
    let mut journal = open(&source, 1 << 20).journal;
    journal.append(vec![made()], false).await.expect("the disk is good");
    for from in (1..=10_000).step_by(1_000) {
        let append = (from..from + 1_000).map(job).collect();
        journal.append(append, false).await.expect("the disk is good");
    }
    let backup = copy(&journal);
    let target = scratch.join("target");
    assert_eq!(try_restore(&backup, &target).expect("a good backup"), 10_000);
    assert!(jobs(&target).0.into_iter().eq(1..=10_000));
}

/// A restore that was broken off, wherever it was, is told from a journal, and the next one begins anew.
#[tokio::test]
async fn a_restore_that_was_broken_off_is_begun_anew() {
    let scratch = Scratch::new();
    let (source, target) = (scratch.join("source"), scratch.join("target"));
    let backup = small(&source).await;
    let is_left = |folder: &Path| broken_off(folder).expect("it can be read");
    assert!(!is_left(&target) && !is_left(&source), "no restore was begun");
    assert_eq!(try_restore(&backup, &target).expect("a good backup"), 60);
    let names = fs::read_dir(&target).expect("it is there");
    let names = names.map(|entry| entry.expect("it can be read").file_name());
    let mut segments: Vec<_> = names.filter(|name| name != "lock").collect();
    segments.sort();
    for staged in 0..=segments.len() {
        let (part, staging) = (scratch.join("part"), scratch.join("part/restoring"));
        fs::create_dir_all(&staging).expect("there is room");
        assert!(is_left(&part), "nothing was written yet");
        for (at, name) in segments.iter().enumerate() {
            let place = if at < staged { &staging } else { &part };
            fs::copy(target.join(name), place.join(name)).expect("there is room");
        }
        assert_eq!(is_left(&part), staged > 0, "{staged} were not moved");
        let restored = try_restore(&backup, &part);
        if staged == 0 {
            assert!(matches!(restored, Err(RestoreError::Occupied(..))), "it was at its end");
        }
        assert!(!is_left(&part));
        assert_eq!(jobs(&part).0.len(), 60);
        fs::remove_dir_all(&part).expect("it is there");
    }
    // Whoever has the folder is named, and what is no folder holds no restore.
    let journal = open(&source, SMALL).journal;
    fs::create_dir(source.join("restoring")).expect("there is room");
    fs::write(source.join("restoring").join(&segments[0]), "half").expect("there is room");
    assert!(matches!(broken_off(&source), Err(OpenError::Locked(..))), "it is open");
    drop(journal);
    let file = source.join("lock");
    assert!(matches!(broken_off(&file), Err(OpenError::Io(..))), "it is a file");
    let Err(RestoreError::Io(_, error)) = try_restore(&backup, &file) else { panic!("a file") };
    assert_eq!(error.kind(), ErrorKind::NotADirectory);
}
