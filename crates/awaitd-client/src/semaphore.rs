//! Semaphores: `asyncio.Semaphore` and `BoundedSemaphore`, with a lease for each grant.

use std::future::{Future, IntoFuture};
use std::time::Duration;

use reqwest::Method;
use reqwest::header::{HeaderValue, IF_NONE_MATCH};
use serde_json::json;

use crate::boxed::Boxed;
use crate::call::{Call, Wait, path};
use crate::client::Client;
use crate::error::Result;
use crate::lease::{Lease, WayBack};
use crate::state::SemaphoreState;

/// A semaphore, by its name. It has to be configured before it is acquired.
#[derive(Clone, Debug)]
pub struct Semaphore {
    client: Client,
    path: String,
}

/// An acquire that is sent when it is awaited; dropped meanwhile, what was granted goes back.
#[derive(Clone, Debug)]
#[must_use = "nothing is acquired before it is awaited"]
pub struct AcquirePermits {
    client: Client,
    thing: String,
    call: Call,
    wait: Wait,
}

/// Permits that this program holds. Their lease is renewed in the background; dropped, they are released.
#[derive(Debug)]
#[must_use = "permits that are dropped are released"]
pub struct Permits {
    lease: Lease,
}

impl Client {
    /// The semaphore of this name.
    pub fn semaphore(&self, name: impl AsRef<str>) -> Semaphore {
        Semaphore { client: self.clone(), path: path("semaphores", name.as_ref()) }
    }
}

impl Semaphore {
    /// Says how many permits there are. It is bounded: no more are released than were acquired.
    pub async fn configure(&self, permits: u64) -> Result<()> {
        self.client.change(&self.configuration(permits, true)).await.map(drop)
    }

    /// The same, and [`release`](Self::release) may add to them.
    pub async fn configure_unbounded(&self, permits: u64) -> Result<()> {
        self.client.change(&self.configuration(permits, false)).await.map(drop)
    }

    /// A bounded one, unless there is a semaphore of this name: then it is refused with
    /// [`Exists`](crate::Code::Exists).
    pub async fn create(&self, permits: u64) -> Result<()> {
        let any = HeaderValue::from_static("*");
        let call = self.configuration(permits, true).header(IF_NONE_MATCH, any);
        self.client.change(&call).await.map(drop)
    }

    /// Acquires a permit, and waits until there is one.
    pub fn acquire(&self) -> AcquirePermits {
        let call = Call::new(Method::POST, format!("{}/acquire", self.path));
        let (client, thing) = (self.client.clone(), self.path.clone());
        AcquirePermits { client, thing, call, wait: Wait::Forever }
    }

    /// Acquires a permit, or is refused at once with [`Locked`](crate::Code::Locked).
    pub fn try_acquire(&self) -> AcquirePermits {
        AcquirePermits { wait: Wait::AtOnce, ..self.acquire() }
    }

    /// Adds so many permits to one that is not bounded.
    pub async fn release(&self, permits: u64) -> Result<SemaphoreState> {
        let call = Call::new(Method::POST, format!("{}/release", self.path));
        self.client.change(&call.with("permits", permits)).await?.json()
    }

    /// How many permits there are, and who has some.
    pub async fn state(&self) -> Result<SemaphoreState> {
        self.client.read(self.path.clone()).await
    }

    /// Deletes it. If somebody holds a permit, that takes force: else it is [`Held`](crate::Code::Held).
    pub async fn delete(&self, force: bool) -> Result<()> {
        self.client.delete(&self.path, force).await
    }

    fn configuration(&self, permits: u64, bounded: bool) -> Call {
        let body = json!({ "permits": permits, "bounded": bounded }).to_string();
        Call::new(Method::PUT, &*self.path).body(body.into())
    }
}

impl AcquirePermits {
    /// So many at once; one if nothing is said.
    pub fn permits(mut self, count: u64) -> Self {
        self.call = self.call.with("permits", count);
        self
    }

    /// Waits for them no longer than so; then it is [`Locked`](crate::Code::Locked).
    pub fn within(mut self, length: Duration) -> Self {
        self.wait = Wait::Within(length);
        self
    }

    /// How long the lease is, and after a third of which it is renewed; 30 s if nothing is said.
    pub fn lease(mut self, length: Duration) -> Self {
        self.call = self.call.with_length("lease", Some(length));
        self
    }

    /// Who this is, for those who ask who has them.
    pub fn owner(mut self, owner: impl AsRef<str>) -> Self {
        self.call = self.call.with("owner", owner.as_ref());
        self
    }
}

impl IntoFuture for AcquirePermits {
    type Output = Result<Permits>;
    type IntoFuture = Boxed<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Self { client, thing, call, wait } = self;
            let (_, lease) = client.acquire(&call, &thing, wait, WayBack::Release).await?;
            Ok(Permits { lease })
        })
    }
}

impl Permits {
    /// What they are held by.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Comes to its end when they are lost: stop what they are for.
    pub fn lost(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.lease.lost()
    }

    /// Releases them. [`LeaseLost`](crate::Code::LeaseLost) if they were lost before.
    pub async fn release(self) -> Result<()> {
        self.lease.done().await
    }
}
