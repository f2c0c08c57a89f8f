//! Who waits for what comes of a job is told when the job ends, whether that is kept or not.

use crate::engine::{Engine, Step};
use crate::judge::Verdict;
use crate::messages::answer::{Answer, Refusal};
use crate::messages::body::Body;
use crate::messages::command::{JobId, Payload};
use crate::messages::name::Name;
use crate::messages::record::{Held, Record, Then};
use crate::state::look::judge_result;
use crate::waiters::Line;

impl Engine {
    /// Tells those who wait for what comes of the job of which a record tells.
    pub(super) fn tell_results(&mut self, record: &Record, step: &mut Step) {
        if self.waiters.len() == 0 {
            return;
        }
        match record {
            Record::Settled { held: Held::Job { queue, job }, then, .. } => match then {
                Then::Finished => self.tell_done(queue, *job, step),
                Then::Dead { .. } | Then::Dropped => self.tell_failed(queue, *job, step),
                Then::Back { .. } => {}
            },
            Record::Died { queue, job, .. }
            | Record::Dropped { queue, job, .. }
            | Record::Cancelled { queue, job } => self.tell_failed(queue, *job, step),
            Record::Moved { from, job, to, .. } if from != to => self.tell_failed(from, *job, step),
            Record::Purged { queue, .. } | Record::Emptied { queue, .. } => {
                let gone = |job: &JobId| {
                    matches!(judge_result(&self.state, queue, *job), Verdict::Refuse(_))
                };
                let gone: Vec<JobId> = self.waiters.results_of(queue).filter(gone).collect();
                for job in gone {
                    self.tell_failed(queue, job, step);
                }
            }
            _ => {}
        }
    }

    /// It is done; if nothing is kept of that, there is nothing to tell but this.
    fn tell_done(&mut self, queue: &Name, job: JobId, step: &mut Step) {
        let line = Line::Result(queue.clone(), job);
        while let Some((_, ticket)) = self.waiters.next_in(&line, 0) {
            let kept = judge_result(&self.state, queue, job);
            let told = if let Verdict::Grant(_, answer) = kept {
                answer
            } else {
                let (body, content_type) = (Body::from(&[][..]), None);
                Answer::Result(Payload { body, content_type })
            };
            self.dismiss(ticket, Ok(told), step);
        }
    }

    fn tell_failed(&mut self, queue: &Name, job: JobId, step: &mut Step) {
        let line = Line::Result(queue.clone(), job);
        while let Some((_, ticket)) = self.waiters.next_in(&line, 0) {
            self.dismiss(ticket, Err(Refusal::Failed), step);
        }
    }
}
