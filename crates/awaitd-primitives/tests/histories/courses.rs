//! The course of a job: it fails, dies, goes elsewhere, is dropped.

use std::time::Duration;

use awaitd_primitives::*;

use crate::model::{Model, Told};
use crate::queues::{Job, is_full};

/// What came of a job.
pub(crate) struct Kept {
    pub(crate) queue: Thing,
    pub(crate) job: JobId,
    pub(crate) enqueued: Time,
    pub(crate) result: Payload,
    pub(crate) until: Time,
}

impl Model {
    fn job(&mut self, id: JobId) -> &mut Job {
        self.jobs.iter_mut().find(|job| job.got.job == id).expect("it is there")
    }

    /// An attempt has ended: again after a while, in its old place if there is none, or never.
    pub(crate) fn fail(&mut self, id: JobId, delay: Option<Duration>) {
        let now = self.now;
        let job = self.job(id).clone();
        let policy = self.at(&job.queue).expect("it is there").config.policy.clone();
        let last = job.got.attempt >= job.max_attempts().unwrap_or(policy.max_attempts);
        if last || job.rejected {
            let dead = self.job(id);
            (dead.leased, dead.got.attempt, dead.rejected) = (false, job.got.attempt + 1, false);
            self.die(id, if job.rejected { Cause::Nack } else { Cause::Attempts });
            self.bury(id);
            return self.finished_in(&job.queue);
        }
        let delay = delay.unwrap_or_else(|| policy.backoff.after(job.got.attempt, id.0));
        let back = self.job(id);
        back.got.attempt += 1;
        self.give_back(id, now + delay, true);
    }

    /// Back in its place, or in a later one.
    pub(crate) fn give_back(&mut self, id: JobId, since: Time, heard_of: bool) {
        let now = self.now;
        let job = self.job(id);
        job.leased = false;
        if heard_of {
            job.since = since;
            job.got.traits.retain(|it| !matches!(it, Trait::At(_)));
            job.holds |= job.key().is_some();
            if since > now {
                job.place = since;
            }
        }
        self.comes(id);
    }

    pub(crate) fn moment(&self, wall: u64) -> Time {
        Time::from_micros(wall.saturating_sub(self.ahead))
    }

    /// The clock may have been set: those that wait for a time of day do so until another moment.
    pub(crate) fn tie(&mut self, wall: u64) {
        let now = self.now;
        self.ahead = wall - now.micros();
        for at in 0..self.jobs.len() {
            let dated =
                self.jobs[at].find(|it| if let Trait::At(wall) = it { Some(*wall) } else { None });
            let moment = dated.map(|wall| self.moment(wall));
            let job = &mut self.jobs[at];
            if let Some(moment) = moment.filter(|_| job.waits() && job.place > now) {
                job.place = moment;
                job.since = moment.max(now);
            }
        }
    }

    fn die(&mut self, id: JobId, cause: Cause) {
        let now = self.now;
        let job = self.job(id);
        let past = Past {
            from: job.got.queue.clone(),
            cause,
            attempts: job.got.attempt - 1,
            error: job.error.clone(),
            enqueued: job.got.enqueued,
            died: now,
        };
        job.got.traits.retain(|it| !matches!(it, Trait::Past(_) | Trait::At(_)));
        job.got.traits.push(Trait::Past(Box::new(past)));
        (job.dead, job.holds, job.since) = (true, false, now);
        self.comes(id);
    }

    /// One that is dead goes into the dead letter queue, if there is one that takes it; whether it went.
    fn bury(&mut self, id: JobId) -> bool {
        let now = self.now;
        let from = self.job(id).queue.clone();
        let policy = &self.at(&from).expect("it is there").config.policy;
        let Some(to) = policy.dead_letter.clone().map(Thing::Queue) else { return false };
        if self.at(&to).is_some_and(|known| known.shut.is_some()) {
            return false;
        }
        self.move_job(id, &to, now, now);
        true
    }

