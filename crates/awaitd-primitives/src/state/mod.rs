//! placeholder
use crate::messages::record::Entry;
use crate::messages::time::Time;

/// A large table of something that went.
#[derive(Debug)]
pub struct Trash;

/// What survives.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct State {}

impl State {
    /// An empty state.
    pub fn new() -> Self {
        Self::default()
    }
    /// The one mutation by facts.
    pub fn apply(&mut self, _entry: &Entry) {
        todo!()
    }
    /// What follows from time alone.
    pub fn advance(&mut self, _now: Time) {
        todo!()
    }
    /// A state from its history.
    pub fn replay(entries: impl IntoIterator<Item = Entry>) -> Self {
        let mut state = Self::new();
        for entry in entries {
            state.advance(entry.at);
            state.apply(&entry);
        }
        state
    }
}
