//! Where handlers ask: a ticket, a place to be told, and what happens if they go away.
//!
//! All goes through one inbox to the loop. The inbox has no bound of its own, since nothing in it may
//! be lost or held up: a [`Message::Withdraw`] or a [`Message::Handed`] is sent by a `drop`. Its bound
//! is that of the requests which are open: HTTP/1 has one a connection, HTTP/2 a capped number of
//! streams, connections are capped, and a request sends at most one message of each kind.

use std::fmt;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use awaitd_journal::{Backup, Fetch, JournalError};
use awaitd_primitives::{Answer, Ask, Body, Census, LeaseId, Refusal, Request, Room, Ticket, Time};
use tokio::sync::{Semaphore, mpsc, oneshot};
use tokio::task::spawn_blocking;

use crate::clock::Clock;

/// Bodies that are read from the disk at one time, each by a thread. More would not be faster, and would
/// take the threads from scrapes and from compaction.
const READS_MAX: usize = 64;

/// The way to the loop. Clones lead to the same one, which ends when the last of them is gone.
#[derive(Clone, Debug)]
pub struct Desk(Arc<Counter>);

/// What clones of a desk share.
#[derive(Debug)]
struct Counter {
    inbox: mpsc::UnboundedSender<Stamped>,
    clock: Clock,
    /// The number of the next ticket.
    next: AtomicU64,
    /// The server is going.
    closing: AtomicBool,
    /// The disk has no room for anything new.
    full: AtomicBool,
    /// Bodies that may be read from the disk at one time.
    reads: Semaphore,
}

impl Counter {
    /// Reads a body in a thread that may wait for the disk, of which there are not many.
    async fn read(&self, fetch: Box<dyn Fetch>) -> Result<Body, JournalError> {
        let _turn = self.reads.acquire().await.expect("it is never closed");
        spawn_blocking(move || fetch.read()).await.expect("reading does not panic")
    }

    /// Sends to the loop. One that has ended drops what it is sent.
    fn send(&self, at: Time, message: Message) {
        _ = self.inbox.send(Stamped { at, message });
    }
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
    /// Whoever had this ticket waits no more.
    Withdraw(Ticket),
    /// An answer that grants this lease was taken by the connection, or never will be.
    Handed(LeaseId, bool),
    /// Somebody counts.
    Census(oneshot::Sender<Census>),
    /// Somebody wants a copy of the journal.
    Backup(oneshot::Sender<Option<Backup>>),
    /// Somebody found that the disk has lost something.
    Damaged(JournalError),
    /// The server is going.
    Close,
    /// Nobody is left to be answered.
    Stop,
}

/// What was told, at the moment when it left the loop.
pub struct Told {
    /// The answer or the refusal.
    pub told: Result<Answer, Refusal>,
    /// When: what is left of a lease counts from here.
    pub now: Time,
    /// For an answer that grants a lease: says whether it was delivered.
    pub delivery: Option<Delivery>,
    /// For a job whose body is on the disk: gets it.
    pub fetch: Option<Box<dyn Fetch>>,
}

impl Told {
    /// Has the body of a job here, wherever it was. A lease that is over by then is not delivered. If
    /// the disk has lost the body, this never comes back: the process ends.
    pub async fn with_body(mut self, desk: &Desk) -> Self {
        let Ok(Answer::Got(got)) = &mut self.told else { return self };
        if got.payload.body.here().is_some() {
            return self;
        }
        let fetched = match self.fetch.take() {
            Some(fetch) => match fetch.now() {
                // Mostly the system has it in its cache, and a thread costs more than all the rest.
                Some(body) => Ok(body),
                None => desk.0.read(fetch).await,
            },
            None => Err(JournalError("nobody knows where the body of a job is".into())),
        };
        match fetched {
            Ok(body) => got.payload.body = body,
            Err(error) => {
                desk.send(Message::Damaged(error));
                return pending().await;
            }
        }
        self.now = desk.0.clock.now();
        if got.until.is_some_and(|until| until <= self.now) {
            // Dropped, it goes back.
            self.delivery = None;
            self.told = Err(Refusal::Empty);
        }
        self
    }
}

impl fmt::Debug for Told {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { told, now, delivery, fetch } = self;
        out.debug_struct("Told")
            .field("told", told)
            .field("now", now)
            .field("delivery", delivery)
            .field("fetch", &fetch.is_some())
            .finish()
    }
}

/// A granted lease on its way out. Dropped before [`Delivery::taken`], it goes back.
#[derive(Debug)]
pub struct Delivery {
    counter: Arc<Counter>,
    lease: LeaseId,
    taken: bool,
}

impl Delivery {
    /// The connection took the last byte of the answer.
    pub fn taken(mut self) {
        self.taken = true;
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        // A loop that has ended hears nothing; what is not settled then is settled by the next start.
        let message = Message::Handed(self.lease, self.taken);
        self.counter.send(self.counter.clock.now(), message);
    }
}

