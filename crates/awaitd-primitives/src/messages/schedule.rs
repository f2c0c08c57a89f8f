//! What puts a job into a queue at each time that it names. The times are worked out by whoever asks for
//! the jobs: here they are numbers, and what names them is text.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::messages::body::Payload;
use crate::messages::configuration::Rank;
use crate::messages::job::Trait;
use crate::messages::name::Name;

/// What becomes of times that nobody heeded: the server was stopped, its clock was set forward, or the
/// queue had no room.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum CatchUp {
    /// One job for all of them.
    #[default]
    One,
    /// A job for each of them.
    All,
    /// Nothing.
    None,
}

/// What a schedule is told to be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScheduleConfig {
    /// At which times, never looked into here.
    pub cron: Arc<str>,
    /// By the clocks of which place, likewise.
    pub timezone: Arc<str>,
    /// Into which queue.
    pub queue: Name,
    /// What is put.
    pub payload: Payload,
    /// Where the job stands, if the queue's order is by rank.
    pub rank: Option<Rank>,
    /// For how long it may wait; as long as the queue says if nothing is said.
    pub ttl: Option<Duration>,
    /// What else is said of it.
    pub traits: Vec<Trait>,
    /// What becomes of times that nobody heeded.
    pub catch_up: CatchUp,
    /// All times up to this one are worked off, in microseconds since 1970. A new schedule begins
    /// here; one whose times stay the same goes on from where it was.
    pub upto: u64,
}

impl ScheduleConfig {
    /// What it takes in the journal, at most, beside its name.
    pub(crate) fn bytes(&self) -> u64 {
        let Self { cron, timezone, queue, payload, rank, traits, .. } = self;
        let texts = cron.len() + timezone.len() + queue.as_str().len();
        let rank = rank.as_ref().map_or(0, |rank| rank.0.len());
        let traits: usize = traits.iter().map(Trait::bytes).sum();
        (texts + payload.bytes() + rank + traits + 64) as u64
    }
}
