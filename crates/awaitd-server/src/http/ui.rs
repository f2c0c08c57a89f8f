//! The dashboard: files for browsers, built in. They tell nothing of what is in the server, which they
//! ask like anybody else.

use std::sync::Arc;

use axum::body::Body;
use axum::http::header::{
    ACCEPT, CONTENT_SECURITY_POLICY, CONTENT_TYPE, LOCATION, REFERRER_POLICY, VARY,
    X_CONTENT_TYPE_OPTIONS,
};
use axum::http::request::Parts;
use axum::http::{HeaderName, HeaderValue, StatusCode};
use axum::response::Response;

use super::needs::Needs;
use super::problem::Problem;
use super::routes::{Answering, Handler, Route};
use super::{Front, body};

/// Paths and bytes, see `build.rs`.
static FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/ui.rs"));

/// Nothing but these files is run or shown, nobody but this server is asked, and no page of others
/// may hold them in a frame.
const RULES: [(HeaderName, &str); 4] = [
    (
        CONTENT_SECURITY_POLICY,
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; \
         img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (REFERRER_POLICY, "no-referrer"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// Beside the contract: what is there for people. Nobody needs a token for these.
pub(super) const PAGES: &[Route] = &[
    Route { template: "/", methods: &[("GET", Needs::Nothing, Handler::Many(root))] },
    Route { template: "/ui", methods: &[("GET", Needs::Nothing, Handler::Many(folder))] },
    Route { template: "/ui/", methods: &[("GET", Needs::Nothing, Handler::Many(file))] },
    Route { template: "/ui/{*file}", methods: &[("GET", Needs::Nothing, Handler::Many(file))] },
];

/// To the dashboard, for who reads pages; for others nothing is here.
fn root(front: Arc<Front>, head: Parts, body: Body) -> Answering {
    Box::pin(async move {
        body::pass_over(&head, body, &front.app.config).await?;
        let accepted = head.headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok());
        if !accepted.flat_map(|value| value.split(',')).any(is_html) {
            return Err(Problem::no_route("/"));
        }
        let mut response = to_folder(StatusCode::SEE_OTHER);
        response.headers_mut().insert(VARY, HeaderValue::from(ACCEPT));
        Ok(response)
    })
}

/// To where the files are relative to each other.
fn folder(front: Arc<Front>, head: Parts, body: Body) -> Answering {
    Box::pin(async move {
        body::pass_over(&head, body, &front.app.config).await?;
        Ok(to_folder(StatusCode::PERMANENT_REDIRECT))
    })
}

/// One of the files.
fn file(front: Arc<Front>, head: Parts, body: Body) -> Answering {
    Box::pin(async move {
        body::pass_over(&head, body, &front.app.config).await?;
        let path = head.uri.path();
        let asked = match path.strip_prefix("/ui/") {
            Some("") | None => "index.html",
            Some(asked) => asked,
        };
        let found = FILES.iter().find(|(name, _)| *name == asked);
        let (name, bytes) = found.ok_or_else(|| Problem::no_route(path))?;
        let mut response = Response::new(Body::from(*bytes));
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type(name)));
        for (rule, value) in RULES {
            headers.insert(rule, HeaderValue::from_static(value));
        }
        Ok(response)
    })
}

/// Relative, since a proxy may have the server in a folder.
fn to_folder(status: StatusCode) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = status;
    response.headers_mut().insert(LOCATION, HeaderValue::from_static("ui/"));
    response
}

/// Whether a part of `Accept` is for pages; `*/*`, which all send, is not.
fn is_html(accepted: &str) -> bool {
    let kind = accepted.split(';').next().unwrap_or_default().trim();
    kind.eq_ignore_ascii_case("text/html")
}

/// By the name's end; `build.rs` lets in no other.
fn content_type(name: &str) -> &'static str {
    match name.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "application/octet-stream",
    }
}
