//! Time, worked off moment by moment: at each, what was kept for nobody goes back, due jobs become
//! ready, ended leases become records, lines are settled, and only then those whose wait is over are
//! turned away, so that nobody is turned away from what is free. Only of due jobs there may be too many for
//! that: then time goes on without them, and whoever asks for one has it.

use crate::engine::{Engine, Step};
use crate::judge::{At, turned_away};
use crate::limits::{RIPE_MAX, TURN_MAX};
use crate::messages::command::{Command, LeaseId};
use crate::messages::job::JobState;
use crate::messages::name::Name;
use crate::messages::time::Time;
use crate::state::ending::{Ending, end};
use crate::state::tend::end_wait;
use crate::waiters::Line;

impl Step {
    /// What it has to do outside stays; what a turn may do is counted anew.
    pub fn begin_turn(&mut self) {
        (self.work, self.ripe) = (0, 0);
    }
}

impl Engine {
    /// Works off time up to `at.now`. `false`: there was more to do than one turn may take, time
    /// stopped before `at.now`, and the next turn must go on at once with no command submitted.
    pub fn advance(&mut self, at: At, step: &mut Step) -> bool {
        self.at.clock = self.at.clock.max(at.clock);
        loop {
            if !self.settle(step) {
                return false;
            }
            let next = self.next_moment(at.now, step.ripe < RIPE_MAX);
            let Some(moment) = next else {
                break;
            };
            self.at.now = self.at.now.max(moment);
            self.work_off(step);
            if step.work >= TURN_MAX {
                return false;
            }
        }
        self.at.now = self.at.now.max(at.now);
        true
    }

    /// When [`Engine::advance`] has something to do next.
    pub fn wake_at(&self) -> Option<Time> {
        if self.stirred.is_empty() { self.next_moment(Time::MAX, true) } else { Some(self.at.now) }
    }

    /// The next moment with something to do, if it comes by then. `ripens`: jobs that are due count.
    fn next_moment(&self, by: Time, ripens: bool) -> Option<Time> {
        let moments = [
            self.deliveries.next_keep().map(|(end, _)| end),
            self.state.next_due().filter(|_| ripens),
            self.state.remembered.next_end(),
            self.state.next_end_of_wait().map(|(end, ..)| end),
            self.again.first().map(|(at, _)| *at),
            self.next_end(by).map(|(end, _)| end),
            self.waiters.next_end().map(|(end, _)| end),
            self.waiters.next_kept_end(),
            self.rests.next(),
        ];
        moments.into_iter().flatten().min().filter(|moment| *moment <= by)
    }

    /// The next lease that time may end, if it ends by then. Not a look further: a turn's own grants
    /// may not end yet, and are often all that there are.
    fn next_end(&self, by: Time) -> Option<(Time, LeaseId)> {
        let mut ended = self.state.leases.ends().take_while(|(end, _)| *end <= by);
        ended.find(|(_, lease)| self.deliveries.may_end(*lease))
    }

