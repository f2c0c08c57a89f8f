//! The only place of this crate that asks what time it is. Never the time of day: leases and waits are
//! counted on the monotonic clock, which nobody sets.

use std::time::Duration;

use tokio::time::Instant;

/// Now.
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// How long this machine has slept since it was started: the monotonic clock stands still meanwhile, and
/// leases do not.
#[cfg(target_os = "linux")]
pub(crate) fn slept() -> Duration {
    use rustix::time::{ClockId, Timespec, clock_gettime};
    let read = |clock| {
        let Timespec { tv_sec, tv_nsec } = clock_gettime(clock);
        let (seconds, nanos) = (u64::try_from(tv_sec), u32::try_from(tv_nsec));
        Duration::new(seconds.unwrap_or_default(), nanos.unwrap_or_default())
    };
    let awake = read(ClockId::Monotonic);
    read(ClockId::Boottime).saturating_sub(awake)
}

/// Not known here.
#[cfg(not(target_os = "linux"))]
pub(crate) fn slept() -> Duration {
    Duration::ZERO
}
