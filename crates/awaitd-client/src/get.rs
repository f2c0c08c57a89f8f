//! Getting jobs: one or many, of one queue or of several.

use std::future::IntoFuture;
use std::time::Duration;

use reqwest::Method;

use crate::boxed::Boxed;
use crate::call::{Call, Wait};
use crate::client::{Client, Repeat};
use crate::error::Result;
use crate::job::{Delivered, Job};
use crate::lease::WayBack;
use crate::many;
use crate::queue::Queue;

/// A get that is sent when it is awaited; dropped meanwhile, its job goes back.
#[derive(Clone, Debug)]
#[must_use = "nothing is got before it is awaited"]
pub struct Get {
    ask: Ask,
    keyed: bool,
}

/// A get for a job that is done as soon as it is delivered.
#[derive(Clone, Debug)]
#[must_use = "nothing is got before it is awaited"]
pub struct Take(Ask);

/// A get for as many jobs as there are, up to a bound.
#[derive(Clone, Debug)]
#[must_use = "nothing is got before it is awaited"]
pub struct GetMany(Ask);

/// The same for jobs that are done as soon as they are delivered.
#[derive(Clone, Debug)]
#[must_use = "nothing is got before it is awaited"]
pub struct TakeMany(Ask);

/// Several queues, of which one at a time gives what is asked for: see [`Client::any_of`].
#[derive(Clone, Debug)]
pub struct AnyOf {
    client: Client,
    queues: Vec<String>,
    fair: bool,
}

/// Who is asked for jobs, how, and how long.
#[derive(Clone, Debug)]
struct Ask {
    client: Client,
    /// The path of what the call's key would belong to; several queues have none.
    thing: Option<String>,
    call: Call,
    wait: Wait,
}

impl Ask {
    fn new(client: &Client, thing: Option<String>, path: String) -> Self {
        // An empty queue is an error here, as it is in asyncio.
        let call = Call::new(Method::POST, path).with("empty", 408);
        Self { client: client.clone(), thing, call, wait: Wait::Forever }
    }

    fn with(mut self, name: &str, value: impl std::fmt::Display) -> Self {
        self.call = self.call.with(name, value);
        self
    }
}

/// What can be got of one queue and of several alike.
macro_rules! gets {
    () => {
        /// Gets a job, and waits until there is one.
        pub fn get(&self) -> Get {
            Get { ask: self.ask(), keyed: true }
        }

        /// Gets a job, or is refused at once with [`Empty`](crate::Code::Empty).
        pub fn try_get(&self) -> Get {
            self.get().within(Duration::ZERO)
        }

        /// Gets a job that is done as soon as it is delivered: at most once. If the connection is cut
        /// meanwhile, nobody knows whether it was, and the job may be gone.
        pub fn take(&self) -> Take {
            Take(self.ask().with("ack", true))
        }

        /// Gets up to so many jobs, 1 to 1,000, as soon as there is one. They come without a key: see
        /// [`Get::unkeyed`].
        ///
        /// ```no_run
        /// # async fn work(mails: &awaitd_client::Queue) -> awaitd_client::Result<()> {
        /// let mut settle = mails.settle();
        /// for job in mails.get_many(100).await? {
        ///     println!("{}", String::from_utf8_lossy(job.body()));
        ///     settle = settle.done(job);
        /// }
        /// settle.await?;
        /// # Ok(())
        /// # }
        /// ```
        pub fn get_many(&self, max: u32) -> GetMany {
            GetMany(self.ask().with("max", max))
        }

        /// The same, and they are done as soon as they are delivered: at most once.
        pub fn take_many(&self, max: u32) -> TakeMany {
            TakeMany(self.ask().with("max", max).with("ack", true))
        }
    };
}

impl Queue {
    gets!();

    fn ask(&self) -> Ask {
        Ask::new(&self.client, Some(self.path.clone()), format!("{}/get", self.path))
    }
}

