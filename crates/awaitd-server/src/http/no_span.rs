//! What stands for `span.rs` in a binary without the feature `otlp`: nothing.

use awaitd_primitives::{Answer, Refusal};
use axum::extract::Request;
use axum::response::Response;

/// Makes no spans.
pub(super) struct Tracer;

/// No span.
pub(super) struct Span;

impl Tracer {
    /// None.
    pub(super) fn new() -> Self {
        Self
    }

    /// Nothing is noted.
    #[expect(clippy::unused_self, reason = "as where there are spans")]
    pub(super) fn begin(&self, _: (&'static str, &'static str), _: &Request) -> Span {
        Span
    }
}

impl Span {
    /// Nothing is noted.
    #[expect(clippy::unused_self, reason = "as where there are spans")]
    pub(super) fn link(&mut self, _: &Result<Answer, Refusal>) {}

    /// Nothing is sent.
    #[expect(clippy::unused_self, reason = "as where there are spans")]
    pub(super) fn end(self, _: &Response) {}
}
