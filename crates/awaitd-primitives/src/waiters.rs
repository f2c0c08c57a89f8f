//! Who waits for what, in which order, until when. Volatile: a wait belongs to its open request and
//! does not survive it, let alone the server.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::limits::KEEP_FOR;
use crate::messages::command::{Ask, Command, JobId, LeaseId, Ticket};
use crate::messages::name::{Name, Thing};
use crate::messages::time::Time;
use crate::quotas::{Quotas, Waits};
use crate::state::remembered::KeyOf;

/// What somebody may wait for. The first three are lines, in which the first is judged until one
/// must wait; the others are crowds, in which each is judged.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Line {
    Put(Name),
    Get(Name),
    Acquire(Thing),
    Join(Name),
    Event(Name),
    Barrier(Name),
    /// Of a lock: a condition.
    Condition(Name, Name),
    /// Of a queue: what comes of a job.
    Result(Name, JobId),
    Watch(LeaseId),
}

impl Line {
    /// Where a command waits, if it may.
    pub(crate) fn of(command: &Command) -> Option<Self> {
        match command {
            // A schedule does not wait, but overtakes nobody either.
            Command::Put { queue, .. } | Command::Fire { queue, .. } => {
                Some(Self::Put(queue.clone()))
            }
            Command::Get { queue, .. } => Some(Self::Get(queue.clone())),
            Command::Acquire { thing, .. } => Some(Self::Acquire(thing.clone())),
            Command::WaitCondition { lock, condition, notified: None, .. } => {
                Some(Self::Condition(lock.clone(), condition.clone()))
            }
            Command::WaitCondition { lock, notified: Some(_), .. } => {
                Some(Self::Acquire(Thing::Lock(lock.clone())))
            }
            Command::WaitBarrier { barrier } => Some(Self::Barrier(barrier.clone())),
            Command::Join { queue, .. } => Some(Self::Join(queue.clone())),
            Command::WaitEvent { event, .. } => Some(Self::Event(event.clone())),
            // And in those of the others, see [`Line::also_of`].
            Command::GetAny { queues, .. } => queues.first().cloned().map(Self::Get),
            Command::WaitResult { queue, job } => Some(Self::Result(queue.clone(), *job)),
            Command::Watch { lease } => Some(Self::Watch(lease.id)),
            Command::Configure { .. }
            | Command::Read { .. }
            | Command::List { .. }
            | Command::Delete { .. }
            | Command::CancelJob { .. }
            | Command::ReadJob { .. }
            | Command::ListJobs { .. }
            | Command::Pause { .. }
            | Command::Purge { .. }
            | Command::Redrive { .. }
            | Command::Finish { .. }
            | Command::Progress { .. }
            | Command::Shutdown { .. }
            | Command::SetEvent { .. }
            | Command::ClearEvent { .. }
            | Command::Break { .. }
            | Command::Release { .. }
            | Command::ResetBarrier { .. }
            | Command::AbortBarrier { .. }
            | Command::Notify { .. }
            | Command::ReadCondition { .. }
            | Command::Done { .. }
            | Command::Nack { .. }
            | Command::Extend { .. }
            | Command::Withdraw { .. } => None,
        }
    }

    /// Other lines in which a command waits at the same time.
    pub(crate) fn also_of(command: &Command) -> Vec<Self> {
        match command {
            Command::GetAny { queues, .. } => {
                queues.iter().skip(1).cloned().map(Self::Get).collect()
            }
            _ => Vec::new(),
        }
    }

    /// All lines of a thing but those of a lock's conditions and of what comes of jobs; who watches a lease of it stands elsewhere.
    pub(crate) fn all_of(thing: &Thing) -> Vec<Self> {
        match thing {
            Thing::Queue(name) => {
                vec![Self::Put(name.clone()), Self::Get(name.clone()), Self::Join(name.clone())]
            }
            Thing::Event(name) => vec![Self::Event(name.clone())],
            Thing::Lock(_) | Thing::Semaphore(_) => vec![Self::Acquire(thing.clone())],
            Thing::Barrier(name) => vec![Self::Barrier(name.clone())],
            Thing::Schedule(_) => Vec::new(),
        }
    }

    /// At which name; that of a lease's watch is not known here.
    pub(crate) fn name(&self) -> Option<&Name> {
        match self {
            Self::Put(name)
            | Self::Get(name)
            | Self::Join(name)
            | Self::Event(name)
            | Self::Barrier(name)
            | Self::Condition(name, _)
            | Self::Result(name, _) => Some(name),
            Self::Acquire(thing) => Some(thing.name()),
            Self::Watch(_) => None,
        }
    }

    /// In a crowd nobody takes anything from another.
    pub(crate) fn is_crowd(&self) -> bool {
        match self {
            Self::Put(_) | Self::Get(_) | Self::Acquire(_) => false,
            Self::Join(_)
            | Self::Event(_)
            | Self::Barrier(_)
            | Self::Condition(..)
            | Self::Result(..)
            | Self::Watch(_) => true,
        }
    }

