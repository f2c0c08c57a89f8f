//! The semantics once more, in the most obvious way: lists, scans, and everything tried again after
//! each step. Nothing here is fast, and nothing is shared with the core but its vocabulary.

use std::{sync::Arc, time::Duration};

use awaitd_primitives::*;

use crate::courses::Kept;
use crate::leases::Lease;
use crate::queues::Job;
use crate::things::Known;
use crate::views::op_of;

pub(crate) type Told = Result<Answer, Refusal>;
pub(crate) type KeyOf = (Thing, Arc<str>);

const TEN_SECONDS: Duration = Duration::from_secs(10);
const FIVE_MINUTES: Duration = Duration::from_mins(5);

#[derive(Default)]
pub(crate) struct Model {
    pub(crate) now: Time,
    pub(crate) clock: Time,
    pub(crate) closed: bool,
    pub(crate) things: Vec<Known>,
    pub(crate) jobs: Vec<Job>,
    pub(crate) results: Vec<Kept>,
    /// All that were ever done.
    pub(crate) finished: Vec<(Thing, JobId)>,
    /// All that were ever granted.
    pub(crate) leases: Vec<Lease>,
    /// All who wait, and the absent whose place is kept, in the order of their numbers.
    pub(crate) line: Vec<Waiter>,
    pub(crate) memory: Vec<(KeyOf, u128, Option<Answer>, Time)>,
    pub(crate) last_job: u64,
    /// No lease of this history has a number up to this one.
    pub(crate) reserved: u64,
    pub(crate) last_generation: u64,
    pub(crate) last_number: u64,
    pub(crate) told: Vec<(Ticket, Told, Duration)>,
    /// How far the wall clock is ahead of the moments, in microseconds.
    pub(crate) ahead: u64,
}

#[derive(Clone)]
pub(crate) struct Waiter {
    pub(crate) number: u64,
    pub(crate) request: Request,
    seen: Option<u64>,
    pub(crate) there: bool,
    pub(crate) until: Time,
}

fn key_of(ask: &Ask) -> Option<KeyOf> {
    Some((ask.command.owner()?, ask.key.as_ref()?.text.clone()))
}

pub(crate) fn granted(told: &Told) -> Option<LeaseId> {
    match told {
        Ok(Answer::Got(got)) => Some(got.lease),
        Ok(Answer::Acquired(grant) | Answer::Woken { grant, .. }) => Some(grant.lease),
        _ => None,
    }
}

/// All leases that an answer grants.
pub(crate) fn all_granted(told: &Told) -> Vec<LeaseId> {
    match told {
        Ok(Answer::GotMany(all)) => all.iter().map(|got| got.lease).collect(),
        told => granted(told).into_iter().collect(),
    }
}

impl Waiter {
    /// Whether it must be served before the other: both take from one thing, and it came first.
    fn goes_before(&self, other: &Self) -> bool {
        let (one, two) = (&self.request.ask.command, &other.request.ask.command);
        let takes = ["put", "get", "acquire"].contains(&op_of(one));
        let same = op_of(one) == op_of(two) && one.thing() == two.thing();
        if let Command::Get { queue, .. } = two {
            return self.gets_before(other, &Thing::Queue(queue.clone()));
        }
        takes && same && self.there && self.number < other.number
    }

    /// Whether it must be served before the other at this queue.
    pub(crate) fn gets_before(&self, other: &Self, queue: &Thing) -> bool {
        let gets = match &self.request.ask.command {
            Command::GetAny { queues, .. } => queues.contains(queue.name()),
            Command::Get { queue: one, .. } => one == queue.name(),
            _ => false,
        };
        gets && self.there && self.number < other.number
    }
}

