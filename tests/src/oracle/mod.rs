//! The oracle of durability: what clients were told, and what may not be said after it.
//!
//! It knows the contract alone. A client asks it for an [`Asked`] before each request, and tells it
//! what it heard; a request that was cut off is told nowhere, since nobody knows what became of it.
//! Requests run side by side, so nothing is concluded from the order in which answers were heard, only
//! from what was told before a request was sent, and from fences, which are the order of the grants.
//!
//! What it allows: a job that a plain get was told of may be handed out again after a kill, since such
//! a get does not wait for its own lease. A lease ends when its time is over, which is counted from
//! before it was asked for; after a restart it has ten seconds, or its length if that is shorter, unless
//! it had them before and was not renewed since.

mod jobs;
mod leases;
mod signals;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use jobs::Job;
pub use jobs::Told;
use leases::Lease;
pub use leases::{How, Promise};
use signals::Signal;

/// What a live lease has at least after a restart.
const GRACE: Duration = Duration::from_secs(10);

/// Down time is measured by the wall clock, which may be put right a little meanwhile.
const SLACK: Duration = Duration::from_millis(20);

/// All that clients were told, over the lives of a server.
#[derive(Debug, Default)]
pub struct Oracle {
    wrong: Vec<String>,
    /// How many times the server was started.
    life: u32,
    /// When the last life was over for certain.
    died: Option<Instant>,
    /// The largest fence that was told.
    fence: u64,
    /// The largest number of a job that was told.
    job: u64,
    /// By name.
    jobs: HashMap<String, Job>,
    /// Which job has this number.
    numbers: HashMap<u64, String>,
    /// By fence.
    leases: BTreeMap<u64, Lease>,
    /// Leases that may be live.
    open: BTreeSet<u64>,
    /// The fences that were granted of each job and each lock.
    granted: HashMap<String, BTreeSet<u64>>,
    /// Events, and queues that are joined.
    signals: HashMap<String, Signal>,
    /// Gets with `ack=true` that were cut off, by queue: each may have taken a job with it.
    cut: HashMap<String, usize>,
}

/// What was known before a request was sent.
#[derive(Clone, Copy, Debug)]
pub struct Asked {
    at: Instant,
    life: u32,
    fence: u64,
    job: u64,
    generation: u64,
}

impl Oracle {
    /// A server is being started: leases that were live at its death get what a restart gives.
    pub fn started(&mut self, now: Instant) {
        self.life += 1;
        let died = self.died.unwrap_or(now);
        for fence in &self.open {
            let lease = self.leases.get_mut(fence).expect("an open lease is a lease");
            lease.survives(died, now);
        }
    }

    /// The server is no more.
    pub fn died(&mut self, now: Instant) {
        self.died = Some(now);
    }

    /// Before a request about anything but an event or a join.
    pub fn ask(&self, now: Instant) -> Asked {
        Asked { at: now, life: self.life, fence: self.fence, job: self.job, generation: 0 }
    }

    /// Before a request about an event or a join.
    pub fn ask_of(&self, thing: &str, now: Instant) -> Asked {
        let generation = self.signals.get(thing).map_or(0, Signal::last);
        Asked { generation, ..self.ask(now) }
    }

    /// Something was heard that nobody may say, whatever was told before.
    pub fn complain(&mut self, what: impl Into<String>) {
        self.wrong.push(what.into());
    }

    /// All that was wrong so far.
    pub fn wrong(&self) -> &[String] {
        &self.wrong
    }

    /// Goes on only if nothing was wrong.
    #[track_caller]
    pub fn content(&self) {
        // The first few tell the story; what follows follows from them.
        let first = &self.wrong[..self.wrong.len().min(20)];
        let (life, count) = (self.life, self.wrong.len());
        assert!(first.is_empty(), "life {life}, {count} things are wrong:\n{}", first.join("\n"));
    }
}

impl Asked {
    /// When it was asked.
    pub fn at(&self) -> Instant {
        self.at
    }
}
