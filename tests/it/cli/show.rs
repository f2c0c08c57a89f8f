//! `queues`, `top`, `health`.

use std::process::Stdio;

use awaitd_tests::{Server, binary, until};
use serde_json::Value;

use super::{awaitd, command, json};

/// The numbers are those of the server, for people and for machines.
#[tokio::test]
async fn queues_are_listed() {
    let server = Server::start();
    let client = server.client();
    client.put("/v1/queues/a:1", r#"{"maxsize": 7}"#).await.expect(201);
    client.post("/v1/queues/a:1/jobs", "x").await.expect(201);
    client.post("/v1/queues/a:1/jobs?delay=1h", "x").await.expect(201);
    client.put("/v1/queues/b", r#"{"maxsize": 0}"#).await.expect(201);
    let listed = awaitd(&server, &["queues"]).await.well();
    let rows: Vec<Vec<_>> =
        listed.out.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows.len(), 3, "{}", listed.out);
    assert_eq!(rows[0][..3], ["QUEUE", "READY", "DELAYED"]);
    assert_eq!(rows[1][..7], ["a:1", "1", "1", "0", "0", "2", "7"]);
    assert_eq!(rows[2], ["b", "0", "0", "0", "0", "0", "-", "-", "0/0/0"]);
    let listed = json(&awaitd(&server, &["queues", "a:", "--json"]).await.well());
    let shown = client.get("/v1/queues/a:1").await.expect(200).json();
    for number in ["name", "maxsize", "ready", "delayed", "leased", "unfinished", "waiters"] {
        assert_eq!(listed[number], shown[number], "{number}");
    }
    assert_eq!(awaitd(&server, &["queues", "none", "--json"]).await.well().out, "");
}

/// Depths, waits and rates are told again and again, as they are then.
#[tokio::test]
async fn top_follows_what_happens() {
    let server = Server::start();
    let client = server.client();
    client.post("/v1/queues/q/jobs", "x").await.expect(201);
    client.post("/v1/locks/l/acquire", "").await.expect(201);
    let _waits = client.post("/v1/locks/l/acquire?wait=40s", "").spawn();
    server.until_waiting("lock", "l", "acquire", 1).await;
    let once = awaitd(&server, &["top", "--count", "1"]).await.well();
    assert!(once.out.contains("PUT/S") && once.out.contains("lock l"), "{}", once.out);
    assert!(!once.out.contains('\x1b'), "this is no terminal");

    // Jobs go through until it has seen them twice: then there is a rate.
    let args = ["top", "--count", "1000", "--interval", "50ms", "--json"];
    let mut top = command(&server, &args).spawn().expect("the binary runs");
    let out = top.stdout.take().expect("a pipe");
    let mut lines = tokio::io::AsyncBufReadExt::lines(tokio::io::BufReader::new(out));
    let mut rates = Value::Null;
    until("jobs went through", async || {
        client.post("/v1/queues/q/jobs", "x").await.expect(201);
        client.post("/v1/queues/q/get?ack=true", "").await.expect(200);
        let line = lines.next_line().await.expect("it is read").expect("it goes on");
        let look: Value = serde_json::from_str(&line).expect("each line is JSON");
        // It may have looked between the put and the get.
        assert!(matches!(look["queues"][0]["ready"].as_u64(), Some(1 | 2)), "{look}");
        assert_eq!(look["waiters"][0]["name"], "l", "{look}");
        rates = look["queues"][0]["per_second"].clone();
        rates["waited"] = look["queues"][0]["waited"].clone();
        ["put", "got", "done"]
            .iter()
            .all(|event| rates[event].as_f64().is_some_and(|rate| rate > 0.0))
    })
    .await;
    assert_eq!(awaitd(&server, &["top", "--interval", "1ms"]).await.exit, 2);
}

/// On a terminal each look is drawn over the one before, and fits.
#[tokio::test]
async fn top_draws_on_a_terminal() {
    let server = Server::start();
    server.client().post("/v1/queues/q/jobs", "x").await.expect(201);
    let top = format!("stty rows 2 cols 9; {} top -c 2 -i 50ms", binary().display());
    let mut script = tokio::process::Command::new("script");
    script.args(["-qec", &top, "/dev/null"]).env("AWAITD_URL", server.base());
    let output = script.stdin(Stdio::null()).output().await.expect("script is installed");
    let drawn = String::from_utf8_lossy(&output.stdout).into_owned();
    // One row is left for the cursor.
    assert_eq!(drawn.matches("\x1b[HQUEUE  RE\x1b[K\r\n\x1b[J").count(), 2, "{drawn:?}");
}

/// A server that takes in what is new is healthy, and one that is away is not.
#[tokio::test]
async fn health_is_told() {
    let mut server = Server::start();
    let well = awaitd(&server, &["health"]).await.well();
    assert!(well.out.contains(&server.base()), "{well:?}");
    assert_eq!(json(&awaitd(&server, &["health", "--json"]).await.well())["ready"], true);
    server.signal("TERM");
    server.exit_code().await;
    let away = awaitd(&server, &["health", "--json"]).await;
    assert_eq!((away.exit, &json(&away)["error"]["code"]), (69, &"unreachable".into()), "{away:?}");
}
