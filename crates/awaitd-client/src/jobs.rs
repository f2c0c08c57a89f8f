//! Jobs looked at without being touched, and what an operator does with them.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::future::IntoFuture;
use std::str::FromStr;
use std::time::Duration;

use reqwest::Method;
use serde::{Deserialize, Serialize};

use crate::boxed::Boxed;
use crate::call::{Call, Wait};
use crate::client::{Client, Repeat};
use crate::error::{Error, Result};
use crate::job::Died;
use crate::payload::Payload;
use crate::queue::Queue;
use crate::state::Pages;

/// A job, as whoever looks at it sees it. In JSON it is what the contract says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct JobState {
    /// Its number.
    pub job: u64,
    /// In which queue.
    pub queue: String,
    /// Where it stands.
    pub state: JobStage,
    /// When it was put, as RFC 3339 has it.
    pub enqueued_at: String,
    /// Since when, or from when on, it can be got.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ready_at: Option<String>,
    /// How often it was handed out; not told of one that is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attempts: Option<u64>,
    /// What its last worker said went wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// Of which no other job is handed out meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Of which no other job is put meanwhile.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unique: Option<String>,
    /// Where it stands in a queue in the order of priorities, in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority_key: Option<String>,
    /// When it is over if nobody has got it, by its own `ttl`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// How often it may be tried, if it has its own bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_attempts: Option<u32>,
    /// How many seconds its leases are, if that was said of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lease_length: Option<f64>,
    /// What was put with it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// How many bytes its body has; not told of one that is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// What was put, if that was asked for.
    #[serde(flatten)]
    pub payload: Payload,
    /// How far its worker says it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub progress: Option<Payload>,
    /// How it died, if it did in another queue before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub died: Option<Died>,
    /// What it is held by, if somebody works on it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub leased: Option<LeaseState>,
    /// What came of it, if it is done.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Payload>,
}

/// Where a job stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum JobStage {
    /// It can be got.
    Ready,
    /// Its time has not come.
    Delayed,
    /// Somebody works on it.
    Leased,
    /// Nobody will try it again.
    Dead,
    /// It is done, and its result is kept.
    Done,
}

/// What a job is held by. Its token is for its holder alone.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct LeaseState {
    /// Larger than that of any grant before.
    pub fence: u64,
    /// Seconds that are left of it; `None` if it is on its way to whoever gets it at most once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_in: Option<f64>,
}

/// The jobs of a queue in the order of their numbers, asked for page by page.
#[derive(Clone, Debug)]
#[must_use = "nothing is asked before `next`"]
pub struct Jobs {
    pages: Pages,
    read: VecDeque<JobState>,
}

/// Which jobs of a queue.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Only those that stand there.
    pub state: Option<JobStage>,
    /// Only those with this key.
    pub key: Option<String>,
    /// With their bodies.
    pub bodies: bool,
}

/// Waits for the result of a job.
#[derive(Clone, Debug)]
#[must_use = "nothing is waited for before it is awaited"]
pub struct JobResult {
    client: Client,
    path: String,
    wait: Wait,
}

/// Moves jobs into another queue, or back into the one in which they died; sent when it is awaited.
#[derive(Clone, Debug)]
#[must_use = "nothing is moved before it is awaited"]
pub struct Redrive {
    client: Client,
    call: Call,
}

/// What became of a redrive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Redriven {
    /// So many were moved.
    pub moved: u64,
    /// So many were left where they are.
    pub left: u64,
}

