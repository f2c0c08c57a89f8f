//! Gets of many jobs, gets from many queues, and gets that a rate holds back.

use crate::engine::keys::Seat;
use crate::engine::{Engine, Step};
use crate::judge::{Verdict, judge};
use crate::limits::GOT_BYTES_MAX;
use crate::messages::answer::{Answer, Refusal};
use crate::messages::command::{Ask, Command, GetMode};
use crate::messages::name::Name;
use crate::messages::time::Time;
use crate::recall::{recalled, remembering};
use crate::waiters::Line;

/// Jobs of one get for which there is room from the start.
const USUAL: u64 = 100;

impl Engine {
    /// Judges a newcomer who would get from several queues; `None` if he has to wait.
    pub(super) fn judge_any(
        &mut self,
        ask: &Ask,
        seat: &Seat,
        step: &mut Step,
    ) -> Option<Result<Answer, Refusal>> {
        if self.names_an_unknown(&ask.command) && recalled(&self.state, ask).is_none() {
            return Some(Err(Refusal::NotFound));
        }
        let place = seat.number.unwrap_or(u64::MAX);
        let mut again = Vec::new();
        let verdict = self.judge_several(ask, place, &mut again);
        self.again.extend(again);
        match verdict {
            Verdict::Grant(records, answer) => {
                self.commit(records, step);
                Some(Ok(self.take_more(&ask.command, answer, step)))
            }
            Verdict::Refuse(refusal) => Some(Err(refusal)),
            Verdict::Wait | Verdict::WaitUntil(_) => None,
        }
    }

    /// Where queues do not come into being by themselves, one that nobody knows is misspelt, whatever the others have.
    fn names_an_unknown(&self, command: &Command) -> bool {
        let Command::GetAny { queues, .. } = command else { return false };
        !self.limits.auto_create && queues.iter().any(|it| !self.state.queues.contains_key(it))
    }

    /// From the first queue that has a job, or from the one that was asked for longest ago, overtaking
    /// nobody in any of their lines. `again`: queues whose rate allows it later, and when.
    fn judge_several(&self, ask: &Ask, place: u64, again: &mut Vec<(Time, Name)>) -> Verdict {
        let Command::GetAny { queues, fair, mode, .. } = &ask.command else {
            unreachable!("{ask:?} is of one queue")
        };
        if let Some(verdict) = recalled(&self.state, ask) {
            return verdict;
        }
        let mut queues: Vec<&Name> = queues.iter().collect();
        if *fair {
            let served = |name: &&Name| self.state.queues.get(*name).map_or(0, |it| it.served.0);
            queues.sort_by_key(served);
        }
        let (mut refusal, mut open) = (None, false);
        for queue in queues {
            let behind = self.waiters.somebody_before(&Line::Get(queue.clone()), place);
            match self.judge_one(queue, *mode) {
                // Whoever stands there before waits for what others may have: here is nothing more to come.
                Verdict::Refuse(why) => refusal = refusal.or(Some(why)),
                Verdict::Grant(..) | Verdict::Wait | Verdict::WaitUntil(_) if behind => open = true,
                granted @ Verdict::Grant(..) => return remembering(ask, granted, self.at),
                Verdict::Wait => open = true,
                Verdict::WaitUntil(at) => {
                    open = true;
                    again.push((at, queue.clone()));
                }
            }
        }
        refusal.filter(|_| !open).map_or(Verdict::Wait, Verdict::Refuse)
    }

    /// Judges one who waits in this line, at this place. A get from several queues goes on as long as one
    /// of them may have a job: `None` if that is not this line's, and then whoever stands behind is not
    /// held up.
    pub(super) fn judge_in(
        &self,
        ask: &Ask,
        (line, place): (&Line, u64),
        again: &mut Vec<(Time, Name)>,
    ) -> Option<Verdict> {
        let (Command::GetAny { mode, .. }, Line::Get(queue)) = (&ask.command, line) else {
            return Some(judge(&self.state, &self.limits, self.at, ask));
        };
        let verdict = self.judge_several(ask, place, again);
        let nothing_here = || matches!(self.judge_one(queue, *mode), Verdict::Refuse(_));
        if matches!(verdict, Verdict::Wait) && nothing_here() { None } else { Some(verdict) }
    }

    fn judge_one(&self, queue: &Name, mode: GetMode) -> Verdict {
        let (queue, settle, most) = (queue.clone(), None, 1);
        let command = Command::Get { queue, mode, settle, most };
        judge(&self.state, &self.limits, self.at, &Ask { command, key: None })
    }

    /// Of a get that takes many: as many as there are besides the first, until their bodies are large.
    pub(super) fn take_more(
        &mut self,
        command: &Command,
        first: Answer,
        step: &mut Step,
    ) -> Answer {
        let (most, mode) = match command {
            Command::Get { most, mode, .. } | Command::GetAny { most, mode, .. } => (*most, *mode),
            _ => return first,
        };
        let first = match first {
            Answer::Got(first) if most > 1 => *first,
            other => return other,
        };
        let queue = first.queue.clone();
        if self.is_overdue() {
            self.ripen_in(&queue, most - 1, step);
        }
        let mut bytes = first.payload.body.len();
        let mut all = Vec::with_capacity(most.min(USUAL) as usize);
        all.push(first);
        while (all.len() as u64) < most
            && bytes < GOT_BYTES_MAX
            && let Verdict::Grant(records, Answer::Got(got)) = self.judge_one(&queue, mode)
        {
            self.commit(records, step);
            step.work += 1;
            bytes += got.payload.body.len();
            all.push(*got);
        }
        Answer::GotMany(all)
    }

    /// A get that a rate holds back is judged again at this moment.
    pub(super) fn judge_again(&mut self, command: &Command, at: Time) {
        if let Command::Get { queue, .. } = command {
            self.again.insert((at, queue.clone()));
        }
    }

    /// The rates of these queues allow the next get by now.
    pub(super) fn allow_again(&mut self, now: Time) {
        while let Some((at, _)) = self.again.first()
            && *at <= now
        {
            let (_, queue) = self.again.pop_first().expect("there is one");
            self.stir(Line::Get(queue));
        }
    }
}
