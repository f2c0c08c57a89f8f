//! `top`: how deep the queues are, who waits and how much goes through, again and again.

use std::collections::BTreeMap;
use std::num::NonZeroU64;

use awaitd_client::{Client, QueueState};
use clap::Args;
use serde_json::{Value, json};
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::show::{COLUMNS, age, columns, nothing, table, terminal};
use super::{Done, Failure, Server, told};
use crate::exit::Exit;
use crate::values::Length;

/// Watch the queues: their depths, who waits, and jobs a second.
///
/// On a terminal it is drawn anew each time; elsewhere one snapshot follows the other.
#[derive(Debug, Args)]
pub(crate) struct Top {
    /// Only queues whose names begin so.
    #[arg(default_value = "")]
    prefix: String,

    /// How often to look.
    #[arg(short, long, default_value = "1s", value_name = "DURATION", value_parser = pace)]
    interval: Length,

    /// End after so many looks [default: go on].
    #[arg(short = 'c', long, value_name = "NUMBER")]
    count: Option<NonZeroU64>,

    #[command(flatten)]
    pub(super) server: Server,
}

/// What jobs went through: put, got, done.
const EVENTS: [&str; 3] = ["put", "got", "done"];

/// Headings of what is counted: jobs a second, and how long those that were got had been ready.
const RATES: [&str; 4] = ["PUT/S", "GOT/S", "DONE/S", "WAITED"];

/// Two more things that are counted of a queue: seconds, and jobs that were ready for so long in all.
const WAITED: [&str; 2] = ["waited_seconds", "waited_jobs"];

/// How it was at one moment.
struct Look {
    at: Instant,
    queues: Vec<QueueState>,
    /// How many jobs of a queue ever went through, by their events, and how long they had waited. The server
    /// counts for the first two hundred names.
    counts: BTreeMap<(String, String), f64>,
    /// Who waits: the kind of thing, its name, for what, and how many.
    waiters: Vec<(String, String, String, f64)>,
}

/// Not so often that the server has nothing else to do.
fn pace(text: &str) -> Result<Length, String> {
    let length: Length = text.parse()?;
    let shortest = Length(std::time::Duration::from_millis(50));
    if length.0 < shortest.0 { Err(format!("{shortest} is the shortest")) } else { Ok(length) }
}

impl Top {
    pub(super) async fn send(self, client: Client) -> Done {
        let mut ticks = interval(self.interval.0);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut before: Option<Look> = None;
        let mut left = self.count.map(NonZeroU64::get);
        while left != Some(0) {
            let look = Look::take(&client, ticks.tick().await, &self.prefix).await?;
            self.tell(&look, before.as_ref()).await?;
            before = Some(look);
            left = left.map(|left| left - 1);
        }
        Ok(Exit::Done)
    }

    async fn tell(&self, look: &Look, before: Option<&Look>) -> Result<(), Failure> {
        if self.server.json {
            return told::json(&look.document(before)).await;
        }
        let text = look.text(before);
        match terminal() {
            Some((rows, columns)) => told::raw(drawn(&text, rows, columns)).await,
            None => told::raw(text + "\n").await,
        }
    }
}

impl Look {
    async fn take(client: &Client, at: Instant, prefix: &str) -> Result<Self, Failure> {
        let queues = client.queues(prefix).await?;
        let (mut counts, mut waiters) = (BTreeMap::new(), Vec::new());
        for (metric, labels, value) in client.metrics().await?.lines().filter_map(sample) {
            let label = |name| labels.get(name).map(ToString::to_string).unwrap_or_default();
            match metric {
                "awaitd_jobs_total" => {
                    counts.insert((label("queue"), label("event")), value);
                }
                "awaitd_job_wait_seconds_sum" => {
                    counts.insert((label("queue"), WAITED[0].to_owned()), value);
                }
                "awaitd_job_wait_seconds_count" => {
                    counts.insert((label("queue"), WAITED[1].to_owned()), value);
                }
                "awaitd_waiters" if value > 0.0 => {
                    waiters.push((label("kind"), label("name"), label("op"), value));
                }
                _ => {}
            }
        }
        Ok(Self { at, queues, counts, waiters })
    }

