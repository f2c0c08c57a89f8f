//! The only place of this crate that asks what time it is. Never the time of day: leases and waits are
//! counted on the monotonic clock, which nobody sets.

use tokio::time::Instant;

/// Now.
pub(crate) fn now() -> Instant {
    Instant::now()
}
