//! The jobs of one queue that have a key: one of each key goes at a time, in order, and of each key only
//! the job that may go next stands in the way of others.

use std::collections::BTreeSet;
use std::sync::Arc;

use foldhash::{HashMap, HashMapExt};

use crate::messages::command::JobId;
use crate::messages::configuration::Rank;

/// What a queue's order makes of a place: lower goes first.
pub(crate) type Slot = (u64, u64);

/// Where a job stands among those of its key: lower goes first.
type Seat = (Rank, Slot, JobId);

/// Where a job stands among all that may go: lower goes first. The second part is its key's turn.
pub(crate) type Head = (Rank, u64, Slot, JobId);

/// All keys of a queue.
#[derive(Clone, Debug)]
pub(crate) struct Groups {
    by_key: HashMap<Arc<str>, Group>,
    /// Of each key the one that may go next.
    heads: BTreeSet<Head>,
    /// How many jobs of one key may be out.
    most: u64,
    /// Keys take turns. Jobs without a key have one together.
    fair: bool,
    turns: u64,
    plain_turn: u64,
}

/// What is derived from settings and from who came when is no part of what is true.
impl PartialEq for Groups {
    fn eq(&self, other: &Self) -> bool {
        self.by_key == other.by_key
    }
}

/// The jobs of one key.
#[derive(Clone, Debug, Default)]
struct Group {
    /// All of them, in any state.
    ids: BTreeSet<JobId>,
    /// Those that hold the key and are ready again.
    held: BTreeSet<Seat>,
    /// Those that are ready and were never handed out.
    free: BTreeSet<Seat>,
    /// How many hold the key: those under lease and those that were.
    out: u64,
    turn: u64,
    head: Option<Head>,
}

impl PartialEq for Group {
    fn eq(&self, other: &Self) -> bool {
        (&self.ids, &self.held, &self.free, self.out)
            == (&other.ids, &other.held, &other.free, other.out)
    }
}

impl Groups {
    pub(crate) fn new(most: u64, fair: bool) -> Self {
        let (by_key, heads) = (HashMap::new(), BTreeSet::new());
        Self { by_key, heads, most, fair, turns: 0, plain_turn: 0 }
    }

    /// The one that may go next.
    pub(crate) fn first(&self) -> Option<&Head> {
        self.heads.first()
    }

    /// Where a job without a key would stand.
    pub(crate) fn plain(&self, rank: Rank, slot: Slot, job: JobId) -> Head {
        (rank, if self.fair { self.plain_turn } else { 0 }, slot, job)
    }

    /// The jobs of a key after this one, in any state.
    pub(crate) fn of(&self, key: &str, after: JobId) -> impl Iterator<Item = JobId> + '_ {
        let ids = self.by_key.get(key).map(|group| &group.ids);
        let later = (std::ops::Bound::Excluded(after), std::ops::Bound::Unbounded);
        ids.into_iter().flat_map(move |ids| ids.range(later).copied())
    }

    /// A job of this key is there.
    pub(crate) fn enroll(&mut self, key: &Arc<str>, job: JobId) {
        if !self.by_key.contains_key(key) {
            self.turns += 1;
            let group = Group { turn: self.turns, ..Group::default() };
            self.by_key.insert(Arc::clone(key), group);
        }
        self.change(key, |group| _ = group.ids.insert(job));
    }

    /// A job of this key has gone.
    pub(crate) fn leave(&mut self, key: &Arc<str>, job: JobId) {
        self.change(key, |group| _ = group.ids.remove(&job));
        if self.by_key.get(key).is_some_and(|group| group.ids.is_empty()) {
            self.by_key.remove(key);
        }
    }

    /// A job of this key is ready.
    pub(crate) fn ready(&mut self, key: &Arc<str>, seat: Seat, holds: bool) {
        self.change(key, |group| _ = group.side(holds).insert(seat));
    }

    /// A job of this key is not ready any more.
    pub(crate) fn unready(&mut self, key: &Arc<str>, seat: &Seat, holds: bool) {
        self.change(key, |group| _ = group.side(holds).remove(seat));
    }

    /// One more holds this key.
    pub(crate) fn hold(&mut self, key: &Arc<str>) {
        self.change(key, |group| group.out += 1);
    }

    /// One less holds this key.
    pub(crate) fn let_go(&mut self, key: &Arc<str>) {
        self.change(key, |group| group.out -= 1);
    }

    /// It was this key's turn, or that of those without.
    pub(crate) fn took_turn(&mut self, key: Option<&Arc<str>>) {
        self.turns += 1;
        let turn = self.turns;
        match key {
            Some(key) => self.change(key, |group| group.turn = turn),
            None => self.plain_turn = turn,
        }
    }

    /// How many jobs of one key may be out, and whether keys take turns.
    pub(crate) fn set(&mut self, most: u64, fair: bool) {
        if (self.most, self.fair) == (most, fair) {
            return;
        }
        (self.most, self.fair) = (most, fair);
        self.heads.clear();
        for group in self.by_key.values_mut() {
            group.head = group.next(most, fair);
            self.heads.extend(group.head.clone());
        }
    }

    fn change(&mut self, key: &Arc<str>, change: impl FnOnce(&mut Group)) {
        let Some(group) = self.by_key.get_mut(key) else { return };
        change(group);
        let head = group.next(self.most, self.fair);
        if head == group.head {
            return;
        }
        if let Some(before) = std::mem::replace(&mut group.head, head.clone()) {
            self.heads.remove(&before);
        }
        self.heads.extend(head);
    }
}

impl Group {
    fn side(&mut self, holds: bool) -> &mut BTreeSet<Seat> {
        if holds { &mut self.held } else { &mut self.free }
    }

    /// The one that may go next.
    fn next(&self, most: u64, fair: bool) -> Option<Head> {
        let free = || self.free.first().filter(|_| self.out < most);
        let (rank, slot, job) = self.held.first().or_else(free)?;
        Some((rank.clone(), if fair { self.turn } else { 0 }, *slot, *job))
    }
}
