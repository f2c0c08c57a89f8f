//! What the loop is sent, and how far it is behind.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use awaitd_journal::{Backup, JournalError};
use awaitd_primitives::{Census, Glance, LeaseId, Name, Quotas, Request, Ticket, Time};
use tokio::sync::{mpsc, oneshot};

use crate::desk::Told;

/// Where the loop finds what it is sent.
pub(crate) struct Inbox {
    pub(crate) messages: mpsc::UnboundedReceiver<Stamped>,
    /// Apart, since these are answered also while nothing is taken in.
    pub(crate) looks: mpsc::UnboundedReceiver<Look>,
}

/// Who wants to see what there is, durable or not.
pub(crate) enum Look {
    /// Somebody counts.
    Census(oneshot::Sender<Census>),
    /// Somebody looks at these queues, and at so many in all.
    Glance(Vec<Name>, usize, oneshot::Sender<Glance>),
}

/// What the loop takes in, and when it was sent: whatever is worked off late is worked off as if it
/// were that moment.
pub(crate) struct Stamped {
    pub(crate) at: Time,
    pub(crate) message: Message,
}

/// What the loop is sent.
pub(crate) enum Message {
    /// Somebody asks, and is to be told there.
    Ask(Request, oneshot::Sender<Told>),
    /// Somebody asks many things, whose tickets follow each other, and is to be told all at once.
    Batch(Vec<Request>, oneshot::Sender<Vec<Told>>),
    /// Whoever has this ticket waits no more. If his answer is on its way, it still is.
    Withdraw(Ticket),
    /// An answer that grants this lease, and others with it, was taken by the connection, or never will be.
    Handed(LeaseId, Vec<LeaseId>, bool),
    /// These quotas hold from now on.
    Quotas(Arc<Quotas>),
    /// Somebody wants a copy of the journal.
    Backup(oneshot::Sender<Option<Backup>>),
    /// Somebody found that the disk has lost something.
    Damaged(JournalError),
    /// The server is going.
    Close,
    /// Nobody is left to be answered.
    Stop,
}

impl Message {
    /// How much of a turn it takes.
    pub(crate) fn requests(&self) -> usize {
        match self {
            Self::Batch(requests, _) => requests.len(),
            Self::Handed(_, others, _) => 1 + others.len(),
            Self::Ask(..)
            | Self::Withdraw(_)
            | Self::Quotas(_)
            | Self::Backup(_)
            | Self::Damaged(_)
            | Self::Close
            | Self::Stop => 1,
        }
    }
}

/// How far the loop is behind: since when somebody has been waiting to be heard, or for the disk.
#[derive(Debug)]
pub(crate) struct Lag(AtomicU64);

impl Lag {
    const NONE: u64 = u64::MAX;

    /// Nobody waits.
    pub(crate) fn none() -> Self {
        Self(AtomicU64::new(Self::NONE))
    }

    /// Somebody has been waiting since then, or nobody waits.
    pub(crate) fn set(&self, since: Option<Time>) {
        self.0.store(since.map_or(Self::NONE, Time::micros), Ordering::Relaxed);
    }

    /// By how much it is behind at this moment.
    pub(crate) fn at(&self, now: Time) -> Duration {
        match self.0.load(Ordering::Relaxed) {
            Self::NONE => Duration::ZERO,
            since => now.since(Time::from_micros(since)),
        }
    }
}
