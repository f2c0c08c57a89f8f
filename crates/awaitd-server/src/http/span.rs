//! A request as a span of a trace (feature `otlp`): a child of what its caller is at, if that is said in
//! `traceparent`. A get's is linked with what the producer of each of its jobs was at, as the job has that
//! with it. Spans go to whatever tracer the binary set up, and nowhere if it set up none.
//!
//! No attribute has what only its owner may know: no token, no key, no query, no body.

use std::borrow::Cow;
use std::slice;

use awaitd_primitives::{Answer, Got, Name, Refusal, Trait};
use axum::extract::Request;
use axum::http::Version;
use axum::response::Response;
use opentelemetry::global::{self, BoxedSpan, BoxedTracer};
use opentelemetry::propagation::Extractor;
use opentelemetry::trace::{
    Span as _, SpanContext, SpanKind, Status, TraceContextExt, Tracer as _,
};
use opentelemetry::{Array, Context, KeyValue, StringValue, Value};

use super::receipt::REQUEST_ID;
use super::routes::OTHER;

const TRACEPARENT: &str = "traceparent";
const TRACESTATE: &str = "tracestate";

/// A longer one is left out, as the standard allows; spans that wait to be sent hold it.
const TRACESTATE_BYTES_MAX: usize = 512;

/// A get of more jobs is linked with the first of them.
const LINKS_MAX: usize = 128;

/// Of what stands in a path, these are shown. Whatever else a template has is a secret of somebody's.
const SHOWN: [&str; 8] = [
    "{queue}",
    "{job}",
    "{event}",
    "{lock}",
    "{condition}",
    "{semaphore}",
    "{barrier}",
    "{schedule}",
];

/// Makes spans.
pub(super) struct Tracer(BoxedTracer);

/// A request that is being answered. Dropped before its end it is a span without a status: its caller
/// has gone.
pub(super) struct Span(BoxedSpan);

/// What a request or a job says of the trace that it belongs to.
struct Carried<'a> {
    parent: Option<&'a str>,
    state: Option<&'a str>,
}

impl Tracer {
    /// The one that the binary has set up by now.
    pub(super) fn new() -> Self {
        Self(global::tracer("awaitd"))
    }

    /// A request by this method to this route.
    pub(super) fn begin(
        &self,
        (method, template): (&'static str, &'static str),
        request: &Request,
    ) -> Span {
        let said = |name: &str| request.headers().get(name)?.to_str().ok();
        // Of two parents none is one.
        let only = request.headers().get_all(TRACEPARENT).iter().nth(1).is_none();
        let parent = said(TRACEPARENT).filter(|_| only);
        let parent = Carried { parent, state: said(TRACESTATE) }.context();
        let route = (template != OTHER.template).then_some(template);
        let builder = self.0.span_builder(name(method, route)).with_kind(SpanKind::Server);
        let mut span = self.0.build_with_context(builder, &parent);
        if span.is_recording() {
            let method = if method == "other" { "_OTHER" } else { method };
            span.set_attribute(KeyValue::new("http.request.method", method));
            let version = if request.version() == Version::HTTP_2 { "2" } else { "1.1" };
            span.set_attribute(KeyValue::new("network.protocol.version", version));
            if let Some(template) = route {
                span.set_attribute(KeyValue::new("http.route", template));
                let path = shown(template, request.uri().path());
                span.set_attribute(KeyValue::new("url.path", path));
            }
        }
        Span(span)
    }
}

impl Span {
    /// With those who put what is told.
    pub(super) fn link(&mut self, told: &Result<Answer, Refusal>) {
        let got: &[Got] = if let Ok(Answer::Got(got)) = told {
            slice::from_ref(got)
        } else if let Ok(Answer::GotMany(all)) = told {
            all
        } else {
            return;
        };
        if !self.0.is_recording() {
            return;
        }
        for got in got.iter().take(LINKS_MAX) {
            let said = |wanted: &str| {
                got.traits.iter().find_map(|one| {
                    let Trait::Header(name, value) = one else { return None };
                    (**name == *wanted).then_some(&**value)
                })
            };
            let producer = Carried { parent: said(TRACEPARENT), state: said(TRACESTATE) }.place();
            if producer.is_valid() {
                let job = KeyValue::new("messaging.message.id", got.job.0.to_string());
                self.0.add_link(producer, vec![job]);
            }
        }
    }

    /// It was answered so.
    pub(super) fn end(mut self, response: &Response) {
        if !self.0.is_recording() {
            return;
        }
        let status = response.status();
        let code = i64::from(status.as_u16());
        self.0.set_attribute(KeyValue::new("http.response.status_code", code));
        // By which the log names it.
        let id = response.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok());
        if let Some(id) = id {
            let ids = vec![StringValue::from(id.to_owned())];
            let ids = Value::Array(Array::String(ids));
            self.0.set_attribute(KeyValue::new("http.response.header.x-request-id", ids));
        }
        if status.is_server_error() {
            self.0.set_attribute(KeyValue::new("error.type", code.to_string()));
            self.0.set_status(Status::error(""));
        }
    }
}

impl Carried<'_> {
    /// What a span has to begin in to be a child of this.
    fn context(&self) -> Context {
        global::get_text_map_propagator(|propagator| {
            propagator.extract_with_context(&Context::new(), self)
        })
    }

    /// Where in which trace; not valid if nothing was said, or nothing that could be read.
    fn place(&self) -> SpanContext {
        self.context().span().span_context().clone()
    }
}

impl Extractor for Carried<'_> {
    fn get(&self, name: &str) -> Option<&str> {
        match name {
            TRACEPARENT => self.parent,
            TRACESTATE => self.state.filter(|state| state.len() <= TRACESTATE_BYTES_MAX),
            _ => None,
        }
    }

    fn keys(&self) -> Vec<&str> {
        vec![TRACEPARENT, TRACESTATE]
    }
}

/// What a span is called: one name for all requests of one kind.
fn name(method: &'static str, route: Option<&'static str>) -> Cow<'static, str> {
    let method = if method == "other" { "HTTP" } else { method };
    route.map_or(method.into(), |template| format!("{method} {template}").into())
}

/// A path in which the names of things and the numbers of jobs are told, and nothing else that the
/// template leaves open; nor what is no name.
fn shown(template: &'static str, path: &str) -> String {
    let segments = template.split('/').zip(path.split('/'));
    let shown = segments.map(|(open, given)| {
        let told = SHOWN.contains(&open) && given.parse::<Name>().is_ok();
        if told { given } else { open }
    });
    shown.collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_tell_names_and_no_secrets() {
        for (template, path, expected) in [
            ("/v1/get", "/v1/get", "/v1/get"),
            ("/v1/queues/{queue}/get", "/v1/queues/emails/get", "/v1/queues/emails/get"),
            ("/v1/queues/{queue}/jobs/{job}", "/v1/queues/q/jobs/17", "/v1/queues/q/jobs/17"),
            (
                "/v1/queues/{queue}/leases/{token}/done",
                "/v1/queues/q/leases/secret/done",
                "/v1/queues/q/leases/{token}/done",
            ),
            ("/v1/waiters/{key}", "/v1/waiters/order-4711", "/v1/waiters/{key}"),
            ("/v1/locks/{lock}", "/v1/locks/no%20name", "/v1/locks/{lock}"),
        ] {
            assert_eq!(shown(template, path), expected);
        }
    }
}