impl Model {
    pub(crate) fn advance(&mut self, to: Time, clock: Time) {
        self.clock = self.clock.max(clock);
        // The clock may have been set.
        self.settle();
        while let Some(moment) = self.next_moment().filter(|moment| *moment <= to) {
            self.now = self.now.max(moment);
            self.memory.retain(|(.., until)| *until > self.now);
            let over = |it: &&Lease| it.over().is_some_and(|over| over <= self.now);
            let mut over: Vec<_> = self.leases.iter().filter(over).collect();
            over.sort_by_key(|it| (it.kept.is_none_or(|kept| kept > self.now), it.grant.until));
            let over: Vec<_> = over.into_iter().map(|it| it.grant.lease).collect();
            for lease in over {
                let unheard_of = !self.lease(lease).taken;
                let why = if unheard_of { Outcome::Undelivered } else { Outcome::Expired };
                self.end(lease, why, None, true);
            }
            self.settle();
            self.end_waits();
            self.settle();
            while let Some(waiter) = self.whose_wait_is_over() {
                if let Command::WaitCondition { notified: None, .. } = waiter.request.ask.command {
                    self.wake(waiter, false);
                } else {
                    let told = self.turned_away(&waiter.request, true);
                    self.tell(&waiter.request, told);
                    self.leave(waiter);
                }
                self.settle();
            }
            self.line.retain(|waiter| waiter.until > self.now);
        }
        self.now = self.now.max(to);
    }

    /// One after the other, in the order in which they asked.
    fn whose_wait_is_over(&mut self) -> Option<Waiter> {
        let over = |(_, it): &(usize, &Waiter)| it.there && it.until <= self.now;
        let all = self.line.iter().enumerate().filter(over);
        let (at, _) = all.min_by_key(|(_, it)| (it.until, it.request.ticket))?;
        Some(self.line.remove(at))
    }

    fn next_moment(&self) -> Option<Time> {
        let due =
            self.jobs.iter().filter(|it| it.waits() && it.place > self.now).map(|it| it.place);
        let lives = self.jobs.iter().filter(|it| it.waits()).filter_map(Job::ends);
        let rates = self.things.iter().filter_map(Known::allowed).filter(|at| *at > self.now);
        let due = due.chain(lives).chain(rates);
        let ends = self.leases.iter().filter_map(Lease::over);
        let waits = self.line.iter().map(|waiter| waiter.until);
        due.chain(ends).chain(waits).chain(self.memory.iter().map(|(.., until)| *until)).min()
    }

    pub(crate) fn submit(&mut self, request: &Request) {
        if let Some(told) = self.arrive(request).transpose() {
            self.tell(request, told);
        }
        self.settle();
    }

