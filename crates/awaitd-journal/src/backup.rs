//! A journal as one stream: its segments as they lie on the disk, up to the newest durable append.
//!
//! What was written is never written over, so the bytes that are used at one moment can be copied while
//! the service goes on, and a segment that is removed meanwhile stays readable while it is open.
//!
//! The stream begins with 16 bytes: `awaitd backup`, a newline, and the version of this format. Parts
//! follow, from the first to the last byte of each segment, from the oldest to the newest:
//!
//! | bytes | what |
//! |---|---|
//! | 0..8 | number of the segment |
//! | 8..16 | how many bytes of it are used |
//! | 16..24 | the first of them that is in this part |
//! | 24.. | 256 KiB of them, or all that are left |
//! | then 4 | CRC-32 of the whole stream up to here, other checksums left out |
//!
//! The last part says that this is all:
//!
//! | bytes | what |
//! |---|---|
//! | 0..8 | zero |
//! | 8..16 | how many bytes of segments there were |
//! | 16..24 | how many segments there were |
//! | 24..28 | CRC-32 of the whole stream up to here, other checksums left out |
//!
//! Numbers are little-endian. Since each checksum covers everything before it, a part that is damaged,
//! lost or in another place is found at once, and the last one stands for the whole.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, ErrorKind, Read};

use crc32fast::Hasher;

use crate::JournalError;
use crate::disk::DiskFile;
use crate::segment::{self, Segment};

/// The version of the format that is written, and the only one so far that is read.
pub const VERSION: u16 = 1;

const MAGIC: &[u8; 14] = b"awaitd backup\n";
const PART_HEAD: usize = 24;

/// Bytes of a segment in one part: few enough to have some of them in memory for each backup that is
/// under way, enough to keep a disk busy.
const PART_BYTES: u64 = 256 * 1024;

/// Writes a backup, a part at a time.
#[derive(Debug)]
pub(crate) struct Writer<F> {
    /// What is still to be written, from the oldest on.
    segments: VecDeque<Segment<F>>,
    /// Where the next part of the first of them begins.
    offset: u64,
    begun: bool,
    ended: bool,
    bytes: u64,
    count: u64,
    sum: Hasher,
}

impl<F: DiskFile> Writer<F> {
    pub(crate) fn new(segments: VecDeque<Segment<F>>) -> Self {
        let (bytes, count) = (segments.iter().map(|it| it.used).sum(), segments.len() as u64);
        let (begun, ended, sum) = (false, false, Hasher::new());
        Self { segments, offset: 0, begun, ended, bytes, count, sum }
    }

    fn part(&mut self) -> io::Result<Vec<u8>> {
        let mut piece = Vec::new();
        if !self.begun {
            self.begun = true;
            piece.extend(MAGIC);
            piece.extend(VERSION.to_le_bytes());
        }
        let Some(Segment { number, file, used, .. }) = self.segments.front() else {
            self.ended = true;
            piece.extend([0, self.bytes, self.count].map(u64::to_le_bytes).as_flattened());
            self.seal(&mut piece);
            return Ok(piece);
        };
        let length = length(*used, self.offset);
        piece.extend([*number, *used, self.offset].map(u64::to_le_bytes).as_flattened());
        let head = piece.len();
        piece.resize(head + length, 0);
        if file.read_at(&mut piece[head..], self.offset)? < length {
            let name = segment::name(*number);
            return Err(io::Error::other(format!("{name} is shorter than what was written to it")));
        }
        self.offset += length as u64;
        if self.offset == *used {
            self.segments.pop_front();
            self.offset = 0;
        }
        self.seal(&mut piece);
        Ok(piece)
    }

    fn seal(&mut self, piece: &mut Vec<u8>) {
        self.sum.update(piece);
        piece.extend(self.sum.clone().finalize().to_le_bytes());
    }
}

impl<F: DiskFile> Iterator for Writer<F> {
    type Item = Result<Vec<u8>, JournalError>;

    /// After an error nothing more comes: without its last part a backup is refused.
    fn next(&mut self) -> Option<Self::Item> {
        if self.ended {
            return None;
        }
        let part = self.part();
        self.ended |= part.is_err();
        Some(part.map_err(|error| JournalError(format!("failed to read the journal: {error}"))))
    }
}

/// How many bytes of a segment are in the part that begins there.
fn length(used: u64, offset: u64) -> usize {
    usize::try_from(used.saturating_sub(offset).min(PART_BYTES)).expect("a part fits into memory")
}

/// Why a backup is none, or not a whole one.
#[derive(Debug)]
pub enum BadBackup {
    /// It cannot be read.
    Io(io::Error),
    /// It is not what was written.
    Damaged {
        /// From which byte on.
        offset: u64,
        /// What shows it.
        what: String,
    },
    /// A version of the format that this program does not know.
    Version(u16),
}

/// Some bytes of a segment.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) number: u64,
    /// How many bytes of the segment there are in all.
    pub(crate) used: u64,
    /// Where these are in it.
    pub(crate) offset: u64,
    pub(crate) bytes: Vec<u8>,
}

