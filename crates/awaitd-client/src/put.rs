//! Putting a job.

use std::future::IntoFuture;
use std::time::Duration;

use reqwest::StatusCode;

use crate::answer::Answer;
use crate::boxed::Boxed;
use crate::call::Wait;
use crate::client::{Client, Repeat};
use crate::error::{Error, Result};
use crate::new_job::{NewJob, options};

/// A put that is sent when it is awaited; dropped meanwhile, it is taken back.
#[derive(Clone, Debug)]
#[must_use = "nothing is put before it is awaited"]
pub struct Put {
    pub(crate) client: Client,
    /// The queue's path.
    pub(crate) thing: String,
    pub(crate) job: NewJob,
    pub(crate) wait: Wait,
    pub(crate) keyed: bool,
}

/// What became of a put.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Placed {
    /// The job's number.
    pub id: u64,
    /// It was there already, by its [`unique`](Put::unique) value, and nothing was put.
    pub existed: bool,
}

impl Put {
    /// Waits for room no longer than so.
    pub fn within(mut self, length: Duration) -> Self {
        self.wait = Wait::Within(length);
        self
    }

    /// Puts it without an `Idempotency-Key`, of which a server remembers a million for five minutes each: for many
    /// thousand puts a second. It is not repeated after a cut connection, when nobody knows whether the
    /// job was put.
    pub fn unkeyed(mut self) -> Self {
        self.keyed = false;
        self
    }

    options!(job);

    async fn send(self) -> Result<Placed> {
        let Self { client, thing, job, wait, keyed } = self;
        let call = job.call(format!("{thing}/jobs"))?;
        let answer = if keyed {
            client.ask_for(&call, &thing, wait).await?
        } else {
            client.ask(&call, Repeat::Never, wait.begins()).await?
        };
        Placed::of(&answer)
    }
}

impl IntoFuture for Put {
    type Output = Result<Placed>;
    type IntoFuture = Boxed<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl Placed {
    fn of(answer: &Answer) -> Result<Self> {
        let placed = Self::at(&answer.location()?, answer.status == StatusCode::OK);
        placed.ok_or_else(|| Error::odd(answer, "a Location that is no job"))
    }

    /// At this path.
    pub(crate) fn at(location: &str, existed: bool) -> Option<Self> {
        let id = location.rsplit('/').next()?.parse().ok()?;
        Some(Self { id, existed })
    }
}
