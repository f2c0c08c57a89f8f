//! What a journal must hold, by what clients asked and were told.

use std::collections::{BTreeMap, BTreeSet};

use awaitd_primitives::*;

use crate::play::Fact;
use crate::script::is_work;
use crate::verify::Found;

/// A job that was told to be in its queue.
#[derive(Clone, Debug)]
struct Job {
    queue: Name,
    body: Body,
    /// Nobody has asked for anything that ends it.
    must: bool,
    /// Ends of its leases that count as attempts, unless it has gone elsewhere meanwhile.
    nacks: u32,
    traits: Vec<Trait>,
}

/// All that clients know.
#[derive(Clone, Debug, Default)]
pub(crate) struct Oracle {
    asked: BTreeMap<Ticket, Ask>,
    jobs: BTreeMap<JobId, Job>,
    /// Jobs that never come back.
    gone: BTreeSet<JobId>,
    /// What leases hold whose grants are durable, and which nobody has asked to end.
    held: BTreeMap<LeaseId, Held>,
    granted: BTreeMap<LeaseId, Held>,
    done: BTreeSet<LeaseId>,
    /// Of jobs that are done.
    results: BTreeMap<LeaseId, Payload>,
    /// The newest request about each thing that changes it as a whole.
    newest: BTreeMap<Thing, Ticket>,
    /// What was told of that.
    stands: BTreeMap<Thing, (Ticket, Command, Answer)>,
    keys: BTreeMap<Ticket, (Ask, Answer)>,
    /// Jobs that may have gone at most once, by requests that were not answered.
    taking: BTreeMap<Ticket, Name>,
    last: (u64, u64, u64),
}

impl Oracle {
    pub(crate) fn follow(&mut self, fact: &Fact) {
        match fact {
            Fact::Asked(ticket, ask) => self.ask(*ticket, ask),
            Fact::Told(ticket, ask, told) => self.told(*ticket, ask, told),
            Fact::Firm(lease) => {
                if let Some(held) = self.granted.get(lease) {
                    self.held.insert(*lease, held.clone());
                } else {
                    // Durable before it is told: then what is told must be there.
                    self.granted.insert(*lease, Held::Job { queue: none(), job: JobId(0) });
                }
            }
            // What was durable was told before.
            Fact::Cut => {
                self.asked.clear();
                self.taking.clear();
            }
        }
    }

    fn ask(&mut self, ticket: Ticket, ask: &Ask) {
        self.asked.insert(ticket, ask.clone());
        match &ask.command {
            Command::Configure { .. }
            | Command::SetEvent { .. }
            | Command::ClearEvent { .. }
            | Command::Release { .. }
            | Command::ResetBarrier { .. }
            | Command::AbortBarrier { .. } => {
                self.newest.extend(ask.command.thing().map(|thing| (thing, ticket)));
            }
            Command::Delete { thing: Thing::Queue(queue), .. }
            | Command::Shutdown { queue, immediate: true } => {
                self.newest.insert(Thing::Queue(queue.clone()), ticket);
                let of = |job: &&mut Job| job.queue == *queue;
                self.jobs.values_mut().filter(of).for_each(|job| job.must = false);
                self.held.retain(|_, held| held.thing() != Thing::Queue(queue.clone()));
            }
            Command::Delete { thing, .. } => self.take_away(thing, ticket),
            Command::Break { lock } => self.take_away(&Thing::Lock(lock.clone()), ticket),
            Command::WaitCondition { held, .. } => _ = self.held.remove(&held.id),
            Command::Get { queue, mode, settle, most: 1 } => {
                if let Some(lease) = settle {
                    self.end(lease.id);
                }
                if *mode == GetMode::AtMostOnce {
                    self.taking.insert(ticket, queue.clone());
                }
            }
            Command::Done { lease } | Command::Finish { lease, .. } => self.end(lease.id),
            Command::Nack { lease, .. } => _ = self.held.remove(&lease.id),
            _ => {}
        }
    }

