//! A job, as its queue keeps it.

use std::sync::Arc;
use std::time::Duration;

use crate::limits::JOB_MEMORY;
use crate::messages::checkpoint::Tried;
use crate::messages::command::{JobId, LeaseId, Payload};
use crate::messages::job::{Cause, Past, Trait};
use crate::messages::name::Name;
use crate::messages::time::Time;

/// Where a job stands: a fact of its records, never of when somebody looked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) ready_at: Time,
    pub(crate) job: JobId,
}

/// A job. A million of them should fit, so what few have is in a box of its own.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Job {
    pub(crate) payload: Payload,
    pub(crate) enqueued: Time,
    more: Option<Box<More>>,
}

/// What a job has that was handed out before, or was put with more than a payload.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct More {
    pub(crate) tried: Tried,
    pub(crate) traits: Vec<Trait>,
    /// It was handed out before, so it holds its key until it is finished.
    pub(crate) holds_key: bool,
}

impl More {
    /// When the job is ready next has nothing to do with when it was first to be.
    pub(crate) fn undate(&mut self) {
        self.traits.retain(|it| !matches!(it, Trait::At(_)));
    }
}

impl Job {
    pub(crate) fn new(payload: Payload, enqueued: Time, more: More) -> Self {
        let more = (more != More::default()).then(|| Box::new(more));
        Self { payload, enqueued, more }
    }

    /// The same job, been through something.
    pub(crate) fn change(self, change: impl FnOnce(&mut More)) -> Self {
        let mut more = self.more.unwrap_or_default();
        change(&mut more);
        Self::new(self.payload, self.enqueued, *more)
    }

    /// It is dead.
    pub(crate) fn die(self, from: &Name, cause: Cause, at: Time) -> Self {
        let enqueued = self.enqueued;
        self.change(|more| {
            let (attempts, error) = (more.tried.attempts, more.tried.error.clone());
            let past = Past { from: from.clone(), cause, attempts, error, enqueued, died: at };
            more.traits.retain(|it| !matches!(it, Trait::Past(_)));
            more.traits.push(Trait::Past(Box::new(past)));
            more.tried.since = None;
            more.holds_key = false;
            more.undate();
        })
    }

    /// What it has beside its payload, if anything.
    pub(crate) fn more(&self) -> Option<&More> {
        self.more.as_deref()
    }

    pub(crate) fn traits(&self) -> &[Trait] {
        self.more.as_ref().map_or(&[], |more| &more.traits)
    }

    fn find<'a, T>(&'a self, pick: impl FnMut(&'a Trait) -> Option<T>) -> Option<T> {
        self.traits().iter().find_map(pick)
    }

    pub(crate) fn key(&self) -> Option<&Arc<str>> {
        self.find(|it| if let Trait::Key(key) = it { Some(key) } else { None })
    }

    pub(crate) fn unique(&self) -> Option<&Arc<str>> {
        Trait::unique_in(self.traits())
    }

    /// Until when it may wait.
    pub(crate) fn ends(&self) -> Option<Time> {
        self.find(|it| if let Trait::Ends(ends) = it { Some(*ends) } else { None })
    }

    pub(crate) fn max_attempts(&self) -> Option<u32> {
        self.find(|it| if let Trait::MaxAttempts(most) = it { Some(*most) } else { None })
    }

    pub(crate) fn lease(&self) -> Option<Duration> {
        self.find(|it| if let Trait::Lease(length) = it { Some(*length) } else { None })
    }

    /// At which time of day it was put to be ready.
    pub(crate) fn at(&self) -> Option<u64> {
        self.find(|it| if let Trait::At(wall) = it { Some(*wall) } else { None })
    }

    /// How it died last.
    pub(crate) fn past(&self) -> Option<&Past> {
        self.find(|it| if let Trait::Past(past) = it { Some(&**past) } else { None })
    }

    pub(crate) fn holds_key(&self) -> bool {
        self.more.as_ref().is_some_and(|more| more.holds_key)
    }

    /// How many of its attempts have ended.
    pub(crate) fn attempts(&self) -> u32 {
        self.more.as_ref().map_or(0, |more| more.tried.attempts)
    }

    /// What its last worker said who said something.
    pub(crate) fn error(&self) -> Option<&str> {
        self.more.as_ref()?.tried.error.as_deref()
    }

    /// When it became ready, or will.
    pub(crate) fn since(&self, place: Place) -> Time {
        self.more.as_ref().and_then(|more| more.tried.since).unwrap_or(place.ready_at)
    }

    /// The place of one that was not delayed, as long as it keeps it.
    pub(crate) fn first_place(&self, job: JobId) -> Place {
        Place { ready_at: self.enqueued, job }
    }

    /// What it adds to its queue's sums.
    pub(crate) fn load(&self) -> Load {
        let payload = &self.payload;
        let error = self.error().map_or(0, str::len);
        let traits: usize = self.traits().iter().map(Trait::bytes).sum();
        let told = if traits == 0 { 0 } else { TRAITS_BYTES + traits };
        let written = RECORD_BYTES + payload.bytes() + error + told;
        let here = payload.body.bytes_here() + (payload.type_bytes() + traits + error) as u64;
        Load { jobs: 1, bytes: written as u64, here }
    }
}

/// What a job takes in the journal beside body, content type, error and its queue's name, at most.
const RECORD_BYTES: usize = 64;

/// What the record of its traits takes beside them, at most: its queue's name stands there once more.
const TRAITS_BYTES: usize = 16 + crate::limits::NAME_BYTES_MAX;

/// Sums over jobs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Load {
    /// How many there are.
    pub(crate) jobs: u64,
    /// How many bytes it takes to write them all.
    pub(crate) bytes: u64,
    /// How many bytes of their bodies, and of what was said of them, are in memory.
    pub(crate) here: u64,
}

impl Load {
    pub(crate) fn add(&mut self, more: Self) {
        self.jobs += more.jobs;
        self.bytes += more.bytes;
        self.here += more.here;
    }

    pub(crate) fn sub(&mut self, less: Self) {
        self.jobs -= less.jobs;
        self.bytes -= less.bytes;
        self.here -= less.here;
    }

    /// About how many bytes of memory they take.
    pub(crate) fn memory(self) -> u64 {
        self.here + self.jobs * JOB_MEMORY
    }
}

/// A job under lease.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Out {
    pub(crate) lease: LeaseId,
    pub(crate) place: Place,
    pub(crate) job: Job,
}
