//! An answer of the server, whole.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use percent_encoding::percent_decode_str;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, HeaderName};
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

    /// A header whose text is percent-encoded where it could not stand in a header, if it is there.
    pub(crate) fn decoded(&self, name: &str) -> Option<String> {
        let decoded = percent_decode_str(self.text(name)?).decode_utf8_lossy();
        Some(decoded.into_owned())
    }

    /// The headers that were put with a job.
    pub(crate) fn kept(&self) -> BTreeMap<String, String> {
        let kept =
            |name: &str| name.starts_with("job-") || matches!(name, "traceparent" | "tracestate");
        let names = self.headers.keys().map(HeaderName::as_str).filter(|name| kept(name));
        names.filter_map(|name| Some((name.to_owned(), self.text(name)?.to_owned()))).collect()
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
