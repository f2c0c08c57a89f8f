//! Conditions: `asyncio.Condition`, of a lock that is held.

use std::future::IntoFuture;
use std::time::Duration;

use reqwest::Method;
use serde::{Deserialize, Serialize};

use crate::boxed::Boxed;
use crate::call::{Call, Wait, encoded};
use crate::client::Client;
use crate::error::{Error, Result};
use crate::lock::{Lock, LockGuard};

/// A condition of a lock, by its name.
///
/// ```no_run
/// # async fn example(client: awaitd_client::Client) -> awaitd_client::Result<()> {
/// # async fn ready() -> bool { true }
/// let lock = client.lock("stock");
/// let filled = lock.condition("filled");
/// let mut guard = lock.acquire().await?;
/// while !ready().await {
///     guard = filled.wait(guard).await?.guard;
/// }
/// guard.release().await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct Condition {
    client: Client,
    lock: String,
    path: String,
}

/// Waits for a notification; dropped meanwhile, the lock is given up as well.
#[derive(Debug)]
#[must_use = "nothing is waited for before it is awaited"]
pub struct ConditionWait {
    condition: Condition,
    guard: LockGuard,
    call: Call,
    wait: Wait,
}

/// The lock again, after a wait.
#[derive(Debug)]
#[non_exhaustive]
pub struct Woken {
    /// The lock, under a new lease.
    pub guard: LockGuard,
    /// Whether there was a notification. If not, the time is over, or it was a wake-up without a reason,
    /// of which there may be some: look again at what was waited for.
    pub notified: bool,
}

/// Who waits for a condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ConditionState {
    /// Its name.
    pub name: String,
    /// The name of its lock.
    pub lock: String,
    /// How many wait.
    pub waiters: u64,
}

impl Lock {
    /// A condition of this lock.
    pub fn condition(&self, name: impl AsRef<str>) -> Condition {
        let path = format!("{}/conditions/{}", self.path, encoded(name.as_ref()));
        Condition { client: self.client.clone(), lock: self.path.clone(), path }
    }
}

impl Condition {
    /// Releases the lock and waits to be notified, in one step; then takes the lock again. If that fails,
    /// the lock is not held any more.
    pub fn wait(&self, guard: LockGuard) -> ConditionWait {
        let call = Call::new(Method::POST, format!("{}/wait", self.path));
        let call = call.with("held", guard.lease.location());
        ConditionWait { condition: self.clone(), guard, call, wait: Wait::Forever }
    }

    /// Wakes so many who wait, of whom the first has the lock once this guard is released. Says how many
    /// there were.
    pub async fn notify(&self, guard: &LockGuard, count: u64) -> Result<u64> {
        self.wake(guard, &count.to_string()).await
    }

    /// Wakes all who wait.
    pub async fn notify_all(&self, guard: &LockGuard) -> Result<u64> {
        self.wake(guard, "all").await
    }

    /// Who waits.
    pub async fn state(&self) -> Result<ConditionState> {
        self.client.read(self.path.clone()).await
    }

    async fn wake(&self, guard: &LockGuard, count: &str) -> Result<u64> {
        #[derive(Deserialize)]
        struct Woke {
            woken: u64,
        }
        let call = Call::new(Method::POST, format!("{}/notify", self.path));
        let call = call.with("held", guard.lease.location()).with("n", count);
        let Woke { woken } = self.client.change(&call).await?.json()?;
        Ok(woken)
    }
}

impl ConditionWait {
    /// Waits for a notification no longer than so. To have the lock again may take longer.
    pub fn within(mut self, length: Duration) -> Self {
        self.wait = Wait::Within(length);
        self
    }

    /// How long the new lease is; 30 s if nothing is said.
    pub fn lease(mut self, length: Duration) -> Self {
        self.call = self.call.with_length("lease", Some(length));
        self
    }

    /// Who this is, for those who ask who holds the lock.
    pub fn owner(mut self, owner: impl AsRef<str>) -> Self {
        self.call = self.call.with("owner", owner.as_ref());
        self
    }
}

impl IntoFuture for ConditionWait {
    type Output = Result<Woken>;
    type IntoFuture = Boxed<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let Self { condition, guard, call, wait } = self;
            // Dropped before the server has spoken, this guard is released, whether it is held still or not.
            guard.lease.leave();
            let Condition { client, lock, path: _ } = condition;
            let (answer, lease) = client.acquire_again(&call, &lock, wait).await?;
            let notified = match answer.text("awaitd-notified") {
                Some("true") => true,
                Some("false") => false,
                Some(_) | None => return Err(Error::odd(&answer, "no Awaitd-Notified")),
            };
            guard.lease.ended();
            Ok(Woken { guard: LockGuard { lease }, notified })
        })
    }
}
