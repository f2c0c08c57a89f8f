//! What operators do: `configure`, `pause`, `resume`, `purge`, `redrive`, `jobs`, `job`, `cancel`, `result`, `schedule`.

use awaitd_tests::Server;
use serde_json::{Value, json};

use super::{NOT_YET, awaitd, awaitd_with, json};

/// Each line of what it said is JSON.
fn lines(out: &str) -> Vec<Value> {
    out.lines().map(|line| serde_json::from_str(line).expect("each line is JSON")).collect()
}

/// The lease of the next job of a queue.
async fn lease(server: &Server, queue: &str) -> String {
    let got = json(&awaitd(server, &["get", queue, "-n", "--json"]).await.well());
    got["lease"].as_str().expect("a path").to_owned()
}

/// A queue is what it was said to be; what is left out has its default again.
#[tokio::test]
async fn a_queue_is_configured() {
    let server = Server::start();
    let all = [
        "--maxsize=7",
        "--max-bytes=1MiB",
        "--full=drop-oldest",
        "--order=priority",
        "--lease=1m",
        "--ttl=1h",
        "--max-attempts=3",
        "--backoff-min=2s",
        "--backoff-max=1m",
        "--backoff-factor=3",
        "--backoff-jitter=0",
        "--dead-letter=dead",
        "--max-dead=5",
        "--rate=0.5",
        "--burst=4",
        "--concurrency=6",
        "--key-concurrency=2",
        "--max-leased=8",
        "--fair",
        "--retain=1h",
    ];
    awaitd(&server, &[&["configure", "q", "--new"], &all[..]].concat()).await.well();
    let shown = json(&awaitd(&server, &["queues", "--json"]).await.well());
    let wanted = json!({
        "maxsize": 7, "max_bytes": 1_048_576, "full": "drop_oldest", "order": "priority", "lease": 60.0,
        "ttl": 3600.0, "max_attempts": 3, "dead_letter": "dead", "max_dead": 5, "concurrency": 6,
        "key_concurrency": 2, "max_leased": 8, "fair": true, "retain": 3600.0
    });
    for (name, value) in wanted.as_object().expect("an object") {
        assert_eq!(&shown[name], value, "{name}");
    }
    let backoff = json!({ "min": 2.0, "max": 60.0, "factor": 3.0, "jitter": 0.0 });
    assert_eq!(shown["backoff"], backoff);
    assert_eq!(shown["rate"], json!({ "per_second": 0.5, "burst": 4 }));
    let there = awaitd(&server, &["configure", "q", "--new", "--json"]).await;
    assert_eq!((there.exit, &json(&there)["error"]["code"]), (1, &json!("exists")));
    awaitd(&server, &["configure", "q"]).await.well();
    let shown = json(&awaitd(&server, &["queues", "--json"]).await.well());
    assert_eq!((&shown["maxsize"], &shown["ttl"]), (&json!(1_000), &json!(null)));
}

/// What is put with a job is handed out with it, and a unique one is put once.
#[tokio::test]
async fn a_job_has_knobs() {
    let server = Server::start();
    let put = ["put", "q", "x", "-k", "ann", "-u", "u", "-H", "Job-Tenant: 7", "-l", "1h"];
    awaitd(
        &server,
        &[&put[..], &["--ttl=1h", "--max-attempts=3", "--at=2026-01-01T00:00:00Z"]].concat(),
    )
    .await
    .well();
    let again = awaitd(&server, &["put", "q", "y", "--unique", "u"]).await.well();
    assert_eq!(
        (again.out.as_str(), again.complaints.contains("already")),
        ("1\n", true),
        "{again:?}"
    );
    let again = json(&awaitd(&server, &["put", "q", "y", "--unique", "u", "--json"]).await.well());
    assert_eq!(again, json!({ "queue": "q", "job": 1, "existed": true }));
    let listed = json(&awaitd(&server, &["jobs", "q", "--json", "--body"]).await.well());
    assert_eq!(
        (&listed["body"], &listed["unique"], &listed["max_attempts"]),
        (&json!("x"), &json!("u"), &json!(3))
    );
    let got = json(&awaitd(&server, &["get", "none,q", "--json"]).await.well());
    assert_eq!((&got["queue"], &got["key"]), (&json!("q"), &json!("ann")));
    assert_eq!(got["headers"], json!({ "job-tenant": "7" }));
    let both = awaitd(&server, &["put", "q", "y", "--delay=1s", "--at=2026-01-01T00:00:00Z"]).await;
    assert_eq!(both.exit, 2, "{both:?}");
}

