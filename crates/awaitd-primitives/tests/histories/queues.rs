//! Jobs that are put, got, and looked at.

use std::{num::NonZeroU64, sync::Arc, time::Duration};

use awaitd_primitives::*;

use crate::leases::FOR_EVER;
use crate::model::{Model, Told, Waiter};
use crate::things::{Known, Tried};

#[derive(Clone)]
#[expect(clippy::struct_excessive_bools, reason = "the model is as plain as can be")]
pub(crate) struct Job {
    pub(crate) queue: Thing,
    /// What the next get is told, but for its lease.
    pub(crate) got: Got,
    pub(crate) rank: Option<Rank>,
    pub(crate) place: Time,
    pub(crate) since: Time,
    pub(crate) error: Option<Box<str>>,
    pub(crate) leased: bool,
    pub(crate) dead: bool,
    /// It was handed out before, so that it holds its key.
    pub(crate) holds: bool,
    /// Its worker says that it is not worth another attempt.
    pub(crate) rejected: bool,
}

impl Job {
    pub(crate) fn waits(&self) -> bool {
        !self.leased && !self.dead
    }

    pub(crate) fn find<T>(&self, pick: impl Fn(&Trait) -> Option<T>) -> Option<T> {
        self.got.traits.iter().find_map(pick)
    }

    pub(crate) fn key(&self) -> Option<Arc<str>> {
        self.find(|it| if let Trait::Key(key) = it { Some(key.clone()) } else { None })
    }

    pub(crate) fn unique(&self) -> Option<Arc<str>> {
        self.find(|it| if let Trait::Unique(value) = it { Some(value.clone()) } else { None })
    }

    pub(crate) fn ends(&self) -> Option<Time> {
        self.find(|it| if let Trait::Ends(ends) = it { Some(*ends) } else { None })
    }

    pub(crate) fn max_attempts(&self) -> Option<u32> {
        self.find(|it| if let Trait::MaxAttempts(most) = it { Some(*most) } else { None })
    }

    fn lease(&self) -> Option<Duration> {
        self.find(|it| if let Trait::Lease(length) = it { Some(*length) } else { None })
    }
}

/// Whether a queue has no room for so many bytes more.
pub(crate) fn is_full(model: &Model, known: &Known, bytes: usize) -> bool {
    let waiting: Vec<_> = model.jobs_of(&known.thing).filter(|job| job.waits()).collect();
    let there: usize = waiting.iter().map(|job| job.got.payload.body.len()).sum();
    let most = known.config.policy.max_bytes;
    known.config.maxsize != 0 && waiting.len() as u64 >= known.config.maxsize
        || most.is_some_and(|most| (there + bytes) as u64 > most)
}

impl Model {
    /// A job with this unique value is there, unfinished.
    pub(crate) fn present(&self, command: &Command) -> Option<Answer> {
        let Command::Put { queue, traits, .. } = command else { return None };
        let value = traits.iter().find_map(|it| match it {
            Trait::Unique(value) => Some(value.clone()),
            _ => None,
        })?;
        let thing = Thing::Queue(queue.clone());
        let same = self.jobs_of(&thing).filter(|job| job.unique().as_ref() == Some(&value));
        let job = same.map(|job| job.got.job).min()?;
        Some(Answer::Present { queue: queue.clone(), job })
    }

