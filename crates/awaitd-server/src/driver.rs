//! The loop: the one owner of all that is true. It takes in what has arrived and judges it; while that
//! becomes durable in one append, it judges what came meanwhile; and it tells those who asked once what
//! they are told is durable.

use std::mem;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use awaitd_journal::{Appended, Journal, JournalError};
use awaitd_primitives::{At, Engine, Entry, Position, Reply, Room, State, Step, Time};
use tokio::sync::mpsc;
use tokio::task;
use tracing::{info, warn};

use crate::batch::Askers;
use crate::clock::{Alarm, Clock, DRIFT_MAX};
use crate::config::Config;
use crate::desk::{BackOffice, Told};
use crate::inbox::{Inbox, Look, Message, Stamped};
use crate::metrics::Metrics;
use crate::outbox::{Outbox, fetches};
use crate::schedules::Board;
use crate::space::{Event, Space};

/// Requests in one turn: enough to share an append among all who came during the last one, few
/// enough to let the connections speak in between.
const TURN_REQUESTS_MAX: usize = 1_024;

/// Entries for which nobody waits (the lease of a plain get, mostly) become durable after so long, or
/// with the next ones for which somebody does: a sync of their own would hold that one up.
const UNHURRIED: Duration = Duration::from_millis(5);

/// The time of day is noted so often, if anything is.
const TIE_EVERY: Duration = Duration::from_mins(1);

/// What the loop owns.
pub(crate) struct Driver<J: Journal> {
    engine: Engine,
    journal: J,
    clock: Clock,
    alarm: Alarm,
    metrics: Arc<Metrics>,
    inbox: Inbox,
    /// Who is shown what there is after this turn.
    looking: Option<Look>,
    desk: BackOffice,
    /// Where schedules are told what became of them.
    board: Board,
    /// Where those who asked are told.
    askers: Askers,
    /// What this turn has to do outside; what was left over from the last one begins it.
    step: Step,
    /// What was judged and has not left.
    outbox: Outbox<J>,
    space: Space,
    /// How far the journal is.
    durable: Position,
    /// What the disk has left, by the last look.
    room: Room,
    /// So many bytes of jobs' bodies are kept in memory.
    memory_budget: u64,
    /// When the time of day was last noted, or would have been if anything else had been written.
    tied: Time,
    /// Until then the entries for which nobody waits are held back.
    unhurried: Option<Time>,
    /// The moment up to which time has been worked off, or is being.
    reached: Time,
    /// A message for which time has still to be worked off.
    held: Option<Stamped>,
    /// The last turn left something undone.
    behind: bool,
    /// No turn follows, once nothing is left undone.
    stopped: bool,
    /// Somebody found that the disk has lost something.
    damaged: Option<JournalError>,
}

impl<J: Journal> Driver<J> {
    /// Nobody may be told anything now, not even that nothing was done: whoever waits, or asks from
    /// now on, waits until the process has ended.
    fn fall_silent(&mut self) {
        let ((_, messages), (_, looks)) = (mpsc::unbounded_channel(), mpsc::unbounded_channel());
        mem::forget(mem::replace(&mut self.inbox, Inbox { messages, looks }));
        mem::forget((mem::take(&mut self.askers), self.held.take(), self.looking.take()));
    }

    /// A loop that goes on from there.
    pub(crate) fn new(
        config: &Config,
        (state, journal): (State, J),
        clock: Clock,
        metrics: Arc<Metrics>,
        (inbox, desk, board): (Inbox, BackOffice, Board),
    ) -> Self {
        let (mut engine, mut step) = (Engine::new(state, config.limits.clone()), Step::default());
        let now = clock.now();
        engine.start(At { now, clock: now }, clock.tie(now), &mut step);
        Self {
            engine,
            journal,
            alarm: Alarm::new(clock.clone()),
            clock,
            metrics,
            inbox,
            looking: None,
            desk,
            board,
            askers: Askers::default(),
            step,
            outbox: Outbox::default(),
            space: Space::default(),
            durable: Position::default(),
            room: Room::Enough,
            memory_budget: config.memory_budget,
            tied: now,
            unhurried: None,
            reached: now,
            held: None,
            behind: true,
            stopped: false,
            damaged: None,
        }
    }

    /// Turns until it is told to stop, or nobody is left who could ask.
    pub(crate) async fn run(mut self) -> Result<(), JournalError> {
        let ended = self.turns().await;
        if ended.is_err() {
            self.fall_silent();
            // Dropped, the journal would wait for a disk that may never answer.
            mem::forget(self);
        }
        ended
    }

