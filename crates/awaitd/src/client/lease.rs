//! What becomes of a job that `get` handed out: `done`, `nack`, `renew`.

use awaitd_client::{Client, Code, Error};
use clap::Args;
use serde_json::json;

use super::{Done as Ended, Failure, Server, told};
use crate::exit::Exit;
use crate::values::Length;

/// Say that a job is done: asyncio's `task_done()`. Releases a lock as well.
#[derive(Debug, Args)]
pub(crate) struct Done {
    /// The lease, as `get` told it.
    lease: String,

    #[command(flatten)]
    pub(super) server: Server,
}

/// Give a job back, to be tried again.
#[derive(Debug, Args)]
pub(crate) struct Nack {
    /// The lease, as `get` told it.
    lease: String,

    /// Try it again after so long [default: what the queue says].
    #[arg(short, long, value_name = "DURATION")]
    delay: Option<Length>,

    /// The attempt does not count.
    #[arg(long)]
    defer: bool,

    /// What went wrong, which is kept with the job.
    #[arg(short, long, value_name = "TEXT")]
    error: Option<String>,

    #[command(flatten)]
    pub(super) server: Server,
}

/// Keep a job, or a lock, for longer.
#[derive(Debug, Args)]
pub(crate) struct Renew {
    /// The lease, as `get` told it.
    lease: String,

    /// For so long from now on [default: as long as it was granted].
    #[arg(short, long, value_name = "DURATION")]
    length: Option<Length>,

    #[command(flatten)]
    pub(super) server: Server,
}

impl Done {
    pub(super) async fn send(self, client: Client) -> Ended {
        client.lease(self.lease).done().await.map_err(lost)?;
        self.server.say_done().await
    }
}

impl Nack {
    pub(super) async fn send(self, client: Client) -> Ended {
        let mut nack = client.lease(self.lease).nack().error(self.error.unwrap_or_default());
        if let Some(delay) = self.delay {
            nack = nack.delay(delay.0);
        }
        if self.defer {
            nack = nack.defer();
        }
        nack.await.map_err(lost)?;
        self.server.say_done().await
    }
}

impl Renew {
    pub(super) async fn send(self, client: Client) -> Ended {
        let left = client.lease(self.lease).renew(self.length.map(|length| length.0)).await;
        let left = left.map_err(lost)?.as_millis() as f64 / 1_000.0;
        told::either(self.server.json, &json!({ "expires_in": left }), left).await?;
        Ok(Exit::Done)
    }
}

impl Server {
    /// There is nothing to say but that it is done, which the exit code says as well.
    pub(super) async fn say_done(&self) -> Ended {
        if self.json {
            told::json(&json!({ "done": true })).await?;
        }
        Ok(Exit::Done)
    }
}

/// A lease of what was deleted is as lost as any.
fn lost(error: Error) -> Failure {
    if error.code() == Some(Code::Deleted) { Failure::Lost(error) } else { error.into() }
}
