//! A job that is to be put, alone, with others or by a schedule.

use std::time::Duration;

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderName, HeaderValue};
use serde_json::{Map, Value, json};

use crate::call::Call;
use crate::error::{Error, Result};
use crate::event::content_type;
use crate::payload::Payload;

/// A job that is to be put: what is in it, and what the queue is to do with it.
///
/// ```
/// use std::time::Duration;
///
/// use awaitd_client::NewJob;
///
/// let job = NewJob::new("hello, world").key("ann").delay(Duration::from_secs(60));
/// ```
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a job is put by a queue, or by a schedule"]
pub struct NewJob {
    payload: Payload,
    headers: Vec<(String, String)>,
    /// What else is said, by its name in JSON.
    knobs: Map<String, Value>,
}

/// What can be said of a job, as methods of the job itself, or of what has one in this field.
macro_rules! options {
    ($($field:ident)?) => {
        /// Nobody gets it before so much time has passed, up to 100 years.
        pub fn delay(mut self, length: Duration) -> Self {
            self$(.$field)?.say("delay", crate::call::millis(length));
            self
        }

        /// Nobody gets it before this moment, up to 100 years ahead, in the form of RFC 3339: for instance
        /// `2026-12-01T09:00:00+01:00`. In the past it is now. Not beside a [`delay`](Self::delay).
        pub fn at(mut self, moment: impl Into<String>) -> Self {
            self$(.$field)?.say("at", moment.into());
            self
        }

        /// The smallest is handed out first, of a queue in the order of priorities; 0 if nothing is said.
        pub fn priority(mut self, priority: i64) -> Self {
            self$(.$field)?.say("priority", priority);
            self
        }

        /// The same by any key, compared byte by byte; at most 512 of them.
        pub fn priority_key(mut self, key: impl AsRef<[u8]>) -> Self {
            self$(.$field)?.say("priority_key", crate::new_job::hex(key.as_ref()));
            self
        }

        /// Jobs of one key are handed out one at a time and in order, as many keys at one time as there are. Up to
        /// 255 bytes.
        pub fn key(mut self, key: impl Into<String>) -> Self {
            self$(.$field)?.say("key", key.into());
            self
        }

        /// As long as a job with this value is not done, a put of another one adds none. Up to 255 bytes.
        pub fn unique(mut self, value: impl Into<String>) -> Self {
            self$(.$field)?.say("unique", value.into());
            self
        }

        /// For how long it may wait, rather than what the queue says; after that it is dead, or dropped.
        pub fn ttl(mut self, length: Duration) -> Self {
            self$(.$field)?.say("ttl", crate::call::millis(length));
            self
        }

        /// How often it may be tried, rather than what the queue says.
        pub fn max_attempts(mut self, count: u32) -> Self {
            self$(.$field)?.say("max_attempts", count);
            self
        }

        /// How long its leases are, rather than what the queue says.
        pub fn lease(mut self, length: Duration) -> Self {
            self$(.$field)?.say("lease", crate::call::millis(length));
            self
        }

        /// A header that is kept with it, and handed out with it: `Job-…`, `traceparent` or `tracestate`. At
        /// most 32 with 8 KiB in all.
        pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
            self$(.$field)?.keep(name.into(), value.into());
            self
        }

        /// What the body is, for whoever gets it: `application/json`, for instance.
        pub fn content_type(mut self, kind: impl Into<String>) -> Self {
            self$(.$field)?.is_a(kind.into());
            self
        }
    };
}

pub(crate) use options;

impl NewJob {
    /// A job with this body.
    pub fn new(body: impl Into<Bytes>) -> Self {
        Self { payload: Payload::new(body), headers: Vec::new(), knobs: Map::new() }
    }

    options!();

    pub(crate) fn say(&mut self, name: &str, value: impl Into<Value>) {
        self.knobs.insert(name.to_owned(), value.into());
    }

    pub(crate) fn keep(&mut self, name: String, value: String) {
        self.headers.push((name, value));
    }

    pub(crate) fn is_a(&mut self, kind: String) {
        self.payload.content_type = Some(kind);
    }

    /// As a request of its own.
    pub(crate) fn call(self, path: String) -> Result<Call> {
        let Self { payload, headers, knobs } = self;
        let mut call = Call::new(Method::POST, path).body(payload.body.unwrap_or_default());
        for (name, value) in &knobs {
            // The one name that parameters have otherwise.
            let name = if name == "priority_key" { "priority-key" } else { name };
            call = match value {
                Value::String(text) => call.with(name, text),
                other => call.with(name, other),
            };
        }
        if let Some(kind) = payload.content_type {
            call = call.header(CONTENT_TYPE, content_type(&kind).map_err(Error::Input)?);
        }
        for (name, value) in headers {
            // Of any other the server takes no notice.
            let lower = name.to_ascii_lowercase();
            if !lower.starts_with("job-") && !["traceparent", "tracestate"].contains(&&*lower) {
                return Err(Error::Input(format!(
                    "a job keeps `Job-…`, `traceparent` and `tracestate`, and no header {name}"
                )));
            }
            let header = HeaderName::try_from(&name).ok().zip(HeaderValue::try_from(&value).ok());
            let (name, value) = header.ok_or_else(|| {
                Error::Input(format!("{name}: {value} is no header: both are visible ASCII"))
            })?;
            call = call.header(name, value);
        }
        Ok(call)
    }

    /// As a line of a batch, and as a part of a schedule.
    pub(crate) fn document(self) -> Map<String, Value> {
        let Self { payload, headers, mut knobs } = self;
        if let Ok(Value::Object(payload)) = serde_json::to_value(payload) {
            knobs.extend(payload);
        }
        if !headers.is_empty() {
            let headers = headers.into_iter().map(|(name, value)| (name, json!(value)));
            knobs.insert("headers".to_owned(), headers.collect());
        }
        knobs
    }
}

/// Two digits a byte.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

impl<T: Into<Bytes>> From<T> for NewJob {
    fn from(body: T) -> Self {
        Self::new(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> NewJob {
        let job = NewJob::new("x").priority_key([0, 0xab]).key("a b").max_attempts(3);
        job.delay(Duration::from_millis(250)).header("Job-Tenant", "7").content_type("text/css")
    }

    /// A request has parameters and headers.
    #[test]
    fn a_job_is_a_request() {
        let call = job().call("/v1/queues/q/jobs".to_owned()).expect("it can be sent");
        let parameters = "delay=250ms&key=a%20b&max_attempts=3&priority-key=00ab";
        assert_eq!(call.path, format!("/v1/queues/q/jobs?{parameters}"));
        assert_eq!(
            (call.headers.len(), &call.headers["job-tenant"]),
            (2, &"7".try_into().unwrap())
        );
        for name in ["Job-Ten ant", "Tenant"] {
            let broken = NewJob::new("").header(name, "7").call(String::new());
            assert!(matches!(broken, Err(Error::Input(_))), "{broken:?}");
        }
    }

    /// A line of a batch says the same.
    #[test]
    fn a_job_is_a_line() {
        let wanted = json!({
            "body": "x", "content_type": "text/css", "delay": "250ms", "key": "a b", "max_attempts": 3,
            "priority_key": "00ab", "headers": { "Job-Tenant": "7" }
        });
        assert_eq!(Value::Object(job().document()), wanted);
    }
}
