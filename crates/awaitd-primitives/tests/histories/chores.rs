//! What goes on beside the commands: the journal is cleaned, bodies are put away, the server crashes.

use std::collections::VecDeque;
use std::time::Duration;

use awaitd_primitives::*;

use crate::calls::Call;
use crate::checks::Ledger;
use crate::journal::Old;
use crate::run::{Run, same};
use crate::script::{Crash, Seeded};

/// The oldest segment on its way out.
pub(crate) struct Cleaning {
    left: VecDeque<Old>,
    /// The last copy is up to here.
    copied: Option<u64>,
    /// The end of the checkpoint is here.
    ended: Option<u64>,
}

impl Run {
    /// What there is before the first command.
    pub(crate) fn begin(&mut self, seeded: Option<&Seeded>) -> Result<(), String> {
        let Some(Seeded { reserved, ahead }) = seeded else { return self.live(true) };
        let from = ahead.map_or(0, |_| *reserved);
        let record = Record::Reserved { from, upto: reserved + ahead.unwrap_or(0) };
        if let Some(model) = &mut self.model {
            model.reserved = *reserved;
        }
        self.write(vec![Entry { at: Time::ZERO, records: vec![record] }])?;
        self.live(ahead.is_none())
    }

    /// Entries of a life of which nothing else is known.
    fn write(&mut self, entries: Vec<Entry>) -> Result<(), String> {
        self.journal.append(&entries)?;
        self.early.note(&entries, std::iter::empty())?;
        self.early.restart(self.early.committed);
        for entry in entries {
            self.ledger.add(&entry)?;
            self.history.push(entry);
        }
        Ok(())
    }

    /// A life begins.
    fn live(&mut self, starts: bool) -> Result<(), String> {
        self.journal.lose(0);
        let state = Box::new(self.journal.replay()?);
        let at = At { now: self.clock, clock: self.clock };
        self.now = self.now.max(self.clock);
        self.call(&Call::Begin(state, starts.then_some(at)))?;
        if starts { self.ledger.started(at.now) } else { Ok(()) }
    }

    /// What is not durable is lost, but for what the disk has kept of it by chance.
    pub(crate) fn crash(&mut self, crash: &Crash) -> Result<(), String> {
        self.look()?;
        (self.model, self.cleaning) = (None, None);
        let late = self.early.committed - self.early.durable;
        let kept = self.early.durable + late * u64::from(crash.kept) / 100;
        let lost = usize::try_from(self.early.committed - kept).expect("few entries");
        self.journal.lose(lost);
        self.journal.drop_needless();
        self.early.restart(kept);
        let gone = self.history.split_off(self.history.len() - lost);
        let leased = gone.iter().flat_map(|entry| &entry.records).filter_map(|it| match it {
            Record::Leased { lease, .. } => Some(*lease),
            _ => None,
        });
        let leased: Vec<_> = leased.collect();
        let hanging = std::mem::take(&mut self.hanging);
        let hanging = hanging.into_iter().map(|(_, lease)| lease);
        let hanging = hanging.filter(|it| self.ledger.leases.contains_key(it));
        self.oracle.crash(hanging, &leased, self.clock);
        self.pending.clear();
        self.oracle.note_places(&self.history);
        self.ledger = Ledger::default();
        self.history.iter().try_for_each(|entry| self.ledger.add(entry))?;
        let unending = self.ledger.leases.values().filter(|live| live.until.is_none());
        for live in unending {
            if let Held::Job { job, .. } = live.held {
                self.oracle.may_be_gone(job);
            }
        }
        self.clock = self.clock + crash.away;
        if crash.idle > 0 {
            let from = self.ledger.reserved + 65_536 * (crash.idle - 1);
            let records = vec![Record::Reserved { from, upto: from + 65_536 }];
            self.write(vec![Entry { at: self.clock, records }])?;
        }
        self.oracle.short = false;
        self.live(true)
    }

    /// A slice of the cleaning of the oldest segment.
    pub(crate) fn clean(&mut self, slice: usize) -> Result<(), String> {
        if self.cleaning.is_none() {
            let Some(left) = self.journal.oldest() else { return Ok(()) };
            self.cleaning = Some(Cleaning { left, copied: None, ended: None });
        }
        for _ in 0..slice {
            let cleaning = self.cleaning.as_mut().expect("it has begun");
            let Some((part, body)) = cleaning.left.pop_front() else {
                cleaning.copied.get_or_insert(self.early.committed);
                return Ok(());
            };
            self.call(&Call::Copy(part, body))?;
        }
        Ok(())
    }

    /// So much is durable: what follows for the journal.
    pub(crate) fn durable(&mut self, upto: u64) -> Result<(), String> {
        self.call(&Call::Durable(upto))?;
        for written in self.journal.durable(upto) {
            self.call(&Call::Stow(written))?;
        }
        let next = self.journal.first() + 1;
        let Some(cleaning) = &self.cleaning else { return Ok(()) };
        let reached = |position: Option<u64>| position.is_some_and(|position| position <= upto);
        if reached(cleaning.ended) {
            self.cleaning = None;
            self.journal.drop_oldest();
            return self.look();
        }
        if reached(cleaning.copied) && cleaning.ended.is_none() {
            self.call(&Call::EndCheckpoint(next))?;
            self.cleaning.as_mut().expect("it goes on").ended = Some(self.early.committed);
        }
        Ok(())
    }

    /// Puts a body away that is durable.
    pub(crate) fn stow(&mut self, back: usize) -> Result<(), String> {
        let Some(written) = self.journal.bodies_of.values().nth_back(back) else { return Ok(()) };
        let written = Written { copied: false, ..written.clone() };
        self.call(&Call::Stow(written))
    }

    /// What the journal holds gives the very state that is lived.
    pub(crate) fn look(&mut self) -> Result<(), String> {
        let later = self.clock.max(self.now) + Duration::from_secs(self.looks % 3);
        let mut lived = self.engine.state().clone();
        lived.advance(later);
        self.looks += 1;
        let late = self.looks.is_multiple_of(2);
        let state = if late { self.journal.replay_late() } else { self.journal.replay() };
        let mut state = state?;
        state.advance(later);
        same("replay", &state, &lived)
    }
}
