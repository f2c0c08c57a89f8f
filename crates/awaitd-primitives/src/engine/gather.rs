//! Barriers: those who wait there are counted, and answered all at once.

use crate::engine::{Engine, Step};
use crate::messages::answer::Answer;
use crate::messages::command::{Ask, Command};
use crate::messages::name::Name;
use crate::messages::record::Record;
use crate::messages::remembrance::Remembrance;
use crate::recall::{key_of, remember};
use crate::waiters::Line;

impl Engine {
    /// All have come, with this newcomer: who waits is answered, and so is he.
    pub(super) fn completes(&mut self, ask: &Ask, step: &mut Step) -> Option<Answer> {
        let Command::WaitBarrier { barrier } = &ask.command else { return None };
        let known = self.state.barriers.get(barrier).filter(|known| !known.broken)?;
        let there = self.waiters.count(&Line::Barrier(barrier.clone()));
        if there + 1 < known.parties {
            return None;
        }
        let generation = self.trip(barrier, there, Some(ask), step);
        Some(Answer::Tripped { index: there, generation })
    }

    /// Answers those who wait, if all have come: fewer meet than before.
    pub(super) fn gather(&mut self, barrier: &Name, step: &mut Step) {
        let Some(known) = self.state.barriers.get(barrier) else { return };
        let parties = known.parties;
        while self.waiters.count(&Line::Barrier(barrier.clone())) >= parties {
            self.trip(barrier, parties, None, step);
        }
    }

    /// Answers the first so many who wait, in the order in which they came. A newcomer is told elsewhere.
    fn trip(&mut self, barrier: &Name, there: u64, newcomer: Option<&Ask>, step: &mut Step) -> u64 {
        let generation = self.state.last_generation + 1;
        let line = Line::Barrier(barrier.clone());
        let mut records = vec![Record::Tripped { barrier: barrier.clone(), generation }];
        let mut met = Vec::new();
        for index in 0..there {
            let (_, ticket) = self.waiters.next_in(&line, 0).expect("they were counted");
            let parked = self.waiters.unpark(ticket).expect("who stands in a line is parked");
            records.extend(self.remember_trip(&parked.ask, index, generation));
            met.push((ticket, parked));
        }
        records.extend(newcomer.and_then(|ask| self.remember_trip(ask, there, generation)));
        self.commit(records, step);
        for (index, (ticket, parked)) in (0..).zip(met) {
            self.tell(ticket, parked, Ok(Answer::Tripped { index, generation }), step);
        }
        generation
    }

    fn remember_trip(&self, ask: &Ask, index: u64, generation: u64) -> Option<Record> {
        let key = ask.key.as_ref()?;
        let what = Remembrance::Tripped { index, generation };
        Some(remember(key_of(ask, key)?, key.fingerprint, what, self.at))
    }
}
