//! The threads of a journal on a disk.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use awaitd_primitives::Entry;
use tokio::sync::oneshot;

use crate::disk::{Disk, is_passing};
use crate::frame::Key;
use crate::log::{self, Log};
use crate::segment::{self, Segment};
use crate::{Appended, JournalError};

/// A disk without room is asked again so often.
const RETRY: Duration = Duration::from_secs(1);

/// So many segments are made in advance. One of them is for compaction alone: however full the disk is,
/// what lives of an old segment fits into it, and then that one goes.
pub(crate) const SPARES: u64 = 2;

/// What both threads and the loop know.
#[derive(Debug)]
pub(crate) struct Shared<F> {
    /// As they are after the newest durable append.
    pub(crate) segments: Mutex<VecDeque<Segment<F>>>,
    pub(crate) segment_bytes: u64,
    /// Bytes of all of them.
    pub(crate) bytes: AtomicU64,
    /// Bytes of those that are written no more.
    pub(crate) closed_bytes: AtomicU64,
    /// How many of the next segments are there.
    pub(crate) spares: AtomicU64,
    /// There was no room for one more.
    pub(crate) low: AtomicBool,
    /// The disk has failed, and the writer has heard of it or will: none is made any more.
    broken: AtomicBool,
    /// The journal is being dropped: nobody waits for room any more.
    pub(crate) ending: AtomicBool,
}

/// What the writer is sent.
pub(crate) enum Order {
    Append { entries: Vec<Entry>, track: bool, done: oneshot::Sender<Outcome> },
    Seal { done: oneshot::Sender<Outcome> },
    Trim { from: u64, done: oneshot::Sender<()> },
}

/// What became of an append.
pub(crate) type Outcome = Result<Appended, JournalError>;

impl<F> Shared<F> {
    pub(crate) fn new(segments: VecDeque<Segment<F>>, segment_bytes: u64) -> Self {
        let shared = Self {
            segments: Mutex::default(),
            segment_bytes,
            bytes: AtomicU64::new(0),
            closed_bytes: AtomicU64::new(0),
            spares: AtomicU64::new(0),
            low: AtomicBool::new(false),
            broken: AtomicBool::new(false),
            ending: AtomicBool::new(false),
        };
        shared.count(&segments);
        *shared.segments() = segments;
        shared
    }

    fn count(&self, segments: &VecDeque<Segment<F>>) {
        let all: u64 = segments.iter().map(|segment| segment.size).sum();
        let active = segments.back().map_or(0, |active| active.size);
        self.bytes.store(all, Ordering::Relaxed);
        self.closed_bytes.store(all - active, Ordering::Relaxed);
    }

    /// Whether the next segments are there, or it is known that they will not be for now.
    fn is_settled(&self) -> bool {
        self.spares.load(Ordering::Relaxed) >= SPARES
            || self.low.load(Ordering::Relaxed)
            || self.broken.load(Ordering::Relaxed)
    }

    pub(crate) fn segments(&self) -> MutexGuard<'_, VecDeque<Segment<F>>> {
        self.segments.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread that writes.
pub(crate) struct Writer<D: Disk> {
    log: Log<D>,
    errands: Sender<Errand>,
    /// Rings when the helper has tried to make a segment.
    tried: Receiver<()>,
    helper: JoinHandle<()>,
    shared: Arc<Shared<D::File>>,
}

impl<D: Disk> Writer<D> {
    /// Starts both threads.
    pub(crate) fn start(
        disk: &D,
        mut log: Log<D>,
        spares: VecDeque<Segment<D::File>>,
        inbox: Receiver<Order>,
        shared: &Arc<Shared<D::File>>,
    ) -> io::Result<JoinHandle<()>> {
        let (errands, errand) = channel();
        let (made, segments) = channel();
        // One that is there already is heard as well as two.
        let (ring, tried) = sync_channel(1);
        let (wanted, removed) = (VecDeque::new(), VecDeque::new());
        let helper = Helper {
            disk: disk.clone(),
            key: log.key,
            made,
            ring,
            shared: Arc::clone(shared),
            wanted,
            removed,
        };
        let next = log.active().number + 1;
        let there = spares.len() as u64;
        for spare in spares {
            helper.hand_over(Ok(spare));
        }
        for number in next + there..next + SPARES {
            _ = errands.send(Errand::Make(number));
        }
        // Killed as it went on to the next one, a journal has left one more than that. Made again, it would be one file
        // of which two are taken, and what is written to the first of them would be lost.
        let unmade = next + there.max(SPARES);
        let (more, known) = (errands.clone(), Arc::clone(shared));
        log.take_from(Box::new(move |number| {
            // Where there is no room at all, everybody waits until there is some.
            let gone = |_| Err(io::Error::other("the thread that makes segments has ended"));
            let segment = segments.recv().unwrap_or_else(gone)?;
            known.spares.fetch_sub(1, Ordering::Relaxed);
            if number + SPARES >= unmade {
                _ = more.send(Errand::Make(number + SPARES));
            }
            Ok(segment)
        }));
        let thread = thread::Builder::new().name("segments".into());
        let helper = thread.spawn(move || helper.run(&errand))?;
        let writer = Self { log, errands, tried, helper, shared: Arc::clone(shared) };
        thread::Builder::new().name("journal".into()).spawn(move || writer.run(&inbox))
    }

