//! Facts, and what they stir: whoever waits for the thing that they are about is judged again, by the
//! same [`judge()`], in the same step.

use crate::engine::{Engine, Reply, Step};
use crate::judge::{Verdict, turned_away};
use crate::limits::TURN_MAX;
use crate::messages::answer::{Answer, Refusal};
use crate::messages::command::{Command, Share, Ticket};
use crate::messages::configuration::{Configuration, SemaphoreConfig};
use crate::messages::name::{Name, Thing};
use crate::messages::record::{Entry, Held, Record};
use crate::waiters::{Line, Parked};

impl Engine {
    /// Applies the records of a grant and stirs whom they concern.
    pub(super) fn commit(&mut self, records: Vec<Record>, step: &mut Step) {
        if records.is_empty() {
            return;
        }
        let entry = Entry { at: self.at.now, records };
        self.state.apply(&entry);
        self.positions.commit(&entry);
        for record in &entry.records {
            let unheard_of = self.deliveries.unheard_of(record);
            self.deliveries.note(record, self.positions.committed());
            self.notice(record, step);
            self.tell_results(record, step);
            if let Some((lock, condition)) = unheard_of {
                self.notify(&lock, &condition, 1);
            }
        }
        let leased = entry.records.iter().any(|it| matches!(it, Record::Leased { .. }));
        step.entries.push(entry);
        if leased {
            self.reserve(step);
        }
    }

    fn notice(&mut self, record: &Record, step: &mut Step) {
        match record {
            Record::Made { thing } => self.rests.watch(thing.clone(), self.at.now),
            Record::Deleted { thing, leases, .. } => {
                for lease in leases {
                    self.deliveries.end(*lease, false);
                    self.stir(Line::Watch(*lease));
                }
                self.send_away(thing, step);
            }
            Record::Forgotten { thing } => self.rests.unwatch(thing),
            Record::Prepared(Configuration::Barrier(barrier, _)) => {
                self.stir(Line::Barrier(barrier.clone()));
            }
            Record::Prepared(Configuration::Semaphore(semaphore, config)) => {
                self.send_away_above(semaphore, *config, step);
                self.stir(Line::Acquire(Thing::Semaphore(semaphore.clone())));
            }
            Record::Placed { queue, .. } => self.stir_at(Line::Get, queue),
            Record::Configured { queue, .. }
            | Record::Prepared(Configuration::Queue(queue, _))
            | Record::Leased { held: Held::Job { queue, .. }, .. }
            | Record::ShutDown { queue, .. }
            | Record::Cancelled { queue, .. }
            | Record::Died { queue, .. }
            | Record::Dropped { queue, .. }
            | Record::Paused { queue, .. }
            | Record::Purged { queue, .. }
            | Record::Emptied { queue, .. } => {
                self.stir_at(Line::Put, queue);
                self.stir_at(Line::Get, queue);
            }
            Record::Moved { from, to, .. } => {
                self.stir_at(Line::Put, from);
                self.stir_at(Line::Get, from);
                // Who waits to put the same there puts nothing.
                self.stir_at(Line::Put, to);
                self.stir_at(Line::Get, to);
            }
            Record::Settled { lease, held, .. } => {
                self.stir(Line::Watch(*lease));
                match held {
                    Held::Job { queue, .. } => self.stir_at(Line::Get, queue),
                    Held::Lock { .. } | Held::Part { .. } => {
                        self.stir(Line::Acquire(held.thing()));
                    }
                }
            }
            Record::Drained { queue, .. } => self.stir(Line::Join(queue.clone())),
            Record::Set { event, .. } => self.stir(Line::Event(event.clone())),
            Record::Reset { barrier } | Record::Aborted { barrier } => {
                let line = Line::Barrier(barrier.clone());
                self.send_away_from(&line, &Refusal::Broken, step);
            }
            Record::Leased { held: Held::Lock { .. } | Held::Part { .. }, .. }
            | Record::Extended { .. }
            | Record::Cleared { .. }
            | Record::Remembered { .. }
            | Record::Unremembered { .. }
            | Record::Reserved { .. }
            | Record::Tied { .. }
            | Record::Graced { .. }
            | Record::Copied(_)
            | Record::Checkpoint(_)
            | Record::Ranked { .. }
            | Record::Traits { .. }
            | Record::Resulted { .. }
            | Record::Progressed { .. }
            | Record::Fired { .. }
            | Record::Prepared(Configuration::Schedule(..))
            | Record::Tripped { .. } => {}
        }
    }

    /// Those who wait in this line of a queue. Mostly nobody waits anywhere, and no line need be named.
    fn stir_at(&mut self, line: fn(Name) -> Line, queue: &Name) {
        if self.waiters.len() > 0 {
            self.stir(line(queue.clone()));
        }
    }

    /// Those who wait in this line are to be judged again.
    pub(super) fn stir(&mut self, line: Line) {
        if self.waiters.count(&line) > 0 && self.stirred.back() != Some(&(line.clone(), 0)) {
            self.stirred.push_back((line, 0));
        }
    }

