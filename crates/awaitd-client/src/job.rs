//! Jobs that were got: worked on under a lease, and done or given back.

use std::future::{Future, IntoFuture};
use std::str::Utf8Error;
use std::time::Duration;

use bytes::Bytes;
use reqwest::Method;

use crate::answer::Answer;
use crate::boxed::Boxed;
use crate::call::Call;
use crate::error::Result;
use crate::lease::{Lease, Whose};

/// A job, and what is to be known about it.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Delivered {
    /// What was put, byte for byte.
    pub body: Bytes,
    /// What it was said to be.
    pub content_type: String,
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
    lease: Whose,
    delay: Option<Duration>,
    defer: bool,
    error: String,
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

impl Nack {
    pub(crate) fn of(lease: Whose) -> Self {
        Self { lease, delay: None, defer: false, error: String::new() }
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
            let Self { lease, delay, defer, error } = self;
            let call = |location: &str| {
                let call = Call::new(Method::POST, format!("{location}/nack"));
                let call = call.with_length("delay", delay).body(error.into());
                if defer { call.with("defer", true) } else { call }
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

    pub(crate) fn of(answer: Answer) -> Result<Self> {
        let text = |answer: &Answer, name: &str| answer.text(name).map(str::to_owned);
        Ok(Self {
            content_type: text(&answer, "content-type").unwrap_or_default(),
            id: answer.needed("awaitd-job", Answer::number)?,
            attempt: answer.needed("awaitd-attempt", Answer::number)?,
            fence: answer.needed("awaitd-fence", Answer::number)?,
            waited: answer.needed("awaitd-waited", Answer::seconds)?,
            enqueued_at: answer.needed("awaitd-enqueued-at", text)?,
            body: answer.body,
        })
    }
}