    /// What there is to do at this moment, as far as this turn reaches.
    fn work_off(&mut self, step: &mut Step) {
        let now = self.at.now;
        while step.work < TURN_MAX
            && let Some((_, lease)) = self.deliveries.next_keep().filter(|(end, _)| *end <= now)
        {
            step.work += 1;
            self.give_back(lease, step);
        }
        self.ripen(step);
        self.allow_again(now);
        step.work += self.state.remembered.forget(now, TURN_MAX.saturating_sub(step.work));
        while step.work < TURN_MAX
            && let Some((_, lease)) = self.next_end(now)
        {
            step.work += 1;
            self.run_out(lease, step);
        }
        if step.work >= TURN_MAX || !self.settle(step) {
            return;
        }
        // Only now, so that no job ends that somebody waits for.
        while step.work < TURN_MAX
            && let Some((_, queue, job)) =
                self.state.next_end_of_wait().filter(|(end, ..)| *end <= now)
        {
            step.work += 1;
            let queue = queue.clone();
            if self.is_overdue() {
                self.ripen_in(&queue, 0, step);
                if !self.settle(step) {
                    return;
                }
                if self.state.next_end_of_wait().is_none_or(|(.., next)| next != job) {
                    continue;
                }
            }
            let records = end_wait(&self.state, now, &queue, job);
            self.commit(records, step);
        }
        if step.work >= TURN_MAX || !self.settle(step) {
            return;
        }
        while step.work < TURN_MAX
            && let Some((_, ticket)) = self.waiters.next_end().filter(|(end, _)| *end <= now)
        {
            step.work += 1;
            if self.is_overdue()
                && let Some(command) = self.waiters.get(ticket).map(|it| it.ask.command.clone())
            {
                if !self.ripen_for(&command, step) {
                    return;
                }
                if self.waiters.get(ticket).is_none() {
                    continue;
                }
            }
            if !self.wakes_by_itself(ticket) {
                let parked = self.leave(ticket).expect("whose wait is over is parked");
                let told = turned_away(&self.state, &parked.ask.command, true);
                self.keep_place(parked.key.as_ref(), &parked.ask, parked.number);
                self.tell(ticket, parked, told, step);
            }
            // What one leaves may be enough for the next, whose wait is over as well.
            if !self.settle(step) {
                return;
            }
        }
        step.work += self.waiters.forget(now, TURN_MAX.saturating_sub(step.work));
        self.let_go(step);
    }

    /// Jobs that are due become ready, as far as this turn reaches.
    pub(super) fn ripen(&mut self, step: &mut Step) {
        let most = RIPE_MAX.saturating_sub(step.ripe);
        let (ripe, queues) = self.state.ripen(self.at.now, most);
        step.ripe += ripe;
        for queue in queues {
            self.stir(Line::Get(queue));
        }
    }

    /// Whether more jobs were due than one turn may make ready.
    pub(super) fn is_overdue(&self) -> bool {
        self.state.next_due().is_some_and(|due| due <= self.at.now)
    }

    /// Whoever asks for jobs of a queue is not told that there are none while more are due than were made ready
    /// so far. `false`: the turn was over before all who wait were judged.
    pub(super) fn ripen_for(&mut self, command: &Command, step: &mut Step) -> bool {
        if !self.is_overdue() {
            return true;
        }
        match command {
            Command::Get { queue, most, .. } => self.ripen_in(queue, *most, step),
            // The rest of the many comes from one of them, see [`Engine::take_more`].
            Command::GetAny { queues, .. } => {
                for queue in queues {
                    self.ripen_in(queue, 1, step);
                }
            }
            // What is due is ready for it, too, as it will be in a replay.
            Command::Purge { queue, state: None | Some(JobState::Ready | JobState::Delayed) } => {
                step.ripe += self.state.ripen_in(queue, self.at.now, usize::MAX);
                self.stir(Line::Get(queue.clone()));
            }
            _ => return true,
        }
        self.settle(step)
    }

    /// As many jobs of a queue become ready as one who asks, and those who wait before him, may take; more, as far
    /// as this turn reaches, if none of them can be handed out.
    pub(super) fn ripen_in(&mut self, queue: &Name, most: u64, step: &mut Step) {
        let (now, line) = (self.at.now, Line::Get(queue.clone()));
        let wanted = most.saturating_add(self.waiters.count(&line));
        let wanted = usize::try_from(wanted).unwrap_or(usize::MAX);
        loop {
            let Some(known) = self.state.queues.get(queue) else { return };
            let due = known.jobs.due().is_some_and(|due| due <= now);
            let blocked = known.jobs.first().is_none() && step.ripe < TURN_MAX;
            let lacks = wanted.saturating_sub(known.jobs.ready());
            if !due || lacks == 0 && !blocked {
                break;
            }
            step.ripe += self.state.ripen_in(queue, now, lacks.max(RIPE_MAX / 4));
        }
        self.stir(line);
    }

    /// The time of a lease is over. It counts only if anybody ever heard of it.
    fn run_out(&mut self, lease: LeaseId, step: &mut Step) {
        if !self.deliveries.was_taken(lease) {
            return self.give_back(lease, step);
        }
        let known = self.state.leases.get(lease).expect("only a live lease ends");
        let records = end(&self.state, lease, known, self.at.now, &Ending::Expired);
        self.commit(records, step);
    }
}
