//! Barriers: `asyncio.Barrier`.

use std::future::IntoFuture;
use std::time::Duration;

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::boxed::Boxed;
use crate::call::{Call, Wait, path};
use crate::client::Client;
use crate::error::Result;
use crate::state::BarrierState;

/// A barrier, by its name. It has to be configured before anybody waits at it.
#[derive(Clone, Debug)]
pub struct Barrier {
    client: Client,
    path: String,
}

/// Waits for all parties; dropped meanwhile, this one has left.
#[derive(Clone, Debug)]
#[must_use = "nothing is waited for before it is awaited"]
pub struct BarrierWait {
    client: Client,
    thing: String,
    wait: Wait,
}

/// All parties are there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Tripped {
    /// In which place this party came; the first has 0.
    pub index: u64,
    /// The how-manieth time it was, in numbers that only grow.
    pub generation: u64,
}

impl Client {
    /// The barrier of this name.
    pub fn barrier(&self, name: impl AsRef<str>) -> Barrier {
        Barrier { client: self.clone(), path: path("barriers", name.as_ref()) }
    }
}

impl Barrier {
    /// Says how many parties it waits for.
    pub async fn configure(&self, parties: u64) -> Result<()> {
        let body = json!({ "parties": parties }).to_string();
        let call = Call::new(Method::PUT, &*self.path).body(body.into());
        self.client.change(&call).await.map(drop)
    }

    /// Waits until all parties are there.
    pub fn wait(&self) -> BarrierWait {
        let (client, thing) = (self.client.clone(), self.path.clone());
        BarrierWait { client, thing, wait: Wait::Forever }
    }

    /// Sends those away who wait, and begins anew.
    pub async fn reset(&self) -> Result<BarrierState> {
        self.say("reset").await
    }

    /// Breaks it, for all who wait and will wait, until it is reset.
    pub async fn abort(&self) -> Result<BarrierState> {
        self.say("abort").await
    }

    /// How many wait, and whether it is broken.
    pub async fn state(&self) -> Result<BarrierState> {
        self.client.read(self.path.clone()).await
    }

    /// Deletes it.
    pub async fn delete(&self) -> Result<()> {
        self.client.delete(&self.path, false).await
    }

    async fn say(&self, what: &str) -> Result<BarrierState> {
        let call = Call::new(Method::POST, format!("{}/{what}", self.path));
        self.client.change(&call).await?.json()
    }
}

impl BarrierWait {
    /// Waits no longer than so; then it is [`NotTripped`](crate::Code::NotTripped), and this party has left.
    pub fn within(mut self, length: Duration) -> Self {
        self.wait = Wait::Within(length);
        self
    }
}

impl IntoFuture for BarrierWait {
    type Output = Result<Tripped>;
    type IntoFuture = Boxed<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Self { client, thing, wait } = self;
            let call = Call::new(Method::POST, format!("{thing}/wait"));
            client.ask_for(&call, &thing, wait).await?.json()
        })
    }
}
