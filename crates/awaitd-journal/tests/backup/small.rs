//! Small journals in folders of their own, and backups of them.

use std::fs;
use std::path::{Path, PathBuf};

use awaitd_journal::disk::Folder;
use awaitd_journal::file::Opened;
use awaitd_journal::recover::{self, Options, Scanned};
use awaitd_journal::restore::{RestoreError, restore};
use awaitd_journal::{FileJournal, Journal};
use awaitd_primitives::{Body, Entry, JobId, Name, Payload, Record, Thing, Time};

pub(crate) const SMALL: u64 = 4 * 1024;

/// A folder of its own, gone with the test.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Self {
        // In memory where there is such a place: thousands of restores are synced here.
        let memory = Path::new("/dev/shm");
        let base = if memory.is_dir() { memory.into() } else { std::env::temp_dir() };
        let path = base.join(format!("awaitd-backup-{:016x}", fastrand::u64(..)));
        fs::create_dir(&path).expect("there is room for tests");
        Self(path)
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        _ = fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn options(segment_bytes: u64) -> Options {
    Options { segment_bytes, memory_budget: u64::MAX, new_key: [5; 32] }
}

pub(crate) fn open(folder: &Path, segment_bytes: u64) -> Opened {
    FileJournal::open(folder, &options(segment_bytes), |_| {}).expect("the journal opens")
}

pub(crate) fn queue() -> Name {
    "q".parse().expect("a name")
}

/// A job with a body that says which one it is.
pub(crate) fn job(number: u64) -> Entry {
    let mut body = number.to_le_bytes().to_vec();
    body.resize(100, b'x');
    let payload = Payload { body: Body::from(body), content_type: None };
    let at = Time::from_micros(number);
    let placed = Record::Placed { queue: queue(), job: JobId(number), ready_at: at, payload };
    Entry { at, records: vec![placed] }
}

pub(crate) fn made() -> Entry {
    let records = vec![
        Record::Made { thing: Thing::Queue(queue()) },
        Record::Reserved { from: 0, upto: 65_536 },
    ];
    Entry { at: Time::ZERO, records }
}

pub(crate) fn copy(journal: &FileJournal) -> Vec<u8> {
    let pieces = journal.backup().expect("a journal on a disk can be copied");
    pieces.flat_map(|piece| piece.expect("the disk is good")).collect()
}

pub(crate) fn try_restore(backup: &[u8], folder: &Path) -> Result<u64, RestoreError> {
    restore(backup, folder, SMALL, |_| {}).map(|restored| restored.counts.jobs)
}

/// The jobs that were put, by the entries of a journal.
pub(crate) fn jobs(folder: &Path) -> (Vec<u64>, Scanned) {
    let disk = Folder::at(folder).expect("the folder is there");
    let mut jobs = Vec::new();
    let scanned = recover::scan(
        &disk,
        |_| {},
        |_, entry| {
            jobs.extend(entry.records.iter().filter_map(|record| match record {
                Record::Placed { job, .. } => Some(job.0),
                _ => None,
            }));
        },
    );
    (jobs, scanned.expect("what was restored can be read"))
}

/// A small journal of several segments, as a backup.
pub(crate) async fn small(folder: &Path) -> Vec<u8> {
    let mut journal = open(folder, SMALL).journal;
    journal.append(vec![made()], false).await.expect("the disk is good");
    for number in (1..=60).step_by(2) {
        let append = vec![job(number), job(number + 1)];
        journal.append(append, false).await.expect("the disk is good");
    }
    let backup = copy(&journal);
    assert!(journal.usage().expect("it is on a disk").closed_bytes > 0, "one segment shows little");
    backup
}
