//! `put`, `get`, `join`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use awaitd_client::{Client, Delivered, Job};
use clap::Args;
use serde_json::{Map, Value, json};

use super::{Body, Done, Failure, Server, Waiting, read, told, write};
use crate::exit::Exit;
use crate::values::Length;

/// Put a job into a queue, and print its number. Waits while the queue is full.
#[derive(Debug, Args)]
pub(crate) struct Put {
    /// The queue. It springs into being when it is first used.
    queue: String,

    /// The job [default: what comes from stdin].
    #[arg(conflicts_with = "file")]
    body: Option<String>,

    #[command(flatten)]
    rest: Body,

    #[command(flatten)]
    waiting: Waiting,

    /// Nobody gets it before so long.
    #[arg(short, long, value_name = "DURATION")]
    delay: Option<Length>,

    /// The smallest number is handed out first, of a queue in the order of priorities.
    #[arg(short, long, value_name = "NUMBER", allow_negative_numbers = true)]
    priority: Option<i64>,

    #[command(flatten)]
    pub(super) server: Server,
}

/// Get a job: its body goes to stdout, what is to be known about it to stderr
///
/// Waits until there is one. Nothing renews its lease: say `awaitd done LEASE` before that ends, or somebody
/// else gets the job. In a script:
///
///     awaitd get emails --lease-file lease >mail && send <mail && awaitd done "$(cat lease)"
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Get {
    /// The queue.
    queue: String,

    #[command(flatten)]
    waiting: Waiting,

    /// How long it is leased [default: what the queue says].
    #[arg(short, long, value_name = "DURATION", conflicts_with = "ack")]
    lease: Option<Length>,

    /// It is done as soon as it is delivered: at most once.
    #[arg(long)]
    ack: bool,

    /// Write the lease into this file, for `awaitd done`.
    #[arg(long, value_name = "FILE", conflicts_with = "ack")]
    lease_file: Option<PathBuf>,

    /// Write what is to be known about it into this file, as JSON.
    #[arg(long, value_name = "FILE")]
    facts: Option<PathBuf>,

    #[command(flatten)]
    pub(super) server: Server,
}

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

impl Put {
    pub(super) async fn send(self, client: Client) -> Done {
        let body = match self.rest.read(self.body.as_ref()).await? {
            Some(body) => body,
            None => read(Path::new("-")).await?,
        };
        let mut put = client.queue(&self.queue).put(body);
        if let Some(limit) = self.waiting.limit() {
            put = put.within(limit);
        }
        if let Some(delay) = self.delay {
            put = put.delay(delay.0);
        }
        if let Some(priority) = self.priority {
            put = put.priority(priority);
        }
        if let Some(kind) = &self.rest.content_type {
            put = put.content_type(kind);
        }
        let job = put.await?;
        told::either(self.server.json, &json!({ "queue": self.queue, "job": job }), job).await?;
        Ok(Exit::Done)
    }
}

impl Get {
    pub(super) async fn send(self, client: Client) -> Done {
        let queue = client.queue(&self.queue);
        if self.ack {
            let mut take = queue.take();
            if let Some(limit) = self.waiting.limit() {
                take = take.within(limit);
            }
            let job = take.await?;
            self.tell(&job, None).await?;
            return Ok(Exit::Done);
        }
        let mut get = queue.get();
        if let Some(limit) = self.waiting.limit() {
            get = get.within(limit);
        }
        if let Some(length) = self.lease {
            get = get.lease(length.0);
        }
        let job = get.await?;
        if let Err(failure) = self.tell(job.facts(), Some(&job)).await {
            // Nobody has it: it goes back as if it had never been got.
            job.nack().delay(Duration::ZERO).defer().await?;
            return Err(failure);
        }
        // From here on whoever reads this has it.
        job.leave();
        Ok(Exit::Done)
    }

    async fn tell(&self, job: &Delivered, held: Option<&Job>) -> Result<(), Failure> {
        let mut facts = facts(job);
        let mut words = format!("job {} attempt {} fence {}", job.id, job.attempt, job.fence);
        if let Some(lease) = held.map(Job::lease) {
            let left = lease.left().as_millis() as f64 / 1_000.0;
            facts.insert("lease".to_owned(), json!(lease.location()));
            facts.insert("expires_in".to_owned(), json!(left));
            words = format!("{words} lease {} expires in {left}s", lease.location());
            if let Some(file) = &self.lease_file {
                write(file, format!("{}\n", lease.location()))?;
            }
        }
        if let Some(file) = &self.facts {
            write(file, format!("{}\n", Value::Object(facts.clone())))?;
        }
        if self.server.json {
            told::body(&mut facts, "body", &job.body);
            return told::json(&facts).await;
        }
        told::raw(job.body.clone()).await?;
        // Somewhere it must stand, or nobody could say what becomes of the job.
        if self.lease_file.is_none() && self.facts.is_none() {
            eprintln!("{words}");
        }
        Ok(())
    }
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

/// What is to be known about a job, without its body.
fn facts(job: &Delivered) -> Map<String, Value> {
    let facts = json!({
        "job": job.id,
        "attempt": job.attempt,
        "fence": job.fence,
        "content_type": job.content_type,
        "waited": job.waited.as_millis() as f64 / 1_000.0,
        "enqueued_at": job.enqueued_at,
    });
    match facts {
        Value::Object(facts) => facts,
        other => unreachable!("{other} was written as an object"),
    }
}
