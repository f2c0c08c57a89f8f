//! `event set`, `event clear`, `event wait`.

use awaitd_client::{Client, Happened};
use clap::{Args, Subcommand};
use serde_json::{Map, Value, json};

use super::{Body, Done, Failure, Server, Waiting, told};
use crate::exit::Exit;

/// What can be done with an event.
#[derive(Debug, Subcommand)]
pub(crate) enum Event {
    Set(Set),
    Clear(Clear),
    Wait(Wait),
}

/// Set an event, with a value for all who wait, and print the number of this set.
#[derive(Debug, Args)]
pub(crate) struct Set {
    /// The event.
    event: String,

    /// The value [default: none].
    #[arg(conflicts_with = "file")]
    value: Option<String>,

    #[command(flatten)]
    rest: Body,

    /// Only if it is not set.
    #[arg(long)]
    once: bool,

    #[command(flatten)]
    server: Server,
}

/// Clear an event: from now on it is waited for.
#[derive(Debug, Args)]
pub(crate) struct Clear {
    /// The event.
    event: String,

    #[command(flatten)]
    server: Server,
}

/// Wait until an event is set: its value goes to stdout, the number of the set to stderr.
#[derive(Debug, Args)]
pub(crate) struct Wait {
    /// The event.
    event: String,

    #[command(flatten)]
    waiting: Waiting,

    /// For any set after this number, also one that was cleared since: pass the last one that you saw, and you
    /// miss none.
    #[arg(long, value_name = "NUMBER")]
    after: Option<u64>,

    #[command(flatten)]
    server: Server,
}

impl Event {
    pub(super) fn server(&self) -> &Server {
        match self {
            Self::Set(set) => &set.server,
            Self::Clear(clear) => &clear.server,
            Self::Wait(wait) => &wait.server,
        }
    }

    pub(super) async fn send(self, client: Client) -> Done {
        match self {
            Self::Set(set) => set.send(client).await,
            Self::Clear(clear) => clear.send(client).await,
            Self::Wait(wait) => wait.send(client).await,
        }
    }
}

impl Set {
    async fn send(self, client: Client) -> Done {
        let event = client.event(&self.event);
        let mut set = if self.once { event.set_once() } else { event.set() };
        if let Some(value) = self.rest.read(self.value.as_ref()).await? {
            set = set.value(value);
        }
        if let Some(kind) = &self.rest.content_type {
            set = set.content_type(kind);
        }
        let generation = set.await?;
        told::either(self.server.json, &json!({ "generation": generation }), generation).await?;
        Ok(Exit::Done)
    }
}

impl Clear {
    async fn send(self, client: Client) -> Done {
        client.event(&self.event).clear().await?;
        self.server.say_done().await
    }
}

impl Wait {
    async fn send(self, client: Client) -> Done {
        let mut wait = client.event(&self.event).wait();
        if let Some(limit) = self.waiting.limit() {
            wait = wait.within(limit);
        }
        if let Some(generation) = self.after {
            wait = wait.after(generation);
        }
        self.tell(&wait.await?).await?;
        Ok(Exit::Done)
    }

    async fn tell(&self, happened: &Happened) -> Result<(), Failure> {
        let Happened { generation, value, content_type, .. } = happened;
        if !self.server.json {
            told::raw(value.clone()).await?;
            eprintln!("generation {generation}");
            return Ok(());
        }
        let mut document = Map::new();
        document.insert("generation".to_owned(), json!(generation));
        document.insert("content_type".to_owned(), Value::from(content_type.as_str()));
        told::body(&mut document, "value", value);
        told::json(&document).await
    }
}
