//! What there is, told each second: the parts of the dashboard that are heard over a connection.

use std::time::Duration;

use awaitd_tests::{Raw, Server};
use jiff::Timestamp;
use serde_json::Value;

/// One who watches, and has the answer's head.
async fn watch(server: &Server, query: &str) -> Raw {
    let mut raw = Raw::connect(server.at()).await.expect("the server listens");
    raw.ask("GET", &format!("/v1/watch{query}"), "").await.expect("the server reads");
    raw.read_until("HTTP/1.1 200 OK").await;
    raw
}

/// What was told under this name in a whole answer, oldest first.
fn events(text: &str, name: &str) -> Vec<Value> {
    let begin = format!("event: {name}\ndata: ");
    let parts = text.split("\n\n").filter_map(|event| event.strip_prefix(&begin));
    parts.map(|data| serde_json::from_str(data).expect("an event has JSON")).collect()
}

/// Each second the queues as they are, those whose names begin as was asked; and at the end of the
/// server the answer ends, whole.
#[tokio::test]
async fn tells_each_second_what_there_is() {
    let server = Server::start();
    let client = server.client();
    client.put("/v1/queues/a:1", r#"{"maxsize": 7}"#).await.expect(201);
    for _ in 0..3 {
        client.post("/v1/queues/a:1/jobs", "x").await.expect(201);
    }
    client.post("/v1/queues/a:1/get?ack=true", "").await.expect(200);
    client.put("/v1/queues/a:2", r#"{"maxsize": 0}"#).await.expect(201);
    client.post("/v1/queues/b/jobs", "x").await.expect(201);
    let wait = client.post("/v1/queues/a:2/get?wait=40s", "").spawn();
    server.until_waiting("queue", "a:2", "get", 1).await;
    let mut raw = watch(&server, "?prefix=a:").await;
    raw.read_until(r#""get":1"#).await;
    raw.read_until("}\n\n").await;
    server.signal("TERM");
    let heard = raw.answer("GET", "/v1/watch").await;
    assert_eq!(heard.header("content-type"), "text/event-stream");
    assert_eq!(heard.header("cache-control"), "no-store");
    assert_eq!(heard.header("x-accel-buffering"), "no");
    let told = events(heard.text(), "state").pop().expect("something was told");
    let queues = told["queues"].as_array().expect("queues are listed");
    let names: Vec<_> = queues.iter().map(|queue| queue["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["a:1", "a:2"]);
    for (name, value) in [
        ("ready", 2.into()),
        ("delayed", 0.into()),
        ("leased", 0.into()),
        ("dead", 0.into()),
        ("maxsize", 7.into()),
        ("unfinished", 2.into()),
        ("paused", false.into()),
        ("shut_down", false.into()),
        ("put", 3.into()),
        ("got", 1.into()),
        ("dead_total", 0.into()),
    ] {
        let value: Value = value;
        assert_eq!(queues[0][name], value, "{name}: {told}");
    }
    assert!(queues[0]["oldest_ready_age"].as_f64().is_some_and(|age| age >= 0.0), "{told}");
    assert_eq!(queues[1]["maxsize"], Value::Null, "{told}");
    assert_eq!(queues[1]["waiting"]["get"], 1, "{told}");
    assert_eq!((&told["locks"], &told["more"]), (&0.into(), &Value::Null), "{told}");
    wait.await.expect("the wait was answered").refused(503, "shutting_down");
}

/// Of many queues some are told, and that there are others, of which each can be watched alone.
#[tokio::test]
async fn tells_of_so_many_queues() {
    let server = Server::with_args(&["--metrics-max-names", "3"]);
    let client = server.client();
    for number in 0..=200 {
        client.put(&format!("/v1/queues/q{number:03}"), "").await.expect(201);
    }
    let mut raw = watch(&server, "").await;
    let told = raw.read_until(r#""more":true"#).await;
    let last = told.rsplit("event: state").next().expect("a text has an end");
    assert_eq!(last.matches(r#""name":"#).count(), 200, "{last}");
    let mut alone = watch(&server, "?queue=q200").await;
    alone.read_until(r#""name":"q200""#).await;
}

/// One queue alone, after what became of it.
#[tokio::test]
async fn tells_what_became_of_a_queue() {
    let started = Timestamp::now() - Duration::from_mins(1);
    let server = Server::start();
    let client = server.client();
    client.post("/v1/queues/other/jobs", "x").await.expect(201);
    loop {
        client.post("/v1/queues/q/jobs", "x").await.expect(201);
        let mut raw = watch(&server, "?queue=q&history=hour").await;
        let text = raw.read_until("event: state").await;
        let data = text.split("event: history\ndata: ").nth(1).expect("history comes first");
        let data = data.split("\n\n").next().expect("an event has an end");
        let told: Value = serde_json::from_str(data).expect("an event has JSON");
        assert_eq!(told["step"], 1);
        // Also before anything was looked at.
        let end: Timestamp =
            told["end"].as_str().and_then(|end| end.parse().ok()).expect("an instant");
        assert!(end > started, "{end}");
        let columns = ["ready", "leased", "put", "got", "done", "wait_p99"];
        let lengths = columns.map(|name| told[name].as_array().map(Vec::len));
        assert!(lengths.iter().all(|length| length.is_some() && *length == lengths[0]), "{told}");
        let rest = raw.read_until("\"schedules\":").await;
        assert!(!rest.contains("other"), "{rest}");
        let puts = told["put"].as_array().unwrap();
        if puts.iter().any(|put| put.as_u64().is_some_and(|put| put > 0)) {
            break;
        }
    }
    let mut raw = watch(&server, "?queue=q&history=day").await;
    raw.read_until(r#""step":60"#).await;
}

/// What is wrong or not there is refused, and so is who comes when as many watch as may.
#[tokio::test]
async fn refuses_what_cannot_be_watched() {
    let server = Server::start();
    let client = server.client();
    client.post("/v1/queues/q/jobs", "x").await.expect(201);
    client.get("/v1/watch?queue=none").await.refused(404, "not_found");
    for query in
        ["history=hour", "queue=q&history=week", "queue=q&prefix=q", "prefix=%2F", "wait=1s"]
    {
        client.get(&format!("/v1/watch?{query}")).await.refused(400, "invalid_parameter");
    }
    client.get("/v1/watch?queue=%2F").await.refused(400, "invalid_name");
    let mut watchers = Vec::new();
    for _ in 0..100 {
        watchers.push(watch(&server, "").await);
    }
    client.get("/v1/watch").await.refused(503, "overloaded");
    watchers.pop();
    loop {
        let mut raw = Raw::connect(server.at()).await.expect("the server listens");
        raw.ask("GET", "/v1/watch", "").await.expect("the server reads");
        if raw.read_until("\r\n\r\n").await.starts_with("HTTP/1.1 200 OK") {
            break;
        }
    }
}
