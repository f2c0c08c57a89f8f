//! An answer of the server, whole.

use std::time::Duration;

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use serde::de::DeserializeOwned;
use tokio::time::Instant;

use crate::error::{Error, Result};

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// Before the request was sent: from then on a careful holder counts.
    pub(crate) sent: Instant,
}

impl Answer {
    /// A header that is text, if it is there.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        // An owner may be UTF-8, which `to_str` refuses.
        self.headers.get(name).and_then(|value| std::str::from_utf8(value.as_bytes()).ok())
    }

    /// A header that is an integer, if it is there.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        self.text(name)?.parse().ok()
    }

    /// A header that is seconds, if it is there.
    pub(crate) fn seconds(&self, name: &str) -> Option<Duration> {
        Duration::try_from_secs_f64(self.text(name)?.parse().ok()?).ok()
    }

    /// A header that has to be there.
    pub(crate) fn needed<T>(
        &self,
        name: &str,
        read: impl Fn(&Self, &str) -> Option<T>,
    ) -> Result<T> {
        read(self, name).ok_or_else(|| Error::odd(self, &format!("no {name}, or a broken one")))
    }

    /// `Location`, a path of the server.
    pub(crate) fn location(&self) -> Result<String> {
        let path = |answer: &Self, name: &str| {
            answer.text(name).filter(|path| path.starts_with('/')).map(str::to_owned)
        };
        self.needed("location", path)
    }

    /// The body as JSON.
    pub(crate) fn json<T: DeserializeOwned>(&self) -> Result<T> {
        serde_json::from_slice(&self.body).map_err(|error| {
            Error::odd(self, &format!("a body that is not what it should be: {error}"))
        })
    }
}
