//! A journal from a backup: whole or not at all.
//!
//! It is written into a folder of its own inside the one where it will be, read there as a start would
//! read it, and only then moved up. So the folder may be a mount, and keeps its owner; it is locked all
//! the time. The newest segment is moved first, and durably: without an older one no start reads it.
//! What a power loss leaves is no journal: a start refuses it, see [`broken_off`], and the next restore
//! removes it.
//!
//! Whoever used the service after the backup was taken was told numbers that it does not know. A fence
//! must not be told twice, so lease numbers, job numbers and generations leap ahead before the restored
//! journal is used.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Read};
use std::mem;
use std::path::{Path, PathBuf};

use awaitd_primitives::{Counts, Engine, Entry, Limits, Record, Step};

use crate::backup::{BadBackup, Reader};
use crate::disk::{Disk, DiskFile, Folder};
use crate::file::{LOCK, lock, reading};
use crate::read::{OpenError, Progress};
use crate::recover::{self, Options, Recovered};
use crate::segment;

/// At a million numbers a second the service could have gone on for a quarter of an hour after the
/// backup, at a thousand for eleven days; and they stay exact in JSON through millions of restores.
pub const LEAP: u64 = 1_000_000_000;

/// Where a journal is until it is whole.
const STAGING: &str = "restoring";

/// What an empty file system has.
const LOST_AND_FOUND: &str = "lost+found";

/// How far it is.
#[derive(Clone, Copy, Debug)]
pub enum Stage {
    /// So many bytes of the backup have been taken.
    Taken(u64),
    /// What was written is being read.
    Read(Progress),
}

/// What was restored.
#[derive(Clone, Copy, Debug)]
pub struct Restored {
    /// What lives.
    pub counts: Counts,
    /// How many bytes the backup has.
    pub bytes: u64,
    /// How many entries were in it.
    pub entries: u64,
    /// The last lease number that may have been told before: those to come are larger.
    pub fence: u64,
}

/// Why nothing was restored.
#[derive(Debug)]
pub enum RestoreError {
    /// The backup is not a good one.
    Backup(BadBackup),
    /// There is something in the folder already.
    Occupied(PathBuf, String),
    /// The backup is whole, but what was copied was damaged already, or cannot be read here.
    Journal(OpenError),
    /// The disk did not do what it was asked.
    Io(PathBuf, io::Error),
    /// Another process has the folder.
    Locked(OpenError),
}

/// Makes a journal of a backup in a folder that is empty or not there. If this fails, nothing of it stays.
pub fn restore(
    from: impl Read,
    folder: &Path,
    segment_bytes: u64,
    progress: impl FnMut(Stage),
) -> Result<Restored, RestoreError> {
    let made = vacant(folder)?;
    let disk = Folder::at(folder).map_err(|error| RestoreError::Io(folder.into(), error))?;
    let locked = lock(&disk).map_err(RestoreError::Locked)?;
    // Somebody may have been faster.
    vacant(folder)?;
    let staging = folder.join(STAGING);
    clear(folder).map_err(|error| RestoreError::Io(folder.into(), error))?;
    let restored = build(from, &staging, segment_bytes, progress).and_then(|restored| {
        let moved = move_up(&staging, &disk);
        moved.map(|()| restored).map_err(|error| RestoreError::Io(folder.into(), error))
    });
    if restored.is_err() {
        // If this fails as well, the next one still meets a folder that it refuses or cleans.
        _ = clean(folder, made);
    }
    drop(locked);
    restored
}

/// Whether there is something in a folder that a restore left which was broken off, by a power loss for
/// instance: then there is no journal in it, or not all of one. Nothing is changed.
pub fn broken_off(folder: &Path) -> Result<bool, OpenError> {
    let left = || {
        let left = left(folder)?;
        // Moved whole, and only the empty folder was not removed any more: that is a journal.
        Ok(left.is_some_and(|left| !left.staged.is_empty() || left.moved.is_empty()))
    };
    let io = |error| OpenError::Io(folder.into(), error);
    if !left().map_err(io)? {
        return Ok(false);
    }
    // A restore that goes on has the folder, and is named; one that has just ended has left nothing.
    let _locked = reading(&Folder::at(folder).map_err(io)?)?;
    left().map_err(io)
}

