//! Opening a journal: what lives of it, and where to go on.

use std::collections::VecDeque;
use std::io;
use std::path::PathBuf;

use awaitd_primitives::{Body, Entry, Record, State, Time};

use crate::disk::{Disk, DiskFile};
use crate::frame::{HEAD, Key};
use crate::log::{self, Log};
use crate::read::{Found, OpenError, Progress, contents, read};
use crate::segment::{self, Segment, UNFINISHED};

/// What was found at the end of the last append.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// In which file.
    pub file: PathBuf,
    /// From which byte on.
    pub offset: u64,
    /// How many bytes were zeroed.
    pub bytes: u64,
}

/// What a journal holds.
pub struct Recovered<D: Disk> {
    /// What lives.
    pub state: State,
    /// The moment of the newest entry.
    pub last: Time,
    /// Where to go on.
    pub log: Log<D>,
    /// The next segments, as far as they are there already.
    pub spares: VecDeque<Segment<D::File>>,
    /// How much was read.
    pub read: Progress,
    /// An append that was not finished, and so was never acknowledged, was cut off.
    pub cut: Option<Cut>,
    /// It was closed in order.
    pub sealed: bool,
}

/// How a journal is opened.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The size of new segments.
    pub segment_bytes: u64,
    /// So many bytes of bodies are kept in memory; the others are read when they are needed.
    pub memory_budget: u64,
    /// The key of a journal that is not there yet.
    pub new_key: Key,
}

/// Opens a journal to go on with it; one that is not there is begun.
pub fn open<D: Disk>(
    disk: &D,
    options: &Options,
    progress: impl FnMut(Progress),
) -> Result<Recovered<D>, OpenError> {
    let mut replay = Replay { budget: options.memory_budget, ..Replay::default() };
    let found = read(disk, progress, |place, entry| replay.follow(place, entry))?;
    replay.check(disk, &found)?;
    let Found { segments, key, append, end, unfinished, before_gap, sealed, progress } = found;
    let io = |name: &str, error| OpenError::Io(disk.path(name), error);
    let key = key.unwrap_or(options.new_key);
    if unfinished {
        // First, since it is in the way of a new one.
        disk.remove(UNFINISHED).map_err(|error| io(UNFINISHED, error))?;
    }
    // The segments before the checkpoint, those with good frames, and those without any yet.
    let (mut removed, mut used, mut spares) = (before_gap, VecDeque::new(), VecDeque::new());
    for (at, segment) in segments.into_iter().enumerate() {
        if segment.number < replay.from {
            removed.push(segment::name(segment.number));
        } else if end.is_some_and(|end| at <= end.segment) {
            used.push_back(segment);
        } else {
            spares.push_back(segment);
        }
    }
    let new = used.is_empty() && spares.is_empty();
    if used.is_empty() {
        let make = || segment::make(disk, 1, key, options.segment_bytes);
        let first = spares.pop_front().map_or_else(make, Ok);
        used.push_back(first.map_err(|error| io(&segment::name(1), error))?);
    }
    // Before anything is removed because of it, and before anything is written behind it.
    let begin = end.map_or(HEAD as u64, |end| end.begin);
    let active = used.back().filter(|_| !new).map(|active| (active, begin));
    let mut cut = None;
    for (segment, begin) in active.into_iter().chain(spares.iter().map(|it| (it, HEAD as u64))) {
        let confirmed = confirm(disk, segment, begin, sealed);
        let confirmed = confirmed.map_err(|error| io(&segment::name(segment.number), error))?;
        cut = cut.or(confirmed);
    }
    for name in &removed {
        disk.remove(name).map_err(|error| io(name, error))?;
    }
    // Also if nothing was removed: whoever made the spare may have been killed before this.
    disk.sync_names().map_err(|error| io("", error))?;
    let (size, source_disk) = (options.segment_bytes, disk.clone());
    let source = Box::new(move |number| segment::make(&source_disk, number, key, size));
    let (buffer, failed) = (Vec::new(), false);
    let log = Log { key, size, segments: used, source, append, buffer, failed };
    let (state, last) = (replay.state, replay.last);
    Ok(Recovered { state, last, log, spares, read: progress, cut, sealed })
}

