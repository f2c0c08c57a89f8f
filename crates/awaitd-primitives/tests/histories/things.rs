//! What is done to queues, events and locks and to their jobs.

use std::sync::Arc;

use awaitd_primitives::*;

use crate::model::{Model, Told, Waiter};
use crate::queues::Job;

/// What an attempt gives: an answer, a refusal, or nothing yet.
pub(crate) type Tried = Result<Option<Answer>, Refusal>;

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
    /// Up to when the rate of a queue is used up.
    pub(crate) used: Time,
    /// The lease that it granted last.
    pub(crate) served: u64,
    /// When each key had its turn last, or came; jobs without one have theirs together.
    pub(crate) turns: Vec<(Option<Arc<str>>, u64)>,
    pub(crate) turn: u64,
}

impl Known {
    /// What it was told to be.
    pub(crate) fn configuration(&self) -> Option<Configuration> {
        let name = self.thing.name().clone();
        match self.thing {
            Thing::Queue(_) => Some(Configuration::Queue(name, self.config.clone())),
            Thing::Semaphore(_) => self.semaphore.map(|it| Configuration::Semaphore(name, it)),
            Thing::Barrier(_) => Some(Configuration::Barrier(name, self.parties)),
            Thing::Schedule(_) => unreachable!("schedules have tests of their own"),
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
            Command::Put { .. } => return Ok(self.put(command)),
            Command::CancelJob { job, force, .. } => self.cancel(command, *job, *force),
            Command::Get { .. } => return self.get(command),
            Command::GetAny { .. } => {
                unreachable!("who stands in several lines is tried elsewhere")
            }
            Command::ReadJob { queue, job } => self.read_job(queue, *job),
            Command::ListJobs { .. } => self.list_jobs(command),
            Command::WaitResult { queue, job } => return self.result(queue, *job, seen.is_some()),
            Command::Pause { paused, .. } => self.pause(command, *paused),
            Command::Purge { state, .. } => self.purge(command, *state),
            Command::Redrive { .. } => self.redrive(command),
            Command::Finish { lease, result } => self.finish_with(lease.id, result),
            Command::Progress { lease, progress } => self.progress(lease.id, progress),
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
            Command::Nack { lease, delay, defer, dead, error } => {
                let held = self.live(lease.id);
                if held.as_ref().is_ok_and(|lease| lease.share.is_some()) {
                    return Err(Refusal::NotFound);
                }
                if let Ok(lease) = held.map(|lease| lease.grant.lease) {
                    let holds = |job: &&mut Job| job.leased && job.got.lease == lease;
                    let job = self.jobs.iter_mut().find(holds).expect("a job is held");
                    job.error = error.clone().or(job.error.take());
                    job.rejected = *dead;
                }
                self.finish(lease.id, Outcome::Returned, *delay, *dead || !defer)
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
            Command::Fire { .. } => unreachable!("schedules have tests of their own"),
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
        let mut told = told.clone();
        if let Configuration::Queue(name, config) = &mut told {
            let known = self.find(command).map(|known| known.config.clone()).unwrap_or_default();
            if config.policy.dead_letter.as_ref() == Some(name) {
                return Err(Refusal::OwnDeadLetter);
            } else if config.order != known.order
                && self.jobs_of(&Thing::Queue(name.clone())).next().is_some()
            {
                return Err(Refusal::OtherOrder);
            }
            config.policy.paused = known.policy.paused;
        }
        let told = &told;
        let known = self.known(command);
        match told {
            Configuration::Queue(_, config) => known.config = config.clone(),
            Configuration::Semaphore(_, config) => known.semaphore = Some(*config),
            Configuration::Barrier(_, parties) => known.parties = *parties,
            Configuration::Schedule(..) => unreachable!("schedules have tests of their own"),
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
        self.results.retain(|kept| kept.queue != thing);
        let at = |command: &Command| match command {
            Command::GetAny { queues, .. } => queues.iter().any(|it| it == thing.name()),
            other => other.thing().as_ref() == Some(&thing),
        };
        // A place that the server keeps is one at other queues, too.
        let gone = |waiter: &Waiter| {
            let command = &waiter.request.ask.command;
            at(command) && (waiter.there || !matches!(command, Command::GetAny { .. }))
        };
        self.dismiss(gone, &Refusal::Deleted);
        Ok(Answer::Deleted)
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
            self.drop_jobs(&thing, Job::waits);
        }
        Ok(Answer::ShutDown)
    }

    pub(crate) fn find(&self, command: &Command) -> Option<&Known> {
        let thing = command.thing();
        self.things.iter().find(|known| Some(&known.thing) == thing.as_ref())
    }

    pub(crate) fn at(&self, thing: &Thing) -> Option<&Known> {
        self.things.iter().find(|known| known.thing == *thing)
    }

    /// Makes it if it is not there.
    pub(crate) fn known(&mut self, command: &Command) -> &mut Known {
        self.at_mut(&command.thing().expect("it is about a thing"))
    }

    /// Likewise.
    pub(crate) fn at_mut(&mut self, thing: &Thing) -> &mut Known {
        if self.at(thing).is_none() {
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
                touched: self.now,
                used: Time::ZERO,
                served: 0,
                turns: Vec::new(),
                turn: 0,
            });
        }
        self.things.iter_mut().find(|known| known.thing == *thing).expect("it was made")
    }

    /// Those that are not finished.
    pub(crate) fn jobs_of<'a>(&'a self, queue: &'a Thing) -> impl Iterator<Item = &'a Job> {
        self.jobs.iter().filter(move |job| job.queue == *queue && !job.dead)
    }
}