impl Desk {
    /// A desk, and what its loop needs: the inbox, and how to find the desk's other side.
    pub(crate) fn open(clock: Clock) -> (Self, mpsc::UnboundedReceiver<Stamped>, BackOffice) {
        let (inbox, outbox) = mpsc::unbounded_channel();
        let counter = Arc::new(Counter {
            inbox,
            clock,
            next: AtomicU64::new(1),
            closing: AtomicBool::new(false),
            full: AtomicBool::new(false),
            reads: Semaphore::new(READS_MAX),
        });
        let back = BackOffice(Arc::downgrade(&counter));
        (Self(counter), outbox, back)
    }

    /// Asks at once; what is returned awaits what is told. Dropped while it waits, the wait is
    /// withdrawn. `wait` is for how long the asker would wait; nothing if it will not.
    pub fn ask(&self, ask: Ask, wait: Duration) -> Asked {
        let (asker, told) = oneshot::channel();
        let ticket = Ticket(self.0.next.fetch_add(1, Ordering::Relaxed));
        let arrived = self.0.clock.now();
        let request = Request { ticket, arrived, until: arrived + wait, ask };
        // A loop that has ended drops the asker, of which `told` hears.
        self.0.send(arrived, Message::Ask(request, asker));
        Asked { counter: Arc::clone(&self.0), ticket, told, waiting: true }
    }

    /// What there is, for gauges; nothing once the loop has ended.
    pub async fn census(&self) -> Census {
        let (asker, census) = oneshot::channel();
        self.send(Message::Census(asker));
        census.await.unwrap_or_default()
    }

    /// A copy of the journal as it is now; `None` in it if there is nothing on a disk.
    pub async fn backup(&self) -> Result<Option<Backup>, Refusal> {
        let (asker, backup) = oneshot::channel();
        self.send(Message::Backup(asker));
        backup.await.map_err(|_| Refusal::ShuttingDown)
    }

    /// Whether the disk has no room for anything new.
    pub fn is_full(&self) -> bool {
        self.0.full.load(Ordering::Relaxed)
    }

    /// The server is going: all who wait are told so, and nobody waits from now on.
    pub fn close(&self) {
        self.0.closing.store(true, Ordering::Relaxed);
        self.send(Message::Close);
    }

    /// Whether the server is going.
    pub fn is_closing(&self) -> bool {
        self.0.closing.load(Ordering::Relaxed)
    }

    /// Ends the loop, after all that was sent to it before.
    pub(crate) fn stop(&self) {
        self.send(Message::Stop);
    }

    fn send(&self, message: Message) {
        self.0.send(self.0.clock.now(), message);
    }
}

/// One who asked and has not been told yet. It is small, since tens of thousands wait at one time.
#[derive(Debug)]
#[must_use = "dropped, it withdraws"]
pub struct Asked {
    counter: Arc<Counter>,
    ticket: Ticket,
    told: oneshot::Receiver<Told>,
    waiting: bool,
}

impl Future for Asked {
    type Output = Told;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Told> {
        let told = ready!(Pin::new(&mut self.told).poll(context));
        self.waiting = false;
        Poll::Ready(told.unwrap_or_else(|_| Told {
            told: Err(Refusal::ShuttingDown),
            now: self.counter.clock.now(),
            delivery: None,
            fetch: None,
        }))
    }
}

impl Drop for Asked {
    fn drop(&mut self) {
        if self.waiting {
            self.counter.send(self.counter.clock.now(), Message::Withdraw(self.ticket));
        }
    }
}

/// The desk as the loop sees it: without keeping it open.
#[derive(Debug)]
pub(crate) struct BackOffice(Weak<Counter>);

impl BackOffice {
    /// What the disk has left.
    pub(crate) fn set_room(&self, room: Room) {
        if let Some(counter) = self.0.upgrade() {
            counter.full.store(room != Room::Enough, Ordering::Relaxed);
        }
    }

    /// The care for what an answer grants, if it grants something. `None` as well if nobody is left
    /// at the desk, and then nobody is left to be answered.
    pub(crate) fn delivery(&self, told: &Result<Answer, Refusal>) -> Option<Delivery> {
        let lease = match told {
            Ok(Answer::Got(got)) => got.lease,
            Ok(Answer::Acquired(grant) | Answer::Woken { grant, .. }) => grant.lease,
            Ok(
                Answer::Configured { .. }
                | Answer::State(_)
                | Answer::List { .. }
                | Answer::Deleted
                | Answer::Placed { .. }
                | Answer::Joined { .. }
                | Answer::ShutDown
                | Answer::Set { .. }
                | Answer::Cleared
                | Answer::Happened { .. }
                | Answer::Broken(_)
                | Answer::Tripped { .. }
                | Answer::Notified { .. }
                | Answer::Settled
                | Answer::Extended(_)
                | Answer::Held(_)
                | Answer::Withdrawn(_),
            )
            | Err(_) => return None,
        };
        Some(Delivery { counter: self.0.upgrade()?, lease, taken: false })
    }
}
