//! The journal on a disk: a thread that writes, and one that makes segments in advance and removes old
//! ones, so that neither holds an append up.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::pin::Pin;
use std::process;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Sender, channel};
use std::task::{Context, Poll};
use std::thread::JoinHandle;

use awaitd_primitives::{Body, Entry, JobId, Room, State, Stored, Time};
use tokio::sync::oneshot;

use crate::backup;
use crate::bodies;
use crate::disk::{Disk, DiskFile, Folder};
use crate::frame::Key;
use crate::log;
use crate::read::{OpenError, Progress};
use crate::recover::{self, Cut, Options};
use crate::sweep;
use crate::writer::{Order, Outcome, Shared, Writer};
use crate::{Backup, Fetch, Free, Journal, JournalError, Slice, Sweep, Trimming, Usage};

/// The file that says who has the journal open.
pub(crate) const LOCK: &str = "lock";

/// The journal on a disk.
#[derive(Debug)]
pub struct FileJournal<D: Disk = Folder> {
    disk: D,
    shared: Arc<Shared<D::File>>,
    key: Key,
    /// `None` while it is dropped.
    orders: Option<Sender<Order>>,
    writer: Option<JoinHandle<()>>,
    /// Held as long as the journal is open.
    lock: Option<File>,
}

/// What was found when a journal was opened.
#[derive(Debug)]
pub struct Opened<D: Disk = Folder> {
    /// The journal, to go on with.
    pub journal: FileJournal<D>,
    /// What lives.
    pub state: State,
    /// The moment of its newest entry.
    pub last: Time,
    /// How much was read.
    pub read: Progress,
    /// An append that was not finished, and so was never acknowledged, was cut off.
    pub cut: Option<Cut>,
    /// It was closed in order the last time.
    pub sealed: bool,
}

/// An append on its way.
#[derive(Debug)]
pub struct Appending(oneshot::Receiver<Outcome>);

impl Future for Appending {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        let gone = |_| Err(JournalError("the thread that writes the journal has ended".into()));
        Pin::new(&mut self.0).poll(context).map(|done| done.unwrap_or_else(gone))
    }
}

impl FileJournal {
    /// Opens the journal in a folder; one that is not there is begun.
    pub fn open(
        folder: &Path,
        options: &Options,
        progress: impl FnMut(Progress),
    ) -> Result<Opened, OpenError> {
        let io = |error| OpenError::Io(folder.into(), error);
        let disk = Folder::at(folder).map_err(io)?;
        let lock = lock(&disk)?;
        let mut opened = Self::on(&disk, options, progress)?;
        opened.journal.lock = Some(lock);
        Ok(opened)
    }
}

impl<D: Disk> FileJournal<D> {
    /// Opens the journal on a disk that nobody else uses.
    pub fn on(
        disk: &D,
        options: &Options,
        progress: impl FnMut(Progress),
    ) -> Result<Opened<D>, OpenError> {
        let recover::Recovered { state, last, log, spares, read, cut, sealed } =
            recover::open(disk, options, progress)?;
        let segments = log.segments().cloned().collect();
        let shared = Arc::new(Shared::new(segments, options.segment_bytes));
        let key = log.key;
        let (orders, inbox) = channel();
        let writer = Writer::start(disk, log, spares, inbox, &shared)
            .map_err(|error| OpenError::Io(disk.path(""), error))?;
        let (orders, writer, disk) = (Some(orders), Some(writer), disk.clone());
        let journal = Self { disk, shared, key, orders, writer, lock: None };
        Ok(Opened { journal, state, last, read, cut, sealed })
    }

    /// What can be written without asking the disk for more room.
    fn set_aside(&self) -> u64 {
        self.usage().map_or(0, |usage| usage.set_aside)
    }

    fn order(&self, order: Order) {
        // A writer that has ended is heard of by whoever waits for it.
        _ = self.orders.as_ref().expect("it is open").send(order);
    }
}

impl<D: Disk> Journal for FileJournal<D> {
    type Appending = Appending;

    fn append(&mut self, entries: Vec<Entry>, track: bool) -> Appending {
        let (done, appending) = oneshot::channel();
        self.order(Order::Append { entries, track, done });
        Appending(appending)
    }

    fn syncs(&self) -> bool {
        true
    }

    fn seal(&mut self) -> Appending {
        let (done, appending) = oneshot::channel();
        self.order(Order::Seal { done });
        Appending(appending)
    }

    fn key(&self) -> Key {
        self.key
    }

    fn room(&self) -> Room {
        let Shared { low, segment_bytes, .. } = &*self.shared;
        if !low.load(Ordering::Relaxed) {
            return Room::Enough;
        }
        match self.set_aside() {
            left if left < segment_bytes / 16 => Room::Exhausted,
            // Whatever an old segment holds fits into this, see `Usage::set_aside`.
            left if left < segment_bytes + segment_bytes / 4 => Room::Critical,
            _ => Room::Low,
        }
    }

