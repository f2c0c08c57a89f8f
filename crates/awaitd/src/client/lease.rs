//! What becomes of a job that `get` handed out: `done`, `nack`, `renew`, `progress`.

use std::path::{Path, PathBuf};

use awaitd_client::{Client, Code, DoneWith, Error};
use clap::Args;
use serde_json::json;

use super::{Body, Done as Ended, Failure, Server, read, told};
use crate::exit::Exit;
use crate::values::Length;

/// Say that a job is done: asyncio's `task_done()`. Releases a lock as well.
#[derive(Debug, Args)]
pub(crate) struct Done {
    /// The lease, as `get` told it.
    lease: String,

    /// What came of it, from this file, for `awaitd result`; `-` is stdin.
    #[arg(short, long, value_name = "FILE")]
    result: Option<PathBuf>,

    /// What the result is: `application/json`, for instance.
    #[arg(short = 't', long, value_name = "TYPE", requires = "result")]
    content_type: Option<String>,

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

    /// It is not worth another attempt.
    #[arg(long, conflicts_with_all = ["delay", "defer"])]
    dead: bool,

    /// What went wrong, which is kept with the job.
    #[arg(short, long, value_name = "TEXT")]
    error: Option<String>,

    #[command(flatten)]
    pub(super) server: Server,
}

/// Say how far a job is, for `awaitd job`. Does not keep it for longer.
#[derive(Debug, Args)]
pub(crate) struct Progress {
    /// The lease, as `get` told it.
    lease: String,

    /// How far it is [default: what comes from stdin].
    #[arg(conflicts_with = "file")]
    body: Option<String>,

    #[command(flatten)]
    rest: Body,

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
        let lease = client.lease(self.lease);
        let done = match &self.result {
            Some(file) => {
                let done = lease.done_with(read(file).await?);
                let kind = self.content_type;
                kind.into_iter().fold(done, DoneWith::content_type).await
            }
            None => lease.done().await,
        };
        done.map_err(lost)?;
        self.server.say_done().await
    }
}

impl Progress {
    pub(super) async fn send(self, client: Client) -> Ended {
        let body = match self.rest.read(self.body.as_ref()).await? {
            Some(body) => body,
            None => read(Path::new("-")).await?,
        };
        let progress = client.lease(self.lease).progress(body);
        let kind = self.rest.content_type;
        kind.into_iter()
            .fold(progress, awaitd_client::Progress::content_type)
            .await
            .map_err(lost)?;
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
        if self.dead {
            nack = nack.dead();
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
