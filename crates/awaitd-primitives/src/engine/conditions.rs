//! Conditions: whoever waits has released the lock in the same step, and stands in its line once more
//! when notified, or when the wait is over. Nothing of that survives the server but the locks.

use crate::engine::{Engine, Step};
use crate::judge::{held_alone, live};
use crate::messages::answer::{Answer, Refusal};
use crate::messages::command::{Ask, Command, LeaseRef, Ticket};
use crate::messages::name::{Name, Thing};
use crate::messages::remembrance::Remembrance;
use crate::messages::time::Time;
use crate::messages::view::{ConditionView, View};
use crate::recall::{key_of, recall, remember};
use crate::state::ending::{Ending, end};
use crate::state::settled::Fate;
use crate::waiters::Line;

impl Engine {
    /// Releases the lock of one who begins to wait. Of one who has done so before, under a key, the wait is
    /// over: he may have missed a notification, and is told that by taking the lock again.
    pub(super) fn let_lock_go(
        &mut self,
        ask: &mut Ask,
        (arrived, until): (Time, &mut Time),
        step: &mut Step,
    ) -> Result<(), Refusal> {
        self.may_park(&ask.command)?;
        let (keyed, suffices) = (ask.key.is_some(), self.limits.room.suffices(&ask.command));
        let Command::WaitCondition { lock, held, patience, notified, .. } = &mut ask.command else {
            return Ok(());
        };
        let mut over = *until <= arrived;
        match held_alone(&self.state, lock, held) {
            // Refused afterwards, he would have lost it.
            Ok(_) if !suffices => return Err(Refusal::DiskFull),
            Ok(lease) => {
                let records = end(&self.state, held.id, lease, self.at.now, &Ending::Done);
                self.commit(records, step);
            }
            Err(_) if keyed && self.let_go_before(lock, held) => over = true,
            Err(refusal) => return Err(refusal),
        }
        if over {
            *notified = Some(false);
            *until = arrived + *patience;
        }
        Ok(())
    }

    /// Whether it is a lease of this lock that was released.
    fn let_go_before(&self, lock: &Name, held: &LeaseRef) -> bool {
        let of_this = matches!(&held.thing, Some(Thing::Lock(name)) if name == lock);
        let released = live(&self.state, held.id).is_err()
            && self.state.leases.fate(held.id) == Some(Fate::Done);
        of_this && released
    }

    /// The wait of one who was not notified is over: he stands in the lock's line now. `false`: he waits
    /// for something else.
    pub(super) fn wakes_by_itself(&mut self, ticket: Ticket) -> bool {
        let waits =
            self.waiters.get(ticket).is_some_and(|it| matches!(it.line, Line::Condition(..)));
        if waits {
            self.wake(ticket, false);
        }
        waits
    }

    /// Wakes the first so many who wait for a condition; says how many there were.
    pub(super) fn notify(&mut self, lock: &Name, condition: &Name, most: u64) -> u64 {
        let line = Line::Condition(lock.clone(), condition.clone());
        let mut woken = 0;
        while woken < most
            && let Some((_, ticket)) = self.waiters.next_in(&line, 0)
        {
            self.wake(ticket, true);
            woken += 1;
        }
        woken
    }

    /// Moves one who waits for a condition to the end of the lock's line.
    fn wake(&mut self, ticket: Ticket, by_another: bool) {
        let mut parked = self.waiters.unpark(ticket).expect("who is woken is parked");
        if let Command::WaitCondition { patience, notified, .. } = &mut parked.ask.command {
            *notified = Some(by_another);
            parked.until = self.at.now + *patience;
        }
        parked.number = self.waiters.new_number();
        parked.line = Line::of(&parked.ask.command).expect("it waits for the lock");
        let line = parked.line.clone();
        self.waiters.park(ticket, parked);
        self.stir(line);
    }

    /// One who was notified leaves before he has the lock: another is woken in his place.
    pub(super) fn pass_on(&mut self, command: &Command) {
        if let Command::WaitCondition { lock, condition, notified: Some(true), .. } = command {
            self.notify(lock, condition, 1);
        }
    }

    /// `notify(n)`.
    pub(super) fn judge_notify(
        &mut self,
        ask: &Ask,
        step: &mut Step,
    ) -> Option<Result<Answer, Refusal>> {
        let Command::Notify { lock, condition, held, most } = &ask.command else { return None };
        let key = ask.key.as_ref().and_then(|key| Some((key, key_of(ask, key)?)));
        if let Some((key, of)) = &key
            && let Some(memory) = self.state.remembered.get(of)
        {
            return Some(recall(&self.state, (ask, key), memory));
        }
        if let Err(refusal) = held_alone(&self.state, lock, held) {
            return Some(Err(refusal));
        }
        let woken = self.notify(lock, condition, most.unwrap_or(u64::MAX));
        if let Some((key, of)) = key {
            let what = Remembrance::Notified(woken);
            self.commit(vec![remember(of, key.fingerprint, what, self.at)], step);
        }
        Some(Ok(Answer::Notified { woken }))
    }

    /// How many wait for a condition.
    pub(super) fn read_condition(&self, lock: &Name, condition: &Name) -> Result<Answer, Refusal> {
        if !self.state.has(&Thing::Lock(lock.clone())) {
            return Err(Refusal::NotFound);
        }
        let waiters = self.waiters.count(&Line::Condition(lock.clone(), condition.clone()));
        let view = ConditionView { lock: lock.clone(), name: condition.clone(), waiters };
        Ok(Answer::State(Box::new(View::Condition(view))))
    }
}
