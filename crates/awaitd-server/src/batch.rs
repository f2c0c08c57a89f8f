//! Where those who asked are told: alone, or with others who asked at the same time.

use std::collections::BTreeMap;

use awaitd_primitives::Ticket;
use rustc_hash::FxHashMap;
use tokio::sync::oneshot;

use crate::desk::Told;

/// Everybody who asked and has not been told.
#[derive(Default)]
pub(crate) struct Askers {
    /// Those who asked alone.
    alone: FxHashMap<Ticket, oneshot::Sender<Told>>,
    /// The others, by the first ticket of each batch: the rest follow it.
    batches: BTreeMap<Ticket, Batch>,
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
        self.alone.insert(ticket, asker);
    }

    /// So many who ask at the same time, with tickets that follow each other from `first` on.
    pub(crate) fn insert_all(
        &mut self,
        first: Option<Ticket>,
        missing: usize,
        asker: oneshot::Sender<Vec<Told>>,
    ) {
        match first {
            Some(first) => {
                let told = (0..missing).map(|_| None).collect();
                self.batches.insert(first, Batch { told, missing, asker });
            }
            // Nobody asks, and that is told at once.
            None => _ = asker.send(Vec::new()),
        }
    }

    /// One who asked alone is not told.
    pub(crate) fn remove(&mut self, ticket: Ticket) {
        self.alone.remove(&ticket);
    }

    /// Tells one who asked; nothing if he has gone.
    pub(crate) fn tell(&mut self, ticket: Ticket, told: Told) {
        match self.alone.remove(&ticket) {
            Some(asker) => _ = asker.send(told),
            None => self.collect(ticket, told),
        }
    }

    fn collect(&mut self, ticket: Ticket, told: Told) {
        let Some((first, batch)) = self.batches.range_mut(..=ticket).next_back() else { return };
        let (first, at) = (*first, usize::try_from(ticket.0 - first.0).unwrap_or(usize::MAX));
        // Behind the last one of the batch: one who asked alone, and has gone.
        let Some(place) = batch.told.get_mut(at) else { return };
        *place = Some(told);
        batch.missing -= 1;
        if batch.missing == 0
            && let Some(Batch { told, asker, .. }) = self.batches.remove(&first)
        {
            let told = told.into_iter().map(|told| told.expect("nobody is missing"));
            _ = asker.send(told.collect());
        }
    }
}
