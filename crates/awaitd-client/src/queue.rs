//! Queues: `asyncio.Queue`, with a lease for each job that somebody works on.

use std::future::IntoFuture;
use std::time::Duration;

use reqwest::Method;
use reqwest::header::{HeaderValue, IF_NONE_MATCH};

use crate::answer::Answer;
use crate::boxed::Boxed;
use crate::call::{Call, Wait, path};
use crate::client::Client;
use crate::config::QueueConfig;
use crate::error::Result;
use crate::new_job::NewJob;
use crate::put::Put;
use crate::state::QueueState;

/// A queue, by its name. It springs into being when it is first used.
#[derive(Clone, Debug)]
pub struct Queue {
    pub(crate) client: Client,
    pub(crate) path: String,
}

/// Waits until every job is done.
#[derive(Clone, Debug)]
#[must_use = "nothing is waited for before it is awaited"]
pub struct Join {
    client: Client,
    path: String,
    after: Option<u64>,
    wait: Wait,
}

impl Client {
    /// The queue of this name.
    pub fn queue(&self, name: impl AsRef<str>) -> Queue {
        Queue { client: self.clone(), path: path("queues", name.as_ref()) }
    }
}

impl Queue {
    /// Puts a job, and waits as long as the queue is full.
    ///
    /// ```no_run
    /// # async fn ask(mails: &awaitd_client::Queue) -> awaitd_client::Result<()> {
    /// let placed = mails.put("hello, world").key("ann").unique("welcome:ann").await?;
    /// if placed.existed {
    ///     println!("job {} says it already", placed.id);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn put(&self, job: impl Into<NewJob>) -> Put {
        let (client, thing) = (self.client.clone(), self.path.clone());
        Put { client, thing, job: job.into(), wait: Wait::Forever, keyed: true }
    }

    /// Puts a job, or is refused at once with [`QueueFull`](crate::Code::QueueFull).
    pub fn try_put(&self, job: impl Into<NewJob>) -> Put {
        Put { wait: Wait::AtOnce, ..self.put(job) }
    }

    /// Waits until every job that was put is done.
    pub fn join(&self) -> Join {
        let path = format!("{}/join", self.path);
        Join { client: self.client.clone(), path, after: None, wait: Wait::Forever }
    }

    /// Says what the queue shall be; what was said before is replaced.
    pub async fn configure(&self, config: &QueueConfig) -> Result<()> {
        self.client.change(&self.configuration(config)).await.map(drop)
    }

    /// The same, unless there is such a queue: then it is refused with [`Exists`](crate::Code::Exists).
    pub async fn create(&self, config: &QueueConfig) -> Result<()> {
        let call = self.configuration(config).header(IF_NONE_MATCH, HeaderValue::from_static("*"));
        self.client.change(&call).await.map(drop)
    }

    /// What is in it, and who waits.
    pub async fn state(&self) -> Result<QueueState> {
        self.client.read(self.path.clone()).await
    }

    /// No more puts, and no more gets once nothing is left.
    pub async fn shutdown(&self) -> Result<()> {
        self.client.change(&self.post("shutdown")).await.map(drop)
    }

    /// The same, and what waits in it is dropped.
    pub async fn shutdown_now(&self) -> Result<()> {
        self.client.change(&self.post("shutdown").with("immediate", true)).await.map(drop)
    }

    /// Hands out nothing until it is resumed; what is worked on goes on, and puts are taken.
    pub async fn pause(&self) -> Result<()> {
        self.client.change(&self.post("pause")).await.map(drop)
    }

    /// Hands out jobs again.
    pub async fn resume(&self) -> Result<()> {
        self.client.change(&self.post("resume")).await.map(drop)
    }

    /// Deletes it, with all that is in it.
    pub async fn delete(&self) -> Result<()> {
        self.client.delete(&self.path, false).await
    }

    fn configuration(&self, config: &QueueConfig) -> Call {
        Call::new(Method::PUT, &*self.path).json(config)
    }

    pub(crate) fn post(&self, what: &str) -> Call {
        Call::new(Method::POST, format!("{}/{what}", self.path))
    }
}

impl Join {
    /// Waits no longer than so; then it is [`NotDrained`](crate::Code::NotDrained).
    pub fn within(mut self, length: Duration) -> Self {
        self.wait = Wait::Within(length);
        self
    }

    /// Comes to its end also if every job was done at some time after this generation, as an earlier join
    /// told it.
    pub fn after(mut self, generation: u64) -> Self {
        self.after = Some(generation);
        self
    }
}

impl IntoFuture for Join {
    /// The generation of this drain.
    type Output = Result<u64>;
    type IntoFuture = Boxed<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Self { client, path, after, wait } = self;
            let answer = client.watch(&path, after, wait).await?;
            answer.needed("awaitd-generation", Answer::number)
        })
    }
}
