//! Leases: who holds what until when, and what becomes of it.

use std::{num::NonZeroU64, sync::Arc, time::Duration};

use awaitd_primitives::*;

use crate::model::{KeyOf, Model, Told, granted};
use crate::queues::Job;

/// The end of a lease that only ends by being delivered.
pub(crate) const FOR_EVER: Time = Time::from_micros(u64::MAX);

pub(crate) struct Lease {
    pub(crate) grant: Grant,
    /// How much of a lock or a semaphore; `None` if it holds a job.
    pub(crate) share: Option<Share>,
    pub(crate) owner: Option<Arc<str>>,
    /// Its holder was notified of this condition.
    pub(crate) woken: Option<Name>,
    pub(crate) length: Duration,
    pub(crate) ended: Option<(Outcome, Refusal)>,
    pub(crate) key: Option<KeyOf>,
    /// Answers on their way; whether one was looked at, and one taken; until when it is kept.
    pub(crate) out: usize,
    pub(crate) looked: bool,
    pub(crate) durable: bool,
    pub(crate) taken: bool,
    pub(crate) kept: Option<Time>,
}

impl Lease {
    /// When time ends it: never before its grant is durable and an answer was looked at.
    pub(crate) fn over(&self) -> Option<Time> {
        let end = Some(self.grant.until).filter(|_| self.looked && self.durable);
        end.into_iter().chain(self.kept).min().filter(|_| self.ended.is_none())
    }
}

impl Model {
    /// `task_done`, `release` or nack; a repeat is no error.
    pub(crate) fn finish(
        &mut self,
        id: LeaseId,
        why: Outcome,
        delay: Option<Duration>,
        counted: bool,
    ) -> Told {
        let lease = self.leases.iter().find(|lease| lease.grant.lease == id);
        let ended = lease.and_then(|lease| lease.ended.as_ref());
        if !ended.is_some_and(|(outcome, _)| *outcome == why) {
            self.live(id)?;
            self.end(id, why, delay, counted);
        }
        Ok(Answer::Settled)
    }

    /// A lease ends: its job is done, or back in its place, later or as if nothing had been.
    pub(crate) fn end(
        &mut self,
        id: LeaseId,
        why: Outcome,
        delay: Option<Duration>,
        counted: bool,
    ) {
        let now = self.now;
        let lease = self.lease(id);
        lease.ended = Some((why, Refusal::LeaseLost));
        let thing = lease.grant.thing.clone();
        if why == Outcome::Undelivered {
            self.unremember(id);
        }
        let holds = |job: &&Job| job.leased && job.got.lease == id;
        let job = self.jobs.iter().find(holds).map(|job| job.got.job);
        let at_once = self.at(&thing).is_some_and(|known| known.shut == Some(true));
        match job {
            None => self.at_mut(&thing).touched = now,
            Some(job) if why == Outcome::Done || at_once => {
                if why == Outcome::Done {
                    self.finished.push((thing.clone(), job));
                }
                self.drop_jobs(&thing, |it| it.got.job == job);
            }
            Some(job) if why == Outcome::Undelivered => self.give_back(job, now, false),
            Some(job) if counted => self.fail(job, delay),
            Some(job) => self.give_back(job, now + delay.unwrap_or_default(), true),
        }
        if matches!(why, Outcome::Undelivered | Outcome::Broken) {
            self.pass_on_from(id);
        }
    }

    /// The key of a grant of which nobody has heard is as good as new.
    pub(crate) fn unremember(&mut self, id: LeaseId) {
        let other = |it: &Option<Answer>| it.clone().and_then(|it| granted(&Ok(it))) != Some(id);
        self.memory.retain(|(.., answer, _)| other(answer));
    }

    /// Jobs go for good; with the last one of a queue, it is drained.
    pub(crate) fn drop_jobs(&mut self, queue: &Thing, which: impl Fn(&Job) -> bool) {
        let before = self.jobs.len();
        self.jobs.retain(|job| job.queue != *queue || !which(job));
        if self.jobs.len() < before {
            self.finished_in(queue);
        }
    }

    pub(crate) fn grant(
        &mut self,
        thing: &Thing,
        length: Duration,
        share: Option<Share>,
        owner: Option<Arc<str>>,
    ) -> Grant {
        let number = NonZeroU64::MIN.saturating_add(self.reserved + self.leases.len() as u64);
        let (thing, lease, until) = (thing.clone(), LeaseId(number), self.clock + length);
        let grant = Grant { thing, lease, until };
        self.leases.push(Lease {
            grant: grant.clone(),
            share,
            owner,
            woken: None,
            length,
            ended: None,
            key: None,
            out: 0,
            looked: false,
            durable: false,
            taken: false,
            kept: None,
        });
        grant
    }

    pub(crate) fn lease(&mut self, id: LeaseId) -> &mut Lease {
        self.leases.iter_mut().find(|lease| lease.grant.lease == id).expect("it was granted")
    }

    pub(crate) fn live(&self, id: LeaseId) -> Result<&Lease, Refusal> {
        let lease = self.leases.iter().find(|lease| lease.grant.lease == id);
        let lease = lease.ok_or(Refusal::NotFound)?;
        lease.ended.as_ref().map_or(Ok(lease), |(_, why)| Err(why.clone()))
    }

    /// Whether anything of it is held.
    pub(crate) fn is_held(&self, thing: &Thing) -> bool {
        self.leases.iter().any(|lease| lease.grant.thing == *thing && lease.ended.is_none())
    }
}
