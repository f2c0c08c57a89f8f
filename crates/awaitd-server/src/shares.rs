//! How many places each has, where no one is to have all.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex};

use crate::locked;

/// So many places for each.
#[derive(Clone, Debug)]
pub(crate) struct Shares<K> {
    most: usize,
    taken: Arc<Mutex<HashMap<K, usize>>>,
}

/// A place of one, as long as this lives.
#[derive(Debug)]
pub(crate) struct Share<K: Eq + Hash> {
    of: Shares<K>,
    whose: K,
}

impl<K: Clone + Eq + Hash> Shares<K> {
    /// At most so many for each.
    pub(crate) fn new(most: usize) -> Self {
        Self { most, taken: Arc::default() }
    }

    /// Another one; `None` if this one has as many already.
    pub(crate) fn take(&self, whose: K) -> Option<Share<K>> {
        let mut taken = locked(&self.taken);
        let count = taken.entry(whose.clone()).or_default();
        if *count >= self.most {
            return None;
        }
        *count += 1;
        Some(Share { of: Self { most: self.most, taken: Arc::clone(&self.taken) }, whose })
    }

    /// Who has any.
    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        locked(&self.taken).len()
    }
}

impl<K: Eq + Hash> Drop for Share<K> {
    fn drop(&mut self) {
        let mut taken = locked(&self.of.taken);
        if let Some(count) = taken.get_mut(&self.whose) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.whose);
            }
        }
    }
}
