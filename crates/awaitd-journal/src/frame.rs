//! Bytes: the head of a segment, and the frames in it.
//!
//! A segment is a file of a fixed size, zeros where nothing was written yet. It begins with a head of
//! 64 bytes:
//!
//! | bytes | what |
//! |---|---|
//! | 0..8 | `awaitd` and two zeros |
//! | 8..12 | version of the format |
//! | 12..16 | CRC-32 of the rest of the head |
//! | 16..24 | number of the segment |
//! | 24..56 | the journal's key: which journal it belongs to, and the secret of its tokens |
//! | 56..64 | zeros |
//!
//! Frames follow, each an entry or a seal:
//!
//! | bytes | what |
//! |---|---|
//! | 0..4 | CRC-32 of segment number, salt, offset, and the rest of the frame |
//! | 4..8 | length of the payload; bit 31: the append's last frame; bit 30: a seal |
//! | 8..16 | number of the append |
//! | 16.. | the payload: the entry in the format of postcard |
//!
//! Numbers are little-endian. A frame is good only where it was written: segment and offset are part
//! of its checksum. So is the CRC-32 of the journal's key, as a salt: whoever puts bytes that look like
//! a frame does not know what they would have to be.

use awaitd_primitives::Entry;

/// The version of the format that is written, and the only one so far that is read.
pub const VERSION: u32 = 1;

/// Of a segment's head.
pub const HEAD: usize = 64;

/// Of a frame's head.
pub const FRAME_HEAD: usize = 16;

const MAGIC: [u8; 8] = *b"awaitd\0\0";
const LAST: u32 = 1 << 31;
const SEAL: u32 = 1 << 30;
const LENGTH: u32 = SEAL - 1;

/// The journal's key.
pub type Key = [u8; 32];

/// The segment in which a frame lies, as its checksum knows it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Home {
    number: u64,
    salt: u32,
}

/// The head of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The number of the segment.
    pub number: u64,
    /// The journal's key.
    pub key: Key,
}

/// Why a head is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadHead {
    /// Not the head of a segment, or a damaged one.
    Damaged,
    /// A version of the format that is not known here.
    Version(u32),
}

impl Head {
    /// For the frames of this segment.
    pub fn home(&self) -> Home {
        Home { number: self.number, salt: crc32fast::hash(&self.key) }
    }

    /// Its bytes.
    pub fn encode(&self) -> [u8; HEAD] {
        let mut bytes = [0; HEAD];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.number.to_le_bytes());
        bytes[24..56].copy_from_slice(&self.key);
        let sum = crc32fast::hash(&bytes[16..]);
        bytes[12..16].copy_from_slice(&sum.to_le_bytes());
        bytes
    }

    /// Reads it.
    pub fn decode(bytes: &[u8]) -> Result<Self, BadHead> {
        let bytes: &[u8; HEAD] = bytes.first_chunk().ok_or(BadHead::Damaged)?;
        if bytes[..8] != MAGIC {
            return Err(BadHead::Damaged);
        }
        // Before the checksum: another version may have another one.
        match u32_at(bytes, 8) {
            VERSION => {}
            version => return Err(BadHead::Version(version)),
        }
        if u32_at(bytes, 12) != crc32fast::hash(&bytes[16..]) {
            return Err(BadHead::Damaged);
        }
        let key = bytes[24..56].try_into().expect("32 bytes");
        Ok(Self { number: u64_at(bytes, 16), key })
    }
}

/// A good frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// The number of its append.
    pub append: u64,
    /// Whether it is the last frame of that.
    pub last: bool,
    /// What is in it; `None` if it is a seal.
    pub payload: Option<&'a [u8]>,
    /// How long it is, with its head.
    pub bytes: usize,
}

/// Writes a frame to the end of `bytes`, which will lie at `base` in this segment.
pub fn write(bytes: &mut Vec<u8>, home: Home, base: u64, append: u64, entry: &Entry) {
    let start = begin(bytes, append);
    let taken = std::mem::take(bytes);
    *bytes = postcard::to_extend(entry, taken).expect("an entry whose bodies are here has bytes");
    finish(bytes, start, home, base, 0);
}

