//! Schedules: jobs that the server puts at their times.

use std::collections::BTreeMap;

use reqwest::Method;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use crate::call::{Call, path};
use crate::client::Client;
use crate::error::Result;
use crate::new_job::NewJob;
use crate::payload::Payload;

/// A schedule, by its name.
#[derive(Clone, Debug)]
pub struct Schedule {
    client: Client,
    path: String,
}

/// When a schedule puts which job.
#[derive(Clone, Debug, PartialEq)]
pub struct ScheduleConfig {
    /// At which times: five fields as cron has them (`0 9 * * 1-5`), six with seconds at first, or `@daily` and the like.
    pub cron: String,
    /// Of which time zone, by its IANA name; UTC if nothing is said.
    pub timezone: Option<String>,
    /// Into which queue.
    pub queue: String,
    /// What becomes of the times at which the server was away; [`CatchUp::One`] if nothing is said.
    pub catch_up: Option<CatchUp>,
    /// The job, without a delay.
    pub job: NewJob,
}

/// What becomes of the times at which the server was away.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum CatchUp {
    /// One job is put for all of them.
    One,
    /// One is put for each of them.
    All,
    /// None is put.
    None,
}

/// A schedule as the server shows it. In JSON it is what the contract says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ScheduleState {
    /// Its name.
    pub name: String,
    /// At which times.
    pub cron: String,
    /// Of which time zone.
    pub timezone: String,
    /// Into which queue.
    pub queue: String,
    /// What becomes of the times at which the server was away.
    pub catch_up: CatchUp,
    /// What is put; a list tells it without its body.
    #[serde(flatten)]
    pub payload: Payload,
    /// What is put with it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub headers: BTreeMap<String, String>,
    /// When the next one is put, as RFC 3339 has it; `None` if there is no such time.
    #[serde(default)]
    pub next_at: Option<String>,
    /// When the last one was put; `None` if none was yet.
    #[serde(default)]
    pub last_at: Option<String>,
    /// What else is said of the job: `key`, `unique`, `ttl`, …
    #[serde(flatten)]
    pub rest: Map<String, Value>,
}

impl Client {
    /// The schedule of this name.
    pub fn schedule(&self, name: impl AsRef<str>) -> Schedule {
        Schedule { client: self.clone(), path: path("schedules", name.as_ref()) }
    }
}

impl Schedule {
    /// Says when which job is put; what was said before is replaced.
    ///
    /// ```no_run
    /// use awaitd_client::{NewJob, ScheduleConfig};
    ///
    /// # async fn plan(client: &awaitd_client::Client) -> awaitd_client::Result<()> {
    /// let report = ScheduleConfig {
    ///     cron: "0 9 * * 1-5".into(),
    ///     timezone: Some("Europe/Berlin".into()),
    ///     queue: "reports".into(),
    ///     catch_up: None,
    ///     // At most one that is not done, however long one takes.
    ///     job: NewJob::new("daily").unique("daily"),
    /// };
    /// client.schedule("daily-report").set(&report).await
    /// # }
    /// ```
    pub async fn set(&self, config: &ScheduleConfig) -> Result<()> {
        let ScheduleConfig { cron, timezone, queue, catch_up, job } = config;
        let mut document = job.clone().document();
        let said = [
            ("cron", json!(cron)),
            ("queue", json!(queue)),
            ("timezone", json!(timezone)),
            ("catch_up", json!(catch_up)),
        ];
        document.extend(
            said.into_iter()
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| (name.to_owned(), value)),
        );
        self.client.change(&Call::new(Method::PUT, &*self.path).json(&document)).await.map(drop)
    }

    /// What it says, and when it puts the next job.
    pub async fn state(&self) -> Result<ScheduleState> {
        self.client.read(self.path.clone()).await
    }

    /// Deletes it; the jobs that it put stay.
    pub async fn delete(&self) -> Result<()> {
        self.client.delete(&self.path, false).await
    }
}
