//! Jobs as JSON shows them, to whoever looks at them and to whoever gets many at one time.

use std::collections::BTreeMap;
use std::time::Duration;

use awaitd_primitives::{JobId, JobState, JobView, Past, Payload, Time, Trait};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::Serialize;

use super::many::Object;
use super::shown::maybe_seconds;
use crate::Clock;

/// What else a job has, each at its place.
#[derive(Default)]
pub(super) struct Said<'a> {
    pub(super) key: Option<&'a str>,
    pub(super) unique: Option<&'a str>,
    pub(super) ends: Option<Time>,
    pub(super) max_attempts: Option<u32>,
    pub(super) lease: Option<Duration>,
    pub(super) headers: Vec<(&'a str, &'a str)>,
    pub(super) past: Option<&'a Past>,
    pub(super) progress: Option<&'a Payload>,
}

impl<'a> Said<'a> {
    /// What these say.
    pub(super) fn of(traits: &'a [Trait]) -> Self {
        let mut said = Self::default();
        for one in traits {
            match one {
                Trait::Key(key) => said.key = Some(key),
                Trait::Unique(value) => said.unique = Some(value),
                Trait::Ends(ends) => said.ends = Some(*ends),
                Trait::MaxAttempts(most) => said.max_attempts = Some(*most),
                Trait::Lease(length) => said.lease = Some(*length),
                Trait::Header(name, value) => said.headers.push((name, value)),
                Trait::Past(past) => said.past = Some(past),
                Trait::Progress(progress) => said.progress = Some(progress),
                Trait::HoldsKey | Trait::Dead | Trait::At(_) => {}
            }
        }
        said
    }

    /// Its headers as an object, if it has any.
    pub(super) fn headers(&self) -> Option<BTreeMap<&'a str, &'a str>> {
        (!self.headers.is_empty()).then(|| self.headers.iter().copied().collect())
    }
}

/// Bytes that somebody put: as a text if they are UTF-8, else in base64.
#[derive(Default, Serialize)]
pub(super) struct Contents<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_base64: Option<String>,
}

impl<'a> Contents<'a> {
    /// All of it. A body that was not brought here is left out.
    pub(super) fn of(payload: &'a Payload) -> Self {
        let bytes = payload.body.here();
        let text =
            bytes.map(|bytes| std::str::from_utf8(bytes).map_err(|_| STANDARD.encode(bytes)));
        let (body, body_base64) = match text {
            Some(Ok(text)) => (Some(text), None),
            Some(Err(encoded)) => (None, Some(encoded)),
            None => (None, None),
        };
        Self { body, body_base64, ..Self::without_body(payload) }
    }

    /// As members of a job that is written member by member.
    pub(super) fn members(&self, object: &mut Object<'_>) {
        let Self { content_type, body, body_base64 } = self;
        let texts = [
            ("content_type", *content_type),
            ("body", *body),
            ("body_base64", body_base64.as_deref()),
        ];
        for (name, text) in texts {
            if let Some(text) = text {
                object.text(name, text);
            }
        }
    }

    pub(super) fn without_body(payload: &'a Payload) -> Self {
        Self { content_type: payload.content_type.as_deref(), ..Self::default() }
    }
}

/// How a job died.
#[derive(Serialize)]
pub(super) struct Death<'a> {
    queue: &'a str,
    reason: &'static str,
    attempts: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    enqueued_at: String,
    died_at: String,
}

impl<'a> Death<'a> {
    /// As it is remembered.
    pub(super) fn of(past: &'a Past, clock: &Clock) -> Self {
        Self {
            queue: past.from.as_str(),
            reason: past.cause.code(),
            attempts: past.attempts,
            error: past.error.as_deref(),
            enqueued_at: clock.rfc3339(past.enqueued),
            died_at: clock.rfc3339(past.died),
        }
    }
}

/// A job, as whoever looks sees it. Never a token: who looks does not hold.
#[derive(Serialize)]
pub(super) struct Shown<'a> {
    job: u64,
    queue: &'a str,
    state: &'static str,
    enqueued_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    ready_at: Option<String>,
    /// Not of one that is done: it is no longer known.
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unique: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "maybe_seconds")]
    lease_length: Option<Duration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<BTreeMap<&'a str, &'a str>>,
    #[serde(flatten)]
    contents: Contents<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    result: Option<Contents<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    progress: Option<Contents<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    died: Option<Death<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    leased: Option<Leased>,
}

#[derive(Serialize)]
struct Leased {
    fence: u64,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "maybe_seconds")]
    expires_in: Option<Duration>,
}

impl<'a> Shown<'a> {
    /// As it is at `now`, with its body or without.
    pub(super) fn of(view: &'a JobView, bodies: bool, now: Time, clock: &Clock) -> Self {
        let said = Said::of(&view.traits);
        let done = view.state == JobState::Done;
        let waits = matches!(view.state, JobState::Ready | JobState::Delayed);
        let of = if bodies { Contents::of } else { Contents::without_body };
        let contents = of(&view.payload);
        let (contents, result) =
            if done { (Contents::default(), Some(contents)) } else { (contents, None) };
        Self {
            job: view.job.0,
            queue: view.queue.as_str(),
            state: view.state.name(),
            enqueued_at: clock.rfc3339(view.enqueued),
            ready_at: waits.then(|| clock.rfc3339(view.since)),
            attempts: (!done).then_some(view.attempts),
            error: view.error.as_deref(),
            key: said.key,
            unique: said.unique,
            priority_key: view.rank.as_ref().map(ToString::to_string),
            expires_at: said.ends.map(|ends| clock.rfc3339(ends)),
            max_attempts: said.max_attempts,
            lease_length: said.lease,
            headers: said.headers(),
            contents,
            bytes: (!done).then(|| view.payload.body.len()),
            result,
            progress: said.progress.map(of),
            died: said.past.map(|past| Death::of(past, clock)),
            leased: view.lease.map(|(lease, until)| Leased {
                fence: lease.fence(),
                expires_in: until.map(|until| until.since(now)),
            }),
        }
    }
}

/// A page of jobs.
#[derive(Serialize)]
pub(super) struct Page<'a> {
    items: Vec<Shown<'a>>,
    cursor: Option<String>,
}

impl<'a> Page<'a> {
    /// As they are at `now`, with their bodies or without.
    pub(super) fn of(
        items: &'a [JobView],
        cursor: Option<JobId>,
        bodies: bool,
        now: Time,
        clock: &Clock,
    ) -> Self {
        let items = items.iter().map(|view| Shown::of(view, bodies, now, clock)).collect();
        Self { items, cursor: cursor.map(|last| last.0.to_string()) }
    }
}
