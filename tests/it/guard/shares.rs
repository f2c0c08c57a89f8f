//! What many share no token has alone.

use awaitd_tests::{Raw, until};

use super::tokens::Tokens;

/// As many calls of a token wait as may; others have places of their own, and whoever does not wait needs none.
#[tokio::test]
async fn a_token_has_its_part_of_the_waits() {
    let tokens = Tokens::new();
    let [one, other] = ["one", "other"].map(|name| tokens.add(name, &["*:*:*"]));
    let server = tokens.server(&["--max-waits-per-token", "2"]);
    let client = server.client();
    let get = |token: &str, query: &str| {
        client.post(&format!("/v1/queues/q/get{query}"), "").header("authorization", token)
    };
    let wait = "?wait=30s";
    let waiting = [get(&one, wait).spawn(), get(&one, wait).spawn()];
    let both = async || {
        let state = client.get("/v1/queues/q").header("authorization", &other).await;
        state.status == 200 && state.json()["waiters"]["get"] == 2
    };
    until("both wait", both).await;
    get(&one, wait).await.refused(503, "overloaded");
    get(&one, "").await.expect(204);
    get(&other, "?wait=1ms").await.expect(204);
    for _ in &waiting {
        let put = client.post("/v1/queues/q/jobs", "x").header("authorization", &other);
        put.await.expect(201);
    }
    for got in waiting {
        got.await.expect("no panic").expect(200);
    }
    get(&one, "?wait=1ms").await.expect(204);
}

/// Half of the places of those who watch are others'.
#[tokio::test]
async fn a_token_has_its_part_of_those_who_watch() {
    let tokens = Tokens::new();
    let [one, other] = ["one", "other"].map(|name| tokens.add(name, &["*:*:look"]));
    let server = tokens.server(&[]);
    let watch = async |token: &str| {
        let mut raw = Raw::connect(server.at()).await.expect("the server listens");
        let head =
            format!("GET /v1/watch HTTP/1.1\r\nHost: localhost\r\nAuthorization: {token}\r\n\r\n");
        raw.send(head.as_bytes()).await.expect("the server reads");
        raw
    };
    let mut watching = Vec::new();
    for _ in 0..50 {
        let mut raw = watch(&one).await;
        raw.read_until("200 OK").await;
        watching.push(raw);
    }
    let refused = watch(&one).await.answer("GET", "/v1/watch").await;
    refused.refused(503, "overloaded");
    watch(&other).await.read_until("200 OK").await;
    watching.pop();
    let again = async || !watch(&one).await.read_until("HTTP/1.1 ").await.contains("HTTP/1.1 503");
    until("one has gone", again).await;
}
