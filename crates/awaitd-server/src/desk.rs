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
use awaitd_primitives::{
    Answer, Ask, Body, Census, Glance, Got, LeaseId, Name, Quotas, Refusal, Request, Room, Ticket,
    Time,
};
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio::task::spawn_blocking;

use crate::clock::Clock;
use crate::inbox::{Inbox, Lag, Look, Message, Stamped};

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
    looks: mpsc::UnboundedSender<Look>,
    lag: Lag,
    clock: Clock,
    /// The number of the next ticket.
    next: AtomicU64,
    /// The server is going.
    closing: watch::Sender<bool>,
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

/// What was told, at the moment when it left the loop.
pub struct Told {
    /// The answer or the refusal.
    pub told: Result<Answer, Refusal>,
    /// When: what is left of a lease counts from here.
    pub now: Time,
    /// For an answer that grants a lease: says whether it was delivered.
    pub delivery: Option<Delivery>,
    /// For jobs whose bodies are on the disk: gets each of them, in their order.
    pub fetches: Vec<Option<Box<dyn Fetch>>>,
}

impl Told {
    /// Nothing was done.
    fn refused(refusal: Refusal, now: Time) -> Self {
        Self { told: Err(refusal), now, delivery: None, fetches: Vec::new() }
    }

    /// The bytes of all bodies of its jobs, wherever they are.
    pub fn body_bytes(&mut self) -> usize {
        let payloads = self.told.as_mut().ok().into_iter().flat_map(Answer::payloads);
        payloads.map(|(_, payload)| payload.body.len()).sum()
    }

    /// Has the bodies of jobs here, wherever they were. A lease that is over by then is not delivered. If
    /// the disk has lost a body, this never comes back: the process ends.
    pub async fn with_bodies(mut self, desk: &Desk) -> Self {
        if self.fetches.is_empty() {
            return self;
        }
        let Ok(answer) = &mut self.told else { return self };
        let stored = answer.payloads().filter(|(_, payload)| payload.body.here().is_none());
        for ((_, payload), fetch) in stored.zip(self.fetches.drain(..)) {
            let fetched = match fetch {
                Some(fetch) => match fetch.now() {
                    // Mostly the system has it in its cache, and a thread costs more than all the rest.
                    Some(body) => Ok(body),
                    None => desk.0.read(fetch).await,
                },
                None => Err(JournalError("nobody knows where the body of a job is".into())),
            };
            match fetched {
                Ok(body) => payload.body = body,
                Err(error) => {
                    desk.send(Message::Damaged(error));
                    return pending().await;
                }
            }
        }
        self.now = desk.0.clock.now();
        self.leave_out_what_is_over();
        self
    }

    /// Takes jobs out whose leases are over: dropped, these go back.
    fn leave_out_what_is_over(&mut self) {
        let now = self.now;
        let is_over = |got: &Got| got.until.is_some_and(|until| until <= now);
        let nothing = match &mut self.told {
            Ok(Answer::Got(got)) => is_over(got),
            Ok(Answer::GotMany(all)) => {
                for got in all.extract_if(.., |got| is_over(got)) {
                    self.delivery =
                        self.delivery.take().and_then(|delivery| delivery.without(got.lease));
                }
                all.is_empty()
            }
            _ => false,
        };
        if nothing {
            self.delivery = None;
            self.told = Err(Refusal::Empty);
        }
    }
}

impl fmt::Debug for Told {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { told, now, delivery, fetches } = self;
        out.debug_struct("Told")
            .field("told", told)
            .field("now", now)
            .field("delivery", delivery)
            .field("fetches", &fetches.len())
            .finish()
    }
}

/// Granted leases on their way out. Dropped before [`Delivery::taken`], they go back.
#[derive(Debug)]
pub struct Delivery {
    counter: Arc<Counter>,
    lease: LeaseId,
    /// Those that go with it.
    others: Vec<LeaseId>,
    taken: bool,
}

impl Delivery {
    /// The connection took the last byte of the answer.
    pub fn taken(mut self) {
        self.taken = true;
    }

    /// Without one of them, which goes back; nothing if that was the last.
    fn without(mut self, lease: LeaseId) -> Option<Self> {
        if self.lease == lease {
            // Alone, it goes back by being dropped.
            self.lease = self.others.pop()?;
        } else {
            self.others.retain(|other| *other != lease);
        }
        self.counter.send(self.counter.clock.now(), Message::Handed(lease, Vec::new(), false));
        Some(self)
    }
}

impl Drop for Delivery {
    fn drop(&mut self) {
        // A loop that has ended hears nothing; what is not settled then is settled by the next start.
        let others = std::mem::take(&mut self.others);
        let message = Message::Handed(self.lease, others, self.taken);
        self.counter.send(self.counter.clock.now(), message);
    }
}

