//! What is done to queues, events and locks and to their jobs.

use std::{num::NonZeroU64, time::Duration};

use awaitd_primitives::*;

use crate::leases::FOR_EVER;
use crate::model::{Model, Told, Waiter};

/// What an attempt gives: an answer, a refusal, or nothing yet.
type Tried = Result<Option<Answer>, Refusal>;

/// A queue, an event, a lock, a semaphore or a barrier; each uses what it has use for.
pub(crate) struct Known {
    pub(crate) thing: Thing,
    pub(crate) config: QueueConfig,
    pub(crate) configured: bool,
    /// Whether a shutdown was immediate.
    pub(crate) shut: Option<bool>,
    pub(crate) set: bool,
    pub(crate) generation: u64,
    pub(crate) value: Option<Payload>,
    pub(crate) semaphore: Option<SemaphoreConfig>,
    pub(crate) parties: u64,
    pub(crate) broken: bool,
    pub(crate) touched: Time,
}

#[derive(Clone)]
pub(crate) struct Job {
    pub(crate) queue: Thing,
    /// What the next get is told, but for its lease.
    pub(crate) got: Got,
    pub(crate) rank: Rank,
    pub(crate) place: Time,
    pub(crate) since: Time,
    pub(crate) leased: bool,
}

impl Known {
    /// What it was told to be.
    pub(crate) fn configuration(&self) -> Option<Configuration> {
        let name = self.thing.name().clone();
        match self.thing {
            Thing::Queue(_) => Some(Configuration::Queue(name, self.config.clone())),
            Thing::Semaphore(_) => self.semaphore.map(|it| Configuration::Semaphore(name, it)),
            Thing::Barrier(_) => Some(Configuration::Barrier(name, self.parties)),
            Thing::Event(_) | Thing::Lock(_) => None,
        }
    }
}

impl Model {
    /// The one place where commands are done; `None` if it has to wait.
    pub(crate) fn act(&mut self, command: &Command, seen: Option<u64>) -> Tried {
        if let Some(refusal) = self.hopeless(command) {
            return Err(refusal);
        }
        let done = match command {
            Command::Configure { configuration, only_new } => {
                self.configure(command, configuration, *only_new)
            }
            Command::Read { thing } => self.state(thing),
            Command::List { kind, prefix, cursor, limit } => {
                Ok(self.list(*kind, prefix, cursor.as_deref(), *limit))
            }
            Command::Delete { thing: Thing::Event(_), .. } | Command::ClearEvent { .. } => {
                Ok(self.clear(command))
            }
            Command::Delete { thing: Thing::Queue(_), .. } => self.delete(command, true),
            Command::Delete { force, .. } => self.delete(command, *force),
            Command::Put { payload, delay, rank, .. } => {
                return self.put(command, payload, (*delay, rank.as_ref()));
            }
            Command::CancelJob { job, force, .. } => self.cancel(command, *job, *force),
            Command::Get { mode, .. } => return self.get(command, *mode),
            Command::Acquire { share, lease, owner, .. } => {
                let grant = self.acquire(command, *share, (*lease, owner.clone()));
                return Ok(grant.map(Answer::Acquired));
            }
            Command::Break { .. } => self.break_lock(command),
            Command::Release { permits, .. } => self.add_permits(command, *permits),
            // Who completes it is told with all the others.
            Command::WaitBarrier { .. } => return self.meets(command).map(|()| None),
            Command::ResetBarrier { .. } => self.turn(command, false),
            Command::AbortBarrier { .. } => self.turn(command, true),
            Command::WaitCondition { notified: None, .. } => return Ok(None),
            Command::WaitCondition {
                condition, lease, owner, notified: Some(notified), ..
            } => {
                let (condition, notified) = (condition.clone(), *notified);
                let grant = self.acquire(command, Share::Whole, (*lease, owner.clone()));
                return Ok(grant.map(|grant| Answer::Woken { grant, condition, notified }));
            }
            Command::Notify { .. } => self.notify(command),
            Command::ReadCondition { lock, condition } => self.condition_view(lock, condition),
            Command::Join { after, .. } => return Ok(self.join(command, seen.or(*after))),
            Command::WaitEvent { after, .. } => return Ok(self.wait(command, seen.or(*after))),
            Command::Shutdown { immediate, .. } => self.shut_down(command, *immediate),
            Command::SetEvent { value, only_unset, .. } => self.set(command, value, *only_unset),
            Command::Done { lease } => self.finish(lease.id, Outcome::Done, None, false),
            Command::Nack { lease, delay, defer, .. } => {
                let held = self.live(lease.id);
                if held.is_ok_and(|lease| lease.share.is_some()) {
                    return Err(Refusal::NotFound);
                }
                self.finish(lease.id, Outcome::Returned, *delay, !defer)
            }
            Command::Extend { lease, length } => {
                let until = self.clock + length.unwrap_or(self.live(lease.id)?.length);
                let held = self.lease(lease.id);
                if until > held.grant.until {
                    held.grant.until = until;
                    // Who keeps it has heard of it.
                    (held.looked, held.taken, held.kept) = (true, true, None);
                }
                Ok(Answer::Extended(held.grant.clone()))
            }
            Command::Watch { lease } => return self.live(lease.id).map(|_| None),
            other @ (Command::ReadJob { .. }
            | Command::ListJobs { .. }
            | Command::WaitResult { .. }
            | Command::Pause { .. }
            | Command::Purge { .. }
            | Command::Redrive { .. }
            | Command::GetAny { .. }
            | Command::Finish { .. }
            | Command::Progress { .. }) => unreachable!("{other:?}"),
            Command::Withdraw { thing, key } => self.take_back((thing.clone(), key.clone())),
        };
        done.map(Some)
    }

