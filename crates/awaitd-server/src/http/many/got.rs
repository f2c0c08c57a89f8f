//! Jobs that were got, as a list or as lines.

use std::collections::BTreeMap;
use std::time::Duration;

use awaitd_primitives::{Got, Thing, Time};
use axum::http::HeaderValue;
use axum::http::header::ACCEPT;
use axum::http::request::Parts;
use bytes::Bytes;
use serde::Serialize;

use crate::Clock;
use crate::http::job::{Contents, Death, Said};
use crate::http::shown::maybe_seconds;
use crate::http::token::Tokens;

/// How jobs that were got are told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::http) enum Listing {
    /// There is one: raw, with headers.
    None,
    /// A JSON list.
    Json,
    /// A line of JSON for each.
    Lines,
}

/// Lines of JSON.
pub(super) const LINES: &str = "application/x-ndjson";

impl Listing {
    /// As this request wants it.
    pub(in crate::http) fn of(head: &Parts, list: bool) -> Self {
        let lines = |value: &HeaderValue| {
            let mut types = value.as_bytes().split(|byte| b",;".contains(byte));
            types.any(|name| name.trim_ascii().eq_ignore_ascii_case(LINES.as_bytes()))
        };
        match list {
            false => Self::None,
            true if head.headers.get_all(ACCEPT).iter().any(lines) => Self::Lines,
            true => Self::Json,
        }
    }

    /// The type of the answer.
    pub(in crate::http) fn content_type(self) -> &'static str {
        if self == Self::Lines { LINES } else { "application/json" }
    }
}

/// A job as its worker has it.
#[derive(Serialize)]
struct Item<'a> {
    queue: &'a str,
    job: u64,
    /// Not if it is done once it is delivered.
    #[serde(skip_serializing_if = "Option::is_none")]
    lease: Option<String>,
    fence: u64,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "maybe_seconds")]
    expires_in: Option<Duration>,
    attempt: u32,
    #[serde(serialize_with = "seconds")]
    waited: Duration,
    enqueued_at: &'a str,
    #[serde(flatten)]
    contents: Contents<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<BTreeMap<&'a str, &'a str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    died: Option<Death<'a>>,
}

/// All of them, as they are at `now`.
pub(in crate::http) fn list(
    all: &[Got],
    form: Listing,
    now: Time,
    tokens: &Tokens,
    clock: &Clock,
) -> Bytes {
    const BESIDE_BODY: usize = 320;
    let bodies: usize = all.iter().map(|got| got.payload.body.len()).sum();
    let mut text = Vec::with_capacity(bodies + all.len() * BESIDE_BODY);
    let (begin, between, end) = match form {
        Listing::Lines => (&b""[..], &b"\n"[..], &b"\n"[..]),
        Listing::Json | Listing::None => (&b"["[..], &b","[..], &b"]"[..]),
    };
    text.extend_from_slice(begin);
    // Many were put in the same millisecond.
    let mut instants = Instants::default();
    for (index, got) in all.iter().enumerate() {
        if index > 0 {
            text.extend_from_slice(between);
        }
        let said = Said::of(&got.traits);
        let item = Item {
            queue: got.queue.as_str(),
            job: got.job.0,
            lease: got.until.map(|_| tokens.path(got.lease, &Thing::Queue(got.queue.clone()))),
            fence: got.lease.fence(),
            expires_in: got.until.map(|until| until.since(now)),
            attempt: got.attempt,
            waited: got.waited,
            enqueued_at: instants.of(got.enqueued, clock),
            contents: Contents::of(&got.payload),
            key: said.key,
            headers: said.headers(),
            died: said.past.map(|past| Death::of(past, clock)),
        };
        serde_json::to_writer(&mut text, &item).expect("what is shown is JSON");
    }
    text.extend_from_slice(end);
    Bytes::from(text)
}

/// Moments as texts, of which the last one is kept.
#[derive(Default)]
struct Instants(Option<(u64, String)>);

impl Instants {
    fn of(&mut self, time: Time, clock: &Clock) -> &str {
        if self.0.as_ref().is_none_or(|(micros, _)| *micros != time.micros()) {
            self.0 = Some((time.micros(), clock.rfc3339(time)));
        }
        self.0.as_ref().map_or("", |(_, text)| text)
    }
}

fn seconds<S: serde::Serializer>(length: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(length.as_secs_f64())
}
