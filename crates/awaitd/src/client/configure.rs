//! `configure`: what a queue shall be.

use awaitd_client::{Backoff, Client, Order, QueueConfig, Rate, WhenFull};
use clap::{Args, ValueEnum};

use super::{Done, Server};
use crate::values::{Length, Size};

/// Say what a queue shall be. What is left out has its default, whatever was said before.
#[derive(Debug, Args)]
pub(crate) struct Configure {
    /// The queue. It is made if it is not there.
    queue: String,

    /// Only if there is no such queue.
    #[arg(long)]
    new: bool,

    /// How many jobs may wait in it; 0 is no bound [default: 1000].
    #[arg(long, value_name = "NUMBER")]
    maxsize: Option<u64>,

    /// How many bytes the bodies of jobs that wait may have [default: no bound].
    #[arg(long, value_name = "SIZE")]
    max_bytes: Option<Size>,

    /// What becomes of a put into a full queue [default: wait].
    #[arg(long, value_name = "WHAT")]
    full: Option<Full>,

    /// Which job is handed out next [default: fifo].
    #[arg(long, value_name = "ORDER")]
    order: Option<Next>,

    /// How long a job is leased if who gets it does not say [default: 30s].
    #[arg(long, value_name = "DURATION")]
    lease: Option<Length>,

    /// For how long a job may wait [default: for ever].
    #[arg(long, value_name = "DURATION")]
    ttl: Option<Length>,

    /// How often a job is tried [default: 25].
    #[arg(long, value_name = "NUMBER")]
    max_attempts: Option<u32>,

    /// How long a job waits after its first attempt [default: 1s].
    #[arg(long, value_name = "DURATION")]
    backoff_min: Option<Length>,

    /// How long it waits after any attempt at most [default: 10m].
    #[arg(long, value_name = "DURATION")]
    backoff_max: Option<Length>,

    /// So many times as long after each attempt as after the one before [default: 2].
    #[arg(long, value_name = "NUMBER")]
    backoff_factor: Option<f64>,

    /// Up to such a part of it more or less, from 0 to 1 [default: 0.1].
    #[arg(long, value_name = "PART")]
    backoff_jitter: Option<f64>,

    /// Into which queue jobs go that are dead [default: they stay].
    #[arg(long, value_name = "QUEUE")]
    dead_letter: Option<String>,

    /// With so many dead jobs nothing more is put [default: 100000].
    #[arg(long, value_name = "NUMBER")]
    max_dead: Option<u64>,

    /// So many jobs are handed out in a second, in the long run [default: no bound].
    #[arg(long, value_name = "NUMBER")]
    rate: Option<f64>,

    /// So many at once after a pause [default: 1].
    #[arg(long, value_name = "NUMBER", requires = "rate")]
    burst: Option<u64>,

    /// How many jobs may be worked on at one time [default: no bound].
    #[arg(long, value_name = "NUMBER")]
    concurrency: Option<u64>,

    /// How many jobs of one key may be worked on at one time [default: 1].
    #[arg(long, value_name = "NUMBER")]
    key_concurrency: Option<u64>,

    /// How many jobs may be under lease [default: 100000].
    #[arg(long, value_name = "NUMBER")]
    max_leased: Option<u64>,

    /// Keys take turns.
    #[arg(long)]
    fair: bool,

    /// How long results are kept [default: 5m].
    #[arg(long, value_name = "DURATION")]
    retain: Option<Length>,

    #[command(flatten)]
    pub(super) server: Server,
}

/// Which job is handed out next.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Next {
    /// The first that was put
    Fifo,
    /// The last that was put
    Lifo,
    /// The one with the smallest priority
    Priority,
}

/// What becomes of a put into a full queue.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Full {
    /// It waits
    Wait,
    /// The job that has waited longest is dropped
    DropOldest,
}

impl Configure {
    pub(super) async fn send(self, client: Client) -> Done {
        let queue = client.queue(&self.queue);
        let config = self.config();
        if self.new {
            queue.create(&config).await?;
        } else {
            queue.configure(&config).await?;
        }
        self.server.say_done().await
    }

    fn config(&self) -> QueueConfig {
        let length = |length: Option<Length>| length.map(|Length(length)| length);
        let backoff = Backoff {
            min: length(self.backoff_min),
            max: length(self.backoff_max),
            factor: self.backoff_factor,
            jitter: self.backoff_jitter,
        };
        QueueConfig {
            maxsize: self.maxsize,
            order: self.order.map(Order::from),
            lease: length(self.lease),
            max_attempts: self.max_attempts,
            backoff: (backoff != Backoff::default()).then_some(backoff),
            dead_letter: self.dead_letter.clone(),
            ttl: length(self.ttl),
            full: self.full.map(WhenFull::from),
            max_bytes: self.max_bytes.map(|Size(bytes)| bytes as u64),
            max_leased: self.max_leased,
            max_dead: self.max_dead,
            rate: self.rate.map(|per_second| Rate { per_second, burst: self.burst }),
            concurrency: self.concurrency,
            key_concurrency: self.key_concurrency,
            fair: self.fair.then_some(true),
            retain: length(self.retain),
        }
    }
}

impl From<Next> for Order {
    fn from(next: Next) -> Self {
        match next {
            Next::Fifo => Self::Fifo,
            Next::Lifo => Self::Lifo,
            Next::Priority => Self::Priority,
        }
    }
}

impl From<Full> for WhenFull {
    fn from(full: Full) -> Self {
        match full {
            Full::Wait => Self::Wait,
            Full::DropOldest => Self::DropOldest,
        }
    }
}
