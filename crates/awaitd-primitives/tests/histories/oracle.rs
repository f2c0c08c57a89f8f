//! What clients were told, and what of it must hold for ever: whatever crashed, and whatever the model
//! thinks.

use std::collections::{BTreeMap, BTreeSet};

use awaitd_primitives::*;

use crate::model::Told;

/// A job, as far as clients know of it.
#[derive(Default)]
struct Job {
    queue: Option<Name>,
    body: Option<Body>,
    /// Its put was answered.
    placed: bool,
    /// Something was asked that may have ended it.
    may_be_gone: bool,
    /// A client knows that it is done, or may have had it at most once.
    over: bool,
}

/// A lease of which somebody was told.
struct Lease {
    thing: Thing,
    job: Option<JobId>,
    /// How much of a lock or a semaphore.
    share: Share,
    /// When it ends, as far as was told; `None`: once it is delivered.
    until: Option<Time>,
    /// Somebody has it.
    taken: bool,
    /// Something was asked that may have ended it.
    may_be_over: bool,
    ask: Ask,
    arrived: Time,
    repeat: bool,
    answer: Answer,
}

#[derive(Default)]
pub(crate) struct Oracle {
    jobs: BTreeMap<JobId, Job>,
    leases: BTreeMap<LeaseId, Lease>,
    /// The job of each lease, told or not: a withdrawn key tells of a lease alone.
    held: BTreeMap<LeaseId, JobId>,
    /// So many permits of each semaphore there may be at most, by what was asked.
    permits: BTreeMap<Thing, u64>,
    /// Who was told which places at which moment at a barrier.
    met: BTreeSet<(u64, u64)>,
    /// Jobs that were handed out.
    seen: BTreeSet<JobId>,
    /// Queues of which somebody said that they may drop jobs: because of a lifetime, or of the bound.
    drops: BTreeSet<(Name, bool)>,
    /// What was told under each key, and when that request had arrived.
    pub(crate) keys: BTreeMap<(Thing, String), (Answer, Time)>,
    /// The largest numbers that were told: of a lease, a job and a generation.
    told: [u64; 3],
    /// Those before the last crash.
    before: [u64; 3],
    /// Room was short: puts may be refused.
    pub(crate) short: bool,
}

pub(crate) fn ensure(holds: bool, what: &str, told: &Told) -> Result<(), String> {
    if holds { Ok(()) } else { Err(format!("{what}: {told:?}")) }
}

impl Oracle {
    /// Facts, as far as bodies and the jobs of leases are concerned.
    pub(crate) fn note(&mut self, entry: &Entry) {
        for record in &entry.records {
            if let Record::Placed { queue, job, payload, .. } = record {
                let (queue, body) = (Some(queue.clone()), Some(payload.body.clone()));
                self.jobs.insert(*job, Job { queue, body, ..Job::default() });
            }
            if let Record::Leased { lease, held: Held::Job { job, .. }, .. } = record {
                self.held.insert(*lease, *job);
            }
            if let Record::Moved { job, to, .. } = record {
                self.jobs.entry(*job).or_default().queue = Some(to.clone());
            }
            // Only what somebody has said may make a job go.
            if let Record::Dropped { queue, job, cause } = record
                && self.drops.contains(&(queue.clone(), *cause == DropCause::Ttl))
            {
                self.jobs.entry(*job).or_default().may_be_gone = true;
            }
        }
    }

    /// Where each job is, after some of its moves were lost.
    pub(crate) fn note_places(&mut self, history: &[Entry]) {
        for record in history.iter().flat_map(|entry| &entry.records) {
            if let Record::Placed { queue, job, .. } | Record::Moved { to: queue, job, .. } = record
            {
                self.jobs.entry(*job).or_default().queue = Some(queue.clone());
            }
        }
    }

    /// The body of a job, as it was put.
    pub(crate) fn body(&self, job: JobId) -> Option<&Body> {
        self.jobs.get(&job)?.body.as_ref()
    }

    /// Where a job is, or was last.
    pub(crate) fn queue_of(&self, job: JobId) -> Option<Name> {
        self.jobs.get(&job)?.queue.clone()
    }

