//! What is told, as an HTTP answer: the only place that knows statuses and headers of what is granted.

use std::sync::Arc;
use std::time::Duration;

use awaitd_primitives::{
    Answer, Command, Configuration, Got, Grant, Granted, JobId, Name, Payload, Refusal, Thing,
    Time, Trait, Withdrawal,
};
use axum::body::Body;
use axum::http::header::{
    ACCEPT, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, X_CONTENT_TYPE_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};
use axum::response::Response;
use bytes::Bytes;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Serialize;
use serde_json::json;

use super::call::{Asked, Empty};
use super::delivery::Delivered;
use super::job;
use super::many::{self, Listing};
use super::problem::Problem;
use super::shown;
use super::token::Tokens;
use crate::Clock;
use crate::desk::{Delivery, Told};

pub(super) const EXPIRES_IN: HeaderName = HeaderName::from_static("awaitd-expires-in");
pub(super) const GENERATION: HeaderName = HeaderName::from_static("awaitd-generation");
pub(super) const OWNER: HeaderName = HeaderName::from_static("awaitd-owner");
pub(super) const UNFINISHED: HeaderName = HeaderName::from_static("awaitd-unfinished");
const ATTEMPT: HeaderName = HeaderName::from_static("awaitd-attempt");
const DIED_AT: HeaderName = HeaderName::from_static("awaitd-died-at");
const DIED_ATTEMPTS: HeaderName = HeaderName::from_static("awaitd-died-attempts");
const DIED_ERROR: HeaderName = HeaderName::from_static("awaitd-died-error");
const DIED_IN: HeaderName = HeaderName::from_static("awaitd-died-in");
const DIED_OF: HeaderName = HeaderName::from_static("awaitd-died-of");
const ENQUEUED_AT: HeaderName = HeaderName::from_static("awaitd-enqueued-at");
const FENCE: HeaderName = HeaderName::from_static("awaitd-fence");
const JOB: HeaderName = HeaderName::from_static("awaitd-job");
const KEY: HeaderName = HeaderName::from_static("awaitd-key");
const NOTIFIED: HeaderName = HeaderName::from_static("awaitd-notified");
const QUEUE: HeaderName = HeaderName::from_static("awaitd-queue");
const WAITED: HeaderName = HeaderName::from_static("awaitd-waited");

/// What no header's value may have, and the sign by which it is encoded.
static INVISIBLE: AsciiSet = UNPRINTABLE.add(b' ');
static UNPRINTABLE: AsciiSet = CONTROLS.add(b'%');

/// A text in a header is cut to so many bytes: many a client takes no more than 8 KiB of them all.
const ENCODED_BYTES_MAX: usize = 1_000;

/// What is left of a request while it waits: how its answer is to look.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    /// `Accept` names JSON.
    json: bool,
    /// How to say that there is nothing.
    empty: Empty,
    /// Jobs are shown with their bodies.
    pub(super) bodies: bool,
    /// How jobs are told that were got.
    list: Listing,
    /// The caller asked several queues.
    names_queue: bool,
    /// Of the connection.
    version: Version,
}

impl Form {
    /// As this request wants it.
    pub(super) fn new(head: &Parts, asked: &Asked) -> Self {
        let accepts = head.headers.get_all(ACCEPT);
        let named = |value: &HeaderValue| {
            let mut types = value.as_bytes().split(|byte| b",;".contains(byte));
            types.any(|name| name.trim_ascii().eq_ignore_ascii_case(b"application/json"))
        };
        let bodies = !matches!(asked.command, Command::ListJobs { bodies: false, .. });
        let json = accepts.iter().any(named);
        let list = Listing::of(head, asked.list);
        let names_queue = matches!(asked.command, Command::GetAny { .. });
        Self { json, empty: asked.empty, bodies, list, names_queue, version: head.version }
    }
}

