//! What must hold for the records themselves, whatever the model thinks.

use std::collections::BTreeMap;
use std::time::Duration;

use awaitd_primitives::*;

use crate::jobs::Jobs;
use crate::shares::Permits;

/// Counts jobs and leases by the records alone.
#[derive(Default)]
pub(crate) struct Ledger {
    at: Time,
    fence: u64,
    pub(crate) reserved: u64,
    pub(crate) job: u64,
    generation: u64,
    pub(crate) jobs: Jobs,
    pub(crate) permits: Permits,
    /// Those that are held.
    pub(crate) leases: BTreeMap<LeaseId, Live>,
}

/// A lease that is held.
pub(crate) struct Live {
    pub(crate) held: Held,
    pub(crate) until: Option<Time>,
    length: Duration,
    /// It was lengthened at a start, and not kept since.
    graced: bool,
}

impl Live {
    /// Until when a start must not end it.
    fn lasts(&self, start: Time) -> Time {
        start + self.length.min(Duration::from_secs(10))
    }
}

fn ensure(holds: bool, what: &str, record: &Record) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("{what}: {record:?}")) }
}

impl Ledger {
    /// Every job is in one place, each has one winner, and numbers only grow.
    pub(crate) fn add(&mut self, entry: &Entry) -> Result<(), String> {
        if entry.at < self.at {
            return Err(format!("time runs back in {entry:?}"));
        }
        self.at = entry.at;
        for two in entry.records.windows(2) {
            let [record, next] = two else { unreachable!("two at a time") };
            if let Record::Ranked { queue, job, .. } | Record::Traits { queue, job, .. } = record {
                let of = match next {
                    Record::Traits { queue, job, .. } => Some((queue, *job)),
                    next => next.job().map(|of| (of.queue, of.job)),
                };
                ensure(of == Some((queue, *job)), "not of the next", record)?;
            }
        }
        entry.records.iter().try_for_each(|record| {
            self.jobs.note(entry.at, record)?;
            self.note(record)
        })
    }

    fn note(&mut self, record: &Record) -> Result<(), String> {
        match record {
            Record::Placed { job, .. } => {
                ensure(job.0 == self.job + 1, "not the next job", record)?;
                self.job = job.0;
            }
            Record::Leased { lease, held, length, until, .. } => {
                ensure(lease.fence() == self.fence + 1, "not the next fence", record)?;
                self.fence = lease.fence();
                let (held, length, until) = (held.clone(), *length, *until);
                self.leases
                    .insert(*lease, Live { held: held.clone(), until, length, graced: false });
                if let Held::Lock { .. } | Held::Part { .. } = &held {
                    let fits = self.permits.take(*lease, &held);
                    ensure(fits, "more than there was", record)?;
                }
            }
            Record::Settled { lease, held: Held::Job { .. }, outcome, .. } => {
                self.end(*lease, *outcome, record)?;
            }
            Record::Settled { lease, held, outcome, .. } => {
                self.end(*lease, *outcome, record)?;
                let held = self.permits.give_back(*lease, &held.thing());
                ensure(held, "not its holder", record)?;
            }
            Record::Deleted { thing: Thing::Queue(_), leases, .. } => {
                self.leases.retain(|lease, _| !leases.contains(lease));
            }
            Record::Drained { generation, .. }
            | Record::Set { generation, .. }
            | Record::Tripped { generation, .. } => {
                ensure(*generation == self.generation + 1, "not the next generation", record)?;
                self.generation = *generation;
            }
            Record::Deleted { thing, leases, .. } => {
                ensure(self.permits.remove(thing) == *leases, "other leases", record)?;
                self.leases.retain(|lease, _| !leases.contains(lease));
            }
            Record::Forgotten { thing } => {
                ensure(self.permits.remove(thing).is_empty(), "it was held", record)?;
            }
            Record::Prepared(configuration) => self.permits.prepare(configuration),
            Record::Extended { .. } | Record::Graced { .. } => self.lengthen(record)?,
            Record::Reserved { from, upto } => {
                ensure(*from >= self.fence && upto > from, "an idle mark", record)?;
                self.fence = *from;
                self.reserved = self.reserved.max(*upto);
            }
            Record::Configured { .. }
            | Record::Made { .. }
            | Record::ShutDown { .. }
            | Record::Cleared { .. }
            | Record::Ranked { .. }
            | Record::Reset { .. }
            | Record::Aborted { .. }
            | Record::Fired { .. }
            | Record::Remembered { .. }
            | Record::Unremembered { .. }
            | Record::Tied { .. }
            | Record::Copied(_)
            | Record::Cancelled { .. }
            | Record::Emptied { .. }
            | Record::Traits { .. }
            | Record::Died { .. }
            | Record::Dropped { .. }
            | Record::Moved { .. }
            | Record::Paused { .. }
            | Record::Purged { .. }
            | Record::Resulted { .. }
            | Record::Progressed { .. }
            | Record::Checkpoint(_) => {}
        }
        Ok(())
    }

