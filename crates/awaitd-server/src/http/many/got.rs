//! Jobs that were got, as a list or as lines.

use awaitd_primitives::{Got, Thing, Time};
use axum::http::HeaderValue;
use axum::http::header::ACCEPT;
use axum::http::request::Parts;
use bytes::Bytes;

use super::object::Object;
use crate::Clock;
use crate::http::job::{Contents, Death, Said};
use crate::http::shown::Seconds;
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
    // All are of one queue.
    let leases = all.first().map(|got| tokens.of(&Thing::Queue(got.queue.clone())));
    // Many were put in the same millisecond.
    let mut instants = Instants::default();
    for (index, got) in all.iter().enumerate() {
        if index > 0 {
            text.extend_from_slice(between);
        }
        // Done once it is delivered, a job has no lease to come back with.
        let lease = got.until.and(leases.as_ref()).map(|leases| leases.path(got.lease));
        let enqueued_at = instants.of(got.enqueued, clock);
        item(&mut text, got, (lease.as_deref(), enqueued_at), now, clock);
    }
    text.extend_from_slice(end);
    Bytes::from(text)
}

/// A job as its worker has it.
fn item(
    text: &mut Vec<u8>,
    got: &Got,
    (lease, enqueued_at): (Option<&str>, &str),
    now: Time,
    clock: &Clock,
) {
    let said = Said::of(&got.traits);
    let mut item = Object::begin(text);
    item.plain("queue", got.queue.as_str());
    item.value("job", &got.job.0);
    if let Some(path) = lease {
        item.plain("lease", path);
    }
    item.value("fence", &got.lease.fence());
    if let Some(until) = got.until {
        item.value("expires_in", &Seconds(until.since(now)));
    }
    item.value("attempt", &got.attempt);
    item.value("waited", &got.waited.as_secs_f64());
    item.plain("enqueued_at", enqueued_at);
    Contents::of(&got.payload).members(&mut item);
    if let Some(key) = said.key {
        item.text("key", key);
    }
    if let Some(headers) = said.headers() {
        item.value("headers", &headers);
    }
    if let Some(past) = said.past {
        item.value("died", &Death::of(past, clock));
    }
    item.end();
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
