//! What a queue is told about retries, dead letters, lifetimes and limits.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize, Serializer};

use crate::limits;
use crate::messages::name::Name;

/// A number with three places, such as a factor or a rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
pub struct Milli(pub u64);

impl fmt::Display for Milli {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 1_000, self.0 % 1_000);
        if part == 0 { write!(out, "{whole}") } else { write!(out, "{}", self.as_f64()) }
    }
}

impl Milli {
    /// As a floating-point number.
    pub fn as_f64(self) -> f64 {
        self.0 as f64 / 1_000.0
    }
}

/// In thousandths; for people as the number that it is.
impl Serialize for Milli {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 % 1_000 {
            _ if !serializer.is_human_readable() => self.0.serialize(serializer),
            0 => (self.0 / 1_000).serialize(serializer),
            _ => self.as_f64().serialize(serializer),
        }
    }
}

/// How attempts of one job are spaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Backoff {
    /// After the first attempt; with zero each job comes back at once, to its old place.
    pub min: Duration,
    /// After any attempt.
    pub max: Duration,
    /// So many times as long after each attempt as after the one before; 1 or more.
    pub factor: Milli,
    /// Up to so much of it more or less, from 0 to 1, so that jobs which failed together do not come
    /// back together.
    pub jitter: Milli,
}

impl Default for Backoff {
    fn default() -> Self {
        Self {
            min: limits::BACKOFF_MIN_DEFAULT,
            max: limits::BACKOFF_MAX_DEFAULT,
            factor: Milli(2_000),
            jitter: Milli(100),
        }
    }
}

impl Backoff {
    /// How long a job waits after its attempt of this number, 1 at first. `seed` is the job's: the
    /// same one gives the same length.
    pub fn after(&self, attempt: u32, seed: u64) -> Duration {
        let most = micros(self.max).min(micros(limits::DELAY_MAX));
        let mut length = micros(self.min).min(most);
        for _ in 1..attempt {
            if length >= most || self.factor.0 <= 1_000 || length == 0 {
                break;
            }
            // Beyond what can be counted it is beyond the greatest pause as well.
            length = (length.saturating_mul(self.factor.0) / 1_000).min(most);
        }
        let spread = length * self.jitter.0.min(1_000) / 1_000;
        // Not cut to the greatest pause afterwards: half of those that have come so far would come back together.
        let (least, greatest) = (length - spread, (length + spread).min(most));
        let thrown = mix(seed ^ u64::from(attempt).rotate_left(40)) % (greatest - least + 1);
        Duration::from_micros(least + thrown)
    }
}

fn micros(length: Duration) -> u64 {
    u64::try_from(length.as_micros()).unwrap_or(u64::MAX)
}

/// The last step of `SplitMix64`: numbers in a row become as good as thrown.
/// <https://prng.di.unimi.it/splitmix64.c>
fn mix(seed: u64) -> u64 {
    let mut bits = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

/// What becomes of a put into a full queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum WhenFull {
    /// It waits.
    #[default]
    Wait,
    /// The ready job that was put first makes room, else the delayed one.
    DropOldest,
}

/// How many jobs are handed out in a time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// So many a second, in the long run.
    pub per_second: Milli,
    /// So many at once after a pause.
    pub burst: u64,
}

impl Rate {
    /// From one to the next, in the long run.
    pub fn interval(&self) -> Duration {
        Duration::from_micros(1_000_000_000 / self.per_second.0.max(1))
    }
}

/// What a queue is told about retries, dead letters, lifetimes and limits.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Policy {
    /// A job that has failed so often is dead.
    pub max_attempts: u32,
    /// How its attempts are spaced.
    pub backoff: Backoff,
    /// The queue into which dead jobs go; without one they stay, dead.
    pub dead_letter: Option<Name>,
    /// For how long a job may wait.
    pub ttl: Option<Duration>,
    /// What becomes of a put at the bound.
    pub full: WhenFull,
    /// How many bytes the bodies of jobs that wait may have.
    pub max_bytes: Option<u64>,
    /// How many jobs may be under lease at one time.
    pub max_leased: u64,
    /// With so many dead jobs nothing more is put.
    pub max_dead: u64,
    /// How many jobs are handed out in a time.
    pub rate: Option<Rate>,
    /// How many jobs may be worked on at one time.
    pub concurrency: Option<u64>,
    /// How many jobs of one key may be worked on at one time.
    pub key_concurrency: u64,
    /// Keys take turns.
    pub fair: bool,
    /// For how long a result is kept.
    pub retain: Duration,
    /// Nothing is handed out. Said by pause and resume, and kept by a new configuration.
    pub paused: bool,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            max_attempts: limits::MAX_ATTEMPTS_DEFAULT,
            backoff: Backoff::default(),
            dead_letter: None,
            ttl: None,
            full: WhenFull::Wait,
            max_bytes: None,
            max_leased: limits::LEASED_MAX,
            max_dead: limits::DEAD_MAX,
            rate: None,
            concurrency: None,
            key_concurrency: 1,
            fair: false,
            retain: limits::RETAIN_DEFAULT,
            paused: false,
        }
    }
}

impl Policy {
    /// How many jobs may be under lease, whichever limit says so.
    pub(crate) fn leased_max(&self) -> u64 {
        self.max_leased.min(self.concurrency.unwrap_or(u64::MAX))
    }
}