    /// As new, there or elsewhere.
    fn move_job(&mut self, id: JobId, to: &Thing, ready: Time, counts_from: Time) {
        let ttl = self.at_mut(to).config.policy.ttl;
        let job = self.job(id);
        job.got.traits.retain(|it| !matches!(it, Trait::Ends(_) | Trait::At(_)));
        job.got.traits.extend(ttl.map(|ttl| Trait::Ends(counts_from + ttl)));
        (job.queue, job.got.queue) = (to.clone(), to.name().clone());
        (job.got.attempt, job.error) = (1, None);
        (job.place, job.since) = (ready, ready);
        (job.dead, job.holds) = (false, false);
        self.comes(id);
    }

    /// Unfinished jobs of a queue went: with the last one it is drained.
    pub(crate) fn finished_in(&mut self, queue: &Thing) {
        if self.jobs_of(queue).next().is_none() {
            self.last_generation += 1;
            let (now, generation) = (self.now, self.last_generation);
            let known = self.at_mut(queue);
            (known.generation, known.touched) = (generation, now);
        }
    }

    /// Jobs that wait have waited for as long as they may.
    pub(crate) fn end_waits(&mut self) {
        loop {
            let over = self.jobs.iter().filter(|job| job.waits());
            let over = over.filter_map(|job| Some((job.ends()?, job.queue.clone(), job.got.job)));
            let Some((_, queue, id)) = over.filter(|(ends, ..)| *ends <= self.now).min() else {
                return;
            };
            self.die(id, Cause::Ttl);
            let letters = &self.at(&queue).expect("it is there").config.policy.dead_letter;
            if letters.is_none() {
                self.jobs.retain(|job| job.got.job != id);
            } else {
                self.bury(id);
            }
            self.finished_in(&queue);
        }
    }

    pub(crate) fn cancel(&mut self, command: &Command, job: JobId, force: bool) -> Told {
        let thing = self.find(command).ok_or(Refusal::NotFound)?.thing.clone();
        let found = self.jobs.iter().find(|it| it.queue == thing && it.got.job == job);
        let Job { leased, dead, got, .. } = found.cloned().ok_or(Refusal::NotFound)?;
        if leased && !force {
            return Err(Refusal::Leased);
        }
        if leased {
            self.lease(got.lease).ended = Some((Outcome::Broken, Refusal::LeaseLost));
        }
        self.jobs.retain(|it| it.got.job != job);
        if !dead {
            self.finished_in(&thing);
        }
        Ok(Answer::Deleted)
    }

    pub(crate) fn pause(&mut self, command: &Command, paused: bool) -> Told {
        self.find(command).ok_or(Refusal::NotFound)?;
        self.known(command).config.policy.paused = paused;
        Ok(Answer::Paused)
    }

    /// The numbers of all jobs in a state.
    fn in_state(&self, queue: &Name, state: JobState) -> Vec<JobId> {
        let views = self.job_views(queue).into_iter();
        views.filter(|view| view.state == state).map(|view| view.job).collect()
    }

    pub(crate) fn purge(&mut self, command: &Command, state: Option<JobState>) -> Told {
        let thing = self.find(command).ok_or(Refusal::NotFound)?.thing.clone();
        let states = match state {
            Some(JobState::Leased) => return Err(Refusal::Leased),
            Some(state) => vec![state],
            None => vec![JobState::Ready, JobState::Delayed, JobState::Dead],
        };
        let gone: Vec<_> =
            states.into_iter().flat_map(|state| self.in_state(thing.name(), state)).collect();
        let lived = self.jobs_of(&thing).count();
        self.jobs.retain(|job| !gone.contains(&job.got.job));
        self.results.retain(|kept| !gone.contains(&kept.job));
        if self.jobs_of(&thing).count() < lived {
            self.finished_in(&thing);
        }
        Ok(Answer::Purged { dropped: gone.len() as u64 })
    }

