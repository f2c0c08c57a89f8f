//! A journal that is as slow as a test wants it.

use std::pin::Pin;
use std::sync::Arc;

use awaitd_journal::{Appended, Journal, JournalError};
use awaitd_primitives::{Entry, Record};
use tokio::sync::Semaphore;

/// Appends only when it is allowed to.
pub(crate) struct Slow(pub(crate) Arc<Semaphore>);

impl Journal for Slow {
    type Appending = Appending;

    fn append(&mut self, entries: Vec<Entry>, _: bool) -> Appending {
        let allowed = Arc::clone(&self.0);
        Box::pin(async move {
            if !is_a_start(&entries) {
                allowed.acquire().await.expect("nobody closes it").forget();
            }
            Ok(Appended { entries, ..Appended::default() })
        })
    }

    fn seal(&mut self) -> Appending {
        Box::pin(async { Ok(Appended::default()) })
    }

    fn key(&self) -> [u8; 32] {
        [7; 32]
    }
}

pub(crate) type Appending = Pin<Box<dyn Future<Output = Result<Appended, JournalError>> + Send>>;

/// What every start writes.
pub(crate) fn is_a_start(entries: &[Entry]) -> bool {
    let mut records = entries.iter().flat_map(|entry| &entry.records);
    records.all(|it| matches!(it, Record::Tied { .. } | Record::Reserved { .. }))
}