/// What is in a folder in which a restore was begun.
struct Left {
    /// Numbers of segments that have not been moved up.
    staged: Vec<u64>,
    /// Numbers of those that have.
    moved: Vec<u64>,
}

impl Left {
    /// Whether what was moved up is a part of what was to be moved, and not a journal that was used: the
    /// newest was moved first, and there is more to be moved.
    fn is_torn(&self) -> bool {
        let newest = self.moved.iter().max();
        let twice = self.moved.iter().any(|number| self.staged.contains(number));
        !self.staged.is_empty() && !twice && newest > self.staged.iter().max()
    }
}

/// `None` if no restore was begun, or it came to its end.
fn left(folder: &Path) -> io::Result<Option<Left>> {
    let Some(staged) = numbers(&folder.join(STAGING))? else { return Ok(None) };
    let moved = numbers(folder)?.unwrap_or_default();
    Ok(Some(Left { staged, moved }))
}

/// The segments in a folder; `None` if there is no folder.
fn numbers(folder: &Path) -> io::Result<Option<Vec<u64>>> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        entries => entries?,
    };
    let mut numbers = Vec::new();
    for entry in entries {
        numbers.extend(segment::number(&entry?.file_name().to_string_lossy()));
    }
    Ok(Some(numbers))
}

/// Whether the folder is still to be made; an error if there is something in it that no restore left.
fn vacant(folder: &Path) -> Result<bool, RestoreError> {
    let io = |error| RestoreError::Io(folder.into(), error);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(io(error)),
    };
    let torn = left(folder).map_err(io)?.is_some_and(|left| left.is_torn());
    for entry in entries {
        let name = entry.map_err(io)?.file_name();
        let name = name.to_string_lossy();
        let torn = torn && segment::number(&name).is_some();
        if !torn && ![LOCK, STAGING, LOST_AND_FOUND].contains(&&*name) {
            return Err(RestoreError::Occupied(folder.into(), name.into_owned()));
        }
    }
    Ok(false)
}

/// Writes the journal, and makes sure that it can be used.
fn build(
    from: impl Read,
    staging: &Path,
    segment_bytes: u64,
    mut progress: impl FnMut(Stage),
) -> Result<Restored, RestoreError> {
    let io = |error| RestoreError::Io(staging.into(), error);
    let disk = Folder::at(staging).map_err(io)?;
    let bytes = unpack(from, &disk, &mut progress)?;
    // No bodies in memory: a queue may be larger than that.
    let options = Options { segment_bytes, memory_budget: 0, new_key: [0; 32] };
    let recovered = recover::open(&disk, &options, |read| progress(Stage::Read(read)));
    let mut recovered = recovered.map_err(unreadable)?;
    // Everything in a backup was durable, so here an append that is not whole is damage.
    if let Some(cut) = recovered.log.segments().find(|segment| segment.used < segment.size) {
        let (file, offset) = (segment::name(cut.number).into(), cut.used);
        let what = "there were entries here, and they are not whole".into();
        return Err(RestoreError::Journal(OpenError::Damaged { file, offset, what }));
    }
    let counts = recovered.state.counts();
    let (leap, fence) = leap(&mut recovered);
    recovered.log.append(&[leap], false).and_then(|_| recovered.log.seal()).map_err(io)?;
    Ok(Restored { counts, bytes, entries: recovered.read.entries, fence })
}

/// Writes the segments of a backup; says how long it was.
fn unpack(
    from: impl Read,
    disk: &Folder,
    progress: &mut impl FnMut(Stage),
) -> Result<u64, RestoreError> {
    let mut reader = Reader::new(from).map_err(RestoreError::Backup)?;
    let mut file: Option<File> = None;
    while let Some(part) = reader.part().map_err(RestoreError::Backup)? {
        let name = segment::name(part.number);
        let written = match file.take().filter(|_| part.offset > 0) {
            Some(file) => Ok(file),
            None => disk.create(&name, part.used),
        };
        let written = written.and_then(|file| {
            file.write_at(&part.bytes, part.offset)?;
            if part.is_last() {
                file.sync()?;
            }
            Ok(file)
        });
        file = Some(written.map_err(|error| RestoreError::Io(disk.path(&name), error))?);
        progress(Stage::Taken(reader.offset()));
    }
    disk.sync_names().map_err(|error| RestoreError::Io(disk.place().into(), error))?;
    Ok(reader.offset())
}

