//! Schedules in JSON: as a `PUT` sends them, and as they are shown.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use awaitd_primitives::{CatchUp, Name, ScheduleConfig, ScheduleView};
use jiff::Timestamp;
use serde::Serialize;

use super::job::{self, Contents};
use super::json::{Members, Raw};
use super::many::line::{Said, payload};
use super::shown::maybe_seconds;
use crate::cron::Times;

const CATCH_UPS: [(&str, CatchUp); 3] =
    [("one", CatchUp::One), ("all", CatchUp::All), ("none", CatchUp::None)];

/// What a `PUT` says at this time of day, at which a new schedule begins.
pub(super) fn read(body: &[u8], now: u64) -> Result<ScheduleConfig, String> {
    let parsed = Members::parse_around(body, "body").and_then(|(mut members, body)| {
        let config = config(&mut members, body, now)?;
        members.finish()?;
        Ok(config)
    });
    parsed.map_err(|why| {
        let right = r#"{"cron": "0 9 * * MON-FRI", "timezone": "Europe/Berlin", "queue": "reports", "body": "daily"}"#;
        format!("the body is no schedule: {why}; right would be for example {right}")
    })
}

fn config(
    members: &mut Members,
    body: Option<Raw<'_>>,
    upto: u64,
) -> Result<ScheduleConfig, String> {
    let cron = members.text("cron", "a text", |text| Some(Arc::from(text)))?;
    let timezone = members.text("timezone", "a text", |text| Some(Arc::from(text)))?;
    let cron: Arc<str> = cron.ok_or("`cron` is missing")?;
    let timezone: Arc<str> = timezone.unwrap_or_else(|| "UTC".into());
    Times::parse(&cron, &timezone)?;
    let queue = members.name("queue")?.ok_or("`queue` is missing")?;
    let catch_up = members.word("catch_up", &CATCH_UPS)?.unwrap_or_default();
    let payload = payload(members, body)?;
    let Said { rank, ttl, traits } = Said::take(members)?;
    Ok(ScheduleConfig { cron, timezone, queue, payload, rank, ttl, traits, catch_up, upto })
}

/// What a schedule was told, and when it is due next.
#[derive(Serialize)]
pub(super) struct Told<'a> {
    name: &'a str,
    cron: &'a str,
    timezone: &'a str,
    queue: &'a str,
    catch_up: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    priority_key: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "maybe_seconds")]
    ttl: Option<Duration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unique: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "maybe_seconds")]
    lease: Option<Duration>,
    #[serde(skip_serializing_if = "Option::is_none")]
    headers: Option<BTreeMap<&'a str, &'a str>>,
    #[serde(flatten)]
    contents: Contents<'a>,
    next_at: Option<String>,
}

/// A schedule's state.
#[derive(Serialize)]
pub(super) struct Schedule<'a> {
    #[serde(flatten)]
    told: Told<'a>,
    last_at: Option<String>,
}

impl<'a> Told<'a> {
    /// As it was told.
    pub(super) fn of(name: &'a Name, config: &'a ScheduleConfig) -> Self {
        let said = job::Said::of(&config.traits);
        let catch_up = CATCH_UPS.iter().find(|(_, meaning)| *meaning == config.catch_up);
        let times = Times::parse(&config.cron, &config.timezone);
        Self {
            name: name.as_str(),
            cron: &config.cron,
            timezone: &config.timezone,
            queue: config.queue.as_str(),
            catch_up: catch_up.map_or("", |(word, _)| word),
            priority_key: config.rank.as_ref().map(ToString::to_string),
            ttl: config.ttl,
            key: said.key,
            unique: said.unique,
            max_attempts: said.max_attempts,
            lease: said.lease,
            headers: said.headers(),
            contents: Contents::of(&config.payload),
            next_at: times.ok().and_then(|times| times.after(config.upto)).map(instant),
        }
    }
}

impl<'a> Schedule<'a> {
    /// As it is. In a list without its body.
    pub(super) fn of(view: &'a ScheduleView, listed: bool) -> Self {
        let mut told = Told::of(&view.name, &view.config);
        if listed {
            told.contents = Contents::without_body(&view.config.payload);
        }
        Self { told, last_at: view.last.map(instant) }
    }
}

/// A time of day in RFC 3339, to the millisecond.
fn instant(micros: u64) -> String {
    let micros = i64::try_from(micros).unwrap_or(i64::MAX);
    let at = Timestamp::from_microsecond(micros).unwrap_or(Timestamp::MAX);
    format!("{at:.3}")
}
