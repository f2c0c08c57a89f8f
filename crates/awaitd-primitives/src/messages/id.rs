//! Numbers by which things are named.

use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

/// Whoever asked; opaque here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub u64);

/// A job's number; larger than that of any job before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct JobId(pub u64);

/// A lease's number, which is its fence as well: larger than that of any lease before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct LeaseId(pub NonZeroU64);

impl LeaseId {
    /// The fence: the number to compare.
    pub fn fence(self) -> u64 {
        self.0.get()
    }
}
