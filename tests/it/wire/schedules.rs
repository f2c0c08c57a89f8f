//! Schedules: a job at each time, once, whatever the queue says to it.

use awaitd_tests::{Client, Server, until};
use serde_json::{Value, json};

use super::state;

/// A moment, in seconds since 1970.
fn seconds(instant: &Value) -> u64 {
    let text = instant.as_str().expect("an instant");
    let at: jiff::Timestamp = text.parse().expect(text);
    u64::try_from(at.as_second()).expect("after 1970")
}

fn now() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_second()).expect("after 1970")
}

async fn shown(client: &Client) -> Value {
    client.get("/v1/schedules/s").await.expect(200).json()
}

/// Makes `s` one that puts into `q` each second, and says when it begins.
async fn each_second(client: &Client, catch_up: &str) -> u64 {
    let schedule =
        json!({"cron": "* * * * * *", "queue": "q", "body": "tick", "catch_up": catch_up});
    let heard = client.put("/v1/schedules/s", schedule.to_string()).await;
    seconds(&heard.expect(201).json()["next_at"])
}

/// Lets it rest for long, and says how many times have been worked off since then.
async fn stop(client: &Client, began: u64) -> u64 {
    let schedule = json!({"cron": "0 0 29 2 *", "queue": "q", "body": "tick"}).to_string();
    client.put("/v1/schedules/s", schedule).await.expect(200);
    seconds(&shown(client).await["last_at"]) + 1 - began
}

