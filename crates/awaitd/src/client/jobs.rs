//! Jobs one by one: `jobs`, `job`, `cancel`, `result`.

use awaitd_client::{Client, JobFilter, JobStage, JobState, Payload};
use clap::Args;

use super::show::{nothing, table};
use super::{Done, Server, Waiting, told};
use crate::exit::Exit;

/// List the jobs of a queue, without touching them.
#[derive(Debug, Args)]
pub(crate) struct Jobs {
    /// The queue.
    queue: String,

    /// Only those that are `ready`, `delayed`, `leased`, `dead` or `done`.
    #[arg(short, long, value_name = "STATE")]
    state: Option<JobStage>,

    /// Only those with this key.
    #[arg(short, long, value_name = "TEXT")]
    key: Option<String>,

    /// No more than so many.
    #[arg(long, value_name = "NUMBER")]
    limit: Option<usize>,

    /// With their bodies, which only `--json` shows.
    #[arg(long, requires = "json")]
    body: bool,

    #[command(flatten)]
    pub(super) server: Server,
}

/// Look at a job without touching it: its body goes to stdout, what is to be known about it to stderr.
#[derive(Debug, Args)]
pub(crate) struct Job {
    /// The queue.
    queue: String,

    /// The job's number.
    id: u64,

    #[command(flatten)]
    pub(super) server: Server,
}

/// Take a job out of its queue.
#[derive(Debug, Args)]
pub(crate) struct Cancel {
    /// The queue.
    queue: String,

    /// The job's number.
    id: u64,

    /// Also while somebody works on it, who then has lost it.
    #[arg(long)]
    force: bool,

    #[command(flatten)]
    pub(super) server: Server,
}

/// Wait until a job is done: what its worker made of it goes to stdout.
#[derive(Debug, Args)]
pub(crate) struct Outcome {
    /// The queue.
    queue: String,

    /// The job's number.
    id: u64,

    #[command(flatten)]
    waiting: Waiting,

    #[command(flatten)]
    pub(super) server: Server,
}

/// What a list says of each job; errors are as long as they are.
const COLUMNS: [&str; 7] = ["JOB", "STATE", "ATTEMPTS", "BYTES", "PUT", "KEY", "ERROR"];

/// So much of an error stands in a list.
const ERROR_CHARS: usize = 60;

impl Jobs {
    pub(super) async fn send(self, client: Client) -> Done {
        let Self { queue, state, key, limit, body: bodies, server } = self;
        let mut jobs = client.queue(&queue).jobs(&JobFilter { state, key, bodies });
        let (mut rows, mut left) = (Vec::new(), limit.unwrap_or(usize::MAX));
        while left > 0
            && let Some(job) = jobs.next().await?
        {
            left -= 1;
            if server.json {
                told::json(&job).await?;
            } else {
                rows.push(row(&job));
            }
        }
        if !server.json {
            told::raw(table(&COLUMNS, rows)).await?;
        }
        Ok(Exit::Done)
    }
}

fn row(job: &JobState) -> Vec<String> {
    // What a worker said may be anything, and a terminal would obey some of it.
    // Of one that died elsewhere and was not tried since, what it died of.
    let died = || job.died.as_ref().map(|died| died.error.as_ref().unwrap_or(&died.reason));
    let error = job.error.as_ref().or_else(died);
    let error = error.map(|error| error.escape_debug().take(ERROR_CHARS).collect());
    let number = |number: Option<u64>| number.map_or_else(nothing, |number| number.to_string());
    vec![
        job.job.to_string(),
        job.state.to_string(),
        number(job.attempts),
        number(job.bytes),
        job.enqueued_at.clone(),
        job.key.clone().unwrap_or_else(nothing),
        error.unwrap_or_else(nothing),
    ]
}

impl Job {
    pub(super) async fn send(self, client: Client) -> Done {
        let mut job = client.queue(&self.queue).job(self.id).await?;
        if self.server.json {
            told::json(&job).await?;
            return Ok(Exit::Done);
        }
        told::raw(job.payload.body.take().unwrap_or_default()).await?;
        eprint!("{}", told::facts(&job));
        Ok(Exit::Done)
    }
}

impl Cancel {
    pub(super) async fn send(self, client: Client) -> Done {
        client.queue(&self.queue).cancel(self.id, self.force).await?;
        self.server.say_done().await
    }
}

impl Outcome {
    pub(super) async fn send(self, client: Client) -> Done {
        let mut result = client.queue(&self.queue).result(self.id);
        if let Some(limit) = self.waiting.limit() {
            result = result.within(limit);
        }
        let result: Payload = result.await?;
        if self.server.json {
            told::json(&result).await?;
        } else {
            told::raw(result.body.unwrap_or_default()).await?;
        }
        Ok(Exit::Done)
    }
}
