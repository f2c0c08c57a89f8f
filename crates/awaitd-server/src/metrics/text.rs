//! The page that Prometheus reads.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use awaitd_primitives::{Census, Name, QueueView, Thing, Time};
use prometheus::TextEncoder;
use prometheus::proto::{
    Bucket, Counter, Gauge, Histogram as Buckets, LabelPair, Metric, MetricFamily, MetricType,
};
use rustc_hash::FxHashMap;

use super::ByName;
use super::counts::{BOUNDS, ENDS, EVENTS, Histogram, Names, OfQueue, Sum};
use super::process::Usage;

/// The label of all who have no series of their own. No name begins so.
pub(super) const OTHER: &str = "_other";

/// Metrics in the order in which they are shown.
#[derive(Default)]
pub(super) struct Page(pub(super) Vec<MetricFamily>);

/// What a queue is at this moment, or some queues together.
#[derive(Clone, Copy, Default)]
struct Depth {
    /// By state: ready, delayed, leased, dead.
    jobs: [u64; 4],
    maxsize: u64,
    unfinished: u64,
    age: f64,
    paused: bool,
}

/// The states of jobs, as they stand in the label `state`.
const STATES: [&str; 4] = ["ready", "delayed", "leased", "dead"];

impl Depth {
    fn add(&mut self, view: &QueueView, now: Time) {
        for (sum, more) in
            self.jobs.iter_mut().zip([view.ready, view.delayed, view.leased, view.dead])
        {
            *sum += more;
        }
        self.maxsize += view.config.maxsize;
        self.unfinished += view.unfinished;
        let age = view.oldest_ready.map_or(0.0, |ready| now.since(ready).as_secs_f64());
        self.age = self.age.max(age);
        self.paused |= view.config.policy.paused;
    }
}

impl Page {
    /// What there is in queues, and what happened in them.
    pub(super) fn queues(&mut self, names: &Names<OfQueue>, census: &Census, now: Time) {
        let mut depths = BTreeMap::<&str, Depth>::new();
        for (view, _) in &census.queues {
            depths.entry(label_of(names, &view.name)).or_default().add(view, now);
        }
        let by_queue = |of: fn(&Depth) -> f64| {
            let rows =
                depths.iter().map(move |(queue, depth)| gauge(&[("queue", queue)], of(depth)));
            rows.collect::<Vec<_>>()
        };
        let by_state = depths.iter().flat_map(|(queue, depth)| {
            let states = STATES.iter().zip(depth.jobs);
            states
                .map(move |(state, jobs)| gauge(&[("queue", queue), ("state", state)], jobs as f64))
        });
        self.add(
            "awaitd_queue_depth",
            "Jobs in the queue, by their state.",
            MetricType::GAUGE,
            by_state.collect(),
        );
        self.add(
            "awaitd_queue_maxsize",
            "How many jobs may wait in the queue, ready or delayed; 0 is any number.",
            MetricType::GAUGE,
            by_queue(|depth| depth.maxsize as f64),
        );
        self.add(
            "awaitd_queue_unfinished",
            "Jobs that were put and are neither done nor dead.",
            MetricType::GAUGE,
            by_queue(|depth| depth.unfinished as f64),
        );
        self.add(
            "awaitd_queue_oldest_ready_age_seconds",
            "For how long the oldest ready job has been ready; 0 if none is.",
            MetricType::GAUGE,
            by_queue(|depth| depth.age),
        );
        self.add(
            "awaitd_queue_paused",
            "1 if the queue hands out nothing until it is resumed.",
            MetricType::GAUGE,
            by_queue(|depth| f64::from(u8::from(depth.paused))),
        );
        self.jobs(&rows(names));
    }

    /// What happened to jobs.
    fn jobs(&mut self, rows: &[(&str, &OfQueue)]) {
        let by_event = rows.iter().flat_map(|(queue, counts)| {
            let events = EVENTS.iter().zip(counts.jobs);
            events.map(move |(event, jobs)| {
                counter(&[("queue", queue), ("event", event)], jobs as f64)
            })
        });
        self.add(
            "awaitd_jobs_total",
            "Jobs to which this happened: put, handed out, or how that ended.",
            MetricType::COUNTER,
            by_event.collect(),
        );
        self.histograms(
            "awaitd_job_wait_seconds",
            "From the moment a job was ready to the moment it was handed out.",
            rows.iter().map(|(queue, counts)| (vec![("queue", *queue)], &counts.job_wait)),
        );
        self.histograms(
            "awaitd_put_blocked_seconds",
            "For how long puts that were admitted had waited for room.",
            rows.iter().map(|(queue, counts)| (vec![("queue", *queue)], &counts.put_blocked)),
        );
        self.histograms(
            "awaitd_get_blocked_seconds",
            "For how long gets that got a job had waited for it.",
            rows.iter().map(|(queue, counts)| (vec![("queue", *queue)], &counts.get_blocked)),
        );
        // An outcome that a queue never had has no series: these are many.
        let by_outcome = rows.iter().flat_map(|(queue, counts)| {
            let outcomes = EVENTS[ENDS].iter().zip(&counts.job_held);
            let seen = outcomes.filter(|(_, held)| held.count() > 0);
            seen.map(move |(outcome, held)| (vec![("queue", *queue), ("outcome", *outcome)], held))
        });
        self.histograms(
            "awaitd_job_held_seconds",
            "For how long jobs were held by a lease, by how that ended.",
            by_outcome,
        );
    }

