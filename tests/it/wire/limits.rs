//! Every bound that an operator may set, reached.

use std::time::Duration;

use awaitd_tests::{Raw, Server, until};
use tokio::time::timeout;

use super::{get, put};

#[tokio::test]
async fn max_waits_bounds_those_who_wait() {
    let server = Server::with_args(&["--max-waits", "2"]);
    let client = server.client();
    let first = client.post("/v1/queues/q/get?wait=30s", "").spawn();
    let second = client.get("/v1/events/e?wait=30s").spawn();
    server.until_waiting("queue", "q", "get", 1).await;
    server.until_waiting("event", "e", "wait", 1).await;
    client.post("/v1/queues/q/get?wait=30s", "").await.refused(503, "overloaded");
    client.get("/v1/events/e?wait=30s").await.refused(503, "overloaded");
    // Who does not wait is served.
    client.post("/v1/queues/other/get", "").await.expect(204);
    put(&client, "q", "x").await;
    first.await.expect("no panic").expect(200);
    let third = client.post("/v1/queues/q/get?wait=30s", "").spawn();
    server.until_waiting("queue", "q", "get", 1).await;
    client.put("/v1/events/e", "").await.expect(200);
    second.await.expect("no panic").expect(200);
    put(&client, "q", "y").await;
    third.await.expect("no panic").expect(200);
}

