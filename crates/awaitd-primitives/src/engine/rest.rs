//! Things that sprang into being by their use, and go when nobody has used them for a while.

use std::collections::{BTreeSet, HashMap};

use crate::engine::{Engine, Step};
use crate::limits::REST_FOR;
use crate::messages::name::Thing;
use crate::messages::record::Record;
use crate::messages::time::Time;

/// When each of them is looked at next: seldom, so that using them costs nothing.
#[derive(Debug, Default)]
pub(super) struct Rests {
    looks: HashMap<Thing, Time>,
    order: BTreeSet<(Time, Thing)>,
}

impl Rests {
    /// Looks at a thing when it may have rested for long enough, at the earliest.
    pub(super) fn watch(&mut self, thing: Thing, since: Time) {
        self.unwatch(&thing);
        let look = since + REST_FOR;
        self.order.insert((look, thing.clone()));
        self.looks.insert(thing, look);
    }

    /// Looks at a thing no more.
    pub(super) fn unwatch(&mut self, thing: &Thing) {
        if let Some((thing, look)) = self.looks.remove_entry(thing) {
            self.order.remove(&(look, thing));
        }
    }

    /// When the next one is looked at.
    pub(super) fn next(&self) -> Option<Time> {
        self.order.first().map(|(look, _)| *look)
    }
}

impl Engine {
    /// Lets the things go that have rested for long enough, as far as this turn reaches.
    pub(super) fn let_go(&mut self, step: &mut Step) {
        while let Some((look, thing)) = self.rests.order.first().cloned() {
            if look > self.at.now || step.work >= crate::limits::TURN_MAX {
                return;
            }
            step.work += 1;
            let waited_for = !self.waiters.lines_of(&thing).is_empty();
            let now = self.at.now;
            match self.state.resting_since(&thing) {
                Some(since) if !waited_for && since + REST_FOR <= now => {
                    self.commit(vec![Record::Forgotten { thing }], step);
                }
                Some(since) if !waited_for => self.rests.watch(thing, since),
                Some(_) | None => self.rests.watch(thing, now),
            }
        }
    }
}
