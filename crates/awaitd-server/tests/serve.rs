//! The server on a socket: who is let in, what is heard however it arrives in pieces, and the end.

use std::net::SocketAddr;
use std::time::Duration;

use awaitd_server::desk::Desk;
use awaitd_server::{Clock, Config, Server};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// A server that is told to end by `end`, after which `ended` comes to its end.
struct Running {
    address: SocketAddr,
    desk: Desk,
    end: oneshot::Sender<()>,
    ended: JoinHandle<()>,
}

fn start(config: Config) -> Running {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let server = Server::new(config, Clock::manual());
    let desk = server.app().desk.clone();
    let (end, told) = oneshot::channel();
    let shutdown = async { told.await.unwrap_or(()) };
    let ended = tokio::spawn(async { server.serve(listener, shutdown).await.unwrap() });
    Running { address, desk, end, ended }
}

async fn connect(server: &Running, bytes: &[u8]) -> TcpStream {
    let mut stream = TcpStream::connect(server.address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream
}

/// Everything up to the end of the connection.
async fn all(mut stream: TcpStream) -> String {
    let mut bytes = Vec::new();
    stream.read_to_end(&mut bytes).await.unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Until the engine knows of so many waits.
async fn waits(desk: &Desk, number: usize) {
    while desk.census().await.waits != number {
        tokio::task::yield_now().await;
    }
}

const PARKED: &[u8] =
    b"POST /v1/queues/q/get?wait=40s HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";

/// A head that arrives letter by letter is a head, also if it begins as HTTP/2 does.
#[tokio::test]
async fn a_head_may_arrive_in_pieces() {
    let server = start(Config::default());
    for method in ["GET", "PUT", "P", "PRI"] {
        let head =
            format!("{method} /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let mut stream = connect(&server, b"").await;
        stream.set_nodelay(true).unwrap();
        for letter in head.bytes() {
            stream.write_all(&[letter]).await.unwrap();
            tokio::task::yield_now().await;
        }
        let answer = all(stream).await;
        let status = if method == "GET" { "HTTP/1.1 200" } else { "HTTP/1.1 405" };
        assert!(answer.starts_with(status), "{method}: {answer}");
    }
}

/// Who speaks HTTP/2 at once is answered so: with settings, a frame of type 4.
#[tokio::test]
async fn http2_is_heard() {
    let server = start(Config::default());
    let settings = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    let mut stream = connect(&server, b"PRI * HTTP/2.0\r\n\r\n").await;
    stream.write_all(b"SM\r\n\r\n").await.unwrap();
    stream.write_all(&settings).await.unwrap();
    let mut frame = [0; 9];
    stream.read_exact(&mut frame).await.unwrap();
    assert_eq!(frame[3], 4);
}

/// What was answered leaves at once, whatever stands behind it: a wait, half a request, nonsense.
#[tokio::test]
async fn no_answer_is_held_back() {
    let server = start(Config::default());
    let parked = std::str::from_utf8(PARKED).unwrap();
    let get = "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n";
    for behind in [format!("{parked}{get}"), "GET /hea".to_owned(), "not HTTP\r\n\r\n".to_owned()] {
        let mut stream = connect(&server, format!("{get}{behind}").as_bytes()).await;
        let mut start = [0; 12];
        stream.read_exact(&mut start).await.unwrap();
        assert_eq!(&start, b"HTTP/1.1 200", "before {behind}");
    }
    let answer = all(connect(&server, b"not HTTP\r\n\r\n").await).await;
    assert!(answer.starts_with("HTTP/1.1 400"), "{answer}");
}

/// A head that is too large is refused with a reason, and one beyond all measure as such.
#[tokio::test]
async fn a_head_has_a_bound() {
    let server = start(Config::default());
    for (length, reason) in [(20_000, r#""code":"headers_too_large""#), (100_000, "")] {
        let filler = "x".repeat(length);
        let head = format!(
            "GET /healthz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nFiller: {filler}\r\n\r\n"
        );
        let answer = all(connect(&server, head.as_bytes()).await).await;
        assert!(answer.starts_with("HTTP/1.1 431") && answer.contains(reason), "{answer}");
    }
}

/// HTTP/1.1 says for whom a request is, once (RFC 9112, 3.2).
#[tokio::test]
async fn a_request_has_one_host() {
    let server = start(Config::default());
    for hosts in ["", "Host: a\r\nHost: b\r\n"] {
        let head = format!("GET /healthz HTTP/1.1\r\n{hosts}Connection: close\r\n\r\n");
        let answer = all(connect(&server, head.as_bytes()).await).await;
        assert!(answer.starts_with("HTTP/1.1 400") && answer.contains("Host"), "{answer}");
    }
}

/// Whoever sends more than is wanted hears so, while it is still sending.
#[tokio::test]
async fn a_body_has_a_bound() {
    let server = start(Config { max_body: 10, ..Config::default() });
    let length = 3_000_000;
    let head = format!(
        "PUT /v1/events/e HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n"
    );
    let mut stream = connect(&server, head.as_bytes()).await;
    for _ in 0..length / 1_000 {
        stream.write_all(&[b'x'; 1_000]).await.unwrap();
        tokio::task::yield_now().await;
    }
    let answer = all(stream).await;
    assert!(answer.starts_with("HTTP/1.1 413"), "{answer}");
}

/// Whoever comes when all places are taken is turned away, until one leaves.
#[tokio::test]
async fn connections_have_a_bound() {
    let server = start(Config { max_connections: 1, ..Config::default() });
    let first = connect(&server, PARKED).await;
    waits(&server.desk, 1).await;
    let mut second = connect(&server, b"").await;
    let gone = second.read(&mut [0; 1]).await;
    assert!(matches!(gone, Ok(0) | Err(_)), "{gone:?}");
    drop(first);
    waits(&server.desk, 0).await;
    let third = connect(&server, PARKED).await;
    waits(&server.desk, 1).await;
    drop(third);
}

/// One that waits and hangs up has left, by FIN and by RST.
#[tokio::test]
async fn who_hangs_up_has_left() {
    let server = start(Config::default());
    for reset in [false, true] {
        let stream = connect(&server, PARKED).await;
        waits(&server.desk, 1).await;
        if reset {
            socket2::SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
        }
        drop(stream);
        waits(&server.desk, 0).await;
    }
}

/// At the end all who wait are told so, and connections that do nothing hold nobody up.
#[tokio::test]
async fn the_end_is_told_to_all() {
    let server = start(Config::default());
    let mut parked = Vec::new();
    for _ in 0..100 {
        parked.push(connect(&server, PARKED).await);
    }
    let silent = connect(&server, b"").await;
    let mut idle = connect(&server, b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n").await;
    idle.read_exact(&mut [0; 12]).await.unwrap();
    waits(&server.desk, parked.len()).await;
    server.end.send(()).unwrap();
    for stream in parked {
        let answer = all(stream).await;
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        assert!(answer.contains("shutting_down"), "{answer}");
    }
    server.ended.await.unwrap();
    assert_eq!(all(silent).await, "");
    all(idle).await;
    assert!(TcpStream::connect(server.address).await.is_err());
}
