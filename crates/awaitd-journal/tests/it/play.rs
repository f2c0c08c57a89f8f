//! An engine on a journal, as the server joins them: what was judged is appended, and only what is
//! durable is told.

use std::num::NonZeroU64;
use std::time::Duration;

use awaitd_journal::bodies::Fetch;
use awaitd_journal::log::{Log, place};
use awaitd_journal::recover::{self, Options, Recovered};
use awaitd_journal::segment::{self, Segment};
use awaitd_journal::sweep::Sweep;
use awaitd_primitives::*;

use crate::twin::{Twin, TwinFile};

pub(crate) const KEY: [u8; 32] = [9; 32];
/// Long enough that nothing ends within a script.
pub(crate) const LEASE: Duration = Duration::from_hours(2);

/// Small segments, and little memory: all that a large journal does happens soon.
pub(crate) fn options() -> Options {
    Options { segment_bytes: 8 * 1024, memory_budget: 300, new_key: KEY }
}

/// What clients know.
#[derive(Clone, Debug)]
pub(crate) enum Fact {
    /// Somebody asked this, and it may be done from now on.
    Asked(Ticket, Ask),
    /// Somebody was told this.
    Told(Ticket, Ask, Result<Answer, Refusal>),
    /// The grant of a lease is durable: only now must it survive.
    Firm(LeaseId),
    /// Whoever was not told yet will never be.
    Cut,
}

/// What ended a play.
#[derive(Debug)]
pub(crate) struct Stop(pub(crate) String);

pub(crate) struct Play {
    pub(crate) twin: Twin,
    pub(crate) engine: Engine,
    pub(crate) log: Log<Twin>,
    sweep: Option<Sweep<TwinFile>>,
    /// Where a history may begin once what is on its way is durable.
    trim: Option<u64>,
    pub(crate) now: Time,
    durable: u64,
    pending: Vec<Reply>,
    step: Step,
    asked: Vec<(Ticket, Ask)>,
    tickets: u64,
    /// What was told, and after how many changes of the disk.
    pub(crate) facts: Vec<(usize, Fact)>,
    /// Leases that were told, and are not settled.
    pub(crate) held: Vec<LeaseRef>,
    /// An append or a seal failed.
    pub(crate) failed: bool,
    /// How many segments have gone.
    pub(crate) trimmed: usize,
    /// How many bodies were read from the disk.
    pub(crate) fetched: usize,
}

impl Play {
    /// Opens the journal and starts.
    pub(crate) fn open(twin: &Twin) -> Result<Self, Stop> {
        let recovered = recover::open(twin, &options(), |_| ()).map_err(stop)?;
        Self::on(twin, recovered)
    }

    /// Starts on what was found.
    pub(crate) fn on(twin: &Twin, found: Recovered<Twin>) -> Result<Self, Stop> {
        let Recovered { state, last, mut log, mut spares, .. } = found;
        let disk = twin.clone();
        // The next one is made in advance, as the journal's second thread does it.
        log.take_from(Box::new(move |number| {
            let make = |number| segment::make(&disk, number, KEY, options().segment_bytes);
            let taken: Segment<TwinFile> = spares.pop_front().map_or_else(|| make(number), Ok)?;
            let next = number + 1 + spares.len() as u64;
            spares.extend(make(next).ok());
            Ok(taken)
        }));
        let mut play = Self {
            twin: twin.clone(),
            engine: Engine::new(state, Limits::default()),
            log,
            sweep: None,
            trim: None,
            now: last + Duration::from_millis(1),
            durable: 0,
            pending: Vec::new(),
            step: Step::default(),
            asked: Vec::new(),
            tickets: 1_000_000 * u64::from(last > Time::ZERO) + last.micros(),
            facts: Vec::new(),
            held: Vec::new(),
            failed: false,
            trimmed: 0,
            fetched: 0,
        };
        let at = At { now: play.now, clock: play.now };
        play.engine.start(at, play.now.micros(), &mut play.step);
        play.turn(Vec::new())?;
        Ok(play)
    }

    /// Opens it anew, as the next process.
    pub(crate) fn reopen(self, sealed: bool) -> Result<Self, (Box<Self>, Stop)> {
        let mut old = self;
        if sealed && let Err(error) = old.log.seal() {
            old.failed = true;
            return Err((Box::new(old), stop(error)));
        }
        old.note(Fact::Cut);
        match Self::open(&old.twin) {
            Err(stop) => Err((Box::new(old), stop)),
            Ok(mut new) => {
                old.facts.append(&mut new.facts);
                let Self { facts, held, trimmed, fetched, .. } = old;
                let tickets = old.tickets.max(new.tickets);
                Ok(Self { tickets, facts, held, trimmed, fetched, ..new })
            }
        }
    }

    /// One turn of the loop.
    pub(crate) fn turn(&mut self, asks: Vec<(Ask, Duration)>) -> Result<(), Stop> {
        self.now = self.now + Duration::from_millis(7);
        let at = At { now: self.now, clock: self.now };
        assert!(self.engine.advance(at, &mut self.step), "a turn is long enough");
        for (ask, wait) in asks {
            self.tickets += 1;
            let ticket = Ticket(self.tickets);
            self.note(Fact::Asked(ticket, ask.clone()));
            self.asked.push((ticket, ask.clone()));
            let (arrived, until) = (self.now, self.now + wait);
            self.engine.submit(Request { ticket, arrived, until, ask }, &mut self.step);
        }
        self.copy()?;
        self.append()
    }

