//! Who waits for what comes of a job is told when the job ends, whether that is kept or not.

use crate::engine::{Engine, Step};
use crate::judge::Verdict;
use crate::messages::answer::{Answer, Refusal};
use crate::messages::body::Body;
use crate::messages::command::{JobId, Payload};
use crate::messages::record::{Held, Record, Then};
use crate::waiters::Line;

impl Engine {
    /// Tells those who wait for what comes of the job of which a record tells.
    pub(super) fn tell_results(&mut self, record: &Record, step: &mut Step) {
        match record {
            Record::Settled { held: Held::Job { job, .. }, then, .. } => match then {
                Then::Finished => self.tell_done(*job, step),
                Then::Dead { .. } | Then::Dropped => self.tell_failed(*job, step),
                Then::Back { .. } => {}
            },
            Record::Died { job, .. }
            | Record::Dropped { job, .. }
            | Record::Cancelled { job, .. } => {
                self.tell_failed(*job, step);
            }
            _ => {}
        }
    }

    /// It is done; if nothing is kept of that, there is nothing to tell but this.
    fn tell_done(&mut self, job: JobId, step: &mut Step) {
        let line = Line::Result(job);
        while let Some((_, ticket)) = self.waiters.next_in(&line, 0) {
            let parked = self.waiters.get(ticket).expect("who stands in a line is parked");
            let told = if let Verdict::Grant(_, answer) = self.judge_in(&parked.ask, &line) {
                answer
            } else {
                let (body, content_type) = (Body::from(&[][..]), None);
                Answer::Result(Payload { body, content_type })
            };
            self.dismiss(ticket, Ok(told), step);
        }
    }

    fn tell_failed(&mut self, job: JobId, step: &mut Step) {
        let line = Line::Result(job);
        while let Some((_, ticket)) = self.waiters.next_in(&line, 0) {
            self.dismiss(ticket, Err(Refusal::Failed), step);
        }
    }
}