impl Desk {
    /// A desk, and what its loop needs: the inbox, and how to find the desk's other side.
    pub(crate) fn open(clock: Clock) -> (Self, Inbox, BackOffice) {
        let (inbox, messages) = mpsc::unbounded_channel();
        let (look, looks) = mpsc::unbounded_channel();
        let counter = Arc::new(Counter {
            inbox,
            looks: look,
            lag: Lag::none(),
            clock,
            next: AtomicU64::new(1),
            closing: watch::Sender::new(false),
            full: AtomicBool::new(false),
            reads: Semaphore::new(READS_MAX),
        });
        let back = BackOffice(Arc::downgrade(&counter));
        (Self(counter), Inbox { messages, looks }, back)
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

    /// Asks many things at once, none of which waits, and awaits what is told to each.
    pub async fn ask_all(&self, asks: Vec<Ask>) -> Vec<Told> {
        let (asker, told) = oneshot::channel();
        let arrived = self.0.clock.now();
        let count = asks.len() as u64;
        let first = self.0.next.fetch_add(count, Ordering::Relaxed);
        let tickets = (first..).map(Ticket);
        let requests = tickets.zip(asks);
        let requests =
            requests.map(|(ticket, ask)| Request { ticket, arrived, until: arrived, ask });
        self.0.send(arrived, Message::Batch(requests.collect(), asker));
        let now = self.0.clock.now();
        let refused = || (0..count).map(|_| Told::refused(Refusal::ShuttingDown, now)).collect();
        told.await.unwrap_or_else(|_| refused())
    }

    /// What there is, for gauges; nothing once the loop has ended.
    pub async fn census(&self) -> Census {
        let (asker, census) = oneshot::channel();
        _ = self.0.looks.send(Look::Census(asker));
        census.await.unwrap_or_default()
    }

    /// These queues, and others if they are fewer than `most`; `None` once the loop has ended.
    pub(crate) async fn glance(&self, names: Vec<Name>, most: usize) -> Option<Glance> {
        let (asker, glance) = oneshot::channel();
        _ = self.0.looks.send(Look::Glance(names, most, asker));
        glance.await.ok()
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

    /// What namespaces may take from now on. What is there above that stays.
    pub fn set_quotas(&self, quotas: Arc<Quotas>) {
        self.send(Message::Quotas(quotas));
    }

    /// How far the loop is behind: for how long the first of those who are still to be heard has been
    /// waiting, or an append for the disk.
    pub fn lag(&self) -> Duration {
        self.0.lag.at(self.0.clock.now())
    }

    /// The server is going: all who wait are told so, and nobody waits from now on.
    pub fn close(&self) {
        self.0.closing.send_replace(true);
        self.send(Message::Close);
    }

    /// Whether the server is going.
    pub fn is_closing(&self) -> bool {
        *self.0.closing.borrow()
    }

    /// Until the server is going.
    pub(crate) async fn closed(&self) {
        let mut closing = self.0.closing.subscribe();
        closing.wait_for(|closing| *closing).await.expect("this desk keeps it open");
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

impl Asked {
    /// Waits no longer: nothing if he still waited, as if he had hung up. Else he was answered by then, and
    /// that is awaited.
    pub async fn dismissed(mut self) -> Option<Told> {
        self.waiting = false;
        self.counter.send(self.counter.clock.now(), Message::Withdraw(self.ticket));
        (&mut self.told).await.ok()
    }
}

impl Future for Asked {
    type Output = Told;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Told> {
        let told = ready!(Pin::new(&mut self.told).poll(context));
        self.waiting = false;
        let now = self.counter.clock.now();
        Poll::Ready(told.unwrap_or_else(|_| Told::refused(Refusal::ShuttingDown, now)))
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
#[derive(Clone, Debug)]
pub(crate) struct BackOffice(Weak<Counter>);

impl BackOffice {
    /// The desk, if anybody else can still ask there.
    pub(crate) fn desk(&self) -> Option<Desk> {
        self.0.upgrade().map(Desk)
    }

    /// What the disk has left.
    pub(crate) fn set_room(&self, room: Room) {
        if let Some(counter) = self.0.upgrade() {
            counter.full.store(room != Room::Enough, Ordering::Relaxed);
        }
    }

    /// Somebody has been waiting for the loop since then, or nobody waits.
    pub(crate) fn set_lag(&self, since: Option<Time>) {
        if let Some(counter) = self.0.upgrade() {
            counter.lag.set(since);
        }
    }

    /// The care for what an answer grants, if it grants something. `None` as well if nobody is left
    /// at the desk, and then nobody is left to be answered.
    pub(crate) fn delivery(&self, told: &Result<Answer, Refusal>) -> Option<Delivery> {
        let mut leases = told.iter().flat_map(Answer::leases);
        let lease = leases.next()?;
        let others = leases.collect();
        Some(Delivery { counter: self.0.upgrade()?, lease, others, taken: false })
    }
}
