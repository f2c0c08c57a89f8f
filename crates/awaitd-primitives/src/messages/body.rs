//! The bytes of a job or of an event's value: here, or where the journal keeps them.

use std::fmt;
use std::sync::Arc;

use serde::de::{self, Deserialize, Deserializer, Visitor};
use serde::ser::{self, Serialize, Serializer};

/// Bytes that somebody put. Nothing in the core looks into them, so they need not be in memory.
#[derive(Clone, Debug, Eq)]
pub enum Body {
    /// In memory.
    Here(Arc<[u8]>),
    /// In the journal alone, which finds them again.
    Stored(Box<Stored>),
}

/// Where a body is that is not in memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stored {
    /// Where; the journal knows what it means.
    pub at: u64,
    /// How long it is.
    pub bytes: u32,
}

/// Bytes that somebody put, and what they said these are.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Payload {
    /// The bytes, never looked into.
    pub body: Body,
    /// Their `Content-Type`, if one was given.
    pub content_type: Option<Arc<str>>,
}

impl Payload {
    /// How many bytes somebody put and said, wherever they are.
    pub(crate) fn bytes(&self) -> usize {
        self.body.len() + self.type_bytes()
    }

    /// How many of them are the type.
    pub(crate) fn type_bytes(&self) -> usize {
        self.content_type.as_ref().map_or(0, |kind| kind.len())
    }
}

impl Body {
    /// How long it is, wherever it is.
    pub fn len(&self) -> usize {
        match self {
            Self::Here(bytes) => bytes.len(),
            Self::Stored(stored) => stored.bytes as usize,
        }
    }

    /// Whether it has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The bytes of a body in memory.
    pub fn here(&self) -> Option<&Arc<[u8]>> {
        match self {
            Self::Here(bytes) => Some(bytes),
            Self::Stored(_) => None,
        }
    }

    /// How many of its bytes are in memory.
    pub(crate) fn bytes_here(&self) -> u64 {
        self.here().map_or(0, |bytes| bytes.len() as u64)
    }
}

/// Where a body is makes no difference to what is true, so of a stored one its length is compared.
impl PartialEq for Body {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Here(one), Self::Here(other)) => one == other,
            _ => self.len() == other.len(),
        }
    }
}

impl<T: Into<Arc<[u8]>>> From<T> for Body {
    fn from(bytes: T) -> Self {
        Self::Here(bytes.into())
    }
}

/// As bytes; for people as text in which what is not printable ASCII is escaped.
impl Serialize for Body {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Here(bytes) if serializer.is_human_readable() => {
                serializer.collect_str(&bytes.escape_ascii())
            }
            Self::Here(bytes) => serializer.serialize_bytes(bytes),
            Self::Stored(_) => Err(ser::Error::custom("a body is written from memory")),
        }
    }
}

impl<'de> Deserialize<'de> for Body {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Bytes;

        impl Visitor<'_> for Bytes {
            type Value = Body;

            fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                out.write_str("bytes")
            }

            fn visit_bytes<E: de::Error>(self, bytes: &[u8]) -> Result<Body, E> {
                Ok(Body::Here(bytes.into()))
            }
        }

        deserializer.deserialize_bytes(Bytes)
    }
}
