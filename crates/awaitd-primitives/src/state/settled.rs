//! What became of each lease, for as long as anybody may ask: two bits a lease in a window over the
//! numbers, so that a repeated `task_done` after a cut connection is a success and not an error.

use std::collections::{BTreeMap, VecDeque};

use crate::limits::{FATES_RANGE, SETTLED_LATE_MAX, SETTLED_WINDOW};
use crate::messages::checkpoint::Copied;
use crate::messages::command::LeaseId;

/// What became of a lease that is not live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// It ran out, was never delivered, or is too old to be remembered.
    Lost,
    /// The job is done, the lock was released.
    Done,
    /// The job was given back.
    Returned,
    /// It went with its thing.
    Deleted,
}

impl Fate {
    const ALL: [Self; 4] = [Self::Lost, Self::Done, Self::Returned, Self::Deleted];

    /// Two of them.
    fn bits(self) -> u8 {
        match self {
            Self::Lost => 0,
            Self::Done => 1,
            Self::Returned => 2,
            Self::Deleted => 3,
        }
    }

    fn of(bits: u8) -> Self {
        Self::ALL[usize::from(bits & 3)]
    }
}

/// Leases in one chunk.
const CHUNK: u64 = FATES_RANGE;

/// Chunks in the window.
const CHUNKS: u64 = SETTLED_WINDOW / CHUNK;

/// The window, which moves up with the numbers, and the late ones below it.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Settled {
    /// The number of the first chunk that is there.
    first: u64,
    chunks: VecDeque<Box<[u8]>>,
    late: BTreeMap<LeaseId, Fate>,
}

impl Settled {
    /// Makes room for a lease with this number; what falls out at the other end is forgotten.
    pub(crate) fn reach(&mut self, lease: LeaseId) {
        self.reach_chunk(lease.fence() / CHUNK);
    }

    fn reach_chunk(&mut self, chunk: u64) {
        let next = self.first + self.chunks.len() as u64;
        // Numbers may leap, by more than the window at a restore.
        if chunk >= next + CHUNKS {
            self.chunks.clear();
            self.first = chunk + 1 - CHUNKS;
        }
        while self.first + self.chunks.len() as u64 <= chunk {
            self.chunks.push_back(vec![0; (CHUNK / 4) as usize].into_boxed_slice());
            if self.chunks.len() as u64 > CHUNKS {
                self.chunks.pop_front();
                self.first += 1;
            }
        }
    }

    /// A copy of the chunk in which this lease is.
    pub(crate) fn copy_chunk(&self, lease: LeaseId) -> Option<Copied> {
        let chunk = lease.fence() / CHUNK;
        let at = usize::try_from(chunk.checked_sub(self.first)?).ok()?;
        Some(Copied::Fates { chunk, bits: self.chunks.get(at)?.clone() })
    }

    /// A copy of the late ones, if there are any.
    pub(crate) fn copy_late(&self) -> Option<Copied> {
        let fates = self.late.iter().map(|(lease, fate)| (*lease, fate.bits())).collect();
        (!self.late.is_empty()).then_some(Copied::Late { fates })
    }

    /// How many bytes copies of all of it take, about.
    pub(crate) fn bytes(&self) -> u64 {
        self.chunks.len() as u64 * (CHUNK / 4 + 64) + self.late.len() as u64 * 16
    }

    /// Takes a copy of a chunk in.
    pub(crate) fn fill(&mut self, chunk: u64, bits: &[u8]) {
        self.reach_chunk(chunk);
        let at = chunk.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        if let Some(own) = at.and_then(|at| self.chunks.get_mut(at))
            && own.len() == bits.len()
        {
            own.copy_from_slice(bits);
        }
    }

    /// Takes a copy of the late ones in: all that there are.
    pub(crate) fn fill_late(&mut self, fates: &[(LeaseId, u8)]) {
        self.late = fates.iter().map(|(lease, bits)| (*lease, Fate::of(*bits))).collect();
    }

    /// Notes what became of a lease.
    pub(crate) fn note(&mut self, lease: LeaseId, fate: Fate) {
        let bits = fate.bits();
        if let Some((byte, shift)) = self.place(lease) {
            byte.0[byte.1] = byte.0[byte.1] & !(3 << shift) | bits << shift;
            return;
        }
        // Of what is not noted it is said as well that it is lost.
        if fate == Fate::Lost {
            return;
        }
        self.late.insert(lease, fate);
        if self.late.len() > SETTLED_LATE_MAX {
            self.late.pop_first();
        }
    }

    /// What became of a lease that is not live.
    pub(crate) fn fate(&self, lease: LeaseId) -> Fate {
        let number = lease.fence();
        let Some(chunk) = (number / CHUNK).checked_sub(self.first) else {
            return self.late.get(&lease).copied().unwrap_or(Fate::Lost);
        };
        let Some(chunk) = usize::try_from(chunk).ok().and_then(|at| self.chunks.get(at)) else {
            return Fate::Lost;
        };
        let within = (number % CHUNK) as usize;
        Fate::of(chunk[within / 4] >> (within % 4 * 2))
    }

    fn place(&mut self, lease: LeaseId) -> Option<((&mut [u8], usize), usize)> {
        let number = lease.fence();
        let chunk = usize::try_from((number / CHUNK).checked_sub(self.first)?).ok()?;
        let within = (number % CHUNK) as usize;
        Some(((self.chunks.get_mut(chunk)?, within / 4), within % 4 * 2))
    }
}
