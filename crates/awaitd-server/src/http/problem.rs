//! What went wrong, as `application/problem+json` (RFC 9457): clients match `code`, people read
//! `detail`, which says what was wrong and what would be right.

use std::borrow::Cow;
use std::time::Duration;

use awaitd_primitives::{BadName, Refusal, Time};
use axum::body::Body;
use axum::http::header::{ALLOW, CONNECTION, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::response::Response;
use serde::Serialize;

use super::answer::{self, EXPIRES_IN, GENERATION, OWNER, UNFINISHED};
use super::shown::Configuration;
use super::{receipt, refusal};
use crate::access::{Denied, Realm, Verb};

/// What RFC 6750 has for a token that is worth nothing, whatever the reason.
const INVALID_TOKEN: &str = ", error=\"invalid_token\"";

/// An answer that is no.
#[derive(Debug)]
pub(super) struct Problem {
    status: StatusCode,
    code: &'static str,
    title: &'static str,
    detail: Cow<'static, str>,
    headers: Vec<(HeaderName, HeaderValue)>,
    configuration: Option<serde_json::Value>,
}

/// As it stands in a body, alone or among others.
#[derive(Serialize)]
struct Document<'a> {
    r#type: String,
    title: &'a str,
    status: u16,
    detail: &'a str,
    code: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    configuration: Option<&'a serde_json::Value>,
}

/// What is wrong with a request before anybody is asked.
impl Problem {
    /// A parameter, header or body that is bad; the detail names it.
    pub(super) fn parameter(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(400, "invalid_parameter", "A parameter is wrong", detail)
    }

    /// A name in the path that is none.
    pub(super) fn name(given: &str) -> Self {
        let detail = format!("{} is no name: {BadName}", Self::quote(given));
        Self::new(400, "invalid_name", "This is no name", detail)
    }

    /// A body that broke off.
    pub(super) fn cut_body() -> Self {
        Self::parameter("the body broke off before its end: send it whole")
    }

    /// A body that did not come in its time.
    pub(super) fn slow_body(patience: Duration, per_second: usize) -> Self {
        Self::parameter(format!(
            "the body came too slowly: it has {} s, and a second more for each {per_second} bytes that have \
             come: send it at once",
            patience.as_secs()
        ))
    }

    /// A head of more than so many headers or bytes.
    pub(super) fn head_too_large(headers: usize, bytes: usize) -> Self {
        let detail = format!(
            "a request may have {headers} headers, and {bytes} bytes in them, its path and its \
             parameters: send less"
        );
        Self::new(431, "headers_too_large", "The head is too large", detail)
    }

    /// A body that is more than cut into chunks. What stands behind it is not heard.
    pub(super) fn unknown_coding() -> Self {
        let detail =
            "the only `Transfer-Encoding` that is known is chunked, once: send the body as it is";
        Self::new(501, "unknown_coding", "The body is encoded", detail)
            .with(CONNECTION, HeaderValue::from_static("close"))
    }

    /// A request for another server.
    pub(super) fn misdirected(host: &str) -> Self {
        let host = Self::quote(host);
        let detail = format!(
            "{host} is no name of this server: ask it by its address or by localhost, or have it \
             started with this name in --allowed-hosts"
        );
        Self::new(421, "misdirected", "This server has another name", detail)
    }

    /// What a page of another site wants changed.
    pub(super) fn cross_site() -> Self {
        let detail = "a browser sent this for a page of another site, which may change nothing here: \
                      ask from a page of this server, or without a browser";
        Self::new(403, "cross_site", "This comes from another site", detail)
    }

    /// Who asks is not known.
    pub(super) fn unauthorized(denied: Denied) -> Self {
        let (error, why) = match denied {
            Denied::Missing => ("", "this server wants a token"),
            Denied::Malformed => {
                (INVALID_TOKEN, "what was shown is no token: was it cut or mistyped?")
            }
            Denied::Unknown => (INVALID_TOKEN, "this token is not known here, or not any more"),
            Denied::Expired => (INVALID_TOKEN, "this token has expired"),
            Denied::Changed => (INVALID_TOKEN, "this token no longer allows all that it did"),
        };
        let detail = format!("{why}; send Authorization: Bearer awd_…");
        let challenge = format!("Bearer realm=\"awaitd\"{error}");
        let challenge = HeaderValue::try_from(challenge).expect("it is fit for a header");
        let title = "Who are you?";
        Self::new(401, "unauthorized", title, detail).with(WWW_AUTHENTICATE, challenge)
    }