/// The entry that lets all numbers leap ahead, and the last lease number that may have been told.
///
/// It is a checkpoint that lets go of nothing: a history may begin where this one does, and what it
/// counts is checked at each start as long as that is so.
fn leap(recovered: &mut Recovered<Folder>) -> (Entry, u64) {
    let from = recovered.log.segments().next().expect("a log has a segment").number;
    let mut engine = Engine::new(mem::take(&mut recovered.state), Limits::default());
    let mut step = Step::default();
    engine.end_checkpoint(from, &mut step);
    let mut records: Vec<_> = step.entries.into_iter().flat_map(|entry| entry.records).collect();
    let mut fence = 0;
    for record in &mut records {
        if let Record::Checkpoint(checkpoint) = record {
            checkpoint.last_job += LEAP;
            checkpoint.last_generation += LEAP;
            checkpoint.last_lease = checkpoint.last_lease.max(checkpoint.reserved) + LEAP;
            checkpoint.reserved = checkpoint.last_lease;
            fence = checkpoint.last_lease;
        }
    }
    (Entry { at: recovered.last, records }, fence)
}

/// Puts the segments where they belong, the newest first.
fn move_up(staging: &Path, disk: &Folder) -> io::Result<()> {
    let mut names: Vec<_> = Folder::at(staging)?.list()?;
    names.sort_unstable();
    let mut newest = true;
    for name in names.iter().rev() {
        fs::rename(staging.join(name), disk.path(name))?;
        if mem::take(&mut newest) {
            disk.sync_names()?;
        }
    }
    fs::remove_dir(staging)?;
    disk.sync_names()
}

/// Removes what a restore left. What was moved up goes first, and durably: what is left can be told from
/// a journal as long as there is something that was not.
fn clear(folder: &Path) -> io::Result<()> {
    for number in numbers(folder)?.unwrap_or_default() {
        fs::remove_file(folder.join(segment::name(number)))?;
    }
    File::open(folder)?.sync_all()?;
    match fs::remove_dir_all(folder.join(STAGING)) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        Ok(()) | Err(_) => Ok(()),
    }
}

/// Removes what a failure left. The folder was empty before.
fn clean(folder: &Path, made: bool) -> io::Result<()> {
    clear(folder)?;
    fs::remove_file(folder.join(LOCK))?;
    if made { fs::remove_dir(folder) } else { Ok(()) }
}

/// What was read lies in a folder that goes: only the names of its files mean something.
fn unreadable(error: OpenError) -> RestoreError {
    let bare = |path: PathBuf| path.file_name().map(PathBuf::from).unwrap_or(path);
    RestoreError::Journal(match error {
        OpenError::Io(path, error) => return RestoreError::Io(path, error),
        OpenError::Damaged { file, offset, what } => {
            OpenError::Damaged { file: bare(file), offset, what }
        }
        OpenError::Missing(path) => OpenError::Missing(bare(path)),
        OpenError::Version(path, version) => OpenError::Version(bare(path), version),
        OpenError::Locked(path, by) => return RestoreError::Locked(OpenError::Locked(path, by)),
    })
}

impl fmt::Display for RestoreError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Backup(error) => error.fmt(out),
            Self::Occupied(folder, name) => write!(
                out,
                "{} is not empty: {name} is in it; a backup is restored into a folder of its own",
                folder.display(),
            ),
            Self::Journal(error) => {
                write!(out, "the backup is whole, but not the journal in it: {error}")
            }
            Self::Io(path, error) => write!(out, "{}: {error}", path.display()),
            Self::Locked(error) => error.fmt(out),
        }
    }
}

impl std::error::Error for RestoreError {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Only what was moved up before the rest is taken for what a restore left: no other journal goes.
    #[test]
    fn a_journal_is_not_taken_for_a_part_of_a_restore() {
        for (staged, moved, torn) in [
            (&[4, 5][..], &[6, 7][..], true),
            (&[4, 6], &[5, 7], true),
            (&[4, 5], &[], false),
            (&[], &[4, 5], false),
            (&[4, 5], &[3], false),
            (&[4, 5], &[1, 2, 3, 4, 5, 6], false),
        ] {
            let left = Left { staged: staged.to_vec(), moved: moved.to_vec() };
            assert_eq!(left.is_torn(), torn, "{staged:?} {moved:?}");
        }
    }
}
