//! What few queues have: keys, unique values, ends of waits, results.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::FxHashMap;

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
    /// The first unfinished job of each value.
    pub(super) unique: FxHashMap<Arc<str>, JobId>,
    /// Until when those that wait may.
    pub(super) ends: BTreeSet<(Time, JobId)>,
    pub(super) results: Results,
}

impl Special {
    pub(super) fn new(key_concurrency: u64, fair: bool) -> Self {
        Self {
            keyed: BTreeMap::new(),
            groups: Groups::new(key_concurrency, fair),
            unique: FxHashMap::default(),
            ends: BTreeSet::new(),
            results: Results::default(),
        }
    }
}
