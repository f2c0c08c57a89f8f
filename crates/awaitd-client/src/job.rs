//! Jobs that were got: worked on under a lease, and done or given back.

use std::collections::BTreeMap;
use std::future::{Future, IntoFuture};
use std::str::Utf8Error;
use std::time::Duration;

use bytes::Bytes;
use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::answer::Answer;
use crate::boxed::Boxed;
use crate::call::{Call, millis};
use crate::error::{Error, Result};
use crate::event::content_type;
use crate::lease::Lease;
use crate::lease_ref::{LeaseRef, Whose};

/// A job, and what is to be known about it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Delivered {
    /// What was put, byte for byte.
    pub body: Bytes,
    /// What it was said to be.
    pub content_type: String,
    /// The queue that it came from.
    pub queue: String,
    /// Its number on the server.
    pub id: u64,
    /// How often it was handed out, this time included.
    pub attempt: u64,
    /// Larger than that of any grant before.
    pub fence: u64,
    /// How long it was ready.
    pub waited: Duration,
    /// When it was put, as RFC 3339 has it.
    pub enqueued_at: String,
    /// Of which no other job is handed out meanwhile.
    pub key: Option<String>,
    /// What was put with it: `job-…`, `traceparent`, `tracestate`, in small letters.
    pub headers: BTreeMap<String, String>,
    /// How it died, if it did in another queue before.
    pub died: Option<Died>,
}

/// How a job died that came to a dead letter queue.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Died {
    /// In which queue.
    pub queue: String,
    /// Of what: `max_attempts`, `ttl`, `nack`.
    pub reason: String,
    /// How often it had been tried.
    pub attempts: u64,
    /// What its last worker said; the first thousand bytes of it, of a job that was handed out alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// When it was put there, as RFC 3339 has it, if that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub enqueued_at: Option<String>,
    /// When it died, as RFC 3339 has it.
    pub died_at: String,
}

/// A job that this program works on. Its lease is renewed in the background; dropped without
/// [`done`](Self::done), it goes back to its place, with an attempt counted.
#[derive(Debug)]
#[must_use = "a job that is dropped goes back to its queue"]
pub struct Job {
    pub(crate) delivered: Delivered,
    pub(crate) lease: Lease,
}

/// Gives a job back; sent when it is awaited. Dropped before, the job goes back without a delay.
#[derive(Debug)]
#[must_use = "nothing is said before it is awaited"]
pub struct Nack {
    pub(crate) lease: Whose,
    pub(crate) delay: Option<Duration>,
    pub(crate) defer: bool,
    pub(crate) dead: bool,
    pub(crate) error: String,
}

/// Says that a job is done, with a result; sent when it is awaited. Dropped before, the job goes back.
#[derive(Debug)]
#[must_use = "nothing is said before it is awaited"]
pub struct DoneWith {
    lease: Whose,
    result: Bytes,
    kind: Option<String>,
}

/// Says how far a job is; sent when it is awaited.
#[derive(Clone, Debug)]
#[must_use = "nothing is said before it is awaited"]
pub struct Progress {
    pub(crate) lease: LeaseRef,
    pub(crate) body: Bytes,
    pub(crate) kind: Option<String>,
}

impl Job {
    /// What was put, byte for byte.
    pub fn body(&self) -> &Bytes {
        &self.delivered.body
    }

    /// The body as text.
    pub fn text(&self) -> Result<&str, Utf8Error> {
        self.delivered.text()
    }

    /// Which job it is, and how it came here.
    pub fn facts(&self) -> &Delivered {
        &self.delivered
    }

    /// How often it was handed out, this time included.
    pub fn attempt(&self) -> u64 {
        self.delivered.attempt
    }

    /// What it is held by.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Comes to its end when the job is lost, to whoever gets it next: stop working on it.
    pub fn lost(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.lease.lost()
    }

    /// `task_done()`: it is done, and never handed out again. [`LeaseLost`](crate::Code::LeaseLost) if it
    /// was lost before.
    pub async fn done(self) -> Result<()> {
        self.lease.done().await
    }

    /// The same, with a result that others can wait for: see [`Queue::result`](crate::Queue::result).
    pub fn done_with(self, result: impl Into<Bytes>) -> DoneWith {
        DoneWith::of(Whose::Ours(self.lease), result.into())
    }

    /// Says how far it is, for whoever looks at the job: see [`Queue::job`](crate::Queue::job). It does not renew
    /// the lease, which is renewed all the time.
    pub fn progress(&self, body: impl Into<Bytes>) -> Progress {
        self.lease.reference().progress(body)
    }

    /// Gives it back, to be handed out again.
    pub fn nack(self) -> Nack {
        Nack::of(Whose::Ours(self.lease))
    }

    /// Holds it no more without saying so to the server: its lease goes on, unrenewed, and whoever knows
    /// [`Lease::location`] can say what becomes of the job.
    pub fn leave(self) -> Delivered {
        self.lease.ended();
        self.delivered
    }
}

