//! Locks: `asyncio.Lock`, held by a lease; for one, or shared by many.

use std::future::{Future, IntoFuture};
use std::time::Duration;

use reqwest::Method;
use serde::Deserialize;

use crate::boxed::Boxed;
use crate::call::{Call, Wait, path};
use crate::client::Client;
use crate::error::Result;
use crate::lease::{Lease, WayBack};
use crate::state::{Holder, LockState};

/// A lock, by its name. First come, first served.
#[derive(Clone, Debug)]
pub struct Lock {
    pub(crate) client: Client,
    pub(crate) path: String,
}

/// An acquire that is sent when it is awaited; dropped meanwhile, what was granted goes back.
#[derive(Clone, Debug)]
#[must_use = "nothing is acquired before it is awaited"]
pub struct Acquire {
    client: Client,
    thing: String,
    call: Call,
    wait: Wait,
}

/// A lock that this program holds. Its lease is renewed in the background; dropped, it is released.
#[derive(Debug)]
#[must_use = "a guard that is dropped releases its lock"]
pub struct LockGuard {
    pub(crate) lease: Lease,
}

impl Client {
    /// The lock of this name.
    pub fn lock(&self, name: impl AsRef<str>) -> Lock {
        Lock { client: self.clone(), path: path("locks", name.as_ref()) }
    }
}

impl Lock {
    /// Acquires it, and waits until it is free.
    pub fn acquire(&self) -> Acquire {
        let call = Call::new(Method::POST, format!("{}/acquire", self.path));
        let (client, thing) = (self.client.clone(), self.path.clone());
        Acquire { client, thing, call, wait: Wait::Forever }
    }

    /// Acquires it, or is refused at once with [`Locked`](crate::Code::Locked), which says who has it.
    pub fn try_acquire(&self) -> Acquire {
        Acquire { wait: Wait::AtOnce, ..self.acquire() }
    }

    /// Who holds it, and how many wait.
    pub async fn state(&self) -> Result<LockState> {
        self.client.read(self.path.clone()).await
    }

    /// Takes it from its holders, for operators; says who they were.
    pub async fn take_away(&self) -> Result<Vec<Holder>> {
        #[derive(Deserialize)]
        struct Taken {
            holders: Vec<Holder>,
        }
        let call = Call::new(Method::POST, format!("{}/break", self.path));
        let Taken { holders } = self.client.change(&call).await?.json()?;
        Ok(holders)
    }

    /// Deletes it. If it is held, that takes force: else it is [`Held`](crate::Code::Held).
    pub async fn delete(&self, force: bool) -> Result<()> {
        self.client.delete(&self.path, force).await
    }
}

impl Acquire {
    /// Waits for it no longer than so; then it is [`Locked`](crate::Code::Locked).
    pub fn within(mut self, length: Duration) -> Self {
        self.wait = Wait::Within(length);
        self
    }

    /// Together with others who share it.
    pub fn shared(mut self) -> Self {
        self.call = self.call.with("mode", "shared");
        self
    }

    /// How long the lease is, and after a third of which it is renewed; 30 s if nothing is said.
    pub fn lease(mut self, length: Duration) -> Self {
        self.call = self.call.with_length("lease", Some(length));
        self
    }

    /// Who this is, for those who ask who holds it.
    pub fn owner(mut self, owner: impl AsRef<str>) -> Self {
        self.call = self.call.with("owner", owner.as_ref());
        self
    }
}

impl IntoFuture for Acquire {
    type Output = Result<LockGuard>;
    type IntoFuture = Boxed<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Self { client, thing, call, wait } = self;
            let (_, lease) = client.acquire(&call, &thing, wait, WayBack::Release).await?;
            Ok(LockGuard { lease })
        })
    }
}

impl LockGuard {
    /// Larger than that of any grant before: hand it to what the lock protects.
    pub fn fence(&self) -> u64 {
        self.lease.fence()
    }

    /// What it is held by.
    pub fn lease(&self) -> &Lease {
        &self.lease
    }

    /// Comes to its end when the lock is lost: stop what it protects.
    pub fn lost(&self) -> impl Future<Output = ()> + Send + 'static + use<> {
        self.lease.lost()
    }

    /// Releases it. [`LeaseLost`](crate::Code::LeaseLost) if it was lost before: somebody else may have
    /// been in.
    pub async fn release(self) -> Result<()> {
        self.lease.done().await
    }
}
