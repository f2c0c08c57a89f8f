//! The two things that the model takes from the core: in which order things that have nothing to do
//! with each other were numbered, and when something was forgotten. Both are checked.

use std::time::Duration;

use awaitd_primitives::*;

use crate::courses::Kept;
use crate::model::{Model, Told};

/// Who was told what, and how long they had waited.
type Answered = (Ticket, Told, Duration);

impl Model {
    /// The core may let go of what nobody configured and has been at rest for five minutes.
    pub(crate) fn forget(&mut self, thing: &Thing) -> Result<(), String> {
        let at = self.things.iter().position(|known| known.thing == *thing);
        let known = &self.things[at.ok_or("it forgot what is not there")?];
        let waits =
            ["put", "get", "join", "wait", "acquire"].iter().any(|op| self.count(thing, op) > 0);
        let paused = known.config.policy.paused;
        let used = known.configured || known.shut.is_some() || known.set || waits || paused;
        let kept = |it: &Kept| it.queue == *thing && it.until > self.now;
        let held = self.is_held(thing)
            || self.jobs.iter().any(|job| job.queue == *thing)
            || self.results.iter().any(kept);
        if used || held || self.now.since(known.touched) < Duration::from_mins(5) {
            return Err(format!("{thing:?} was forgotten while it was in use"));
        }
        self.things.retain(|known| known.thing != *thing);
        Ok(())
    }

    /// It was let go, and made anew by what came into it in the same step.
    pub(crate) fn made_anew(&mut self, thing: &Thing, at: Time) {
        let known = self.at_mut(thing);
        (known.generation, known.touched) = (0, at);
    }

    /// Things that have nothing to do with each other may be numbered in any order within one step.
    pub(crate) fn renumber(
        &mut self,
        mine: &mut [Answered],
        theirs: &[Answered],
    ) -> Result<(), String> {
        let (mut jobs, mut leases) = (Vec::new(), Vec::new());
        for ((_, mine, _), (_, theirs, _)) in mine.iter().zip(theirs) {
            let (mut mine, mut theirs) = (mine.clone(), theirs.clone());
            let ((job, lease), (other_job, other_lease)) =
                (numbers(&mut mine), numbers(&mut theirs));
            jobs.extend(job.into_iter().zip(other_job).map(|(one, other)| (*one, *other)));
            leases.extend(lease.into_iter().zip(other_lease).map(|(one, other)| (*one, *other)));
        }
        if jobs.iter().all(|(one, other)| one == other)
            && leases.iter().all(|(one, other)| one == other)
        {
            return Ok(());
        }
        permutes(&jobs)?;
        permutes(&leases)?;
        let job_of = |job: &mut JobId| {
            if let Some((_, other)) = jobs.iter().find(|(one, _)| one == job) {
                *job = *other;
            }
        };
        let lease_of = |lease: &mut LeaseId| {
            if let Some((_, other)) = leases.iter().find(|(one, _)| one == lease) {
                *lease = *other;
            }
        };
        for job in &mut self.jobs {
            job_of(&mut job.got.job);
            lease_of(&mut job.got.lease);
        }
        for lease in &mut self.leases {
            lease_of(&mut lease.grant.lease);
        }
        self.finished.iter_mut().for_each(|(_, job)| job_of(job));
        self.results.iter_mut().for_each(|kept| job_of(&mut kept.job));
        for known in &mut self.things {
            if let Some((_, other)) = leases.iter().find(|(one, _)| one.fence() == known.served) {
                known.served = other.fence();
            }
        }
        let memories = self.memory.iter_mut().filter_map(|(.., answer, _)| answer.as_mut());
        for told in mine.iter_mut().map(|(_, told, _)| told) {
            let (job, lease) = numbers(told);
            job.into_iter().for_each(job_of);
            lease.into_iter().for_each(lease_of);
        }
        for answer in memories {
            let mut told = Ok(answer.clone());
            let (job, lease) = numbers(&mut told);
            job.into_iter().for_each(job_of);
            lease.into_iter().for_each(lease_of);
            *answer = told.expect("it was good");
        }
        Ok(())
    }
}

/// The numbers of jobs and of leases in an answer.
fn numbers(told: &mut Told) -> (Vec<&mut JobId>, Vec<&mut LeaseId>) {
    match told {
        Ok(Answer::Placed { job, .. } | Answer::Present { job, .. }) => (vec![job], Vec::new()),
        Ok(Answer::Got(got)) => (vec![&mut got.job], vec![&mut got.lease]),
        Ok(Answer::GotMany(all)) => {
            all.iter_mut().map(|got| (&mut got.job, &mut got.lease)).unzip()
        }
        Ok(Answer::Acquired(grant) | Answer::Woken { grant, .. }) => {
            (Vec::new(), vec![&mut grant.lease])
        }
        _ => (Vec::new(), Vec::new()),
    }
}

fn permutes<T: Ord + Copy + std::fmt::Debug>(pairs: &[(T, T)]) -> Result<(), String> {
    let (mut mine, mut theirs): (Vec<T>, Vec<T>) = pairs.iter().copied().unzip();
    mine.sort();
    theirs.sort();
    if mine == theirs { Ok(()) } else { Err(format!("numbered {theirs:?}, expected {mine:?}")) }
}
