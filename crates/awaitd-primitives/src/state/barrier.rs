//! Barriers: all parties come, or nobody goes on. Who waits there, the engine knows.

use crate::judge::Verdict;
use crate::messages::answer::{Answer, Refusal};
use crate::messages::name::Name;
use crate::messages::record::Record;
use crate::messages::view::{BarrierView, View};
use crate::state::State;

/// A barrier.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Barrier {
    /// How many meet there.
    pub(crate) parties: u64,
    /// It was aborted, and not reset since.
    pub(crate) broken: bool,
    /// Of the last moment when all had come; 0 if never.
    pub(crate) generation: u64,
}

impl Barrier {
    pub(crate) fn new(parties: u64) -> Self {
        Self { parties, broken: false, generation: 0 }
    }
}

/// Whoever comes waits, unless nobody may; the engine counts them.
pub(crate) fn judge_wait(state: &State, barrier: &Name) -> Verdict {
    match state.barriers.get(barrier) {
        None => Verdict::Refuse(Refusal::NotFound),
        Some(known) if known.broken => Verdict::Refuse(Refusal::Broken),
        Some(_) => Verdict::Wait,
    }
}

/// `reset()`, or `abort()`: whoever waits there is told, since there is a record of it.
pub(crate) fn judge_turn(state: &State, barrier: &Name, broken: bool) -> Verdict {
    let Some(view) = view(state, barrier) else {
        return Verdict::Refuse(Refusal::NotFound);
    };
    let barrier = barrier.clone();
    let record = if broken { Record::Aborted { barrier } } else { Record::Reset { barrier } };
    let view = View::Barrier(BarrierView { broken, ..view });
    Verdict::Grant(vec![record], Answer::State(Box::new(view)))
}

pub(crate) fn judge_delete(state: &State, barrier: &Name) -> Verdict {
    if !state.barriers.contains_key(barrier) {
        return Verdict::Refuse(Refusal::NotFound);
    }
    let thing = crate::messages::name::Thing::Barrier(barrier.clone());
    let record = Record::Deleted { thing, dropped: 0, leases: Vec::new() };
    Verdict::Grant(vec![record], Answer::Deleted)
}

/// Its state, as far as it is known here.
pub(crate) fn view(state: &State, barrier: &Name) -> Option<BarrierView> {
    let Barrier { parties, broken, generation } = *state.barriers.get(barrier)?;
    Some(BarrierView { name: barrier.clone(), parties, waiting: 0, broken, generation })
}
