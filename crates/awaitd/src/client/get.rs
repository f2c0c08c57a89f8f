//! `get`: a job, or many.

use std::path::PathBuf;
use std::time::Duration;

use awaitd_client::{AnyOf, Client, Delivered, GetMany, Job, Lease};
use clap::Args;
use clap::builder::RangedU64ValueParser;
use serde_json::{Map, Value, json};

use super::{Done, Failure, Server, Waiting, told, write};
use crate::exit::Exit;
use crate::values::Length;

/// Get a job: its body goes to stdout, what is to be known about it to stderr
///
/// Waits until there is one. Nothing renews its lease: say `awaitd done LEASE` before that ends, or somebody
/// else gets the job. In a script:
///
///     awaitd get emails --lease-file lease >mail && send <mail && awaitd done "$(cat lease)"
///
/// With `--max` all comes to stdout, as a line of JSON for each job.
#[derive(Debug, Args)]
#[command(verbatim_doc_comment)]
pub(crate) struct Get {
    #[command(flatten)]
    from: Source,

    /// Get up to so many, as soon as there is one.
    #[arg(short, long, value_name = "NUMBER", value_parser = RangedU64ValueParser::<u32>::new().range(1..=1_000))]
    max: Option<u32>,

    #[command(flatten)]
    waiting: Waiting,

    /// How long it is leased [default: what the queue says].
    #[arg(short, long, value_name = "DURATION", conflicts_with = "ack")]
    lease: Option<Length>,

    /// It is done as soon as it is delivered: at most once.
    #[arg(long)]
    ack: bool,

    /// Write the lease into this file, for `awaitd done`; of many, a line for each.
    #[arg(long, value_name = "FILE", conflicts_with = "ack")]
    lease_file: Option<PathBuf>,

    /// Write what is to be known about it into this file, as JSON; of many, a line for each.
    #[arg(long, value_name = "FILE")]
    facts: Option<PathBuf>,

    #[command(flatten)]
    pub(super) server: Server,
}

/// Where jobs come from.
#[derive(Clone, Debug, Args)]
pub(crate) struct Source {
    /// The queue, or several with commas between them: then the first of them that has a job gives it.
    #[arg(value_name = "QUEUE[,QUEUE…]")]
    queues: String,

    /// Several queues take turns.
    #[arg(long)]
    fair: bool,
}

/// A job that was got.
enum Got {
    Held(Job),
    /// It is done.
    Taken(Delivered),
}

impl Get {
    pub(super) async fn send(self, client: Client) -> Done {
        let got = self.get(&client).await?;
        let told = self.tell(&got).await;
        for job in got {
            let Got::Held(job) = job else { continue };
            if told.is_ok() {
                // From here on whoever reads this has it.
                job.leave();
            } else {
                // Nobody has it: it goes back as if it had never been got.
                job.nack().delay(Duration::ZERO).defer().await?;
            }
        }
        told.map(|()| Exit::Done)
    }

    async fn get(&self, client: &Client) -> Result<Vec<Got>, Failure> {
        let queues = self.from.of(client);
        let limit = self.waiting.limit().unwrap_or(Duration::MAX);
        let lease = self.lease.map(|Length(lease)| lease);
        Ok(match (self.max, self.ack) {
            (None, true) => vec![Got::Taken(queues.take().within(limit).await?)],
            (Some(max), true) => {
                let taken = queues.take_many(max).within(limit).await?;
                taken.into_iter().map(Got::Taken).collect()
            }
            (None, false) => {
                let get =
                    lease.into_iter().fold(queues.get().within(limit), awaitd_client::Get::lease);
                vec![Got::Held(get.await?)]
            }
            (Some(max), false) => {
                let get = queues.get_many(max).within(limit);
                let held = lease.into_iter().fold(get, GetMany::lease).await?;
                held.into_iter().map(Got::Held).collect()
            }
        })
    }

    async fn tell(&self, got: &[Got]) -> Result<(), Failure> {
        let facts: Vec<_> = got.iter().map(Got::facts).collect();
        if let Some(file) = &self.lease_file {
            write(file, lines(got.iter().filter_map(|got| Some(got.lease()?.location()))))?;
        }
        if let Some(file) = &self.facts {
            write(file, lines(facts.iter().map(|facts| Value::Object(facts.clone()))))?;
        }
        if self.server.json || self.max.is_some() {
            let whole = got.iter().zip(facts).map(|(got, mut facts)| {
                told::body(&mut facts, "body", &got.delivered().body);
                Value::Object(facts)
            });
            return told::raw(lines(whole)).await;
        }
        for got in got {
            told::raw(got.delivered().body.clone()).await?;
            // Somewhere it must stand, or nobody could say what becomes of the job.
            if self.lease_file.is_none() && self.facts.is_none() {
                eprintln!("{}", got.words());
            }
        }
        Ok(())
    }
}

/// A line for each.
fn lines(each: impl Iterator<Item = impl std::fmt::Display>) -> String {
    each.flat_map(|line| [line.to_string(), "\n".to_owned()]).collect()
}

impl Source {
    /// The same for the client.
    pub(crate) fn of(&self, client: &Client) -> AnyOf {
        let queues = client.any_of(self.queues.split(','));
        if self.fair { queues.fair() } else { queues }
    }
}

impl Got {
    fn delivered(&self) -> &Delivered {
        match self {
            Self::Held(job) => job.facts(),
            Self::Taken(job) => job,
        }
    }

    fn lease(&self) -> Option<&Lease> {
        match self {
            Self::Held(job) => Some(job.lease()),
            Self::Taken(_) => None,
        }
    }

    /// For people.
    fn words(&self) -> String {
        let job = self.delivered();
        let words = format!("job {} attempt {} fence {}", job.id, job.attempt, job.fence);
        match self.lease() {
            Some(lease) => {
                let left = seconds(lease.left());
                format!("{words} lease {} expires in {left}s", lease.location())
            }
            None => words,
        }
    }

    /// What is to be known about it, without its body.
    fn facts(&self) -> Map<String, Value> {
        let job = self.delivered();
        let mut facts = Map::new();
        let mut say = |name: &str, value: Value| facts.insert(name.to_owned(), value);
        say("queue", json!(job.queue));
        say("job", json!(job.id));
        say("attempt", json!(job.attempt));
        say("fence", json!(job.fence));
        say("content_type", json!(job.content_type));
        say("waited", json!(seconds(job.waited)));
        say("enqueued_at", json!(job.enqueued_at));
        if let Some(key) = &job.key {
            say("key", json!(key));
        }
        if !job.headers.is_empty() {
            say("headers", json!(job.headers));
        }
        if let Some(died) = &job.died {
            say("died", json!(died));
        }
        if let Some(lease) = self.lease() {
            say("lease", json!(lease.location()));
            say("expires_in", json!(seconds(lease.left())));
        }
        facts
    }
}

/// With three places, as the contract has them.
fn seconds(length: Duration) -> f64 {
    length.as_millis() as f64 / 1_000.0
}