    /// Judges those who were stirred. In a line the first is judged until one must wait; in a crowd
    /// each is. `false`: the turn was over before all were judged.
    pub(super) fn settle(&mut self, step: &mut Step) -> bool {
        while let Some((line, mut from)) = self.stirred.pop_front() {
            if let Line::Barrier(barrier) = &line {
                self.gather(barrier, step);
                continue;
            }
            while let Some((number, ticket)) = self.waiters.next_in(&line, from) {
                if step.work >= TURN_MAX {
                    self.stirred.push_front((line, from));
                    return false;
                }
                step.work += 1;
                from = number + 1;
                let parked = self.waiters.get(ticket).expect("who stands in a line is parked");
                let mut again = Vec::new();
                let verdict = self.judge_in(&parked.ask, (&line, number), &mut again);
                self.again.extend(again);
                let Some(verdict) = verdict else { continue };
                match verdict {
                    Verdict::Grant(records, answer) => {
                        let parked = self.unpark(ticket).expect("it was there just now");
                        self.commit(records, step);
                        let answer = self.take_more(&parked.ask.command, answer, step);
                        self.tell(ticket, parked, Ok(answer), step);
                    }
                    Verdict::Refuse(refusal) => self.dismiss(ticket, Err(refusal), step),
                    Verdict::Wait if line.is_crowd() => {}
                    Verdict::Wait => break,
                    Verdict::WaitUntil(again) => {
                        if let Line::Get(queue) = &line {
                            self.again.insert((again, queue.clone()));
                        }
                        break;
                    }
                }
            }
        }
        true
    }

    /// Takes one out who waits. Whoever stood behind him in another line is judged again.
    fn unpark(&mut self, ticket: Ticket) -> Option<Parked> {
        let parked = self.waiters.unpark(ticket)?;
        for line in parked.lines().filter(|_| !parked.also.is_empty()) {
            self.stir(line.clone());
        }
        Some(parked)
    }

    /// One who waits leaves the line without an answer; whoever stood behind moves up.
    pub(super) fn leave(&mut self, ticket: Ticket) -> Option<Parked> {
        let parked = self.unpark(ticket)?;
        if !parked.line.is_crowd() {
            self.stir(parked.line.clone());
        }
        self.pass_on(&parked.ask.command);
        Some(parked)
    }

    /// One who waits leaves the line with this answer.
    pub(super) fn dismiss(
        &mut self,
        ticket: Ticket,
        mut told: Result<Answer, Refusal>,
        step: &mut Step,
    ) {
        if let Some(parked) = self.leave(ticket) {
            let command = &parked.ask.command;
            // These say that nothing was done, but he has let his lock go.
            let undone = matches!(told, Err(Refusal::ShuttingDown | Refusal::DiskFull));
            if undone && matches!(command, Command::WaitCondition { .. }) {
                told = turned_away(&self.state, command, true);
            }
            self.tell(ticket, parked, told, step);
        }
    }

    pub(super) fn tell(
        &mut self,
        ticket: Ticket,
        parked: Parked,
        told: Result<Answer, Refusal>,
        step: &mut Step,
    ) {
        let waited = self.at.now.since(parked.arrived);
        let after = self.positions.after(&parked.ask, told.as_ref().ok());
        let command = parked.ask.command;
        self.reply(
            Reply { ticket, command, told, waited, waits: true, repeat: false, after },
            step,
        );
    }

    /// The thing has gone. Judged again, those who wait for it would make it anew.
    fn send_away(&mut self, thing: &Thing, step: &mut Step) {
        self.rests.unwatch(thing);
        self.waiters.unkeep_all(thing);
        // The conditions first: who is woken by one that leaves stands in the lock's line.
        for line in self.waiters.lines_of(thing).iter().rev() {
            self.send_away_from(line, &Refusal::Deleted, step);
        }
    }

    /// Those who wait for more permits than there are would wait in vain, wherever they stand.
    fn send_away_above(&mut self, semaphore: &Name, config: SemaphoreConfig, step: &mut Step) {
        let line = Line::Acquire(Thing::Semaphore(semaphore.clone()));
        let (most, mut from) = (config.permits, 0);
        while config.bounded
            && let Some((number, ticket)) = self.waiters.next_in(&line, from)
        {
            from = number + 1;
            let parked = self.waiters.get(ticket).expect("who stands in a line is parked");
            if let Command::Acquire { share: Share::Permits(permits), .. } = parked.ask.command
                && permits > most
            {
                self.dismiss(ticket, Err(Refusal::OverBound { permits: most }), step);
            }
        }
    }

    fn send_away_from(&mut self, line: &Line, refusal: &Refusal, step: &mut Step) {
        while let Some((_, ticket)) = self.waiters.next_in(line, 0) {
            self.dismiss(ticket, Err(refusal.clone()), step);
        }
    }
}
