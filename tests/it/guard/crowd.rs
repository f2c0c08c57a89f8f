//! Connections without end: thousands that say nothing, and streams of HTTP/2 that are reset as soon as they
//! are open.

use std::fs;

use awaitd_tests::{Raw, Server, leave_out, until};
use tokio::net::TcpStream;

/// Connections that say nothing.
const IDLE: usize = 10_000;

/// What a connection that says nothing may cost, in bytes of memory; it is a fifth of that.
const BYTES_MAX: usize = 16 * 1024;

/// Bytes of memory that the server has, without what the kernel holds for it.
fn resident(server: &Server) -> usize {
    let status = fs::read_to_string(format!("/proc/{}/status", server.pid())).expect("it runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|rest| rest.trim().strip_suffix(" kB")).expect("a size");
    kib.trim().parse::<usize>().expect("a number") * 1024
}

/// Ten thousand connections from one address cost little, keep nobody from being served, and are closed when
/// they have asked nothing for ten seconds.
#[tokio::test]
async fn ten_thousand_connections_that_say_nothing_are_closed() {
    let limit = fs::read_to_string("/proc/self/limits").expect("Linux");
    let line = limit.lines().find(|line| line.starts_with("Max open files")).expect("a limit");
    let files: usize = line.split_whitespace().nth(3).and_then(|it| it.parse().ok()).unwrap_or(0);
    let count = IDLE.min(files.saturating_sub(1_000));
    if count < 1_000 {
        return leave_out("there may be too few open files");
    }
    let server = Server::start();
    let client = server.client();
    client.post("/v1/queues/q/jobs", "job").await.expect(201);
    let before = resident(&server);
    let mut idle = Vec::with_capacity(count);
    let (mut most, mut each) = (0, 0);
    for number in 0..count {
        idle.push(TcpStream::connect(server.at()).await.expect("the server listens"));
        if number % 100 == 0 {
            client.post("/v1/queues/q/jobs", "job").await.expect(201);
            client.post("/v1/queues/q/get?ack=true", "").await.expect(200);
            let open = server.scrape().await.count("awaitd_connections", &[]);
            let open = usize::try_from(open).expect("not so many");
            if open > most {
                (most, each) = (open, resident(&server).saturating_sub(before) / open);
            }
        }
    }
    println!("{count} connections, of which {most} were seen at one time: {each} bytes each");
    // The first are closed by the time that a slow machine has opened the last.
    assert!(most >= count.min(1_000), "only {most} were open at one time");
    assert!(each < BYTES_MAX, "a connection costs {each} bytes");
    until("all of them are closed", async || {
        client.post("/v1/queues/q/jobs", "job").await.expect(201);
        client.post("/v1/queues/q/get?ack=true", "").await.expect(200);
        server.scrape().await.count("awaitd_connections", &[]) < 100
    })
    .await;
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).expect("a small frame").to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A get that waits, as HTTP/2 says it without compression.
fn waiting_get(stream: u32) -> Vec<u8> {
    let field = |name: &str, value: &str| {
        let length = |text: &str| u8::try_from(text.len()).expect("short");
        [&[0, length(name)], name.as_bytes(), &[length(value)], value.as_bytes()].concat()
    };
    let fields = [
        field(":method", "POST"),
        field(":scheme", "http"),
        field(":authority", "localhost"),
        field(":path", "/v1/queues/reset/get?wait=40s"),
    ];
    // The head is whole, and all there is of the request.
    frame(1, 0b101, stream, &fields.concat())
}

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const RESET: u8 = 3;
const CANCEL: [u8; 4] = [0, 0, 0, 8];

/// Who opens streams and resets them at once (CVE-2023-44487) is cut off, others are served, and nothing of
/// it is left.
#[tokio::test]
async fn streams_that_are_reset_at_once_cost_the_connection() {
    let server = Server::start();
    let client = server.client();
    let mut raw = Raw::connect(server.at()).await.expect("the server listens");
    raw.send(&[PREFACE, &frame(4, 0, 0, &[])].concat()).await.expect("the server reads");
    let mut sent = 0;
    for number in 0..100_000 {
        let stream = 2 * number + 1;
        let both = [waiting_get(stream), frame(RESET, 0, stream, &CANCEL)].concat();
        if raw.send(&both).await.is_err() {
            break;
        }
        sent += 1;
        if number % 1_000 == 0 {
            client.post("/v1/queues/q/jobs", "job").await.expect(201);
        }
    }
    println!("{sent} streams were sent before the connection ended");
    assert!(sent < 100_000, "nobody minds");
    let labels = [("kind", "queue"), ("name", "reset"), ("op", "get")];
    until("nobody waits any more", async || {
        server.scrape().await.count("awaitd_waiters", &labels) == 0
    })
    .await;
    client.post("/v1/queues/reset/jobs", "job").await.expect(201);
    client.post("/v1/queues/reset/get", "").await.expect(200);
}

/// So many streams at one time, and no more: what is beyond is refused, and those that wait are answered.
#[tokio::test]
async fn a_connection_has_so_many_streams_at_one_time() {
    let server = Server::start();
    let client = server.client();
    let mut raw = Raw::connect(server.at()).await.expect("the server listens");
    let opened: Vec<u8> = (0..300).flat_map(|number| waiting_get(2 * number + 1)).collect();
    raw.send(&[PREFACE, &frame(4, 0, 0, &[]), &opened].concat()).await.expect("the server reads");
    server.until_waiting("queue", "reset", "get", 256).await;
    client.post("/v1/queues/q/jobs", "job").await.expect(201);
    assert_eq!(
        server
            .scrape()
            .await
            .count("awaitd_waiters", &[("kind", "queue"), ("name", "reset"), ("op", "get")]),
        256
    );
}
