//! What a request is called, in its answer and in the log, and why it was refused. The caller may say
//! what it calls it; then that is its name everywhere.

use std::borrow::Cow;
use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::response::Response;
use tracing::{Level, debug, enabled};

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// A longer one, which stands in each line about the request, is not taken.
const GIVEN_BYTES_MAX: usize = 128;

/// Makes ids: the process's own number and a counter, so that nothing has to be random but once.
#[derive(Debug)]
pub(super) struct Ids {
    /// With the hyphen behind it.
    process: String,
    next: AtomicU64,
}

/// What the log says of a refusal, on its way there.
#[derive(Clone, Debug)]
struct Why {
    code: &'static str,
    detail: Cow<'static, str>,
}

impl Ids {
    /// Those of this process.
    pub(super) fn new() -> Self {
        let mut bytes = [0; 4];
        getrandom::fill(&mut bytes).expect("the system has random bytes");
        let process = format!("{:08x}-", u32::from_ne_bytes(bytes));
        Self { process, next: AtomicU64::new(1) }
    }

    /// Says in an answer what the request was called by its caller, or is called now; and in the log,
    /// if it was refused and the operator wants to know.
    pub(super) fn sign(
        &self,
        response: &mut Response,
        given: Option<HeaderValue>,
        (method, route): (&'static str, &'static str),
    ) {
        let id = given.unwrap_or_else(|| self.make());
        let status = response.status().as_u16();
        if status >= 400 && enabled!(Level::DEBUG) {
            let why = response.extensions_mut().remove::<Why>();
            let (code, detail) = why.as_ref().map_or(("", ""), |why| (why.code, &why.detail));
            let request_id = id.to_str().expect("it is visible ASCII");
            debug!(method, route, status, code, request_id, detail, "refused");
        }
        response.headers_mut().insert(REQUEST_ID, id);
    }

    fn make(&self) -> HeaderValue {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        // In one piece: growing costs more than writing.
        let mut id = String::with_capacity(self.process.len() + 16);
        id.push_str(&self.process);
        write!(id, "{number:x}").expect("a string takes all");
        HeaderValue::from_str(&id).expect("digits are fit for a header")
    }
}

/// What the caller calls its request: `X-Request-Id`, if it is one, visible and not too long. It is
/// no reason to refuse anything, since proxies put it there.
pub(super) fn given(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut values = headers.get_all(REQUEST_ID).iter();
    let only = values.next().filter(|_| values.next().is_none())?;
    let visible = only.as_bytes().iter().all(u8::is_ascii_graphic);
    let fits = visible && (1..=GIVEN_BYTES_MAX).contains(&only.len());
    // A copy: a clone would hold the whole head as long as the request waits.
    fits.then(|| HeaderValue::from_bytes(only.as_bytes()).expect("it was one"))
}

/// Keeps why a request was refused for the log, if that would tell it.
pub(super) fn explain(
    response: &mut Response,
    code: &'static str,
    detail: impl FnOnce() -> Cow<'static, str>,
) {
    if enabled!(Level::DEBUG) {
        response.extensions_mut().insert(Why { code, detail: detail() });
    }
}
