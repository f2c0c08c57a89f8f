//! How a history ends: everything comes to rest, all jobs are found, and the same happens again.

use std::time::Duration;

use awaitd_primitives::*;

use crate::calls::{Call, Came, perform};
use crate::run::{Run, same};
use crate::script::{Act, Append, Fate, Pass, Turn};

impl Run {
    /// Everything comes to its end: nobody waits, nothing is on its way, and what nobody configured
    /// and is at rest has been let go. Then all jobs are looked for.
    pub(crate) fn end(&mut self, cleans: usize) -> Result<(), String> {
        self.call(&Call::Room(Room::Enough))?;
        for turn in 0..100 {
            let clean = (turn < cleans).then_some(Act::Clean(100));
            let last = Turn {
                pass: Pass::By(Duration::from_mins(1)),
                acts: clean.into_iter().collect(),
                append: (Append::All, Pass::By(Duration::ZERO)),
                fates: vec![Fate::Taken],
            };
            self.turn(&last)?;
        }
        let census = self.engine.census();
        let idle = census.queues.iter().find(|(it, configured)| {
            let kept = it.dead > 0 || it.config.policy.paused;
            !configured && !it.shut_down && it.unfinished == 0 && !kept
        });
        let unset = census.events.iter().find(|(_, set)| !set);
        let rests = |view: &View| match view {
            View::Semaphore(view) => view.holders.is_empty() && view.waiters == 0,
            View::Barrier(view) => view.waiting == 0,
            _ => false,
        };
        let busy = census.others.iter().any(|view| !rests(view));
        let left = census.waits + census.undelivered + census.waiters.len();
        if left > 0 || busy || idle.is_some() || unset.is_some() {
            return Err(format!("something is left at the end: {census:?}"));
        }
        self.look()?;
        for written in self.journal.bodies_of.clone().into_values() {
            self.call(&Call::Stow(Written { copied: false, ..written }))?;
        }
        if !self.ledger.jobs.rich {
            let said = self.ledger.jobs.said();
            same("bytes in memory", &self.engine.state().bytes_here(), &said)?;
        }
        self.oracle.look_for();
        for (view, _) in census.queues {
            self.open(&view)?;
            let (queue, unfinished) = (view.name, view.unfinished);
            let (state, key, cursor) = (Some(JobState::Dead), None, None);
            let (limit, bodies) = (1_000, false);
            let command =
                Command::ListJobs { queue: queue.clone(), state, key, cursor, limit, bodies };
            self.ask(Ask { command, key: None }, self.clock, Duration::ZERO)?;
            for _ in 0..unfinished {
                let mode = GetMode::Leased(None);
                let command = Command::Get { queue: queue.clone(), mode, settle: None, most: 1 };
                self.ask(Ask { command, key: None }, self.clock, Duration::ZERO)?;
            }
        }
        self.durable(self.early.committed)?;
        self.leave(&mut || Fate::Taken)?;
        self.oracle.found_all()?;
        self.look()
    }

    /// Nothing that a queue was told keeps any of its jobs back.
    fn open(&mut self, view: &QueueView) -> Result<(), String> {
        let policy = Box::new(Policy { key_concurrency: 1_000, ..Policy::default() });
        let config = QueueConfig { policy, ..view.config.clone() };
        let configuration = Configuration::Queue(view.name.clone(), config);
        let configure = Command::Configure { configuration, only_new: false };
        for command in [configure, Command::Pause { queue: view.name.clone(), paused: false }] {
            self.ask(Ask { command, key: None }, self.clock, Duration::ZERO)?;
        }
        Ok(())
    }

    /// The same calls give the same again, if time moves from one wake-up to the next and no further;
    /// just before each, nothing happens.
    pub(crate) fn once_more(&self) -> Result<(), String> {
        let mut engine = Engine::new(State::new(), Limits::default());
        let (mut now, mut scratch) = (Time::ZERO, Vec::new());
        for (call, came) in &self.calls {
            let mut again = Came::default();
            if let Call::Advance(at) = call {
                while let Some(next) = engine.wake_at().filter(|next| *next <= at.now) {
                    let just_before = Time::from_micros(next.micros().saturating_sub(1));
                    if just_before > now {
                        let early = Call::Advance(At { now: just_before, ..*at });
                        let nothing = perform(&mut engine, &early, &mut scratch)?;
                        same("just before a wake-up", &nothing, &Came::default())?;
                    }
                    now = now.max(next);
                    let call = Call::Advance(At { now, ..*at });
                    let came = perform(&mut engine, &call, &mut scratch)?;
                    again.entries.extend(came.entries);
                    again.told.extend(came.told);
                    if engine.wake_at().is_some_and(|later| later <= next) {
                        return Err(format!("wake_at stays at {next:?}"));
                    }
                }
                now = now.max(at.now);
            }
            if let Call::Begin(_, Some(at)) = call {
                now = now.max(at.now);
            }
            let last = perform(&mut engine, call, &mut scratch)?;
            again.entries.extend(last.entries);
            again.told.extend(last.told);
            again.left = last.left;
            same("the second time", &again, came)?;
        }
        Ok(())
    }
}