    fn configure(&mut self, command: &Command, told: &Configuration, only_new: bool) -> Told {
        let created = self.find(command).is_none();
        if let Some(configuration) = self.find(command).and_then(Known::configuration)
            && only_new
        {
            return Err(Refusal::Exists { configuration });
        }
        let jobs = self.jobs_of(&told.thing()).count();
        let known = self.known(command);
        match told {
            Configuration::Queue(_, config) if jobs > 0 && config.order != known.config.order => {
                return Err(Refusal::OtherOrder);
            }
            Configuration::Queue(_, config) => known.config = config.clone(),
            Configuration::Semaphore(_, config) => known.semaphore = Some(*config),
            Configuration::Barrier(_, parties) => known.parties = *parties,
        }
        known.configured = true;
        if let Configuration::Semaphore(_, SemaphoreConfig { permits, bounded: true }) = told {
            let more = |it: &Waiter| {
                let ask = &it.request.ask.command;
                let share = matches!(ask, Command::Acquire { share: Share::Permits(more), .. } if more > permits);
                share && it.there && ask.thing() == Some(told.thing())
            };
            self.dismiss(more, &Refusal::OverBound { permits: *permits });
        }
        if matches!(told, Configuration::Barrier(..)) {
            self.gather(command);
        }
        Ok(Answer::Configured { configuration: told.clone(), created })
    }

    fn clear(&mut self, command: &Command) -> Answer {
        if self.find(command).is_some_and(|known| known.set) {
            let now = self.now;
            let known = self.known(command);
            (known.set, known.touched) = (false, now);
        }
        Answer::Cleared
    }

    fn delete(&mut self, command: &Command, force: bool) -> Told {
        let thing = self.find(command).ok_or(Refusal::NotFound)?.thing.clone();
        if !force && self.is_held(&thing) {
            return Err(Refusal::Held);
        }
        for lease in self.leases.iter_mut().filter(|it| it.grant.thing == thing) {
            lease.ended.get_or_insert((Outcome::Expired, Refusal::Deleted));
        }
        self.things.retain(|known| known.thing != thing);
        self.jobs.retain(|job| job.queue != thing);
        let at = |command: &Command| command.thing().as_ref() == Some(&thing);
        self.dismiss(|waiter| at(&waiter.request.ask.command), &Refusal::Deleted);
        Ok(Answer::Deleted)
    }

    fn put(
        &mut self,
        command: &Command,
        payload: &Payload,
        (delay, rank): (Duration, Option<&Rank>),
    ) -> Tried {
        let thing = self.known(command).thing.clone();
        let waiting = self.jobs_of(&thing).filter(|job| !job.leased).count() as u64;
        let known = self.known(command);
        if known.shut.is_some() {
            return Err(Refusal::QueueShutDown);
        } else if known.config.maxsize != 0 && waiting >= known.config.maxsize {
            return Ok(None);
        }
        self.last_job += 1;
        let (queue, job, payload) = (thing.name().clone(), JobId(self.last_job), payload.clone());
        let (ready, attempt, payload) = (self.now + delay, 1, payload.clone());
        let (lease, until, waited) = (LeaseId(NonZeroU64::MIN), None, Duration::ZERO);
        let enqueued = self.now;
        let (traits, promised) = (Vec::new(), false);
        let got =
            Got { queue, job, lease, until, attempt, waited, enqueued, payload, traits, promised };
        let (queue, rank) = (got.queue.clone(), rank.cloned().unwrap_or(Rank::from(0)));
        let (place, since, leased) = (ready, ready, false);
        self.jobs.push(Job { queue: thing, got, rank, place, since, leased });
        Ok(Some(Answer::Placed { queue, job }))
    }