    /// Some of what lives in the oldest segment is written anew.
    fn copy(&mut self) -> Result<(), Stop> {
        if self.sweep.is_none() && self.trim.is_none() && self.log.segments().count() > 3 {
            self.sweep = self.log.segments().next().cloned().map(Sweep::new);
        }
        let Some(sweep) = &mut self.sweep else { return Ok(()) };
        let slice = sweep.read(256 * 1024).map_err(stop)?;
        for (part, body) in &slice.candidates {
            self.engine.copy(part, body.as_ref(), &mut self.step);
        }
        if let Some(from) = slice.end {
            self.engine.end_checkpoint(from, &mut self.step);
            (self.sweep, self.trim) = (None, Some(from));
        }
        Ok(())
    }

    fn append(&mut self) -> Result<(), Stop> {
        let Step { entries, replies, .. } = std::mem::take(&mut self.step);
        self.pending.extend(replies);
        // A plain get may leave before its own lease is durable.
        self.tell()?;
        let outcome = self.log.append(&entries, true);
        self.failed = outcome.is_err();
        let outcome = outcome.map_err(stop)?;
        self.durable += entries.len() as u64;
        self.engine.durable(Position(self.durable));
        for record in entries.iter().flat_map(|entry| &entry.records) {
            if let Record::Leased { lease, .. } = record {
                self.note(Fact::Firm(*lease));
            }
        }
        for written in &outcome.written {
            if written.copied || self.engine.state().bytes_here() > options().memory_budget {
                self.engine.stow(written);
            }
        }
        self.tell()?;
        if let Some(from) = self.trim.take() {
            for number in self.log.trim(from) {
                self.trimmed += 1;
                // What stays is removed at the next start.
                _ = awaitd_journal::disk::Disk::remove(&self.twin, &segment::name(number));
            }
            _ = awaitd_journal::disk::Disk::sync_names(&self.twin);
        }
        Ok(())
    }

    /// Tells whoever may be told.
    fn tell(&mut self) -> Result<(), Stop> {
        let durable = Position(self.durable);
        for reply in std::mem::take(&mut self.pending) {
            if reply.after > durable {
                self.pending.push(reply);
                continue;
            }
            let Some(reply) = self.engine.deliver(reply, self.now, &mut self.step) else {
                continue;
            };
            let at = self.asked.iter().position(|(ticket, _)| *ticket == reply.ticket);
            let Some(at) = at else { continue };
            let (ticket, ask) = self.asked.swap_remove(at);
            let mut told = reply.told;
            match &mut told {
                Ok(Answer::Got(got)) => {
                    got.payload.body = self.read(&got.payload.body, got.job)?;
                    self.engine.handed(got.lease, true, &mut self.step);
                    if got.until.is_some() {
                        let thing = Some(Thing::Queue(got.queue.clone()));
                        self.held.push(LeaseRef { id: got.lease, thing });
                    }
                }
                Ok(Answer::Acquired(grant) | Answer::Woken { grant, .. }) => {
                    self.engine.handed(grant.lease, true, &mut self.step);
                    let thing = Some(grant.thing.clone());
                    self.held.push(LeaseRef { id: grant.lease, thing });
                }
                Ok(_) | Err(_) => {}
            }
            self.note(Fact::Told(ticket, ask, told));
        }
        Ok(())
    }

    /// A body, from wherever it is.
    pub(crate) fn read(&mut self, body: &Body, job: JobId) -> Result<Body, Stop> {
        let Body::Stored(stored) = body else { return Ok(body.clone()) };
        let (number, offset) = place(stored.at);
        let segment = self.log.segments().find(|segment| segment.number == number).cloned();
        let segment = segment.ok_or_else(|| Stop(format!("no segment {number} for {job:?}")))?;
        let fetch = Fetch { segment, offset, bytes: stored.bytes, job };
        self.fetched += 1;
        fetch.read().map_err(stop)
    }

    fn note(&mut self, fact: Fact) {
        let changes = self.twin.world().trace.as_ref().map_or(0, Vec::len);
        self.facts.push((changes, fact));
    }

    /// What is told to one who will not wait.
    pub(crate) fn ask(&mut self, command: Command, key: Option<Key>) -> Result<Answer, Refusal> {
        self.tickets += 1;
        let ticket = Ticket(self.tickets);
        let ask = Ask { command, key };
        let request = Request { ticket, arrived: self.now, until: self.now, ask };
        let mut step = Step::default();
        self.engine.submit(request, &mut step);
        let reply = step.replies.into_iter().find(|reply| reply.ticket == ticket);
        self.step.entries.append(&mut step.entries);
        reply.expect("who will not wait is told at once").told
    }

    /// Makes what was asked durable.
    pub(crate) fn keep(&mut self) -> Result<(), Stop> {
        self.append()
    }
}

pub(crate) fn stop(error: impl std::fmt::Display) -> Stop {
    Stop(error.to_string())
}

pub(crate) fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

pub(crate) fn payload(bytes: &[u8]) -> Payload {
    Payload { body: bytes.into(), content_type: None }
}

pub(crate) fn lease(number: u64) -> LeaseId {
    LeaseId(NonZeroU64::new(number).expect("not zero"))
}