    fn usage(&self) -> Option<Usage> {
        let Shared { segment_bytes, bytes, closed_bytes, spares, .. } = &*self.shared;
        let spares = spares.load(Ordering::Relaxed);
        let segments = self.shared.segments();
        let (active, oldest) = (segments.back()?, segments.front()?);
        Some(Usage {
            bytes: bytes.load(Ordering::Relaxed) + spares * segment_bytes,
            closed_bytes: closed_bytes.load(Ordering::Relaxed),
            active_bytes: active.used,
            oldest_bytes: oldest.used,
            numbers: (oldest.number, active.number),
            set_aside: active.size - active.used + spares * segment_bytes,
            segments: segments.len() as u64 + spares,
            segment_bytes: *segment_bytes,
        })
    }

    fn free(&self) -> Option<Free> {
        let disk = self.disk.clone();
        Some(Free(Box::new(move || disk.free())))
    }

    fn sweep(&self) -> Option<Box<dyn Sweep>> {
        let segments = self.shared.segments();
        let oldest = segments.front().filter(|_| segments.len() > 1)?;
        Some(Box::new(sweep::Sweep::new(oldest.clone())))
    }

    fn trim(&mut self, from: u64) -> Trimming {
        let (done, trimming) = oneshot::channel();
        self.order(Order::Trim { from, done });
        // A writer that has ended is heard of by whoever appends.
        Box::pin(async { trimming.await.unwrap_or_default() })
    }

    fn fetch(&self, stored: &Stored, job: JobId) -> Option<Box<dyn Fetch>> {
        let (number, offset) = log::place(stored.at);
        let segments = self.shared.segments();
        // Their numbers have no gaps.
        let at = number.checked_sub(segments.front()?.number)?;
        let segment = segments.get(usize::try_from(at).ok()?)?.clone();
        Some(Box::new(bodies::Fetch { segment, offset, bytes: stored.bytes, job }))
    }

    fn backup(&self) -> Option<Backup> {
        Some(Box::new(backup::Writer::new(self.shared.segments().clone())))
    }
}

impl<D: Disk> Drop for FileJournal<D> {
    /// What was ordered before is still done, but for what waits for room on the disk.
    fn drop(&mut self) {
        self.shared.ending.store(true, Ordering::Relaxed);
        drop(self.orders.take());
        if let Some(writer) = self.writer.take() {
            // If it panicked, whoever waited for it has heard of it.
            _ = writer.join();
        }
        // Only now may somebody else open it.
        drop(self.lock.take());
    }
}

impl<F: DiskFile> Fetch for bodies::Fetch<F> {
    fn now(&self) -> Option<Body> {
        self.read_now()
    }

    fn read(&self) -> Result<Body, JournalError> {
        Self::read(self)
    }
}

impl<F: DiskFile> Sweep for sweep::Sweep<F> {
    fn read(&mut self, most: usize) -> Result<Slice, JournalError> {
        Self::read(self, most)
    }
}

/// Makes sure that the journal in a folder stays as it is until what comes back is dropped, and changes
/// nothing in it: whoever has it open is named, nobody can open it, and others may read as well. A
/// folder that nobody ever opened has nothing to lock.
pub fn reading(disk: &Folder) -> Result<Option<File>, OpenError> {
    let io = |error| OpenError::Io(disk.path(LOCK), error);
    match File::open(disk.path(LOCK)) {
        Ok(file) => {
            let locked = file.try_lock_shared();
            held(disk, file, locked).map(Some)
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(io(error)),
    }
}

/// Makes sure that nobody else uses the folder, and says who does.
pub(crate) fn lock(disk: &Folder) -> Result<File, OpenError> {
    let path = disk.path(LOCK);
    let io = |error| OpenError::Io(path.clone(), error);
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false).mode(0o600);
    let file = options.open(&path).map_err(io)?;
    let locked = file.try_lock();
    let mut file = held(disk, file, locked)?;
    file.set_len(0).map_err(io)?;
    writeln!(file, "{}", process::id()).map_err(io)?;
    Ok(file)
}

/// The file, if it was locked.
fn held(
    disk: &Folder,
    mut file: File,
    locked: Result<(), TryLockError>,
) -> Result<File, OpenError> {
    match locked {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => {
            let mut by = String::new();
            // Who it is may not be written down yet.
            _ = file.read_to_string(&mut by);
            let by = by.trim();
            let by = if by.is_empty() { String::new() } else { format!(", process {by}") };
            Err(OpenError::Locked(disk.place().into(), by))
        }
        Err(TryLockError::Error(error)) => Err(OpenError::Io(disk.path(LOCK), error)),
    }
}
