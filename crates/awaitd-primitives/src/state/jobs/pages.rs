//! The jobs of a queue in the order of their numbers, a page at a time.

use std::ops::Bound;

use super::Jobs;
use crate::messages::command::{JobId, LeaseId};
use crate::messages::job::JobState;
use crate::state::job::{Job, Out, Place};
use crate::state::results::Results;

/// A job, where it is.
pub(crate) struct Found<'a> {
    pub(crate) place: Place,
    pub(crate) job: &'a Job,
    pub(crate) state: JobState,
    pub(crate) lease: Option<LeaseId>,
}

impl Jobs {
    /// One that waits or is dead.
    pub(crate) fn at_rest(&self, id: JobId) -> Option<&Job> {
        self.waiting(id).map(|(_, job)| job).or_else(|| self.corpse(id))
    }

    /// One in any state.
    pub(crate) fn find(&self, id: JobId) -> Option<Found<'_>> {
        if let Some((place, job)) = self.waiting(id) {
            let state = if self.is_delayed(id) { JobState::Delayed } else { JobState::Ready };
            return Some(Found { place, job, state, lease: None });
        }
        if let Some(Out { lease, place, job }) = self.leased.get(&id) {
            let lease = Some(*lease);
            return Some(Found { place: *place, job, state: JobState::Leased, lease });
        }
        let job = self.dead.get(&id)?;
        let place = Place { ready_at: job.past().map_or(job.enqueued, |past| past.died), job: id };
        Some(Found { place, job, state: JobState::Dead, lease: None })
    }

    /// The numbers of the jobs in a state after this one, in order.
    pub(crate) fn page(
        &self,
        state: JobState,
        after: JobId,
    ) -> Box<dyn Iterator<Item = JobId> + '_> {
        let later = (Bound::Excluded(after), Bound::Unbounded);
        let special = self.special.0.as_deref();
        match state {
            JobState::Ready => {
                let keyed = special.map(|it| it.keyed.range(later).map(|(id, _)| *id));
                let keyed = keyed.into_iter().flatten();
                let moved = self.moved_at.range(later).map(|(id, _)| *id);
                let fresh = self.fresh.range(later).map(|(id, _)| *id);
                merge(merge(fresh, moved), keyed)
            }
            JobState::Delayed => Box::new(self.delayed_at.range(later).map(|(id, _)| *id)),
            JobState::Leased => Box::new(self.leased.range(later).map(|(id, _)| *id)),
            JobState::Dead => Box::new(self.dead.range(later).map(|(id, _)| *id)),
            JobState::Done => {
                Box::new(special.into_iter().flat_map(move |special| special.results.after(after)))
            }
        }
    }

    /// How many jobs are in a state.
    pub(crate) fn count(&self, state: JobState) -> usize {
        match state {
            JobState::Ready => self.ready(),
            JobState::Delayed => self.delayed(),
            JobState::Leased => self.leased(),
            JobState::Dead => self.dead(),
            JobState::Done => self.results().map_or(0, Results::len),
        }
    }

    /// The numbers of all jobs after this one, in order.
    pub(crate) fn all(&self, after: JobId) -> Box<dyn Iterator<Item = JobId> + '_> {
        let all = JobState::ALL.into_iter().map(|state| self.page(state, after));
        all.fold(Box::new(std::iter::empty()), |one, other| merge(one, other))
    }

    /// The numbers of the jobs of a key after this one, in order.
    pub(crate) fn of_key<'a>(
        &'a self,
        key: &'a str,
        after: JobId,
    ) -> impl Iterator<Item = JobId> + 'a {
        self.special.0.iter().flat_map(move |special| special.groups.of(key, after))
    }
}

/// Two rising rows as one.
fn merge<'a>(
    one: impl Iterator<Item = JobId> + 'a,
    other: impl Iterator<Item = JobId> + 'a,
) -> Box<dyn Iterator<Item = JobId> + 'a> {
    let (mut one, mut other) = (one.peekable(), other.peekable());
    Box::new(std::iter::from_fn(move || match (one.peek(), other.peek()) {
        (Some(left), Some(right)) if left > right => other.next(),
        (Some(_), _) => one.next(),
        (None, _) => other.next(),
    }))
}
