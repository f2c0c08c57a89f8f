//! The jobs of a queue in the order of their numbers, a page at a time.

use std::ops::Bound;

use super::Jobs;
use crate::messages::command::JobId;
use crate::messages::job::JobState;
use crate::state::results::Results;

impl Jobs {
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