#[tokio::test]
async fn a_job_is_put_at_each_time_once() {
    let server = Server::start();
    let client = server.client();
    client.put("/v1/queues/q", r#"{"maxsize": 0}"#).await.expect(201);
    let began = each_second(&client, "one").await;
    for _ in 0..3 {
        let job = client.post("/v1/queues/q/get?wait=30s&ack=true", "").await.expect(200);
        assert_eq!(job.text(), "tick");
    }
    let times = stop(&client, began).await;
    assert!(times >= 3, "{times}");
    assert_eq!(state(&client, "q").await["ready"], times - 3);
}

#[tokio::test]
async fn it_is_made_shown_and_deleted() {
    let server = Server::start();
    let client = server.client();
    client.get("/v1/schedules/s").await.refused(404, "not_found");
    client.delete("/v1/schedules/s").await.refused(404, "not_found");
    let schedule = json!({
        "cron": "0 9 * * MON-FRI", "timezone": "Europe/Berlin", "queue": "q", "body": "work",
    });
    let path = "/v1/schedules/s";
    let heard = client.put(path, schedule.to_string()).key("k").await.expect(201);
    assert_eq!(heard.location(), path);
    let told = heard.json();
    for (name, value) in schedule.as_object().expect("an object") {
        assert_eq!(told[name], *value);
    }
    assert_eq!((&told["name"], &told["catch_up"]), (&json!("s"), &json!("one")));
    let again = client.put(path, schedule.to_string()).key("k").await.expect(201);
    assert_eq!(again.json(), told);
    client.put(path, "{}").key("k").await.refused(400, "invalid_parameter");
    let withdrawal = client.delete("/v1/schedules/s/waiters/k").await.expect(200).json();
    assert_eq!(withdrawal, json!({"outcome": "granted"}));
    let exists = client.put(path, schedule.to_string()).header("if-none-match", "*").await;
    assert_eq!(exists.refused(412, "exists").json()["configuration"], told);

    let mut state = shown(&client).await;
    assert_eq!(state["last_at"].take(), Value::Null);
    let listed = client.get("/v1/schedules?prefix=s").await.expect(200).json();
    assert_eq!(listed["items"][0]["cron"], "0 9 * * MON-FRI");
    assert_eq!(listed["items"][0].get("body"), None, "a page of bodies may be large");
    assert_eq!(listed["cursor"], Value::Null);

    client.delete(path).await.expect(204);
    client.delete(path).await.refused(404, "not_found");
    assert_eq!(client.get("/v1/schedules").await.expect(200).json()["items"], json!([]));
}

/// All that a put may say of its job, a schedule may say of its jobs.
#[tokio::test]
async fn its_jobs_are_as_it_says() {
    let server = Server::start();
    let client = server.client();
    client.put("/v1/queues/q", r#"{"order": "priority"}"#).await.expect(201);
    let said = json!({
        "key": "k", "unique": "u", "ttl": 3_600, "max_attempts": 3, "lease": 3_000,
        "headers": {"job-a": "b"}, "priority_key": "07", "content_type": "text/x",
    });
    let mut schedule = json!({"cron": "* * * * * *", "queue": "q", "body_base64": "/w=="});
    schedule.as_object_mut().expect("an object").extend(said.as_object().expect("one").clone());
    let told = client.put("/v1/schedules/s", schedule.to_string()).await.expect(201).json();
    for (name, value) in schedule.as_object().expect("an object") {
        assert_eq!(told[name], *value, "{name}");
    }
    let got = client.post("/v1/queues/q/get?wait=30s", "").await.expect(200);
    assert_eq!((&*got.body, got.header("content-type")), (&b"\xff"[..], "text/x"));
    assert_eq!((got.header("job-a"), got.header("awaitd-key")), ("b", "k"));
    assert!(got.seconds("awaitd-expires-in") > 2_000.0);
    // While that one is not done, there is no other, and its times are worked off.
    let last = shown(&client).await["last_at"].clone();
    until("another time has come", async || shown(&client).await["last_at"] != last).await;
    let state = state(&client, "q").await;
    assert_eq!((&state["ready"], &state["leased"]), (&json!(0), &json!(1)));
    let json = json!({"cron": "@daily", "queue": "q", "body": {"a": [1.0]}}).to_string();
    let told = client.put("/v1/schedules/s", json).await.expect(200).json();
    assert_eq!(
        (&told["body"], &told["content_type"]),
        (&json!("{\"a\":[1.0]}"), &json!("application/json"))
    );
}

#[tokio::test]
async fn what_is_wrong_with_it_is_said() {
    let server = Server::start();
    let client = server.client();
    let good = json!({"cron": "@daily", "queue": "q", "body": "b"});
    let table = [
        ("cron", json!(null), "`cron`"),
        ("cron", json!("* * *"), "has 3 fields"),
        ("cron", json!("0 24 * * *"), "hours are \"24\": these are 0 to 23"),
        ("cron", json!("0 0 30 2 *"), "never"),
        ("timezone", json!("Europe/Atlantis"), "Europe/Berlin"),
        ("queue", json!("-"), "`queue`"),
        ("catch_up", json!("two"), "`catch_up`"),
        ("every", json!("5m"), "every"),
        ("delay", json!("5m"), "delay"),
        ("ttl", json!(0), "`ttl`"),
        ("body_base64", json!("/w=="), "`body_base64`"),
    ];
    for (member, value, named) in table {
        let mut bad = good.clone();
        bad[member] = value;
        let refused = client.put("/v1/schedules/s", bad.to_string()).await;
        let detail = refused.refused(400, "invalid_parameter").json()["detail"].clone();
        assert!(detail.as_str().is_some_and(|it| it.contains(named)), "{bad}: {detail}");
    }
    for member in ["cron", "queue", "body"] {
        let mut bad = good.clone();
        bad.as_object_mut().expect("an object").remove(member);
        let refused = client.put("/v1/schedules/s", bad.to_string()).await;
        refused.refused(400, "invalid_parameter");
    }
    client.put("/v1/schedules/s", good.to_string()).await.expect(201);
}

#[tokio::test]
async fn a_queue_without_room_has_all_its_jobs_in_the_end() {
    let server = Server::start();
    let client = server.client();
    client.put("/v1/queues/q", r#"{"maxsize": 1}"#).await.expect(201);
    let began = each_second(&client, "all").await;
    until("some times have come", async || now() >= began + 3).await;
    assert_eq!(state(&client, "q").await["ready"], 1);
    let mut got = 0;
    while got < 4 {
        client.post("/v1/queues/q/get?wait=30s&ack=true", "").await.expect(200);
        got += 1;
    }
    let times = stop(&client, began).await;
    assert!(times >= 4, "{times}");
    assert_eq!(state(&client, "q").await["ready"], times - got);
}

/// Where some always wait, it would never come in if it had no place in line.
#[tokio::test]
async fn at_a_full_queue_it_stands_in_line() {
    let server = Server::start();
    let client = server.client();
    client.put("/v1/queues/q", r#"{"maxsize": 1}"#).await.expect(201);
    client.post("/v1/queues/q/jobs", "first").await.expect(201);
    let put = |body: &'static str| {
        let client = server.client();
        tokio::spawn(async move { client.post("/v1/queues/q/jobs?wait=50s", body).await })
    };
    let waiting = async |puts: u64| {
        until("they wait", async || state(&client, "q").await["waiters"]["put"] == puts).await;
    };
    let before = put("before");
    waiting(1).await;
    each_second(&client, "one").await;
    waiting(2).await;
    let behind = put("behind");
    waiting(3).await;
    for body in ["first", "before", "tick", "behind"] {
        let job = client.post("/v1/queues/q/get?wait=30s&ack=true", "").await.expect(200);
        assert_eq!(job.text(), body);
    }
    for put in [before, behind] {
        put.await.expect("it does not panic").expect(201);
    }
}

#[tokio::test]
async fn what_comes_due_while_there_is_no_room_may_be_passed_over() {
    for (catch_up, jobs) in [("none", 1), ("one", 2)] {
        let server = Server::start();
        let client = server.client();
        client.put("/v1/queues/q", r#"{"maxsize": 1}"#).await.expect(201);
        client.post("/v1/queues/q/jobs", "first").await.expect(201);
        let began = each_second(&client, catch_up).await;
        until("some times have come", async || now() >= began + 3).await;
        assert_eq!(seconds(&shown(&client).await["next_at"]), began, "it waits for room");
        client.put("/v1/queues/q", r#"{"maxsize": 0}"#).await.expect(200);
        until("it goes on", async || {
            let last = &shown(&client).await["last_at"];
            last.is_string() && seconds(last) > began + 3
        })
        .await;
        let times = stop(&client, began).await;
        let ready = state(&client, "q").await["ready"].as_u64().expect("a number") - 1;
        // Three or more were missed.
        assert!(ready >= jobs && ready + 3 - jobs < times + 1, "{catch_up}: {ready} of {times}");
    }
}

#[tokio::test]
async fn a_queue_that_is_not_there_is_waited_for() {
    let server = Server::with_args(&["--no-auto-create"]);
    let client = server.client();
    each_second(&client, "one").await;
    until("it is told no", async || server.log().contains("does not take its job")).await;
    client.put("/v1/queues/q", "").await.expect(201);
    client.post("/v1/queues/q/get?wait=30s", "").await.expect(200);
    // One that is shut down is as good as not there.
    client.post("/v1/queues/q/shutdown", "").await.expect(200);
    until("it is told no again", async || server.log().contains("queue_shut_down")).await;
    client.delete("/v1/queues/q").await.expect(204);
    client.put("/v1/queues/q", "").await.expect(201);
    client.post("/v1/queues/q/get?wait=30s", "").await.expect(200);
}