#[tokio::test]
async fn max_waiting_bytes_bounds_the_bodies_of_waiting_puts() {
    let server = Server::with_args(&["--max-waiting-bytes", "100"]);
    let client = server.client();
    client.put("/v1/queues/q", r#"{"maxsize": 1}"#).await.expect(201);
    put(&client, "q", &"x".repeat(1_000)).await;
    let waits = client.post("/v1/queues/q/jobs?wait=30s", "y".repeat(80)).spawn();
    server.until_waiting("queue", "q", "put", 1).await;
    let too_much = client.post("/v1/queues/q/jobs?wait=30s", "z".repeat(21));
    too_much.await.refused(429, "waiting_bytes");
    let fits = client.post("/v1/queues/q/jobs?wait=30s", "z".repeat(20)).spawn();
    server.until_waiting("queue", "q", "put", 2).await;
    get(&client, "q").await;
    waits.await.expect("no panic").expect(201);
    get(&client, "q").await;
    fits.await.expect("no panic").expect(201);
}

/// Bodies that are not whole yet leave others no room; what settles has its own, and what needs none is served.
#[tokio::test]
async fn max_incoming_bytes_bounds_the_bodies_that_are_here() {
    let flags = ["--max-incoming-bytes", "1000", "--max-waiting-bytes", "24", "--max-body", "1024"];
    let server = Server::with_args(&flags);
    let client = server.client();
    put(&client, "q", "x").await;
    let lease = client.post("/v1/queues/q/get", "").await.expect(200).location();
    for path in ["/v1/queues/q/jobs", "/v1/queues/q/jobs/batch"] {
        let mut raw = Raw::connect(server.at()).await.expect("it listens");
        let request =
            format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1024\r\n\r\n");
        let begun = format!("{{\"body\": \"{}", "x".repeat(990));
        raw.send(format!("{request}{begun}").as_bytes()).await.expect("it reads");
        // Only a head: a body that came first would itself leave no room.
        let refused = async || {
            let mut other = Raw::connect(server.at()).await.expect("it listens");
            let other_path = "/v1/queues/other/jobs";
            let head = request.replace(path, other_path);
            other.send(head.as_bytes()).await.expect("it reads");
            let answer = other.answer("POST", other_path);
            let Ok(answer) = timeout(Duration::from_millis(100), answer).await else {
                return false;
            };
            answer.refused(503, "overloaded");
            true
        };
        until("there is no room", refused).await;
        let batch = format!("{{\"body\": \"{}\"}}\n", "y".repeat(100));
        let lines = client.post("/v1/queues/other/jobs/batch", batch).await.expect(200);
        assert!(lines.text().contains("\"overloaded\""), "{}", lines.text());
        client.post("/v1/queues/none/get", "").await.expect(204);
        let renewed = format!(r#"{{"renew": [{{"lease": "{lease}", "length": "1h"}}]}}"#);
        client.post("/v1/queues/q/settle", renewed).await.expect(200);
        let rest = 1024 - begun.len() - 2;
        raw.send(format!("{}\"}}", "x".repeat(rest)).as_bytes()).await.expect("it reads");
        let heard = raw.answer("POST", path).await;
        assert!(matches!(heard.status, 200 | 201), "{}", heard.shown());
        put(&client, "other", &"y".repeat(1_000)).await;
    }
}

/// Whoever waits holds no body that he came with, and who has no lease is refused before he sends one.
#[tokio::test]
async fn no_room_is_held_by_bodies_that_nobody_needs() {
    let flags = ["--max-incoming-bytes", "1000", "--max-waiting-bytes", "24", "--max-body", "1024"];
    let server = Server::with_args(&flags);
    let client = server.client();
    let waits = client.post("/v1/queues/none/get?wait=30s", "x".repeat(1_024)).spawn();
    server.until_waiting("queue", "none", "get", 1).await;
    put(&client, "q", &"x".repeat(1_024)).await;
    put(&client, "none", "x").await;
    waits.await.expect("no panic").expect(200);
    for (method, last) in [("POST", "/done"), ("POST", "/nack"), ("PUT", "/progress")] {
        let path = format!("/v1/queues/q/leases/none{last}");
        let mut raw = Raw::connect(server.at()).await.expect("it listens");
        let head =
            format!("{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 9\r\n\r\n");
        raw.send(head.as_bytes()).await.expect("it reads");
        raw.answer(method, &path).await.refused(404, "not_found");
    }
}

/// Answers that nobody reads leave others no room: what was to be handed out goes back untried, and small ones are
/// served.
#[tokio::test]
async fn max_outgoing_bytes_bounds_the_answers_that_nobody_takes() {
    let server = Server::with_args(&["--max-outgoing-bytes", "12MiB", "--max-body", "8MiB"]);
    let client = server.client();
    let large = "x".repeat(8 * 1024 * 1024);
    put(&client, "large", &large).await;
    put(&client, "small", "x").await;
    client.put("/v1/events/e", large).await.expect(200);
    let mut raw = Raw::connect(server.at()).await.expect("it listens");
    raw.ask("GET", "/v1/events/e", "").await.expect("it reads");
    let refused = async || client.get("/v1/events/e").await.status == 503;
    until("there is no room", refused).await;
    client.get("/v1/events/e").await.refused(503, "overloaded");
    for path in ["/v1/queues/large/get", "/v1/queues/large/get?max=2"] {
        client.post(path, "").await.refused(503, "overloaded");
    }
    get(&client, "small").await;
    drop(raw);
    until("there is room", async || !refused().await).await;
    let job = client.post("/v1/queues/large/get", "").await.expect(200);
    assert_eq!(job.header("awaitd-attempt"), "1", "it was not tried before");
}

#[tokio::test]
async fn max_keys_bounds_the_keys_that_are_remembered() {
    let server = Server::with_args(&["--max-keys", "2"]);
    let client = server.client();
    let put = |key: &str| client.post("/v1/queues/q/jobs", "x").key(key);
    let first = put("a").await.expect(201).location();
    put("b").await.expect(201);
    put("c").await.refused(503, "overloaded");
    // None is forgotten early, and who brings no key is served.
    assert_eq!(put("a").await.expect(201).location(), first);
    client.post("/v1/queues/q/jobs", "x").await.expect(201);
}

#[tokio::test]
async fn max_names_bounds_the_things() {
    let server = Server::with_args(&["--max-names", "3"]);
    let client = server.client();
    put(&client, "q", "x").await;
    client.put("/v1/events/e", "").await.expect(200);
    client.post("/v1/locks/l/acquire", "").await.expect(201);
    client.post("/v1/queues/q2/jobs", "x").await.refused(503, "too_many_names");
    client.put("/v1/queues/q2", "{}").await.refused(503, "too_many_names");
    client.post("/v1/queues/q2/get?wait=30s", "").await.refused(503, "too_many_names");
    client.put("/v1/events/e2", "").await.refused(503, "too_many_names");
    client.get("/v1/events/e2?wait=30s").await.refused(503, "too_many_names");
    client.post("/v1/locks/l2/acquire", "").await.refused(503, "too_many_names");
    put(&client, "q", "y").await;
    client.delete("/v1/queues/q").await.expect(204);
    put(&client, "q2", "x").await;
}

/// While two connections are open a third one is not served; once one is gone, there is room.
#[tokio::test]
async fn max_connections_bounds_those_that_are_open() {
    let server = Server::with_args(&["--max-connections", "2"]);
    let open = async || {
        let mut raw = Raw::connect(server.at()).await.ok()?;
        raw.ask("GET", "/healthz", "").await.ok()?;
        raw.hear().await.filter(|heard| heard.status == 200).map(|_| raw)
    };
    let (mut first, mut second) = (None, None);
    // The harness's own connection may still be on its way out.
    until("the first connection", async || {
        first = open().await;
        first.is_some()
    })
    .await;
    until("the second connection", async || {
        second = open().await;
        second.is_some()
    })
    .await;
    let third = Raw::connect(server.at()).await;
    if let Ok(mut third) = third {
        // Refused or left in the backlog: in any case its request is not carried out.
        let _ = third.ask("PUT", "/v1/events/e", "").await;
        let mut second = second.expect("just opened");
        for _ in 0..50 {
            second.ask("GET", "/v1/events/e", "").await.expect("this connection is open");
            second.answer("GET", "/v1/events/e").await.refused(408, "not_set");
        }
    }
    drop(first);
    until("room for one more", async || open().await.is_some()).await;
}