    async fn turns(&mut self) -> Result<(), JournalError> {
        while self.wait().await? {
            self.judge();
            if let Some(error) = self.damaged.take() {
                return Err(error);
            }
            self.send_off()?;
            self.show();
            self.sweep();
        }
        self.journal.seal().await.map(|_| ())
    }

    /// Until there is something to do; `false` if nothing ever will be.
    async fn wait(&mut self) -> Result<bool, JournalError> {
        if self.stopped && !self.behind && self.outbox.is_idle() {
            return Ok(false);
        }
        let open = self.may_judge();
        let wake = self.engine.wake_at();
        let moments = [wake, Some(self.tied + TIE_EVERY), self.unhurried];
        let next = moments.into_iter().flatten().min();
        // More is due than a turn takes: whoever else has something to do goes in between.
        let late = self.behind || wake.is_some_and(|wake| wake <= self.reached);
        tokio::select! {
            biased;
            landed = self.outbox.landed() => self.land(&landed?),
            event = self.space.event() => {
                if let Event::Read(read) = event {
                    self.space.copy(read, &mut self.engine, &mut self.step)?;
                }
                self.go_on();
            }
            // The turn comes first: whoever looks sees what was asked before.
            Some(look) = self.inbox.looks.recv() => self.looking = Some(look),
            () = task::yield_now(), if open && late => {}
            message = self.inbox.messages.recv(), if open && !self.stopped => {
                self.held = message;
                return Ok(self.held.is_some());
            }
            () = self.alarm.ring(next), if open && !late => {}
        }
        Ok(true)
    }

    /// Whether there is room for what would be judged. If not, time stands still: a renewal may lie in the inbox.
    fn may_judge(&self) -> bool {
        !self.outbox.is_full() && self.space.credit() != Some(0)
    }

    /// An append is durable: those who waited for it are told, and what it was for goes on.
    fn land(&mut self, appended: &Appended) {
        let (durable, replies) = self.outbox.land();
        self.durable = durable;
        self.engine.durable(durable);
        for written in &appended.written {
            if written.copied || self.is_over_budget() {
                self.engine.stow(written);
            }
        }
        self.space.appended(appended.bytes, appended.copied_bytes);
        self.metrics.appended(appended, self.journal.usage(), self.engine.state().live_bytes());
        self.board.fold(&appended.entries);
        self.leave(&appended.entries, replies);
        // After the replies: bodies that they carry may lie in what goes now.
        self.go_on();
    }

    fn go_on(&mut self) {
        let Self { space, journal, engine, step, .. } = self;
        space.go_on(journal, engine, self.durable, step);
    }

    /// Sends on its way what was judged, and tells those who need not wait for it.
    fn send_off(&mut self) -> Result<(), JournalError> {
        self.note_time_of_day();
        loop {
            self.space.spend(self.outbox.weigh(&self.step.entries));
            let ready = self.outbox.take(&mut self.step, self.durable);
            self.leave(&[], ready);
            if self.may_hold_back() {
                break;
            }
            let track = self.space.is_copying() || self.is_over_budget();
            let now = self.clock.now();
            let Some(landed) = self.outbox.launch(&mut self.journal, track, now) else { break };
            self.land(&landed?);
        }
        self.behind |= !(self.step.entries.is_empty() && self.step.replies.is_empty());
        Ok(())
    }

    /// Whether what was judged may wait for something that somebody waits for, and until when.
    fn may_hold_back(&mut self) -> bool {
        let rests = self.journal.syncs() && !self.stopped && !self.space.is_copying();
        if !rests || !self.outbox.is_unhurried() {
            self.unhurried = None;
            return false;
        }
        let now = self.clock.now();
        let until = self.unhurried.unwrap_or(now + UNHURRIED);
        self.unhurried = (now < until).then_some(until);
        self.unhurried.is_some()
    }

    fn is_over_budget(&self) -> bool {
        self.engine.state().bytes_here() > self.memory_budget
    }

    /// Ties the axis of time to the time of day: now and then, if anything else is written.
    fn note_time_of_day(&mut self) {
        if self.reached.since(self.tied) < TIE_EVERY {
            return;
        }
        self.tied = self.reached;
        if !self.step.entries.is_empty() {
            self.engine.tie(self.clock.tie(self.engine.now()), &mut self.step);
        }
    }

