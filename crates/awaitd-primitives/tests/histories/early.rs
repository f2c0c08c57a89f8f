//! No reply leaves before what it tells is durable: by the records alone, not by what the core says
//! of its replies.

use std::collections::BTreeMap;

use awaitd_primitives::*;

use crate::model::Told;

/// Where in the journal each fact is; a position is a count of entries.
#[derive(Default)]
pub(crate) struct Early {
    /// So many entries have come.
    pub(crate) committed: u64,
    /// So many of them are durable.
    pub(crate) durable: u64,
    /// The newest entry about a job, other than the grant of a lease.
    jobs: BTreeMap<JobId, u64>,
    /// Of the grant of a lease.
    leases: BTreeMap<LeaseId, u64>,
    ends: BTreeMap<LeaseId, u64>,
    keeps: BTreeMap<(LeaseId, Time), u64>,
    generations: BTreeMap<u64, u64>,
    /// The newest entry by which a thing was told what to be.
    things: BTreeMap<Thing, u64>,
    memories: BTreeMap<(Thing, String), u64>,
    /// Up to which lease number each mark reaches.
    marks: Vec<(u64, u64)>,
    /// What each who was told something has to wait for.
    needed: BTreeMap<Ticket, u64>,
}

impl Early {
    /// Takes note of what came of one call.
    pub(crate) fn note<'a>(
        &mut self,
        entries: &[Entry],
        told: impl Iterator<Item = (&'a Request, &'a Told)>,
    ) -> Result<(), String> {
        let before = self.committed;
        for entry in entries {
            self.committed += 1;
            entry.records.iter().for_each(|record| self.place(record));
        }
        for (request, told) in told {
            let needed = match told {
                Ok(Answer::Got(got)) if is_plain(&request.ask, told) => self.of_plain(got)?,
                Ok(Answer::GotMany(all)) if is_plain(&request.ask, told) => {
                    let all: Result<Vec<_>, _> = all.iter().map(|got| self.of_plain(got)).collect();
                    all?.into_iter().max().unwrap_or(0)
                }
                told => self.of_any(request, told).max(before),
            };
            self.needed.insert(request.ticket, needed);
        }
        Ok(())
    }

    fn place(&mut self, record: &Record) {
        let at = self.committed;
        match record {
            Record::Placed { job, .. }
            | Record::Moved { job, .. }
            | Record::Died { job, .. }
            | Record::Dropped { job, .. }
            | Record::Cancelled { job, .. }
            | Record::Progressed { job, .. } => _ = self.jobs.insert(*job, at),
            Record::Leased { lease, .. } => _ = self.leases.insert(*lease, at),
            Record::Settled { lease, held, .. } => {
                self.ends.insert(*lease, at);
                if let Held::Job { job, .. } = held {
                    self.jobs.insert(*job, at);
                }
            }
            Record::Extended { lease, until } => _ = self.keeps.insert((*lease, *until), at),
            Record::Drained { generation, .. }
            | Record::Set { generation, .. }
            | Record::Tripped { generation, .. } => {
                self.generations.insert(*generation, at);
            }
            Record::Remembered { thing, key, .. } => {
                self.memories.insert((thing.clone(), key.to_string()), at);
            }
            Record::Reserved { upto, .. } => self.marks.push((*upto, at)),
            Record::Configured { queue, .. }
            | Record::Paused { queue, .. }
            | Record::Purged { queue, .. } => {
                self.things.insert(Thing::Queue(queue.clone()), at);
            }
            Record::Prepared(configuration) => _ = self.things.insert(configuration.thing(), at),
            Record::Reset { barrier } | Record::Aborted { barrier } => {
                self.things.insert(Thing::Barrier(barrier.clone()), at);
            }
            _ => {}
        }
    }

    /// A plain get tells of its job, as it was before, and of a number.
    fn of_plain(&self, got: &Got) -> Result<u64, String> {
        let mut marks = self.marks.iter().filter(|(upto, _)| got.lease.fence() <= *upto);
        let (_, mark) = marks.next().ok_or("the number of a lease was never reserved")?;
        Ok(*self.jobs.get(&got.job).unwrap_or(&0).max(mark))
    }

    /// Everything else tells of its own facts, and may tell of anything that was there before.
    fn of_any(&self, request: &Request, told: &Told) -> u64 {
        let ask = &request.ask;
        let own = match told {
            Ok(Answer::Placed { job, .. } | Answer::Present { job, .. }) => self.jobs.get(job),
            Ok(Answer::GotMany(all)) => {
                all.iter().filter_map(|got| self.leases.get(&got.lease)).max()
            }
            Ok(Answer::Job(view)) => self.jobs.get(&view.job),
            Ok(Answer::Result(_)) | Err(Refusal::Failed) => match &ask.command {
                Command::WaitResult { job, .. } => self.jobs.get(job),
                _ => None,
            },
            Ok(Answer::Paused) => ask.command.thing().and_then(|thing| self.things.get(&thing)),
            Ok(Answer::Got(got)) => self.leases.get(&got.lease),
            Ok(Answer::Acquired(grant) | Answer::Woken { grant, .. }) => {
                self.leases.get(&grant.lease)
            }
            Ok(Answer::Extended(grant)) => self.keeps.get(&(grant.lease, grant.until)),
            Ok(
                Answer::Joined { generation }
                | Answer::Set { generation }
                | Answer::Tripped { generation, .. }
                | Answer::Happened { generation, .. },
            ) => self.generations.get(generation),
            Ok(Answer::Settled) => match &ask.command {
                Command::Done { lease }
                | Command::Finish { lease, .. }
                | Command::Nack { lease, .. } => self.ends.get(&lease.id),
                _ => None,
            },
            Ok(Answer::Configured { .. } | Answer::State(_)) => {
                ask.command.thing().and_then(|thing| self.things.get(&thing))
            }
            Ok(Answer::Broken(holders)) => {
                holders.iter().filter_map(|holder| self.ends.get(&holder.lease)).max()
            }
            // He has let the lock go.
            Err(Refusal::Locked { .. }) => match &ask.command {
                Command::WaitCondition { held, .. } => self.ends.get(&held.id),
                _ => None,
            },
            _ => None,
        };
        let key = ask.key.as_ref().filter(|_| told.is_ok()).zip(ask.command.owner());
        let memory = key.and_then(|(key, of)| self.memories.get(&(of, key.text.to_string())));
        own.into_iter().chain(memory).max().copied().unwrap_or(0)
    }

    /// Whether a reply may leave now; if it is a plain get, also whether it waits for too much.
    pub(crate) fn check(&self, request: &Request, reply: &Reply) -> Result<(), String> {
        let (needed, durable) = (self.needed[&request.ticket], self.durable);
        let plain = is_plain(&request.ask, &reply.told);
        if needed > durable {
            Err(format!("left too early, at {durable} instead of {needed}: {reply:?}"))
        } else if plain && reply.after.0 > needed {
            Err(format!("waited for more than {needed}: {reply:?}"))
        } else {
            Ok(())
        }
    }

    /// A new life begins after so many entries of the last one; what is there is durable.
    pub(crate) fn restart(&mut self, kept: u64) {
        fn keep<K: Ord>(map: &mut BTreeMap<K, u64>, kept: u64) {
            map.retain(|_, at| *at <= kept);
            for at in map.values_mut() {
                *at = 0;
            }
        }
        keep(&mut self.jobs, kept);
        keep(&mut self.leases, kept);
        keep(&mut self.ends, kept);
        keep(&mut self.keeps, kept);
        keep(&mut self.generations, kept);
        keep(&mut self.things, kept);
        keep(&mut self.memories, kept);
        self.marks.retain(|(_, at)| *at <= kept);
        self.marks.iter_mut().for_each(|(_, at)| *at = 0);
        (self.committed, self.durable) = (0, 0);
    }

    /// Whether a lease is durable.
    pub(crate) fn is_durable(&self, lease: LeaseId) -> bool {
        self.leases.get(&lease).is_some_and(|at| *at <= self.durable)
    }
}

/// Whether the worst that can come of a get is that its jobs are handed out once more.
fn is_plain(ask: &Ask, told: &Told) -> bool {
    let promised = match told {
        Ok(Answer::Got(got)) => got.promised,
        Ok(Answer::GotMany(all)) => all.iter().any(|got| got.promised),
        _ => true,
    };
    let leased = matches!(
        ask.command,
        Command::Get { mode: GetMode::Leased(_), settle: None, .. }
            | Command::GetAny { mode: GetMode::Leased(_), .. }
    );
    ask.key.is_none() && !promised && leased
}
