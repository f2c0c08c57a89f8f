//! Events and joins: generations only grow, and each has the value that it was set with.

use std::collections::HashMap;

use super::{Asked, Oracle};

/// What was told of an event, or of the emptiness of a queue.
#[derive(Debug, Default)]
pub(super) struct Signal {
    /// The largest generation that was told.
    last: u64,
    /// The value of each generation that was told with one.
    values: HashMap<u64, String>,
    /// What was set, and under which generation if that was told.
    sets: HashMap<String, Option<u64>>,
}

impl Signal {
    pub(super) fn last(&self) -> u64 {
        self.last
    }
}

impl Oracle {
    /// A set is about to be sent, or to be repeated under its key. Each value is set once.
    pub fn setting(&mut self, event: &str, value: &str) {
        let signal = self.signals.entry(event.to_owned()).or_default();
        signal.sets.entry(value.to_owned()).or_default();
    }

    /// 200 to a set. `asked` is the first request's, if this one was a repeat.
    pub fn set(&mut self, asked: &Asked, event: &str, value: &str, generation: u64) {
        let set = self.signals.get(event).and_then(|signal| signal.sets.get(value)).copied();
        let Some(known) = set else {
            return self.complain(format!("{event}: {value} was never set"));
        };
        if known.is_none() && generation <= asked.generation {
            let before = asked.generation;
            self.complain(format!("{event}: set {generation}, and {before} was told before"));
        }
        self.happened(event, value, generation);
    }

    /// 200 to whoever waited for an event.
    pub fn seen(&mut self, asked: &Asked, event: &str, value: &str, generation: u64) {
        self.not_below(asked, event, generation);
        self.happened(event, value, generation);
    }

    /// Any answer to a join, or one that says that an event is not set.
    pub fn generation(&mut self, asked: &Asked, thing: &str, generation: u64) {
        self.not_below(asked, thing, generation);
        let signal = self.signals.entry(thing.to_owned()).or_default();
        signal.last = signal.last.max(generation);
    }

    fn not_below(&mut self, asked: &Asked, thing: &str, generation: u64) {
        if generation < asked.generation {
            let before = asked.generation;
            self.complain(format!("{thing}: generation {generation}, and {before} before"));
        }
    }

    /// A generation has one value, and a value one generation.
    fn happened(&mut self, event: &str, value: &str, generation: u64) {
        let signal = self.signals.entry(event.to_owned()).or_default();
        signal.last = signal.last.max(generation);
        let other = signal.values.insert(generation, value.to_owned());
        let known = signal.sets.insert(value.to_owned(), Some(generation));
        match known {
            None => self.complain(format!("{event}: {value}, which nobody set")),
            Some(Some(known)) if known != generation => {
                self.complain(format!("{event}: {value} is generation {known} and {generation}"));
            }
            Some(_) => {}
        }
        if let Some(other) = other.filter(|other| other != value) {
            self.complain(format!("{event}: generation {generation} is {other} and {value}"));
        }
    }
}
