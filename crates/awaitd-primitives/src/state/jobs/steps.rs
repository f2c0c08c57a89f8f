//! The steps of which every change of a queue's jobs is made.

use super::special::Special;
use super::{DEFAULT, Jobs};
use crate::messages::body::{Body, Stored};
use crate::messages::command::JobId;
use crate::messages::configuration::{Order, Rank};
use crate::state::groups::Slot;
use crate::state::job::{Job, Out, Place};

impl Jobs {
    /// Takes one out that waits.
    pub(super) fn take(&mut self, id: JobId) -> Option<(Place, Job)> {
        let (place, job) = if let Some(job) = self.fresh.remove(&id) {
            let place = job.first_place(id);
            self.leave_ranks(place);
            (place, job)
        } else if let Some(ready_at) = self.moved_at.remove(&id) {
            let place = Place { ready_at, job: id };
            let job = self.moved.remove(&place)?;
            self.moved_since.remove(&(job.since(place), id));
            self.leave_ranks(place);
            (place, job)
        } else if let Some(ready_at) = self.delayed_at.remove(&id) {
            let place = Place { ready_at, job: id };
            (place, self.delayed.remove(&place)?)
        } else {
            let (place, job) = self.special.0.as_mut()?.keyed.remove(&id)?;
            self.moved_since.remove(&(job.since(place), id));
            let seat = (self.seat_rank(id), self.slot(place), id);
            if let (Some(special), Some(key)) = (&mut self.special.0, job.key()) {
                special.groups.unready(key, &seat, job.holds_key());
            }
            (place, job)
        };
        self.forget_wait(place, &job);
        Some((place, job))
    }

    /// A job waits no longer where it was.
    pub(super) fn forget_wait(&mut self, place: Place, job: &Job) {
        self.waiting_bytes -= job.payload.body.len() as u64;
        if let (Some(ends), Some(special)) = (job.ends(), &mut self.special.0) {
            special.ends.remove(&(ends, place.job));
        }
    }

    fn leave_ranks(&mut self, place: Place) {
        if let Some(ranks) = &mut self.ranks {
            ranks.leave(place);
        }
    }

    /// A job is there, under lease.
    pub(super) fn take_out(&mut self, out: Out) {
        self.enroll(out.place.job, &out.job);
        self.hold_key(&out.job);
        self.leased.insert(out.place.job, out);
    }

    /// An unfinished job is there.
    pub(super) fn enroll(&mut self, id: JobId, job: &Job) {
        self.load.0.add(job.load());
        if job.traits().is_empty() {
            return;
        }
        let special = self.special();
        special.dated += usize::from(job.at().is_some());
        if let Some(key) = job.key() {
            special.groups.enroll(key, id);
        }
        if let Some(value) = job.unique() {
            special.unique.insert(value, id);
        }
    }

    /// A job is there no more.
    pub(super) fn strike(&mut self, id: JobId, job: &Job) {
        self.load.0.sub(job.load());
        let Some(special) = &mut self.special.0 else { return };
        special.dated -= usize::from(job.at().is_some());
        if let Some(key) = job.key() {
            special.groups.leave(key, id);
        }
        if let Some(value) = job.unique() {
            special.unique.remove(value, id);
        }
    }

    pub(super) fn hold_key(&mut self, job: &Job) {
        if let (Some(key), Some(special)) = (job.key(), &mut self.special.0) {
            special.groups.hold(key);
        }
    }

    pub(super) fn let_key_go(&mut self, job: &Job) {
        if let (Some(key), Some(special)) = (job.key(), &mut self.special.0) {
            special.groups.let_go(key);
        }
    }

    pub(super) fn special(&mut self) -> &mut Special {
        self.special.0.get_or_insert_with(|| Box::new(Special::new(1, false)))
    }

    pub(super) fn seat_rank(&self, job: JobId) -> Rank {
        let ranked = self.rank_of(job).filter(|_| self.order == Order::Priority);
        ranked.unwrap_or(&DEFAULT).clone()
    }

    pub(super) fn slot(&self, place: Place) -> Slot {
        let (at, job) = (place.ready_at.micros(), place.job.0);
        if self.order == Order::Lifo { (u64::MAX - at, u64::MAX - job) } else { (at, job) }
    }

    /// Lets go of the body of a job: the journal has it. `keep`: only if it is not in memory anyway.
    pub(crate) fn stow(&mut self, id: JobId, stored: Stored, keep: bool) {
        let Some(job) = self.any_mut(id) else { return };
        if !keep || job.payload.body.here().is_none() {
            let here = job.payload.body.bytes_here();
            job.payload.body = Body::Stored(Box::new(stored));
            self.load.0.here -= here;
        }
    }

    fn any_mut(&mut self, id: JobId) -> Option<&mut Job> {
        if let Some(job) = self.fresh.get_mut(&id) {
            return Some(job);
        }
        if let Some(out) = self.leased.get_mut(&id) {
            return Some(&mut out.job);
        }
        if let Some(ready_at) = self.moved_at.get(&id) {
            return self.moved.get_mut(&Place { ready_at: *ready_at, job: id });
        }
        if let Some(ready_at) = self.delayed_at.get(&id) {
            return self.delayed.get_mut(&Place { ready_at: *ready_at, job: id });
        }
        let keyed = self.special.0.as_mut().and_then(|special| special.keyed.get_mut(&id));
        keyed.map(|(_, job)| job).or_else(|| self.dead.get_mut(&id))
    }
}