    /// What a newcomer is told at once, if anything.
    fn arrive(&mut self, request: &Request) -> Result<Option<Answer>, Refusal> {
        let (ask, of, mut place) = (&request.ask, key_of(&request.ask), None);
        let fingerprint = ask.key.as_ref().map_or(0, |key| key.fingerprint);
        if let Some((_, print, answer, _)) =
            self.memory.iter().find(|it| Some(&it.0) == of.as_ref())
        {
            let same = *print == fingerprint;
            return self.recall(&ask.command, answer.as_ref(), same).map(Some);
        }
        let same = |it: &Waiter| of.is_some() && key_of(&it.request.ask) == of;
        if let Some(at) = self.line.iter().position(same) {
            if self.line[at]
                .request
                .ask
                .key
                .as_ref()
                .is_some_and(|it| it.fingerprint != fingerprint)
            {
                return Err(Refusal::KeyMismatch);
            }
            let older = self.line.remove(at);
            place = Some(older.number);
            if older.there {
                self.tell(&older.request, Err(Refusal::Superseded));
                self.pass_on(&older);
            }
        }
        if let Command::Get { settle: Some(lease), .. } = &ask.command {
            self.act(&Command::Done { lease: lease.clone() }, None)?;
        }
        let (request, until) = (request.clone(), request.until);
        let mut waiter = Waiter { number: 0, request, seen: None, there: true, until };
        self.let_go(&mut waiter)?;
        // Whatever place he had, it was in another line.
        if matches!(ask.command, Command::WaitCondition { .. }) {
            place = None;
        }
        waiter.number = place.unwrap_or(self.last_number + 1);
        let behind = self.line.iter().any(|it| it.goes_before(&waiter));
        if let Some(refusal) = self.hopeless(&ask.command) {
            return Err(refusal);
        } else if (!behind || self.present(&ask.command).is_some())
            && let Some(answer) = self.attempt(&waiter)?
        {
            return Ok(Some(answer));
        } else if self.completes(&waiter) {
            return Ok(None);
        }
        let waits = waiter.until > waiter.request.arrived;
        if !waits || self.closed {
            let told = self.turned_away(&waiter.request, false).map(Some);
            if place.is_some() {
                self.keep(waiter);
            }
            return if waits { Err(Refusal::ShuttingDown) } else { told };
        }
        self.last_number = self.last_number.max(waiter.number);
        waiter.seen = match &ask.command {
            Command::Get { .. } => Some(self.known(&ask.command).generation),
            Command::WaitResult { .. } => Some(0),
            Command::Join { after, .. } | Command::WaitEvent { after, .. } => {
                Some(after.unwrap_or(self.known(&ask.command).generation))
            }
            _ => None,
        };
        if let Command::GetAny { queues, .. } = &ask.command {
            for queue in queues {
                self.at_mut(&Thing::Queue(queue.clone()));
            }
        }
        self.stand(waiter);
        Ok(None)
    }

    pub(crate) fn stand(&mut self, waiter: Waiter) {
        self.line.push(waiter);
        self.line.sort_by_key(|waiter| waiter.number);
    }

    /// Keeps the place of one who has gone and had a key.
    fn keep(&mut self, waiter: Waiter) {
        if key_of(&waiter.request.ask).is_some() {
            self.stand(Waiter { there: false, until: self.now + TEN_SECONDS, ..waiter });
        }
    }

    /// He has left the line without what he waited for.
    fn leave(&mut self, waiter: Waiter) {
        self.pass_on(&waiter);
        self.keep(waiter);
    }

    pub(crate) fn withdraw(&mut self, ticket: Ticket) {
        if let Some(at) = self.line.iter().position(|it| it.there && it.request.ticket == ticket) {
            let waiter = self.line.remove(at);
            self.leave(waiter);
        }
        self.settle();
    }

    pub(crate) fn close(&mut self) {
        self.closed = true;
        self.dismiss(|it| it.there, &Refusal::ShuttingDown);
    }

    pub(crate) fn dismiss(&mut self, whom: impl Fn(&Waiter) -> bool, why: &Refusal) {
        let (gone, stay): (Vec<_>, _) = self.line.drain(..).partition(whom);
        self.line = stay;
        for waiter in gone.iter().filter(|waiter| waiter.there) {
            // Who has let his lock go cannot be told that nothing was done.
            let going = *why == Refusal::ShuttingDown;
            let waits = matches!(waiter.request.ask.command, Command::WaitCondition { .. });
            let told = if going && waits {
                self.turned_away(&waiter.request, true)
            } else {
                Err(why.clone())
            };
            self.tell(&waiter.request, told);
            self.pass_on(waiter);
        }
    }

    /// Whoever is there and has nobody before him is tried, until nobody moves.
    pub(crate) fn settle(&mut self) {
        let mut at = 0;
        while let Some(waiter) = self.line.get(at).cloned() {
            at += 1;
            let command = &waiter.request.ask.command;
            let over = matches!(command, Command::Get { .. }) && self.hopeless(command).is_some();
            let free = over || !self.line.iter().any(|it| it.goes_before(&waiter));
            if waiter.there
                && free
                && let Some(told) = self.attempt(&waiter).transpose()
            {
                self.line.remove(at - 1);
                self.tell(&waiter.request, told);
                at = 0;
            }
        }
    }