/// The answer to whoever asked.
pub(super) fn answer(told: Told, form: Form, tokens: &Tokens, clock: &Clock) -> Response {
    let Told { told, now, delivery, fetches: _ } = told;
    let granted = match told {
        Ok(granted) => granted,
        Err(refusal) => return refuse(refusal, form, now),
    };
    match granted {
        Answer::Configured { configuration, created } => configured(&configuration, created),
        Answer::State(view) => json(StatusCode::OK, &shown::State::of(&view, now)),
        Answer::List { items, cursor } => {
            json(StatusCode::OK, &shown::Page::of(&items, cursor.as_ref(), now))
        }
        Answer::Fired => unreachable!("no route fires a schedule"),
        Answer::Deleted | Answer::Cleared | Answer::Settled => bare(StatusCode::NO_CONTENT),
        Answer::ShutDown | Answer::Paused => bare(StatusCode::OK),
        Answer::Placed { queue, job } => {
            located(StatusCode::CREATED, job_path(&queue, job), form, None)
        }
        Answer::Present { queue, job } => {
            located(StatusCode::OK, job_path(&queue, job), form, None)
        }
        Answer::Got(job) if form.list != Listing::None => {
            many(&[*job], form, now, delivery, tokens, clock)
        }
        Answer::Got(job) => got(*job, form, now, delivery, tokens, clock),
        Answer::GotMany(all) => many(&all, form, now, delivery, tokens, clock),
        Answer::Job(view) => json(StatusCode::OK, &job::Shown::of(&view, form.bodies, now, clock)),
        Answer::Jobs { items, cursor } => {
            let page = job::Page::of(&items, cursor, form.bodies, now, clock);
            json(StatusCode::OK, &page)
        }
        Answer::Result(Payload { body, content_type: kind }) => {
            foreign(Body::from(bytes(body)), content_type(kind))
        }
        Answer::Purged { dropped } => json(StatusCode::OK, &json!({ "dropped": dropped })),
        Answer::Redriven { moved, left } => json(StatusCode::OK, &shown::Redriven { moved, left }),
        Answer::Joined { generation } | Answer::Set { generation } => {
            with(bare(StatusCode::OK), [(GENERATION, HeaderValue::from(generation))])
        }
        Answer::Happened { generation, value } => {
            let response = foreign(Body::from(bytes(value.body)), content_type(value.content_type));
            with(response, [(GENERATION, HeaderValue::from(generation))])
        }
        Answer::Acquired(grant) => {
            let path = tokens.path(grant.lease, &grant.thing);
            with(located(StatusCode::CREATED, path, form, delivery), lease(&grant, now))
        }
        Answer::Woken { grant, condition: _, notified } => {
            let path = tokens.path(grant.lease, &grant.thing);
            let told = HeaderValue::from_static(if notified { "true" } else { "false" });
            let response = located(StatusCode::CREATED, path, form, delivery);
            with(with(response, lease(&grant, now)), [(NOTIFIED, told)])
        }
        Answer::Broken(holders) => json(StatusCode::OK, &shown::Broken::of(&holders, now)),
        Answer::Tripped { index, generation } => {
            let document = json!({ "index": index, "generation": generation });
            let header = (GENERATION, HeaderValue::from(generation));
            with(json(StatusCode::OK, &document), [header])
        }
        Answer::Notified { woken } => json(StatusCode::OK, &json!({ "woken": woken })),
        Answer::Extended(grant) | Answer::Held(grant) => {
            with(bare(StatusCode::OK), lease(&grant, now))
        }
        Answer::Withdrawn(withdrawal) => withdrawn(withdrawal, tokens),
    }
}

/// Seconds with three places, cut: what is left of a lease is never overstated.
pub(super) fn seconds(length: Duration) -> HeaderValue {
    let text = format!("{}.{:03}", length.as_secs(), length.subsec_millis());
    value(text)
}

/// A text that was found fit for a header when it came in.
pub(super) fn text(text: Arc<str>) -> HeaderValue {
    value(Bytes::from_owner(Shared(text)))
}

fn refuse(refusal: Refusal, form: Form, now: Time) -> Response {
    let idle = refusal == Refusal::Empty && matches!(form.empty, Empty::NoContent);
    if idle { bare(StatusCode::NO_CONTENT) } else { Problem::refused(refusal, now).into_response() }
}

