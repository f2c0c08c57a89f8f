//! Jobs that are put a line each: `jobs/batch`.

use std::time::Duration;

use awaitd_tests::{Client, Server, until};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::many::{LINES, get_many, lines};
use super::state;

async fn batch(client: &Client, queue: &str, text: impl Into<Vec<u8>>) -> Vec<Value> {
    let path = format!("/v1/queues/{queue}/jobs/batch");
    let heard = client.post(&path, text).await.expect(200);
    assert_eq!(heard.header("content-type"), LINES);
    lines(&heard)
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
    let full = ["type", "status", "code"].map(|member| &told[8][member]);
    assert_eq!(full, [&json!("urn:awaitd:problem:queue_full"), &json!(429), &json!("queue_full")]);
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
    // By the parameter's name, too.
    let second = json!({ "body": "second", "priority-key": "01" });
    let told = batch(&client, "q", format!("{good}\n{first}\n{second}")).await;
    assert!(told.iter().all(|line| line["status"] == 201), "{told:?}");
    let bad = [
        json!({ "body": "x", "body_base64": "" }),
        json!({ "body_base64": "!" }),
        json!({ "delay": 1 }),
        json!({ "body": "x", "delay": 1, "at": "1999-01-01T00:00:00Z" }),
        json!({ "body": "x", "at": "soon" }),
        json!({ "body": "x", "priority": 1.5 }),
        json!({ "body": "x", "priority": 1, "priority_key": "00" }),
        json!({ "body": "x", "priority_key": "00", "priority-key": "00" }),
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
        [&list[0]["body"], &list[1]["body"], &list[2]["body"], &list[2]["key"]],
        [&json!("first"), &json!("second"), &json!("last"), &json!("k")]
    );
    assert!(list[2]["expires_in"].as_f64().is_some_and(|left| left <= 5.0), "{}", list[2]);
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

const UPLOAD: &str = "POST /v1/queues/q/jobs/batch HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";

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
    let text: Vec<String> =
        (0..3_000).map(|number| format!("{{\"body\": \"{number}\"}}\n")).collect();
    let text = text.concat();
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
        "POST /v1/queues/q/jobs/batch HTTP/1.1\r\nHost: localhost\r\nContent-Length: {BYTES}\r\n\r\n"
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
    let mut received = 0;
    let mut buffer = vec![0; 1 << 16];
    while received < BYTES {
        received += reader.read(&mut buffer).await.expect("it is there");
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

/// More than a turn of the loop makes ready: none of them is left, and nobody has to ask for them.
#[tokio::test]
async fn thousands_of_jobs_are_due_at_one_moment() {
    let server = Server::start();
    let client = server.client();
    client.put("/v1/queues/q", r#"{"maxsize": 0}"#).await.expect(201);
    let at = jiff::Timestamp::now() + Duration::from_secs(2);
    let told =
        batch(&client, "q", format!("{{\"body\": 1, \"at\": \"{at:.3}\"}}\n").repeat(5_000)).await;
    assert!(told.len() == 5_000 && told.iter().all(|line| line["status"] == 201));
    until("all are ready", async || state(&client, "q").await["ready"] == 5_000).await;
    assert_eq!(state(&client, "q").await["delayed"], 0);
}

/// Each of many that name one instant comes in its turn, whenever it was read, and so do those of
/// requests of their own.
#[tokio::test]
async fn those_of_one_instant_come_in_the_order_of_their_puts() {
    let server = Server::start();
    let client = server.client();
    client.put("/v1/queues/q", r#"{"maxsize": 0}"#).await.expect(201);
    let at = format!("{:.3}", jiff::Timestamp::now() + Duration::from_secs(3));
    for _ in 0..3 {
        batch(&client, "q", format!("{{\"body\": 1, \"at\": \"{at}\"}}\n").repeat(700)).await;
        client.post(&format!("/v1/queues/q/jobs?at={at}"), "").await.expect(201);
    }
    until("all are ready", async || state(&client, "q").await["ready"] == 2_103).await;
    let mut got = Vec::new();
    while got.len() < 2_103 {
        let jobs = get_many(&client, "q", "max=100&ack=true").await;
        got.extend(jobs.iter().map(|job| job["job"].as_u64().expect("a number")));
    }
    assert!(got.is_sorted(), "{got:?}");
}
