//! Many jobs in one request: `get?max=`, `/v1/get`, `settle` and `jobs/batch`.

use awaitd_tests::{Client, Heard, Server, until};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::{put, state, token};

const LINES: &str = "application/x-ndjson";

/// The documents of an answer that has one a line.
fn lines(heard: &Heard) -> Vec<Value> {
    let text = heard.text();
    assert!(text.is_empty() || text.ends_with('\n'), "the last line is whole: {text}");
    text.lines().map(|line| serde_json::from_str(line).expect(line)).collect()
}

async fn batch(client: &Client, queue: &str, text: impl Into<Vec<u8>>) -> Vec<Value> {
    let path = format!("/v1/queues/{queue}/jobs/batch");
    let heard = client.post(&path, text).await.expect(200);
    assert_eq!(heard.header("content-type"), LINES);
    lines(&heard)
}

async fn get_many(client: &Client, queue: &str, parameters: &str) -> Vec<Value> {
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
    let last = &lines(&heard)[0];
    assert_eq!(
        (&last["body"], last.get("lease"), last.get("expires_in")),
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
        "/v1/get?queues=a",
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
        b"POST /v1/queues/q/get?max=1000 HTTP/1.1\r\nHost: awaitd\r\nContent-Length: 0\r\n\r\n";
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
    assert_eq!(heard["nack"][1]["code"], "lease_lost");
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

#[tokio::test]
async fn a_batch_is_put_line_by_line() {
    let server = Server::start();
    let client = server.client();
    client.put("/v1/queues/q", r#"{"maxsize": 5}"#).await.expect(201);
    let text = concat!(
        "{\"body\": \"a \\u00e9\\n\"}\n",
        "\r\n",
        "{\"body\": {\"b\" : [1, null]}, \"unique\": \"u\"}\r\n",
        "{\"body_base64\": \"//4=\", \"content_type\": \"image/x\", \"headers\": {\"Job-A\": \"1\"}}\n",
        "{\"body\": \"nonsense\", \"size\": 1}\n",
        "{\"body\": null, \"unique\": \"u\"}\n",
        "nonsense\n",
        "{\"body\": 7, \"delay\": \"1h\"}\n",
        "{\"body\": \"no line feed\"}\n",
        "{\"body\": \"one too many\"}",
    );
    let told = batch(&client, "q", text).await;
    let statuses: Vec<&Value> = told.iter().map(|line| &line["status"]).collect();
    assert_eq!(statuses, [201, 201, 201, 400, 200, 400, 201, 201, 429]);
    assert_eq!(told[1]["location"], told[4]["location"]);
    assert!(told[3]["detail"].as_str().is_some_and(|why| why.contains("size")), "{}", told[3]);
    assert_eq!(told[8]["code"], "queue_full");
    let list = get_many(&client, "q", "max=9").await;
    let bodies: Vec<&Value> = list.iter().map(|job| &job["body"]).collect();
    assert_eq!(
        bodies,
        [&json!("a é\n"), &json!("{\"b\" : [1, null]}"), &Value::Null, &json!("no line feed")]
    );
    assert_eq!(
        (list[0].get("content_type"), &list[1]["content_type"]),
        (None, &json!("application/json"))
    );
    assert_eq!(
        (&list[2]["body_base64"], &list[2]["content_type"]),
        (&json!("//4="), &json!("image/x"))
    );
    assert_eq!(list[2]["headers"], json!({ "job-a": "1" }));
    let location = format!("/v1/queues/q/jobs/{}", list[0]["job"]);
    assert_eq!(told[0]["location"], location);
    assert_eq!(batch(&client, "q", "").await, Vec::<Value>::new());
    assert_eq!(state(&client, "q").await["delayed"], 1);
}

#[tokio::test]
async fn a_line_has_the_knobs_of_a_put() {
    let server = Server::start();
    let client = server.client();
    client.put("/v1/queues/q", r#"{"order": "priority"}"#).await.expect(201);
    let good = json!({
        "body": "last", "priority": 7, "key": "k", "unique": "u", "ttl": "1h", "max_attempts": 2,
        "lease": 5, "at": "1999-01-01T00:00:00+02:00",
    });
    let first = json!({ "body": "first", "priority_key": "00" });
    assert_eq!(batch(&client, "q", format!("{good}\n{first}")).await[0]["status"], 201);
    let bad = [
        json!({ "body": "x", "body_base64": "" }),
        json!({ "body_base64": "!" }),
        json!({ "delay": 1 }),
        json!({ "body": "x", "delay": 1, "at": "1999-01-01T00:00:00Z" }),
        json!({ "body": "x", "at": "soon" }),
        json!({ "body": "x", "priority": 1.5 }),
        json!({ "body": "x", "priority": 1, "priority_key": "00" }),
        json!({ "body": "x", "priority_key": "0" }),
        json!({ "body": "x", "key": "" }),
        json!({ "body": "x", "ttl": 0 }),
        json!({ "body": "x", "max_attempts": 0 }),
        json!({ "body": "x", "lease": "1ms" }),
        json!({ "body": "x", "headers": { "accept": "1" } }),
        json!({ "body": "x", "headers": { "job-a": 1 } }),
        json!({ "body": "x", "content_type": "é" }),
        json!(["body"]),
    ];
    let text: Vec<String> = bad.iter().map(Value::to_string).collect();
    let told = batch(&client, "q", text.join("\n")).await;
    for (line, told) in text.iter().zip(&told) {
        assert_eq!(told["code"], "invalid_parameter", "{line}");
    }
    assert_eq!(told.len(), bad.len());
    let list = get_many(&client, "q", "max=9").await;
    assert_eq!(
        (&list[0]["body"], &list[1]["body"], &list[1]["key"]),
        (&json!("first"), &json!("last"), &json!("k"))
    );
    assert!(list[1]["expires_in"].as_f64().is_some_and(|left| left <= 5.0), "{}", list[1]);
}

/// Reads until the answer has so many lines of this kind, and says what it is.
async fn read_until(stream: &mut TcpStream, what: &str, count: usize) -> String {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).into_owned();
        if text.matches(what).count() >= count {
            return text;
        }
        let length = stream.read_buf(&mut read).await.expect("it is there");
        assert!(length > 0, "the answer ended: {text}");
    }
}

const UPLOAD: &str =
    "POST /v1/queues/q/jobs/batch HTTP/1.1\r\nHost: awaitd\r\nTransfer-Encoding: chunked\r\n\r\n";

fn chunk(text: &str) -> String {
    format!("{:x}\r\n{text}\r\n", text.len())
}

/// Each line is answered when it has come, while the next ones have not been sent; and what was answered
/// stays, whatever becomes of the rest.
#[tokio::test]
async fn a_batch_is_answered_while_it_arrives() {
    let server = Server::start();
    let client = server.client();
    let mut stream = TcpStream::connect(server.at()).await.expect("it listens");
    stream.write_all(UPLOAD.as_bytes()).await.expect("it reads");
    for _ in 0..3 {
        stream.write_all(chunk("{\"body\": \"job\"}\n").as_bytes()).await.expect("it reads");
        read_until(&mut stream, "\"status\":201", 1).await;
    }
    stream.write_all(chunk("{\"body\": \"half of").as_bytes()).await.expect("it reads");
    drop(stream);
    until("it is as it should be", async || state(&client, "q").await["ready"] == 3).await;
    let jobs = get_many(&client, "q", "max=9").await;
    assert!(jobs.len() == 3 && jobs.iter().all(|job| job["body"] == "job"), "{jobs:?}");
}

/// More than a chunk in one upload: all of it, in order, in one answer.
#[tokio::test]
async fn a_long_batch_is_answered_in_order() {
    let server = Server::start();
    let client = server.client();
    client.put("/v1/queues/q", r#"{"maxsize": 2500}"#).await.expect(201);
    let text: String = (0..3_000).map(|number| format!("{{\"body\": \"{number}\"}}\n")).collect();
    let told = batch(&client, "q", text).await;
    let statuses: Vec<u64> =
        told.iter().map(|line| line["status"].as_u64().expect("one")).collect();
    let expected: Vec<u64> =
        (0..3_000).map(|number| if number < 2_500 { 201 } else { 429 }).collect();
    assert_eq!(statuses, expected);
    let first = get_many(&client, "q", "max=1000").await;
    let bodies: Vec<String> =
        first.iter().map(|job| job["body"].as_str().expect("text").into()).collect();
    assert_eq!(bodies, (0..1_000).map(|number| number.to_string()).collect::<Vec<_>>());
}

/// However much is sent, only a little of it is in memory: neither what came nor what was answered.
#[tokio::test]
async fn a_batch_takes_no_memory_of_its_own() {
    const BYTES: usize = 32 << 20;
    let server = Server::start();
    // Each is answered with more than it has.
    let line = "{\"x\":1}\n".repeat(128);
    let mut stream = TcpStream::connect(server.at()).await.expect("it listens");
    let head = format!(
        "POST /v1/queues/q/jobs/batch HTTP/1.1\r\nHost: awaitd\r\nContent-Length: {BYTES}\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).await.expect("it reads");
    let (mut reader, mut writer) = stream.into_split();
    let sent = tokio::spawn(async move {
        for _ in 0..BYTES / line.len() {
            // It ends when the test has seen enough.
            if writer.write_all(line.as_bytes()).await.is_err() {
                break;
            }
        }
    });
    let mut heard = 0;
    let mut buffer = vec![0; 1 << 16];
    while heard < BYTES {
        heard += reader.read(&mut buffer).await.expect("it is there");
    }
    sent.abort();
    let status = std::fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("Linux");
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("its memory");
    let most: usize = most.trim().trim_end_matches(" kB").parse().expect("a number");
    assert!(most < 64 << 10, "{most} kB");
}

#[tokio::test]
async fn a_line_has_a_limit() {
    let server = Server::with_args(&["--max-body", "1KiB"]);
    let client = server.client();
    let long = format!("{{\"body\": \"{}\"}}\n", "x".repeat(1_024));
    for long in [long.clone(), long.trim_end().to_owned(), "x".repeat(1 << 20)] {
        let told =
            batch(&client, "q", format!("{{\"body\": \"a\"}}\n{long}\n{{\"body\": \"b\"}}\n"))
                .await;
        let statuses: Vec<&Value> = told.iter().map(|line| &line["status"]).collect();
        assert_eq!(statuses, [201, 413]);
        assert_eq!(told[1]["code"], "too_large");
    }
    let fits = format!("{{\"body\": \"{}\"}}", "x".repeat(1_024 - 12));
    assert_eq!(batch(&client, "q", fits).await[0]["status"], 201);
    assert_eq!(state(&client, "q").await["ready"], 4);
}

/// Jobs may take so much memory, and no more.
#[tokio::test]
async fn memory_has_a_limit() {
    let server = Server::with_args(&["--max-memory", "64KiB"]);
    let client = server.client();
    let text = format!("{{\"body\": \"{}\"}}\n", "x".repeat(10_000)).repeat(8);
    let told = batch(&client, "q", text).await;
    let full = |line: &&Value| line["status"] == 429 && line["code"] == "memory_full";
    assert_eq!(told.iter().filter(full).count(), 2, "{told:?}");
    client.post("/v1/queues/q/jobs?wait=1m", "x".repeat(10_000)).await.refused(429, "memory_full");
    let job = client.post("/v1/queues/q/get?ack=true", "").await.expect(200);
    assert_eq!(job.body.len(), 10_000);
    until("it is as it should be", async || state(&client, "q").await["leased"] == 0).await;
    client.post("/v1/queues/q/jobs", "x".repeat(10_000)).await.expect(201);
}