    pub(crate) fn put(&mut self, command: &Command) -> Option<Answer> {
        let Command::Put { queue, payload, delay, rank, ttl, traits } = command else {
            unreachable!()
        };
        if let Some(present) = self.present(command) {
            return Some(present);
        }
        let thing = self.known(command).thing.clone();
        let known = self.at(&thing).expect("it was made");
        let policy = known.config.policy.clone();
        let dead = self.jobs.iter().filter(|job| job.queue == thing && job.dead).count() as u64;
        let full = is_full(self, known, payload.body.len());
        if dead >= policy.max_dead || full && policy.full == WhenFull::Wait {
            return None;
        }
        while is_full(self, self.at(&thing).expect("it is there"), payload.body.len()) {
            let now = self.now;
            let waiting = self.jobs_of(&thing).filter(|job| job.waits());
            let oldest = waiting.min_by_key(|job| (job.place > now, job.got.job));
            let oldest = oldest.expect("something is there").got.job;
            self.jobs.retain(|job| job.got.job != oldest);
        }
        self.last_job += 1;
        let (queue, job, payload) = (queue.clone(), JobId(self.last_job), payload.clone());
        let ttl = ttl.or(policy.ttl).map(|ttl| Trait::Ends(self.now + ttl));
        let (place, dated) = match *delay {
            Delay::For(length) => (self.now + length, None),
            Delay::Until(wall) => (self.now.max(self.moment(wall)), Some(Trait::At(wall))),
        };
        let dated = dated.filter(|_| place > self.now);
        let got = Got {
            queue: queue.clone(),
            job,
            lease: LeaseId(NonZeroU64::MIN),
            until: None,
            attempt: 1,
            waited: Duration::ZERO,
            enqueued: self.now,
            payload,
            traits: traits.iter().cloned().chain(ttl).chain(dated).collect(),
            promised: false,
        };
        let rank = rank.clone();
        let (since, error, leased, dead, holds) = (place, None, false, false, false);
        let rejected = false;
        self.jobs.push(Job {
            queue: thing,
            got,
            rank,
            place,
            since,
            error,
            leased,
            dead,
            holds,
            rejected,
        });
        self.comes(job);
        Some(Answer::Placed { queue, job })
    }

    /// A job has come into its queue, anew or again: a key that is not there otherwise has its turn last.
    pub(crate) fn comes(&mut self, id: JobId) {
        let job = self.jobs.iter().find(|job| job.got.job == id).expect("it is there").clone();
        let Some(key) = job.key() else { return };
        let same = |it: &&Job| it.queue == job.queue && it.key().as_ref() == Some(&key);
        if self.jobs.iter().filter(same).count() == 1 {
            self.took_turn(&job.queue, Some(key));
        }
    }

    fn took_turn(&mut self, queue: &Thing, key: Option<Arc<str>>) {
        let known = self.at_mut(queue);
        known.turn += 1;
        known.turns.retain(|(other, _)| *other != key);
        known.turns.push((key, known.turn));
    }

    /// The ready job that goes next, if any may.
    fn next<'a>(&'a self, known: &'a Known) -> Option<&'a Job> {
        let policy = &known.config.policy;
        let most = policy.max_leased.min(policy.concurrency.unwrap_or(u64::MAX));
        let leased = self.jobs_of(&known.thing).filter(|job| job.leased).count() as u64;
        if policy.paused || leased >= most || known.allowed().is_some_and(|it| it > self.now) {
            return None;
        }
        let ready = |job: &&Job| job.waits() && job.place <= self.now;
        let may_go = |job: &&Job| {
            let Some(key) = job.key() else { return true };
            let same = self.jobs_of(&known.thing).filter(|it| it.key().as_ref() == Some(&key));
            let same: Vec<_> = same.collect();
            let out = same.iter().filter(|it| it.leased || it.holds).count() as u64;
            let first = same.iter().any(|it| it.holds && ready(it));
            job.holds || out < policy.key_concurrency && !first
        };
        let standing = |job: &&Job| {
            let order = known.config.order;
            let rank = job.rank.clone().filter(|_| order == Order::Priority);
            let turn = known.turns.iter().find(|(key, _)| *key == job.key()).map_or(0, |it| it.1);
            let (at, id) = (job.place.micros(), job.got.job.0);
            let place = if order == Order::Lifo { (!at, !id) } else { (at, id) };
            (rank.unwrap_or(Rank::from(0)), if policy.fair { turn } else { 0 }, place)
        };
        self.jobs_of(&known.thing).filter(ready).filter(may_go).min_by_key(standing)
    }

