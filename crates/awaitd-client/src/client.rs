//! One server, and how it is asked: again, until there is an answer.

use std::env;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use reqwest::header::{AUTHORIZATION, HeaderName, HeaderValue};
use reqwest::{Method, Response, StatusCode};
use serde::de::DeserializeOwned;
use tokio::runtime::Handle;
use tokio::select;
use tokio::sync::oneshot::{self, Receiver};
use tokio::sync::watch;
use tokio::time::error::Elapsed;
use tokio::time::sleep;

use crate::answer::Answer;
use crate::builder::Builder;
use crate::call::{Call, Until, millis};
use crate::clock;
use crate::error::{Error, Problem, Result};
use crate::token::Token;
use crate::trying::{PAUSE_MAX, Trying};

/// Where a server listens if nothing is said.
pub const DEFAULT_URL: &str = "http://127.0.0.1:29248";

/// The variable that says where the server is.
pub const URL_VARIABLE: &str = "AWAITD_URL";

/// The variable that names the file of those who vouch for it.
pub const TLS_CA_VARIABLE: &str = "AWAITD_TLS_CA";

/// The variable that names the file with the certificate of whoever asks.
pub const TLS_CLIENT_VARIABLE: &str = "AWAITD_TLS_CLIENT";

const IDEMPOTENCY_KEY: HeaderName = HeaderName::from_static("idempotency-key");

/// An answer that is so late, beyond what was allowed to be waited for, does not come any more.
pub(crate) const SILENCE: Duration = Duration::from_secs(20);

/// Asks one server. Clones are cheap, and share connections.
///
/// Calls repeat themselves: after a cut connection, after a 503, and while a condition does not hold
/// and may still be waited for. Each has an `Idempotency-Key`, so that a repeat is the same request:
/// nothing is done twice, and the place in line is kept.
///
/// The future of a call that is dropped takes it back: a job or a lock that was granted in that moment
/// goes back at once.
#[derive(Clone)]
pub struct Client {
    pub(crate) shared: Arc<Shared>,
}

pub(crate) struct Shared {
    pub(crate) http: reqwest::Client,
    /// Without a slash at its end.
    pub(crate) base: String,
    /// Keys begin with it, and with no other client's.
    pub(crate) family: u128,
    pub(crate) keys: AtomicU64,
    pub(crate) retry_for: Duration,
    pub(crate) token: Option<Token>,
    /// How much is being given back.
    pub(crate) background: watch::Sender<usize>,
}

impl Client {
    /// Asks the server at this URL, for instance `http://127.0.0.1:29248`. Nothing is sent yet.
    pub fn new(url: impl Into<String>) -> Result<Self> {
        Self::builder(url).build()
    }

    /// Asks the server at this URL, and shows it this token (`awd_…`) with each request.
    pub fn with_token(url: impl Into<String>, token: impl AsRef<str>) -> Result<Self> {
        Self::builder(url).token(token)?.build()
    }

    /// Asks the server that `AWAITD_URL` names, or the one of this machine; see [`Builder::token_of_env`].
    pub fn from_env() -> Result<Self> {
        let url = env::var(URL_VARIABLE).unwrap_or_else(|_| DEFAULT_URL.to_owned());
        Self::builder(url).tls_of_env().token_of_env()?.build()
    }

    /// A client that is not quite as usual.
    pub fn builder(url: impl Into<String>) -> Builder {
        Builder::new(url.into())
    }

    /// The server's address, as it was given.
    pub fn url(&self) -> &str {
        &self.shared.base
    }

    /// Comes to its end if the server is alive and takes in what is new.
    pub async fn ready(&self) -> Result<()> {
        self.ask(&Call::new(Method::GET, "/readyz"), Repeat::Harmless, Until::Now).await.map(drop)
    }

    /// What `/metrics` says, in the text format of Prometheus.
    pub async fn metrics(&self) -> Result<String> {
        let answer =
            self.ask(&Call::new(Method::GET, "/metrics"), Repeat::Harmless, Until::Now).await?;
        String::from_utf8(answer.body.into())
            .map_err(|_| Error::Odd("metrics that are no text".into()))
    }

