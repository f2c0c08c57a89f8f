//! What the jobs of each namespace take. It follows from the rest, and from the quotas that hold now.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::messages::answer::Refusal;
use crate::messages::name::Name;
use crate::messages::time::Time;
use crate::quotas::{Bound, Quotas, Taken};
use crate::state::State;
use crate::state::job::Load;

/// What the jobs of each namespace take, by the places of the quotas.
#[derive(Clone, Debug, Default)]
pub(crate) struct Usage {
    quotas: Arc<Quotas>,
    taken: Vec<Taken>,
    /// Up to when the rate of each is used up.
    used: Vec<Time>,
}

impl PartialEq for Usage {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Usage {
    /// The jobs of a queue take so much now, and took so much before.
    pub(super) fn changed(&mut self, queue: &Name, before: Load, after: Load) {
        for place in self.quotas.of(queue) {
            let taken = &mut self.taken[place];
            taken.jobs = taken.jobs + after.jobs - before.jobs;
            taken.bytes = taken.bytes + after.bytes - before.bytes;
        }
    }

    /// A job was put there.
    pub(super) fn was_put(&mut self, queue: &Name, at: Time) {
        for place in self.quotas.of(queue) {
            if let Some(rate) = self.quotas.all()[place].rate {
                let used = &mut self.used[place];
                *used = (*used).max(at) + interval(rate);
            }
        }
    }

    /// Whether a job of so many bytes may be put there, in place of what goes.
    pub(super) fn admits(
        &self,
        queue: &Name,
        bytes: u64,
        goes: Load,
        now: Time,
    ) -> Result<(), Refusal> {
        self.quotas.of(queue).try_for_each(|place| {
            self.has_room(place, (1, bytes), goes)?;
            let Some(rate) = self.quotas.all()[place].rate else { return Ok(()) };
            // So many at once that they are used up after a second.
            let ahead = interval(rate) * (rate.get() - 1);
            if self.used[place] <= now + ahead {
                Ok(())
            } else {
                Err(self.quotas.refusal(place, Bound::Rate))
            }
        })
    }

    /// Whether a job of so many bytes may go from one queue to another. `come`: what comes into each
    /// namespace before it, to which it is added.
    pub(super) fn admits_move(
        &self,
        (from, to): (&Name, &Name),
        bytes: u64,
        come: &mut HashMap<usize, (u64, u64)>,
    ) -> Result<(), Refusal> {
        let within: Vec<usize> = self.quotas.of(from).collect();
        let new = || self.quotas.of(to).filter(|place| !within.contains(place));
        let with =
            |come: Option<&(u64, u64)>| come.map_or((1, bytes), |(n, all)| (n + 1, all + bytes));
        new()
            .try_for_each(|place| self.has_room(place, with(come.get(&place)), Load::default()))?;
        for place in new() {
            come.insert(place, with(come.get(&place)));
        }
        Ok(())
    }

    /// Whether a result of so many bytes may be kept there, in place of the job.
    pub(crate) fn admits_result(&self, queue: &Name, bytes: u64, job: Load) -> Result<(), Refusal> {
        self.quotas.of(queue).try_for_each(|place| self.has_room(place, (0, bytes), job))
    }

    fn has_room(&self, place: usize, (jobs, bytes): (u64, u64), goes: Load) -> Result<(), Refusal> {
        let (quota, taken) = (&self.quotas.all()[place], &self.taken[place]);
        let above = |taken: u64, most: Option<u64>| most.is_some_and(|most| taken > most);
        if jobs > 0 && above(taken.jobs + jobs - goes.jobs, quota.jobs) {
            Err(self.quotas.refusal(place, Bound::Jobs))
        } else if bytes > 0 && above(taken.bytes + bytes - goes.bytes, quota.bytes) {
            Err(self.quotas.refusal(place, Bound::Bytes))
        } else {
            Ok(())
        }
    }
}

/// Between two puts that come evenly.
fn interval(rate: NonZeroU32) -> Duration {
    Duration::from_secs(1) / rate.get()
}

impl State {
    /// What the jobs of each namespace take, by the places of the quotas.
    pub(crate) fn taken(&self) -> impl Iterator<Item = Taken> + '_ {
        self.usage.taken.iter().copied()
    }

    /// These quotas hold from now on. What is there above them stays. A rate that is used up stays so, if
    /// its prefix does.
    pub(crate) fn set_quotas(&mut self, quotas: Arc<Quotas>) {
        let before = std::mem::take(&mut self.usage);
        let used = |prefix: &str| {
            let place = before.quotas.all().binary_search_by(|quota| (*quota.prefix).cmp(prefix));
            place.map_or(Time::ZERO, |place| before.used[place])
        };
        let used = quotas.all().iter().map(|quota| used(&quota.prefix)).collect();
        self.usage = Usage { taken: vec![Taken::default(); quotas.all().len()], used, quotas };
        for (name, queue) in &self.queues {
            self.usage.changed(name, Load::default(), queue.load(name));
        }
    }
}