    /// One job from one queue.
    fn get_one(&mut self, thing: &Thing, mode: GetMode) -> Result<Option<Got>, Refusal> {
        let Some(known) = self.at(thing) else { return Ok(None) };
        if self.is_over(thing) {
            return Err(Refusal::QueueShutDown);
        }
        let Some(job) = self.next(known).cloned() else { return Ok(None) };
        let length = match mode {
            GetMode::Leased(length) => length.or(job.lease()).unwrap_or(known.config.lease),
            GetMode::AtMostOnce => Duration::MAX,
        };
        let Grant { lease, until, .. } = self.grant(&job.queue, length, None, None);
        let until = Some(until).filter(|until| *until < FOR_EVER);
        let waited = self.now.since(job.since);
        let promised = self.is_promised(&job);
        let got = Got { lease, until, waited, promised, ..job.got.clone() };
        let known = self.at_mut(thing);
        known.served = lease.fence();
        if let Some(rate) = known.config.policy.rate {
            let now = self.now;
            let known = self.at_mut(thing);
            known.used = known.used.max(now) + interval(rate);
        }
        self.took_turn(thing, job.key());
        let job = self.jobs.iter_mut().find(|it| it.got.job == got.job).expect("it was found");
        (job.leased, job.got) = (true, got.clone());
        Ok(Some(got))
    }

    /// Its lease matters to others, not only to its holder.
    pub(crate) fn is_promised(&self, job: &Job) -> bool {
        let policy = &self.at(&job.queue).expect("it is there").config.policy;
        let most = job.max_attempts().unwrap_or(policy.max_attempts);
        job.got.attempt >= most || job.key().is_some() || policy.concurrency.is_some()
    }

    /// It takes no jobs any more and has none.
    pub(crate) fn is_over(&self, queue: &Thing) -> bool {
        let shut = self.at(queue).is_some_and(|known| known.shut.is_some());
        shut && !self.jobs_of(queue).any(Job::waits)
    }

    pub(crate) fn get(&mut self, command: &Command) -> Tried {
        let Command::Get { queue, mode, most, .. } = command else { unreachable!() };
        self.get_some(&Thing::Queue(queue.clone()), *mode, *most)
    }

    fn get_some(&mut self, thing: &Thing, mode: GetMode, most: u64) -> Tried {
        let Some(first) = self.get_one(thing, mode)? else { return Ok(None) };
        if most == 1 {
            return Ok(Some(Answer::Got(Box::new(first))));
        }
        let mut all = vec![first];
        while (all.len() as u64) < most
            && let Ok(Some(got)) = self.get_one(thing, mode)
        {
            all.push(got);
        }
        Ok(Some(Answer::GotMany(all)))
    }

    /// From the first of the queues where nobody is before him.
    pub(crate) fn get_any(&mut self, waiter: &Waiter) -> Tried {
        let Command::GetAny { queues, fair, mode, most } = &waiter.request.ask.command else {
            unreachable!()
        };
        let mut things: Vec<_> = queues.iter().cloned().map(Thing::Queue).collect();
        if *fair {
            things.sort_by_key(|thing| self.at(thing).map_or(0, |known| known.served));
        }
        let mut refusals = Vec::new();
        for thing in &things {
            let over = self.is_over(thing);
            if !over && self.line.iter().any(|it| it.gets_before(waiter, thing)) {
                continue;
            }
            match self.get_some(thing, *mode, *most) {
                Ok(None) => {}
                Err(refusal) => refusals.push(refusal),
                got => return got,
            }
        }
        if refusals.len() == things.len() { Err(refusals.remove(0)) } else { Ok(None) }
    }

    fn state_of(&self, job: &Job) -> JobState {
        match job {
            Job { leased: true, .. } => JobState::Leased,
            Job { dead: true, .. } => JobState::Dead,
            _ if job.place > self.now => JobState::Delayed,
            _ => JobState::Ready,
        }
    }

