//! Copies, taken in.

use crate::messages::checkpoint::{Copied, LeaseCopy, Tried};
use crate::messages::name::Thing;
use crate::messages::record::Held;
use crate::messages::time::Time;
use crate::state::State;
use crate::state::barrier::Barrier;
use crate::state::event::Event;
use crate::state::job::{Job, More, Place};
use crate::state::lease::Lease;
use crate::state::permits::Permits;
use crate::state::results::Kept;
use crate::state::schedule::Schedule;

impl State {
    /// Takes in a copy of what is there, or was told of in a part of the history that has gone.
    pub(super) fn restore(&mut self, at: Time, copied: &Copied) {
        match copied.clone() {
            Copied::Queue { queue: name, config, configured, gate, drained, touched } => {
                self.queue_or_new(&name, at);
                self.with_queue(&name, |known| {
                    known.configure(config);
                    (known.configured, known.gate) = (configured, gate);
                    (known.drained, known.touched) = (drained, touched);
                });
            }
            Copied::Job { queue: name, job, ready_at, enqueued, payload, tried, lease } => {
                self.queue_or_new(&name, at);
                let id = lease.as_ref().map(|lease| lease.lease);
                let (place, held) =
                    (Place { ready_at, job }, Held::Job { queue: name.clone(), job });
                let (more, dead) = self.take_told(job);
                let tried = tried.map_or_else(Tried::default, |tried| *tried);
                let what = Job::new(payload, enqueued, More { tried, ..more });
                self.with_queue(&name, |queue| queue.jobs.restore(at, place, what, id, dead));
                self.index(&name);
                self.restore_lease(lease, held);
            }
            Copied::Event { event, set, last, touched } => {
                self.put_event(&event, Event { set, last, touched });
            }
            Copied::Lock { lock, touched, owner, lease } => {
                let mut known = Permits::new(touched, None);
                let (thing, held) = (Thing::Lock(lock.clone()), Held::Lock { lock, owner });
                if let Some(lease) = &lease {
                    known.take(lease.lease, &held);
                }
                self.put_permits(&thing, known);
                self.restore_lease(lease, held);
            }
            Copied::Permits { thing, config, touched, holders } => {
                let mut known = Permits::new(touched, config);
                for (permits, owner, lease) in holders {
                    let held = Held::Part { thing: thing.clone(), permits, owner };
                    known.take(lease.lease, &held);
                    self.restore_lease(Some(Box::new(lease)), held);
                }
                self.put_permits(&thing, known);
            }
            Copied::Barrier { barrier, parties, broken, generation } => {
                self.note(&Thing::Barrier(barrier.clone()));
                self.barriers.insert(barrier, Barrier { parties, broken, generation });
            }
            Copied::Result { queue: name, job, enqueued, result, until } => {
                self.queue_or_new(&name, at);
                let kept = Kept { result, enqueued, until };
                self.with_queue(&name, |queue| queue.jobs.results_mut().insert(job, kept));
                self.index(&name);
            }
            Copied::Pace { queue, used } => {
                self.with_queue(&queue, |queue| queue.used = used);
            }
            Copied::Schedule { schedule, config, last } => {
                self.restore_schedule(&schedule, Schedule { config, last });
            }
            Copied::Fates { chunk, bits } => self.leases.settled().fill(chunk, &bits),
            Copied::Late { fates } => self.leases.settled().fill_late(&fates),
        }
    }

    fn restore_lease(&mut self, lease: Option<Box<LeaseCopy>>, held: Held) {
        if let Some(lease) = lease {
            self.leases.insert(lease.lease, Lease::from_copy(held, &lease));
        }
    }
}