/// Each line of a batch is a job, and has a line that says what became of it.
#[tokio::test]
async fn a_batch_is_read_line_by_line() {
    let server = Server::start();
    awaitd(&server, &["configure", "q", "--maxsize=2"]).await.well();
    let input = b"{\"body\": \"one\", \"key\": \"k\"}\n\n  {\"body\": {\"two\": 2}}  \n";
    let ran = awaitd_with(&server, &["put", "q", "--batch"], input).await.well();
    assert_eq!(lines(&ran.out), [json!({ "job": 1 }), json!({ "job": 2 })]);
    let full = awaitd_with(&server, &["put", "q", "--batch"], b"{\"body\": \"three\"}").await;
    assert_eq!((full.exit, &lines(&full.out)[0]["error"]["code"]), (NOT_YET, &json!("queue_full")));
    let wrong =
        awaitd_with(&server, &["put", "q", "--batch"], b"{\"body\": \"three\"}\nno JSON\n").await;
    let codes: Vec<_> =
        lines(&wrong.out).iter().map(|line| line["error"]["code"].clone()).collect();
    assert_eq!((wrong.exit, codes), (1, vec![json!("queue_full"), json!("invalid_parameter")]));
    let got = awaitd(&server, &["get", "q", "--max", "9", "-n"]).await.well();
    let bodies: Vec<_> = lines(&got.out).iter().map(|job| job["body"].clone()).collect();
    assert_eq!(bodies, ["one", "{\"two\": 2}"]);
    for job in lines(&got.out) {
        awaitd(&server, &["done", job["lease"].as_str().expect("a path")]).await.well();
    }
    let empty = awaitd_with(&server, &["put", "q", "--batch"], b"").await.well();
    assert_eq!(empty.out, "");
    let both = awaitd(&server, &["put", "q", "--batch", "--key", "k"]).await;
    assert_eq!(both.exit, 2, "{both:?}");
}

/// Who waits for a job's result has it; how far it is can be seen before.
#[tokio::test]
async fn a_result_is_waited_for() {
    let server = Server::start();
    awaitd(&server, &["put", "q", "x"]).await.well();
    assert_eq!(awaitd(&server, &["result", "q", "1", "-n"]).await.exit, NOT_YET);
    let lease = lease(&server, "q").await;
    awaitd(&server, &["progress", &lease, "half"]).await.well();
    let seen = awaitd(&server, &["job", "q", "1"]).await.well();
    assert_eq!(seen.out, "x");
    assert!(
        seen.complaints.contains("state: leased\n") && seen.complaints.contains("half"),
        "{seen:?}"
    );
    awaitd_with(&server, &["done", &lease, "--result", "-"], b"\xff").await.well();
    let result = json(&awaitd(&server, &["result", "q", "1", "--json"]).await.well());
    assert_eq!(result["body_base64"], "/w==");
    assert_eq!(awaitd(&server, &["result", "q", "99"]).await.exit, 1);
}

/// A paused queue hands out nothing, and what is dropped is gone; that is not said by mistake.
#[tokio::test]
async fn a_queue_is_paused_and_purged() {
    let server = Server::start();
    for body in ["a", "b", "c"] {
        awaitd(&server, &["put", "q", body]).await.well();
    }
    awaitd(&server, &["pause", "q"]).await.well();
    assert_eq!(awaitd(&server, &["get", "q", "-n"]).await.exit, NOT_YET);
    assert!(awaitd(&server, &["queues"]).await.well().out.contains("q (paused)"));
    awaitd(&server, &["resume", "q"]).await.well();
    assert_eq!(awaitd(&server, &["get", "q", "--ack"]).await.well().out, "a");
    awaitd(&server, &["cancel", "q", "2"]).await.well();
    assert_eq!(awaitd(&server, &["purge", "q"]).await.exit, 2);
    assert_eq!(awaitd(&server, &["purge", "q", "--yes"]).await.well().out, "1\n");
}