    /// Which events are set, and how long they were waited for.
    pub(super) fn events(&mut self, names: &Names<Histogram>, census: &Census) {
        let mut set = BTreeMap::<&str, u32>::new();
        for (event, is_set) in &census.events {
            *set.entry(label_of(names, event)).or_default() += u32::from(*is_set);
        }
        self.add(
            "awaitd_event_set",
            "1 if the event is set; of several together, how many are.",
            MetricType::GAUGE,
            set.iter().map(|(event, set)| gauge(&[("event", event)], f64::from(*set))).collect(),
        );
        self.histograms(
            "awaitd_event_wait_seconds",
            "For how long waits for the event that were answered had lasted.",
            rows(names).into_iter().map(|(event, waits)| (vec![("event", event)], waits)),
        );
    }

    /// Who waits.
    pub(super) fn waiters(&mut self, by_name: &ByName, census: &Census) {
        let mut waiters = BTreeMap::<[&str; 3], u64>::new();
        for (thing, op, number) in &census.waiters {
            let name = match thing {
                Thing::Queue(name) => label_of(&by_name.queues, name),
                Thing::Event(name) => label_of(&by_name.events, name),
                Thing::Lock(name) => label_of(&by_name.locks, name),
                Thing::Semaphore(name) => label_of(&by_name.semaphores, name),
                Thing::Barrier(name) => label_of(&by_name.barriers, name),
                // Nobody waits there.
                Thing::Schedule(name) => name.as_str(),
            };
            *waiters.entry([thing.kind().singular(), name, op]).or_default() += number;
        }
        let rows = waiters.iter().map(|([kind, name, op], number)| {
            gauge(&[("kind", kind), ("name", name), ("op", op)], *number as f64)
        });
        self.add(
            "awaitd_waiters",
            "Requests that wait at a thing for something and are there.",
            MetricType::GAUGE,
            rows.collect(),
        );
    }

    /// What was asked over HTTP.
    pub(super) fn requests(
        &mut self,
        requests: &FxHashMap<(&'static str, &'static str, u16), Histogram>,
    ) {
        let mut rows: Vec<_> = requests.iter().collect();
        rows.sort_by_key(|(labels, _)| **labels);
        let statuses: Vec<String> = rows.iter().map(|((_, _, code), _)| code.to_string()).collect();
        let rows = rows.iter().zip(&statuses).map(|(((route, method, _), took), status)| {
            (vec![("route", *route), ("method", *method), ("status", status.as_str())], *took)
        });
        self.add(
            "awaitd_http_requests_total",
            "HTTP requests that were answered.",
            MetricType::COUNTER,
            rows.clone().map(|(labels, took)| counter(&labels, took.count() as f64)).collect(),
        );
        self.histograms(
            "awaitd_http_request_seconds",
            "From a request's head to its answer's head; most of it is waiting that was asked for.",
            rows,
        );
    }

    /// Who is connected.
    pub(super) fn connections(&mut self, open: usize, refused: u64) {
        self.add(
            "awaitd_connections",
            "Connections that are open.",
            MetricType::GAUGE,
            vec![gauge(&[], open as f64)],
        );
        self.add(
            "awaitd_connections_refused_total",
            "Connections that were closed at once, since there were as many as there may be.",
            MetricType::COUNTER,
            vec![counter(&[], refused as f64)],
        );
    }

    /// How far the loop is behind.
    pub(super) fn lag(&mut self, lag: Duration) {
        self.add(
            "awaitd_lag_seconds",
            "How long the first who is still to be heard has been waiting, or an append for the disk.",
            MetricType::GAUGE,
            vec![gauge(&[], lag.as_secs_f64())],
        );
    }

