//! Where those who asked are told: alone, or with others who asked at the same time.

use awaitd_primitives::Ticket;
use rustc_hash::FxHashMap;
use tokio::sync::oneshot;

use crate::desk::Told;

/// Everybody who asked and has not been told.
#[derive(Default)]
pub(crate) struct Askers {
    asking: FxHashMap<Ticket, Asker>,
    /// By their first tickets.
    batches: FxHashMap<Ticket, Batch>,
}

/// Where one who asked is told.
enum Asker {
    /// Alone.
    One(oneshot::Sender<Told>),
    /// With all others of the batch that begins with this ticket: which one of them it is.
    Part(Ticket, usize),
}

/// Many who asked at the same time, of whom all are told once all can be.
struct Batch {
    told: Vec<Option<Told>>,
    missing: usize,
    asker: oneshot::Sender<Vec<Told>>,
}

impl Askers {
    /// One who asks alone.
    pub(crate) fn insert(&mut self, ticket: Ticket, asker: oneshot::Sender<Told>) {
        self.asking.insert(ticket, Asker::One(asker));
    }

    /// Many who ask at the same time.
    pub(crate) fn insert_all(
        &mut self,
        tickets: impl ExactSizeIterator<Item = Ticket>,
        asker: oneshot::Sender<Vec<Told>>,
    ) {
        let missing = tickets.len();
        let mut first = None;
        for (at, ticket) in tickets.enumerate() {
            let first = *first.get_or_insert(ticket);
            self.asking.insert(ticket, Asker::Part(first, at));
        }
        match first {
            Some(first) => {
                let told = (0..missing).map(|_| None).collect();
                self.batches.insert(first, Batch { told, missing, asker });
            }
            // Nobody asks, and that is told at once.
            None => _ = asker.send(Vec::new()),
        }
    }

    /// One who asked alone has gone.
    pub(crate) fn remove(&mut self, ticket: Ticket) {
        self.asking.remove(&ticket);
    }

    /// Tells one who asked; nothing if he has gone.
    pub(crate) fn tell(&mut self, ticket: Ticket, told: Told) {
        match self.asking.remove(&ticket) {
            Some(Asker::One(asker)) => _ = asker.send(told),
            Some(Asker::Part(first, at)) => self.collect(first, at, told),
            None => {}
        }
    }

    fn collect(&mut self, first: Ticket, at: usize, told: Told) {
        let Some(batch) = self.batches.get_mut(&first) else { return };
        batch.told[at] = Some(told);
        batch.missing -= 1;
        if batch.missing == 0
            && let Some(Batch { told, asker, .. }) = self.batches.remove(&first)
        {
            _ = asker.send(told.into_iter().flatten().collect());
        }
    }
}
