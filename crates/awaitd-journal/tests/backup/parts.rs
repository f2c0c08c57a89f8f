//! Backups that are none though each checksum in them is right, and whatever else stands between a backup and
//! whoever reads it.

use std::fs;
use std::io::{self, ErrorKind, Read};

use awaitd_journal::Journal;
use awaitd_journal::backup::BadBackup;
use awaitd_journal::restore::{RestoreError, restore};
use awaitd_journal::segment;
use crc32fast::Hasher;

use crate::small::*;

const SEGMENT: u64 = 600 * 1024;
const PART: u64 = 256 * 1024;

/// A part of a backup, without its checksum: its numbers, and bytes of a segment.
#[derive(Clone)]
struct Part {
    head: [u64; 3],
    bytes: Vec<u8>,
}

/// Takes a backup apart.
fn parts(backup: &[u8]) -> Vec<Part> {
    let (mut rest, mut parts) = (&backup[16..], Vec::new());
    while let Some((head, more)) = rest.split_first_chunk::<24>() {
        let (numbers, _) = head.as_chunks();
        let head = [0, 1, 2].map(|at| u64::from_le_bytes(numbers[at]));
        let [number, used, offset] = head;
        let length = if number == 0 { 0 } else { (used - offset).min(PART) };
        let (bytes, more) = more.split_at(usize::try_from(length).expect("it is small"));
        parts.push(Part { head, bytes: bytes.to_vec() });
        rest = &more[4..];
    }
    parts
}

/// A backup of these parts, with right checksums.
fn joined(parts: &[Part]) -> Vec<u8> {
    let mut backup = b"awaitd backup\n\x01\0".to_vec();
    let mut sum = Hasher::new();
    sum.update(&backup);
    for Part { head, bytes } in parts {
        let piece = [head.map(u64::to_le_bytes).as_flattened(), bytes].concat();
        sum.update(&piece);
        backup.extend(piece);
        backup.extend(sum.clone().finalize().to_le_bytes());
    }
    backup
}

/// A backup of three segments, of the first two of which there are three parts each.
async fn large(scratch: &Scratch) -> Vec<u8> {
    let mut journal = open(&scratch.join("source"), SEGMENT).journal;
    journal.append(vec![made()], false).await.expect("the disk is good");
    for from in (1..=10_000).step_by(500) {
        let append = (from..from + 500).map(job).collect();
        journal.append(append, false).await.expect("the disk is good");
    }
    let backup = copy(&journal);
    let numbers: Vec<u64> = parts(&backup).iter().map(|part| part.head[0]).collect();
    assert_eq!(numbers, [1, 1, 1, 2, 2, 2, 3, 0]);
    backup
}

/// It is refused as damaged, nothing of it stays, and this is where and why.
fn refused(backup: &[u8], scratch: &Scratch) -> (u64, String) {
    let target = scratch.join("target");
    let refused = restore(backup, &target, SEGMENT, |_| {});
    assert!(!target.exists(), "something was left");
    let Err(RestoreError::Backup(BadBackup::Damaged { offset, what })) = refused else {
        panic!("{:?}", refused.map(|restored| restored.counts));
    };
    (offset, what)
}

/// A part that is lost, or there twice, or in another place is no backup, nor is one that ends early.
#[tokio::test]
async fn each_part_is_in_its_place() {
    let scratch = Scratch::new();
    let backup = large(&scratch).await;
    let all = parts(&backup);
    assert!(joined(&all) == backup);
    let empty = |head| Part { head, bytes: Vec::new() };
    let [one, used, next] = all[1].head;
    let longer = Part { head: [one, used + 1, next], ..all[1].clone() };
    // Behind the parts up to one of them come these, and then those from one on; which is the first wrong one.
    for (upto, between, from, wrong) in [
        (0, vec![], 1, 0),
        (1, vec![], 2, 1),
        (2, vec![], 3, 2),
        (3, vec![], 6, 3),
        (1, vec![all[0].clone()], 1, 1),
        (2, vec![all[1].clone()], 2, 2),
        (3, vec![all[2].clone()], 3, 3),
        (3, all[..3].to_vec(), 3, 3),
        (0, vec![all[1].clone()], 0, 0),
        (0, all[3..6].to_vec(), 0, 3),
        (1, vec![longer], 2, 1),
        (0, vec![empty([one, 0, 0])], 0, 0),
        (3, vec![empty([one, used, used])], 3, 3),
        (7, vec![empty([4, 0, 0])], 7, 7),
    ] {
        let parts = [&all[..upto], &between, &all[from..]].concat();
        let (offset, what) = refused(&joined(&parts), &scratch);
        assert_eq!(what, "this part does not belong here");
        assert_eq!(offset, joined(&parts[..wrong]).len() as u64);
    }
    let [_, bytes, count] = all[7].head;
    for (upto, end) in [
        (7, [0, bytes + 1, count]),
        (7, [0, bytes - 1, count]),
        (7, [0, bytes, count + 1]),
        (7, [0, bytes, count - 1]),
        (2, [0, 2 * PART, 1]),
        (3, [0, bytes, count]),
        (0, [0, 0, 0]),
    ] {
        let parts = [&all[..upto], &[empty(end)]].concat();
        let (offset, what) = refused(&joined(&parts), &scratch);
        assert_eq!(what, "its end counts more or less than what is there");
        assert_eq!(offset, joined(&all[..upto]).len() as u64);
    }
}

