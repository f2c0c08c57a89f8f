//! Numbers by which things are named.

use std::num::NonZeroU64;

use serde::{Deserialize, Serialize};

use crate::messages::name::Thing;

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

/// A lease as a client names it. Whoever makes one has checked the token: the number was given out
/// by this server, and if a path named it, for that thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaseRef {
    /// Its number, from a token that this server made.
    pub id: LeaseId,
    /// The thing in the path, to which a key belongs; `None` if the lease was named by its token alone.
    pub thing: Option<Thing>,
}
