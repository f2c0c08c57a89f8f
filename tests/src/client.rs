//! The tests' HTTP client: reqwest, with every answer written down and held against the rules.

use std::future::{Future, IntoFuture};
use std::pin::Pin;
use std::sync::Arc;

use reqwest::Method;
use reqwest::header::{HeaderName, HeaderValue};
use serde_json::Value;
use tokio::task::JoinHandle;

use crate::heard::Heard;
use crate::seen;

/// Asks one server. Clones share their connections.
#[derive(Clone, Debug)]
pub struct Client {
    http: reqwest::Client,
    base: String,
}

/// A request that is sent when it is awaited.
#[derive(Debug)]
#[must_use = "a request is sent only when it is awaited"]
pub struct Asked {
    client: Client,
    method: Method,
    path: String,
    headers: Vec<(HeaderName, HeaderValue)>,
    body: Vec<u8>,
}

/// A client of HTTP that trusts nobody's certificates, and need not look for them.
pub fn http() -> reqwest::ClientBuilder {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("they are safe")
        .with_root_certificates(rustls::RootCertStore::empty())
        .with_no_client_auth();
    reqwest::Client::builder().tls_backend_preconfigured(tls)
}

impl Client {
    /// Asks the server at `base`, for instance `http://127.0.0.1:29248`.
    pub fn new(base: &str) -> Self {
        let http = http()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .expect("a client needs nothing");
        Self { http, base: base.to_owned() }
    }

    /// Any method.
    pub fn ask(&self, method: &str, path: &str) -> Asked {
        Asked {
            client: self.clone(),
            method: method.parse().expect("a test knows its methods"),
            path: path.to_owned(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// `GET`
    pub fn get(&self, path: &str) -> Asked {
        self.ask("GET", path)
    }

    /// `POST`
    pub fn post(&self, path: &str, body: impl Into<Vec<u8>>) -> Asked {
        self.ask("POST", path).body(body)
    }

    /// `PUT`
    pub fn put(&self, path: &str, body: impl Into<Vec<u8>>) -> Asked {
        self.ask("PUT", path).body(body)
    }

    /// `PATCH`
    pub fn patch(&self, path: &str) -> Asked {
        self.ask("PATCH", path)
    }

    /// `DELETE`
    pub fn delete(&self, path: &str) -> Asked {
        self.ask("DELETE", path)
    }
}

impl Asked {
    /// With this header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name = name.parse().expect("a test knows its headers");
        self.headers.push((name, value.parse().expect("a test knows its headers")));
        self
    }

    /// With this body.
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// With this body and its type.
    pub fn json(self, body: &Value) -> Self {
        self.header("content-type", "application/json").body(body.to_string())
    }

    /// Under this `Idempotency-Key`.
    pub fn key(self, key: &str) -> Self {
        self.header("idempotency-key", key)
    }

    /// Sends it now and lets it wait; dropping or aborting the task hangs up.
    pub fn spawn(self) -> JoinHandle<Heard> {
        tokio::spawn(self.into_future())
    }

    async fn send(self) -> Result<Heard, reqwest::Error> {
        let asked = format!("{} {}", self.method, self.path);
        let url = format!("{}{}", self.client.base, self.path);
        let mut request = self.client.http.request(self.method.clone(), url);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        // Without this a PUT or POST with an empty body would have no Content-Length.
        if !self.body.is_empty() || matches!(self.method.as_str(), "POST" | "PUT") {
            request = request.body(self.body);
        }
        let answer = request.send().await?;
        let status = answer.status().as_u16();
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        let headers =
            answer.headers().iter().map(|(name, value)| (name.to_string(), text(value))).collect();
        let heard = Heard { status, headers, body: answer.bytes().await?.to_vec() };
        seen::record(self.method.as_str(), &self.path, status);
        heard.keeps_the_rules(&asked);
        Ok(heard)
    }

    /// Sends it to a server that may go away.
    pub async fn attempt(self) -> Option<Heard> {
        self.send().await.ok()
    }
}

impl IntoFuture for Asked {
    type Output = Heard;
    type IntoFuture = Pin<Box<dyn Future<Output = Heard> + Send>>;

    fn into_future(self) -> Self::IntoFuture {
        let asked = format!("{} {}", self.method, self.path);
        Box::pin(async move {
            self.send().await.unwrap_or_else(|error| panic!("{asked}: no answer: {error:?}"))
        })
    }
}