/// Dead jobs are seen with what was said of them, and are tried again.
#[tokio::test]
async fn dead_jobs_are_tried_again() {
    let server = Server::start();
    awaitd(&server, &["configure", "q", "--max-attempts=1"]).await.well();
    awaitd(&server, &["put", "q", "x"]).await.well();
    let held = lease(&server, "q").await;
    awaitd(&server, &["nack", &held, "--error", "no\x1b[2J address"]).await.well();
    let listed = awaitd(&server, &["jobs", "q", "--state", "dead"]).await.well();
    assert!(listed.out.contains("no\\u{1b}[2J address"), "a terminal obeys none of it: {listed:?}");
    let redriven = json(&awaitd(&server, &["redrive", "q", "--json"]).await.well());
    assert_eq!(redriven, json!({ "moved": 1, "left": 0 }));
    assert_eq!(awaitd(&server, &["get", "q", "--ack"]).await.well().out, "x");
    assert_eq!(awaitd(&server, &["jobs", "q", "--state", "lost"]).await.exit, 2);
}

/// A list of a dead letter queue says of what they died there.
#[tokio::test]
async fn a_dead_letter_queue_says_why() {
    let server = Server::start();
    awaitd(&server, &["configure", "q", "--max-attempts=1", "--dead-letter=dead"]).await.well();
    for job in ["x", "y"] {
        awaitd(&server, &["put", "q", job]).await.well();
        let held = lease(&server, "q").await;
        awaitd(&server, &["nack", &held, "--error", "no such address"]).await.well();
    }
    let listed = awaitd(&server, &["jobs", "dead"]).await.well();
    assert!(listed.out.contains("no such address"), "{listed:?}");
    awaitd(&server, &["configure", "small", "--maxsize=1"]).await.well();
    let some = awaitd(&server, &["redrive", "dead", "--to=small"]).await;
    assert_eq!((some.exit, some.out.as_str()), (75, "1\n"), "{some:?}");
    assert!(some.complaints.contains("1 stay"), "{some:?}");
}

/// A header that no job keeps is refused, rather than dropped on the way.
#[tokio::test]
async fn headers_are_those_that_a_job_keeps() {
    let server = Server::start();
    let refused = awaitd(&server, &["put", "q", "x", "-H", "Tenant: ann"]).await;
    assert_eq!(refused.exit, 2);
    assert!(refused.complaints.contains("a job keeps `Job-…`"), "{refused:?}");
    awaitd(&server, &["put", "q", "x", "-H", "Job-Tenant: ann"]).await.well();
}

/// A schedule is set, seen and deleted.
#[tokio::test]
async fn a_schedule_is_set() {
    let server = Server::start();
    let set =
        ["schedule", "set", "daily", "0 9 * * 1-5", "reports", "x", "--timezone", "Europe/Berlin"];
    awaitd(&server, &[&set[..], &["--catch-up=none", "--key=k"]].concat()).await.well();
    let shown = awaitd(&server, &["schedule", "get", "daily"]).await.well();
    assert!(shown.out.contains("queue: reports\n") && shown.out.contains("next_at: "), "{shown:?}");
    let shown = json(&awaitd(&server, &["schedule", "get", "daily", "--json"]).await.well());
    let told = [&shown["name"], &shown["timezone"], &shown["key"], &shown["body"]];
    assert_eq!(told, ["daily", "Europe/Berlin", "k", "x"]);
    let listed = json(&awaitd(&server, &["schedule", "list", "--json"]).await.well());
    assert_eq!(listed["name"], "daily");
    assert!(awaitd(&server, &["schedule", "list", "d"]).await.well().out.contains("0 9 * * 1-5"));
    awaitd(&server, &["schedule", "delete", "daily"]).await.well();
    assert_eq!(awaitd(&server, &["schedule", "get", "daily"]).await.exit, 1);
}
