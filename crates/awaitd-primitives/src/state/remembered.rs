//! What was done under each `Idempotency-Key`, for as long as a repeat may come.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use crate::messages::name::Thing;
use crate::messages::record::Record;
use crate::messages::remembrance::Remembrance;
use crate::messages::time::Time;

/// A key and the thing in the path, to which it belongs, or the server.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct KeyOf {
    pub(crate) thing: Thing,
    pub(crate) text: Arc<str>,
}

/// What is remembered of one request.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Memory {
    /// Of the request: what makes two of them the same.
    pub(crate) fingerprint: u128,
    pub(crate) what: Remembrance,
    until: Time,
}

impl Memory {
    /// The record of it.
    pub(crate) fn record(&self, of: KeyOf) -> Record {
        let (KeyOf { thing, text: key }, what) = (of, self.what.clone());
        Record::Remembered { thing, key, fingerprint: self.fingerprint, what, until: self.until }
    }
}

/// What is remembered of all of them.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Remembered {
    by_key: HashMap<KeyOf, Memory>,
    /// Of the keys and of the names that are written with them.
    bytes: u64,
    ends: BTreeSet<(Time, KeyOf)>,
}

impl Remembered {
    pub(crate) fn get(&self, key: &KeyOf) -> Option<&Memory> {
        self.by_key.get(key)
    }

    pub(crate) fn len(&self) -> usize {
        self.by_key.len()
    }

    /// How many there will be once what is over by then has been forgotten.
    pub(crate) fn lasting(&self, now: Time) -> usize {
        self.len() - self.ends.iter().take_while(|(end, _)| *end <= now).count()
    }

    /// How many bytes of keys and names there are.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// When the next one is forgotten.
    pub(crate) fn next_end(&self) -> Option<Time> {
        self.ends.first().map(|(end, _)| *end)
    }

    pub(crate) fn insert(&mut self, key: KeyOf, fingerprint: u128, what: Remembrance, until: Time) {
        self.remove(&key);
        self.bytes += bytes(&key, &what);
        self.ends.insert((until, key.clone()));
        self.by_key.insert(key, Memory { fingerprint, what, until });
    }

    pub(crate) fn remove(&mut self, key: &KeyOf) {
        if let Some((key, memory)) = self.by_key.remove_entry(key) {
            self.bytes -= bytes(&key, &memory.what);
            self.ends.remove(&(memory.until, key));
        }
    }

    /// Forgets what is over, at most `most` of it; says how many there were.
    pub(crate) fn forget(&mut self, now: Time, most: usize) -> usize {
        let mut forgotten = 0;
        while forgotten < most && self.next_end().is_some_and(|end| end <= now) {
            let (_, key) = self.ends.first().cloned().expect("one is over");
            self.remove(&key);
            forgotten += 1;
        }
        forgotten
    }
}

/// What it takes to write down a key, the name of its thing, which may stand in what is remembered once
/// more (under the server's keys a queue's does), and who had a lock that was broken; the rest is small.
fn bytes(key: &KeyOf, what: &Remembrance) -> u64 {
    let owner = &key.thing;
    let (named, more) = match what {
        Remembrance::Leased(thing, _) => (thing, 0),
        Remembrance::Broke(holders) => {
            let texts = holders.iter().map(|it| 32 + it.owner.as_ref().map_or(0, |it| it.len()));
            (owner, texts.sum())
        }
        _ => (owner, 0),
    };
    let lengths = [owner, named].map(|thing| thing.name().as_str().len());
    (key.text.len() + lengths.iter().sum::<usize>() + more) as u64
}
