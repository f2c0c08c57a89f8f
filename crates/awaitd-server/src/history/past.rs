//! What became of one queue: the last hour by the second, and the last day by the minute.

use std::collections::VecDeque;
use std::time::Duration;

use awaitd_primitives::QueueView;

use super::waits::Waits;
use crate::metrics::sample::Counted;

/// Seconds that are kept.
const SECONDS: usize = 60 * 60;

/// Minutes that are kept.
const MINUTES: usize = 24 * 60;

/// Seconds of a minute.
pub(super) const MINUTE: u64 = 60;

/// What is known of a queue at the end of a second or of a minute, and what happened in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Step {
    pub(super) ready: u32,
    pub(super) leased: u32,
    pub(super) put: u32,
    pub(super) got: u32,
    pub(super) done: u32,
    /// In microseconds, over the minute that ends there.
    pub(super) wait_p99: u32,
}

/// A number of which nothing is known.
pub(super) const UNKNOWN: u32 = u32::MAX;

impl Step {
    /// Nothing is known.
    const NONE: Self = Self {
        ready: UNKNOWN,
        leased: UNKNOWN,
        put: UNKNOWN,
        got: UNKNOWN,
        done: UNKNOWN,
        wait_p99: UNKNOWN,
    };
}

/// The last steps, at most `max`. Those that follow each other and are alike take the place of one,
/// 28 bytes: a queue in which nothing happens takes next to nothing.
#[derive(Debug)]
pub(super) struct Ring {
    runs: VecDeque<(Step, u32)>,
    len: usize,
    max: usize,
}

impl Ring {
    fn new(max: usize) -> Self {
        Self { runs: VecDeque::new(), len: 0, max }
    }

    fn push(&mut self, step: Step, times: u64) {
        let times = usize::try_from(times).unwrap_or(self.max).min(self.max);
        self.make_room(times);
        self.len += times;
        let times = u32::try_from(times).expect("a ring has few steps");
        match self.runs.back_mut() {
            _ if times == 0 => {}
            Some((last, before)) if *last == step => *before += times,
            _ => {
                if self.runs.len() == self.runs.capacity() {
                    // Not twice as much: most of that would stay empty for good.
                    self.runs.reserve_exact(self.max / 8);
                }
                self.runs.push_back((step, times));
            }
        }
    }

    /// Lets go of the oldest for so many more.
    fn make_room(&mut self, more: usize) {
        while self.len + more > self.max {
            let (_, times) = self.runs.front_mut().expect("what is there has runs");
            let over = (self.len + more - self.max).min(*times as usize);
            *times -= u32::try_from(over).expect("it is at most a run");
            self.len -= over;
            if *times == 0 {
                self.runs.pop_front();
            }
        }
    }

    /// All steps, oldest first.
    pub(super) fn steps(&self) -> impl Iterator<Item = Step> + '_ {
        self.runs.iter().flat_map(|(step, times)| std::iter::repeat_n(*step, *times as usize))
    }
}

/// A queue's past. Of one in which something else happens each second it takes 100 KB after an hour and
/// 145 KB after a day, with 7 KB for its waits.
#[derive(Debug)]
pub(super) struct Past {
    pub(super) seconds: Ring,
    pub(super) minutes: Ring,
    waits: Waits,
    /// When it was last looked at, and what was counted by then.
    at: u64,
    counted: Option<Counted>,
    /// What is known so far of the minute of `at`.
    minute: Step,
}

impl Past {
    /// Nothing is known before that second.
    pub(super) fn new(second: u64) -> Self {
        Self {
            seconds: Ring::new(SECONDS),
            minutes: Ring::new(MINUTES),
            waits: Waits::default(),
            at: second,
            counted: None,
            minute: Step::NONE,
        }
    }

    /// How the queue is at a second, which must come after the last one, and what was counted of it. The
    /// waits that half, 95 % and 99 % of the jobs of the last minute did not exceed, if there were any.
    pub(super) fn take(
        &mut self,
        second: u64,
        view: &QueueView,
        counted: Option<Counted>,
    ) -> Option<[f64; 3]> {
        let gap = second.saturating_sub(self.at + 1);
        self.seconds.push(Step::NONE, gap);
        let (ended, minute) = (self.at / MINUTE, second / MINUTE);
        if minute > ended {
            self.minutes.push(self.minute, 1);
            self.minutes.push(Step::NONE, minute - ended - 1);
            self.minute = Step::NONE;
        }
        match &counted {
            Some(counted) => self.waits.take(second, counted.waits),
            None => self.waits = Waits::default(),
        }
        let since = |count: fn(&Counted) -> u64| {
            let (now, then) = (count(counted.as_ref()?), count(self.counted.as_ref()?));
            // Counted from zero again, if it is less.
            Some(bounded(now.checked_sub(then).unwrap_or(now)))
        };
        let happened = [since(|it| it.put), since(|it| it.got), since(|it| it.done)];
        let waits = self.waits.percentiles([0.5, 0.95, 0.99]);
        let wait_p99 = waits.map_or(UNKNOWN, |[.., wait]| micros(wait));
        let (ready, leased) = (bounded(view.ready), bounded(view.leased));
        let minute = &mut self.minute;
        for (sum, more) in
            [&mut minute.put, &mut minute.got, &mut minute.done].into_iter().zip(happened)
        {
            if let Some(more) = more {
                let before = if *sum == UNKNOWN { 0 } else { *sum };
                *sum = bounded(u64::from(before) + u64::from(more));
            }
        }
        *minute = Step { ready, leased, wait_p99, ..*minute };
        // What happened in several seconds is that of none of them.
        let [put, got, done] = happened.map(|it| it.filter(|_| gap == 0).unwrap_or(UNKNOWN));
        self.seconds.push(Step { ready, leased, put, got, done, wait_p99 }, 1);
        (self.at, self.counted) = (second, counted);
        waits
    }
}

/// Seconds as microseconds.
fn micros(seconds: f64) -> u32 {
    let micros = Duration::from_secs_f64(seconds).as_micros();
    bounded(u64::try_from(micros).unwrap_or(u64::MAX))
}

/// As a number that is known.
fn bounded(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(UNKNOWN).min(UNKNOWN - 1)
}

#[cfg(test)]
#[path = "past_tests.rs"]
mod tests;
