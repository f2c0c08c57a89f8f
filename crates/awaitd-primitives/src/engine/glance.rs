//! A look at some queues. It costs as much as it shows, however many others there are.

use std::collections::HashSet;

use crate::engine::Engine;
use crate::messages::name::{Kind, Name, Thing};
use crate::messages::view::QueueView;
use crate::state::queue;

/// Some queues at one moment, and how many things there are.
#[derive(Clone, Debug, Default)]
pub struct Glance {
    /// Queues, and whether each was configured: first those that were named and are there, in that
    /// order, then others by name.
    pub queues: Vec<(QueueView, bool)>,
    /// How many queues, events, locks, semaphores, barriers and schedules there are.
    pub there: Tally,
}

/// How many things there are, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs)] // each is the number of what it is called
pub struct Tally {
    pub queues: usize,
    pub events: usize,
    pub locks: usize,
    pub semaphores: usize,
    pub barriers: usize,
    pub schedules: usize,
}

impl Engine {
    /// Looks at these queues, and if they are fewer than `most` at others besides.
    pub fn glance(&self, names: &[Name], most: usize) -> Glance {
        let state = &self.state;
        let look = |name: &Name| {
            let view = queue::view(state, name)?;
            let view = QueueView { waiters: self.queue_waiters(name), ..view };
            Some((view, state.queues.get(name)?.configured))
        };
        let mut queues: Vec<_> = names.iter().filter_map(look).collect();
        let wanted: HashSet<&Name> = names.iter().collect();
        let others = state.things(Kind::Queue, "", None).map(Thing::name);
        let others = others.filter(|name| !wanted.contains(name));
        let room = most.saturating_sub(queues.len());
        queues.extend(others.filter_map(look).take(room));
        let there = Tally {
            queues: state.queues.len(),
            events: state.events.len(),
            locks: state.locks.len(),
            semaphores: state.semaphores.len(),
            barriers: state.barriers.len(),
            schedules: state.schedules.len(),
        };
        Glance { queues, there }
    }
}
