//! What a queue shall be.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// What a queue shall be. What is `None` has the server's default.
///
/// ```
/// use std::time::Duration;
///
/// use awaitd_client::{Backoff, QueueConfig, Rate};
///
/// let mails = QueueConfig {
///     maxsize: Some(10_000),
///     max_attempts: Some(5),
///     backoff: Some(Backoff { min: Some(Duration::from_secs(10)), ..Backoff::default() }),
///     dead_letter: Some("dead-mails".into()),
///     rate: Some(Rate { per_second: 50.0, burst: None }),
///     ..QueueConfig::default()
/// };
/// ```
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct QueueConfig {
    /// How many jobs may wait in it; 0 is no bound. 1,000 if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maxsize: Option<u64>,
    /// Which job is handed out next; the first that was put if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
    /// How long a job's lease lasts if who gets it does not say. 30 s if nothing is said.
    #[serde(default, with = "seconds", skip_serializing_if = "Option::is_none")]
    pub lease: Option<Duration>,
    /// A job that has failed so often is dead, from 1 to 1,000,000; 25 if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u32>,
    /// How its attempts are spaced.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backoff: Option<Backoff>,
    /// The queue into which dead jobs go; without one they stay, dead.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_letter: Option<String>,
    /// For how long a job may wait; for ever if nothing is said.
    #[serde(default, with = "seconds", skip_serializing_if = "Option::is_none")]
    pub ttl: Option<Duration>,
    /// What becomes of a put into a full queue; it waits if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub full: Option<WhenFull>,
    /// How many bytes the bodies of the jobs that wait may have; no bound if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_bytes: Option<u64>,
    /// How many jobs may be under lease: with so many a get waits. 100,000 if nothing is said, which is the
    /// most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_leased: Option<u64>,
    /// With so many dead jobs nothing more is put. 100,000 if nothing is said, which is the most.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_dead: Option<u64>,
    /// How many jobs are handed out in a time; no bound if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rate: Option<Rate>,
    /// How many jobs may be worked on at one time; no bound if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<u64>,
    /// How many jobs of one key may be worked on at one time; 1 if nothing is said, which keeps them in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key_concurrency: Option<u64>,
    /// Whether keys take turns, so that one with many jobs does not hold up the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fair: Option<bool>,
    /// For how long a result is kept, up to 7 days; 5 minutes if nothing is said.
    #[serde(default, with = "seconds", skip_serializing_if = "Option::is_none")]
    pub retain: Option<Duration>,
}

/// Which job of a queue is handed out next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Order {
    /// The first that was put.
    Fifo,
    /// The last that was put.
    Lifo,
    /// The one with the smallest priority.
    Priority,
}

/// How attempts of one job are spaced: `min` after the first, `factor` times as long after each that follows, `max` at
/// most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Backoff {
    /// After the first attempt; 1 s if nothing is said. With zero a job comes back at once, to its old place.
    #[serde(default, with = "seconds", skip_serializing_if = "Option::is_none")]
    pub min: Option<Duration>,
    /// After any attempt; 10 minutes if nothing is said.
    #[serde(default, with = "seconds", skip_serializing_if = "Option::is_none")]
    pub max: Option<Duration>,
    /// From 1 to 1,000, with three places; 2 if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor: Option<f64>,
    /// Up to so much of it more or less, from 0 to 1, so that jobs which failed together do not come back together;
    /// 0.1 if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub jitter: Option<f64>,
}

/// What becomes of a put into a full queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum WhenFull {
    /// It waits.
    Wait,
    /// The ready job that was put first makes room, else a delayed one; never one that somebody works on.
    DropOldest,
}

/// How many jobs are handed out in a time.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Rate {
    /// So many a second in the long run, from 0.001 to 1,000,000.
    pub per_second: f64,
    /// So many at once after a pause; 1 if nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u64>,
}

/// Lengths of time as the contract has them in JSON.
pub(crate) mod seconds {
    use std::time::Duration;

    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[expect(clippy::ref_option, reason = "serde asks for it so")]
    pub(crate) fn serialize<S: Serializer>(
        length: &Option<Duration>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        length.map(|length| length.as_secs_f64()).serialize(serializer)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Option<Duration>, D::Error> {
        let seconds = Option::<f64>::deserialize(deserializer)?;
        seconds.map(Duration::try_from_secs_f64).transpose().map_err(D::Error::custom)
    }
}
