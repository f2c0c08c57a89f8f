//! What the model shows to whoever looks.

use awaitd_primitives::*;

use crate::model::{Model, Told};

impl Model {
    pub(crate) fn count(&self, of: &Thing, op: &str) -> u64 {
        let waits = |command: &Command| {
            let at = match command {
                Command::GetAny { queues, .. } => {
                    of.kind() == Kind::Queue && queues.contains(of.name())
                }
                other => other.thing().as_ref() == Some(of),
            };
            at && label_of(command) == op
        };
        let there = self.line.iter().filter(|waiter| waiter.there);
        there.filter(|waiter| waits(&waiter.request.ask.command)).count() as u64
    }

    pub(crate) fn queue_view(&self, name: &Name) -> Option<QueueView> {
        let thing = Thing::Queue(name.clone());
        let known = self.things.iter().find(|known| known.thing == thing)?;
        let jobs: Vec<_> = self.jobs_of(&thing).collect();
        let waiting = || jobs.iter().filter(|job| job.waits());
        let ready = || waiting().filter(|job| job.place <= self.now);
        Some(QueueView {
            name: name.clone(),
            config: known.config.clone(),
            ready: ready().count() as u64,
            delayed: (waiting().count() - ready().count()) as u64,
            leased: (jobs.len() - waiting().count()) as u64,
            dead: self.jobs.iter().filter(|job| job.queue == thing && job.dead).count() as u64,
            unfinished: jobs.len() as u64,
            oldest_ready: ready().map(|job| job.since).min(),
            shut_down: known.shut.is_some(),
            waiters: QueueWaiters {
                put: self.count(&thing, "put"),
                get: self.count(&thing, "get"),
                join: self.count(&thing, "join"),
            },
        })
    }

    pub(crate) fn lock_view(&self, name: &Name) -> Option<LockView> {
        let thing = Thing::Lock(name.clone());
        self.things.iter().find(|known| known.thing == thing)?;
        let (holders, waiters) = (self.holders(&thing), self.count(&thing, "acquire"));
        let conditions = self.conditions_of(name);
        Some(LockView { name: name.clone(), holders, waiters, conditions })
    }

    fn semaphore_view(&self, thing: &Thing, config: SemaphoreConfig) -> SemaphoreView {
        SemaphoreView {
            name: thing.name().clone(),
            config,
            available: config.permits.saturating_sub(self.taken(thing)),
            holders: self.holders(thing),
            waiters: self.count(thing, "acquire"),
        }
    }

    /// The state of a thing.
    pub(crate) fn view(&self, thing: &Thing) -> Option<View> {
        let known = self.things.iter().find(|known| known.thing == *thing)?;
        let name = thing.name().clone();
        Some(match thing {
            Thing::Queue(_) => View::Queue(self.queue_view(&name)?),
            Thing::Lock(_) => View::Lock(self.lock_view(&name)?),
            Thing::Event(_) => {
                View::Event(EventView { name, set: known.set, generation: known.generation })
            }
            Thing::Semaphore(_) => View::Semaphore(self.semaphore_view(thing, known.semaphore?)),
            Thing::Schedule(_) => unreachable!("schedules have tests of their own"),
            Thing::Barrier(_) => View::Barrier(BarrierView {
                name,
                parties: known.parties,
                waiting: self.count(thing, "wait"),
                broken: known.broken,
                generation: known.generation,
            }),
        })
    }

    pub(crate) fn state(&self, thing: &Thing) -> Told {
        let view = self.view(thing).ok_or(Refusal::NotFound)?;
        Ok(Answer::State(Box::new(view)))
    }

    pub(crate) fn list(
        &self,
        kind: Kind,
        prefix: &str,
        cursor: Option<&str>,
        limit: usize,
    ) -> Answer {
        let mut items: Vec<_> = self.things.iter().map(|known| &known.thing).collect();
        items.retain(|it| it.kind() == kind && it.name().as_str().starts_with(prefix));
        items.retain(|it| cursor.is_none_or(|cursor| it.name().as_str() > cursor));
        items.sort();
        let more = items.len() > limit;
        items.truncate(limit);
        let cursor = items.last().filter(|_| more).map(|it| it.name().clone());
        let items = items.into_iter().filter_map(|thing| self.view(thing)).collect();
        Answer::List { items, cursor }
    }

    /// All of it, each part in order.
    pub(crate) fn census(&self) -> Census {
        let mut census = Census::default();
        for known in &self.things {
            match &known.thing {
                Thing::Queue(name) => {
                    census.queues.extend(self.queue_view(name).map(|it| (it, known.configured)));
                }
                Thing::Event(name) => census.events.push((name.clone(), known.set)),
                other => census.others.extend(self.view(other)),
            }
            for op in ["put", "get", "join", "wait", "acquire"] {
                let count = self.count(&known.thing, op);
                if count > 0 {
                    census.waiters.push((known.thing.clone(), op, count));
                }
            }
        }
        census.waits = self.line.iter().filter(|waiter| waiter.there).count();
        census.undelivered = self.leases.iter().map(|lease| lease.out).sum();
        in_order(census)
    }

