//! The only place that asks what time it is.

use std::time::{Duration, Instant, SystemTime};

use awaitd_primitives::Time;

/// The server's axis of time: it runs with the monotonic clock, so that a step of the wall clock
/// ends no lease. One reading of both ties it to the time of day.
#[derive(Clone, Debug)]
pub struct Clock {
    started: Instant,
    started_wall: SystemTime,
}

impl Clock {
    /// A clock that begins now and runs.
    #[allow(clippy::new_without_default)] // two clocks would disagree; making one is a decision
    pub fn new() -> Self {
        Self {
            started: Instant::now(),
            started_wall: SystemTime::now(),
        }
    }

    /// A clock that stands still until it is moved; for tests.
    pub fn manual() -> Self {
        todo!()
    }

    /// Moves a manual clock, and wakes who sleeps by it.
    pub fn advance(&self, _by: Duration) {
        todo!()
    }

    /// This moment.
    pub fn now(&self) -> Time {
        Time::ZERO + self.started.elapsed()
    }

    /// The time of day at a moment of the axis.
    pub fn wall(&self, time: Time) -> SystemTime {
        self.started_wall + time.since(Time::ZERO)
    }

    /// Until that moment has come.
    pub async fn sleep_until(&self, _time: Time) {
        todo!()
    }
}
