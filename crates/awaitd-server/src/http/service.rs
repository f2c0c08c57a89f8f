//! The server about itself.

use std::sync::Arc;
use std::time::Duration;

use awaitd_primitives::{Ask, Command, Kind, Refusal};
use axum::body::Body;
use axum::http::HeaderValue;
use axum::http::header::CONTENT_TYPE;
use axum::response::Response;
use bytes::Bytes;
use tokio::task::spawn_blocking;

use super::backup::Pieces;
use super::problem::Problem;
use super::routes::Telling;
use crate::App;
use crate::access::{Verb, Who};

/// `openapi.yaml` as JSON, see `build.rs`.
static OPENAPI: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/openapi.json"));

/// What Prometheus scrapes.
pub(super) fn metrics(app: &App, who: Who) -> Telling<'_> {
    Box::pin(async move {
        // One at a time: with many names each holds a copy of what there is.
        let _turn = app.metrics.scrape_turn().await;
        let census = app.desk.census().await;
        app.metrics.behind(app.desk.lag());
        let (metrics, now) = (Arc::clone(&app.metrics), app.clock.now());
        // With many names it takes ten milliseconds, in which nobody else would be served.
        let rendered = spawn_blocking(move || {
            if who.may_server(Verb::Look) {
                return metrics.render(&census, now);
            }
            metrics.render_for(&census, now, |kind, name| who.may(Verb::Look, kind, name))
        });
        let rendered = rendered.await;
        let page = rendered.expect("rendering cannot fail, and is not cancelled");
        typed("text/plain; version=0.0.4; charset=utf-8", page)
    })
}

/// The process is there.
pub(super) fn alive(_: &App, _: Bytes) -> Telling<'_> {
    Box::pin(async { typed("text/plain; charset=utf-8", "ok\n") })
}

/// The loop answers, and goes on answering: it has recovered, can write, and is not going.
pub(super) fn ready(app: &App, _: Bytes) -> Telling<'_> {
    Box::pin(async {
        if app.is_overloaded() {
            return Problem::overloaded().into_response();
        }
        let (kind, prefix) = (Kind::Queue, String::new());
        let command = Command::List { kind, prefix, cursor: None, limit: 1 };
        let told = app.desk.ask(Ask { command, key: None }, Duration::ZERO).await;
        let going = app.desk.is_closing().then_some(Refusal::ShuttingDown);
        let full = app.desk.is_full().then_some(Refusal::DiskFull);
        match told.told.err().or(going).or(full) {
            None => typed("text/plain; charset=utf-8", "ok\n"),
            Some(refusal) => Problem::refused(refusal, told.now).into_response(),
        }
    })
}

/// A copy of the journal, while everything goes on.
pub(super) fn backup(app: &App, _: Bytes) -> Telling<'_> {
    Box::pin(async {
        match app.desk.backup().await {
            Ok(Some(backup)) => typed("application/octet-stream", Body::new(Pieces::of(backup))),
            Ok(None) => Problem::nothing_to_keep().into_response(),
            Err(refusal) => Problem::refused(refusal, app.clock.now()).into_response(),
        }
    })
}

/// The contract for machines.
pub(super) fn openapi(_: &App, _: Bytes) -> Telling<'_> {
    Box::pin(async { typed("application/json", OPENAPI) })
}

/// What was sent. It costs what HTTP costs, and nothing else.
pub(super) fn echo(_: &App, body: Bytes) -> Telling<'_> {
    Box::pin(async { typed("application/octet-stream", body) })
}

/// An answer of this type.
pub(super) fn typed(kind: &'static str, body: impl Into<Body>) -> Response {
    let mut response = Response::new(body.into());
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}