impl Queue {
    /// The jobs that are in it, without touching them.
    ///
    /// ```no_run
    /// use awaitd_client::{JobFilter, JobStage};
    ///
    /// # async fn look(mails: &awaitd_client::Queue) -> awaitd_client::Result<()> {
    /// let mut dead = mails.jobs(&JobFilter { state: Some(JobStage::Dead), ..JobFilter::default() });
    /// while let Some(job) = dead.next().await? {
    ///     println!("job {} died of {:?}", job.job, job.error);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn jobs(&self, filter: &JobFilter) -> Jobs {
        let JobFilter { state, key, bodies } = filter;
        let call = Call::new(Method::GET, format!("{}/jobs", self.path));
        let call = call.with_some("state", *state).with_some("key", key.as_ref());
        let call = if *bodies { call.with("body", true) } else { call };
        Jobs { pages: Pages::new(&self.client, call), read: VecDeque::new() }
    }

    /// The job with this number and its body.
    pub async fn job(&self, id: u64) -> Result<JobState> {
        self.client.read(self.path_of(id)).await
    }

    /// The result of a job, for as long as the queue keeps it. Waits until it is done.
    /// [`Failed`](crate::Code::Failed) if it never will be.
    pub fn result(&self, id: u64) -> JobResult {
        let path = format!("{}/result", self.path_of(id));
        JobResult { client: self.client.clone(), path, wait: Wait::Forever }
    }

    /// Takes a job out of the queue. [`Leased`](crate::Code::Leased) while somebody works on it, unless by force.
    pub async fn cancel(&self, id: u64, force: bool) -> Result<()> {
        self.client.delete(&self.path_of(id), force).await
    }

    /// Drops all jobs that stand there, or all that are ready, delayed or dead, and says how many.
    pub async fn purge(&self, state: Option<JobStage>) -> Result<u64> {
        #[derive(Deserialize)]
        struct Purged {
            dropped: u64,
        }
        let answer = self.client.change(&self.post("purge").with_some("state", state)).await?;
        Ok(answer.json::<Purged>()?.dropped)
    }

    /// Moves jobs to where they died, or else into this queue anew: all that are ready, delayed or dead, if nothing else
    /// is said. It is a put, and stops at the other queue's bound.
    ///
    /// ```no_run
    /// # async fn again(client: &awaitd_client::Client) -> awaitd_client::Result<()> {
    /// let redriven = client.queue("dead-mails").redrive().to("mails").rate(10.0).await?;
    /// println!("{} are tried again, {} are left", redriven.moved, redriven.left);
    /// # Ok(())
    /// # }
    /// ```
    pub fn redrive(&self) -> Redrive {
        Redrive { client: self.client.clone(), call: self.post("redrive") }
    }

    fn path_of(&self, id: u64) -> String {
        format!("{}/jobs/{id}", self.path)
    }
}

impl Jobs {
    /// The next one; `None` after the last.
    pub async fn next(&mut self) -> Result<Option<JobState>> {
        while self.read.is_empty() {
            match self.pages.next().await? {
                Some(page) => self.read = VecDeque::from(page),
                None => return Ok(None),
            }
        }
        Ok(self.read.pop_front())
    }
}

impl JobResult {
    /// Waits no longer than so; then it is [`NotDone`](crate::Code::NotDone). Zero does not wait.
    pub fn within(mut self, length: Duration) -> Self {
        self.wait = Wait::Within(length);
        self
    }
}

impl IntoFuture for JobResult {
    /// What its worker said; empty if it said nothing.
    type Output = Result<Payload>;
    type IntoFuture = Boxed<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Self { client, path, wait } = self;
            let call = Call::new(Method::GET, path);
            let answer = client.ask(&call, Repeat::Harmless, wait.begins()).await?;
            let content_type = answer.text("content-type").map(str::to_owned);
            Ok(Payload { body: Some(answer.body), content_type })
        })
    }
}

impl Redrive {
    /// Into this queue.
    pub fn to(mut self, queue: impl AsRef<str>) -> Self {
        self.call = self.call.with("to", queue.as_ref());
        self
    }

    /// Only those that are [`Ready`](JobStage::Ready), [`Delayed`](JobStage::Delayed) or [`Dead`](JobStage::Dead).
    pub fn state(mut self, state: JobStage) -> Self {
        self.call = self.call.with("state", state);
        self
    }

    /// Only this one.
    pub fn id(mut self, id: u64) -> Self {
        self.call = self.call.with("id", id);
        self
    }

    /// No more than so many.
    pub fn limit(mut self, count: u64) -> Self {
        self.call = self.call.with("limit", count);
        self
    }

    /// They become ready one after the other, so many a second.
    pub fn rate(mut self, per_second: f64) -> Self {
        self.call = self.call.with("rate", per_second);
        self
    }
}

impl IntoFuture for Redrive {
    type Output = Result<Redriven>;
    type IntoFuture = Boxed<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move { self.client.change(&self.call).await?.json() })
    }
}

/// Each stage as it stands in an answer.
const STAGES: [(&str, JobStage); 5] = [
    ("ready", JobStage::Ready),
    ("delayed", JobStage::Delayed),
    ("leased", JobStage::Leased),
    ("dead", JobStage::Dead),
    ("done", JobStage::Done),
];

impl fmt::Display for JobStage {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = STAGES.iter().find(|(_, stage)| stage == self);
        out.pad(found.map_or("unknown", |(text, _)| text))
    }
}

impl FromStr for JobStage {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = STAGES.iter().find(|(known, _)| *known == text);
        let wrong =
            || Error::Input(format!("{text:?} is none of ready, delayed, leased, dead, done"));
        found.map(|(_, stage)| *stage).ok_or_else(wrong)
    }
}
