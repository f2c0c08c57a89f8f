//! What concerns many jobs at once: the many are taken out whole, so that freeing them holds nobody up.

use super::Jobs;
use crate::messages::command::JobId;
use crate::messages::job::JobState;
use crate::messages::policy::Policy;
use crate::messages::time::Time;
use crate::state::results::Results;

impl Jobs {
    /// Takes out all that waits, whole, so that dropping it holds nobody up.
    pub(crate) fn take_waiting(&mut self, policy: &Policy) -> Self {
        let (leased, dead) = (std::mem::take(&mut self.leased), std::mem::take(&mut self.dead));
        let mut waiting = std::mem::take(self);
        self.set_order(waiting.order, policy);
        if let Some(special) = &mut waiting.special.0 {
            *self.results_mut() = std::mem::take(&mut special.results);
        }
        for id in leased.keys().chain(dead.keys()) {
            if let Some(rank) = waiting.rank_of(*id) {
                self.rank(*id, rank.clone());
            }
        }
        for (id, job) in dead {
            self.bury(id, job);
        }
        for out in leased.into_values() {
            self.take_out(out);
        }
        waiting
    }

    /// Jobs that are not due yet and wait for a time of day do so until that comes now; says whether there may
    /// be any. If it is over, they are ready since now, in its order.
    pub(crate) fn redate(&mut self, now: Time, moment: impl Fn(u64) -> Time) -> bool {
        if self.special.0.as_ref().is_none_or(|special| special.dated == 0) {
            return false;
        }
        let delayed = std::mem::take(&mut self.delayed).into_iter().map(|(mut place, mut job)| {
            if let Some(wall) = job.at().filter(|_| place.ready_at > now) {
                place.ready_at = moment(wall);
                self.delayed_at.insert(place.job, place.ready_at);
                let over = (place.ready_at < now).then_some(now);
                job = job.change(|more| more.tried.since = over);
            }
            (place, job)
        });
        self.delayed = delayed.collect();
        true
    }

    /// Drops what is in this state; nothing of what somebody holds. The many are taken out whole, so that
    /// freeing them holds nobody up.
    pub(crate) fn purge(&mut self, state: JobState) -> Self {
        let mut gone = Self::default();
        match state {
            JobState::Done => *self.results_mut() = Results::default(),
            JobState::Leased => {}
            JobState::Dead => {
                gone.dead = std::mem::take(&mut self.dead);
                gone.dead.iter().for_each(|(id, job)| self.strike(*id, job));
                gone.dead.keys().for_each(|id| self.unrank(*id));
            }
            JobState::Ready | JobState::Delayed => {
                let ids: Vec<JobId> = self.page(state, JobId(0)).collect();
                let few = |id: &JobId| {
                    let traits = self.waiting(*id).is_some_and(|(_, job)| !job.traits().is_empty());
                    traits || self.rank_of(*id).is_some()
                };
                let few: Vec<JobId> = ids.into_iter().filter(few).collect();
                for id in few {
                    self.remove(id);
                    self.unrank(id);
                }
                self.take_plain(state, &mut gone);
            }
        }
        gone
    }

    /// Takes out, whole, what waits in this state and has neither traits nor ranks.
    fn take_plain(&mut self, state: JobState, into: &mut Self) {
        if state == JobState::Delayed {
            into.delayed = std::mem::take(&mut self.delayed);
            self.delayed_at.clear();
        } else {
            into.fresh = std::mem::take(&mut self.fresh);
            into.moved = std::mem::take(&mut self.moved);
            (self.moved_at, self.moved_since) = Default::default();
            if let Some(ranks) = &mut self.ranks {
                ranks.leave_all();
            }
        }
        let waited = into.fresh.values().chain(into.moved.values()).chain(into.delayed.values());
        for job in waited {
            self.load.0.sub(job.load());
            self.waiting_bytes -= job.payload.body.len() as u64;
        }
    }
}
