//! Journals without a disk.

use std::future::{Ready, ready};
use std::sync::{Arc, Mutex, PoisonError};

use awaitd_primitives::Entry;

use crate::frame::Key;
use crate::{Appended, Journal, JournalError};

/// Keeps nothing: whoever runs on it starts empty each time.
#[derive(Clone, Copy, Debug)]
pub struct Forgetful {
    key: Key,
}

impl Forgetful {
    /// With this secret.
    pub fn new(key: Key) -> Self {
        Self { key }
    }
}

impl Journal for Forgetful {
    type Appending = Ready<Result<Appended, JournalError>>;

    fn append(&mut self, entries: Vec<Entry>, _track: bool) -> Self::Appending {
        ready(Ok(Appended { entries, ..Appended::default() }))
    }

    fn seal(&mut self) -> Self::Appending {
        ready(Ok(Appended::default()))
    }

    fn key(&self) -> Key {
        self.key
    }
}

/// Keeps every entry in memory, without a bound: for tests, which replay them. Clones share what is
/// kept, so that one can be read while a server writes to another.
#[derive(Clone, Debug, Default)]
pub struct Kept(Arc<Mutex<Vec<Entry>>>);

impl Kept {
    /// All entries so far.
    pub fn entries(&self) -> Vec<Entry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Journal for Kept {
    type Appending = Ready<Result<Appended, JournalError>>;

    fn append(&mut self, entries: Vec<Entry>, _track: bool) -> Self::Appending {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(&entries);
        ready(Ok(Appended { entries, ..Appended::default() }))
    }

    fn seal(&mut self) -> Self::Appending {
        ready(Ok(Appended::default()))
    }

    fn key(&self) -> Key {
        [7; 32]
    }
}
