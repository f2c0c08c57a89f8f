//! Moments on the server's own axis.

use std::ops::Add;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// A moment, in microseconds on an axis that only ever runs forward. Only the server's clock makes
/// one; what it has to do with the time of day is the clock's affair.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct Time(u64);

impl Time {
    /// Where the axis begins.
    pub const ZERO: Self = Self(0);

    /// Where it ends.
    pub const MAX: Self = Self(u64::MAX);

    /// The moment that lies `micros` microseconds after the beginning.
    pub const fn from_micros(micros: u64) -> Self {
        Self(micros)
    }

    /// Microseconds since the beginning.
    pub const fn micros(self) -> u64 {
        self.0
    }

    /// How long it is from `earlier` to here; nothing if `earlier` is later.
    pub fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

/// When a job that is put may be handed out at the earliest.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Delay {
    /// So long after it is in its queue.
    For(Duration),
    /// At that time of day, in microseconds since 1970; at once if that is over. However long the put waited
    /// for room, in the order of the puts among those that say the same, and by the wall clock also if that
    /// is set later.
    Until(u64),
}

impl Delay {
    /// At once.
    pub const NONE: Self = Self::For(Duration::ZERO);
}

impl Add<Duration> for Time {
    type Output = Self;

    fn add(self, length: Duration) -> Self {
        Self(self.0.saturating_add(u64::try_from(length.as_micros()).unwrap_or(u64::MAX)))
    }
}
