//! Many jobs in one request: `get?max=`, `/v1/get` and `settle`.

use awaitd_tests::{Client, Heard, Server, until};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{put, state, token};

pub(super) const LINES: &str = "application/x-ndjson";

/// The documents of an answer that has one a line.
pub(super) fn lines(heard: &Heard) -> Vec<Value> {
    let text = heard.text();
    assert!(text.is_empty() || text.ends_with('\n'), "the last line is whole: {text}");
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

pub(super) async fn get_many(client: &Client, queue: &str, parameters: &str) -> Vec<Value> {
    let path = format!("/v1/queues/{queue}/get?{parameters}");
    let heard = client.post(&path, "").await.expect(200);
    assert_eq!(heard.header("content-type"), "application/json");
    heard.json().as_array().expect("a list").clone()
}

#[tokio::test]
async fn many_jobs_are_got_as_a_list_or_as_lines() {
    let server = Server::start();
    let client = server.client();
    client
        .post("/v1/queues/q/jobs?key=k", "text")
        .header("content-type", "text/plain")
        .await
        .expect(201);
    client.post("/v1/queues/q/jobs", vec![0xff, 0xfe]).header("job-trace", "7").await.expect(201);
    put(&client, "q", "").await;
    let list = get_many(&client, "q", "max=2&lease=1m").await;
    assert_eq!(list.len(), 2);
    let first = &list[0];
    assert_eq!(
        (&first["queue"], &first["attempt"], &first["body"]),
        (&json!("q"), &json!(1), &json!("text"))
    );
    assert_eq!((&first["content_type"], &first["key"]), (&json!("text/plain"), &json!("k")));
    assert!(
        first["expires_in"].as_f64().is_some_and(|left| left > 30.0 && left <= 60.0),
        "{first}"
    );
    assert!(
        first["waited"].as_f64().is_some() && first["enqueued_at"].as_str().is_some(),
        "{first}"
    );
    assert!(first["fence"].as_u64() < list[1]["fence"].as_u64());
    assert_eq!(
        (&list[1]["body_base64"], &list[1]["headers"]),
        (&json!("//4="), &json!({"job-trace": "7"}))
    );
    for absent in ["body_base64", "headers", "died"] {
        assert!(first.get(absent).is_none(), "{absent} in {first}");
    }
    assert!(list[1].get("body").is_none() && list[1].get("key").is_none(), "{}", list[1]);

    let heard = client.post("/v1/queues/q/get?max=1000&ack=true", "").header("accept", LINES).await;
    let heard = heard.expect(200);
    assert_eq!(heard.header("content-type"), LINES);
    let rest = &lines(&heard)[0];
    assert_eq!(
        (&rest["body"], rest.get("lease"), rest.get("expires_in")),
        (&json!(""), None, None)
    );
    // The leases are as good as any.
    let lease = first["lease"].as_str().expect("a path");
    client.delete(lease).await.expect(204);
    client.post("/v1/queues/q/get?max=5", "").await.expect(204);
    client.post("/v1/queues/q/get?max=5&empty=408", "").await.refused(408, "empty");
    assert_eq!(state(&client, "q").await["unfinished"], 1);
}

#[tokio::test]
async fn one_job_of_many_is_a_list_and_a_wait_ends_with_it() {
    let server = Server::start();
    let client = server.client();
    let waiting = client.post("/v1/queues/q/get?max=100&wait=30s", "").spawn();
    server.until_waiting("queue", "q", "get", 1).await;
    put(&client, "q", "job").await;
    let heard = waiting.await.expect("no panic").expect(200);
    assert_eq!(heard.json().as_array().expect("a list").len(), 1);
    put(&client, "q", "job").await;
    assert_eq!(get_many(&client, "q", "max=1").await[0]["body"], "job");
}

#[tokio::test]
async fn a_get_of_many_is_asked_properly() {
    let server = Server::start();
    let client = server.client();
    for bad in ["max=0", "max=1001", "max=x", "max=1&max=1"] {
        client.post(&format!("/v1/queues/q/get?{bad}"), "").await.refused(400, "invalid_parameter");
    }
    for path in [
        "/v1/queues/q/get?max=2",
        "/v1/get?queues=a&max=1",
        "/v1/get?queues=a&ack=true",
        "/v1/queues/q/settle",
        "/v1/queues/q/jobs/batch",
    ] {
        let refused = client.post(path, "{}").key("k").await.refused(400, "invalid_parameter");
        assert!(refused.text().contains("Idempotency-Key"), "{path}");
    }
}

/// What nobody has read to its end goes back, all of it, as if it had never been got.
#[tokio::test]
async fn a_list_that_is_not_delivered_goes_back() {
    let server = Server::start();
    let client = server.client();
    let body = "x".repeat(1 << 20);
    for _ in 0..12 {
        put(&client, "q", &body).await;
    }
    let mut stream = TcpStream::connect(server.at()).await.expect("it listens");
    let ask =
        b"POST /v1/queues/q/get?max=1000 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
    stream.write_all(ask).await.expect("it reads");
    stream.read_exact(&mut [0; 64]).await.expect("the beginning of an answer");
    // More than fits into the sockets.
    drop(stream);
    until("it is as it should be", async || state(&client, "q").await["ready"] == 12).await;
    let again = get_many(&client, "q", "max=1000").await;
    assert!(again.iter().all(|job| job["attempt"] == 1) && again.len() == 8, "8 MiB at a time");
}

#[tokio::test]
async fn a_get_asks_several_queues() {
    let server = Server::start();
    let client = server.client();
    let any = |parameters: &str| client.post(&format!("/v1/get?queues=a,b{parameters}"), "");
    any("").await.expect(204);
    any("&empty=408").await.refused(408, "empty");
    let waiting = any("&wait=30s").spawn();
    server.until_waiting("queue", "b", "get", 1).await;
    put(&client, "b", "1").await;
    let heard = waiting.await.expect("no panic").expect(200);
    assert_eq!((heard.text(), heard.header("awaitd-queue")), ("1", "b"));
    client.delete(&heard.location()).await.expect(204);
    server.until_waiting("queue", "a", "get", 0).await;

    for (queue, body) in [("a", "2"), ("b", "3"), ("a", "4"), ("b", "5"), ("a", "6")] {
        put(&client, queue, body).await;
    }
    for (order, body) in [("strict", "2"), ("fair", "3"), ("fair", "4"), ("fair", "5")] {
        let heard = any(&format!("&order={order}")).await.expect(200);
        assert_eq!(heard.text(), body, "{order}");
    }
    let heard = any("&max=10&ack=true").await.expect(200);
    assert_eq!((heard.header("awaitd-queue"), heard.json()[0]["queue"].clone()), ("a", json!("a")));

    for bad in [
        "",
        "?queues=",
        "?queues=a,a",
        "?queues=a,,b",
        "?queues=a,-",
        "?queues=a&order=random",
        "?queues=a&settle=x",
    ] {
        client.post(&format!("/v1/get{bad}"), "").await.refused(400, "invalid_parameter");
    }
    let many: Vec<String> = (0..101).map(|number| format!("q{number}")).collect();
    client
        .post(&format!("/v1/get?queues={}", many.join(",")), "")
        .await
        .refused(400, "invalid_parameter");
    client.post(&format!("/v1/get?queues={}", many[1..].join(",")), "").await.expect(204);
}

/// A key of a get from several queues is the server's: it is told the same again, whichever queue it was.
#[tokio::test]
async fn a_get_from_several_queues_takes_a_key() {
    let server = Server::start();
    let client = server.client();
    let any = |key: &str| client.post("/v1/get?queues=a,b&wait=30s", "").key(key);
    let older = any("k").spawn();
    server.until_waiting("queue", "b", "get", 1).await;
    let other = client.post("/v1/get?queues=b,a", "").key("k");
    other.await.refused(422, "idempotency_mismatch");
    let newer = any("k").spawn();
    older.await.expect("no panic").refused(409, "superseded");
    server.until_waiting("queue", "b", "get", 1).await;
    put(&client, "b", "1").await;
    let first = newer.await.expect("no panic").expect(200);
    put(&client, "a", "2").await;
    let again = any("k").await.expect(200);
    assert_eq!((again.text(), again.header("awaitd-queue")), ("1", "b"));
    assert_eq!(again.location(), first.location());
    // A queue's keys are its own.
    assert_eq!(client.post("/v1/queues/a/get", "").key("k").await.expect(200).text(), "2");
    let granted = client.delete("/v1/waiters/k").await.expect(200);
    assert_eq!(granted.json()["outcome"], "granted");
    assert_eq!(granted.location(), first.location());
    client.delete(&first.location()).await.expect(204);
    any("k").await.refused(410, "lease_lost");

    let open = any("w/1").spawn();
    server.until_waiting("queue", "b", "get", 1).await;
    let withdraw = || client.delete("/v1/waiters/w%2F1").key("own");
    assert_eq!(withdraw().await.expect(200).json(), json!({ "outcome": "withdrawn" }));
    open.await.expect("no panic").refused(410, "withdrawn");
    put(&client, "b", "3").await;
    any("w/1").await.refused(410, "withdrawn");
    assert_eq!(withdraw().await.expect(200).json(), json!({ "outcome": "withdrawn" }));
    client.delete("/v1/waiters/other").key("own").await.refused(422, "idempotency_mismatch");
    client.delete("/v1/waiters/own").await.expect(200);
    client.delete("/v1/waiters/unknown").await.refused(404, "not_found");
    client.delete("/v1/waiters/%2").await.refused(400, "invalid_parameter");
    assert_eq!(state(&client, "b").await["ready"], 1);
}

/// Neither a key nor a queue comes into being where there is no room for it.
#[tokio::test]
async fn a_get_from_several_queues_makes_no_more_than_may_be() {
    let server = Server::with_args(&["--max-keys", "1", "--no-auto-create"]);
    let client = server.client();
    client.post("/v1/get?queues=a,b&wait=30s", "").await.refused(404, "not_found");
    client.delete("/v1/waiters/first").await.refused(404, "not_found");
    client.post("/v1/get?queues=a", "").key("second").await.expect(503);
    client.delete("/v1/waiters/second").await.expect(503);
}

/// It says that there is nothing more only if that holds for all of them.
#[tokio::test]
async fn a_get_from_several_queues_ends_with_the_last_of_them() {
    let server = Server::start();
    let client = server.client();
    put(&client, "b", "job").await;
    let held = client.post("/v1/queues/b/get", "").await.expect(200);
    let any = client.post("/v1/get?queues=a,b&wait=30s", "").spawn();
    server.until_waiting("queue", "b", "get", 1).await;
    let alone = client.post("/v1/queues/b/get?wait=30s", "").spawn();
    server.until_waiting("queue", "b", "get", 2).await;
    client.post("/v1/queues/b/shutdown", "").await.expect(200);
    alone.await.expect("no panic").refused(410, "queue_shut_down");
    client.post("/v1/queues/a/shutdown", "").await.expect(200);
    any.await.expect("no panic").refused(410, "queue_shut_down");
    client.delete(&held.location()).await.expect(204);
}

#[tokio::test]
async fn many_leases_are_settled_each_for_itself() {
    let server = Server::start();
    let client = server.client();
    for number in 0..5 {
        put(&client, "q", &number.to_string()).await;
    }
    put(&client, "other", "job").await;
    let leases: Vec<String> = get_many(&client, "q", "max=5&lease=10s")
        .await
        .iter()
        .map(|job| job["lease"].as_str().expect("a path").to_owned())
        .collect();
    let other = client.post("/v1/queues/other/get", "").await.expect(200).location();
    client.delete(&leases[4]).await.expect(204);
    let wanted = json!({
        "renew": [{ "lease": leases[2], "length": "1m" }, { "lease": token(&leases[0]) }],
        "done": [token(&leases[0]), leases[1], { "lease": leases[4] }, "nonsense", other, token(&other)],
        "nack": [{ "lease": leases[3], "delay": 0, "error": "why", "defer": false }, { "lease": leases[1] }],
    });
    let heard = client.post("/v1/queues/q/settle", wanted.to_string()).await.expect(200).json();
    let statuses = |list: &str| -> Vec<u64> {
        let items = heard[list].as_array().expect("a list").iter();
        items.map(|item| item["status"].as_u64().expect("a status")).collect()
    };
    assert_eq!(statuses("done"), [204, 204, 204, 404, 404, 404]);
    assert_eq!(statuses("nack"), [204, 410]);
    assert_eq!(statuses("renew"), [200, 410]);
    let lost = &heard["nack"][1];
    assert_eq!(
        (&lost["type"], &lost["code"]),
        (&json!("urn:awaitd:problem:lease_lost"), &json!("lease_lost"))
    );
    assert!(heard["nack"][1]["detail"].as_str().is_some(), "{heard}");
    assert!(heard["renew"][0]["expires_in"].as_f64().is_some_and(|left| left > 30.0), "{heard}");
    let again = client.post("/v1/queues/q/get", "").await.expect(200);
    assert_eq!((again.text(), again.header("awaitd-attempt")), ("3", "2"));
    // A repeat is harmless.
    let again =
        client.post("/v1/queues/q/settle", json!({ "done": leases[..2] }).to_string()).await;
    assert_eq!(again.expect(200).json()["done"], json!([{ "status": 204 }, { "status": 204 }]));
    client.delete(&other).await.expect(204);
}

#[tokio::test]
async fn what_settles_nothing_is_refused_whole() {
    let server = Server::start();
    let client = server.client();
    put(&client, "q", "job").await;
    let lease = client.post("/v1/queues/q/get", "").await.expect(200).location();
    let many = json!({ "done": vec![&lease; 1_001] });
    let bad = [
        json!([]),
        json!({ "done": lease }),
        json!({ "done": [7] }),
        json!({ "done": [lease, {}] }),
        json!({ "done": [{ "lease": lease, "error": "x" }] }),
        json!({ "nack": [lease] }),
        json!({ "nack": [{ "lease": lease, "delay": -1 }] }),
        json!({ "renew": [{ "lease": lease, "length": "1ms" }] }),
        json!({ "done": [lease], "lost": [] }),
        many,
    ];
    for body in bad {
        let refused = client.post("/v1/queues/q/settle", body.to_string()).await;
        refused.refused(400, "invalid_parameter");
    }
    assert_eq!(state(&client, "q").await["leased"], 1);
    let nothing = client.post("/v1/queues/q/settle", "{}").await.expect(200).json();
    assert_eq!(nothing, json!({ "done": [], "nack": [], "renew": [] }));
}
