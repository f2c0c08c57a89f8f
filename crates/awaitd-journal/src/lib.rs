//! What survives: where the entries go before anybody is told of them.
//!
//! The server knows a journal by one promise: when [`Journal::append`] resolves, the entries are as
//! durable as this journal makes anything. Nothing outside this crate may assume a file.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use awaitd_primitives::Entry;

/// Where entries go.
pub trait Journal: Send + 'static {
    /// Appends a step's entries, in their order, all or none. They are durable when this resolves.
    ///
    /// An error ends the process: nothing is retried, and nobody is told of anything that lay in the
    /// append, since after a failed sync nobody knows what the disk holds.
    fn append(
        &mut self,
        entries: &[Entry],
    ) -> impl Future<Output = Result<(), JournalError>> + Send;
}

/// The journal cannot promise anything any more. The text fits after "failed to append: ".
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalError(pub String);

impl fmt::Display for JournalError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl std::error::Error for JournalError {}

/// Keeps nothing: whoever runs on it starts empty each time.
#[derive(Clone, Copy, Debug, Default)]
pub struct Forgetful;

impl Journal for Forgetful {
    async fn append(&mut self, _entries: &[Entry]) -> Result<(), JournalError> {
        Ok(())
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
    async fn append(&mut self, entries: &[Entry]) -> Result<(), JournalError> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.extend_from_slice(entries);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::pin::pin;
    use std::task::{Context, Poll, Waker};

    use awaitd_primitives::Time;

    use super::*;

    /// Entries are kept in the order of the appends, and a clone sees them.
    #[test]
    fn what_is_kept_can_be_read_through_a_clone() {
        let kept = Kept::default();
        let mut writer = kept.clone();
        let entries: Vec<Entry> = (1..=3)
            .map(|micros| Entry { at: Time::from_micros(micros), records: Vec::new() })
            .collect();
        for part in [&entries[..2], &entries[2..]] {
            let appended = pin!(writer.append(part)).poll(&mut Context::from_waker(Waker::noop()));
            assert_eq!(appended, Poll::Ready(Ok(())));
        }
        assert_eq!(kept.entries(), entries);
    }
}
