//! `Idempotency-Key`s: a repeat is the same request, in the same place, and may be taken back.

use crate::engine::{Engine, Step};
use crate::judge::{Verdict, judge};
use crate::messages::answer::{Answer, Granted, Refusal, Withdrawal};
use crate::messages::command::{Ask, Command, Key};
use crate::messages::remembrance::Remembrance;
use crate::messages::time::Time;
use crate::recall::{key_of, recall, remember};
use crate::state::remembered::KeyOf;

/// Where a newcomer stands.
#[derive(Default)]
pub(super) struct Seat {
    /// The key under which it came.
    pub(super) key: Option<KeyOf>,
    /// The place that an earlier request under that key had.
    pub(super) number: Option<u64>,
    /// What is asked was done already.
    pub(super) repeat: bool,
}

impl Engine {
    /// What has to be done before a newcomer is judged: it takes the place of an earlier request
    /// under its key, and settles the lease that it came to settle, which is never done while it
    /// waits, nor for a request that was done already.
    pub(super) fn seat(
        &mut self,
        ask: &mut Ask,
        moments: (Time, &mut Time),
        step: &mut Step,
    ) -> Result<Seat, Refusal> {
        let key = ask.key.as_ref().and_then(|key| Some((key, key_of(ask, key)?)));
        let mut number = None;
        if let Some((key, of)) = &key {
            if self.state.remembered.get(of).is_some() {
                return Ok(Seat { key: Some(of.clone()), number, repeat: true });
            }
            number = self.inherit(of, key.fingerprint, step)?;
        }
        let key = key.map(|(_, of)| of);
        self.settle_first(&ask.command, step)?;
        if matches!(ask.command, Command::WaitCondition { .. }) {
            self.let_lock_go(ask, moments, step)?;
            // Whatever place he had: the lock's line is another one.
            number = None;
        }
        Ok(Seat { key, number, repeat: false })
    }

    /// The place of an earlier request under this key. If that one is still there, it is superseded.
    fn inherit(
        &mut self,
        of: &KeyOf,
        fingerprint: u128,
        step: &mut Step,
    ) -> Result<Option<u64>, Refusal> {
        if let Some(older) = self.waiters.open(of) {
            let parked = self.waiters.get(older).expect("who is open is parked");
            if parked.ask.key.as_ref().is_some_and(|key| key.fingerprint != fingerprint) {
                return Err(Refusal::KeyMismatch);
            }
            let number = parked.number;
            self.dismiss(older, Err(Refusal::Superseded), step);
            return Ok(Some(number));
        }
        match self.waiters.kept(of) {
            Some(kept) if kept.fingerprint != fingerprint => Err(Refusal::KeyMismatch),
            Some(_) => Ok(self.waiters.unkeep(of).map(|kept| kept.number)),
            None => self.room_for_a_key().map(|()| None),
        }
    }

    fn room_for_a_key(&self) -> Result<(), Refusal> {
        let keys = self.state.remembered.len() + self.waiters.keys();
        if keys >= self.limits.keys_max { Err(Refusal::TooManyKeys) } else { Ok(()) }
    }

    /// `settle=` with a get is a command of its own.
    fn settle_first(&mut self, command: &Command, step: &mut Step) -> Result<(), Refusal> {
        let Command::Get { settle: Some(lease), .. } = command else {
            return Ok(());
        };
        let done = Ask { command: Command::Done { lease: lease.clone() }, key: None };
        match judge(&self.state, &self.limits, self.at, &done) {
            Verdict::Grant(records, _) => self.commit(records, step),
            Verdict::Refuse(refusal) => return Err(refusal),
            Verdict::Wait | Verdict::WaitUntil(_) => unreachable!("done never waits"),
        }
        Ok(())
    }

    /// Keeps the place of one who had a key and has gone.
    pub(super) fn keep_place(&mut self, of: Option<&KeyOf>, ask: &Ask, number: u64) {
        if let (Some(of), Some(key)) = (of, &ask.key) {
            self.waiters.keep(of.clone(), number, key.fingerprint, self.at.now);
        }
    }

    /// Takes back what was asked under a key, or tells what was granted.
    pub(super) fn take_back(
        &mut self,
        of: KeyOf,
        ask: &Ask,
        step: &mut Step,
    ) -> Result<Answer, Refusal> {
        let own = ask.key.as_ref().and_then(|key| Some((key, key_of(ask, key)?)));
        if let Some((key, own)) = &own
            && let Some(memory) = self.state.remembered.get(own)
        {
            return recall(&self.state, (ask, key), memory);
        }
        let (told, mut records) = if let Some(withdrawal) = self.granted_under(&of) {
            (Ok(withdrawal), Vec::new())
        } else {
            let told = self.end_wait(&of, step)?;
            (told, vec![remember(of, 0, Remembrance::Withdrawn, self.at)])
        };
        if let (Some((Key { fingerprint, .. }, own)), Ok(withdrawal)) = (own, &told) {
            let what = Remembrance::Asked(withdrawal.clone());
            records.push(remember(own, *fingerprint, what, self.at));
        }
        self.commit(records, step);
        told.map(Answer::Withdrawn)
    }

    /// What a request under this key was granted, if it was done; it counts as delivered from now on.
    fn granted_under(&mut self, of: &KeyOf) -> Option<Withdrawal> {
        let granted = match &self.state.remembered.get(of)?.what {
            // Withdrawn once more, it is remembered for as long once more.
            Remembrance::Withdrawn => return None,
            Remembrance::Placed(queue, job) => Granted::Job(queue.clone(), *job),

            what @ (Remembrance::Leased(..) | Remembrance::Woken { .. }) => {
                let (thing, lease) = what.lease().expect("a lease was granted");
                Granted::Lease(thing, lease)
            }
            Remembrance::Configured { .. }
            | Remembrance::Deleted
            | Remembrance::ShutDown
            | Remembrance::Set(_)
            | Remembrance::Cleared
            | Remembrance::Settled
            | Remembrance::Asked(_)
            | Remembrance::Prepared { .. }
            | Remembrance::Scheduled { .. }
            | Remembrance::Broke(_)
            | Remembrance::Released
            | Remembrance::Tripped { .. }
            | Remembrance::Turned
            | Remembrance::Notified(_)
            // Nothing was put that could be taken back.
            | Remembrance::Present(..)
            | Remembrance::Paused
            | Remembrance::Purged(_)
            | Remembrance::Redriven(..) => Granted::Nothing,
        };
        if let Granted::Lease(_, lease) = &granted {
            self.deliveries.heard_of(*lease);
        }
        Some(Withdrawal::Granted(granted))
    }

    /// Ends the wait under this key, or the place that is kept for it. Whether there was one or not, a
    /// request with this key that is still on its way shall not be done.
    fn end_wait(
        &mut self,
        of: &KeyOf,
        step: &mut Step,
    ) -> Result<Result<Withdrawal, Refusal>, Refusal> {
        if let Some(ticket) = self.waiters.open(of) {
            self.dismiss(ticket, Err(Refusal::Withdrawn), step);
            return Ok(Ok(Withdrawal::Withdrawn));
        }
        let withdrawn = self.state.remembered.get(of).is_some();
        if withdrawn || self.waiters.unkeep(of).is_some() {
            return Ok(Ok(Withdrawal::Withdrawn));
        }
        self.room_for_a_key()?;
        Ok(Err(Refusal::NotFound))
    }
}
