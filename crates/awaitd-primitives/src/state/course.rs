//! The course of a job, by facts: it is placed, comes back, dies, goes elsewhere, is gone.

use crate::messages::command::{JobId, Payload};
use crate::messages::job::{Cause, Trait};
use crate::messages::name::Name;
use crate::messages::record::{Outcome, Then};
use crate::messages::time::Time;
use crate::state::State;
use crate::state::job::{Job, More, Place};
use crate::state::results::Kept;

impl State {
    pub(super) fn place(
        &mut self,
        at: Time,
        queue: &Name,
        job: JobId,
        ready_at: Time,
        payload: &Payload,
    ) {
        self.last_job = self.last_job.max(job.0);
        let (more, _) = self.take_told(job);
        let timed = more.traits.iter().any(|it| matches!(it, Trait::Ends(_)));
        let what = Job::new(payload.clone(), at, more);
        if !self.queues.contains_key(queue) {
            self.queue_or_new(queue, at);
        }
        self.with_queue(queue, |queue| queue.jobs.insert(at, Place { ready_at, job }, what));
        self.usage.was_put(queue, at);
        if timed || ready_at > at {
            self.index(queue);
        }
    }

    /// What was told of this job before it, and whether it is dead.
    pub(super) fn take_told(&mut self, job: JobId) -> (More, bool) {
        let told = self.told.take().filter(|(of, _)| *of == job);
        let mut traits = told.map(|(_, traits)| traits).unwrap_or_default();
        let all = traits.len();
        traits.retain(|it| *it != Trait::HoldsKey);
        let holds_key = traits.len() < all;
        let living = traits.len();
        traits.retain(|it| *it != Trait::Dead);
        let dead = traits.len() < living;
        (More { traits, holds_key, ..More::default() }, dead)
    }

    pub(super) fn release_job(
        &mut self,
        at: Time,
        name: &Name,
        job: JobId,
        outcome: Outcome,
        then: &Then,
    ) {
        self.with_queue(name, |queue| {
            let out = queue.jobs.release(job);
            match then {
                Then::Finished | Then::Dropped => queue.jobs.unrank(job),
                Then::Back { ready_at, since, counted, error } => {
                    let Some(out) = out else { return };
                    let back = out.job.change(|more| {
                        let tried = &mut more.tried;
                        tried.attempts = tried.attempts.saturating_add(u32::from(*counted));
                        tried.since = (since != ready_at).then_some(*since);
                        tried.error = error.clone().or(tried.error.take());
                        let keyed = more.traits.iter().any(|it| matches!(it, Trait::Key(_)));
                        more.holds_key |= keyed && outcome != Outcome::Undelivered;
                        if outcome != Outcome::Undelivered {
                            more.undate();
                        }
                    });
                    queue.jobs.insert(at, Place { ready_at: *ready_at, job }, back);
                }
                Then::Dead { cause, error } => {
                    let Some(out) = out else { return };
                    let dead = out.job.change(|more| {
                        more.tried.attempts = more.tried.attempts.saturating_add(1);
                        more.tried.error = error.clone().or(more.tried.error.take());
                    });
                    queue.jobs.bury(job, dead.die(name, *cause, at));
                }
            }
        });
        if matches!(then, Then::Finished | Then::Dropped) {
            let results = self.queues.get(name).and_then(|queue| queue.jobs.results());
            if results.is_none_or(|results| results.get(job).is_none()) {
                self.strays.0.remove(&job);
            }
        } else {
            self.index(name);
        }
    }

    /// A job that waits is dead.
    pub(super) fn bury(&mut self, at: Time, name: &Name, id: JobId, cause: Cause) {
        self.with_queue(name, |queue| {
            if let Some(job) = queue.jobs.remove(id) {
                queue.jobs.bury(id, job.die(name, cause, at));
            }
        });
        self.index(name);
    }

    /// A job that waits or is dead has gone.
    pub(super) fn drop_job(&mut self, name: &Name, job: JobId) {
        self.with_queue(name, |queue| {
            queue.jobs.remove(job);
            queue.jobs.unrank(job);
        });
        self.strays.0.remove(&job);
        self.index(name);
    }

    /// A job that waits or is dead is as new, there or elsewhere.
    pub(super) fn move_job(
        &mut self,
        at: Time,
        from: &Name,
        to: &Name,
        place: Place,
        ends: Option<Time>,
    ) {
        let taken = self.with_queue(from, |queue| {
            let job = queue.jobs.remove(place.job)?;
            let rank = queue.jobs.rank_of(place.job).cloned();
            queue.jobs.unrank(place.job);
            Some((job, rank))
        });
        let Some((job, rank)) = taken.flatten() else { return };
        self.index(from);
        let job = job.change(|more| {
            more.undate();
            more.traits.retain(|it| !matches!(it, Trait::Ends(_)));
            more.traits.extend(ends.map(Trait::Ends));
            *more = More { traits: std::mem::take(&mut more.traits), ..More::default() };
        });
        self.queue_or_new(to, at);
        self.with_queue(to, |queue| {
            if let Some(rank) = rank {
                queue.jobs.rank(place.job, rank);
            }
            queue.jobs.insert(at, place, job);
        });
        self.strays.0.insert(place.job, to.clone());
        self.index(to);
    }

    /// What came of a job that somebody still holds.
    pub(super) fn keep_result(&mut self, name: &Name, job: JobId, result: &Payload, until: Time) {
        self.with_queue(name, |queue| {
            let Some(out) = queue.jobs.out(job) else { return };
            let kept = Kept { result: result.clone(), enqueued: out.job.enqueued, until };
            queue.jobs.results_mut().insert(job, kept);
        });
        self.index(name);
    }
}