/// Whoever reads why it was refused finds the place in the backup and in the journal.
#[tokio::test]
async fn it_is_told_where_a_backup_is_damaged() {
    let scratch = Scratch::new();
    let mut backup = large(&scratch).await;
    let all = parts(&backup);
    let begins = |at: usize| joined(&all[..at]).len();
    let told = |backup: &[u8]| {
        let refused = restore(backup, &scratch.join("target"), SEGMENT, |_| {});
        refused.expect_err("it is damaged").to_string()
    };
    let damaged = |at: usize, what: &str| format!("the backup is damaged at byte {at}: {what}");
    assert_eq!(told(&backup[..15]), damaged(15, "it is cut off here"));
    assert_eq!(told(&backup[..1_000]), damaged(1_000, "it is cut off here"));
    let after =
        |what: &str, byte: u64, of| format!("{what}, after byte {byte} of {}", segment::name(of));
    for (at, byte, of) in
        [(1, PART, 1), (3, all[2].head[1], 1), (4, PART, 2), (7, all[6].head[1], 3)]
    {
        for more in [0, 10, 24, 27] {
            let cut = begins(at) + more;
            assert_eq!(told(&backup[..cut]), damaged(cut, &after("it is cut off here", byte, of)));
        }
        backup[begins(at) + 25] ^= 1;
        let what = "the part that begins here is not what was written";
        assert_eq!(told(&backup), damaged(begins(at), &after(what, byte, of)));
        backup[begins(at) + 25] ^= 1;
    }
    let end = backup.len();
    backup.push(0);
    assert_eq!(told(&backup), damaged(end, "something follows its end"));
    backup[14] = 2;
    let version = "the backup has version 2 of the format; this awaitd knows version 1";
    assert_eq!(told(&backup), version);
    backup[0] = b'A';
    assert_eq!(told(&backup), damaged(0, "this is no backup of awaitd"));
}

/// Comes in small pieces, is interrupted, and may break off.
struct Pipe<'a> {
    rest: &'a [u8],
    interrupted: bool,
    broken: bool,
}

impl Read for Pipe<'_> {
    fn read(&mut self, bytes: &mut [u8]) -> io::Result<usize> {
        self.interrupted = !self.interrupted;
        if self.interrupted {
            return Err(ErrorKind::Interrupted.into());
        }
        if self.rest.is_empty() && self.broken {
            return Err(ErrorKind::ConnectionReset.into());
        }
        let most = bytes.len().min(1_000);
        self.rest.read(&mut bytes[..most])
    }
}

/// However a backup comes, it comes whole or not at all.
#[tokio::test]
async fn a_backup_comes_through_a_pipe() {
    let scratch = Scratch::new();
    let backup = small(&scratch.join("source")).await;
    let target = scratch.join("target");
    for length in [0, 10, 1_000, backup.len()] {
        let pipe = Pipe { rest: &backup[..length], interrupted: false, broken: true };
        let Err(RestoreError::Backup(BadBackup::Io(error))) = restore(pipe, &target, SMALL, |_| {})
        else {
            panic!("it broke off");
        };
        assert_eq!(error.kind(), ErrorKind::ConnectionReset);
        assert!(!target.exists());
        let told = BadBackup::Io(error).to_string();
        assert!(told.starts_with("failed to read the backup: "), "{told}");
    }
    let pipe = Pipe { rest: &backup, interrupted: false, broken: false };
    assert_eq!(restore(pipe, &target, SMALL, |_| {}).expect("a good backup").counts.jobs, 60);
}

/// A segment that is shorter than what was written to it ends the backup, which nobody takes for a whole one.
#[tokio::test]
async fn a_segment_that_was_cut_off_is_no_backup() {
    let scratch = Scratch::new();
    let source = scratch.join("source");
    small(&source).await;
    let journal = open(&source, SMALL).journal;
    let mut pieces = journal.backup().expect("a journal on a disk can be copied");
    let first = fs::OpenOptions::new().write(true).open(source.join(segment::name(1)));
    first.and_then(|file| file.set_len(1_000)).expect("it is there");
    let error = pieces.next().expect("it has begun").expect_err("it is too short").to_string();
    let why = format!("{} is shorter than what was written to it", segment::name(1));
    assert_eq!(error, format!("failed to read the journal: {why}"));
    assert!(pieces.next().is_none(), "something came after an error");
}