    /// How much was counted of this queue since that moment; `None` if nobody counted.
    fn since(&self, before: Option<&Self>, queue: &str, what: &str) -> Option<f64> {
        let name = (queue.to_owned(), what.to_owned());
        let now = self.counts.get(&name)?;
        let then = before?.counts.get(&name).copied().unwrap_or(0.0);
        // A server that began anew counts from 0.
        Some((now - then).max(0.0))
    }

    /// Jobs of this queue a second since that moment, by their events.
    fn rates(&self, before: Option<&Self>, queue: &str) -> [Option<f64>; 3] {
        let passed = before.map(|before| self.at.saturating_duration_since(before.at));
        EVENTS.map(|event| {
            let passed = passed.filter(|passed| !passed.is_zero())?;
            Some(self.since(before, queue, event)? / passed.as_secs_f64())
        })
    }

    /// How long jobs that were got since that moment had been ready, each on average, in seconds.
    fn waited(&self, before: Option<&Self>, queue: &str) -> Option<f64> {
        let [seconds, jobs] = WAITED.map(|what| self.since(before, queue, what));
        jobs.filter(|jobs| *jobs > 0.0).and_then(|jobs| Some(seconds? / jobs))
    }

    /// For people.
    fn text(&self, before: Option<&Self>) -> String {
        let rate = |rate: Option<f64>| rate.map_or_else(nothing, |rate| format!("{rate:.1}"));
        let rows = self.queues.iter().map(|queue| {
            let mut row = columns(queue);
            row.extend(self.rates(before, &queue.name).map(rate));
            row.push(self.waited(before, &queue.name).map_or_else(nothing, age));
            row
        });
        let mut text = table(&[&COLUMNS[..], &RATES].concat(), rows.collect());
        // Those who wait at queues stand beside them.
        let others = self.waiters.iter().filter(|(kind, ..)| kind != "queue");
        let rows: Vec<_> = others
            .map(|(kind, name, op, count)| {
                vec![format!("{kind} {name}"), op.clone(), count.to_string()]
            })
            .collect();
        if !rows.is_empty() {
            text += "\n";
            text += &table(&["WAITED FOR", "TO", "BY"], rows);
        }
        text
    }

    /// For machines.
    fn document(&self, before: Option<&Self>) -> Value {
        let queues = self.queues.iter().map(|queue| {
            let [put, got, done] = self.rates(before, &queue.name);
            let mut document = serde_json::to_value(queue).expect("it is JSON");
            document["per_second"] = json!({ "put": put, "got": got, "done": done });
            document["waited"] = json!(self.waited(before, &queue.name));
            document
        });
        let waiters = self.waiters.iter().map(|(kind, name, op, count)| {
            json!({ "kind": kind, "name": name, "op": op, "count": count })
        });
        json!({ "queues": queues.collect::<Vec<_>>(), "waiters": waiters.collect::<Vec<_>>() })
    }
}

/// A line of the metrics: its name, its labels and its value. Names of things need no escapes.
fn sample(line: &str) -> Option<(&str, BTreeMap<&str, &str>, f64)> {
    let (series, value) = line.rsplit_once(' ')?;
    let (name, labels) = series.split_once('{')?;
    let labels = labels.trim_end_matches('}').split(',').filter_map(|label| {
        let (name, value) = label.split_once('=')?;
        Some((name, value.trim_matches('"')))
    });
    Some((name, labels.collect(), value.parse().ok()?))
}

/// From the upper left corner over what stood there, and no further than the terminal goes.
fn drawn(text: &str, rows: usize, columns: usize) -> String {
    let mut drawn = "\x1b[H".to_owned();
    for line in text.lines().take(rows.saturating_sub(1)) {
        drawn.extend(line.chars().take(columns));
        drawn += "\x1b[K\n";
    }
    drawn + "\x1b[J"
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A line of metrics is read; a comment is none.
    #[test]
    fn samples_are_read() {
        let line = r#"awaitd_jobs_total{queue="emails",event="put"} 10"#;
        let labels = BTreeMap::from([("queue", "emails"), ("event", "put")]);
        assert_eq!(sample(line), Some(("awaitd_jobs_total", labels, 10.0)));
        assert_eq!(sample("# HELP awaitd_waiters Who waits."), None);
        assert_eq!(sample("process_threads 3"), None);
    }

    /// What is drawn stays on the screen.
    #[test]
    fn a_drawing_fits() {
        assert_eq!(drawn("abc\nd\ne\n", 3, 2), "\x1b[Hab\x1b[K\nd\x1b[K\n\x1b[J");
    }
}