    /// Who asks may not do that: one of these verbs with what has this name.
    pub(super) fn forbidden(realm: Realm, name: &str, verbs: &[Verb]) -> Self {
        let right = |verb: &Verb| format!("{}:{name}:{}", realm.word(), verb.word());
        let rights: Vec<_> = verbs.iter().map(right).collect();
        let detail =
            format!("this token does not allow it: one with {} would", rights.join(" or "));
        Self::new(403, "forbidden", "You may not do this", detail)
    }

    /// And what else would be right.
    pub(super) fn or_else(mut self, what: &str) -> Self {
        self.detail = format!("{}; or {what}", self.detail).into();
        self
    }

    /// Something in the path or a parameter that is not there.
    pub(super) fn not_found(detail: impl Into<Cow<'static, str>>) -> Self {
        Self::new(404, "not_found", "There is no such thing", detail)
    }

    /// A path that no route names.
    pub(super) fn no_route(path: &str) -> Self {
        let path = Self::quote(path);
        Self::not_found(format!("nothing is at {path}: /v1/openapi.json says what there is"))
    }

    /// A backup of what is in memory alone.
    pub(super) fn nothing_to_keep() -> Self {
        Self::not_found("this server keeps everything in memory: a backup is of what is on a disk")
    }

    /// The loop, or its disk, is too far behind.
    pub(super) fn overloaded() -> Self {
        let detail = "the server, or its disk, is behind by more than --max-lag: this was not done, ask again \
                      later; what is held can be given back";
        Self::new(503, "overloaded", "The server is overloaded", detail)
    }

    /// The bodies that are here already take as much as they may.
    pub(super) fn no_room() -> Self {
        let detail = "bodies of requests that are not answered yet take --max-incoming-bytes already: this was \
                      not done, ask again later";
        Self::new(503, "overloaded", "The server is overloaded", detail)
    }

    /// Answers that nobody has taken yet already take as much as they may.
    pub(super) fn no_room_to_answer() -> Self {
        let detail = "answers that their clients have not taken yet take --max-outgoing-bytes already: nothing was \
                      handed out or shown, ask again later, or for less";
        Self::new(503, "overloaded", "The server is overloaded", detail)
    }

    /// As many wait with one token as may.
    pub(super) fn too_many_waits() -> Self {
        let detail =
            "all --max-waits-per-token of this one are taken: ask again later, or without `wait`";
        Self::new(503, "overloaded", "The server is overloaded", detail)
    }

    /// As many watch as may.
    pub(super) fn too_many_watchers() -> Self {
        let detail = "as many watch this server, or do so with this token, as may at one time: ask again when one \
                      of them has gone";
        Self::new(503, "overloaded", "Too many watch", detail)
    }

    /// A method that the path does not know.
    pub(super) fn method(given: &Method, allowed: String) -> Self {
        let given = Self::quote(given.as_str());
        let detail = format!("{given} means nothing here, but {allowed} would");
        let title = "This path has no such method";
        let value = HeaderValue::try_from(allowed).expect("methods are fit for a header");
        Self::new(405, "method_not_allowed", title, detail).with(ALLOW, value)
    }

    /// A body of more than `limit` bytes.
    pub(super) fn too_large(limit: usize) -> Self {
        let detail = format!(
            "a body may have {limit} bytes here: send less, or have the server started with a \
             larger --max-body"
        );
        Self::new(413, "too_large", "The body is too large", detail)
    }

    /// What is said of a job, in more than `most` bytes.
    pub(super) fn too_much_said(what: &str, most: usize) -> Self {
        let detail = format!(
            "a {what} may have {most} bytes: put what is larger elsewhere, and its place into the {what}"
        );
        Self::new(413, "too_large", "The body is too large", detail)
    }

    /// A line of more than `limit` bytes.
    pub(super) fn line_too_long(limit: usize) -> Self {
        let detail = format!(
            "a line may have {limit} bytes here, and what stands behind this one was not read: send \
             it in another request, or have the server started with a larger --max-body"
        );
        Self::new(413, "too_large", "The line is too long", detail)
    }

    /// A line that did not come in its time.
    pub(super) fn late_line(patience: Duration) -> Self {
        Self::parameter(format!(
            "the next line did not come within {} s, and nothing behind it was read: send it in another \
             request; a blank line keeps one open",
            patience.as_secs()
        ))
    }

