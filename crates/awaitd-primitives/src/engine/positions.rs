//! How far the journal is, and what of it each reply has to wait for.

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use crate::messages::answer::{Answer, Got};
use crate::messages::command::{Ask, Command, GetMode, JobId, LeaseId};
use crate::messages::record::{Entry, Held, Record, Then};

/// A place in the stream of entries: so many have come up to here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position(pub u64);

/// What has been judged, what is durable, and what in between concerns single jobs and numbers.
#[derive(Debug, Default)]
pub(super) struct Positions {
    committed: Position,
    durable: Position,
    /// The newest entry about a job, other than its lease, that is not durable yet.
    jobs: FxHashMap<JobId, Position>,
    in_order: VecDeque<(Position, JobId)>,
    /// Lease numbers up to this are durably reserved…
    reserved: u64,
    /// … and up to these by entries that are not durable yet.
    marks: VecDeque<(u64, Position)>,
}

impl Positions {
    /// At the beginning, with lease numbers reserved up to `reserved`.
    pub(super) fn new(reserved: u64) -> Self {
        Self { reserved, ..Self::default() }
    }

    /// The end of everything that was judged so far.
    pub(super) fn committed(&self) -> Position {
        self.committed
    }

    /// One entry more.
    pub(super) fn commit(&mut self, entry: &Entry) {
        self.committed.0 += 1;
        for record in &entry.records {
            match record {
                Record::Placed { job, .. }
                | Record::Moved { job, .. }
                | Record::Settled {
                    held: Held::Job { job, .. }, then: Then::Back { .. }, ..
                } => {
                    self.jobs.insert(*job, self.committed);
                    self.in_order.push_back((self.committed, *job));
                }
                Record::Reserved { upto, .. } => self.marks.push_back((*upto, self.committed)),
                _ => {}
            }
        }
    }

    /// Everything up to here is durable.
    pub(super) fn advance(&mut self, upto: Position) {
        self.durable = self.durable.max(upto);
        while let Some((position, job)) = self.in_order.front().copied()
            && position <= self.durable
        {
            self.in_order.pop_front();
            if self.jobs.get(&job).is_some_and(|newest| *newest <= self.durable) {
                self.jobs.remove(&job);
            }
        }
        while let Some((reserved, position)) = self.marks.front().copied()
            && position <= self.durable
        {
            self.marks.pop_front();
            self.reserved = reserved;
        }
    }

    /// What has to be durable before an answer may leave: everything that was judged so far, since it
    /// may tell of any of it. A plain get waits for its job and for its lease's number, not for its
    /// lease: if that is lost, the job is there again, under a larger number.
    pub(super) fn after(&self, ask: &Ask, told: Option<&Answer>) -> Position {
        match told {
            Some(Answer::Got(got)) if is_plain_get(ask) => self.of(got),
            Some(Answer::GotMany(all)) if is_plain_get(ask) => {
                all.iter().map(|got| self.of(got)).max().unwrap_or_default()
            }
            _ => self.committed,
        }
    }

    /// What has to be durable before a job is told of. If its lease is a promise to others as well, that
    /// has to be.
    fn of(&self, got: &Got) -> Position {
        if got.promised {
            return self.committed;
        }
        let job = self.jobs.get(&got.job).copied().unwrap_or_default();
        job.max(self.mark(got.lease))
    }

    /// The entry that reserves a lease's number; the beginning if that is durable.
    fn mark(&self, lease: LeaseId) -> Position {
        if lease.fence() <= self.reserved {
            return Position::default();
        }
        let mark = self.marks.iter().find(|(upto, _)| lease.fence() <= *upto);
        mark.map_or(self.committed, |(_, position)| *position)
    }
}

/// Whether a lost lease would only mean that the job is handed out again. It would mean more if it is
/// done on delivery, if the request did something else as well, or if a repeat has to get the same.
fn is_plain_get(ask: &Ask) -> bool {
    let plain = matches!(
        ask.command,
        Command::Get { mode: GetMode::Leased(_), settle: None, .. }
            | Command::GetAny { mode: GetMode::Leased(_), .. }
    );
    plain && ask.key.is_none()
}
