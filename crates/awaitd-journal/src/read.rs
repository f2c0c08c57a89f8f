//! Reading it all again: what is good, where it ends, and what is damage.

use std::collections::BTreeMap;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use awaitd_primitives::Entry;

use crate::disk::{Disk, DiskFile};
use crate::frame::{self, BadHead, HEAD, Head, Home, Key};
use crate::segment::{self, Segment, UNFINISHED};

/// Why a journal cannot be opened.
#[derive(Debug)]
pub enum OpenError {
    /// The disk did not do what it was asked.
    Io(PathBuf, io::Error),
    /// Bytes that were synced are not there any more as they were.
    Damaged {
        /// Where.
        file: PathBuf,
        /// From which byte on.
        offset: u64,
        /// What shows it.
        what: String,
    },
    /// A segment is not there.
    Missing(PathBuf),
    /// A version of the format that this program does not know.
    Version(PathBuf, u32),
    /// Another process has the journal open.
    Locked(PathBuf, String),
}

/// How far the reading is.
#[derive(Clone, Copy, Debug, Default)]
pub struct Progress {
    /// Bytes that have been read…
    pub bytes: u64,
    /// … of so many.
    pub of: u64,
    /// Entries that were in them.
    pub entries: u64,
}

/// Where the good frames end.
#[derive(Clone, Copy)]
pub(crate) struct End {
    /// The place of the segment among those that were found.
    pub(crate) segment: usize,
    pub(crate) offset: u64,
    /// Where the last good append begins.
    pub(crate) begin: u64,
}

/// What was found.
pub(crate) struct Found<D: Disk> {
    pub(crate) segments: Vec<Segment<D::File>>,
    pub(crate) key: Option<Key>,
    /// The number of the next append.
    pub(crate) append: u64,
    /// Where it goes; `None` if nothing has been written at all.
    pub(crate) end: Option<End>,
    /// A crash left a segment that was being made.
    pub(crate) unfinished: bool,
    /// Segments before a gap: they may go if the history may begin behind it.
    pub(crate) before_gap: Vec<String>,
    pub(crate) sealed: bool,
    pub(crate) progress: Progress,
}

/// Reads all of it, and gives each entry and the place of its frame to `follow`.
pub(crate) fn read<D: Disk>(
    disk: &D,
    mut report: impl FnMut(Progress),
    mut follow: impl FnMut((u64, u64), Entry),
) -> Result<Found<D>, OpenError> {
    let names = disk.list().map_err(|error| OpenError::Io(disk.path(""), error))?;
    let numbered: BTreeMap<u64, String> =
        names.iter().filter_map(|name| Some((segment::number(name)?, name.clone()))).collect();
    let mut found = Found {
        segments: Vec::with_capacity(numbered.len()),
        key: None,
        append: 0,
        end: None,
        unfinished: names.iter().any(|name| name == UNFINISHED),
        before_gap: Vec::new(),
        sealed: false,
        progress: Progress::default(),
    };
    for (number, name) in &numbered {
        // A crash may undo the removal of one segment and not that of the next one.
        if found.segments.last().is_some_and(|before| before.number + 1 != *number) {
            let before = found.segments.drain(..).map(|segment| segment::name(segment.number));
            found.before_gap.extend(before);
        }
        let io = |error| OpenError::Io(disk.path(name), error);
        let file = disk.open(name).map_err(io)?;
        let size = file.len().map_err(io)?;
        let file = Arc::new(file);
        let (number, home, used) = (*number, Home::default(), HEAD as u64);
        found.segments.push(Segment { number, home, file, size, used });
    }
    found.progress.of = found.segments.iter().map(|segment| segment.size).sum();
    for at in 0..found.segments.len() {
        let Segment { number, file, .. } = found.segments[at].clone();
        let path = disk.path(&segment::name(number));
        let bytes = contents(&*file).map_err(|error| OpenError::Io(path.clone(), error))?;
        let home = head(&bytes, number, &mut found.key, &path)?.home();
        found.segments[at].home = home;
        let mut reader = Reader { bytes: &bytes, home, offset: HEAD };
        while let Some(whole) = reader.append() {
            // A segment is begun with an append, so none that is followed by another is empty.
            let empty = at > 0 && found.end.is_none_or(|end| end.segment + 1 < at);
            if empty || found.append != 0 && whole.number != found.append {
                return Err(found.gap(disk, (number, whole.start)));
            }
            found.append = whole.number + 1;
            found.sealed = whole.entries.is_empty();
            for (offset, payload) in whole.entries {
                let entry = frame::entry(payload).ok_or_else(|| OpenError::Damaged {
                    file: path.clone(),
                    offset,
                    what: "an entry that no version of awaitd wrote".into(),
                })?;
                follow((number, offset), entry);
                found.progress.entries += 1;
            }
            let (offset, begin) = (reader.offset as u64, whole.start);
            found.end = Some(End { segment: at, offset, begin });
        }
        // An append that is not whole was never acknowledged, unless something came after it.
        let offset = reader.offset;
        let torn = found.append.max(1);
        if let Some(later) = frame::find_later(&bytes[offset..], home, offset as u64, torn) {
            return Err(OpenError::Damaged {
                file: path,
                offset: offset as u64,
                what: format!("a later entry follows at byte {later}, so it was durable once"),
            });
        }
        found.segments[at].used = offset as u64;
        found.progress.bytes += bytes.len() as u64;
        report(found.progress);
    }
    found.append = found.append.max(1);
    Ok(found)
}

