//! What the model shows to whoever looks.

use awaitd_primitives::*;

use crate::model::{Model, Told};

impl Model {
    pub(crate) fn count(&self, of: &Thing, op: &str) -> u64 {
        let waits =
            |command: &Command| command.thing().as_ref() == Some(of) && op_of(command) == op;
        let there = self.line.iter().filter(|waiter| waiter.there);
        there.filter(|waiter| waits(&waiter.request.ask.command)).count() as u64
    }

    pub(crate) fn queue_view(&self, name: &Name) -> Option<QueueView> {
        let thing = Thing::Queue(name.clone());
        let known = self.things.iter().find(|known| known.thing == thing)?;
        let jobs: Vec<_> = self.jobs_of(&thing).collect();
        let waiting = || jobs.iter().filter(|job| !job.leased);
        let ready = || waiting().filter(|job| job.place <= self.now);
        Some(QueueView {
            name: name.clone(),
            config: known.config.clone(),
            ready: ready().count() as u64,
            delayed: (waiting().count() - ready().count()) as u64,
            leased: (jobs.len() - waiting().count()) as u64,
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
        let holders = self.holder(&thing).into_iter().map(|lease| Holder {
            lease: lease.grant.lease,
            share: Share::Whole,
            owner: lease.owner.clone(),
            until: lease.grant.until,
        });
        let (name, holders, waiters) =
            (name.clone(), holders.collect(), self.count(&thing, "acquire"));
        Some(LockView { name, holders, waiters, conditions: Vec::new() })
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
            other => unreachable!("not yet: {other:?}"),
        })
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
            Command::Get { .. } => Refusal::Empty,
            Command::Join { .. } => {
                let unfinished = known.map_or(0, |known| self.jobs_of(&known.thing).count() as u64);
                Refusal::NotDrained { unfinished, generation }
            }
            Command::WaitEvent { .. } => Refusal::NotSet { generation },
            Command::Acquire { .. } => {
                let holder = known.and_then(|known| self.holder(&known.thing));
                let owner = holder.and_then(|lease| lease.owner.clone());
                Refusal::Locked { owner, until: holder.map(|lease| lease.grant.until), waited }
            }
            Command::Watch { lease } => {
                return self.live(lease.id).map(|lease| Answer::Held(lease.grant.clone()));
            }
            _ => unreachable!("{command:?} never waits"),
        })
    }
}

pub(crate) fn op_of(command: &Command) -> &'static str {
    match command {
        Command::Configure { .. } => "configure",
        Command::Read { thing: Thing::Queue(_) } => "read queue",
        Command::Read { .. } => "read lock",
        Command::List { .. } => "list",
        Command::Delete { thing: Thing::Queue(_), .. } => "delete queue",
        Command::Delete { .. } => "delete lock",
        Command::Put { .. } => "put",
        Command::Get { .. } => "get",
        Command::Join { .. } => "join",
        Command::Shutdown { .. } => "shutdown",
        Command::SetEvent { .. } => "set",
        Command::ClearEvent { .. } => "clear",
        Command::WaitEvent { .. } => "wait",
        Command::Acquire { .. } => "acquire",
        Command::Done { .. } => "done",
        Command::Nack { .. } => "nack",
        Command::Extend { .. } => "extend",
        Command::Watch { .. } => "watch",
        Command::Withdraw { .. } => "withdraw",
        other => unreachable!("not yet: {other:?}"),
    }
}

/// A census whose parts are in order, so that two of them can be compared.
pub(crate) fn in_order(mut census: Census) -> Census {
    census.queues.sort_by(|one, two| one.0.name.cmp(&two.0.name));
    census.events.sort();
    census.others.sort_by(|one, two| one.name().cmp(two.name()));
    census.waiters.sort();
    census
}