    pub(crate) fn tell(&mut self, request: &Request, told: Told) {
        for id in all_granted(&told) {
            let lease = self.lease(id);
            (lease.out, lease.kept) = (lease.out + 1, None);
        }
        self.told.push((request.ticket, told, self.now.since(request.arrived)));
    }

    /// Does it, and remembers under its key what was done; `None` if it has to wait.
    fn attempt(&mut self, waiter: &Waiter) -> Result<Option<Answer>, Refusal> {
        let ask = &waiter.request.ask;
        if let Command::GetAny { .. } = &ask.command {
            let answer = self.get_any(waiter)?;
            if let Some(answer) = &answer {
                self.remember(ask, answer);
            }
            return Ok(answer);
        }
        let answer = self.act(&ask.command, waiter.seen)?;
        if let Some(Answer::Woken { grant, condition, notified: true }) = &answer {
            self.lease(grant.lease).woken = Some(condition.clone());
        }
        if let Some(answer) = &answer {
            self.remember(ask, answer);
        }
        Ok(answer)
    }

    pub(crate) fn remember(&mut self, ask: &Ask, answer: &Answer) {
        if let (Some(of), Some(key)) = (key_of(ask), &ask.key) {
            if let Some(lease) = granted(&Ok(answer.clone())) {
                self.lease(lease).key = Some(of.clone());
            }
            let until = self.now + FIVE_MINUTES;
            self.memory.push((of, key.fingerprint, Some(answer.clone()), until));
        }
    }

    fn recall(&self, command: &Command, answer: Option<&Answer>, same: bool) -> Told {
        let mut answer = answer.cloned().ok_or(Refusal::Withdrawn)?;
        if !same {
            return Err(Refusal::KeyMismatch);
        }
        match &mut answer {
            Answer::Got(got) => {
                got.until = Some(self.live(got.lease)?.grant.until);
                let job = self.jobs.iter().find(|job| job.got.job == got.job);
                let job = job.expect("a job is held");
                (got.traits, got.promised) = (job.got.traits.clone(), self.is_promised(job));
            }
            Answer::Acquired(grant) | Answer::Woken { grant, .. } => {
                *grant = self.live(grant.lease)?.grant.clone();
            }
            // As it is now.
            Answer::State(_) => return self.state(&command.thing().expect("it has a state")),
            _ => {}
        }
        Ok(answer)
    }

    /// Takes back what was asked under a key, or tells what was done; that counts as delivered.
    pub(crate) fn take_back(&mut self, of: KeyOf) -> Result<Answer, Refusal> {
        if let Some((.., answer, until)) = self.memory.iter_mut().find(|it| it.0 == of) {
            let Some(answer) = answer.clone() else {
                *until = self.now + FIVE_MINUTES;
                return Ok(Answer::Withdrawn(Withdrawal::Withdrawn));
            };
            let granted = match &answer {
                Answer::Placed { queue, job } => Granted::Job(queue.clone(), *job),
                Answer::Got(_) | Answer::Acquired(_) | Answer::Woken { .. } => {
                    let lease = self.lease(granted(&Ok(answer)).expect("a lease was granted"));
                    (lease.looked, lease.taken, lease.kept) = (true, true, None);
                    Granted::Lease(lease.grant.thing.clone(), lease.grant.lease)
                }
                _ => Granted::Nothing,
            };
            return Ok(Answer::Withdrawn(Withdrawal::Granted(granted)));
        }
        let waited = self.line.iter().any(|it| key_of(&it.request.ask).as_ref() == Some(&of));
        self.dismiss(|it| key_of(&it.request.ask).as_ref() == Some(&of), &Refusal::Withdrawn);
        self.memory.push((of, 0, None, self.now + FIVE_MINUTES));
        if waited { Ok(Answer::Withdrawn(Withdrawal::Withdrawn)) } else { Err(Refusal::NotFound) }
    }
}