    /// Works off what has arrived, and then time. What is too much for one turn is left for the next.
    fn judge(&mut self) {
        if !self.may_judge() {
            return;
        }
        self.mind_the_room();
        // Nothing is judged by a time of day that is not.
        if self.clock.drift() >= DRIFT_MAX {
            self.engine.tie(self.clock.tie(self.engine.now()), &mut self.step);
        }
        self.behind = true;
        let credit = self.space.credit();
        let mut taken = 0;
        while taken < TURN_REQUESTS_MAX {
            let Some(message) = self.held.take().or_else(|| self.inbox.messages.try_recv().ok())
            else {
                self.behind = !self.advance(self.clock.now());
                return;
            };
            taken += message.message.requests();
            self.held = self.take(message);
            let judged = self.outbox.weigh(&self.step.entries);
            if self.held.is_some() || self.outbox.is_full() || credit.is_some_and(|it| judged >= it)
            {
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
            Message::Batch(requests, asker) => {
                let first = requests.first().map(|request| request.ticket);
                self.askers.insert_all(first, requests.len(), asker);
                for request in requests {
                    self.engine.submit(request, &mut self.step);
                }
            }
            Message::Withdraw(ticket) => {
                // Else its answer is on the way.
                if self.engine.withdraw(ticket, &mut self.step) {
                    self.askers.remove(ticket);
                }
            }
            Message::Handed(lease, others, taken) => {
                for lease in [lease].into_iter().chain(others) {
                    self.engine.handed(lease, taken, &mut self.step);
                }
            }
            Message::Quotas(quotas) => self.engine.set_quotas(quotas),
            // Whoever asked for it may have gone.
            Message::Backup(asker) => _ = asker.send(self.journal.backup()),
            Message::Damaged(error) => self.damaged = Some(error),
            Message::Close => self.engine.close(&mut self.step),
            Message::Stop => self.stopped = true,
        }
        None
    }

    /// Works time off up to `now`. Stamps of many threads may arrive a little out of order: time stands still then.
    fn advance(&mut self, now: Time) -> bool {
        self.reached = self.reached.max(now);
        let at = At { now: self.reached, clock: self.reached.max(self.clock.now()) };
        self.engine.advance(at, &mut self.step)
    }

    /// Heeds what the disk has left.
    fn mind_the_room(&mut self) {
        let room = self.journal.room();
        if (room == Room::Enough) != (self.room == Room::Enough) {
            if room == Room::Enough {
                info!("there is room on the disk again");
            } else {
                warn!("the disk is full: nothing new is taken in until there is room");
            }
        }
        self.room = room;
        self.engine.set_room(room);
        self.desk.set_room(room);
        if room != Room::Enough {
            self.go_on();
        }
    }

    /// Looks at replies that may leave, and tells those who asked. A dead grant goes back, and its
    /// reply comes once more. What cannot be told any more is dropped, and a grant goes back with it.
    fn leave(&mut self, entries: &[Entry], replies: Vec<Reply>) {
        let now = self.clock.now();
        let mut leaving = Vec::with_capacity(replies.len());
        for reply in replies {
            leaving.extend(self.engine.deliver(reply, now, &mut self.step));
        }
        self.metrics.fold(entries, &leaving);
        for Reply { ticket, mut told, command, .. } in leaving {
            let delivery = self.desk.delivery(&told);
            let fetches = fetches(&self.journal, &command, &mut told);
            self.askers.tell(ticket, Told { told, now, delivery, fetches });
        }
    }

    /// Shows what there is, durable or not, and says since when others have been waiting.
    fn show(&mut self) {
        let unheard = (self.behind || !self.may_judge()).then_some(self.reached);
        let unsynced = self.outbox.flying_since();
        self.desk.set_lag(unheard.into_iter().chain(unsynced).min());
        // Whoever looks may have gone.
        match self.looking.take() {
            Some(Look::Census(asker)) => _ = asker.send(self.engine.census()),
            Some(Look::Glance(names, most, asker)) => {
                _ = asker.send(self.engine.glance(&names, most));
            }
            None => {}
        }
    }

    /// Large tables are dropped where that holds nobody up.
    fn sweep(&mut self) {
        let trash = self.engine.take_trash();
        if !trash.is_empty() {
            task::spawn_blocking(move || drop(trash));
        }
    }
}

impl<J: Journal> Drop for Driver<J> {
    /// A loop that panicked leaves as one whose journal failed: what lay in its turn may be done.
    fn drop(&mut self) {
        if thread::panicking() {
            self.fall_silent();
        }
    }
}