/// Makes durable what was read of a segment, and zeroes what lies behind the good bytes; says what
/// that was.
///
/// Who wrote it may have been killed, or told that a sync failed: then pages read as they were
/// written though the disk has something else, and no sync would write them. So the newest append,
/// which begins at `begin`, is written once more: only it can have been without a sync, since none
/// is begun before the last one is durable. And so are the zeros, unless the journal was closed in order:
/// old bytes could look like good ones behind new ones.
fn confirm<D: Disk>(
    disk: &D,
    segment: &Segment<D::File>,
    begin: u64,
    sealed: bool,
) -> io::Result<Option<Cut>> {
    let mut bytes = contents(&*segment.file)?;
    let index = |offset| usize::try_from(offset).expect("a segment fits into memory");
    let (begin, used) = (index(begin), index(segment.used));
    let torn = torn(disk, segment, &bytes);
    if sealed {
        bytes.truncate(used + torn.as_ref().map_or(0, |cut| index(cut.bytes)));
    }
    if begin < bytes.len() {
        let cut = if sealed { bytes[used..].to_vec() } else { Vec::new() };
        bytes[used..].fill(0);
        segment.file.write_at(&bytes[begin..], begin as u64)?;
        if let Err(error) = segment.file.sync() {
            // The zeros read as if they were there, and behind a seal the next start would not write them
            // once more: it is to find what this one found.
            _ = segment.file.write_at(&cut, used as u64);
            return Err(error);
        }
    }
    Ok(torn)
}

/// What lies behind the good bytes of a segment and is not zero.
fn torn<D: Disk>(disk: &D, segment: &Segment<D::File>, bytes: &[u8]) -> Option<Cut> {
    let used = usize::try_from(segment.used).expect("a segment fits into memory");
    let last = bytes.get(used..)?.iter().rposition(|byte| *byte != 0)?;
    let file = disk.path(&segment::name(segment.number));
    Some(Cut { file, offset: segment.used, bytes: last as u64 + 1 })
}

/// Folds entries, and keeps in memory what the budget allows.
#[derive(Default)]
struct Replay {
    state: State,
    last: Time,
    budget: u64,
    /// Where the history may begin, by the newest checkpoint.
    from: u64,
    /// Of each checkpoint: where a history may begin, and whether all was there that it counted.
    checked: Vec<(u64, bool)>,
}

impl Replay {
    fn follow(&mut self, place: (u64, u64), mut entry: Entry) {
        for record in &mut entry.records {
            self.shed(record, log::address(place.0, place.1));
        }
        self.last = self.last.max(entry.at);
        self.state.follow(&entry);
        for record in &entry.records {
            if let Record::Checkpoint(checkpoint) = record {
                let whole = checkpoint.counts == self.state.counts();
                self.checked.push((checkpoint.from, whole));
                self.from = self.from.max(checkpoint.from);
            }
        }
    }

    /// Leaves the body of a job on the disk if there are too many in memory.
    fn shed(&self, record: &mut Record, at: u64) {
        let Some(written) = log::body(record, at) else { return };
        if self.state.bytes_here() + u64::from(written.stored.bytes) <= self.budget {
            return;
        }
        let payload = record.payload_mut().expect("a record with a body has a payload");
        payload.body = Body::Stored(Box::new(written.stored));
    }

    /// Whether everything is there: all segments that are needed, and what checkpoints counted.
    fn check<D: Disk>(&self, disk: &D, found: &Found<D>) -> Result<(), OpenError> {
        let first = found.segments.first().map_or(1, |segment| segment.number);
        if first > self.from.max(1) {
            return Err(OpenError::Missing(disk.path(&segment::name(first - 1))));
        }
        // A checkpoint counts what is there if the history begins no later than it may.
        match self.checked.iter().find(|(from, whole)| *from >= first && !whole) {
            Some((from, _)) => Err(OpenError::Damaged {
                file: disk.path(&segment::name(*from)),
                offset: 0,
                what: "a checkpoint counted more or less than what is there".into(),
            }),
            None => Ok(()),
        }
    }
}

/// Reads a journal and changes nothing: every good entry, and where its frame is.
pub fn scan<D: Disk>(
    disk: &D,
    progress: impl FnMut(Progress),
    mut entry: impl FnMut((u64, u64), &Entry),
) -> Result<Scanned, OpenError> {
    let mut replay = Replay::default();
    let found = read(disk, progress, |place, it| {
        entry(place, &it);
        replay.follow(place, it);
    })?;
    replay.check(disk, &found)?;
    let mut torn = None;
    for segment in &found.segments[found.end.map_or(0, |end| end.segment)..] {
        let path = || disk.path(&segment::name(segment.number));
        let bytes = contents(&*segment.file).map_err(|error| OpenError::Io(path(), error))?;
        torn = torn.or_else(|| self::torn(disk, segment, &bytes));
    }
    let segments = found.segments.len() as u64;
    let (state, sealed, read) = (replay.state, found.sealed, found.progress);
    Ok(Scanned { state, segments, sealed, torn, read })
}

/// What a reading found.
#[derive(Debug)]
pub struct Scanned {
    /// What lives.
    pub state: State,
    /// How many segments there are.
    pub segments: u64,
    /// It was closed in order.
    pub sealed: bool,
    /// An append that was not finished; it will be cut off when the journal is opened.
    pub torn: Option<Cut>,
    /// How much was read.
    pub read: Progress,
}