    /// Waits until all has gone back that was dropped: jobs, locks, and calls that nobody waits for any
    /// more. Of use at the end of a program, which would cut off what is still under way; it would go
    /// back all the same, but only when its lease ends.
    pub async fn settled(&self) {
        let mut background = self.shared.background.subscribe();
        // There is a sender as long as there is this client.
        _ = background.wait_for(|count| *count == 0).await;
    }

    /// A key that nobody used before.
    pub(crate) fn new_key(&self) -> String {
        let number = self.shared.keys.fetch_add(1, Ordering::Relaxed);
        format!("{:032x}-{number}", self.shared.family)
    }

    /// Asks for what is done at most once, under a key of its own.
    pub(crate) async fn change(&self, call: &Call) -> Result<Answer> {
        self.ask(call, Repeat::Keyed(&self.new_key()), Until::Now).await
    }

    /// Deletes a thing; one that is held takes force.
    pub(crate) async fn delete(&self, path: &str, force: bool) -> Result<()> {
        let call = Call::new(Method::DELETE, path);
        let call = if force { call.with("force", true) } else { call };
        self.change(&call).await.map(drop)
    }

    /// Asks for what is JSON.
    pub(crate) async fn read<T: DeserializeOwned>(&self, path: String) -> Result<T> {
        self.ask(&Call::new(Method::GET, path), Repeat::Harmless, Until::Now).await?.json()
    }

    /// Asks until there is an answer that counts.
    pub(crate) async fn ask(
        &self,
        call: &Call,
        repeat: Repeat<'_>,
        until: Until,
    ) -> Result<Answer> {
        let (mut cuts, mut refusals) = (Trying::new(), Trying::new());
        loop {
            let begun = clock::now();
            let slice = until.slice();
            let problem = match self.once(call, repeat.key(), slice, SILENCE).await {
                Ok(answer) if answer.status.is_success() => return Ok(answer),
                Ok(answer) => Problem::of(&answer),
                Err(cut) if repeat == Repeat::Never && !cut.is_connect() => {
                    return Err(self.unreachable(cut));
                }
                Err(cut) => {
                    let limit = self.shared.retry_for;
                    cuts.again(limit, None, || self.unreachable(cut)).await?;
                    continue;
                }
            };
            cuts = Trying::new();
            if repeat.may_follow(&problem) {
                // Whoever may wait for the condition may as well wait for the server.
                let limit = if until.goes_on() { Duration::MAX } else { self.shared.retry_for };
                refusals.again(limit, problem.retry_after, || problem.into()).await?;
            } else if problem.code.is_not_yet() && until.goes_on() {
                refusals = Trying::new();
                // What did not wait as it was asked to shall not be asked in a circle.
                if begun.elapsed() < slice.min(PAUSE_MAX) {
                    let pause = problem.retry_after.unwrap_or(PAUSE_MAX);
                    sleep(until.left().map_or(pause, |left| left.min(pause))).await;
                }
            } else {
                return Err(problem.into());
            }
        }
    }

    /// Asks once, or twice if the token was another meanwhile. An error says that there was no answer.
    pub(crate) async fn once(
        &self,
        call: &Call,
        key: Option<&str>,
        wait: Duration,
        silence: Duration,
    ) -> reqwest::Result<Answer> {
        let shown = self.shared.token.as_ref().map(|token| (token, token.header()));
        let header = shown.as_ref().map(|(_, header)| header.clone());
        let answer = self.send(call, key, wait, silence, header).await?;
        match shown {
            Some((token, header))
                if answer.status == StatusCode::UNAUTHORIZED && token.renewed(&header) =>
            {
                self.send(call, key, wait, silence, Some(token.header())).await
            }
            _ => Ok(answer),
        }
    }

