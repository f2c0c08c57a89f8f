//! Who waits with a token waits no longer than that is good.

use std::time::Duration;

use awaitd_tests::Raw;

use super::tokens::Tokens;

/// A call that waits ends with 401, whatever it waits for, and others go on.
#[tokio::test]
async fn who_waits_is_sent_away_with_his_token() {
    let tokens = Tokens::new();
    let wide = tokens.add("wide", &["*:*:*"]);
    let gone = tokens.add("gone", &["*:*:*"]);
    let server = tokens.server(&[]);
    let client = server.client();
    let ask = |method: &str, path: &str, token: &str| {
        client.ask(method, path).header("authorization", token)
    };
    ask("POST", "/v1/locks/l/acquire?lease=1h", &wide).await.expect(201);
    ask("PUT", "/v1/queues/full", &wide).body(r#"{"maxsize": 1}"#).await.expect(201);
    ask("POST", "/v1/queues/full/jobs", &wide).body("first").await.expect(201);
    let waits = [
        ("POST", "/v1/queues/q/get?wait=1h"),
        ("POST", "/v1/get?queues=q,r&wait=1h"),
        ("POST", "/v1/locks/l/acquire?wait=1h"),
        ("POST", "/v1/queues/full/jobs?wait=1h"),
        ("GET", "/v1/queues/full/join?wait=1h"),
        ("GET", "/v1/events/e?wait=1h"),
    ];
    let waiting = waits.map(|(method, path)| {
        let (asked, path) = (ask(method, path, &gone), path.to_owned());
        (path, tokio::spawn(async move { asked.await }))
    });
    let stays = ask("POST", "/v1/queues/q/get?wait=1h", &wide);
    let stays = tokio::spawn(async move { stays.await });
    let waiters =
        async |path: &str, op: &str| ask("GET", path, &wide).await.json()["waiters"][op].as_u64();
    awaitd_tests::until("all wait", async || {
        waiters("/v1/queues/q", "get").await >= Some(2)
            && waiters("/v1/queues/full", "put").await == Some(1)
            && waiters("/v1/queues/full", "join").await == Some(1)
    })
    .await;
    tokens.revoke("gone");
    for (path, waiting) in waiting {
        let heard = waiting.await.expect("no panic").refused(401, "unauthorized");
        assert!(heard.text().contains("not known"), "{path}: {}", heard.shown());
    }
    // They have left their lines: what comes is for who stays, untried.
    awaitd_tests::until("they have left", async || {
        waiters("/v1/queues/q", "get").await == Some(1)
            && waiters("/v1/queues/full", "put").await == Some(0)
    })
    .await;
    ask("POST", "/v1/queues/q/jobs", &wide).body("job").await.expect(201);
    let got = stays.await.expect("no panic").expect(200);
    assert_eq!((got.text(), got.number("awaitd-attempt")), ("job", 1));
}

/// A call that waits ends when its token does.
#[tokio::test]
async fn who_waits_is_sent_away_when_his_time_is_over() {
    let tokens = Tokens::new();
    let ends = jiff::Timestamp::now() + Duration::from_secs(3);
    let token = tokens.add_until("ends", &["*:*:*"], Some(&ends.to_string()));
    let server = tokens.server(&[]);
    let ask = server.client().ask("POST", "/v1/queues/q/get?wait=1h");
    let heard = ask.header("authorization", &token).await.refused(401, "unauthorized");
    assert!(heard.text().contains("expired"), "{}", heard.shown());
}

/// What an upload brings later is not taken any more.
#[tokio::test]
async fn an_upload_ends_with_its_token() {
    let tokens = Tokens::new();
    let wide = tokens.add("wide", &["*:*:*"]);
    let gone = tokens.add("gone", &["queue:q:put"]);
    let server = tokens.server(&[]);
    let client = server.client();
    let mut raw = Raw::connect(server.at()).await.expect("the server listens");
    let head = "POST /v1/queues/q/jobs/batch HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n";
    let line = "{\"body\": \"a\"}\n";
    let chunk = format!("{:x}\r\n{line}\r\n", line.len());
    let begin = format!("{head}Authorization: {gone}\r\n\r\n{chunk}");
    raw.send(begin.as_bytes()).await.expect("the server reads");
    raw.read_until("\"status\":201").await;
    tokens.revoke("gone");
    awaitd_tests::until("it is revoked", async || {
        client.get("/v1/queues/q").header("authorization", &gone).await.status == 401
    })
    .await;
    raw.send(chunk.as_bytes()).await.expect("the server reads");
    raw.read_until("\"status\":401").await;
    let queue = client.get("/v1/queues/q").header("authorization", &wide).await.expect(200).json();
    assert_eq!(queue["ready"], 1);
}