    /// From here on it may be done.
    pub(crate) fn asked(&mut self, command: &Command) {
        match command {
            Command::Done { lease }
            | Command::Finish { lease, .. }
            | Command::Get { settle: Some(lease), .. } => {
                if let Some(job) = self.end(lease.id).and_then(|job| self.jobs.get_mut(&job)) {
                    job.may_be_gone = true;
                }
            }
            Command::Nack { lease, .. } => _ = self.end(lease.id),
            Command::CancelJob { job, .. } => {
                if let Some(job) = self.jobs.get_mut(job) {
                    job.may_be_gone = true;
                }
                let held = self.held.iter().filter(|(_, held)| *held == job);
                for lease in held.map(|(lease, _)| *lease).collect::<Vec<_>>() {
                    self.end(lease);
                }
            }
            Command::Configure { configuration: Configuration::Queue(queue, config), .. } => {
                let policy = &config.policy;
                self.drops.extend(policy.ttl.map(|_| (queue.clone(), true)));
                let full = policy.full == WhenFull::DropOldest;
                self.drops.extend(full.then(|| (queue.clone(), false)));
            }
            Command::Put { queue, ttl: Some(_), .. } => {
                self.drops.insert((queue.clone(), true));
            }
            Command::Delete { thing: Thing::Queue(queue), .. }
            | Command::Purge { queue, .. }
            | Command::Shutdown { queue, immediate: true } => {
                for job in self.jobs.values_mut().filter(|it| it.queue.as_ref() == Some(queue)) {
                    job.may_be_gone = true;
                }
                if matches!(command, Command::Delete { .. }) {
                    self.end_all(&Thing::Queue(queue.clone()));
                }
            }
            Command::Delete { thing, force: true } => self.end_all(thing),
            Command::Break { lock } => self.end_all(&Thing::Lock(lock.clone())),
            Command::WaitCondition { held, .. } => _ = self.end(held.id),
            Command::Configure {
                configuration: told @ Configuration::Semaphore(_, config),
                ..
            } => {
                let most = self.permits.entry(told.thing()).or_default();
                *most = config.permits.max(*most);
            }
            Command::Release { semaphore, permits } => {
                *self.permits.entry(Thing::Semaphore(semaphore.clone())).or_default() += permits;
            }
            _ => {}
        }
    }

    fn end(&mut self, lease: LeaseId) -> Option<JobId> {
        if let Some(lease) = self.leases.get_mut(&lease) {
            lease.may_be_over = true;
        }
        self.held.get(&lease).copied()
    }

    fn end_all(&mut self, thing: &Thing) {
        for lease in self.leases.values_mut().filter(|it| it.thing == *thing) {
            lease.may_be_over = true;
        }
    }

