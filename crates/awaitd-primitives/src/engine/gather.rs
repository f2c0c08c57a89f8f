//! Barriers: those who wait there are counted, and answered all at once.

use crate::engine::keys::Seat;
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
    pub(super) fn completes(&mut self, ask: &Ask, seat: &Seat, step: &mut Step) -> Option<Answer> {
        let Command::WaitBarrier { barrier } = &ask.command else { return None };
        let known = self.state.barriers.get(barrier).filter(|known| !known.broken)?;
        let line = Line::Barrier(barrier.clone());
        let there = self.waiters.count(&line);
        if there + 1 < known.parties {
            return None;
        }
        // Under a key he may have come before some of them.
        let index = seat.number.map_or(there, |number| self.waiters.count_before(&line, number));
        let generation = self.trip(barrier, there, Some((ask, index)), step);
        Some(Answer::Tripped { index, generation })
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
    fn trip(
        &mut self,
        barrier: &Name,
        there: u64,
        newcomer: Option<(&Ask, u64)>,
        step: &mut Step,
    ) -> u64 {
        let generation = self.state.last_generation + 1;
        let line = Line::Barrier(barrier.clone());
        let mut records = vec![Record::Tripped { barrier: barrier.clone(), generation }];
        let mut met = Vec::new();
        for before in 0..there {
            let index = before + u64::from(newcomer.is_some_and(|(_, own)| own <= before));
            let (_, ticket) = self.waiters.next_in(&line, 0).expect("they were counted");
            let parked = self.waiters.unpark(ticket).expect("who stands in a line is parked");
            records.extend(self.remember_trip(&parked.ask, index, generation));
            met.push((ticket, parked, index));
        }
        records.extend(newcomer.and_then(|(ask, own)| self.remember_trip(ask, own, generation)));
        self.commit(records, step);
        for (ticket, parked, index) in met {
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