    fn cancel(&mut self, command: &Command, job: JobId, force: bool) -> Told {
        let thing = self.find(command).ok_or(Refusal::NotFound)?.thing.clone();
        let found = self.jobs_of(&thing).find(|it| it.got.job == job);
        let Job { leased, got, .. } = found.cloned().ok_or(Refusal::NotFound)?;
        if leased && !force {
            return Err(Refusal::Leased);
        }
        if leased {
            self.lease(got.lease).ended = Some((Outcome::Broken, Refusal::LeaseLost));
        }
        self.drop_jobs(&thing, |it| it.got.job == job);
        Ok(Answer::Deleted)
    }

    fn get(&mut self, command: &Command, mode: GetMode) -> Tried {
        let Some(known) = self.find(command) else { return Ok(None) };
        let waiting = |job: &&Job| !job.leased;
        let delayed = self.jobs_of(&known.thing).any(|job| waiting(&job));
        let ready = self.jobs_of(&known.thing).filter(waiting).filter(|it| it.place <= self.now);
        let place = |job: &&Job| (job.place, job.got.job);
        let first = match known.config.order {
            Order::Fifo => ready.min_by_key(place),
            Order::Lifo => ready.max_by_key(place),
            Order::Priority => ready.min_by_key(|job| (job.rank.clone(), place(job))),
        };
        let Some(job) = first.cloned() else {
            let over = known.shut.is_some() && !delayed;
            return if over { Err(Refusal::QueueShutDown) } else { Ok(None) };
        };
        let length = match mode {
            GetMode::Leased(length) => length.unwrap_or(known.config.lease),
            GetMode::AtMostOnce => Duration::MAX,
        };
        let Grant { lease, until, .. } = self.grant(&job.queue, length, None, None);
        let until = Some(until).filter(|until| *until < FOR_EVER);
        let waited = self.now.since(job.since);
        let got = Got { lease, until, waited, ..job.got };
        let job = self.jobs.iter_mut().find(|it| it.got.job == got.job).expect("it was found");
        (job.leased, job.got) = (true, got.clone());
        Ok(Some(Answer::Got(Box::new(got))))
    }

    fn join(&self, command: &Command, after: Option<u64>) -> Option<Answer> {
        let known = self.find(command);
        let unfinished = known.map_or(0, |known| self.jobs_of(&known.thing).count());
        let generation = known.map_or(0, |known| known.generation);
        let holds = after.map_or(unfinished == 0, |after| generation > after);
        holds.then_some(Answer::Joined { generation })
    }

    fn wait(&self, command: &Command, after: Option<u64>) -> Option<Answer> {
        let Known { set, generation, value, .. } = self.find(command)?;
        let holds = after.map_or(*set, |after| *generation > after);
        let value = value.clone().filter(|_| holds)?;
        Some(Answer::Happened { generation: *generation, value })
    }

    fn set(&mut self, command: &Command, value: &Payload, only_unset: bool) -> Told {
        let (now, generation) = (self.now, self.last_generation + 1);
        let known = self.known(command);
        if known.set && only_unset {
            return Err(Refusal::AlreadySet { generation: known.generation });
        }
        (known.set, known.generation, known.touched) = (true, generation, now);
        known.value = Some(value.clone());
        self.last_generation = generation;
        Ok(Answer::Set { generation })
    }

    fn shut_down(&mut self, command: &Command, immediate: bool) -> Told {
        let thing = self.find(command).ok_or(Refusal::NotFound)?.thing.clone();
        let known = self.known(command);
        known.shut = Some(immediate || known.shut == Some(true));
        if immediate {
            self.drop_jobs(&thing, |job| !job.leased);
        }
        Ok(Answer::ShutDown)
    }

    pub(crate) fn find(&self, command: &Command) -> Option<&Known> {
        let thing = command.thing();
        self.things.iter().find(|known| Some(&known.thing) == thing.as_ref())
    }

    /// Makes it if it is not there.
    pub(crate) fn known(&mut self, command: &Command) -> &mut Known {
        let (thing, touched) = (command.thing().expect("it is about a thing"), self.now);
        if self.find(command).is_none() {
            self.things.push(Known {
                thing: thing.clone(),
                config: QueueConfig::default(),
                configured: false,
                shut: None,
                set: false,
                generation: 0,
                value: None,
                semaphore: None,
                parties: 0,
                broken: false,
                touched,
            });
        }
        self.things.iter_mut().find(|known| known.thing == thing).expect("it was made")
    }

    pub(crate) fn jobs_of<'a>(&'a self, queue: &'a Thing) -> impl Iterator<Item = &'a Job> {
        self.jobs.iter().filter(move |job| job.queue == *queue)
    }
}