    pub(crate) fn redrive(&mut self, command: &Command) -> Told {
        let Command::Redrive { queue, to, state, job, limit, delay, spacing } = command else {
            unreachable!()
        };
        let thing = self.find(command).ok_or(Refusal::NotFound)?.thing.clone();
        let asked = match (job, state) {
            (Some(job), _) => match self.read_job(queue, *job)? {
                Answer::Job(view) if view.state == JobState::Leased => return Err(Refusal::Leased),
                Answer::Job(view) if view.state == JobState::Done => return Err(Refusal::NotFound),
                _ => vec![*job],
            },
            (None, Some(JobState::Leased)) => return Err(Refusal::Leased),
            (None, Some(state)) => self.in_state(queue, *state),
            (None, None) => {
                let states = [JobState::Dead, JobState::Ready, JobState::Delayed];
                states.into_iter().flat_map(|state| self.in_state(queue, state)).collect()
            }
        };
        let (all, lived) = (asked.len() as u64, self.jobs_of(&thing).count());
        let (mut moved, mut closed) = (0, Vec::new());
        let (mut refused, mut too_large) = (None, None);
        for id in asked {
            let Some(job) = self.jobs.iter().find(|job| job.got.job == id).cloned() else {
                continue;
            };
            let died = job.got.traits.iter().find_map(|it| match it {
                Trait::Past(past) => Some(past.from.clone()),
                _ => None,
            });
            let named = to.is_some();
            let to = to.clone().or(died).unwrap_or_else(|| queue.clone());
            let to = Thing::Queue(to);
            let stays = to == thing && job.waits();
            if moved == *limit {
                break;
            } else if stays && job.place <= self.now + *delay || closed.contains(&to) {
                continue;
            }
            match self.may_come(&job, &to, stays) {
                Ok(true) => {}
                Ok(false) => continue,
                Err(refusal @ Refusal::TooLarge { .. }) => {
                    too_large.get_or_insert(refusal);
                    continue;
                }
                Err(refusal) => {
                    refused.get_or_insert(refusal);
                    if named {
                        break;
                    }
                    closed.push(to);
                    continue;
                }
            }
            let ready = self.now + *delay + *spacing * u32::try_from(moved).expect("few");
            self.move_job(id, &to, ready, ready);
            moved += 1;
        }
        if let Some(refusal) = refused.or(too_large).filter(|_| moved == 0) {
            return Err(refusal);
        }
        if lived > 0 {
            self.finished_in(&thing);
        }
        Ok(Answer::Redriven { moved, left: all - moved })
    }

    /// Whether a job may be put there: `false` if its value lives there already.
    fn may_come(&self, job: &Job, to: &Thing, stays: bool) -> Result<bool, Refusal> {
        let Some(known) = self.at(to) else { return Ok(true) };
        if known.shut.is_some() {
            return Err(Refusal::QueueShutDown);
        }
        let same = |it: &Job| it.unique().is_some() && it.unique() == job.unique();
        if !stays && self.jobs_of(to).any(same) {
            return Ok(false);
        }
        let bytes = job.got.payload.body.len();
        match known.config.policy.max_bytes {
            Some(max_bytes) if !stays && bytes as u64 > max_bytes => {
                return Err(Refusal::TooLarge { max_bytes });
            }
            _ => {}
        }
        let dead = self.jobs.iter().filter(|it| it.queue == *to && it.dead).count();
        let neglected = *to != job.queue && dead as u64 >= known.config.policy.max_dead;
        let full = neglected || !stays && is_full(self, known, bytes);
        if full { Err(Refusal::Full) } else { Ok(true) }
    }

    /// Done, with a result.
    pub(crate) fn finish_with(&mut self, lease: LeaseId, result: &Payload) -> Told {
        if let Ok(held) = self.live(lease) {
            if held.share.is_some() {
                return Err(Refusal::NotFound);
            }
            let holds = |job: &&Job| job.leased && job.got.lease == lease;
            let job = self.jobs.iter().find(holds).expect("a job is held").clone();
            let retain = self.at(&job.queue).expect("it is there").config.policy.retain;
            if !retain.is_zero() {
                let (queue, id, enqueued) = (job.queue, job.got.job, job.got.enqueued);
                let (result, until) = (result.clone(), self.now + retain);
                self.results.push(Kept { queue, job: id, enqueued, result, until });
            }
        }
        self.finish(lease, Outcome::Done, None, false)
    }

    pub(crate) fn progress(&mut self, lease: LeaseId, progress: &Payload) -> Told {
        if self.live(lease)?.share.is_some() {
            return Err(Refusal::NotFound);
        }
        let holds = |job: &&mut Job| job.leased && job.got.lease == lease;
        let job = self.jobs.iter_mut().find(holds).expect("a job is held");
        job.got.traits.retain(|it| !matches!(it, Trait::Progress(_)));
        job.got.traits.push(Trait::Progress(Box::new(progress.clone())));
        Ok(Answer::Settled)
    }
}
