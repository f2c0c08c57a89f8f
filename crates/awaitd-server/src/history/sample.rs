//! What is told each second of what there is.

use std::sync::OnceLock;

use awaitd_primitives::{Name, QueueView, Tally, Time};
use bytes::Bytes;
use serde::Serialize;
use serde_json::{Value, json};

use super::past::{Ring, UNKNOWN};
use crate::metrics::sample::Counted;

/// Whether somebody may see a queue of this name.
pub(crate) type MaySee = Box<dyn Fn(&Name) -> bool + Send + Sync>;

/// What there was at a second.
pub(crate) struct Sample {
    time: String,
    /// By name: those that everybody is shown, then those that are looked at for somebody.
    rows: Vec<Row>,
    shown: usize,
    there: Tally,
    /// What those are told who are shown everything; written when the first of them asks.
    whole: OnceLock<Bytes>,
}

/// A queue.
#[derive(Serialize)]
pub(super) struct Row {
    name: Name,
    ready: u64,
    delayed: u64,
    leased: u64,
    dead: u64,
    maxsize: Option<u64>,
    unfinished: u64,
    paused: bool,
    shut_down: bool,
    oldest_ready_age: Option<f64>,
    waiting: Waiting,
    #[serde(flatten)]
    happened: Happened,
    wait_p50: Option<f64>,
    wait_p95: Option<f64>,
    wait_p99: Option<f64>,
}

#[derive(Serialize)]
struct Waiting {
    put: u64,
    get: u64,
    join: u64,
}

/// Since the start; nothing of a queue that is not counted alone.
#[derive(Serialize)]
struct Happened {
    put: Option<u64>,
    got: Option<u64>,
    done: Option<u64>,
    returned: Option<u64>,
    expired: Option<u64>,
    dead_total: Option<u64>,
}

/// Of which queues somebody is told.
#[derive(Default)]
pub(crate) struct Filter {
    /// This one alone.
    pub(crate) queue: Option<Name>,
    /// Those whose names begin so.
    pub(crate) prefix: Option<String>,
    /// Those that he may see; `None`: all.
    pub(crate) may_see: Option<MaySee>,
}

/// As it is written.
#[derive(Serialize)]
struct Document<'a> {
    time: &'a str,
    queues: Vec<&'a Row>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    more: bool,
    locks: usize,
    events: usize,
    semaphores: usize,
    barriers: usize,
    schedules: usize,
}

impl Row {
    pub(super) fn new(
        view: &QueueView,
        counted: Option<&Counted>,
        waits: Option<[f64; 3]>,
        now: Time,
    ) -> Self {
        let happened = |count: fn(&Counted) -> u64| counted.map(count);
        let [wait_p50, wait_p95, wait_p99] = waits.map_or([None; 3], |waits| waits.map(Some));
        Self {
            name: view.name.clone(),
            ready: view.ready,
            delayed: view.delayed,
            leased: view.leased,
            dead: view.dead,
            maxsize: Some(view.config.maxsize).filter(|maxsize| *maxsize > 0),
            unfinished: view.unfinished,
            paused: view.config.policy.paused,
            shut_down: view.shut_down,
            oldest_ready_age: view.oldest_ready.map(|ready| now.since(ready).as_secs_f64()),
            waiting: Waiting {
                put: view.waiters.put,
                get: view.waiters.get,
                join: view.waiters.join,
            },
            happened: Happened {
                put: happened(|it| it.put),
                got: happened(|it| it.got),
                done: happened(|it| it.done),
                returned: happened(|it| it.returned),
                expired: happened(|it| it.expired),
                dead_total: happened(|it| it.dead),
            },
            wait_p50,
            wait_p95,
            wait_p99,
        }
    }
}

impl Sample {
    /// With the rows that everybody is shown first.
    pub(super) fn new(time: String, mut rows: Vec<Row>, shown: usize, there: Tally) -> Self {
        let shown = shown.min(rows.len());
        rows[..shown].sort_unstable_by(|one, other| one.name.cmp(&other.name));
        Self { time, rows, shown, there, whole: OnceLock::new() }
    }

    /// As an event, of what the filter lets through.
    pub(crate) fn event(&self, filter: &Filter) -> Bytes {
        if filter.is_empty() {
            return self.whole.get_or_init(|| self.write(filter)).clone();
        }
        self.write(filter)
    }

    fn write(&self, filter: &Filter) -> Bytes {
        let all = &self.rows[..if filter.queue.is_some() { self.rows.len() } else { self.shown }];
        let queues = all.iter().filter(|row| filter.lets_through(&row.name)).collect();
        let Tally { locks, events, semaphores, barriers, schedules, .. } = self.there;
        let more = filter.queue.is_none() && self.there.queues > self.shown;
        let time = &self.time;
        event(
            "state",
            &Document { time, queues, more, locks, events, semaphores, barriers, schedules },
        )
    }
}

impl Filter {
    fn is_empty(&self) -> bool {
        self.queue.is_none() && self.prefix.is_none() && self.may_see.is_none()
    }

    fn lets_through(&self, name: &Name) -> bool {
        self.queue.as_ref().is_none_or(|queue| queue == name)
            && self.prefix.as_ref().is_none_or(|prefix| name.as_str().starts_with(prefix))
            && self.may_see.as_ref().is_none_or(|may_see| may_see(name))
    }
}

/// A queue's past as an event: steps of so many seconds, up to `end`.
pub(super) fn past(ring: Option<&Ring>, step: u64, end: &str) -> Bytes {
    let steps = || ring.into_iter().flat_map(Ring::steps);
    let column = |of: fn(&super::past::Step) -> u32| -> Vec<Option<u32>> {
        steps().map(|step| Some(of(&step)).filter(|number| *number != UNKNOWN)).collect()
    };
    let waits = column(|it| it.wait_p99).into_iter();
    let waits: Vec<Value> = waits
        .map(|wait| wait.map_or(Value::Null, |micros| json!(f64::from(micros) / 1e6)))
        .collect();
    let document = json!({
        "step": step,
        "end": end,
        "ready": column(|it| it.ready),
        "leased": column(|it| it.leased),
        "put": column(|it| it.put),
        "got": column(|it| it.got),
        "done": column(|it| it.done),
        "wait_p99": waits,
    });
    event("history", &document)
}

/// In the form of server-sent events.
fn event(name: &str, data: &impl Serialize) -> Bytes {
    let mut text = format!("event: {name}\ndata: ").into_bytes();
    serde_json::to_writer(&mut text, data).expect("numbers and names are JSON");
    text.extend_from_slice(b"\n\n");
    Bytes::from(text)
}