impl Part {
    /// Whether the segment is there as a whole.
    pub(crate) fn is_last(&self) -> bool {
        self.offset + self.bytes.len() as u64 == self.used
    }
}

/// Reads a backup, a part at a time, and gives away nothing that has not been checked.
#[derive(Debug)]
pub(crate) struct Reader<R> {
    from: R,
    /// How many bytes have been read.
    offset: u64,
    /// The segment of the newest part, its used bytes, and where the next part of it begins.
    within: (u64, u64, u64),
    bytes: u64,
    count: u64,
    sum: Hasher,
}

impl<R: Read> Reader<R> {
    pub(crate) fn new(from: R) -> Result<Self, BadBackup> {
        let (offset, within, bytes, count, sum) = (0, (0, 0, 0), 0, 0, Hasher::new());
        let mut reader = Self { from, offset, within, bytes, count, sum };
        let mut head = [0; MAGIC.len() + 2];
        reader.take(&mut head)?;
        reader.sum.update(&head);
        let (magic, version) = head.split_at(MAGIC.len());
        if magic != MAGIC {
            return Err(damaged(0, "this is no backup of awaitd"));
        }
        match u16::from_le_bytes(version.try_into().expect("2 bytes")) {
            VERSION => Ok(reader),
            version => Err(BadBackup::Version(version)),
        }
    }

    /// How many bytes have been read.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The next part; `None` at the end, if all was there.
    pub(crate) fn part(&mut self) -> Result<Option<Part>, BadBackup> {
        let start = self.offset;
        let mut head = [0; PART_HEAD];
        self.take(&mut head)?;
        let [number, used, offset] =
            [0, 8, 16].map(|at| u64::from_le_bytes(head[at..at + 8].try_into().expect("8 bytes")));
        let mut bytes = vec![0; if number == 0 { 0 } else { length(used, offset) }];
        self.take(&mut bytes)?;
        self.sum.update(&head);
        self.sum.update(&bytes);
        let sum = self.sum.clone().finalize();
        let mut told = [0; 4];
        self.take(&mut told)?;
        if told != sum.to_le_bytes() {
            let what = "the part that begins here is not what was written".to_owned();
            return Err(damaged(start, &(what + &self.place())));
        }
        if number == 0 {
            return self.end(start, used, offset).map(|()| None);
        }
        let (before, whole, next) = self.within;
        let goes_on = (number, used, offset) == self.within && offset < used;
        let follows = before == 0 || number == before.wrapping_add(1);
        let begins = follows && next == whole && offset == 0 && used > 0;
        if !(goes_on || begins) {
            return Err(damaged(start, "this part does not belong here"));
        }
        self.count += u64::from(!goes_on);
        self.bytes += bytes.len() as u64;
        self.within = (number, used, offset + bytes.len() as u64);
        Ok(Some(Part { number, used, offset, bytes }))
    }

    /// The last part was read: whether it is right, and nothing follows.
    fn end(&mut self, start: u64, bytes: u64, count: u64) -> Result<(), BadBackup> {
        let (_, used, next) = self.within;
        if next != used || (self.bytes, self.count) != (bytes, count) || count == 0 {
            return Err(damaged(start, "its end counts more or less than what is there"));
        }
        let end = self.offset;
        match self.fill(&mut [0])? {
            0 => Ok(()),
            _ => Err(damaged(end, "something follows its end")),
        }
    }

    fn take(&mut self, bytes: &mut [u8]) -> Result<(), BadBackup> {
        if self.fill(bytes)? < bytes.len() {
            let what = "it is cut off here".to_owned();
            return Err(damaged(self.offset, &(what + &self.place())));
        }
        Ok(())
    }

    /// Reads until `bytes` is full or nothing is left; says how many there were.
    fn fill(&mut self, bytes: &mut [u8]) -> Result<usize, BadBackup> {
        let mut filled = 0;
        while filled < bytes.len() {
            match self.from.read(&mut bytes[filled..]) {
                Ok(0) => break,
                Ok(more) => filled += more,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(BadBackup::Io(error)),
            }
        }
        self.offset += filled as u64;
        Ok(filled)
    }

    /// Up to where it was good, for messages.
    fn place(&self) -> String {
        match self.within {
            (0, ..) => String::new(),
            (number, _, next) => format!(", after byte {next} of {}", segment::name(number)),
        }
    }
}

fn damaged(offset: u64, what: &str) -> BadBackup {
    BadBackup::Damaged { offset, what: what.into() }
}

impl fmt::Display for BadBackup {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(error) => write!(out, "failed to read the backup: {error}"),
            Self::Damaged { offset, what } => {
                write!(out, "the backup is damaged at byte {offset}: {what}")
            }
            Self::Version(version) => write!(
                out,
                "the backup has version {version} of the format; this awaitd knows version {VERSION}",
            ),
        }
    }
}

impl std::error::Error for BadBackup {}
