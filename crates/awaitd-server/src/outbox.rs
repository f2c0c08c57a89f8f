//! What was judged and has not left yet. One append is on its way at a time; what is judged meanwhile
//! makes the next one, so that entries share a sync without anybody waiting for company.

use std::future::{pending, poll_fn};
use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use awaitd_journal::{Appended, Fetch, Journal, JournalError};
use awaitd_primitives::{
    Answer, Body, Command, Entry, Position, Record, Refusal, Reply, Step, Time,
};

/// Bytes that are judged and not durable; with more the loop takes nothing in until some are. A second
/// of a slow disk, and little beside what the bodies take when they are durable.
const UNSYNCED_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Entries for which nobody waits are not held back if they are more.
const UNHURRIED_BYTES_MAX: usize = 64 * 1024;

/// What a record takes beside a body, about.
const RECORD_BYTES: usize = 128;

/// Entries and replies on their way out.
pub(crate) struct Outbox<J: Journal> {
    /// The append on its way, and since when…
    flying: Option<(J::Appending, Time)>,
    /// … its end, and the replies that wait for it.
    end: Position,
    waiting: Vec<Reply>,
    /// What the next append will be, and the replies that wait for it.
    next: Vec<Entry>,
    next_waiting: Vec<Reply>,
    /// About how many bytes both are.
    flying_bytes: usize,
    next_bytes: usize,
    /// Of those that a turn has judged so far: how many, and how many bytes.
    judged: (usize, usize),
}

impl<J: Journal> Default for Outbox<J> {
    fn default() -> Self {
        Self {
            flying: None,
            end: Position::default(),
            waiting: Vec::new(),
            next: Vec::new(),
            next_waiting: Vec::new(),
            flying_bytes: 0,
            next_bytes: 0,
            judged: (0, 0),
        }
    }
}

impl<J: Journal> Outbox<J> {
    /// Takes in what a turn judged, so that the next one begins; gives back the replies that need not wait.
    /// `durable` is how far the journal is.
    pub(crate) fn take(&mut self, step: &mut Step, durable: Position) -> Vec<Reply> {
        self.next_bytes += self.weigh(&step.entries);
        self.judged = (0, 0);
        self.next.append(&mut step.entries);
        step.begin_turn();
        let mut ready = Vec::new();
        for reply in step.replies.drain(..) {
            if reply.after <= durable {
                ready.push(reply);
            } else if reply.after <= self.end {
                self.waiting.push(reply);
            } else {
                self.next_waiting.push(reply);
            }
        }
        ready
    }

    /// Begins the next append, if there is something to append and none is on its way. What needs no
    /// disk is durable at once.
    pub(crate) fn launch(
        &mut self,
        journal: &mut J,
        track: bool,
        now: Time,
    ) -> Option<Result<Appended, JournalError>> {
        if self.flying.is_some() || self.next.is_empty() {
            return None;
        }
        self.end.0 += self.next.len() as u64;
        self.waiting.append(&mut self.next_waiting);
        self.flying_bytes = mem::take(&mut self.next_bytes);
        let appending = journal.append(mem::take(&mut self.next), track);
        let (flying, _) = self.flying.insert((appending, now));
        match Pin::new(flying).poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(landed) => {
                self.flying = None;
                Some(landed)
            }
            Poll::Pending => None,
        }
    }

    /// Until the append on its way is durable; for ever if there is none.
    pub(crate) async fn landed(&mut self) -> Result<Appended, JournalError> {
        let Some((flying, _)) = &mut self.flying else { return pending().await };
        let landed = poll_fn(|context| Pin::new(&mut *flying).poll(context)).await;
        self.flying = None;
        landed
    }

    /// The append that was on its way is durable: how far the journal is now, and who waited for it.
    pub(crate) fn land(&mut self) -> (Position, Vec<Reply>) {
        self.flying_bytes = 0;
        (self.end, mem::take(&mut self.waiting))
    }

    /// About how many bytes a turn has judged so far, which count as unsynced from now on.
    pub(crate) fn weigh(&mut self, judged: &[Entry]) -> usize {
        // Each is looked at once.
        let seen = self.judged.0.min(judged.len());
        self.judged.1 += weight(&judged[seen..]);
        self.judged.0 = judged.len();
        self.judged.1
    }

    /// Since when an append has been on its way, if one is.
    pub(crate) fn flying_since(&self) -> Option<Time> {
        self.flying.as_ref().map(|(_, since)| *since)
    }

    /// There are entries for which nobody waits, and none for which somebody does.
    pub(crate) fn is_unhurried(&self) -> bool {
        !self.next.is_empty()
            && self.next_waiting.is_empty()
            && self.next_bytes < UNHURRIED_BYTES_MAX
    }

    /// Nothing is on its way.
    pub(crate) fn is_idle(&self) -> bool {
        self.flying.is_none() && self.next.is_empty() && self.waiting.is_empty()
    }

    /// Nothing more may be judged before something is durable.
    pub(crate) fn is_full(&self) -> bool {
        self.flying_bytes + self.next_bytes + self.judged.1 >= UNSYNCED_BYTES_MAX
    }
}

/// About how many bytes these are.
pub(crate) fn weight(entries: &[Entry]) -> usize {
    let body = |record: &Record| match record {
        Record::Placed { payload, .. } | Record::Set { value: payload, .. } => payload.body.len(),
        _ => 0,
    };
    entries.iter().flat_map(|entry| &entry.records).map(|it| RECORD_BYTES + body(it)).sum()
}

/// How to get the bodies that are on the disk alone, in the order of their jobs.
pub(crate) fn fetches(
    journal: &impl Journal,
    command: &Command,
    told: &mut Result<Answer, Refusal>,
) -> Vec<Option<Box<dyn Fetch>>> {
    let Ok(answer) = told else { return Vec::new() };
    if matches!(command, Command::ListJobs { bodies: false, .. }) {
        return Vec::new();
    }
    let stored = answer.payloads().filter_map(|(job, payload)| match &payload.body {
        Body::Stored(stored) => Some(journal.fetch(stored, job)),
        Body::Here(_) => None,
    });
    stored.collect()
}