    /// What names no lease of the queue in the path.
    pub(super) fn no_lease() -> Self {
        Self::not_found("this server gave out no such lease of this queue")
    }

    /// A text of the client's in a message: quoted, escaped and not too long.
    pub(super) fn quote(text: &str) -> String {
        let (shown, more) = beginning(text);
        format!("{shown:?}{more}")
    }

    /// A JSON value of the client's in a message, which is quoted and escaped by itself.
    pub(super) fn value(value: &serde_json::Value) -> String {
        let text = value.to_string();
        let (shown, more) = beginning(&text);
        format!("{shown}{more}")
    }

    /// What was wrong and what would be right.
    pub(super) fn detail(&self) -> &str {
        &self.detail
    }

    fn new(
        status: u16,
        code: &'static str,
        title: &'static str,
        detail: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self {
            status: StatusCode::from_u16(status).expect("a status has three digits"),
            code,
            title,
            detail: detail.into(),
            headers: Vec::new(),
            configuration: None,
        }
    }

    fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }
}

/// What the loop refuses.
impl Problem {
    /// A refusal that was told at `now`.
    pub(super) fn refused(refusal: Refusal, now: Time) -> Self {
        let (status, title, detail) =
            (refusal::status(&refusal), refusal::title(&refusal), refusal::detail(&refusal));
        let mut problem = Self::new(status, refusal.code(), title, detail);
        match refusal {
            Refusal::NotDrained { unfinished, generation } => problem
                .with(UNFINISHED, HeaderValue::from(unfinished))
                .with(GENERATION, HeaderValue::from(generation)),
            Refusal::NotSet { generation } | Refusal::AlreadySet { generation } => {
                problem.with(GENERATION, HeaderValue::from(generation))
            }
            Refusal::Locked { owner, until, waited: _ } => {
                if let Some(owner) = owner {
                    problem.headers.push((OWNER, answer::text(owner)));
                }
                if let Some(until) = until {
                    let left = answer::seconds(until.since(now));
                    problem.headers.push((EXPIRES_IN, left));
                }
                problem
            }
            Refusal::Exists { configuration } => {
                let configuration = serde_json::to_value(Configuration::of(&configuration));
                problem.configuration = Some(configuration.expect("a configuration is JSON"));
                problem
            }
            Refusal::Full
            | Refusal::WaitingBytes
            | Refusal::TooLarge { .. }
            | Refusal::MemoryFull
            | Refusal::OverQuota { .. }
            | Refusal::NotDone
            | Refusal::Failed
            | Refusal::OwnDeadLetter
            | Refusal::QueueShutDown
            | Refusal::Empty
            | Refusal::OtherOrder
            | Refusal::NoRanks
            | Refusal::OverBound { .. }
            | Refusal::NotTripped
            | Refusal::Broken
            | Refusal::NotExclusive
            | Refusal::Leased
            | Refusal::Held
            | Refusal::LeaseLost
            | Refusal::NotFound
            | Refusal::Deleted
            | Refusal::KeyMismatch
            | Refusal::Superseded
            | Refusal::Withdrawn
            | Refusal::TooManyWaits
            | Refusal::TooManyKeys
            | Refusal::TooManyNames
            | Refusal::DiskFull
            | Refusal::ShuttingDown => problem,
        }
    }

    /// The document, written behind what is there.
    pub(super) fn write(&self, text: &mut Vec<u8>) {
        let document = Document {
            r#type: format!("urn:awaitd:problem:{}", self.code),
            title: self.title,
            status: self.status.as_u16(),
            detail: &self.detail,
            code: self.code,
            configuration: self.configuration.as_ref(),
        };
        serde_json::to_writer(text, &document).expect("a problem is JSON");
    }

    /// As it is sent.
    pub(super) fn into_response(self) -> Response {
        let mut body = Vec::new();
        self.write(&mut body);
        // It is shown on terminals.
        body.push(b'\n');
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = self.status;
        let headers = response.headers_mut();
        headers.extend(self.headers);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        // "Ask again": the only three that mean it.
        if matches!(self.status.as_u16(), 408 | 429 | 503) {
            headers.insert(RETRY_AFTER, HeaderValue::from_static("1"));
        }
        receipt::explain(&mut response, self.code, || self.detail);
        response
    }
}

/// As much of a text as a message shows, and whether there was more.
fn beginning(text: &str) -> (&str, &'static str) {
    const SHOWN_CHARS_MAX: usize = 80;
    match text.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => (&text[..end], "…"),
        None => (text, ""),
    }
}