    /// All jobs of a queue and all results that are kept, in order.
    pub(crate) fn job_views(&self, queue: &Name) -> Vec<JobView> {
        let thing = Thing::Queue(queue.clone());
        let live = self.jobs.iter().filter(|job| job.queue == thing).map(|job| {
            let state = self.state_of(job);
            let lease = self.leases.iter().find(|it| job.leased && it.grant.lease == job.got.lease);
            JobView {
                queue: queue.clone(),
                job: job.got.job,
                state,
                enqueued: job.got.enqueued,
                since: job.since,
                attempts: job.got.attempt - 1,
                error: job.error.clone(),
                lease: lease.map(|it| {
                    let until = Some(it.grant.until).filter(|until| *until < FOR_EVER);
                    (it.grant.lease, until)
                }),
                rank: job.rank.clone(),
                payload: job.got.payload.clone(),
                traits: job.got.traits.clone(),
            }
        });
        let kept = self.results.iter().filter(|it| it.queue == thing && it.until > self.now);
        let done = kept.map(|it| JobView {
            queue: queue.clone(),
            job: it.job,
            state: JobState::Done,
            enqueued: it.enqueued,
            since: it.enqueued,
            attempts: 0,
            error: None,
            lease: None,
            rank: None,
            payload: it.result.clone(),
            traits: Vec::new(),
        });
        let mut all: Vec<_> = live.chain(done).collect();
        all.sort_by_key(|view| view.job);
        all
    }

    pub(crate) fn read_job(&self, queue: &Name, job: JobId) -> Told {
        let found = self.job_views(queue).into_iter().find(|view| view.job == job);
        Ok(Answer::Job(Box::new(found.ok_or(Refusal::NotFound)?)))
    }

    pub(crate) fn list_jobs(&self, command: &Command) -> Told {
        let Command::ListJobs { queue, state, key, cursor, limit, .. } = command else {
            unreachable!()
        };
        self.find(command).ok_or(Refusal::NotFound)?;
        let mut items = self.job_views(queue);
        items.retain(|it| state.is_none_or(|state| it.state == state));
        items.retain(|it| cursor.is_none_or(|cursor| it.job > cursor));
        items.retain(|it| {
            key.as_ref().is_none_or(|key| it.traits.contains(&Trait::Key(key.clone())))
        });
        let more = items.len() > *limit;
        items.truncate(*limit);
        let cursor = items.last().filter(|_| more).map(|it| it.job);
        Ok(Answer::Jobs { items, cursor })
    }

    /// What came of a job. Whoever waited for it is told also what is not kept.
    pub(crate) fn result(&self, queue: &Name, job: JobId, waited: bool) -> Tried {
        let thing = Thing::Queue(queue.clone());
        let known = self.at(&thing).ok_or(Refusal::NotFound)?;
        let view = self.job_views(queue).into_iter().find(|view| view.job == job);
        let letters = known.config.policy.dead_letter.clone().map(Thing::Queue);
        let elsewhere = |it: &Job| it.got.job == job && Some(&it.queue) == letters.as_ref();
        match view {
            Some(JobView { state: JobState::Done, payload, .. }) => {
                Ok(Some(Answer::Result(payload)))
            }
            Some(JobView { state: JobState::Dead, .. }) => Err(Refusal::Failed),
            Some(_) => Ok(None),
            None if waited && self.finished.contains(&(thing, job)) => {
                let body = Body::from(&[][..]);
                Ok(Some(Answer::Result(Payload { body, content_type: None })))
            }
            None if waited || self.jobs.iter().any(elsewhere) => Err(Refusal::Failed),
            None => Err(Refusal::NotFound),
        }
    }
}

fn interval(rate: Rate) -> Duration {
    Duration::from_micros(1_000_000_000 / rate.per_second.0)
}

impl Known {
    /// When the rate allows the next get.
    pub(crate) fn allowed(&self) -> Option<Time> {
        let rate = self.config.policy.rate?;
        let ahead = interval(rate) * u32::try_from(rate.burst - 1).expect("a small burst");
        let ahead = u64::try_from(ahead.as_micros()).expect("a short while");
        Some(Time::from_micros(self.used.micros().saturating_sub(ahead)))
    }
}
