//! What a script asks, in the words of its history.

use std::time::Duration;

use awaitd_primitives::*;

use crate::asks::{OfJob, What, name};
use crate::run::Run;

impl Run {
    /// What is asked, in the words of this history.
    pub(crate) fn command(&self, what: &What) -> Command {
        match what {
            What::Plain(command) => command.clone(),
            What::GetAfter { queue, back } => {
                let settle = Some(LeaseRef { thing: None, ..self.lease(*back) });
                Command::Get { queue: queue.clone(), mode: GetMode::Leased(None), settle, most: 1 }
            }
            What::Cancel { queue, back, force } => {
                let job = JobId(self.ledger.job.saturating_sub(*back as u64));
                Command::CancelJob { queue: queue.clone(), job, force: *force }
            }
            What::Of { back, what } => {
                let job = JobId(self.ledger.job.saturating_sub(*back as u64));
                let queue = self.oracle.queue_of(job).filter(|_| *back != 4).unwrap_or(name("q"));
                match what {
                    OfJob::Read => Command::ReadJob { queue, job },
                    OfJob::Result => Command::WaitResult { queue, job },
                    OfJob::Redrive(to) => Command::Redrive {
                        queue,
                        to: to.clone(),
                        state: None,
                        job: Some(job),
                        limit: 1,
                        delay: Duration::ZERO,
                        spacing: Duration::ZERO,
                    },
                }
            }
            What::Finish(back, result) => {
                Command::Finish { lease: self.lease(*back), result: result.clone() }
            }
            What::Progress(back, progress) => {
                Command::Progress { lease: self.lease(*back), progress: progress.clone() }
            }
            What::Done(back) => Command::Done { lease: self.lease(*back) },
            What::Nack { back, delay, defer, dead } => {
                let (lease, error) = (self.lease(*back), Some("oh".into()));
                Command::Nack { lease, delay: *delay, defer: *defer, dead: *dead, error }
            }
            What::Extend { back, length } => {
                Command::Extend { lease: self.lease(*back), length: *length }
            }
            What::Watch(back) => Command::Watch { lease: self.lease(*back) },
            What::WaitCondition { condition, back, lease, patience } => {
                let (lock, held) = self.held(*back);
                let (condition, lease, patience) = (condition.clone(), *lease, *patience);
                let (owner, notified) = (Some("it".into()), None);
                Command::WaitCondition { lock, condition, held, lease, owner, patience, notified }
            }
            What::Notify { condition, back, most } => {
                let ((lock, held), condition) = (self.held(*back), condition.clone());
                Command::Notify { lock, condition, held, most: *most }
            }
        }
    }

    /// A lease that somebody has heard of, so many ago; else one that was never granted.
    fn lease(&self, back: usize) -> LeaseRef {
        self.heard_of.iter().nth_back(back).cloned().unwrap_or_else(|| LeaseRef {
            id: LeaseId(std::num::NonZeroU64::MAX),
            thing: Some(Thing::Queue("q".parse().expect("a good name"))),
        })
    }

    /// A lease by which somebody has a lock alone, so many ago; now and then one that is over, or of
    /// something else.
    fn held(&self, back: usize) -> (Name, LeaseRef) {
        let alone = |it: &&LeaseRef| {
            let live = self.ledger.leases.get(&it.id);
            live.is_some_and(|live| matches!(live.held, Held::Lock { .. }))
        };
        let held = self.heard_of.iter().filter(alone).nth_back(back % 5).cloned();
        let held = held.filter(|_| back < 7).unwrap_or_else(|| self.lease(back % 7));
        let lock = match &held.thing {
            Some(Thing::Lock(lock)) if back < 6 => lock.clone(),
            _ => "l".parse().expect("a good name"),
        };
        (lock, held)
    }
}