    async fn send(
        &self,
        call: &Call,
        key: Option<&str>,
        wait: Duration,
        silence: Duration,
        token: Option<HeaderValue>,
    ) -> reqwest::Result<Answer> {
        let Call { method, path, headers, body } = call;
        let mut url = format!("{}{path}", self.shared.base);
        if !wait.is_zero() {
            let mark = if path.contains('?') { '&' } else { '?' };
            url.extend([mark.encode_utf8(&mut [0; 4]), "wait=", &millis(wait)]);
        }
        let request = self.shared.http.request(method.clone(), url).timeout(wait + silence);
        let mut request = request.headers(headers.clone());
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, token);
        }
        if let Some(key) = key {
            request = request.header(IDEMPOTENCY_KEY, key);
        }
        // Without a body, a POST would not say that it has none.
        if matches!(*method, Method::POST | Method::PUT) {
            request = request.body(body.clone());
        }
        let (sent, slept) = (clock::now(), clock::slept());
        let response = request.send().await?;
        let (status, headers) = (response.status(), response.headers().clone());
        let body = response.bytes().await?;
        // As if it had been sent so much earlier.
        let sent = sent.checked_sub(clock::slept().saturating_sub(slept)).unwrap_or(sent);
        Ok(Answer { status, headers, body, sent })
    }

    /// Asks with a body that is still being written. The request goes on while nobody waits for its answer, and ends
    /// when nobody can any more.
    pub(crate) fn stream(&self, call: Call, body: reqwest::Body) -> Receiver<Result<Response>> {
        let (tell, told) = oneshot::channel();
        let client = self.clone();
        let asking = async move {
            let url = format!("{}{}", client.shared.base, call.path);
            let mut request = client.shared.http.request(call.method, url).headers(call.headers);
            let shown = client.shared.token.as_ref().map(|token| (token, token.header()));
            if let Some((_, header)) = &shown {
                request = request.header(AUTHORIZATION, header.clone());
            }
            let response = request.body(body).send().await;
            let response = response.map_err(|cut| client.unreachable(cut))?;
            if response.status().is_success() {
                return Ok(response);
            }
            if let Some((token, header)) =
                shown.filter(|_| response.status() == StatusCode::UNAUTHORIZED)
            {
                // What was written cannot be sent once more; the next call knows better.
                token.renewed(&header);
            }
            let (status, headers) = (response.status(), response.headers().clone());
            let body = response.bytes().await.map_err(|cut| client.unreachable(cut))?;
            Err(Problem::of(&Answer { status, headers, body, sent: clock::now() }).into())
        };
        tokio::spawn(async move {
            let mut tell = tell;
            select! {
                // If nobody waits for it any more, nothing is lost.
                asked = asking => drop(tell.send(asked)),
                () = tell.closed() => {}
            }
        });
        told
    }

    /// Does what nobody waits for, while the runtime is there.
    pub(crate) fn spawn(&self, runtime: &Handle, work: impl Future<Output = ()> + Send + 'static) {
        let counted = Counted::new(self.clone());
        runtime.spawn(async move {
            work.await;
            drop(counted);
        });
    }

    /// What comes later than this does not come any more.
    pub(crate) fn silent(&self, late: Elapsed) -> Error {
        Error::Unreachable { url: self.shared.base.clone(), source: Box::new(late) }
    }

    pub(crate) fn unreachable(&self, cut: reqwest::Error) -> Error {
        Error::Unreachable { url: self.shared.base.clone(), source: Box::new(cut.without_url()) }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_tuple("Client").field(&self.shared.base).finish()
    }
}

/// Something that is under way in the background.
struct Counted(Client);

impl Counted {
    fn new(client: Client) -> Self {
        client.shared.background.send_modify(|count| *count += 1);
        Self(client)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.shared.background.send_modify(|count| *count -= 1);
    }
}

/// What becomes of a call that was cut, so that nobody knows whether it was done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Repeat<'a> {
    /// It is repeated under this key, by which it is the same call.
    Keyed(&'a str),
    /// It is repeated, since it may be done twice.
    Harmless,
    /// It is not repeated, unless it cannot have been sent.
    Never,
}

impl<'a> Repeat<'a> {
    fn key(self) -> Option<&'a str> {
        match self {
            Self::Keyed(key) => Some(key),
            Self::Harmless | Self::Never => None,
        }
    }

    /// Whether it may soon be possible: after a 503 nothing was done; what proxies say for it may follow
    /// on anything.
    fn may_follow(self, problem: &Problem) -> bool {
        match StatusCode::from_u16(problem.status) {
            Ok(StatusCode::SERVICE_UNAVAILABLE) => true,
            Ok(StatusCode::BAD_GATEWAY | StatusCode::GATEWAY_TIMEOUT) => self != Self::Never,
            Ok(_) | Err(_) => false,
        }
    }
}
