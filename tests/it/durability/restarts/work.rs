//! Queues for work with all of it in use: policies, keys, retries, dead letters, lifetimes, results.

use awaitd_tests::{Client, End};
use serde_json::{Value, json};

use super::{Past, get, number, state};

/// Those that have a past here.
const QUEUES: [&str; 5] = ["orders", "failed", "plain", "paused", "slow"];

/// When something was or will be is shown to the millisecond of a clock that is read anew at each start.
const MOMENTS: [&str; 6] =
    ["enqueued_at", "ready_at", "expires_at", "died_at", "expires_in", "oldest_ready_age"];

/// All that can be seen of all jobs and their queues.
async fn seen(client: &Client) -> Vec<Value> {
    let mut all = Vec::new();
    for queue in QUEUES {
        all.push(state(client, queue).await);
        let jobs = format!("/v1/queues/{queue}/jobs?body=true");
        all.push(client.get(&jobs).await.expect(200).json());
    }
    all.iter_mut().for_each(forget_moments);
    all
}

/// That there is one is kept.
fn forget_moments(value: &mut Value) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                if MOMENTS.contains(&&**name) && !value.is_null() {
                    *value = json!("some time");
                }
                forget_moments(value);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(forget_moments),
        _ => {}
    }
}

async fn put(client: &Client, queue: &str, query: &str, body: &str) -> u64 {
    let path = format!("/v1/queues/{queue}/jobs?{query}");
    number(&client.post(&path, body).header("job-trace", body).await.expect(201))
}

/// One of everything, and the lease of the one job that is worked on.
async fn furnish(client: &Client) -> String {
    let orders = json!({
        "order": "priority", "backoff": {"min": "1h", "max": "2h", "factor": 1.5}, "max_attempts": 2,
        "dead_letter": "failed", "ttl": "2h", "retain": "1h", "max_bytes": 10_000, "max_leased": 50,
        "max_dead": 60, "concurrency": 40, "fair": true,
    });
    let slow =
        json!({"rate": {"per_second": 0.001, "burst": 1}, "full": "drop_oldest", "maxsize": 1});
    for (queue, policy) in
        [("orders", orders), ("plain", json!({"max_attempts": 1})), ("slow", slow)]
    {
        client.put(&format!("/v1/queues/{queue}"), policy.to_string()).await.expect(201);
    }
    let nack = async |lease: String, why: &str| {
        client.post(&format!("{lease}/nack"), why).await.expect(204);
    };
    put(client, "orders", "key=k&unique=u", "backs off").await;
    nack(get(client, "orders", "1").await.location(), "greylisted").await;
    put(client, "orders", "key=k", "waits for its key").await;
    put(client, "orders", "max_attempts=1&priority=-1", "goes to the dead letters").await;
    nack(get(client, "orders", "2").await.location(), "no such user").await;
    put(client, "orders", "unique=v", "done").await;
    let done = get(client, "orders", "3").await.location();
    client.post(&format!("{done}/done"), "42").header("content-type", "a/b").await.expect(204);
    put(client, "orders", "key=l&lease=30m", "worked on").await;
    let held = get(client, "orders", "4").await.location();
    client.put(&format!("{held}/progress"), "half").await.expect(204);
    put(client, "orders", "delay=1h&priority-key=00ff&ttl=3h&lease=9s&max_attempts=7", "late")
        .await;
    put(client, "plain", "", "dead").await;
    nack(get(client, "plain", "1").await.location(), "why not").await;
    put(client, "paused", "", "not now").await;
    client.post("/v1/queues/paused/pause", "").await.expect(200);
    put(client, "slow", "", "first").await;
    get(client, "slow", "1").await;
    put(client, "slow", "", "dropped").await;
    put(client, "slow", "", "kept").await;
    held
}

/// It is not only shown as it was: it does what it did.
async fn goes_on(client: &Client, held: &str) {
    let empty = async |queue: &str| {
        client.post(&format!("/v1/queues/{queue}/get"), "").await.expect(204);
    };
    // The key is held, the rate is used up, the pause lasts.
    for queue in ["orders", "slow", "paused"] {
        empty(queue).await;
    }
    let unique = client.post("/v1/queues/orders/jobs?unique=u", "again").await.expect(200);
    assert!(unique.location().ends_with("/jobs/1"), "{}", unique.shown());
    let result = client.get("/v1/queues/orders/jobs/4/result").await.expect(200);
    assert_eq!((result.text(), result.header("content-type")), ("42", "a/b"));
    client.get("/v1/queues/orders/jobs/3/result").await.refused(410, "failed");
    client.delete(held).await.expect(204);
    let dead = client.post("/v1/queues/failed/get?ack=true", "").await.expect(200);
    assert_eq!(dead.text(), "goes to the dead letters");
    assert_eq!(dead.header("job-trace"), dead.text());
    assert_eq!(dead.header("awaitd-died-in"), "orders");
    assert_eq!(dead.header("awaitd-died-error"), "no such user");
    let redriven = client.post("/v1/queues/plain/redrive", "").await.expect(200).json();
    assert_eq!(redriven, json!({"moved": 1, "left": 0}));
    assert_eq!(get(client, "plain", "2").await.number("awaitd-attempt"), 1);
    client.post("/v1/queues/paused/resume", "").await.expect(200);
    get(client, "paused", "1").await;
    // Without the job that holds the key the next one goes.
    client.delete("/v1/queues/orders/jobs/1").await.expect(204);
    assert_eq!(get(client, "orders", "5").await.text(), "waits for its key");
    client.post("/v1/queues/orders/jobs?unique=u", "again").await.expect(201);
}

#[tokio::test]
async fn a_queue_for_work_is_as_it_was() {
    for end in End::ALL {
        let mut past = Past::new(end);
        let held = furnish(&past.client()).await;
        let before = seen(&past.client()).await;
        let client = past.restart().await;
        assert_eq!(seen(&client).await, before, "{end:?}");
        goes_on(&client, &held).await;
    }
}

/// All of it also if the journal was compacted meanwhile: what lives was written anew.
#[tokio::test]
async fn a_queue_for_work_that_was_written_anew_is_as_it_was() {
    for end in End::ALL {
        let mut past = Past::new(end);
        past.data.variables = vec![("AWAITD_SEGMENT_SIZE", "64KiB")];
        let client = past.restart().await;
        let held = furnish(&client).await;
        let before = seen(&client).await;
        let filler = vec![7; 30_000];
        for _ in 0..40 {
            client.post("/v1/queues/filler/jobs", &filler[..]).await.expect(201);
            client.post("/v1/queues/filler/get?ack=true", "").await.expect(200);
        }
        let server = past.server.as_ref().expect("one is running");
        let copied = server.scrape().await.count("awaitd_journal_copied_bytes_total", &[]);
        assert!(copied > 0, "something was written anew");
        let client = past.restart().await;
        assert_eq!(seen(&client).await, before, "{end:?}");
        goes_on(&client, &held).await;
    }
}
