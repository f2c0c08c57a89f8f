//! `/metrics`: every metric of the contract is there after a story, and right.

use std::process::Stdio;

use awaitd_tests::{Scrape, Server, tool};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

/// A story with one of everything in the queue `work`: five puts of which one had to wait, five
/// gets, two jobs done, one given back, one lease run out, one job held, one delayed, one ready.
async fn story(server: &Server) {
    let client = server.client();
    let get = async |lease: &str| {
        let path = format!("/v1/queues/work/get?lease={lease}");
        client.post(&path, "").await.expect(200).location()
    };
    client.put("/v1/queues/work", r#"{"maxsize": 2, "backoff": {"min": "0s"}}"#).await.expect(201);
    client.post("/v1/queues/work/jobs", "1").await.expect(201);
    client.post("/v1/queues/work/jobs", "2").await.expect(201);
    let blocked = client.post("/v1/queues/work/jobs?wait=30s", "3").spawn();
    server.until_waiting("queue", "work", "put", 1).await;
    client.delete(&get("1h").await).await.expect(204);
    blocked.await.expect("no panic").expect(201);
    let returned = get("1h").await;
    client.post(&format!("{returned}/nack"), "").await.expect(204);
    let expired = get("100ms").await;
    client.get(&format!("{expired}?wait=30s")).await.refused(410, "lease_lost");
    client.delete(&get("1h").await).await.expect(204);
    get("1h").await;
    client.post("/v1/queues/work/jobs?delay=1h", "4").await.expect(201);
    client.post("/v1/queues/work/jobs", "5").await.expect(201);
}

#[tokio::test]
async fn the_metrics_of_a_queue_are_right() {
    let server = Server::start();
    story(&server).await;
    let client = server.client();
    let idle = client.post("/v1/queues/idle/get?wait=30s", "").spawn();
    server.until_waiting("queue", "idle", "get", 1).await;
    client.post("/v1/queues/idle/jobs", "x").await.expect(201);
    idle.await.expect("no panic").expect(200);
    client.post("/v1/queues/idle/jobs", "dropped").await.expect(201);
    client.post("/v1/queues/idle/shutdown?immediate=true", "").await.expect(200);

    let scrape = server.scrape().await;
    for (state, count) in [("ready", 1), ("delayed", 1), ("leased", 1), ("dead", 0)] {
        let labels = [("queue", "work"), ("state", state)];
        assert!(scrape.has("awaitd_queue_depth", &labels), "{state}");
        assert_eq!(scrape.count("awaitd_queue_depth", &labels), count, "{state}");
    }
    let work = [("queue", "work")];
    assert_eq!(scrape.count("awaitd_queue_maxsize", &work), 2);
    assert_eq!(scrape.count("awaitd_queue_unfinished", &work), 3);
    assert!(scrape.has("awaitd_queue_oldest_ready_age_seconds", &work));
    let events = [("put", 5), ("got", 5), ("done", 2), ("returned", 1), ("expired", 1)];
    for (event, count) in events {
        let labels = [("queue", "work"), ("event", event)];
        assert_eq!(scrape.count("awaitd_jobs_total", &labels), count, "{event}");
    }
    let dropped = [("queue", "idle"), ("event", "dropped")];
    assert_eq!(scrape.count("awaitd_jobs_total", &dropped), 1);
    assert_eq!(scrape.count("awaitd_job_wait_seconds_count", &work), 5);
    assert_eq!(scrape.count("awaitd_job_held_seconds_count", &work), 4);
    for (outcome, count) in [("done", 2), ("returned", 1), ("expired", 1)] {
        let labels = [("queue", "work"), ("outcome", outcome)];
        assert_eq!(scrape.count("awaitd_job_held_seconds_count", &labels), count, "{outcome}");
    }
    let expired = [("queue", "work"), ("outcome", "expired")];
    assert!(scrape.sum("awaitd_job_held_seconds_sum", &expired) >= 0.1);
    assert!(scrape.sum("awaitd_put_blocked_seconds_sum", &work) > 0.0);
    assert!(scrape.count("awaitd_put_blocked_seconds_count", &work) >= 1);
    assert!(scrape.sum("awaitd_get_blocked_seconds_sum", &[("queue", "idle")]) > 0.0);
    assert!(scrape.count("awaitd_get_blocked_seconds_count", &[("queue", "idle")]) >= 1);
}

#[tokio::test]
async fn the_metrics_of_events_and_locks_are_right() {
    let server = Server::start();
    let client = server.client();
    let waits = client.get("/v1/events/e?wait=30s").spawn();
    server.until_waiting("event", "e", "wait", 1).await;
    let unset = server.scrape().await;
    assert!(unset.has("awaitd_event_set", &[("event", "e")]));
    assert_eq!(unset.count("awaitd_event_set", &[("event", "e")]), 0);
    client.put("/v1/events/e", "").await.expect(200);
    waits.await.expect("no panic").expect(200);
    let held = client.post("/v1/locks/l/acquire", "").await.expect(201).location();
    let next = client.post("/v1/locks/l/acquire?wait=30s", "").spawn();
    server.until_waiting("lock", "l", "acquire", 1).await;
    client.delete(&held).await.expect(204);
    next.await.expect("no panic").expect(201);

    let scrape = server.scrape().await;
    assert_eq!(scrape.count("awaitd_event_set", &[("event", "e")]), 1);
    assert!(scrape.count("awaitd_event_wait_seconds_count", &[("event", "e")]) >= 1);
    assert!(scrape.sum("awaitd_event_wait_seconds_sum", &[("event", "e")]) > 0.0);
    assert!(scrape.count("awaitd_lock_wait_seconds_count", &[("lock", "l")]) >= 1);
    assert!(scrape.sum("awaitd_lock_wait_seconds_sum", &[("lock", "l")]) > 0.0);
    assert_eq!(scrape.count("awaitd_lock_held_seconds_count", &[("lock", "l")]), 1);
    assert!(!scrape.has("awaitd_waiters", &[]), "no series where nobody waits");
}

/// Whoever watches the disk need not run beside the server.
#[tokio::test]
async fn what_the_disk_has_left_is_told_if_there_is_one() {
    let free = "awaitd_journal_disk_free_bytes";
    let server = Server::start();
    server.client().post("/v1/queues/q/jobs", "x").await.expect(201);
    assert!(server.scrape().await.sum(free, &[]) > 0.0);
    let server = Server::with_args(&["--memory"]);
    server.client().post("/v1/queues/q/jobs", "x").await.expect(201);
    assert!(!server.scrape().await.has(free, &[]));
}

/// A label that a client can fill is a way to blow up a scrape: routes are templates.
#[tokio::test]
async fn requests_are_counted_by_the_template_of_their_route() {
    let server = Server::start();
    let client = server.client();
    for number in 0..3 {
        client.post(&format!("/v1/queues/secret-{number}/jobs"), "x").await.expect(201);
        client.get(&format!("/v1/queues/secret/{number}/nowhere")).await.expect(404);
        client.ask("PURGE", "/v1/queues/secret/jobs").await.expect(405);
    }
    let scrape = server.scrape().await;
    let labels = [("route", "/v1/queues/{queue}/jobs"), ("method", "POST"), ("status", "201")];
    assert_eq!(scrape.count("awaitd_http_requests_total", &labels), 3);
    let route = [("route", "/v1/queues/{queue}/jobs")];
    assert!(scrape.count("awaitd_http_request_seconds_count", &route) >= 3);
    for label in ["route", "method"] {
        let values = scrape.values("awaitd_http_requests_total", label);
        assert!(!values.iter().any(|value| value.contains("secret")), "{values:?}");
        assert!(!values.contains("PURGE"), "a method is a client's invention too: {values:?}");
    }
}

/// The number of names with series of their own in a metric by queue, and the value of `_other`.
fn named(scrape: &Scrape, name: &str) -> (u64, u64) {
    let mut queues = scrape.values(name, "queue");
    queues.remove("_other");
    (queues.len() as u64, scrape.count(name, &[("queue", "_other")]))
}

#[tokio::test]
async fn only_so_many_names_have_series_of_their_own() {
    let server = Server::with_args(&["--metrics-max-names", "5"]);
    let client = server.client();
    for number in 0..12 {
        client.post(&format!("/v1/queues/q{number}/jobs"), "x").await.expect(201);
        client.put(&format!("/v1/events/e{number}"), "").await.expect(200);
        client.post(&format!("/v1/locks/l{number}/acquire"), "").await.expect(201);
        let semaphore = format!("/v1/semaphores/s{number}");
        client.put(&semaphore, r#"{"permits": 2}"#).await.expect(201);
        client.post(&format!("{semaphore}/acquire"), "").await.expect(201);
        client.put(&format!("/v1/barriers/b{number}"), r#"{"parties": 1}"#).await.expect(201);
        client.post(&format!("/v1/barriers/b{number}/wait"), "").await.expect(200);
    }
    let scrape = server.scrape().await;
    for (label, metrics) in [
        ("queue", vec!["awaitd_queue_depth", "awaitd_jobs_total", "awaitd_queue_maxsize"]),
        ("event", vec!["awaitd_event_set", "awaitd_event_wait_seconds_count"]),
        ("lock", vec!["awaitd_lock_wait_seconds_count", "awaitd_lock_held_seconds_count"]),
        ("semaphore", vec!["awaitd_semaphore_available", "awaitd_semaphore_wait_seconds_count"]),
        ("barrier", vec!["awaitd_barrier_wait_seconds_count"]),
    ] {
        for metric in metrics {
            let mut names = scrape.values(metric, label);
            names.remove("_other");
            assert!(names.len() <= 5, "{metric}: {names:?}");
        }
    }
    let (names, other) = named(&scrape, "awaitd_queue_unfinished");
    assert_eq!(names + other, 12, "a job each");
    assert_eq!(scrape.count("awaitd_jobs_total", &[("event", "put")]), 12);
    assert_eq!(scrape.count("awaitd_event_set", &[]), 12);
    assert_eq!(scrape.count("awaitd_semaphore_available", &[]), 12, "a permit each");
    assert_eq!(scrape.count("awaitd_semaphore_wait_seconds_count", &[]), 12);
    assert_eq!(scrape.count("awaitd_barrier_wait_seconds_count", &[]), 12);
}

/// Names that somebody configured come before names that sprang into being.
#[tokio::test]
async fn configured_names_come_first() {
    let server = Server::with_args(&["--metrics-max-names", "2"]);
    let client = server.client();
    for number in 0..5 {
        client.post(&format!("/v1/queues/q{number}/jobs"), "x").await.expect(201);
    }
    client.put("/v1/queues/chosen", "{}").await.expect(201);
    client.post("/v1/queues/chosen/jobs", "x").await.expect(201);
    let chosen = [("queue", "chosen"), ("event", "put")];
    let scrape = server.scrape().await;
    assert_eq!(scrape.count("awaitd_jobs_total", &chosen), 1);
    assert_eq!(scrape.count("awaitd_queue_unfinished", &[("queue", "chosen")]), 1);
    assert_eq!(scrape.count("awaitd_jobs_total", &[("event", "put")]), 6);
}

#[tokio::test]
async fn counters_of_freed_names_go_into_other_and_never_fall() {
    let server = Server::with_args(&["--metrics-max-names", "2"]);
    let client = server.client();
    let put = [("event", "put")];
    let other_put = [("queue", "_other"), ("event", "put")];
    let mut last = 0;
    for round in 1..=6 {
        let queue = format!("/v1/queues/q{}", round % 3);
        client.post(&format!("{queue}/jobs"), "x").await.expect(201);
        if round % 2 == 0 {
            client.delete(&queue).await.expect(204);
        }
        let scrape = server.scrape().await;
        assert_eq!(scrape.count("awaitd_jobs_total", &put), round, "nothing is lost");
        let other = scrape.count("awaitd_jobs_total", &other_put);
        assert!(other >= last, "_other fell from {last} to {other}");
        last = other;
    }
    for number in 0..3 {
        client.delete(&format!("/v1/queues/q{number}")).await;
    }
    let scrape = server.scrape().await;
    assert_eq!(scrape.count("awaitd_jobs_total", &other_put), 6);
    assert_eq!(scrape.count("awaitd_queue_unfinished", &[]), 0);
    assert_eq!(named(&scrape, "awaitd_queue_depth").0, 0, "who is gone has no series");
}

#[tokio::test]
async fn promtool_has_nothing_to_say() {
    let Some(promtool) = tool("promtool") else {
        return;
    };
    let server = Server::start();
    let empty = server.scrape().await.text;
    story(&server).await;
    let client = server.client();
    client.get("/v1/events/e?wait=1ms").await.expect(408);
    client.post("/v1/locks/l/acquire", "").await.expect(201);
    client.put("/v1/semaphores/s", r#"{"permits": 2}"#).await.expect(201);
    let permit = client.post("/v1/semaphores/s/acquire", "").await.expect(201);
    client.delete(&permit.location()).await.expect(204);
    client.put("/v1/barriers/b", r#"{"parties": 1}"#).await.expect(201);
    client.post("/v1/barriers/b/wait", "").await.expect(200);
    let waits = client.get("/v1/queues/work/join?wait=30s").spawn();
    server.until_waiting("queue", "work", "join", 1).await;
    for text in [empty, server.scrape().await.text] {
        let mut command = Command::new(&promtool);
        command.args(["check", "metrics"]).stdin(Stdio::piped());
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("promtool runs");
        let mut input = child.stdin.take().expect("its input is a pipe");
        input.write_all(text.as_bytes()).await.expect("promtool reads");
        drop(input);
        let output = child.wait_with_output().await.expect("promtool ends");
        let said = [output.stdout, output.stderr].concat();
        assert!(said.is_empty(), "{}", String::from_utf8_lossy(&said));
        assert!(output.status.success());
    }
    waits.abort();
}
