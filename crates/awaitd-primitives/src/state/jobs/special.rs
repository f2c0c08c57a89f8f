//! What few queues have: keys, unique values, ends of waits, results.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use foldhash::HashMap;

use crate::messages::command::JobId;
use crate::messages::time::Time;
use crate::state::groups::Groups;
use crate::state::job::{Job, Place};
use crate::state::results::Results;

/// What few queues have; with nothing in it, it is as if it were not there.
#[derive(Clone, Debug, Default)]
pub(super) struct Rare(pub(super) Option<Box<Special>>);

impl PartialEq for Rare {
    fn eq(&self, other: &Self) -> bool {
        let empty = Special::new(1, false);
        self.0.as_deref().unwrap_or(&empty) == other.0.as_deref().unwrap_or(&empty)
    }
}

#[derive(Clone, Debug, PartialEq)]
pub(super) struct Special {
    /// Ready, with a key.
    pub(super) keyed: BTreeMap<JobId, (Place, Job)>,
    pub(super) groups: Groups,
    pub(super) unique: Values,
    /// Until when those that wait may.
    pub(super) ends: BTreeSet<(Time, JobId)>,
    pub(super) results: Results,
    /// How many were put for a time of day, and have not come back since.
    pub(super) dated: usize,
}

impl Special {
    pub(super) fn new(key_concurrency: u64, fair: bool) -> Self {
        Self {
            keyed: BTreeMap::new(),
            groups: Groups::new(key_concurrency, fair),
            unique: Values::default(),
            ends: BTreeSet::new(),
            results: Results::default(),
            dated: 0,
        }
    }
}

/// The unfinished jobs of each value that is to be unique: one, and those that came beside it because they
/// died elsewhere.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Values {
    first: HashMap<Arc<str>, JobId>,
    more: BTreeSet<(Arc<str>, JobId)>,
}

impl Values {
    /// The one that was put first.
    pub(super) fn first(&self, value: &str) -> Option<JobId> {
        self.first.get(value).copied()
    }

    pub(super) fn insert(&mut self, value: &Arc<str>, job: JobId) {
        let first = self.first.entry(Arc::clone(value)).or_insert(job);
        if *first != job {
            let later = job.max(*first);
            *first = job.min(*first);
            self.more.insert((Arc::clone(value), later));
        }
    }

    pub(super) fn remove(&mut self, value: &Arc<str>, job: JobId) {
        if self.first.get(value) != Some(&job) {
            self.more.remove(&(Arc::clone(value), job));
            return;
        }
        self.first.remove(value);
        let from = (Arc::clone(value), job);
        if let Some(next) = self.more.range(from..).next().filter(|(of, _)| of == value).cloned() {
            self.more.remove(&next);
            self.first.insert(next.0, next.1);
        }
    }
}
