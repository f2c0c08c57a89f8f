//! A request before it is sent, as often as it has to be.

use std::fmt::{Display, Write};
use std::time::Duration;

use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_encode};
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use tokio::time::Instant;

use crate::clock;

/// What stands for itself in a path and in a parameter.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'.').remove(b'_').remove(b'-').remove(b':');

/// The longest that is asked for at one time; the server cuts it to what it allows, and what is left of
/// a longer wait is asked for again, under the same key.
const SLICE: Duration = Duration::from_secs(50);

/// What is asked.
#[derive(Clone, Debug)]
pub(crate) struct Call {
    pub(crate) method: Method,
    /// With its parameters, but for `wait`.
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

/// How long the condition may be waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Wait {
    /// Not at all.
    AtOnce,
    /// From the moment when it is asked for.
    Within(Duration),
    /// As long as it takes.
    Forever,
}

/// Until when the condition may be waited for.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Until {
    Now,
    Then(Instant),
    Forever,
}

impl Call {
    pub(crate) fn new(method: Method, path: impl Into<String>) -> Self {
        Self { method, path: path.into(), headers: HeaderMap::new(), body: Bytes::new() }
    }

    /// With this parameter.
    pub(crate) fn with(mut self, name: &str, value: impl Display) -> Self {
        let value = value.to_string();
        let mark = if self.path.contains('?') { '&' } else { '?' };
        let value = percent_encode(value.as_bytes(), PLAIN);
        write!(self.path, "{mark}{name}={value}").expect("a text can be longer");
        self
    }

    /// With this parameter, if there is one.
    pub(crate) fn with_some(self, name: &str, value: Option<impl Display>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// With this length of time as a parameter, if there is one.
    pub(crate) fn with_length(self, name: &str, length: Option<Duration>) -> Self {
        self.with_some(name, length.map(millis))
    }

    /// With this body.
    pub(crate) fn body(mut self, body: Bytes) -> Self {
        self.body = body;
        self
    }

    /// With a body of this kind, if one was said.
    pub(crate) fn typed(self, kind: Option<HeaderValue>) -> Self {
        match kind {
            Some(kind) => self.header(CONTENT_TYPE, kind),
            None => self,
        }
    }

    /// With JSON as its body.
    pub(crate) fn json(self, document: &impl Serialize) -> Self {
        let body = serde_json::to_vec(document).expect("it is JSON");
        self.body(body.into()).header(CONTENT_TYPE, HeaderValue::from_static("application/json"))
    }

    /// With this header.
    pub(crate) fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }
}

impl Wait {
    /// From now on.
    pub(crate) fn begins(self) -> Until {
        match self {
            Self::AtOnce => Until::Now,
            // What ends later than the clock can say does not end.
            Self::Within(length) => {
                clock::now().checked_add(length).map_or(Until::Forever, Until::Then)
            }
            Self::Forever => Until::Forever,
        }
    }
}

impl Until {
    /// What may be asked for at this moment, at one time.
    pub(crate) fn slice(self) -> Duration {
        self.left().map_or(SLICE, |left| left.min(SLICE))
    }

    /// Whether there is time left.
    pub(crate) fn goes_on(self) -> bool {
        self.left().is_none_or(|left| !left.is_zero())
    }

    /// How much time is left; `None` if all of it is.
    pub(crate) fn left(self) -> Option<Duration> {
        match self {
            Self::Now => Some(Duration::ZERO),
            Self::Then(end) => Some(end.saturating_duration_since(clock::now())),
            Self::Forever => None,
        }
    }
}

/// A path of a thing: `/v1/queues/emails`.
pub(crate) fn path(kind: &str, name: &str) -> String {
    format!("/v1/{kind}/{}", encoded(name))
}

/// As it may stand in a path.
pub(crate) fn encoded(text: &str) -> impl Display {
    percent_encode(text.as_bytes(), PLAIN)
}

/// As parameters have it; a part of a millisecond counts as one.
pub(crate) fn millis(length: Duration) -> String {
    format!("{}ms", length.as_nanos().div_ceil(1_000_000))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Parameters say what was given, whatever is in it.
    #[test]
    fn parameters_are_encoded() {
        let call = Call::new(Method::POST, path("locks", "a/b?c"));
        let call =
            call.with("owner", "me & you").with_length("lease", Some(Duration::from_nanos(1)));
        assert_eq!(call.path, "/v1/locks/a%2Fb%3Fc?owner=me%20%26%20you&lease=1ms");
        assert_eq!(call.clone().with_some("n", None::<u64>).path, call.path);
    }

    /// A wait without an end is asked for in slices.
    #[test]
    fn waits_are_sliced() {
        let at_once = Wait::AtOnce.begins();
        assert_eq!((at_once.slice(), at_once.goes_on()), (Duration::ZERO, false));
        for wait in
            [Wait::Forever, Wait::Within(Duration::MAX), Wait::Within(Duration::from_hours(1))]
        {
            let until = wait.begins();
            assert_eq!((until.slice(), until.goes_on()), (SLICE, true), "{wait:?}");
        }
        assert!(Wait::Within(Duration::from_secs(9)).begins().slice() <= Duration::from_secs(9));
    }
}