    /// A lease lasts longer.
    fn lengthen(&mut self, record: &Record) -> Result<(), String> {
        let at = self.at;
        match record {
            Record::Extended { lease, until } => {
                let live = self.leases.get_mut(lease).ok_or("kept, but not live")?;
                ensure(live.until < Some(*until), "shorter than before", record)?;
                (live.until, live.graced) = (Some(*until), false);
            }
            Record::Graced { lease, until } => {
                let live = self.leases.get_mut(lease).ok_or("graced, but not live")?;
                ensure(!live.graced, "graced twice", record)?;
                let short = live.until.is_some_and(|end| end < *until);
                ensure(short && *until == live.lasts(at), "graced for no reason", record)?;
                (live.until, live.graced) = (Some(*until), true);
            }
            _ => {}
        }
        Ok(())
    }

    fn end(&mut self, lease: LeaseId, outcome: Outcome, record: &Record) -> Result<(), String> {
        let live = self.leases.remove(&lease).ok_or("it ended twice")?;
        let over = live.until.is_some_and(|until| until <= self.at);
        ensure(outcome != Outcome::Expired || over, "before its time", record)
    }

    /// Whether a lease is live decides what is told to whoever settles or keeps it.
    pub(crate) fn tells(&self, ask: &Ask, told: &Result<Answer, Refusal>) -> Result<(), String> {
        let (lease, repeats) = match &ask.command {
            Command::Done { lease }
            | Command::Finish { lease, .. }
            | Command::Nack { lease, .. } => (lease.id, true),
            Command::Extend { lease, .. }
            | Command::Progress { lease, .. }
            | Command::Watch { lease } => (lease.id, false),
            _ => return Ok(()),
        };
        let live = self.leases.get(&lease).map(|live| &live.held);
        let holds = match (live, told) {
            (Some(Held::Lock { .. } | Held::Part { .. }), Err(Refusal::NotFound)) => {
                matches!(
                    ask.command,
                    Command::Nack { .. } | Command::Finish { .. } | Command::Progress { .. }
                )
            }
            (Some(_), Err(Refusal::DiskFull)) => matches!(ask.command, Command::Progress { .. }),
            (Some(_), Err(refusal)) => *refusal == Refusal::ShuttingDown,
            (None, Ok(_)) => repeats,
            (Some(_), Ok(_)) | (None, Err(_)) => true,
        };
        if holds { Ok(()) } else { Err(format!("live: {live:?}, but {told:?} to {ask:?}")) }
    }

    /// After a start no live lease is about to end, if it was not given time at an earlier one, and
    /// none is left that was to be done on delivery.
    pub(crate) fn started(&self, at: Time) -> Result<(), String> {
        let short = |live: &Live| live.until.is_none_or(|it| it < live.lasts(at) && !live.graced);
        match self.leases.iter().find(|(_, live)| short(live)) {
            Some((lease, Live { held, until, .. })) => {
                Err(format!("{lease:?} of {held:?} lasts until {until:?} after a start at {at:?}"))
            }
            None => Ok(()),
        }
    }

    /// What is shown is what the records say.
    pub(crate) fn conserves(&self, census: &Census) -> Result<(), String> {
        self.jobs.conserves(census)?;
        census.others.iter().try_for_each(|view| self.permits.conserves(view))
    }
}
