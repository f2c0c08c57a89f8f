//! `schedule set`, `get`, `list`, `delete`.

use awaitd_client::{CatchUp, Client, ScheduleConfig};
use clap::{Args, Subcommand, ValueEnum};

use super::options::JobOptions;
use super::show::{nothing, table};
use super::{Body, Done, Server, told};
use crate::exit::Exit;

/// What can be done with schedules.
#[derive(Debug, Subcommand)]
pub(crate) enum Schedule {
    Set(Box<Set>),
    Get(Get),
    List(List),
    Delete(Delete),
}

/// Say at which times a job is put. What was said before is replaced.
#[derive(Debug, Args)]
pub(crate) struct Set {
    /// The schedule.
    schedule: String,

    /// At which times: `0 9 * * 1-5` (minute, hour, day, month, weekday; seconds may stand before), or `@daily`.
    cron: String,

    /// Into which queue.
    queue: String,

    /// The job [default: empty].
    #[arg(conflicts_with = "file")]
    body: Option<String>,

    #[command(flatten)]
    rest: Body,

    /// Of which time zone, for instance Europe/Berlin [default: UTC].
    #[arg(long, value_name = "ZONE")]
    timezone: Option<String>,

    /// What becomes of the times at which the server was away [default: one].
    #[arg(long, value_name = "WHAT")]
    catch_up: Option<Missed>,

    #[command(flatten)]
    options: JobOptions,

    #[command(flatten)]
    server: Server,
}

/// Print what a schedule says, and when it puts the next job.
#[derive(Debug, Args)]
pub(crate) struct Get {
    /// The schedule.
    schedule: String,

    #[command(flatten)]
    server: Server,
}

/// List the schedules.
#[derive(Debug, Args)]
pub(crate) struct List {
    /// Only those whose names begin so.
    #[arg(default_value = "")]
    prefix: String,

    #[command(flatten)]
    server: Server,
}

/// Delete a schedule. The jobs that it put stay.
#[derive(Debug, Args)]
pub(crate) struct Delete {
    /// The schedule.
    schedule: String,

    #[command(flatten)]
    server: Server,
}

/// What becomes of the times at which the server was away.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Missed {
    /// One job is put for all of them
    One,
    /// One is put for each of them
    All,
    /// None is put
    None,
}

impl Schedule {
    pub(super) fn server(&self) -> &Server {
        match self {
            Self::Set(set) => &set.server,
            Self::Get(get) => &get.server,
            Self::List(list) => &list.server,
            Self::Delete(delete) => &delete.server,
        }
    }

    pub(super) async fn send(self, client: Client) -> Done {
        match self {
            Self::Set(set) => set.send(client).await,
            Self::Get(get) => get.send(client).await,
            Self::List(list) => list.send(client).await,
            Self::Delete(delete) => delete.send(client).await,
        }
    }
}

impl Set {
    async fn send(self, client: Client) -> Done {
        let body = self.rest.read(self.body.as_ref()).await?.unwrap_or_default();
        let config = ScheduleConfig {
            cron: self.cron,
            timezone: self.timezone,
            queue: self.queue,
            catch_up: self.catch_up.map(CatchUp::from),
            job: self.options.job(body, self.rest.content_type),
        };
        client.schedule(&self.schedule).set(&config).await?;
        self.server.say_done().await
    }
}

impl Get {
    async fn send(self, client: Client) -> Done {
        let schedule = client.schedule(&self.schedule).state().await?;
        if self.server.json {
            told::json(&schedule).await?;
        } else {
            told::raw(told::facts(&schedule)).await?;
        }
        Ok(Exit::Done)
    }
}

impl List {
    async fn send(self, client: Client) -> Done {
        let schedules = client.schedules(&self.prefix).await?;
        if self.server.json {
            for schedule in &schedules {
                told::json(schedule).await?;
            }
            return Ok(Exit::Done);
        }
        let rows = schedules.into_iter().map(|schedule| {
            let next = schedule.next_at.unwrap_or_else(nothing);
            vec![schedule.name, schedule.cron, schedule.timezone, schedule.queue, next]
        });
        told::raw(table(&["SCHEDULE", "CRON", "TIMEZONE", "QUEUE", "NEXT"], rows.collect()))
            .await?;
        Ok(Exit::Done)
    }
}

impl Delete {
    async fn send(self, client: Client) -> Done {
        client.schedule(&self.schedule).delete().await?;
        self.server.say_done().await
    }
}

impl From<Missed> for CatchUp {
    fn from(missed: Missed) -> Self {
        match missed {
            Missed::One => Self::One,
            Missed::All => Self::All,
            Missed::None => Self::None,
        }
    }
}
