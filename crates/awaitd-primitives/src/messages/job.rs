//! What a job may have beside its payload. Few jobs have any of it.

use std::sync::Arc;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::messages::command::Payload;
use crate::messages::name::Name;
use crate::messages::time::Time;

/// What a job may have beside its payload.
///
/// The order of variants and fields is that of the bytes on disk: what is new goes to the end.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Trait {
    /// Jobs of one key are handed out one at a time.
    Key(Arc<str>),
    /// No other job with this value is put while this one is unfinished.
    Unique(Arc<str>),
    /// Then it goes, if it still waits.
    Ends(Time),
    /// After so many attempts it is dead.
    MaxAttempts(u32),
    /// How long its lease is if the get does not say.
    Lease(Duration),
    /// A header that came with it and goes with it: name in lower case, and value.
    Header(Arc<str>, Arc<str>),
    /// How it died before.
    Past(Box<Past>),
    /// How far its worker is, in his words.
    Progress(Box<Payload>),
    /// It was handed out before, so it holds its key; told with a copy.
    HoldsKey,
    /// It is dead, in its own queue; told with a copy.
    Dead,
    /// It was put to be ready at that time of day, in microseconds since 1970, and is not ready otherwise
    /// since: it follows the wall clock when that is set.
    At(u64),
}

impl Trait {
    /// The value among these that no other unfinished job may have.
    pub(crate) fn unique_in(traits: &[Self]) -> Option<&Arc<str>> {
        traits.iter().find_map(|it| if let Self::Unique(value) = it { Some(value) } else { None })
    }

    /// What it takes in the journal, at most.
    pub(crate) fn bytes(&self) -> usize {
        let text = match self {
            Self::Key(text) | Self::Unique(text) => text.len(),
            Self::Header(name, value) => name.len() + value.len(),
            Self::Past(past) => {
                past.error.as_ref().map_or(0, |error| error.len()) + past.from.as_str().len()
            }
            Self::Progress(payload) => payload.bytes(),
            Self::Ends(_)
            | Self::MaxAttempts(_)
            | Self::Lease(_)
            | Self::HoldsKey
            | Self::Dead
            | Self::At(_) => 0,
        };
        text + 32
    }
}

/// Why a job died.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// It had failed as often as it may.
    Attempts,
    /// It had waited for as long as it may.
    Ttl,
    /// Its worker said that it is not worth another attempt.
    Nack,
}

impl Cause {
    /// As clients match it.
    pub fn code(self) -> &'static str {
        match self {
            Self::Attempts => "max_attempts",
            Self::Ttl => "ttl",
            Self::Nack => "nack",
        }
    }
}

/// How a job died.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Past {
    /// In which queue.
    pub from: Name,
    /// Why.
    pub cause: Cause,
    /// After how many attempts.
    pub attempts: u32,
    /// What its last worker said who said something.
    pub error: Option<Box<str>>,
    /// When it was put.
    pub enqueued: Time,
    /// When it died.
    pub died: Time,
}

/// Where a job is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum JobState {
    /// To be had now.
    Ready,
    /// To be had later.
    Delayed,
    /// Somebody holds it.
    Leased,
    /// It has failed too often, or waited for too long.
    Dead,
    /// It is done, and its result is kept.
    Done,
}

impl JobState {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Ready, Self::Delayed, Self::Leased, Self::Dead, Self::Done];

    /// As the contract names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ready => "ready",
            Self::Delayed => "delayed",
            Self::Leased => "leased",
            Self::Dead => "dead",
            Self::Done => "done",
        }
    }
}
