//! What became of each lease, for as long as anybody may ask: two bits a lease in a window over the
//! numbers, so that a repeated `task_done` after a cut connection is a success and not an error.

use std::collections::{BTreeMap, VecDeque};

use crate::limits::{SETTLED_LATE_MAX, SETTLED_WINDOW};
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

/// Leases in one chunk; at two bits each, 4 KiB.
const CHUNK: u64 = 16 * 1024;

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
        let chunk = lease.fence() / CHUNK;
        while self.first + self.chunks.len() as u64 <= chunk {
            self.chunks.push_back(vec![0; (CHUNK / 4) as usize].into_boxed_slice());
            if self.chunks.len() as u64 > SETTLED_WINDOW / CHUNK {
                self.chunks.pop_front();
                self.first += 1;
            }
        }
    }

    /// Notes what became of a lease.
    pub(crate) fn note(&mut self, lease: LeaseId, fate: Fate) {
        let bits: u8 = match fate {
            Fate::Lost => 0,
            Fate::Done => 1,
            Fate::Returned => 2,
            Fate::Deleted => 3,
        };
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
        match chunk[within / 4] >> (within % 4 * 2) & 3 {
            0 => Fate::Lost,
            1 => Fate::Done,
            2 => Fate::Returned,
            _ => Fate::Deleted,
        }
    }

    fn place(&mut self, lease: LeaseId) -> Option<((&mut [u8], usize), usize)> {
        let number = lease.fence();
        let chunk = usize::try_from((number / CHUNK).checked_sub(self.first)?).ok()?;
        let within = (number % CHUNK) as usize;
        Some(((self.chunks.get_mut(chunk)?, within / 4), within % 4 * 2))
    }
}
