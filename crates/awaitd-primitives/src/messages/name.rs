//! Names of queues, events, locks, semaphores, barriers and schedules, parsed once at the door.

use std::borrow::Borrow;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::de::{self, Deserializer, Visitor};
use serde::{Deserialize, Serialize};

use crate::limits;

/// A name: 1 to 128 of `A-Z a-z 0-9 . _ : -`, the first one alphanumeric.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Name(Arc<str>);

/// What stands for the server where a name is written down.
const SERVER: &str = "/";

/// Why a text is no [`Name`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadName;

impl Name {
    /// Before all names, and none itself: where a list begins.
    pub(crate) fn least() -> Self {
        Self("".into())
    }

    /// Of the server itself. Nobody can give it: it is no name as clients write them.
    fn server() -> Self {
        Self(SERVER.into())
    }

    /// The name as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// What was written down is parsed once more, where it stands.
impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl Visitor<'_> for Text {
            type Value = Name;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("a name")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Name, E> {
                if text == SERVER { Ok(Name::server()) } else { text.parse().map_err(E::custom) }
            }
        }

        deserializer.deserialize_str(Text)
    }
}

/// A name orders, compares and hashes as its text does.
impl Borrow<str> for Name {
    fn borrow(&self) -> &str {
        &self.0
    }
}

impl FromStr for Name {
    type Err = BadName;

    fn from_str(text: &str) -> Result<Self, BadName> {
        let allowed = |byte: u8| byte.is_ascii_alphanumeric() || b"._:-".contains(&byte);
        let first = text.bytes().next().ok_or(BadName)?;
        let good = text.len() <= limits::NAME_BYTES_MAX
            && first.is_ascii_alphanumeric()
            && text.bytes().all(allowed);
        if good { Ok(Self(text.into())) } else { Err(BadName) }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.0)
    }
}

impl fmt::Display for BadName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "a name is 1 to {} of A-Z a-z 0-9 . _ : - and begins with a letter or a digit",
            limits::NAME_BYTES_MAX
        )
    }
}

impl std::error::Error for BadName {}

/// What a path names.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Thing {
    /// `/v1/queues/{name}`
    Queue(Name),
    /// `/v1/events/{name}`
    Event(Name),
    /// `/v1/locks/{name}`
    Lock(Name),
    /// `/v1/semaphores/{name}`
    Semaphore(Name),
    /// `/v1/barriers/{name}`
    Barrier(Name),
    /// `/v1/schedules/{name}`
    Schedule(Name),
}

/// What sort of thing it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A queue.
    Queue,
    /// An event.
    Event,
    /// A lock.
    Lock,
    /// A semaphore.
    Semaphore,
    /// A barrier.
    Barrier,
    /// A schedule.
    Schedule,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Queue, Self::Event, Self::Lock, Self::Semaphore, Self::Barrier, Self::Schedule];

    /// As metrics name it.
    pub fn singular(self) -> &'static str {
        match self {
            Self::Queue => "queue",
            Self::Event => "event",
            Self::Lock => "lock",
            Self::Semaphore => "semaphore",
            Self::Barrier => "barrier",
            Self::Schedule => "schedule",
        }
    }

    /// As it stands in paths.
    pub fn plural(self) -> &'static str {
        match self {
            Self::Queue => "queues",
            Self::Event => "events",
            Self::Lock => "locks",
            Self::Semaphore => "semaphores",
            Self::Barrier => "barriers",
            Self::Schedule => "schedules",
        }
    }
}

impl Thing {
    /// The thing of this kind and name.
    pub fn new(kind: Kind, name: Name) -> Self {
        match kind {
            Kind::Queue => Self::Queue(name),
            Kind::Event => Self::Event(name),
            Kind::Lock => Self::Lock(name),
            Kind::Semaphore => Self::Semaphore(name),
            Kind::Barrier => Self::Barrier(name),
            Kind::Schedule => Self::Schedule(name),
        }
    }

    /// To which the keys belong of requests that name no thing. It is none itself: nothing makes it, no
    /// list shows it, and nobody can ask for it.
    pub fn server() -> Self {
        Self::Queue(Name::server())
    }

    /// Its name, without its kind.
    pub fn name(&self) -> &Name {
        match self {
            Self::Queue(name)
            | Self::Event(name)
            | Self::Lock(name)
            | Self::Semaphore(name)
            | Self::Barrier(name)
            | Self::Schedule(name) => name,
        }
    }

    /// Its kind.
    pub fn kind(&self) -> Kind {
        match self {
            Self::Queue(_) => Kind::Queue,
            Self::Event(_) => Kind::Event,
            Self::Lock(_) => Kind::Lock,
            Self::Semaphore(_) => Kind::Semaphore,
            Self::Barrier(_) => Kind::Barrier,
            Self::Schedule(_) => Kind::Schedule,
        }
    }

    /// Its kind in the plural, as it stands in paths.
    pub fn kinds(&self) -> &'static str {
        self.kind().plural()
    }
}
