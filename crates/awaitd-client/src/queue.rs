//! Queues: `asyncio.Queue`, with a lease for each job that somebody works on.

use std::future::IntoFuture;
use std::time::Duration;

use bytes::Bytes;
use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderValue, IF_NONE_MATCH};
use serde::{Deserialize, Serialize};

use crate::answer::Answer;
use crate::boxed::Boxed;
use crate::call::{Call, Wait, path};
use crate::client::{Client, Repeat};
use crate::error::{Error, Result};
use crate::event::content_type;
use crate::job::{Delivered, Job};
use crate::lease::WayBack;
use crate::state::QueueState;

/// A queue, by its name. It springs into being when it is first used.
#[derive(Clone, Debug)]
pub struct Queue {
    client: Client,
    path: String,
}

/// What a queue shall be. What is `None` has the server's default.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct QueueConfig {
    /// How many jobs may wait in it; 0 is no bound. 1,000 if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub maxsize: Option<u64>,
    /// Which job is handed out next.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<Order>,
    /// Seconds that a job's lease lasts if who gets it does not say. 30 if nothing is said.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lease: Option<f64>,
}

/// Which job of a queue is handed out next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Order {
    /// The first that was put.
    Fifo,
    /// The last that was put.
    Lifo,
    /// The one with the smallest priority.
    Priority,
}

/// A put that is sent when it is awaited; dropped meanwhile, it is taken back.
#[derive(Clone, Debug)]
#[must_use = "nothing is put before it is awaited"]
pub struct Put {
    client: Client,
    thing: String,
    call: Result<Call, String>,
    wait: Wait,
    keyed: bool,
}

/// A get that is sent when it is awaited; dropped meanwhile, its job goes back.
#[derive(Clone, Debug)]
#[must_use = "nothing is got before it is awaited"]
pub struct Get {
    client: Client,
    thing: String,
    call: Call,
    wait: Wait,
    keyed: bool,
}

/// A get for a job that is done as soon as it is delivered.
#[derive(Clone, Debug)]
#[must_use = "nothing is got before it is awaited"]
pub struct Take {
    client: Client,
    call: Call,
    wait: Wait,
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
    pub fn put(&self, body: impl Into<Bytes>) -> Put {
        let call = Call::new(Method::POST, format!("{}/jobs", self.path)).body(body.into());
        let (client, thing) = (self.client.clone(), self.path.clone());
        Put { client, thing, call: Ok(call), wait: Wait::Forever, keyed: true }
    }

    /// Puts a job, or is refused at once with [`QueueFull`](crate::Code::QueueFull).
    pub fn try_put(&self, body: impl Into<Bytes>) -> Put {
        Put { wait: Wait::AtOnce, ..self.put(body) }
    }

    /// Gets a job, and waits until there is one.
    pub fn get(&self) -> Get {
        // An empty queue is an error here, as it is in asyncio.
        let call = Call::new(Method::POST, format!("{}/get", self.path)).with("empty", 408);
        let (client, thing) = (self.client.clone(), self.path.clone());
        Get { client, thing, call, wait: Wait::Forever, keyed: true }
    }

    /// Gets a job, or is refused at once with [`Empty`](crate::Code::Empty).
    pub fn try_get(&self) -> Get {
        Get { wait: Wait::AtOnce, ..self.get() }
    }

    /// Gets a job that is done as soon as it is delivered: at most once. If the connection is cut
    /// meanwhile, nobody knows whether it was, and the job may be gone.
    pub fn take(&self) -> Take {
        let Get { client, call, wait, .. } = self.get();
        Take { client, call: call.with("ack", true), wait }
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
        self.client
            .change(&Call::new(Method::POST, format!("{}/shutdown", self.path)))
            .await
            .map(drop)
    }

    /// The same, and what waits in it is dropped.
    pub async fn shutdown_now(&self) -> Result<()> {
        let call = Call::new(Method::POST, format!("{}/shutdown", self.path));
        self.client.change(&call.with("immediate", true)).await.map(drop)
    }

    /// Deletes it, with all that is in it.
    pub async fn delete(&self) -> Result<()> {
        self.client.delete(&self.path, false).await
    }