/// Writes a seal to the end of `bytes`.
pub fn write_seal(bytes: &mut Vec<u8>, home: Home, base: u64, append: u64) {
    let start = begin(bytes, append);
    finish(bytes, start, home, base, SEAL | LAST);
}

/// Marks the frame that begins at `start` in `bytes` as the last one of its append.
pub fn mark_last(bytes: &mut [u8], start: usize, home: Home, base: u64) {
    let length = u32_at(bytes, start + 4) | LAST;
    bytes[start + 4..start + 8].copy_from_slice(&length.to_le_bytes());
    let sum = checksum(home, base + start as u64, &bytes[start + 4..]);
    bytes[start..start + 4].copy_from_slice(&sum.to_le_bytes());
}

fn begin(bytes: &mut Vec<u8>, append: u64) -> usize {
    let start = bytes.len();
    bytes.extend([0; 8]);
    bytes.extend(append.to_le_bytes());
    start
}

fn finish(bytes: &mut [u8], start: usize, home: Home, base: u64, flags: u32) {
    let length = bytes.len() - start - FRAME_HEAD;
    let length = u32::try_from(length).ok().filter(|length| *length <= LENGTH);
    let length = length.expect("an entry has less than a gigabyte") | flags;
    bytes[start + 4..start + 8].copy_from_slice(&length.to_le_bytes());
    let sum = checksum(home, base + start as u64, &bytes[start + 4..]);
    bytes[start..start + 4].copy_from_slice(&sum.to_le_bytes());
}

/// Reads the frame at the beginning of `bytes`, which lie at `offset` in this segment; `None` if there
/// is no good one.
pub fn read(bytes: &[u8], home: Home, offset: u64) -> Option<Frame<'_>> {
    let head: &[u8; FRAME_HEAD] = bytes.first_chunk()?;
    let length = u32_at(head, 4);
    let end = FRAME_HEAD + (length & LENGTH) as usize;
    let frame = bytes.get(..end)?;
    let append = u64_at(head, 8);
    // Zeros are no frame.
    if append == 0 || u32_at(head, 0) != checksum(home, offset, &frame[4..]) {
        return None;
    }
    let payload = (length & SEAL == 0).then_some(&frame[FRAME_HEAD..]);
    Some(Frame { append, last: length & LAST != 0, payload, bytes: end })
}

/// How long the frame is whose head this is, if it is a good one.
pub fn length(head: &[u8; FRAME_HEAD]) -> usize {
    FRAME_HEAD + (u32_at(head, 4) & LENGTH) as usize
}

/// The entry in a frame's payload.
pub fn entry(payload: &[u8]) -> Option<Entry> {
    match postcard::take_from_bytes(payload) {
        Ok((entry, [])) => Some(entry),
        Ok(_) | Err(_) => None,
    }
}

/// The first good frame at or after the beginning of `bytes` that belongs to a later append than
/// `append`: where it is. Such a frame is written only after everything before it was synced.
pub fn find_later(bytes: &[u8], home: Home, offset: u64, append: u64) -> Option<u64> {
    let mut at = 0;
    while let Some(rest) = bytes.get(at..).filter(|rest| rest.len() >= FRAME_HEAD) {
        // Most of what is looked through are zeros.
        let skip = rest.iter().position(|byte| *byte != 0)?;
        if skip > FRAME_HEAD {
            at += skip - FRAME_HEAD;
            continue;
        }
        // Numbers are near each other; that spares most checksums of what is no frame.
        let near = u64_at(rest, 8).wrapping_sub(append + 1) < (1 << 32);
        if near && read(rest, home, offset + at as u64).is_some() {
            return Some(offset + at as u64);
        }
        at += 1;
    }
    None
}

fn checksum(home: Home, offset: u64, rest: &[u8]) -> u32 {
    // At once: three short parts take longer than most entries.
    let mut place = [0; 20];
    place[..8].copy_from_slice(&home.number.to_le_bytes());
    place[8..12].copy_from_slice(&home.salt.to_le_bytes());
    place[12..].copy_from_slice(&offset.to_le_bytes());
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&place);
    hasher.update(rest);
    hasher.finalize()
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"))
}
