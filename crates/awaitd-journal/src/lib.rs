//! What survives: where the entries go before anybody is told of them.
//!
//! The server knows a journal by one promise: when what [`Journal::append`] returns resolves, the
//! entries are as durable as this journal makes anything. Nothing outside this crate may assume a file.
//!
//! [`FileJournal`] keeps them on a disk. Below it, from the bottom to the top: [`disk`], [`mod@frame`],
//! [`segment`], [`log`] (written by one thread), [`read`] and [`recover`] (at a start), [`sweep`] (what lives of
//! the oldest segment), [`bodies`] (what is not in memory), [`backup`] and [`mod@restore`] (a copy, and back).

pub mod backup;
pub mod bodies;
pub mod disk;
pub mod file;
pub mod frame;
#[cfg(test)]
mod fuzz;
mod keeping;
pub mod log;
pub mod read;
pub mod recover;
pub mod restore;
pub mod segment;
pub mod sweep;
mod writer;

use std::fmt;
use std::future::{Future, ready};
use std::pin::Pin;
use std::time::Duration;

use awaitd_primitives::{Body, Entry, JobId, Room, Stored, Written};

pub use file::FileJournal;
pub use keeping::{Forgetful, Kept};
pub use sweep::{Candidate, Slice};

/// Where entries go.
pub trait Journal: Send + 'static {
    /// An append on its way.
    type Appending: Future<Output = Result<Appended, JournalError>> + Send + Unpin + 'static;

    /// Begins to append entries, in their order. One append is on its way at a time. `track`: says
    /// where the bodies of jobs went.
    ///
    /// An error ends the process: nothing is retried, and nobody is told of anything that lay in the
    /// append, since after a failed sync nobody knows what the disk holds.
    fn append(&mut self, entries: Vec<Entry>, track: bool) -> Self::Appending;

    /// Whether an append costs a sync: then one for which nobody waits had better wait for the next.
    fn syncs(&self) -> bool {
        false
    }

    /// Says that the journal was closed in order. Nothing is appended after that.
    fn seal(&mut self) -> Self::Appending;

    /// The secret of this journal: that of the tokens of its leases.
    fn key(&self) -> frame::Key;

    /// What the disk has left.
    fn room(&self) -> Room {
        Room::Enough
    }

    /// How much of the disk it takes; `None` if it takes none.
    fn usage(&self) -> Option<Usage> {
        None
    }

    /// How to ask what the disk has free, by whoever may wait for a disk; `None` if there is none.
    fn free(&self) -> Option<Free> {
        None
    }

    /// Reads the oldest part once more, for what lives of it; `None` if there is no old part.
    fn sweep(&self) -> Option<Box<dyn Sweep>> {
        None
    }

    /// A history may begin here from now on; what came before goes. To be called once the checkpoint
    /// that says so is durable. [`Journal::usage`] knows of it when what this returns resolves.
    fn trim(&mut self, _from: u64) -> Trimming {
        Box::pin(ready(()))
    }

    /// How to get a body back that was written. This must be asked while the job is there; the answer
    /// may be used later, by whoever may wait for a disk.
    fn fetch(&self, _stored: &Stored, _job: JobId) -> Option<Box<dyn Fetch>> {
        None
    }

    /// Everything up to here, to be kept elsewhere; `None` if there is nothing to keep.
    fn backup(&self) -> Option<Backup> {
        None
    }
}

/// Asks how many bytes a disk has free; `None` if nobody can tell.
pub struct Free(Box<dyn Fn() -> Option<u64> + Send + Sync>);

impl Free {
    /// At this moment.
    pub fn bytes(&self) -> Option<u64> {
        (self.0)()
    }
}

impl fmt::Debug for Free {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Free")
    }
}

/// Reads an old part of a journal, slice by slice. Each call may wait for a disk.
pub trait Sweep: Send {
    /// The next slice, of so many bytes at most, or one record's if that is longer.
    fn read(&mut self, most: usize) -> Result<Slice, JournalError>;
}

/// An old part on its way out.
pub type Trimming = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Gets a body back.
pub trait Fetch: Send {
    /// Without waiting for a disk, if that is possible.
    fn now(&self) -> Option<Body>;

    /// This may wait for a disk.
    fn read(&self) -> Result<Body, JournalError>;
}

/// A copy of a journal, in pieces. Each may wait for a disk.
pub type Backup = Box<dyn Iterator<Item = Result<Vec<u8>, JournalError>> + Send>;

/// An append that is durable.
#[derive(Debug, Default)]
pub struct Appended {
    /// What was appended.
    pub entries: Vec<Entry>,
    /// Where bodies of jobs went, if that was asked.
    pub written: Vec<Written>,
    /// How many bytes it took.
    pub bytes: u64,
    /// Those of them that are copies of what was written before.
    pub copied_bytes: u64,
    /// How long it took to write and sync them.
    pub took: Duration,
}

/// How much of the disk a journal takes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// All of it.
    pub bytes: u64,
    /// What lies in segments that are written no more.
    pub closed_bytes: u64,
    /// What was written to the one that is written to.
    pub active_bytes: u64,
    /// What was written to the oldest one.
    pub oldest_bytes: u64,
    /// The numbers of the oldest one and of the one that is written to.
    pub numbers: (u64, u64),
    /// What can be written without asking the disk for more room.
    pub set_aside: u64,
    /// How many segments there are, with those that are made in advance.
    pub segments: u64,
    /// The size of a segment.
    pub segment_bytes: u64,
}

/// The journal cannot promise anything any more. The text says what failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalError(pub String);

impl fmt::Display for JournalError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for JournalError {}