impl Client {
    /// Of these queues, up to a hundred, the first one that has a job gives it. One alone is asked as if it stood alone.
    ///
    /// ```no_run
    /// # async fn work(client: awaitd_client::Client) -> awaitd_client::Result<()> {
    /// let job = client.any_of(["urgent", "usual"]).get().await?;
    /// println!("of the queue {}", job.facts().queue);
    /// # job.done().await
    /// # }
    /// ```
    pub fn any_of(&self, queues: impl IntoIterator<Item = impl Into<String>>) -> AnyOf {
        let queues = queues.into_iter().map(Into::into).collect();
        AnyOf { client: self.clone(), queues, fair: false }
    }
}

impl AnyOf {
    /// They take turns.
    #[must_use]
    pub fn fair(mut self) -> Self {
        self.fair = true;
        self
    }

    gets!();

    fn ask(&self) -> Ask {
        if let [queue] = &self.queues[..] {
            return self.client.queue(queue).ask();
        }
        let ask = Ask::new(&self.client, None, "/v1/get".to_owned());
        let ask = ask.with("queues", self.queues.join(","));
        if self.fair { ask.with("order", "fair") } else { ask }
    }
}

impl Get {
    /// Waits for a job no longer than so; then it is [`Empty`](crate::Code::Empty).
    pub fn within(mut self, length: Duration) -> Self {
        self.ask.wait = Wait::Within(length);
        self
    }

    /// How long the lease is, and after a third of which it is renewed; what the queue says if nothing is
    /// said.
    pub fn lease(mut self, length: Duration) -> Self {
        self.ask.call = self.ask.call.with_length("lease", Some(length));
        self
    }

    /// Gets it without a key: quicker, since the server need not write down the lease before it answers,
    /// and for many thousand gets a second. If the connection is cut at the wrong moment the job comes
    /// back only when its lease ends. Of several queues this is always so.
    pub fn unkeyed(mut self) -> Self {
        self.keyed = false;
        self
    }

    async fn send(self) -> Result<Job> {
        let Self { ask: Ask { client, thing, call, wait }, keyed } = self;
        let (answer, lease) = match &thing {
            Some(thing) if keyed => client.acquire(&call, thing, wait, WayBack::Nack).await?,
            Some(_) | None => client.acquire_unkeyed(&call, wait.begins(), WayBack::Nack).await?,
        };
        Ok(Job { delivered: Delivered::of(answer, thing.as_deref())?, lease })
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
        self.0.wait = Wait::Within(length);
        self
    }
}

impl IntoFuture for Take {
    type Output = Result<Delivered>;
    type IntoFuture = Boxed<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Ask { client, thing, call, wait } = self.0;
            let answer = client.ask(&call, Repeat::Never, wait.begins()).await?;
            Delivered::of(answer, thing.as_deref())
        })
    }
}

impl GetMany {
    /// Waits for the first job no longer than so; then it is [`Empty`](crate::Code::Empty).
    pub fn within(mut self, length: Duration) -> Self {
        self.0.wait = Wait::Within(length);
        self
    }

    /// How long the leases are; what the queue says if nothing is said.
    pub fn lease(mut self, length: Duration) -> Self {
        self.0.call = self.0.call.with_length("lease", Some(length));
        self
    }
}

impl IntoFuture for GetMany {
    /// One at least, in the order in which they were handed out.
    type Output = Result<Vec<Job>>;
    type IntoFuture = Boxed<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Ask { client, call, wait, .. } = self.0;
            let until = wait.begins();
            loop {
                let answer = client.ask(&call, Repeat::Harmless, until).await?;
                let jobs = many::held(&client, &answer).await?;
                // All were lost on the way: as with one, others are asked for.
                if !jobs.is_empty() {
                    return Ok(jobs);
                }
            }
        })
    }
}

impl TakeMany {
    /// Waits for the first job no longer than so; zero does not wait.
    pub fn within(mut self, length: Duration) -> Self {
        self.0.wait = Wait::Within(length);
        self
    }
}

impl IntoFuture for TakeMany {
    type Output = Result<Vec<Delivered>>;
    type IntoFuture = Boxed<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Ask { client, call, wait, .. } = self.0;
            many::delivered(&client.ask(&call, Repeat::Never, wait.begins()).await?)
        })
    }
}