    /// The thing and the operation, as gauges name them; a watch belongs to a lease and has none.
    pub(crate) fn label(&self) -> Option<(Thing, &'static str)> {
        match self {
            Self::Put(name) => Some((Thing::Queue(name.clone()), "put")),
            Self::Get(name) => Some((Thing::Queue(name.clone()), "get")),
            Self::Join(name) => Some((Thing::Queue(name.clone()), "join")),
            Self::Event(name) => Some((Thing::Event(name.clone()), "wait")),
            Self::Acquire(thing) => Some((thing.clone(), "acquire")),
            Self::Barrier(name) => Some((Thing::Barrier(name.clone()), "wait")),
            Self::Condition(lock, _) => Some((Thing::Lock(lock.clone()), "wait")),
            Self::Result(..) | Self::Watch(_) => None,
        }
    }
}

/// A request that waits.
#[derive(Debug)]
pub(crate) struct Parked {
    pub(crate) arrived: Time,
    pub(crate) until: Time,
    /// Its place in line.
    pub(crate) number: u64,
    pub(crate) line: Line,
    /// Other lines in which it stands as well, at the same place.
    pub(crate) also: Vec<Line>,
    pub(crate) ask: Ask,
    pub(crate) key: Option<KeyOf>,
}

impl Parked {
    /// All lines in which it stands.
    pub(crate) fn lines(&self) -> impl Iterator<Item = &Line> {
        [&self.line].into_iter().chain(&self.also)
    }
}

/// The place of one who is absent. He has left the line and stalls nobody; a repeat of his request
/// stands there again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    pub(crate) number: u64,
    pub(crate) fingerprint: u128,
    until: Time,
}

/// Everybody who waits.
#[derive(Debug, Default)]
pub(crate) struct Waiters {
    parked: FxHashMap<Ticket, Parked>,
    lines: HashMap<Line, BTreeMap<u64, Ticket>>,
    /// Locks and those of their conditions for which somebody waits.
    conditions: BTreeSet<(Name, Name)>,
    /// Queues and those of their jobs of which somebody waits for what comes.
    results: BTreeSet<(Name, JobId)>,
    ends: BTreeSet<(Time, Ticket)>,
    open: HashMap<KeyOf, Ticket>,
    kept: BTreeMap<KeyOf, Kept>,
    kept_ends: BTreeSet<(Time, KeyOf)>,
    last_number: u64,
    bytes: usize,
    /// How many wait in each namespace; who waits in several lines counts in each.
    in_spaces: Waits,
}

impl Waiters {
    pub(crate) fn len(&self) -> usize {
        self.parked.len()
    }

    /// Bytes in the bodies of those who wait to put.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    /// Keys of those who wait, or whose place is kept.
    pub(crate) fn keys(&self) -> usize {
        self.open.len() + self.kept.len()
    }

    /// These quotas hold from now on. Those who wait above them go on waiting.
    pub(crate) fn set_quotas(&mut self, quotas: Arc<Quotas>) {
        self.in_spaces = Waits::new(quotas);
        for (line, there) in &self.lines {
            self.in_spaces.come(line.name(), there.len() as u64);
        }
    }

    /// How many wait in each namespace.
    pub(crate) fn in_spaces(&self) -> &Waits {
        &self.in_spaces
    }

    pub(crate) fn count(&self, line: &Line) -> u64 {
        self.lines.get(line).map_or(0, |line| line.len() as u64)
    }

    pub(crate) fn lines(&self) -> impl Iterator<Item = (&Line, usize)> {
        self.lines.iter().map(|(line, there)| (line, there.len()))
    }

    /// The lines of a thing in which somebody stands.
    pub(crate) fn lines_of(&self, thing: &Thing) -> Vec<Line> {
        let mut lines = Line::all_of(thing);
        lines.retain(|line| self.lines.contains_key(line));
        if let Thing::Lock(lock) = thing {
            lines.extend(
                self.conditions_of(lock)
                    .map(|(name, _)| Line::Condition(lock.clone(), name.clone())),
            );
        }
        if let Thing::Queue(queue) = thing {
            lines.extend(self.results_of(queue).map(|job| Line::Result(queue.clone(), job)));
        }
        lines
    }

    /// The jobs of a queue of which somebody waits for what comes.
    pub(crate) fn results_of<'a>(&'a self, queue: &'a Name) -> impl Iterator<Item = JobId> + 'a {
        let from = self.results.range((queue.clone(), JobId(0))..);
        from.take_while(move |(of, _)| of == queue).map(|(_, job)| *job)
    }

