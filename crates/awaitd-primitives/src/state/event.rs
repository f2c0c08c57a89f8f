//! Events: set until they are cleared, with the value of the last set.

use crate::judge::{Verdict, wait_for_unknown};
use crate::limits::Limits;
use crate::messages::answer::{Answer, Refusal};
use crate::messages::command::Payload;
use crate::messages::name::{Name, Thing};
use crate::messages::record::Record;
use crate::messages::time::Time;
use crate::messages::view::EventView;
use crate::state::State;

/// An event. A clear keeps generation and value, for those who ask for what came `after`.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Event {
    pub(crate) set: bool,
    pub(crate) last: Option<(u64, Payload)>,
    /// Its last set or clear.
    pub(crate) touched: Time,
}

impl Event {
    pub(crate) fn new(now: Time) -> Self {
        Self { set: false, last: None, touched: now }
    }

    /// Of its value and the value's type.
    pub(crate) fn bytes(&self) -> u64 {
        self.last.as_ref().map_or(0, |(_, value)| value.bytes() as u64)
    }

    /// Of the last set; 0 if there was none.
    pub(crate) fn generation(&self) -> u64 {
        self.last.as_ref().map_or(0, |(generation, _)| *generation)
    }
}

pub(crate) fn judge_set(
    state: &State,
    limits: &Limits,
    event: &Name,
    value: &Payload,
    only_unset: bool,
) -> Verdict {
    match state.events.get(event) {
        Some(known) if known.set && only_unset => {
            return Verdict::Refuse(Refusal::AlreadySet { generation: known.generation() });
        }
        None if state.is_full(limits) => return Verdict::Refuse(Refusal::TooManyNames),
        Some(_) | None => {}
    }
    let (bytes, before) =
        (value.body.len() as u64, state.events.get(event).map_or(0, Event::bytes));
    if let Err(refusal) = state.may_grow(limits, bytes.saturating_sub(before)) {
        return Verdict::Refuse(refusal);
    }
    let generation = state.last_generation + 1;
    let mut records = Vec::with_capacity(2);
    if !state.events.contains_key(event) {
        records.push(Record::Made { thing: Thing::Event(event.clone()) });
    }
    records.push(Record::Set { event: event.clone(), generation, value: value.clone() });
    Verdict::Grant(records, Answer::Set { generation })
}

pub(crate) fn judge_clear(state: &State, event: &Name) -> Verdict {
    let set = state.events.get(event).is_some_and(|known| known.set);
    let records = if set { vec![Record::Cleared { event: event.clone() }] } else { Vec::new() };
    Verdict::Grant(records, Answer::Cleared)
}

pub(crate) fn judge_wait(
    state: &State,
    limits: &Limits,
    event: &Name,
    after: Option<u64>,
) -> Verdict {
    let Some(known) = state.events.get(event) else {
        return wait_for_unknown(limits);
    };
    let holds = match after {
        Some(generation) => known.generation() > generation,
        None => known.set,
    };
    match &known.last {
        Some((generation, value)) if holds => Verdict::Grant(
            Vec::new(),
            Answer::Happened { generation: *generation, value: value.clone() },
        ),
        Some(_) | None => Verdict::Wait,
    }
}

/// For whoever will not wait, or no longer.
pub(crate) fn not_set(state: &State, event: &Name) -> Refusal {
    Refusal::NotSet { generation: state.generation(event) }
}

/// Its state.
pub(crate) fn view(state: &State, event: &Name) -> Option<EventView> {
    let known = state.events.get(event)?;
    Some(EventView { name: event.clone(), set: known.set, generation: known.generation() })
}
