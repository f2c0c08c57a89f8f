//! Time as leases need it: it never jumps, and it goes on while the machine sleeps.
//!
//! A lease ends on the server's clock whether this machine is awake or not. A timer that stands still
//! in a sleep would let a command go on for as long as the machine slept.

use std::io;
use std::ops::Add;
use std::time::Duration;

use rustix::fd::OwnedFd;
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};
use serde::{Deserialize, Serialize};
use tokio::io::unix::AsyncFd;

/// A moment since the machine was started, the same for all its processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Moment(Duration);

impl Moment {
    /// Now.
    pub(crate) fn now() -> Self {
        let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::Boottime);
        let seconds = u64::try_from(tv_sec).expect("a machine runs since it was started");
        let nanos = u32::try_from(tv_nsec).expect("a second has so many nanoseconds");
        Self(Duration::new(seconds, nanos))
    }

    /// When something ends of which so much is left. The clock is read first: whoever is stopped in between
    /// comes to a moment that is too early, never to one that is too late.
    pub(crate) fn end(left: impl FnOnce() -> Duration) -> Self {
        let now = Self::now();
        now + left()
    }

    /// How long ago it was.
    pub(crate) fn elapsed(self) -> Duration {
        Self::now().0.saturating_sub(self.0)
    }

    /// So long before, or as long as there was a machine.
    pub(crate) fn before(self, length: Duration) -> Self {
        Self(self.0.saturating_sub(length))
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    fn add(self, length: Duration) -> Self {
        Self(self.0.saturating_add(length))
    }
}

/// Rings at moments.
pub(crate) struct Alarm(AsyncFd<OwnedFd>);

impl Alarm {
    /// One that is not set.
    #[expect(deprecated, reason = "sound for a file that it owns, and what replaces it is unsafe")]
    pub(crate) fn new() -> io::Result<Self> {
        let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
        AsyncFd::new(timerfd_create(TimerfdClockId::Boottime, flags)?).map(Self)
    }

    /// Comes to its end at that moment, at once if it is over, and never if there is none.
    pub(crate) async fn at(&self, moment: Option<Moment>) {
        let nothing = Timespec { tv_sec: 0, tv_nsec: 0 };
        // All zeros would unset it.
        let then = moment.map_or(Duration::ZERO, |Moment(then)| then.max(Duration::from_nanos(1)));
        let then = Timespec {
            tv_sec: then.as_secs().try_into().unwrap_or(i64::MAX),
            tv_nsec: then.subsec_nanos().into(),
        };
        let setting = Itimerspec { it_interval: nothing, it_value: then };
        timerfd_settime(self.0.get_ref(), TimerfdTimerFlags::ABSTIME, &setting)
            .expect("a timer can be set to any moment");
        loop {
            let mut ready = self.0.readable().await.expect("the runtime is there");
            // To set it takes back that it has rung: then there is nothing to read.
            let mut rings = [0; 8];
            if rustix::io::read(self.0.get_ref(), &mut rings).is_ok() {
                return;
            }
            ready.clear_ready();
        }
    }
}
