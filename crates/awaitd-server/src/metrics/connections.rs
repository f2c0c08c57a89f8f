//! Who is connected.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::Metrics;

/// One connection's place among those that there may be; it is free again when this is dropped.
#[derive(Debug)]
pub struct Connected(Arc<Metrics>);

impl Drop for Connected {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Metrics {
    /// Counts a connection as long as what is returned lives. `None`, counted as well, if there are
    /// `max` already.
    pub fn connect(self: &Arc<Self>, max: usize) -> Option<Connected> {
        // Taken first, so that two that come at one time cannot both have the last place.
        let connected = Connected(Arc::clone(self));
        if self.connections.fetch_add(1, Ordering::Relaxed) < max {
            return Some(connected);
        }
        self.refuse_connection();
        None
    }

    /// Counts a connection that is turned away.
    pub(crate) fn refuse_connection(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }
}