    /// What this process is, and what it uses.
    pub(super) fn process(&mut self, started: SystemTime) {
        let usage = Usage::now();
        let [virt, resident] = usage.memory.map_or([None; 2], |bytes| bytes.map(Some));
        let started = started.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let version = [("version", env!("CARGO_PKG_VERSION"))];
        let one = |value: Option<f64>| value.map(|value| gauge(&[], value)).into_iter().collect();
        self.add(
            "process_cpu_seconds_total",
            "CPU time in user and system mode.",
            MetricType::COUNTER,
            vec![counter(&[], usage.cpu_seconds)],
        );
        for (name, help, value) in [
            ("process_resident_memory_bytes", "Resident memory.", resident),
            ("process_virtual_memory_bytes", "Virtual memory.", virt),
            ("process_open_fds", "Open file descriptors.", usage.open_fds),
            ("process_max_fds", "File descriptors that may be open.", usage.max_fds),
            (
                "process_start_time_seconds",
                "When the process started, in seconds since 1970.",
                Some(started.as_secs_f64()),
            ),
        ] {
            self.add(name, help, MetricType::GAUGE, one(value));
        }
        self.add(
            "awaitd_build_info",
            "Always 1; the label is what matters.",
            MetricType::GAUGE,
            vec![gauge(&version, 1.0)],
        );
    }

    /// As text.
    pub(super) fn text(&self) -> String {
        let encoded = TextEncoder::new().encode_to_string(&self.0);
        encoded.expect("every family has a name and a metric, and a text takes all that is written")
    }

    /// A metric, unless nothing is known of it.
    pub(super) fn add(&mut self, name: &str, help: &str, kind: MetricType, metrics: Vec<Metric>) {
        if metrics.is_empty() {
            return;
        }
        let mut family = MetricFamily::default();
        family.set_name(name.to_owned());
        family.set_help(help.to_owned());
        family.set_field_type(kind);
        family.set_metric(metrics);
        self.0.push(family);
    }

    /// A metric of lengths of time.
    pub(super) fn histograms<'a>(
        &mut self,
        name: &str,
        help: &str,
        rows: impl Iterator<Item = (Vec<(&'a str, &'a str)>, &'a Histogram)>,
    ) {
        let rows = rows.map(|(labels, lengths)| histogram(&labels, lengths)).collect();
        self.add(name, help, MetricType::HISTOGRAM, rows);
    }
}

/// What a name is called in a label.
pub(super) fn label_of<'a, S>(names: &Names<S>, name: &'a Name) -> &'a str {
    if names.own.contains_key(name) { name.as_str() } else { OTHER }
}

/// Counts by label, in the order of the names, the others last.
pub(super) fn rows<S: Sum>(names: &Names<S>) -> Vec<(&str, &S)> {
    let own = names.own.iter().map(|(name, own)| (name.as_str(), &own.counts));
    let mut rows: Vec<_> = own.collect();
    rows.sort_by_key(|(name, _)| *name);
    if names.other != S::default() {
        rows.push((OTHER, &names.other));
    }
    rows
}

fn labelled(labels: &[(&str, &str)]) -> Metric {
    let pairs = labels.iter().map(|(name, value)| {
        let mut pair = LabelPair::default();
        pair.set_name((*name).to_owned());
        pair.set_value((*value).to_owned());
        pair
    });
    Metric::from_label(pairs.collect())
}

pub(super) fn gauge(labels: &[(&str, &str)], value: f64) -> Metric {
    let mut gauge = Gauge::default();
    gauge.set_value(value);
    let mut metric = labelled(labels);
    metric.set_gauge(gauge);
    metric
}

pub(super) fn counter(labels: &[(&str, &str)], value: f64) -> Metric {
    let mut counter = Counter::default();
    counter.set_value(value);
    let mut metric = labelled(labels);
    metric.set_counter(counter);
    metric
}

fn histogram(labels: &[(&str, &str)], lengths: &Histogram) -> Metric {
    let above = lengths.buckets[BOUNDS.len()];
    let mut metric = stepped(&BOUNDS, &lengths.buckets[..BOUNDS.len()], above, lengths.seconds);
    metric.set_label(labelled(labels).take_label());
    metric
}

/// A histogram: how many were at most as much as each bound and more than the one before, how many
/// above all of them, and their sum.
pub(super) fn stepped(bounds: &[f64], at_most: &[u64], above: u64, sum: f64) -> Metric {
    let mut below = 0;
    let buckets = bounds.iter().zip(at_most).map(|(bound, number)| {
        below += number;
        let mut bucket = Bucket::default();
        bucket.set_upper_bound(*bound);
        bucket.set_cumulative_count(below);
        bucket
    });
    let mut histogram = Buckets::default();
    histogram.set_bucket(buckets.collect());
    histogram.set_sample_count(below + above);
    histogram.set_sample_sum(sum);
    let mut metric = labelled(&[]);
    metric.set_histogram(histogram);
    metric
}
