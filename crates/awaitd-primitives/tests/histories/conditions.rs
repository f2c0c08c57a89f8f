//! Conditions: whoever waits for one has let the lock go, and stands in its line again when he is woken.

use std::collections::BTreeSet;

use awaitd_primitives::*;

use crate::model::{Model, Told, Waiter};

impl Model {
    /// Whether a lock is held by this lease, alone.
    fn alone(&self, lock: &Name, id: LeaseId) -> Result<(), Refusal> {
        let lease = self.live(id)?;
        let alone = lease.share == Some(Share::Whole) && lease.grant.thing.name() == lock;
        if alone { Ok(()) } else { Err(Refusal::NotExclusive) }
    }

    /// One who begins to wait lets the lock go. Who did so before, under his key, may have missed a
    /// notification: his wait is over.
    pub(crate) fn let_go(&mut self, waiter: &mut Waiter) -> Result<(), Refusal> {
        let (arrived, keyed) = (waiter.request.arrived, waiter.request.ask.key.is_some());
        let Command::WaitCondition { lock, held, .. } = &waiter.request.ask.command else {
            return Ok(());
        };
        if self.closed {
            return Err(Refusal::ShuttingDown);
        }
        let mut over = waiter.until <= arrived;
        let of_this = held.thing == Some(Thing::Lock(lock.clone()));
        let ended = self.leases.iter().find(|it| it.grant.lease == held.id);
        let ended = ended.and_then(|it| it.ended.as_ref());
        match self.alone(lock, held.id) {
            Ok(()) => self.end(held.id, Outcome::Done, None, false),
            Err(_) if keyed && of_this && ended.is_some_and(|it| it.0 == Outcome::Done) => {
                over = true;
            }
            Err(refusal) => return Err(refusal),
        }
        if over {
            self.stir(waiter, false);
        }
        Ok(())
    }

    /// From now on he waits for the lock.
    fn stir(&mut self, waiter: &mut Waiter, by_another: bool) {
        if let Command::WaitCondition { notified, patience, .. } = &mut waiter.request.ask.command {
            *notified = Some(by_another);
            waiter.until = self.now + *patience;
        }
    }

    /// He goes to the end of the lock's line.
    pub(crate) fn wake(&mut self, mut waiter: Waiter, by_another: bool) {
        self.stir(&mut waiter, by_another);
        self.last_number += 1;
        waiter.number = self.last_number;
        self.stand(waiter);
    }

    /// Those who wait for a condition and are there, in their order.
    pub(crate) fn waits_for(&self, lock: &Name, condition: &Name) -> Vec<Ticket> {
        let of = |it: &&Waiter| match &it.request.ask.command {
            Command::WaitCondition { lock: one, condition: other, notified: None, .. } => {
                it.there && one == lock && other == condition
            }
            _ => false,
        };
        self.line.iter().filter(of).map(|it| it.request.ticket).collect()
    }

    /// The conditions of a lock for which somebody waits, and how many do.
    pub(crate) fn conditions_of(&self, lock: &Name) -> Vec<(Name, u64)> {
        let condition_of = |it: &Waiter| match &it.request.ask.command {
            Command::WaitCondition { condition, .. } => Some(condition.clone()),
            _ => None,
        };
        let conditions: BTreeSet<_> = self.line.iter().filter_map(condition_of).collect();
        let counted = conditions.into_iter().map(|name| {
            let waiters = self.waits_for(lock, &name).len() as u64;
            (name, waiters)
        });
        counted.filter(|(_, waiters)| *waiters > 0).collect()
    }

    /// Wakes the first so many; says how many there were.
    fn wake_some(&mut self, lock: &Name, condition: &Name, most: u64) -> u64 {
        let mut woken = 0;
        for ticket in self.waits_for(lock, condition) {
            if woken < most {
                let there = |it: &Waiter| it.there && it.request.ticket == ticket;
                let at = self.line.iter().position(there).expect("he waits");
                let waiter = self.line.remove(at);
                self.wake(waiter, true);
                woken += 1;
            }
        }
        woken
    }

    pub(crate) fn notify(&mut self, command: &Command) -> Told {
        let Command::Notify { lock, condition, held, most } = command else { unreachable!() };
        self.alone(lock, held.id)?;
        Ok(Answer::Notified { woken: self.wake_some(lock, condition, most.unwrap_or(u64::MAX)) })
    }

    /// One leaves the line without an answer that he asked for: if he was notified, another is.
    pub(crate) fn pass_on(&mut self, waiter: &Waiter) {
        if let Command::WaitCondition { lock, condition, notified: Some(true), .. } =
            &waiter.request.ask.command
            && waiter.there
        {
            self.wake_some(lock, condition, 1);
        }
    }

    /// Nobody will have the lock by this lease: if it was granted to one who was notified and has not
    /// heard of it, another is.
    pub(crate) fn pass_on_from(&mut self, id: LeaseId) {
        let lease = self.lease(id);
        let lock = lease.grant.thing.name().clone();
        if let Some(condition) = lease.woken.take().filter(|_| !lease.taken) {
            self.wake_some(&lock, &condition, 1);
        }
    }

    pub(crate) fn condition_view(&self, lock: &Name, condition: &Name) -> Told {
        if !self.things.iter().any(|known| known.thing == Thing::Lock(lock.clone())) {
            return Err(Refusal::NotFound);
        }
        let waiters = self.waits_for(lock, condition).len() as u64;
        let view = ConditionView { lock: lock.clone(), name: condition.clone(), waiters };
        Ok(Answer::State(Box::new(View::Condition(view))))
    }
}
