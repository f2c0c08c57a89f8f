//! What is done with a queue as a whole: `join`, `pause`, `resume`, `purge`, `redrive`.

use awaitd_client::{Client, JobStage};
use clap::Args;
use serde_json::json;

use super::{Done, Server, Waiting, told};
use crate::exit::Exit;

/// Wait until every job that was put into a queue is done.
#[derive(Debug, Args)]
pub(crate) struct Join {
    /// The queue.
    queue: String,

    #[command(flatten)]
    waiting: Waiting,

    /// Also if that was so at any time after this number, as an earlier join printed it.
    #[arg(long, value_name = "NUMBER")]
    after: Option<u64>,

    #[command(flatten)]
    pub(super) server: Server,
}

/// Hand out no jobs of a queue until it is resumed. Puts are taken, and what is worked on goes on.
#[derive(Debug, Args)]
pub(crate) struct Pause {
    /// The queue.
    queue: String,

    #[command(flatten)]
    pub(super) server: Server,
}

/// Hand out jobs of a queue again.
#[derive(Debug, Args)]
pub(crate) struct Resume {
    /// The queue.
    queue: String,

    #[command(flatten)]
    pub(super) server: Server,
}

/// Drop the jobs of a queue, and print how many. Nobody is asked, so it wants `--yes`.
#[derive(Debug, Args)]
pub(crate) struct Purge {
    /// The queue.
    queue: String,

    /// Only those that are `ready`, `delayed` or `dead`, or the results of those that are `done`
    /// [default: ready, delayed and dead].
    #[arg(short, long, value_name = "STATE")]
    state: Option<JobStage>,

    /// Yes, they are to be gone.
    #[arg(long, required = true)]
    yes: bool,

    #[command(flatten)]
    pub(super) server: Server,
}

/// Try jobs again: move them to where they died, and print how many were moved.
///
/// Those that died nowhere else are put anew into their own queue. It ends with 75 if some were left, since the queue that
/// they were to go to is full.
#[derive(Debug, Args)]
pub(crate) struct Redrive {
    /// The queue that they are in.
    queue: String,

    /// Move them into this queue instead.
    #[arg(long, value_name = "QUEUE")]
    to: Option<String>,

    /// Only those that are `ready`, `delayed` or `dead` [default: all of them].
    #[arg(short, long, value_name = "STATE")]
    state: Option<JobStage>,

    /// Only this one.
    #[arg(long, value_name = "NUMBER")]
    id: Option<u64>,

    /// No more than so many.
    #[arg(long, value_name = "NUMBER")]
    limit: Option<u64>,

    /// They can be got one after the other, so many a second.
    #[arg(long, value_name = "NUMBER")]
    rate: Option<f64>,

    #[command(flatten)]
    pub(super) server: Server,
}

impl Join {
    pub(super) async fn send(self, client: Client) -> Done {
        let mut join = client.queue(&self.queue).join();
        if let Some(limit) = self.waiting.limit() {
            join = join.within(limit);
        }
        if let Some(generation) = self.after {
            join = join.after(generation);
        }
        let generation = join.await?;
        told::either(self.server.json, &json!({ "generation": generation }), generation).await?;
        Ok(Exit::Done)
    }
}

impl Pause {
    pub(super) async fn send(self, client: Client) -> Done {
        client.queue(&self.queue).pause().await?;
        self.server.say_done().await
    }
}

impl Resume {
    pub(super) async fn send(self, client: Client) -> Done {
        client.queue(&self.queue).resume().await?;
        self.server.say_done().await
    }
}

impl Purge {
    pub(super) async fn send(self, client: Client) -> Done {
        let dropped = client.queue(&self.queue).purge(self.state).await?;
        told::either(self.server.json, &json!({ "dropped": dropped }), dropped).await?;
        Ok(Exit::Done)
    }
}

impl Redrive {
    pub(super) async fn send(self, client: Client) -> Done {
        let mut redrive = client.queue(&self.queue).redrive();
        if let Some(queue) = &self.to {
            redrive = redrive.to(queue);
        }
        if let Some(state) = self.state {
            redrive = redrive.state(state);
        }
        if let Some(id) = self.id {
            redrive = redrive.id(id);
        }
        if let Some(limit) = self.limit {
            redrive = redrive.limit(limit);
        }
        if let Some(rate) = self.rate {
            redrive = redrive.rate(rate);
        }
        let redriven = redrive.await?;
        told::either(self.server.json, &redriven, redriven.moved).await?;
        // Whoever wants no more than so many is not told to ask again.
        let more = redriven.left > 0 && self.limit.is_none_or(|limit| redriven.moved < limit);
        if more {
            let left = redriven.left;
            eprintln!(
                "awaitd: {left} stay: their queue is full, or has them ready, or has their `unique` value"
            );
        }
        Ok(if more { Exit::NotYet } else { Exit::Done })
    }
}
