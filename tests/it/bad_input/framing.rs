//! Malformed HTTP: lengths, chunks and heads that two servers may read in two ways, which is how
//! requests are smuggled.

use std::net::SocketAddr;

use awaitd_tests::{Raw, Server};
use tokio::task::JoinSet;

use super::Furnished;

/// What a smuggler would like to have carried out.
const SMUGGLED: &str =
    "POST /v1/queues/smuggled/jobs HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\n\r\nx";

/// Heads after `POST /v1/queues/q/jobs HTTP/1.1`, with their bodies.
const AFTER_THE_REQUEST_LINE: [&str; 25] = [
    "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "Content-Length: 5, 6\r\n\r\nhello",
    "Content-Length: +5\r\n\r\nhello",
    "Content-Length: -5\r\n\r\nhello",
    "Content-Length: 0x5\r\n\r\nhello",
    "Content-Length: 5 5\r\n\r\nhello",
    "Content-Length: five\r\n\r\nhello",
    "Content-Length:\r\n\r\nhello",
    "Content-Length: 99999999999999999999\r\n\r\nhello",
    "Content-Length : 5\r\n\r\nhello",
    "Content-Length: 5\r\n folded\r\n\r\nhello",
    "Content-Length\r\n\r\nhello",
    ": 5\r\n\r\nhello",
    "X: \0\r\nContent-Length: 5\r\n\r\nhello",
    "Transfer-Encoding: identity\r\n\r\nhello",
    "Transfer-Encoding: xchunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "Transfer-Encoding: gzip\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked, identity\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\nz\r\nhello\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\n-5\r\nhello\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\n0x5\r\nhello\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\n\r\nhello\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\n5\r\nhelloX\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\n4\r\nhello\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked\r\n\r\nFFFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n",
];

/// The same, in codings that are not known, or in one that is, twice. hyper goes by the last one.
const ENCODED: [&str; 4] = [
    "Transfer-Encoding: gzip, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "Transfer-Encoding: chunked, Chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    "Transfer-Encoding: xchunked,, chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
];

/// Whole messages.
const WHOLE: [&str; 11] = [
    "POST\r\n\r\n",
    "POST /v1/queues/q/jobs\r\n\r\n",
    "POST /v1/queues/q/jobs HTTP/9.9\r\nHost: localhost\r\n\r\n",
    "POST /v1/queues/q/jobs HTTP/1.1 x\r\nHost: localhost\r\n\r\n",
    "POST  /v1/queues/q/jobs  HTTP/1.1\r\nHost: localhost\r\n\r\n",
    " POST /v1/queues/q/jobs HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "PO\0ST /v1/queues/q/jobs HTTP/1.1\r\nHost: localhost\r\n\r\n",
    "POST /v1/queues/q/jobs HTTP/1.1\r\n Host: localhost\r\n\r\n",
    "POST /v1/queues/q/jobs\tHTTP/1.1\r\nHost: localhost\r\n\r\n",
    "\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}\r\n\r\n",
    "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nnot a frame at all, is it",
];

/// Sends it with the smuggled request behind: it is answered once, with this status, and the connection
/// is closed, though we keep our half open.
async fn refused(at: SocketAddr, message: String, status: u16) {
    let mut raw = Raw::connect(at).await.expect("the server listens");
    // The server may hang up while we still talk.
    let _ = raw.send(message.as_bytes()).await;
    let _ = raw.send(SMUGGLED.as_bytes()).await;
    // HTTP/2 answers in frames, of which nothing is to be read here.
    if message.starts_with("PRI") {
        raw.ended().await;
        return;
    }
    let Some(heard) = raw.hear().await else {
        // Whoever sends that much without hearing may be cut off.
        assert!(message.len() > 1 << 16, "{message:?} was not answered");
        return;
    };
    assert_eq!(heard.status, status, "{message:?}: {}", heard.shown());
    let more = raw.hear().await;
    assert!(more.is_none(), "{message:?} is followed by {more:?}");
}

#[tokio::test]
async fn malformed_messages_are_refused_and_nothing_is_smuggled() {
    let furnished = Furnished::new().await;
    let put = "POST /v1/queues/q/jobs HTTP/1.1\r\nHost: localhost\r\n";
    let get = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n";
    let malformed = AFTER_THE_REQUEST_LINE.iter().map(|rest| format!("{put}{rest}"));
    let malformed = malformed.chain(WHOLE.iter().map(ToString::to_string));
    let mut all: Vec<_> = malformed.map(|message| (message, 400)).collect();
    assert!(all.len() >= 30, "there are only {}", all.len());
    let too_large = [
        format!("{put}Content-Length: {}\r\n\r\n", u64::MAX),
        format!("{get}X: {}\r\n\r\n", "y".repeat(1 << 20)),
        format!("{get}{}\r\n", "X: y\r\n".repeat(10_000)),
    ];
    all.extend(too_large.map(|message| (message, 431)));
    all.extend(ENCODED.map(|rest| (format!("{put}{rest}"), 501)));
    // Each is heard out for a moment, so all at one time.
    let at = furnished.server.at();
    let mut asked: JoinSet<_> =
        all.into_iter().map(|(message, status)| refused(at, message, status)).collect();
    while let Some(refused) = asked.join_next().await {
        refused.expect("it was refused");
    }
    furnished.is_as_before().await;
}

/// A body that would have to be decoded is refused, says why, and ends the connection.
#[tokio::test]
async fn a_body_in_an_unknown_coding_is_not_taken_as_it_is() {
    let server = Server::start();
    let mut raw = Raw::connect(server.at()).await.expect("the server listens");
    let path = "/v1/queues/q/jobs";
    let message = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\n{}", ENCODED[0]);
    raw.send(message.as_bytes()).await.expect("the server reads");
    let refused = raw.answer("POST", path).await.refused(501, "unknown_coding");
    assert_eq!(refused.header("connection"), "close");
    server.client().post("/v1/queues/q/get", "").await.expect(204);
}

/// The longest chunk that can be said is no malformed one, but it never comes to its end.
#[tokio::test]
async fn a_chunk_that_is_cut_is_no_job() {
    let server = Server::start();
    let mut raw = Raw::connect(server.at()).await.expect("the server listens");
    let path = "/v1/queues/q/jobs";
    let head = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked");
    let message = format!("{head}\r\n\r\n{:x}\r\nhello\r\n0\r\n\r\n", u64::MAX);
    raw.send(message.as_bytes()).await.expect("the server reads");
    raw.half_close().await;
    raw.answer("POST", path).await.expect(400);
    server.client().post("/v1/queues/q/get", "").await.expect(204);
}

/// With both a length and chunks the chunks count, or all of it is refused (RFC 9112, 6.3).
#[tokio::test]
async fn of_a_length_and_chunks_the_chunks_count() {
    let server = Server::start();
    for length in [4, 5, 6, 100] {
        let mut raw = Raw::connect(server.at()).await.expect("the server listens");
        let head =
            "POST /v1/queues/q/jobs HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n";
        let message = format!("{head}Content-Length: {length}\r\n\r\n5\r\nhello\r\n0\r\n\r\n");
        raw.send(message.as_bytes()).await.expect("the server reads");
        let answer = raw.hear().await.expect("an answer");
        if answer.status == 201 {
            let got = server.client().post("/v1/queues/q/get", "").await.expect(200);
            assert_eq!(got.text(), "hello");
        } else {
            answer.expect(400);
        }
    }
}