    fn configuration(&self, config: &QueueConfig) -> Call {
        let body = serde_json::to_vec(config).expect("a configuration is JSON");
        Call::new(Method::PUT, &*self.path).body(body.into())
    }
}

impl Put {
    /// Waits for room no longer than so.
    pub fn within(mut self, length: Duration) -> Self {
        self.wait = Wait::Within(length);
        self
    }

    /// Nobody gets it before so much time has passed.
    pub fn delay(mut self, length: Duration) -> Self {
        self.call = self.call.map(|call| call.with_length("delay", Some(length)));
        self
    }

    /// The smallest is handed out first, of a queue in the order of priorities; 0 if nothing is said.
    pub fn priority(mut self, priority: i64) -> Self {
        self.call = self.call.map(|call| call.with("priority", priority));
        self
    }

    /// The same by any key, compared byte by byte; at most 512 of them.
    pub fn priority_key(mut self, key: impl AsRef<[u8]>) -> Self {
        let digits = key.as_ref().iter().flat_map(|byte| [byte >> 4, byte & 15]);
        let hex: String = digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect();
        self.call = self.call.map(|call| call.with("priority-key", hex));
        self
    }

    /// What the body is, for whoever gets it: `application/json`, for instance.
    pub fn content_type(mut self, kind: &str) -> Self {
        self.call = self.call.and_then(|call| Ok(call.header(CONTENT_TYPE, content_type(kind)?)));
        self
    }

    /// Puts it without a key, of which a server remembers a million for five minutes each: for many
    /// thousand puts a second. It is not repeated after a cut connection, when nobody knows whether the
    /// job was put.
    pub fn unkeyed(mut self) -> Self {
        self.keyed = false;
        self
    }

    async fn send(self) -> Result<u64> {
        let Self { client, thing, call, wait, keyed } = self;
        let call = call.map_err(Error::Input)?;
        let answer = if keyed {
            client.ask_for(&call, &thing, wait).await?
        } else {
            client.ask(&call, Repeat::Never, wait.begins()).await?
        };
        let location = answer.location()?;
        let id = location.rsplit('/').next().and_then(|id| id.parse().ok());
        id.ok_or_else(|| Error::odd(&answer, "a Location that is no job"))
    }
}

impl IntoFuture for Put {
    /// The job's number.
    type Output = Result<u64>;
    type IntoFuture = Boxed<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl Get {
    /// Waits for a job no longer than so; then it is [`Empty`](crate::Code::Empty).
    pub fn within(mut self, length: Duration) -> Self {
        self.wait = Wait::Within(length);
        self
    }

    /// How long the lease is, and after a third of which it is renewed; what the queue says if nothing is
    /// said.
    pub fn lease(mut self, length: Duration) -> Self {
        self.call = self.call.with_length("lease", Some(length));
        self
    }

    /// Gets it without a key: quicker, since the server need not write down the lease before it answers,
    /// and for many thousand gets a second. If the connection is cut at the wrong moment the job comes
    /// back only when its lease ends.
    pub fn unkeyed(mut self) -> Self {
        self.keyed = false;
        self
    }

    async fn send(self) -> Result<Job> {
        let Self { client, thing, call, wait, keyed } = self;
        let (answer, lease) = if keyed {
            client.acquire(&call, &thing, wait, WayBack::Nack).await?
        } else {
            client.acquire_unkeyed(&call, wait.begins(), WayBack::Nack).await?
        };
        Ok(Job { delivered: Delivered::of(answer)?, lease })
    }
}

impl IntoFuture for Get {
    type Output = Result<Job>;
    type IntoFuture = Boxed<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}

impl Take {
    /// Waits for a job no longer than so; zero does not wait.
    pub fn within(mut self, length: Duration) -> Self {
        self.wait = Wait::Within(length);
        self
    }
}

impl IntoFuture for Take {
    type Output = Result<Delivered>;
    type IntoFuture = Boxed<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Self { client, call, wait } = self;
            Delivered::of(client.ask(&call, Repeat::Never, wait.begins()).await?)
        })
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
