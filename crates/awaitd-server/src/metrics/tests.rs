//! The page, seen by who scrapes it: only public functions, hand-made facts.

use std::time::{Duration, SystemTime};

use awaitd_primitives::{
    Answer, Cause, Census, Command, DropCause, Entry, GetMode, Got, Grant, Held, JobId, JobState,
    LeaseId, LockView, Name, Outcome, Payload, Position, QueueConfig, QueueView, QueueWaiters,
    Quota, Record, Reply, SemaphoreConfig, SemaphoreView, Share, Taken, Then, Thing, Ticket, Time,
    View,
};

use crate::config::Config;
use crate::metrics::Metrics;

const SECOND: Duration = Duration::from_secs(1);

fn metrics(names_max: usize) -> Metrics {
    let config = Config { metrics_max_names: names_max, ..Config::default() };
    Metrics::new(&config, SystemTime::UNIX_EPOCH)
}

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn payload() -> Payload {
    Payload { body: b"x"[..].into(), content_type: None }
}

fn happened(metrics: &Metrics, records: Vec<Record>) {
    metrics.fold(&[Entry { at: Time::ZERO, records }], &[]);
}

fn placed(queue: &str) -> Record {
    Record::Placed { queue: name(queue), job: JobId(1), ready_at: Time::ZERO, payload: payload() }
}

fn configured(queue: &str) -> Record {
    Record::Configured { queue: name(queue), config: QueueConfig::default() }
}

fn lease() -> LeaseId {
    LeaseId(7.try_into().unwrap())
}

fn leased(held: &Held) -> Record {
    Record::Leased {
        lease: lease(),
        held: held.clone(),
        length: SECOND,
        until: Some(Time::ZERO + SECOND),
        waited: SECOND,
        ready_at: Time::ZERO,
    }
}

fn settled(held: &Held, outcome: Outcome, then: Then) -> Record {
    Record::Settled { lease: lease(), held: held.clone(), outcome, then, lasted: 2 * SECOND }
}

fn view(queue: &str, ready: u64) -> QueueView {
    QueueView {
        name: name(queue),
        config: QueueConfig::default(),
        ready,
        delayed: 1,
        leased: 2,
        dead: 5,
        unfinished: ready + 3,
        oldest_ready: Some(Time::ZERO),
        shut_down: false,
        waiters: QueueWaiters::default(),
    }
}

/// The value of a series; the text must hold it once.
fn value<'a>(page: &'a str, series: &str) -> &'a str {
    let mut found = page.lines().filter_map(|line| line.strip_prefix(series)?.strip_prefix(' '));
    let value = found.next().unwrap_or_else(|| panic!("no {series} in:\n{page}"));
    assert_eq!(found.next(), None, "{series} is there twice");
    value
}

fn job() -> Held {
    Held::Job { queue: name("q"), job: JobId(1) }
}

fn lock() -> Held {
    Held::Lock { lock: name("l"), owner: None }
}

fn shared() -> Held {
    Held::Part { thing: Thing::Lock(name("l")), permits: 1, owner: None }
}

fn permits() -> Held {
    Held::Part { thing: Thing::Semaphore(name("s")), permits: 3, owner: None }
}

