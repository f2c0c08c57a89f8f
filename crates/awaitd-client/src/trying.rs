//! What went wrong is tried again, after pauses that grow.

use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::clock;
use crate::error::{Error, Result};

/// The first pause after a failure; each one that follows is twice as long, up to the longest.
const PAUSE_MIN: Duration = Duration::from_millis(50);
pub(crate) const PAUSE_MAX: Duration = Duration::from_secs(1);

/// How often it went wrong in a row, and for how long.
pub(crate) struct Trying {
    since: Option<Instant>,
    pause: Duration,
}

impl Trying {
    pub(crate) fn new() -> Self {
        Self { since: None, pause: PAUSE_MIN }
    }

    /// Pauses for so long, or as usual; gives up with this error if that takes longer than the limit.
    pub(crate) async fn again(
        &mut self,
        limit: Duration,
        pause: Option<Duration>,
        error: impl FnOnce() -> Error,
    ) -> Result<()> {
        let since = *self.since.get_or_insert_with(clock::now);
        let pause = pause.unwrap_or_else(|| jittered(self.pause));
        self.pause = (self.pause * 2).min(PAUSE_MAX);
        if since.elapsed() + pause > limit {
            return Err(error());
        }
        sleep(pause).await;
        Ok(())
    }
}

/// Between half of it and all of it, so that those who were cut together do not come back together.
fn jittered(pause: Duration) -> Duration {
    let part = f64::from(getrandom::u32().unwrap_or(u32::MAX)) / f64::from(u32::MAX);
    pause.mul_f64(0.5 + part / 2.0)
}