    /// Nobody has it any more, from here on.
    fn take_away(&mut self, thing: &Thing, ticket: Ticket) {
        self.held.retain(|_, held| held.thing() != *thing);
        self.newest.insert(thing.clone(), ticket);
    }

    /// Somebody asked to end it for good.
    fn end(&mut self, lease: LeaseId) {
        self.held.remove(&lease);
        if let Some(Held::Job { job, .. }) = self.granted.get(&lease)
            && let Some(job) = self.jobs.get_mut(job)
        {
            job.must = false;
        }
    }

    fn told(&mut self, ticket: Ticket, ask: &Ask, told: &Result<Answer, Refusal>) {
        self.asked.remove(&ticket);
        self.taking.remove(&ticket);
        let Ok(answer) = told else { return };
        if ask.key.is_some() {
            self.keys.insert(ticket, (ask.clone(), answer.clone()));
        }
        match (&ask.command, answer) {
            (Command::Put { payload, traits, .. }, Answer::Placed { queue, job }) => {
                self.last.0 = self.last.0.max(job.0);
                let wiped = self.newest.get(&Thing::Queue(queue.clone()));
                let must = wiped.is_none_or(|wiped| *wiped < ticket);
                let (queue, body) = (queue.clone(), payload.body.clone());
                let traits = traits.clone();
                self.jobs.insert(*job, Job { queue, body, must, nacks: 0, traits });
            }
            (Command::Get { settle, .. }, Answer::Got(got)) => {
                if let Some(lease) = settle {
                    self.finished(lease.id);
                }
                let held = Held::Job { queue: got.queue.clone(), job: got.job };
                let body = self.jobs.get(&got.job).map(|job| &job.body);
                assert!(body.is_none_or(|body| *body == got.payload.body), "another body");
                if got.until.is_none() {
                    self.gone.insert(got.job);
                    self.last.1 = self.last.1.max(got.lease.fence());
                } else {
                    self.grant(ticket, got.lease, held);
                }
            }
            (Command::Acquire { thing, share, .. }, Answer::Acquired(grant)) => {
                let (thing, lock, owner) = (thing.clone(), thing.name().clone(), None);
                let held = match *share {
                    Share::Whole => Held::Lock { lock, owner },
                    Share::Permits(permits) => Held::Part { thing, permits, owner },
                };
                self.grant(ticket, grant.lease, held);
            }
            (Command::WaitCondition { lock, .. }, Answer::Woken { grant, .. }) => {
                self.grant(ticket, grant.lease, Held::Lock { lock: lock.clone(), owner: None });
            }
            (_, Answer::Tripped { generation, .. }) => self.last.2 = self.last.2.max(*generation),
            (Command::Done { lease }, Answer::Settled) => self.finished(lease.id),
            (Command::Finish { lease, result }, Answer::Settled) => {
                self.finished(lease.id);
                self.results.insert(lease.id, result.clone());
            }
            (Command::Nack { lease, defer: false, .. }, Answer::Settled) => {
                if let Some(Held::Job { job, .. }) = self.granted.get(&lease.id)
                    && let Some(job) = self.jobs.get_mut(job)
                {
                    job.nacks += 1;
                }
            }
            (
                command @ (Command::Configure { .. }
                | Command::Delete { thing: Thing::Queue(_), .. }
                | Command::SetEvent { .. }
                | Command::ClearEvent { .. }
                | Command::ResetBarrier { .. }
                | Command::AbortBarrier { .. }),
                answer,
            ) => {
                if let Answer::Set { generation } = answer {
                    self.last.2 = self.last.2.max(*generation);
                }
                let thing = command.thing().expect("they have one");
                self.stands.insert(thing, (ticket, command.clone(), answer.clone()));
            }
            _ => {}
        }
    }

    fn grant(&mut self, ticket: Ticket, lease: LeaseId, held: Held) {
        assert!(lease.fence() > self.last.1 || self.granted.contains_key(&lease), "a number again");
        self.last.1 = self.last.1.max(lease.fence());
        let wiped = self.newest.get(&held.thing()).is_some_and(|wiped| *wiped > ticket);
        let firm = self.granted.insert(lease, held.clone()).is_some();
        if firm && !wiped {
            self.held.insert(lease, held);
        }
    }

