//! Jobs: what was put is there until it is done, once, and under one number.

use std::time::{Duration, Instant};

use super::{Asked, Oracle, Promise, SLACK};

/// A job. Its name is its own, and stands in its body.
#[derive(Debug)]
pub(super) struct Job {
    queue: String,
    put: Put,
    number: Option<u64>,
    /// It is not handed out before this.
    due: Instant,
    /// Got with `ack=true`.
    taken: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Put {
    Asked,
    There,
    Refused,
}

/// A job as a get told of it.
#[derive(Clone, Copy, Debug)]
pub struct Told<'a> {
    /// Its own, from its body.
    pub name: &'a str,
    /// `Awaitd-Job`.
    pub number: u64,
    /// `Awaitd-Fence`.
    pub fence: u64,
}

impl Oracle {
    /// A put is about to be sent, or to be repeated under its key.
    pub fn putting(&mut self, queue: &str, name: &str, delay: Duration, now: Instant) {
        self.jobs.entry(name.to_owned()).or_insert(Job {
            queue: queue.to_owned(),
            put: Put::Asked,
            number: None,
            due: now + delay,
            taken: false,
        });
    }

    /// 201. `asked` is the first request's, if this one was a repeat.
    pub fn put(&mut self, asked: &Asked, name: &str, number: u64) {
        self.numbered(asked, name, number);
        self.job(name).put = Put::There;
    }

    /// A status that says that it was not put.
    pub fn not_put(&mut self, name: &str) {
        let job = self.job(name);
        if job.put == Put::There {
            self.complain(format!("{name}: put, and the repeat under its key is refused"));
        } else {
            job.put = Put::Refused;
            if job.number.is_some() {
                self.complain(format!("{name}: got, and its put is refused"));
            }
        }
    }

    /// 200 to a get with a lease.
    pub fn got(&mut self, asked: &Asked, told: Told<'_>, lease: (Duration, Promise), now: Instant) {
        if self.handed_out(asked, told.name, told.number, now) {
            self.granted(asked, told.name, told.fence, lease, now);
        }
    }

    /// 200 to a get with `ack=true`.
    pub fn took(&mut self, asked: &Asked, name: &str, number: u64, now: Instant) {
        if self.handed_out(asked, name, number, now) {
            self.job(name).taken = true;
            if self.granted.contains_key(name) {
                self.complain(format!("{name}: taken for ever by one, and leased to another"));
            }
        }
    }

    /// A get with `ack=true` was cut off. A job may be gone with it.
    pub fn cut(&mut self, queue: &str) {
        *self.cut.entry(queue.to_owned()).or_default() += 1;
    }

    /// The queue was drained, and everything in it done: whatever was put has been heard of.
    pub fn drained(&mut self, queue: &str) {
        let lost: Vec<_> = self
            .jobs
            .iter()
            .filter(|(name, job)| {
                let last = self.granted.get(*name).and_then(|fences| fences.last());
                let done = last.is_some_and(|fence| self.may_be_done(*fence));
                job.queue == queue && job.put == Put::There && !job.taken && !done
            })
            .map(|(name, _)| name.clone())
            .collect();
        let allowed = self.cut.get(queue).copied().unwrap_or(0);
        if lost.len() > allowed {
            let count = lost.len();
            let shown = lost[..count.min(10)].join(", ");
            self.complain(format!("{queue}: {count} jobs are gone, {allowed} may be: {shown}"));
        }
    }

    /// How many jobs were put for certain.
    pub fn jobs_put(&self) -> usize {
        self.jobs.values().filter(|job| job.put == Put::There).count()
    }

    /// How many jobs were done for certain.
    pub fn jobs_done(&self) -> usize {
        let done = |fence: &u64| self.how_ended(*fence) == Some(super::How::Done);
        self.leases.keys().filter(|fence| done(fence)).count()
            + self.jobs.values().filter(|job| job.taken).count()
    }

    /// How many leases were told of.
    pub fn grants(&self) -> usize {
        self.leases.len()
    }

    /// What every get says of a job; whether the job is one that anybody put.
    fn handed_out(&mut self, asked: &Asked, name: &str, number: u64, now: Instant) -> bool {
        let Some(job) = self.jobs.get(name) else {
            self.complain(format!("{name}: got, and nobody put it"));
            return false;
        };
        let (put, taken, early) = (job.put, job.taken, job.due.saturating_duration_since(now));
        if put == Put::Refused {
            self.complain(format!("{name}: got, and its put was refused"));
        }
        if taken {
            self.complain(format!("{name}: taken for ever, and got again"));
        }
        if early > SLACK {
            self.complain(format!("{name}: got {early:?} before it was due"));
        }
        // A get may hear of a job before its put does: how large its number is cannot be judged here.
        let unbounded = Asked { job: 0, ..*asked };
        self.numbered(&unbounded, name, number);
        true
    }

    /// A job has one number, and a number one job.
    fn numbered(&mut self, asked: &Asked, name: &str, number: u64) {
        let job = self.job(name);
        let known = job.number;
        job.number = Some(number);
        match known {
            Some(known) if known != number => {
                self.complain(format!("{name} is job {known} and job {number}: it was put twice"));
            }
            Some(_) => {}
            None => {
                if let Some(other) = self.numbers.insert(number, name.to_owned()) {
                    self.complain(format!("{name} and {other} are both job {number}"));
                }
                if number <= asked.job {
                    let before = asked.job;
                    self.complain(format!("{name} is job {number}, and {before} was told before"));
                }
                self.job = self.job.max(number);
            }
        }
    }

    fn job(&mut self, name: &str) -> &mut Job {
        self.jobs.get_mut(name).expect("a put is announced before it is sent")
    }
}