fn configured(configuration: &Configuration, created: bool) -> Response {
    let shown = shown::Configuration::of(configuration);
    if created {
        let thing = configuration.thing();
        let location = (LOCATION, value(format!("/v1/{}/{}", thing.kinds(), thing.name())));
        with(json(StatusCode::CREATED, &shown), [location])
    } else {
        json(StatusCode::OK, &shown)
    }
}

fn job_path(queue: &Name, job: JobId) -> String {
    format!("/v1/queues/{queue}/jobs/{}", job.0)
}

/// An answer whose `Location` is its body as well, so that a script needs no header.
fn located(status: StatusCode, path: String, form: Form, delivery: Option<Delivery>) -> Response {
    let length = path.len();
    let line = Bytes::from(path + "\n");
    let location = line.slice(..length);
    let (kind, body) = if form.json {
        let path = std::str::from_utf8(&location).expect("a path is text");
        let document = json!({ "location": path }).to_string();
        ("application/json", Bytes::from(document))
    } else {
        ("text/plain; charset=utf-8", line)
    };
    let mut response = Response::new(deliver(body, form.version, delivery));
    *response.status_mut() = status;
    with(response, [(CONTENT_TYPE, HeaderValue::from_static(kind)), (LOCATION, value(location))])
}

fn got(
    got: Got,
    form: Form,
    now: Time,
    delivery: Option<Delivery>,
    tokens: &Tokens,
    clock: &Clock,
) -> Response {
    let Payload { body, content_type: kind } = got.payload;
    let mut response = Response::new(deliver(bytes(body), form.version, delivery));
    let headers = response.headers_mut();
    headers.reserve(10 + got.traits.len());
    tell(&got.traits, headers, clock);
    if form.names_queue {
        headers.insert(QUEUE, value(got.queue.to_string()));
    }
    // Done once it is delivered, a job has no lease to come back with.
    if let Some(until) = got.until {
        let path = tokens.path(got.lease, &Thing::Queue(got.queue));
        headers.insert(LOCATION, value(path));
        headers.insert(EXPIRES_IN, seconds(until.since(now)));
    }
    let facts = [
        (CONTENT_TYPE, content_type(kind)),
        (FENCE, HeaderValue::from(got.lease.fence())),
        (JOB, HeaderValue::from(got.job.0)),
        (ATTEMPT, HeaderValue::from(got.attempt)),
        (WAITED, seconds(got.waited)),
        (ENQUEUED_AT, value(clock.rfc3339(got.enqueued))),
    ];
    with(response, facts)
}

/// What else a job has, to whoever works on it.
fn tell(traits: &[Trait], headers: &mut HeaderMap, clock: &Clock) {
    let said = job::Said::of(traits);
    for (name, told) in said.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("was found fit for one");
        headers.insert(name, text(told.into()));
    }
    if let Some(key) = said.key {
        headers.insert(KEY, value(encoded(key, &INVISIBLE)));
    }
    if let Some(past) = said.past {
        headers.insert(DIED_IN, value(past.from.to_string()));
        headers.insert(DIED_OF, HeaderValue::from_static(past.cause.code()));
        headers.insert(DIED_AT, value(clock.rfc3339(past.died)));
        headers.insert(DIED_ATTEMPTS, HeaderValue::from(past.attempts));
        if let Some(error) = &past.error {
            headers.insert(DIED_ERROR, value(encoded(error, &UNPRINTABLE)));
        }
    }
}

/// A text percent-encoded where that is needed, and cut to what a header may have.
fn encoded(text: &str, set: &'static AsciiSet) -> String {
    let mut encoded = String::new();
    for character in text.chars() {
        let fits = encoded.len();
        encoded.extend(utf8_percent_encode(character.encode_utf8(&mut [0; 4]), set));
        if encoded.len() > ENCODED_BYTES_MAX {
            encoded.truncate(fits);
            break;
        }
    }
    encoded
}