    fn finished(&mut self, lease: LeaseId) {
        self.done.insert(lease);
        if let Some(Held::Job { job, .. }) = self.granted.get(&lease) {
            self.gone.insert(*job);
        }
    }

    /// The largest numbers of a job, a lease and a generation that were told.
    pub(crate) fn last(&self) -> (u64, u64, u64) {
        self.last
    }

    /// What must be so though it was only ever asked: settled leases, with what they are asked again.
    pub(crate) fn done(&self) -> impl Iterator<Item = LeaseId> + '_ {
        self.done.iter().copied()
    }

    /// What must be told of jobs that are done.
    pub(crate) fn results(&self) -> impl Iterator<Item = (&Name, JobId, &Payload)> {
        self.results.iter().filter_map(|(lease, result)| match self.granted.get(lease) {
            Some(Held::Job { queue, job }) => Some((queue, *job, result)),
            _ => None,
        })
    }

    /// Leases that must be held, and what by them.
    pub(crate) fn held(&self) -> impl Iterator<Item = (LeaseId, &Held)> {
        self.held.iter().map(|(lease, held)| (*lease, held))
    }

    /// What was done under keys and must be told again.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &(Ask, Answer)> {
        self.keys
            .iter()
            .filter(|(ticket, (ask, answer))| {
                let thing = ask.command.thing();
                let wiped = thing.and_then(|thing| self.newest.get(&thing));
                let kept = match answer {
                    Answer::Acquired(grant) | Answer::Woken { grant, .. } => {
                        self.held.contains_key(&grant.lease)
                    }
                    Answer::Got(got) => self.held.contains_key(&got.lease),
                    Answer::Placed { .. } => true,
                    Answer::Set { .. }
                    | Answer::Settled
                    | Answer::Broken(_)
                    | Answer::Tripped { .. }
                    | Answer::Notified { .. } => return true,
                    _ => return false,
                };
                kept && wiped.is_none_or(|wiped| wiped < ticket)
            })
            .map(|(_, it)| it)
    }

    /// Of things whose newest change was told: that.
    pub(crate) fn stands(&self) -> impl Iterator<Item = (&Command, &Answer)> {
        let newest = |(thing, (ticket, ..)): &(&Thing, &(Ticket, Command, Answer))| {
            self.newest.get(thing) == Some(ticket)
        };
        self.stands.iter().filter(newest).map(|(_, (_, command, answer))| (command, answer))
    }

    /// Compares the jobs that are there with those that must be, and must not.
    pub(crate) fn jobs(&self, found: &BTreeMap<JobId, Found>) -> Result<(), String> {
        let mut may_lack: Vec<&Name> = self.taking.values().collect();
        for (id, job) in &self.jobs {
            let Some(Found { queue, body, attempt, traits }) = found.get(id) else {
                if job.must && !self.gone.contains(id) {
                    let at = may_lack.iter().position(|queue| **queue == job.queue);
                    let Some(at) = at else { return Err(format!("{id:?} is lost: {job:?}")) };
                    may_lack.swap_remove(at);
                }
                continue;
            };
            let may_move = is_work(queue) && is_work(&job.queue);
            let there = *queue == job.queue && *attempt > job.nacks || may_move;
            let whole = *body == job.body && job.traits.iter().all(|it| traits.contains(it));
            if !there || !whole {
                return Err(format!("{id:?} is another: {job:?}, attempt {attempt}"));
            }
        }
        for (id, Found { queue, body, .. }) in found {
            if self.gone.contains(id) {
                return Err(format!("{id:?} came back"));
            }
            let asked = self.asked.values().any(|ask| {
                let Command::Put { queue: into, payload, .. } = &ask.command else { return false };
                (into == queue || is_work(into) && is_work(queue)) && payload.body == *body
            });
            if !asked && !self.jobs.contains_key(id) {
                return Err(format!("nobody put {id:?} into {queue}"));
            }
        }
        Ok(())
    }
}

fn none() -> Name {
    "none".parse().expect("a name")
}