impl DoneWith {
    pub(crate) fn of(lease: Whose, result: Bytes) -> Self {
        Self { lease, result, kind: None }
    }

    /// What the result is: `application/json`, for instance.
    pub fn content_type(mut self, kind: impl Into<String>) -> Self {
        self.kind = Some(kind.into());
        self
    }
}

impl IntoFuture for DoneWith {
    type Output = Result<()>;
    type IntoFuture = Boxed<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Self { lease, result, kind } = self;
            let kind = kind.as_deref().map(content_type).transpose().map_err(Error::Input)?;
            let call = |location: &str| {
                Call::new(Method::POST, format!("{location}/done")).body(result).typed(kind)
            };
            lease.end(call).await.map(drop)
        })
    }
}

impl Progress {
    /// What the body is: `application/json`, for instance.
    pub fn content_type(mut self, kind: impl Into<String>) -> Self {
        self.kind = Some(kind.into());
        self
    }
}

impl IntoFuture for Progress {
    type Output = Result<()>;
    type IntoFuture = Boxed<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Self { lease, body, kind } = self;
            let kind = kind.as_deref().map(content_type).transpose().map_err(Error::Input)?;
            let path = format!("{}/progress", lease.location());
            lease.ask(Call::new(Method::PUT, path).body(body).typed(kind)).await.map(drop)
        })
    }
}

impl Nack {
    pub(crate) fn of(lease: Whose) -> Self {
        Self { lease, delay: None, defer: false, dead: false, error: String::new() }
    }

    /// As one of many.
    pub(crate) fn document(&self) -> Value {
        let Self { lease, delay, defer, dead, error } = self;
        let mut document = json!({ "lease": lease.location(), "defer": defer, "dead": dead });
        if let Some(delay) = delay {
            document["delay"] = json!(millis(*delay));
        }
        if !error.is_empty() {
            document["error"] = json!(error);
        }
        document
    }

    /// Handed out again after so long; what the queue says if nothing is said, and zero is at once.
    pub fn delay(mut self, length: Duration) -> Self {
        self.delay = Some(length);
        self
    }

    /// The attempt does not count.
    pub fn defer(mut self) -> Self {
        self.defer = true;
        self
    }

    /// The job is not worth another attempt: it is dead, or goes to its queue's `dead_letter`. With neither a
    /// delay nor `defer`.
    pub fn dead(mut self) -> Self {
        self.dead = true;
        self
    }

    /// What went wrong, which is kept with the job.
    pub fn error(mut self, text: impl Into<String>) -> Self {
        self.error = text.into();
        self
    }
}

impl IntoFuture for Nack {
    type Output = Result<()>;
    type IntoFuture = Boxed<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Self { lease, delay, defer, dead, error } = self;
            let call = |location: &str| {
                let call = Call::new(Method::POST, format!("{location}/nack"));
                let call = call.with_length("delay", delay).body(error.into());
                let call = if defer { call.with("defer", true) } else { call };
                if dead { call.with("dead", true) } else { call }
            };
            lease.end(call).await.map(drop)
        })
    }
}

impl Delivered {
    /// The body as text.
    pub fn text(&self) -> Result<&str, Utf8Error> {
        std::str::from_utf8(&self.body)
    }

    /// Of an answer, which says of which queue it is unless that was asked: then this is its path.
    pub(crate) fn of(answer: Answer, asked: Option<&str>) -> Result<Self> {
        let text = |answer: &Answer, name: &str| answer.text(name).map(str::to_owned);
        let asked = asked.and_then(|path| path.strip_prefix("/v1/queues/")).map(str::to_owned);
        let queue = asked.map_or_else(|| answer.needed("awaitd-queue", text), Ok)?;
        Ok(Self {
            content_type: text(&answer, "content-type").unwrap_or_default(),
            queue,
            id: answer.needed("awaitd-job", Answer::number)?,
            attempt: answer.needed("awaitd-attempt", Answer::number)?,
            fence: answer.needed("awaitd-fence", Answer::number)?,
            waited: answer.needed("awaitd-waited", Answer::seconds)?,
            enqueued_at: answer.needed("awaitd-enqueued-at", text)?,
            key: answer.decoded("awaitd-key"),
            headers: answer.kept(),
            died: Died::of(&answer)?,
            body: answer.body,
        })
    }
}

impl Died {
    fn of(answer: &Answer) -> Result<Option<Self>> {
        let Some(queue) = answer.text("awaitd-died-in") else { return Ok(None) };
        let text = |answer: &Answer, name: &str| answer.text(name).map(str::to_owned);
        Ok(Some(Self {
            queue: queue.to_owned(),
            reason: answer.needed("awaitd-died-of", text)?,
            attempts: answer.needed("awaitd-died-attempts", Answer::number)?,
            error: answer.decoded("awaitd-died-error"),
            enqueued_at: None,
            died_at: answer.needed("awaitd-died-at", text)?,
        }))
    }
}
