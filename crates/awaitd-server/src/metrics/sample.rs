//! What was counted of some queues, for those who watch them.

use awaitd_primitives::{Name, QueueView};

use super::counts::{BOUNDS, Event, OfQueue};
use super::{Metrics, admit};
use crate::locked;

/// The upper bounds of [`Counted::waits`], in seconds.
pub(crate) const WAIT_BOUNDS: [f64; BOUNDS.len()] = BOUNDS;

/// What happened in a queue since it has series of its own.
#[derive(Clone, Debug, Default)]
#[cfg_attr(test, derive(PartialEq))]
pub(crate) struct Counted {
    pub(crate) put: u64,
    pub(crate) got: u64,
    pub(crate) done: u64,
    pub(crate) returned: u64,
    pub(crate) expired: u64,
    pub(crate) dead: u64,
    /// Jobs that were handed out, by how long they had been ready: at most as long as each bound of
    /// [`WAIT_BOUNDS`], and longer than the one before; the last are above all.
    pub(crate) waits: [u64; WAIT_BOUNDS.len() + 1],
}

impl Counted {
    fn of(counts: &OfQueue) -> Self {
        let jobs = |event: Event| counts.jobs[event as usize];
        Self {
            put: jobs(Event::Put),
            got: jobs(Event::Got),
            done: jobs(Event::Done),
            returned: jobs(Event::Returned),
            expired: jobs(Event::Expired),
            dead: jobs(Event::Dead),
            waits: counts.job_wait.buckets,
        }
    }
}

impl Metrics {
    /// Queues that have series of their own; none if they are more than `most`.
    pub(crate) fn own_queues(&self, most: usize) -> Vec<Name> {
        let own = &locked(&self.by_name).queues.own;
        if own.len() > most { Vec::new() } else { own.keys().cloned().collect() }
    }

    /// What was counted of each of these queues, after they were given series of their own as far as
    /// there is room; `None` of one that has none.
    pub(crate) fn counted(&self, queues: &[(QueueView, bool)]) -> Vec<Option<Counted>> {
        let mut by_name = locked(&self.by_name);
        for (view, configured) in queues {
            if by_name.queues.has_room() {
                admit(&mut by_name.queues, vec![(&view.name, *configured)]);
            }
        }
        let own = &by_name.queues.own;
        queues
            .iter()
            .map(|(view, _)| own.get(&view.name).map(|own| Counted::of(&own.counts)))
            .collect()
    }
}