/// Each record counts where it should, and once.
#[test]
fn records_are_counted() {
    let metrics = metrics(10);
    let back = Then::Back { ready_at: Time::ZERO, since: Time::ZERO, counted: true, error: None };
    happened(
        &metrics,
        vec![
            placed("q"),
            placed("q"),
            placed("q"),
            leased(&job()),
            settled(&job(), Outcome::Done, Then::Finished),
            leased(&job()),
            settled(&job(), Outcome::Expired, back.clone()),
            leased(&job()),
            settled(&job(), Outcome::Undelivered, back),
            leased(&job()),
            settled(&job(), Outcome::Returned, Then::Dropped),
            Record::Emptied { queue: name("q"), dropped: 5 },
            leased(&lock()),
            settled(&lock(), Outcome::Done, Then::Finished),
            settled(&lock(), Outcome::Undelivered, Then::Finished),
            leased(&permits()),
            settled(&permits(), Outcome::Expired, Then::Finished),
            leased(&shared()),
            settled(&shared(), Outcome::Broken, Then::Finished),
        ],
    );
    let page = metrics.render(&Census::default(), Time::ZERO);
    for (event, jobs) in [
        ("put", "3"),
        ("got", "4"),
        ("done", "1"),
        ("expired", "1"),
        ("undelivered", "1"),
        ("returned", "1"),
        ("dropped", "6"),
    ] {
        let series = format!(r#"awaitd_jobs_total{{queue="q",event="{event}"}}"#);
        assert_eq!(value(&page, &series), jobs, "{event}");
    }
    assert_eq!(value(&page, r#"awaitd_job_wait_seconds_count{queue="q"}"#), "4");
    assert_eq!(value(&page, r#"awaitd_job_wait_seconds_bucket{queue="q",le="0.2"}"#), "0");
    assert_eq!(value(&page, r#"awaitd_job_wait_seconds_bucket{queue="q",le="1"}"#), "4");
    assert_eq!(value(&page, r#"awaitd_job_held_seconds_sum{queue="q",outcome="returned"}"#), "2");
    assert_eq!(value(&page, r#"awaitd_lock_held_seconds_count{lock="l"}"#), "2");
    assert_eq!(value(&page, r#"awaitd_lock_expired_total{lock="l"}"#), "0");
    assert_eq!(value(&page, r#"awaitd_semaphore_held_seconds_sum{semaphore="s"}"#), "2");
    assert_eq!(value(&page, r#"awaitd_semaphore_expired_total{semaphore="s"}"#), "1");
}

/// What was waited for and had is observed with its length; what was not had is not, nor is what is
/// told once more.
#[test]
fn waits_that_ended_well_are_observed() {
    let metrics = metrics(10);
    let get = Command::Get { queue: name("q"), mode: GetMode::AtMostOnce, settle: None, most: 1 };
    let got = Answer::Got(Box::new(Got {
        queue: name("q"),
        job: JobId(1),
        lease: lease(),
        until: None,
        attempt: 1,
        waited: SECOND,
        enqueued: Time::ZERO,
        payload: payload(),
        traits: Vec::new(),
        promised: false,
    }));
    let wait = Command::WaitEvent { event: name("e"), after: None };
    let meet = Command::WaitBarrier { barrier: name("b") };
    let tripped = Answer::Tripped { index: 0, generation: 1 };
    let broken = Err(awaitd_primitives::Refusal::Broken);
    let acquire = Command::Acquire {
        thing: Thing::Semaphore(name("s")),
        share: Share::Permits(1),
        lease: None,
        owner: None,
    };
    let grant = Grant { thing: Thing::Semaphore(name("s")), lease: lease(), until: Time::ZERO };
    let set = Answer::Happened { generation: 1, value: payload() };
    let reply = |command: &Command, told| Reply {
        ticket: Ticket(1),
        command: command.clone(),
        told,
        waited: 30 * SECOND,
        waits: true,
        repeat: false,
        after: Position::default(),
    };
    let again = Reply { repeat: true, ..reply(&get, Ok(got.clone())) };
    let empty = Err(awaitd_primitives::Refusal::Empty);
    metrics.fold(&[], &[reply(&get, Ok(got)), reply(&get, empty), reply(&wait, Ok(set)), again]);
    metrics.fold(&[], &[reply(&meet, Ok(tripped)), reply(&meet, broken)]);
    metrics.fold(&[], &[reply(&acquire, Ok(Answer::Acquired(grant)))]);
    let page = metrics.render(&Census::default(), Time::ZERO);
    assert_eq!(value(&page, r#"awaitd_get_blocked_seconds_count{queue="q"}"#), "1");
    assert_eq!(value(&page, r#"awaitd_get_blocked_seconds_sum{queue="q"}"#), "30");
    assert_eq!(value(&page, r#"awaitd_event_wait_seconds_sum{event="e"}"#), "30");
    assert_eq!(value(&page, r#"awaitd_barrier_wait_seconds_sum{barrier="b"}"#), "30");
    assert_eq!(value(&page, r#"awaitd_semaphore_wait_seconds_sum{semaphore="s"}"#), "30");
}

/// Jobs that die, go elsewhere or make room are counted where that happens.
#[test]
fn what_becomes_of_jobs_is_counted() {
    let metrics = metrics(10);
    let (queue, job) = (name("q"), JobId(1));
    let dead =
        settled(&self::job(), Outcome::Returned, Then::Dead { cause: Cause::Nack, error: None });
    let moved = |dead_letter| {
        let (from, to, ready_at) = (name("q"), name("d"), Time::ZERO);
        Record::Moved { from, job, to, ready_at, ends: None, dead_letter }
    };
    let records = vec![
        dead,
        moved(true),
        Record::Died { queue: queue.clone(), job, cause: Cause::Ttl },
        Record::Dropped { queue: queue.clone(), job, cause: DropCause::Full },
        Record::Purged { queue: queue.clone(), state: JobState::Dead, dropped: 7 },
        Record::Purged { queue, state: JobState::Done, dropped: 3 },
        moved(false),
    ];
    happened(&metrics, records);
    let page = metrics.render(&Census::default(), Time::ZERO);
    for (queue, event, count) in [
        ("q", "returned", "1"),
        ("q", "dead", "2"),
        ("q", "dead_lettered", "1"),
        ("q", "redriven", "1"),
        ("q", "dropped", "8"),
        ("d", "put", "2"),
    ] {
        let series = format!(r#"awaitd_jobs_total{{queue="{queue}",event="{event}"}}"#);
        assert_eq!(value(&page, &series), count, "{series}");
    }
}

/// Gauges tell what the census tells, and ages by the clock.
#[test]
fn gauges_are_those_of_the_census() {
    let metrics = metrics(10);
    let census = Census {
        queues: vec![(view("q", 4), true)],
        events: vec![(name("e"), true)],
        others: vec![
            View::Lock(LockView {
                name: name("l"),
                holders: Vec::new(),
                waiters: 0,
                conditions: Vec::new(),
            }),
            View::Semaphore(SemaphoreView {
                name: name("s"),
                config: SemaphoreConfig { permits: 5, bounded: true },
                available: 2,
                holders: Vec::new(),
                waiters: 0,
            }),
        ],
        waiters: vec![(Thing::Lock(name("l")), "acquire", 3)],
        waits: 3,
        spaces: vec![(
            Quota { prefix: "team-a-".into(), jobs: Some(9), ..Quota::default() },
            Taken { jobs: 4, bytes: 1_000, waits: 3 },
        )],
        undelivered: 0,
    };
    let page = metrics.render(&census, Time::ZERO + 9 * SECOND);
    for (series, expected) in [
        (r#"awaitd_queue_depth{queue="q",state="ready"}"#, "4"),
        (r#"awaitd_queue_depth{queue="q",state="dead"}"#, "5"),
        (r#"awaitd_queue_paused{queue="q"}"#, "0"),
        (r#"awaitd_queue_maxsize{queue="q"}"#, "1000"),
        (r#"awaitd_queue_unfinished{queue="q"}"#, "7"),
        (r#"awaitd_queue_oldest_ready_age_seconds{queue="q"}"#, "9"),
        (r#"awaitd_event_set{event="e"}"#, "1"),
        (r#"awaitd_waiters{kind="lock",name="l",op="acquire"}"#, "3"),
        (r#"awaitd_lock_held_seconds_count{lock="l"}"#, "0"),
        (r#"awaitd_semaphore_permits{semaphore="s"}"#, "5"),
        (r#"awaitd_semaphore_available{semaphore="s"}"#, "2"),
        (r#"awaitd_namespace_taken{namespace="team-a-*",of="bytes"}"#, "1000"),
        (r#"awaitd_namespace_quota{namespace="team-a-*",of="jobs"}"#, "9"),
        (r#"awaitd_namespace_refused_total{namespace="team-a-*",of="jobs"}"#, "0"),
        (r#"awaitd_semaphore_held_seconds_count{semaphore="s"}"#, "0"),
    ] {
        assert_eq!(value(&page, series), expected, "{series}");
    }
    assert_ne!(value(&page, "process_cpu_seconds_total"), "0");
    assert!(!page.contains("_other"), "{page}");
}

/// However many names there are, so many have series of their own; the rest is summed, of ages the
/// greatest is told, and configured names go first.
#[test]
fn names_beyond_the_most_are_summed() {
    let metrics = metrics(2);
    happened(&metrics, vec![placed("a"), placed("b"), placed("c"), placed("d"), configured("d")]);
    happened(&metrics, vec![placed("d")]);
    let mut census = Census::default();
    for queue in ["a", "b", "c", "d"] {
        census.queues.push((view(queue, 1), queue == "d"));
    }
    let page = metrics.render(&census, Time::ZERO + SECOND);
    let queues = page.lines().filter(|line| line.starts_with("awaitd_queue_maxsize{")).count();
    assert_eq!(queues, 3, "{page}");
    assert_eq!(value(&page, r#"awaitd_jobs_total{queue="d",event="put"}"#), "1");
    assert_eq!(value(&page, r#"awaitd_jobs_total{queue="_other",event="put"}"#), "3");
    assert_eq!(value(&page, r#"awaitd_queue_depth{queue="_other",state="leased"}"#), "4");
    assert_eq!(value(&page, r#"awaitd_queue_oldest_ready_age_seconds{queue="_other"}"#), "1");
}

/// A name that goes leaves its counts behind, and its room to another.
#[test]
fn a_name_that_goes_leaves_its_counts_behind() {
    let metrics = metrics(1);
    happened(&metrics, vec![placed("a"), placed("a"), placed("b")]);
    happened(
        &metrics,
        vec![Record::Deleted { thing: Thing::Queue(name("a")), dropped: 2, leases: Vec::new() }],
    );
    let census = Census { queues: vec![(view("b", 1), false)], ..Census::default() };
    let page = metrics.render(&census, Time::ZERO);
    assert_eq!(value(&page, r#"awaitd_jobs_total{queue="_other",event="put"}"#), "3");
    assert_eq!(value(&page, r#"awaitd_jobs_total{queue="_other",event="dropped"}"#), "2");
    assert_eq!(value(&page, r#"awaitd_queue_unfinished{queue="b"}"#), "4");
    assert!(!page.contains(r#"queue="a""#), "{page}");
}

/// With no room for any name nothing is lost either.
#[test]
fn no_name_may_have_its_own() {
    let metrics = metrics(0);
    happened(&metrics, vec![configured("a"), placed("a")]);
    let census = Census { queues: vec![(view("a", 1), true)], ..Census::default() };
    let page = metrics.render(&census, Time::ZERO);
    assert_eq!(value(&page, r#"awaitd_jobs_total{queue="_other",event="put"}"#), "1");
    assert!(!page.contains(r#"queue="a""#), "{page}");
}

/// Requests are counted by what they were.
#[test]
fn requests_are_counted_by_route() {
    let metrics = metrics(1);
    metrics.request("/v1/queues/{q}/get", "POST", 204, SECOND);
    metrics.request("/v1/queues/{q}/get", "POST", 204, SECOND);
    metrics.request("/v1/queues/{q}/get", "other", 405, SECOND);
    let page = metrics.render(&Census::default(), Time::ZERO);
    let labels = r#"{route="/v1/queues/{q}/get",method="POST",status="204"}"#;
    assert_eq!(value(&page, &format!("awaitd_http_requests_total{labels}")), "2");
    assert_eq!(value(&page, &format!("awaitd_http_request_seconds_sum{labels}")), "2");
    let labels = r#"{route="/v1/queues/{q}/get",method="other",status="405"}"#;
    assert_eq!(value(&page, &format!("awaitd_http_requests_total{labels}")), "1");
}