    /// The conditions of a lock for which somebody waits, and how many do.
    pub(crate) fn conditions_of<'a>(
        &'a self,
        lock: &'a Name,
    ) -> impl Iterator<Item = (&'a Name, u64)> {
        let from = self.conditions.range((lock.clone(), Name::least())..);
        from.take_while(move |(of, _)| of == lock)
            .map(|(lock, name)| (name, self.count(&Line::Condition(lock.clone(), name.clone()))))
    }

    /// Whether somebody stands in line before this place.
    pub(crate) fn somebody_before(&self, line: &Line, number: u64) -> bool {
        let first = self.lines.get(line).and_then(|line| line.first_key_value());
        first.is_some_and(|(first, _)| *first < number)
    }

    /// How many stand in line before this place.
    pub(crate) fn count_before(&self, line: &Line, number: u64) -> u64 {
        self.lines.get(line).map_or(0, |line| line.range(..number).count() as u64)
    }

    /// The first in line from this place on.
    pub(crate) fn next_in(&self, line: &Line, from: u64) -> Option<(u64, Ticket)> {
        let (number, ticket) = self.lines.get(line)?.range(from..).next()?;
        Some((*number, *ticket))
    }

    pub(crate) fn get(&self, ticket: Ticket) -> Option<&Parked> {
        self.parked.get(&ticket)
    }

    /// Who waits under this key.
    pub(crate) fn open(&self, key: &KeyOf) -> Option<Ticket> {
        self.open.get(key).copied()
    }

    /// The place at the end.
    pub(crate) fn new_number(&mut self) -> u64 {
        self.last_number += 1;
        self.last_number
    }

    pub(crate) fn park(&mut self, ticket: Ticket, parked: Parked) {
        self.bytes += parked.ask.command.body_bytes();
        if let Line::Condition(lock, condition) = &parked.line {
            self.conditions.insert((lock.clone(), condition.clone()));
        }
        if let Line::Result(queue, job) = &parked.line {
            self.results.insert((queue.clone(), *job));
        }
        for line in parked.lines() {
            self.lines.entry(line.clone()).or_default().insert(parked.number, ticket);
            self.in_spaces.come(line.name(), 1);
        }
        self.ends.insert((parked.until, ticket));
        if let Some(key) = &parked.key {
            self.open.insert(key.clone(), ticket);
        }
        self.parked.insert(ticket, parked);
    }

    pub(crate) fn unpark(&mut self, ticket: Ticket) -> Option<Parked> {
        let parked = self.parked.remove(&ticket)?;
        self.bytes -= parked.ask.command.body_bytes();
        self.ends.remove(&(parked.until, ticket));
        for line in parked.lines() {
            let there = self.lines.get_mut(line).expect("who is parked stands in his lines");
            there.remove(&parked.number);
            if there.is_empty() {
                self.lines.remove(line);
            }
            self.in_spaces.go(line.name());
        }
        if !self.lines.contains_key(&parked.line) {
            match &parked.line {
                Line::Condition(lock, condition) => {
                    self.conditions.remove(&(lock.clone(), condition.clone()));
                }
                Line::Result(queue, job) => _ = self.results.remove(&(queue.clone(), *job)),
                _ => {}
            }
        }
        if let Some(key) = &parked.key {
            self.open.remove(key);
        }
        Some(parked)
    }

    /// Everybody, in the order in which they came.
    pub(crate) fn everybody(&self) -> Vec<Ticket> {
        let mut all: Vec<_> = self.parked.iter().map(|(ticket, it)| (it.number, *ticket)).collect();
        all.sort_unstable();
        all.into_iter().map(|(_, ticket)| ticket).collect()
    }

    /// Whose wait is over, the first of them.
    pub(crate) fn next_end(&self) -> Option<(Time, Ticket)> {
        self.ends.first().copied()
    }

    /// Keeps a place for one who has gone.
    pub(crate) fn keep(&mut self, key: KeyOf, number: u64, fingerprint: u128, now: Time) {
        let until = now + KEEP_FOR;
        self.kept_ends.insert((until, key.clone()));
        self.kept.insert(key, Kept { number, fingerprint, until });
    }

    pub(crate) fn kept(&self, key: &KeyOf) -> Option<&Kept> {
        self.kept.get(key)
    }

    pub(crate) fn unkeep(&mut self, key: &KeyOf) -> Option<Kept> {
        let kept = self.kept.remove(key)?;
        self.kept_ends.remove(&(kept.until, key.clone()));
        Some(kept)
    }

    /// Ends the kept places at a thing that went.
    pub(crate) fn unkeep_all(&mut self, thing: &Thing) {
        let first = KeyOf { thing: thing.clone(), text: "".into() };
        let there = self.kept.range(first..).take_while(|(key, _)| key.thing == *thing);
        let keys: Vec<KeyOf> = there.map(|(key, _)| key.clone()).collect();
        for key in keys {
            self.unkeep(&key);
        }
    }

    /// When the next kept place is over.
    pub(crate) fn next_kept_end(&self) -> Option<Time> {
        self.kept_ends.first().map(|(end, _)| *end)
    }

    /// Ends kept places that are over, at most `most`; says how many there were.
    pub(crate) fn forget(&mut self, now: Time, most: usize) -> usize {
        let mut forgotten = 0;
        while forgotten < most && self.next_kept_end().is_some_and(|end| end <= now) {
            let (_, key) = self.kept_ends.pop_first().expect("one is over");
            self.kept.remove(&key);
            forgotten += 1;
        }
        forgotten
    }
}
