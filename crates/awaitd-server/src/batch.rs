//! Where those who asked are told: alone, or with others who asked at the same time.

use awaitd_primitives::Ticket;
use tokio::sync::oneshot;

use crate::desk::Told;

/// Where one who asked is told.
pub(crate) enum Asker {
    /// Alone.
    One(oneshot::Sender<Told>),
    /// With all others of the batch that begins with this ticket.
    Part(Ticket),
}

/// Many who asked at the same time, of whom all are told once all can be.
pub(crate) struct Batch {
    told: Vec<Option<Told>>,
    missing: usize,
    asker: oneshot::Sender<Vec<Told>>,
}

impl Batch {
    /// So many.
    pub(crate) fn new(count: usize, asker: oneshot::Sender<Vec<Told>>) -> Self {
        Self { told: (0..count).map(|_| None).collect(), missing: count, asker }
    }

    /// What one of them is told; whether that was the last one missing.
    pub(crate) fn put(&mut self, at: usize, told: Told) -> bool {
        if self.told[at].replace(told).is_none() {
            self.missing -= 1;
        }
        self.missing == 0
    }

    /// Tells them.
    pub(crate) fn send(self) {
        _ = self.asker.send(self.told.into_iter().flatten().collect());
    }
}