    fn run(mut self, inbox: &Receiver<Order>) {
        while let Ok(order) = inbox.recv() {
            match order {
                Order::Append { entries, track, done } => {
                    let outcome = self.append(entries, track);
                    // Nobody waits: then nobody is told, either.
                    _ = done.send(outcome);
                }
                Order::Seal { done } => {
                    let sealed = self.log.seal().map_err(|error| failed(&error));
                    _ = done.send(sealed.map(|()| Appended::default()));
                }
                Order::Trim { from, done } => {
                    let gone = self.log.trim(from);
                    self.show();
                    _ = self.errands.send(Errand::Remove(gone));
                    _ = done.send(());
                }
            }
        }
        // Both ways to the helper end here, and then it does.
        drop((self.log, self.errands));
        _ = self.helper.join();
    }

    fn append(&mut self, entries: Vec<Entry>, track: bool) -> Outcome {
        let begun = Instant::now();
        let outcome = self.log.append(&entries, track).map_err(|error| failed(&error))?;
        let took = begun.elapsed();
        self.show();
        self.know_the_room();
        let log::Outcome { bytes, copied_bytes, written } = outcome;
        Ok(Appended { entries, written, bytes, copied_bytes, took })
    }

    /// Waits, with more than a quarter of a segment written, until the next ones are there or it is known that the disk is
    /// full. Else whoever writes faster than they are made would take the one that is for compaction, too, before
    /// anybody heard that there is no more; and then nothing could be handed out any more.
    fn know_the_room(&self) {
        let much = self.log.active().used > self.shared.segment_bytes / 4;
        while much && !self.shared.is_settled() && self.tried.recv().is_ok() {}
    }

    /// Shows the others how far it is.
    fn show(&self) {
        let mut shown = self.shared.segments();
        let active = self.log.active();
        let same = |one: &Segment<D::File>, other: &Segment<D::File>| {
            (one.number, one.size) == (other.number, other.size)
        };
        let first = self.log.segments().next().expect("a log has a segment");
        if shown.front().is_some_and(|shown| same(shown, first))
            && let Some(last) = shown.back_mut().filter(|shown| same(shown, active))
        {
            // Mostly nothing else has changed.
            last.used = active.used;
            return;
        }
        *shown = self.log.segments().cloned().collect();
        self.shared.count(&shown);
    }
}

fn failed(error: &io::Error) -> JournalError {
    JournalError(format!("failed to append to the journal: {error}"))
}

/// What the helper is sent.
enum Errand {
    Make(u64),
    Remove(Vec<u64>),
}

/// The thread that makes segments in advance and removes old ones.
struct Helper<D: Disk> {
    disk: D,
    key: Key,
    made: Sender<io::Result<Segment<D::File>>>,
    ring: SyncSender<()>,
    shared: Arc<Shared<D::File>>,
    /// The segments that are to be made, once there is room.
    wanted: VecDeque<u64>,
    /// The segments that are to be removed, the oldest first.
    removed: VecDeque<u64>,
}

impl<D: Disk> Helper<D> {
    fn run(mut self, errands: &Receiver<Errand>) {
        loop {
            let idle = self.wanted.is_empty() && self.removed.is_empty();
            let errand = if idle {
                errands.recv().map_err(|_| RecvTimeoutError::Disconnected)
            } else {
                errands.recv_timeout(RETRY)
            };
            match errand {
                Ok(Errand::Make(number)) => self.wanted.push_back(number),
                Ok(Errand::Remove(numbers)) => self.removed.extend(numbers),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
            self.remove();
            if self.shared.broken.load(Ordering::Relaxed) {
                self.wanted.clear();
            }
            while let Some(number) = self.wanted.front().copied() {
                let made = self.make(number);
                // Whether anybody waits is his affair.
                _ = self.ring.try_send(());
                if !made {
                    break;
                }
                self.wanted.pop_front();
            }
        }
    }

    /// Whether it was made. Too many open files pass as a full disk does; after any other error none is
    /// made any more, or there would be a gap.
    fn make(&self, number: u64) -> bool {
        match segment::make(&self.disk, number, self.key, self.shared.segment_bytes) {
            Err(error) if is_passing(&error) && !self.shared.ending.load(Ordering::Relaxed) => {
                self.shared.low.store(true, Ordering::Relaxed);
                false
            }
            made => {
                let whole = made.is_ok();
                self.shared.broken.fetch_or(!whole, Ordering::Relaxed);
                self.hand_over(made);
                whole
            }
        }
    }

    fn hand_over(&self, made: io::Result<Segment<D::File>>) {
        let more = u64::from(made.is_ok());
        if self.shared.spares.fetch_add(more, Ordering::Relaxed) + more >= SPARES {
            self.shared.low.store(false, Ordering::Relaxed);
        }
        // A writer that has ended needs none.
        _ = self.made.send(made);
    }

    /// Segments that nobody needs, in their order: a gap in what is left would look like a loss. One
    /// that cannot be removed is tried again, and at the latest the next start removes it.
    fn remove(&mut self) {
        let mut some = false;
        while let Some(number) = self.removed.front() {
            match self.disk.remove(&segment::name(*number)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => break,
                Ok(()) | Err(_) => some = true,
            }
            self.removed.pop_front();
        }
        if some {
            _ = self.disk.sync_names();
        }
    }
}
