//! HTTP itself: pipelining, HTTP/2, `Expect`, chunks, HTTP/1.0, `HEAD`.

use awaitd_tests::{Raw, Server, curl};

use super::{get, put};

async fn connect(server: &Server) -> Raw {
    Raw::connect(server.at()).await.expect("the server listens")
}

#[tokio::test]
async fn pipelined_requests_are_answered_in_their_order() {
    let server = Server::start();
    let mut raw = connect(&server).await;
    let request = |path: &str, body: &str| {
        let head = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length:");
        format!("{head} {}\r\n\r\n{body}", body.len())
    };
    let puts = (0..50).map(|body| request("/v1/queues/q/jobs", &format!("{body}")));
    let gets = (0..50).map(|_| request("/v1/queues/q/get", ""));
    let requests: String = puts.chain(gets).collect();
    raw.send(requests.as_bytes()).await.expect("the server reads");
    for _ in 0..50 {
        raw.answer("POST", "/v1/queues/q/jobs").await.expect(201);
    }
    for body in 0..50 {
        let got = raw.answer("POST", "/v1/queues/q/get").await.expect(200);
        assert_eq!(got.text(), format!("{body}"));
    }
}

/// A wait on one connection is answered although the client has sent its next request already.
#[tokio::test]
async fn a_wait_may_have_a_request_pipelined_behind_it() {
    let server = Server::start();
    let client = server.client();
    let mut raw = connect(&server).await;
    raw.ask("POST", "/v1/queues/q/get?wait=30s", "").await.expect("the server reads");
    raw.ask("GET", "/healthz", "").await.expect("the server reads");
    server.until_waiting("queue", "q", "get", 1).await;
    put(&client, "q", "x").await;
    assert_eq!(raw.answer("POST", "/v1/queues/q/get").await.expect(200).text(), "x");
    raw.answer("GET", "/healthz").await.expect(200);
}

#[tokio::test]
async fn http_2_with_prior_knowledge() {
    let server = Server::start();
    let jobs = format!("{}/v1/queues/q/jobs", server.base());
    let version = "--http2-prior-knowledge";
    let body: Vec<u8> = (0..100_000).map(|_| fastrand::u8(..)).collect();
    let placed = curl(&[version, "--data-binary", "@-", &jobs], &body).await;
    assert_eq!(placed.version, "2");
    placed.heard.expect(201);
    let got = curl(&[version, "-X", "POST", &jobs.replace("/jobs", "/get")], b"").await;
    let got = got.heard.expect(200);
    assert!(got.body == body);
    assert_eq!(got.number("awaitd-attempt"), 1);
    let url = format!("{}{}", server.base(), got.location());
    curl(&[version, "-X", "DELETE", &url], b"").await.heard.expect(204);
    let missing = format!("{}/v1/queues/none", server.base());
    curl(&[version, &missing], b"").await.heard.refused(404, "not_found");
}

/// Hanging up works on a stream of HTTP/2 as it does on a connection.
#[tokio::test]
async fn a_wait_over_http_2_can_hang_up() {
    let server = Server::start();
    let client = server.client();
    let url = format!("{}/v1/queues/q/get?wait=30s", server.base());
    let waits =
        tokio::spawn(
            async move { curl(&["--http2-prior-knowledge", "-X", "POST", &url], b"").await },
        );
    server.until_waiting("queue", "q", "get", 1).await;
    waits.abort();
    server.until_waiting("queue", "q", "get", 0).await;
    put(&client, "q", "x").await;
    assert_eq!(get(&client, "q").await.number("awaitd-attempt"), 1);
}

#[tokio::test]
async fn a_client_that_expects_100_continue_is_told_to_go_on() {
    let server = Server::start();
    let mut raw = connect(&server).await;
    let head = "POST /v1/queues/q/jobs HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n";
    raw.send(format!("{head}Content-Length: 5\r\n\r\n").as_bytes()).await.expect("it reads");
    raw.hear().await.expect("the server answers").expect(100);
    raw.send(b"hello").await.expect("the server reads");
    raw.answer("POST", "/v1/queues/q/jobs").await.expect(201);
}

/// 413 comes before the body where its length is known.
#[tokio::test]
async fn a_client_with_too_large_a_body_is_told_so_before_it_sends_it() {
    let server = Server::start();
    let mut raw = connect(&server).await;
    let head = "POST /v1/queues/q/jobs HTTP/1.1\r\nHost: localhost\r\nExpect: 100-continue\r\n";
    raw.send(format!("{head}Content-Length: 1048577\r\n\r\n").as_bytes()).await.expect("it reads");
    raw.answer("POST", "/v1/queues/q/jobs").await.refused(413, "too_large");
}

#[tokio::test]
async fn a_body_may_come_in_chunks() {
    let server = Server::with_args(&["--max-body", "10"]);
    let client = server.client();
    let head =
        "POST /v1/queues/q/jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n";
    let mut raw = connect(&server).await;
    let chunks = format!("{head}3\r\nhel\r\n2;extension=1\r\nlo\r\n0\r\n\r\n");
    raw.send(chunks.as_bytes()).await.expect("the server reads");
    raw.answer("POST", "/v1/queues/q/jobs").await.expect(201);
    assert_eq!(get(&client, "q").await.text(), "hello");
    let chunks = format!("{head}6\r\nhello \r\n6\r\nworld!\r\n0\r\n\r\n");
    raw.send(chunks.as_bytes()).await.expect("the server reads");
    raw.answer("POST", "/v1/queues/q/jobs").await.refused(413, "too_large");
}

#[tokio::test]
async fn http_1_0_is_served_and_ended() {
    let server = Server::start();
    let mut raw = connect(&server).await;
    raw.send(b"GET /healthz HTTP/1.0\r\n\r\n").await.expect("the server reads");
    raw.answer("GET", "/healthz").await.expect(200);
    raw.ended().await;
}

#[tokio::test]
async fn head_tells_the_headers_of_get() {
    let server = Server::start();
    let client = server.client();
    client.put("/v1/queues/q", "{}").await.expect(201);
    let head = client.ask("HEAD", "/v1/queues/q").await.expect(200);
    assert!(head.body.is_empty());
    assert!(head.header("content-type").starts_with("application/json"));
    client.ask("HEAD", "/v1/queues/none").await.expect(404);
}
