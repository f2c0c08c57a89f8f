//! What a server refuses before it looks at what is asked: pages that a browser was led to, and a place to
//! listen at where anybody could connect.

mod around;
mod ciphers;
mod crowd;
mod handed;
mod matrix;
mod proxies;
mod restarts;
mod revoked;
mod scopes;
mod seen;
mod shares;
mod sites;
mod slow;
mod starts;
pub(crate) mod tokens;

use awaitd_tests::{Raw, Server, curl, record};

use crate::openapi::Contract;

/// The answer to a `POST` of a job with these lines in its head, held against the rules.
async fn put(server: &Server, lines: &str) -> awaitd_tests::Heard {
    let mut raw = Raw::connect(server.at()).await.expect("the server listens");
    let path = "/v1/queues/q/jobs";
    let head = format!("POST {path} HTTP/1.1\r\n{lines}Content-Length: 3\r\n\r\njob");
    raw.send(head.as_bytes()).await.expect("the server reads");
    raw.answer("POST", path).await
}

/// A path of this template, of which an answer has an end.
fn path(template: &str) -> String {
    let path = template.replace(['{', '}'], "");
    if template == "/v1/watch" { path + "?history=hour" } else { path }
}

/// Asked by a name that may be somebody else's, nothing is told and nothing is done.
#[tokio::test]
async fn only_its_own_names_are_answered() {
    let server = Server::with_args(&["--allowed-hosts", "queue,awaitd.example.com"]);
    let port = server.at().port();
    for host in ["localhost", "127.0.0.1", "[::1]", "10.1.2.3", "a.localhost", "Queue", "queue."] {
        for port in [String::new(), format!(":{port}"), ":80".to_owned()] {
            put(&server, &format!("Host: {host}{port}\r\n")).await.expect(201);
        }
    }
    let before = server.client().get("/v1/queues/q").await.expect(200).json();
    for host in [
        "evil.example",
        "evil.example:29248",
        "localhost.evil.example",
        "127.0.0.1.evil.example",
        "queue.evil.example",
        "sub.queue",
        "example.com",
        "x@localhost",
        "127.0.0.1:80:80",
        "é",
        "",
    ] {
        let heard = put(&server, &format!("Host: {host}\r\n")).await.refused(421, "misdirected");
        assert!(heard.text().contains("--allowed-hosts"), "{}", heard.shown());
    }
    let after = server.client().get("/v1/queues/q").await.expect(200).json();
    assert_eq!(after["ready"], before["ready"]);
}

/// The name is the target's where that has one, as HTTP/2's always does, and old clients name none.
#[tokio::test]
async fn a_name_may_stand_elsewhere() {
    let server = Server::start();
    for (start, status) in [
        ("GET http://localhost/healthz HTTP/1.1\r\nHost: localhost", 200),
        ("GET http://evil.example/healthz HTTP/1.1\r\nHost: localhost", 421),
        ("GET http://localhost/healthz HTTP/1.1\r\nHost: evil.example", 421),
        ("GET /healthz HTTP/1.0", 200),
        ("GET /healthz HTTP/1.0\r\nHost: evil.example", 421),
        ("GET /healthz HTTP/1.1\r\nHost: localhost\r\nHost: evil.example", 400),
    ] {
        let mut raw = Raw::connect(server.at()).await.expect("the server listens");
        raw.send(format!("{start}\r\n\r\n").as_bytes()).await.expect("the server reads");
        raw.answer("GET", "/healthz").await.expect(status);
    }
    let url = format!("{}/healthz", server.base());
    let http2 = "--http2-prior-knowledge";
    for (host, status) in [("localhost", 200), ("evil.example", 421)] {
        let told = curl(&[http2, "-H", &format!("Host: {host}"), &url], b"").await;
        assert_eq!(told.version, "2");
        told.heard.expect(status);
    }
}

/// No route is left out, nor what is none.
#[tokio::test]
async fn no_route_answers_to_another_name() {
    let server = Server::start();
    let contract = Contract::read();
    for (method, template) in contract.operations().chain([("GET", "/"), ("GET", "/v1/nothing")]) {
        let asked = server.client().ask(method, &path(template));
        asked.header("host", "evil.example").await.refused(421, "misdirected");
    }
}

/// `*` is all names.
#[tokio::test]
async fn all_names_can_be_allowed() {
    let variables = [("AWAITD_ALLOWED_HOSTS", "*")];
    let args = ["serve", "--memory", "--listen", "127.0.0.1:0"];
    let server = Server::run(&args, &variables).expect("the variable is good");
    put(&server, "Host: evil.example\r\n").await.expect(201);
}

/// Who is refused while it sends a body hears it, and can go on.
#[tokio::test]
async fn a_refusal_does_not_wait_for_the_body() {
    let server = Server::start();
    let mut raw = Raw::connect(server.at()).await.expect("the server listens");
    let path = "/v1/queues/q/jobs";
    let head = "HTTP/1.1\r\nHost: evil.example\r\nContent-Length: 1000\r\n\r\n";
    raw.send(format!("POST {path} {head}").as_bytes()).await.expect("the server reads");
    let answer = raw.hear().await.expect("an answer before the body is there");
    record("POST", path, answer.status);
    answer.refused(421, "misdirected");
    raw.send(&[b'x'; 1000]).await.expect("the server hears it out");
    raw.ask("GET", "/healthz", "").await.expect("the server reads");
    raw.answer("GET", "/healthz").await.expect(200);
}