fn many(
    all: &[Got],
    form: Form,
    now: Time,
    delivery: Option<Delivery>,
    tokens: &Tokens,
    clock: &Clock,
) -> Response {
    let text = many::list(all, form.list, now, tokens, clock);
    let response = Response::new(deliver(text, form.version, delivery));
    let kind = (CONTENT_TYPE, HeaderValue::from_static(form.list.content_type()));
    let response = with(response, [kind]);
    // All are of one queue.
    match all.first().filter(|_| form.names_queue) {
        Some(got) => with(response, [(QUEUE, value(got.queue.to_string()))]),
        None => response,
    }
}

fn withdrawn(withdrawal: Withdrawal, tokens: &Tokens) -> Response {
    let granted = match withdrawal {
        Withdrawal::Withdrawn => {
            return json(StatusCode::OK, &json!({ "outcome": "withdrawn" }));
        }
        Withdrawal::Granted(granted) => granted,
    };
    let response = json(StatusCode::OK, &json!({ "outcome": "granted" }));
    let path = match granted {
        Granted::Job(queue, job) => job_path(&queue, job),
        Granted::Lease(thing, lease) => tokens.path(lease, &thing),
        Granted::Nothing => return response,
    };
    with(response, [(LOCATION, value(path))])
}

fn lease(grant: &Grant, now: Time) -> [(HeaderName, HeaderValue); 2] {
    [(FENCE, HeaderValue::from(grant.lease.fence())), (EXPIRES_IN, seconds(grant.until.since(now)))]
}

fn deliver(bytes: Bytes, version: Version, delivery: Option<Delivery>) -> Body {
    match delivery {
        Some(delivery) => Body::new(Delivered::new(bytes, version, || delivery.taken())),
        None => Body::from(bytes),
    }
}

fn bare(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response
}

fn json(status: StatusCode, document: &impl Serialize) -> Response {
    let document = serde_json::to_vec(document).expect("what is shown is JSON");
    let mut response = Response::new(Body::from(document));
    *response.status_mut() = status;
    with(response, [(CONTENT_TYPE, HeaderValue::from_static("application/json"))])
}

/// What a client said, to be read by a plain GET. Should that be a browser's, it runs nothing of it.
fn foreign(body: Body, kind: HeaderValue) -> Response {
    let harmless = HeaderValue::from_static("sandbox; default-src 'none'");
    let facts = [
        (CONTENT_TYPE, kind),
        (CONTENT_SECURITY_POLICY, harmless),
        (X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    with(Response::new(body), facts)
}

fn with<const N: usize>(
    mut response: Response,
    headers: [(HeaderName, HeaderValue); N],
) -> Response {
    response.headers_mut().extend(headers);
    response
}

/// A header's value, from what is known to be fit for one. Not copied.
fn value(text: impl Into<Bytes>) -> HeaderValue {
    HeaderValue::from_maybe_shared(text.into()).expect("is visible ASCII")
}

/// The type that a body was put with.
fn content_type(kind: Option<Arc<str>>) -> HeaderValue {
    match kind {
        None => HeaderValue::from_static("application/octet-stream"),
        Some(kind) => text(kind),
    }
}

/// A job's bytes, shared with the state and not copied.
fn bytes(body: awaitd_primitives::Body) -> Bytes {
    match body {
        awaitd_primitives::Body::Here(bytes) if !bytes.is_empty() => Bytes::from_owner(bytes),
        // A stored body was brought before, and an empty one need not be.
        _ => Bytes::new(),
    }
}

/// A text as an owner of bytes.
struct Shared(Arc<str>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a header cannot have is encoded so that it can be read back, and cut between characters.
    #[test]
    fn is_encoded_for_a_header() {
        let table =
            [("tenant:7", "tenant:7"), ("50 %", "50%20%25"), ("é\n", "%C3%A9%0A"), ("", "")];
        for (text, shown) in table {
            assert_eq!(encoded(text, &INVISIBLE), shown);
        }
        assert_eq!(encoded("no route to host", &UNPRINTABLE), "no route to host");
        assert_eq!(encoded(&"é".repeat(1_000), &INVISIBLE), "%C3%A9".repeat(166));
        assert_eq!(encoded(&"e".repeat(2_000), &INVISIBLE), "e".repeat(1_000));
    }
}
