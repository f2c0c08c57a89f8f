//! What a request is called, and what the log says of one that was refused.

use std::collections::BTreeSet;

use awaitd_tests::{Client, Server, until};
use serde_json::Value;

/// The id of an answer to a request that says that it is called so.
async fn called(client: &Client, id: &str) -> String {
    let heard = client.get("/v1/queues").header("x-request-id", id).await.expect(200);
    heard.header("x-request-id").to_owned()
}

#[tokio::test]
async fn a_request_is_called_what_its_caller_calls_it() {
    let server = Server::start();
    let client = server.client();
    let longest = "x".repeat(128);
    for id in ["a", "7c9e6679-7425-40de-944b-e07fc1f90ae7", "~!\"{}<>\\", &longest] {
        assert_eq!(called(&client, id).await, id);
    }
    let refused = client.get("/v1/queues/none").header("x-request-id", "mine").await.expect(404);
    assert_eq!(refused.header("x-request-id"), "mine");
    let parked = client.post("/v1/queues/q/get?wait=30s", "").header("x-request-id", "later");
    let parked = parked.spawn();
    server.until_waiting("queue", "q", "get", 1).await;
    client.post("/v1/queues/q/jobs", "x").await.expect(201);
    let got = parked.await.expect("no panic").expect(200);
    assert_eq!(got.header("x-request-id"), "later");
}

/// What is no id is not passed on into logs, and is no reason to refuse anything.
#[tokio::test]
async fn a_request_without_an_id_is_given_one_of_its_own() {
    let server = Server::start();
    let client = server.client();
    let mut ids = BTreeSet::new();
    for _ in 0..100 {
        ids.insert(client.get("/v1/queues").await.expect(200).header("x-request-id").to_owned());
    }
    for wrong in ["", "two words", "tab\there", &"x".repeat(129)] {
        ids.insert(called(&client, wrong).await);
    }
    let twice = client.get("/v1/queues").header("x-request-id", "a").header("x-request-id", "b");
    ids.insert(twice.await.expect(200).header("x-request-id").to_owned());
    assert_eq!(ids.len(), 105, "each its own");
    let process = |id: &String| id.split_once('-').map(|(process, _)| process.to_owned());
    assert_eq!(ids.iter().map(process).collect::<BTreeSet<_>>().len(), 1, "{ids:?}");
    let other = Server::start();
    let other =
        other.client().get("/v1/queues").await.expect(200).header("x-request-id").to_owned();
    assert_ne!(process(&other), process(ids.first().expect("there are some")));
}

/// The lines of the log about refusals.
fn refusals(log: &str) -> Vec<Value> {
    let lines = log.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["message"] == "refused").collect()
}

#[tokio::test]
async fn each_refusal_is_a_line_in_the_log_of_whoever_wants_to_know() {
    let args = ["--log", "awaitd_server=debug,awaitd=info", "--log-format", "json"];
    let server = Server::with_args(&args);
    let client = server.client();
    client.post("/v1/queues/q/jobs", "x").await.expect(201);
    client.post("/v1/queues/q/get", "").await.expect(200);
    client.post("/v1/queues/q/get", "").await.expect(204);
    let named = |id: &'static str, path: &str| client.get(path).header("x-request-id", id);
    named("one", "/v1/locks/secret").await.expect(404);
    named("two", "/v1/queues/q/join?wait=1ms").await.expect(408);
    named("three", "/v1/queues/q?colour=red").await.expect(400);
    named("four", "/nowhere").await.expect(404);
    client.put("/v1/barriers/b", "no").header("x-request-id", "five").await.expect(400);

    until("five refusals are told", async || refusals(&server.log()).len() >= 5).await;
    let lines = refusals(&server.log());
    let told = |line: &Value| {
        let text = |name: &str| line[name].as_str().unwrap_or_default().to_owned();
        let status = line["status"].as_u64().expect("a status");
        (text("request_id"), text("method"), text("route"), status, text("code"))
    };
    let expected = [
        ("one", "GET", "/v1/locks/{lock}", 404, "not_found"),
        ("two", "GET", "/v1/queues/{queue}/join", 408, "not_drained"),
        ("three", "GET", "/v1/queues/{queue}", 400, "invalid_parameter"),
        ("four", "GET", "other", 404, "not_found"),
        ("five", "PUT", "/v1/barriers/{barrier}", 400, "invalid_parameter"),
    ];
    let expected = expected.map(|(id, method, route, status, code)| {
        (id.to_owned(), method.to_owned(), route.to_owned(), status, code.to_owned())
    });
    assert_eq!(lines.iter().map(told).collect::<Vec<_>>(), expected);
    for line in lines {
        let detail = line["detail"].as_str().unwrap_or_default();
        assert!(detail.len() > 10, "nobody knows why: {line}");
        assert_eq!(line["level"], "DEBUG");
    }
}

/// A log grows by what happens to the server, not by who asks it.
#[tokio::test]
async fn nothing_is_said_of_requests_to_those_who_did_not_ask() {
    let mut server = Server::with_args(&["--log-format", "json"]);
    let client = server.client();
    let before = server.log();
    client.post("/v1/queues/q/jobs", "x").await.expect(201);
    client.get("/v1/queues/none").await.expect(404);
    client.get("/v1/queues/q?colour=red").await.expect(400);
    server.signal("TERM");
    assert_eq!(server.exit_code().await, Some(0));
    let after = server.log();
    let said = after.strip_prefix(&before).expect("a log only grows");
    assert!(!said.contains("colour") && refusals(said).is_empty(), "{said}");
    assert!(said.lines().count() <= 4, "only that it ends: {said}");
}