impl<D: Disk> Found<D> {
    /// Appends are missing before the one at this place.
    fn gap(&self, disk: &D, here: (u64, u64)) -> OpenError {
        let end = self.end.map(|end| (self.segments[end.segment].number, end.offset));
        let (number, offset) = end.unwrap_or((self.segments[0].number, HEAD as u64));
        OpenError::Damaged {
            file: disk.path(&segment::name(number)),
            offset,
            what: format!(
                "entries are missing here: the next good ones, at byte {} of {}, came later",
                here.1,
                segment::name(here.0),
            ),
        }
    }
}

/// Reads the good appends of a segment.
struct Reader<'a> {
    bytes: &'a [u8],
    home: Home,
    /// Where the next append begins.
    offset: usize,
}

/// An append that is there as a whole.
struct Whole<'a> {
    number: u64,
    start: u64,
    /// The payloads of its frames, and where these are; none if it is a seal.
    entries: Vec<(u64, &'a [u8])>,
}

impl<'a> Reader<'a> {
    fn append(&mut self) -> Option<Whole<'a>> {
        let start = self.offset;
        let (mut at, mut entries, mut number) = (start, Vec::new(), None);
        loop {
            let frame = frame::read(self.bytes.get(at..)?, self.home, at as u64)?;
            if number.is_some_and(|number| number != frame.append) {
                return None;
            }
            number = Some(frame.append);
            entries.extend(frame.payload.map(|payload| (at as u64, payload)));
            at += frame.bytes;
            if frame.last {
                self.offset = at;
                return Some(Whole { number: frame.append, start: start as u64, entries });
            }
        }
    }
}

fn head(bytes: &[u8], number: u64, key: &mut Option<Key>, path: &Path) -> Result<Head, OpenError> {
    let damaged =
        |what: &str| OpenError::Damaged { file: path.into(), offset: 0, what: what.into() };
    match Head::decode(bytes) {
        Err(BadHead::Version(version)) => Err(OpenError::Version(path.into(), version)),
        Err(BadHead::Damaged) => Err(damaged("this is not the head of a segment")),
        Ok(head) if head.number != number => {
            Err(damaged("this is another segment under this name"))
        }
        Ok(head) if *key.get_or_insert(head.key) != head.key => {
            Err(damaged("this segment belongs to another journal"))
        }
        Ok(head) => Ok(head),
    }
}

/// All bytes of a file.
pub(crate) fn contents(file: &impl DiskFile) -> io::Result<Vec<u8>> {
    let length = usize::try_from(file.len()?).map_err(io::Error::other)?;
    let mut bytes = vec![0; length];
    let read = file.read_at(&mut bytes, 0)?;
    bytes.truncate(read);
    Ok(bytes)
}

impl fmt::Display for OpenError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(path, error) => write!(out, "{}: {error}", path.display()),
            Self::Damaged { file, offset, what } => {
                write!(out, "{} is damaged at byte {offset}: {what}", file.display())
            }
            Self::Missing(path) => write!(out, "{} is missing", path.display()),
            Self::Version(path, version) => write!(
                out,
                "{} has version {version} of the format; this awaitd knows version {}",
                path.display(),
                frame::VERSION,
            ),
            Self::Locked(path, by) => {
                write!(out, "{} is used by another awaitd{by}", path.display())
            }
        }
    }
}

impl std::error::Error for OpenError {}