    /// A reply leaves.
    pub(crate) fn left(
        &mut self,
        request: &Request,
        told: &Told,
        repeat: bool,
        clock: Time,
    ) -> Result<(), String> {
        if *told == Err(Refusal::DiskFull) {
            return ensure(self.short, "there was room", told);
        }
        self.check_key(request, told, repeat)?;
        let Ok(answer) = told else { return Ok(()) };
        match answer {
            Answer::Placed { job, .. } => {
                self.grows(1, job.0, repeat, told)?;
                self.jobs.entry(*job).or_default().placed = true;
            }
            Answer::Set { generation } => self.grows(2, *generation, repeat, told)?,
            Answer::Joined { generation } | Answer::Happened { generation, .. } => {
                self.told[2] = self.told[2].max(*generation);
            }
            Answer::Got(got) => self.got(request, told, got, (repeat, clock))?,
            Answer::GotMany(all) => {
                ensure(!all.is_empty(), "nothing", told)?;
                all.iter().try_for_each(|got| self.got(request, told, got, (repeat, clock)))?;
            }
            Answer::Jobs { items, .. } => {
                let dead = items.iter().filter(|it| it.state == JobState::Dead);
                self.seen.extend(dead.map(|it| it.job));
            }
            Answer::Acquired(grant) | Answer::Woken { grant, .. } => {
                let Grant { lease, thing, until } = grant.clone();
                let share = match &request.ask.command {
                    Command::Acquire { share, .. } => *share,
                    _ => Share::Whole,
                };
                let what = (lease, thing, None, share, Some(until));
                self.granted(request, told, what, repeat, clock)?;
            }
            Answer::Tripped { index, generation } => {
                self.grows(2, *generation, repeat, told)?;
                let first = self.met.insert((*generation, *index));
                ensure(first || repeat, "a place that somebody else has", told)?;
            }
            Answer::Extended(grant) => {
                if let Some(lease) = self.leases.get_mut(&grant.lease) {
                    lease.until = lease.until.max(Some(grant.until));
                }
            }
            Answer::Settled => {
                if let Command::Done { lease } | Command::Finish { lease, .. } =
                    &request.ask.command
                    && let Some(job) = self.held.get(&lease.id)
                {
                    self.jobs.entry(*job).or_default().over = true;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn got(
        &mut self,
        request: &Request,
        told: &Told,
        got: &Got,
        (repeat, clock): (bool, Time),
    ) -> Result<(), String> {
        let thing = Thing::Queue(got.queue.clone());
        let what = (got.lease, thing, Some(got.job), Share::Whole, got.until);
        self.granted(request, told, what, repeat, clock)
    }

    /// What is numbered anew has a larger number than was told before the last crash.
    fn grows(&mut self, which: usize, is: u64, repeat: bool, told: &Told) -> Result<(), String> {
        self.told[which] = self.told[which].max(is);
        ensure(repeat || is > self.before[which], "a number that was told before a crash", told)
    }

    fn granted(
        &mut self,
        request: &Request,
        told: &Told,
        (id, thing, job, share, until): (LeaseId, Thing, Option<JobId>, Share, Option<Time>),
        repeat: bool,
        clock: Time,
    ) -> Result<(), String> {
        if let Some(known) = self.leases.get_mut(&id) {
            let same = (&known.thing, known.job) == (&thing, job);
            known.until = known.until.max(until);
            known.repeat |= repeat;
            return ensure(same, "told for something else", told);
        }
        self.grows(0, id.fence(), repeat, told)?;
        // One who was told so has it until it ends, or he asked to end it.
        let holds =
            |it: &Lease| it.taken && !it.may_be_over && it.until.is_some_and(|it| it > clock);
        let same = |it: &Lease| it.thing == thing && it.job == job;
        let held = self.leases.values().filter(|it| same(it) && holds(it)).map(|it| it.share);
        ensure(self.fits(&thing, share, held), "somebody else has it", told)?;
        // Those who share something may be told of it in any order.
        let before = |it: &Lease| same(it) && (it.share, share) == (Share::Whole, Share::Whole);
        let newest = self.leases.iter().rev().find(|(_, it)| before(it)).map(|(other, _)| *other);
        ensure(newest < Some(id), "a smaller fence than before", told)?;
        if let Some(job) = job {
            let known = self.jobs.entry(job).or_default();
            ensure(!known.over, "a job that was done", told)?;
            self.seen.insert(job);
        }
        let (ask, arrived) = (request.ask.clone(), request.arrived);
        let answer = told.clone().expect("a grant is an answer");
        let (taken, may_be_over) = (false, false);
        let lease =
            Lease { thing, job, share, until, taken, may_be_over, ask, arrived, repeat, answer };
        self.leases.insert(id, lease);
        Ok(())
    }

    /// Whether a share may be had beside these.
    fn fits(&self, thing: &Thing, share: Share, mut held: impl Iterator<Item = Share>) -> bool {
        match (thing, share) {
            (Thing::Semaphore(_), Share::Permits(more)) => {
                let permits =
                    |share| if let Share::Permits(permits) = share { permits } else { u64::MAX };
                let most = self.permits.get(thing).copied().unwrap_or(0);
                held.map(permits).fold(more, u64::saturating_add) <= most
            }
            (_, Share::Permits(_)) => held.all(|share| share != Share::Whole),
            (_, Share::Whole) => held.next().is_none(),
        }
    }

    /// An answer was taken while its lease was live.
    pub(crate) fn taken(&mut self, id: LeaseId, clock: Time) {
        let Some(lease) = self.leases.get_mut(&id) else { return };
        lease.taken = true;
        if let (None, Some(job)) = (lease.until, lease.job) {
            let job = self.jobs.entry(job).or_default();
            (job.may_be_gone, job.over) = (true, true);
        }
        if let (Some(key), Some(thing)) = (&lease.ask.key, lease.ask.command.owner()) {
            let told = (lease.answer.clone(), lease.arrived);
            // One that is over, if not yet ended, is not told again.
            if !lease.repeat && lease.until.is_none_or(|until| until > clock) {
                self.keys.entry((thing, key.text.to_string())).or_insert(told);
            }
        }
    }

    /// The server has crashed: these answers may have been taken, and these leases are gone or done.
    pub(crate) fn crash(
        &mut self,
        hanging: impl Iterator<Item = LeaseId>,
        lost: &[LeaseId],
        clock: Time,
    ) {
        hanging.for_each(|lease| self.taken(lease, clock));
        for lease in lost {
            _ = self.end(*lease);
            // A number that nobody was told may come again, for something else.
            self.held.remove(lease);
        }
        self.before = self.told;
    }

    /// This job may have been done without anybody having had it.
    pub(crate) fn may_be_gone(&mut self, job: JobId) {
        self.jobs.entry(job).or_default().may_be_gone = true;
    }

    /// From here on, all jobs are looked for.
    pub(crate) fn look_for(&mut self) {
        self.seen.clear();
    }

    /// Every job whose put was answered was handed out since then, or may have been done.
    pub(crate) fn found_all(&self) -> Result<(), String> {
        let lost = |job: &Job| job.placed && !job.may_be_gone;
        let mut lost = self.jobs.iter().filter(|(_, job)| lost(job)).map(|(id, _)| id);
        match lost.find(|id| !self.seen.contains(id)) {
            Some(job) => Err(format!("{job:?} was put and is lost")),
            None => Ok(()),
        }
    }
}
