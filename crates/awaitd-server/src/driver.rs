//! The loop: the one owner of all that is true. It takes in what has arrived, judges it, makes it
//! durable in one append, and only then tells those who asked.

use std::mem;
use std::sync::Arc;
use std::thread;

use awaitd_journal::{Journal, JournalError};
use awaitd_primitives::{At, Engine, Limits, Reply, State, Step, Ticket, Time};
use rustc_hash::FxHashMap;
use tokio::sync::{mpsc, oneshot};
use tokio::task;

use crate::clock::{Alarm, Clock};
use crate::desk::{BackOffice, Message, Stamped, Told};
use crate::metrics::Metrics;

/// Messages in one turn: enough to share an append among all who came during the last one, few
/// enough to let the connections speak in between.
const TURN_MESSAGES_MAX: usize = 1_024;

/// What the loop owns.
#[derive(Debug)]
pub(crate) struct Driver<J> {
    engine: Engine,
    journal: J,
    clock: Clock,
    alarm: Alarm,
    metrics: Arc<Metrics>,
    inbox: mpsc::UnboundedReceiver<Stamped>,
    desk: BackOffice,
    /// Where those who asked are told.
    askers: FxHashMap<Ticket, oneshot::Sender<Told>>,
    /// What this turn has to do outside; what was left over from the last one begins it.
    step: Step,
    /// The moment up to which time has been worked off, or is being.
    reached: Time,
    /// A message for which time has still to be worked off.
    held: Option<Stamped>,
    /// The last turn left something undone.
    behind: bool,
    /// No turn follows, once nothing is left undone.
    stopped: bool,
}

impl<J> Driver<J> {
    /// Nobody may be told anything now, not even that nothing was done: whoever waits, or asks from
    /// now on, waits until the process has ended.
    fn fall_silent(&mut self) {
        let (_, closed) = mpsc::unbounded_channel();
        mem::forget(mem::replace(&mut self.inbox, closed));
        mem::forget((mem::take(&mut self.askers), self.held.take()));
    }
}

impl<J: Journal> Driver<J> {
    /// A loop that starts with nothing.
    pub(crate) fn new(
        limits: Limits,
        journal: J,
        clock: Clock,
        metrics: Arc<Metrics>,
        (inbox, desk): (mpsc::UnboundedReceiver<Stamped>, BackOffice),
    ) -> Self {
        Self {
            engine: Engine::new(State::new(), limits),
            journal,
            alarm: Alarm::new(clock.clone()),
            clock,
            metrics,
            inbox,
            desk,
            askers: FxHashMap::default(),
            step: Step::default(),
            reached: Time::ZERO,
            held: None,
            behind: false,
            stopped: false,
        }
    }

    /// Turns until it is told to stop, or nobody is left who could ask.
    pub(crate) async fn run(mut self) -> Result<(), JournalError> {
        while self.wait().await {
            self.judge();
            let Step { entries, replies, .. } = mem::take(&mut self.step);
            if let Err(error) = self.journal.append(&entries).await {
                self.fall_silent();
                return Err(error);
            }
            let replies = self.look_at(replies);
            self.metrics.fold(&entries, &replies);
            self.tell(replies);
            self.sweep();
        }
        Ok(())
    }

    /// Until there is something to do; `false` if nothing ever will be.
    async fn wait(&mut self) -> bool {
        if self.behind {
            task::yield_now().await;
            return true;
        }
        if self.stopped {
            return false;
        }
        tokio::select! {
            biased;
            message = self.inbox.recv() => {
                self.held = message;
                self.held.is_some()
            }
            () = self.alarm.ring(self.engine.wake_at()) => true,
        }
    }

    /// Works off what has arrived, and then time. What is too much for one turn is left for the next.
    fn judge(&mut self) {
        self.behind = true;
        for _ in 0..TURN_MESSAGES_MAX {
            let Some(message) = self.held.take().or_else(|| self.inbox.try_recv().ok()) else {
                self.behind = !self.advance(self.clock.now());
                return;
            };
            self.held = self.take(message);
            if self.held.is_some() {
                return;
            }
        }
    }

    /// Takes one message in; gives it back if time has first to be worked off in a turn of its own.
    fn take(&mut self, Stamped { at, message }: Stamped) -> Option<Stamped> {
        // By its stamp, not by the clock: a loop that comes late would end a lease whose renewal lies
        // in the inbox.
        if !self.advance(at) {
            return Some(Stamped { at, message });
        }
        match message {
            Message::Ask(request, asker) => {
                self.askers.insert(request.ticket, asker);
                self.engine.submit(request, &mut self.step);
            }
            Message::Withdraw(ticket) => {
                self.askers.remove(&ticket);
                self.engine.withdraw(ticket, &mut self.step);
            }
            Message::Handed(lease, taken) => self.engine.handed(lease, taken, &mut self.step),
            // Whoever asked for it may have gone.
            Message::Census(asker) => _ = asker.send(self.engine.census()),
            Message::Close => self.engine.close(&mut self.step),
            Message::Stop => self.stopped = true,
        }
        None
    }

    /// Works time off up to `now`. Stamps are taken by many threads and may arrive a little out of
    /// order: time stands still then.
    fn advance(&mut self, now: Time) -> bool {
        self.reached = self.reached.max(now);
        let at = At { now: self.reached, clock: self.reached.max(self.clock.now()) };
        self.engine.advance(at, &mut self.step)
    }

    /// Looks at replies that are durable now, before they leave. What a dead grant held goes back in
    /// the next turn, which follows at once.
    fn look_at(&mut self, replies: Vec<Reply>) -> Vec<Reply> {
        let now = self.clock.now();
        let looked = |reply| self.engine.deliver(reply, now, &mut self.step);
        replies.into_iter().map(looked).collect()
    }

    /// Tells those who asked. What cannot be told any more is dropped, and a grant goes back with it.
    fn tell(&mut self, replies: Vec<Reply>) {
        let now = self.clock.now();
        for Reply { ticket, told, .. } in replies {
            let delivery = self.desk.delivery(&told);
            let told = Told { told, now, delivery };
            if let Some(asker) = self.askers.remove(&ticket) {
                _ = asker.send(told);
            }
        }
        self.behind |= !(self.step.entries.is_empty() && self.step.replies.is_empty());
    }

    /// Large tables are dropped where that holds nobody up.
    fn sweep(&mut self) {
        let trash = self.engine.take_trash();
        if !trash.is_empty() {
            task::spawn_blocking(move || drop(trash));
        }
    }
}

impl<J> Drop for Driver<J> {
    /// A loop that panicked leaves as one whose journal failed: what lay in its turn may be done.
    fn drop(&mut self) {
        if thread::panicking() {
            self.fall_silent();
        }
    }
}