    /// What is told to one who will not wait, or no longer, or whose grant was over.
    pub(crate) fn turned_away(&self, request: &Request, waited: bool) -> Told {
        let command = &request.ask.command;
        let known = self.find(command);
        let generation = known.map_or(0, |known| known.generation);
        Err(match command {
            Command::Put { .. } => Refusal::Full,
            Command::Get { .. } | Command::GetAny { .. } => Refusal::Empty,
            Command::WaitResult { .. } => Refusal::NotDone,
            Command::Join { .. } => {
                let unfinished = known.map_or(0, |known| self.jobs_of(&known.thing).count() as u64);
                Refusal::NotDrained { unfinished, generation }
            }
            Command::WaitEvent { .. } => Refusal::NotSet { generation },
            Command::WaitBarrier { .. } => Refusal::NotTripped,
            Command::Acquire { .. } | Command::WaitCondition { .. } => {
                let waited = waited || matches!(command, Command::WaitCondition { .. });
                let first = known.and_then(|known| self.holders(&known.thing).into_iter().next());
                let owner = first.as_ref().and_then(|holder| holder.owner.clone());
                Refusal::Locked { owner, until: first.map(|holder| holder.until), waited }
            }
            Command::Watch { lease } => {
                return self.live(lease.id).map(|lease| Answer::Held(lease.grant.clone()));
            }
            _ => unreachable!("{command:?} never waits"),
        })
    }
}

/// What is asked, as it is counted; those who take from one thing by one name stand in one line.
pub(crate) fn op_of(command: &Command) -> &'static str {
    match command {
        Command::Configure { configuration, .. } => match configuration {
            Configuration::Queue(..) => "configure queue",
            Configuration::Semaphore(..) => "configure semaphore",
            Configuration::Barrier(..) => "configure barrier",
            Configuration::Schedule(..) => unreachable!("schedules have tests of their own"),
        },
        Command::Read { thing } => match thing.kind() {
            Kind::Queue => "read queue",
            Kind::Event => "read event",
            Kind::Lock => "read lock",
            Kind::Semaphore => "read semaphore",
            Kind::Barrier => "read barrier",
            Kind::Schedule => unreachable!("schedules have tests of their own"),
        },
        Command::List { .. } => "list",
        Command::Delete { thing, .. } => match thing.kind() {
            Kind::Queue => "delete queue",
            Kind::Event => "clear",
            Kind::Lock => "delete lock",
            Kind::Semaphore => "delete semaphore",
            Kind::Barrier => "delete barrier",
            Kind::Schedule => unreachable!("schedules have tests of their own"),
        },
        Command::Put { .. } => "put",
        Command::Get { .. } => "get",
        Command::Join { .. } => "join",
        Command::CancelJob { .. } => "cancel",
        Command::Shutdown { .. } => "shutdown",
        Command::SetEvent { .. } => "set",
        Command::ClearEvent { .. } => "clear",
        Command::WaitEvent { .. } => "wait",
        Command::Acquire { .. } | Command::WaitCondition { notified: Some(_), .. } => "acquire",
        Command::WaitCondition { notified: None, .. } => "wait for a condition",
        Command::Break { .. } => "break",
        Command::Release { .. } => "release",
        Command::WaitBarrier { .. } => "wait at a barrier",
        Command::ResetBarrier { .. } => "reset",
        Command::AbortBarrier { .. } => "abort",
        Command::Notify { .. } => "notify",
        Command::ReadCondition { .. } => "read condition",
        Command::Done { .. } => "done",
        Command::Nack { .. } => "nack",
        Command::Extend { .. } => "extend",
        Command::Watch { .. } => "watch",
        Command::Withdraw { .. } => "withdraw",
        Command::Fire { .. } => unreachable!("schedules have tests of their own"),
        Command::ReadJob { .. } => "read job",
        Command::ListJobs { .. } => "list jobs",
        Command::WaitResult { .. } => "result",
        Command::Pause { .. } => "pause",
        Command::Purge { .. } => "purge",
        Command::Redrive { .. } => "redrive",
        Command::GetAny { .. } => "get any",
        Command::Finish { .. } => "finish",
        Command::Progress { .. } => "progress",
    }
}

/// As gauges name what somebody waits for.
fn label_of(command: &Command) -> &'static str {
    match op_of(command) {
        "wait for a condition" | "wait at a barrier" => "wait",
        "get any" => "get",
        op => op,
    }
}

/// A census whose parts are in order, so that two of them can be compared.
pub(crate) fn in_order(mut census: Census) -> Census {
    census.queues.sort_by(|one, two| one.0.name.cmp(&two.0.name));
    census.events.sort();
    census.others.sort_by_key(|view| (kind_of(view), view.name().clone()));
    census.waiters.sort();
    census
}

fn kind_of(view: &View) -> u8 {
    match view {
        View::Queue(_) => 0,
        View::Event(_) => 1,
        View::Lock(_) => 2,
        View::Semaphore(_) => 3,
        View::Barrier(_) => 4,
        View::Schedule(_) => unreachable!("schedules have tests of their own"),
        View::Condition(_) => 5,
    }
}
