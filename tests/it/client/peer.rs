//! A peer that says what it is told to: what a real server does only when much goes wrong.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use awaitd_client::{Client, Code, Error};
use awaitd_tests::until;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A request as it came.
#[derive(Clone, Debug)]
pub(super) struct Heard {
    /// Method and path, without `HTTP/1.1`.
    pub(super) line: String,
    key: Option<String>,
    /// What it showed as `Authorization`.
    pub(super) authorization: Option<String>,
    body: String,
}

/// What it does with a request.
pub(super) enum Reply {
    /// A status, headers and a body.
    Says(u16, &'static [(&'static str, &'static str)], &'static str),
    /// Ends the connection without a word.
    Cuts,
    /// Never answers.
    Waits,
}

use Reply::{Cuts, Says, Waits};

pub(super) struct Peer {
    client: Client,
    pub(super) url: String,
    heard: Arc<Mutex<Vec<Heard>>>,
}

impl Peer {
    /// Replies so to one request after the other.
    pub(super) async fn start(replies: impl IntoIterator<Item = Reply>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("some port is free");
        let at = listener.local_addr().expect("it is bound");
        let replies = Arc::new(Mutex::new(replies.into_iter().collect::<VecDeque<_>>()));
        let heard = Arc::new(Mutex::new(Vec::new()));
        let book = Arc::clone(&heard);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(serve(stream, Arc::clone(&replies), Arc::clone(&book)));
            }
        });
        let url = format!("http://{at}");
        let client = Client::builder(&url).retry_for(Duration::from_secs(30));
        Self { client: client.build().expect("an address"), url, heard }
    }

    pub(super) fn heard(&self) -> Vec<Heard> {
        self.heard.lock().expect("no panic").clone()
    }

    fn lines(&self) -> Vec<String> {
        self.heard().into_iter().map(|heard| heard.line).collect()
    }
}

async fn serve(
    mut stream: TcpStream,
    replies: Arc<Mutex<VecDeque<Reply>>>,
    heard: Arc<Mutex<Vec<Heard>>>,
) {
    while let Some(request) = read(&mut stream).await {
        heard.lock().expect("no panic").push(request);
        let reply = replies.lock().expect("no panic").pop_front().unwrap_or(Waits);
        match reply {
            Cuts => return,
            Waits => std::future::pending().await,
            Says(status, headers, body) => {
                let fields: String = headers
                    .iter()
                    .map(|(name, value)| [*name, ": ", *value, "\r\n"].concat())
                    .collect();
                let length = body.len();
                let answer = format!(
                    "HTTP/1.1 {status} So\r\ncontent-length: {length}\r\n{fields}\r\n{body}"
                );
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
        }
    }
}

async fn read(stream: &mut TcpStream) -> Option<Heard> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end + 4;
        }
        bytes.push(stream.read_u8().await.ok()?);
    };
    let head = String::from_utf8(bytes[..end].to_vec()).expect("a head is text");
    let field = |name: &str| {
        let mut fields = head.lines().filter_map(|line| line.split_once(": "));
        fields.find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.to_owned())
    };
    let length = field("content-length").map_or(0, |length| length.parse().expect("a number"));
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await.ok()?;
    let line = head.lines().next().expect("a request has a line").trim_end_matches(" HTTP/1.1");
    let body = String::from_utf8(body).expect("these tests put text");
    let (line, key) = (line.to_owned(), field("idempotency-key"));
    Some(Heard { line, key, authorization: field("authorization"), body })
}

const PUT: Reply = Says(201, &[("location", "/v1/queues/q/jobs/7")], "");
const EMPTY: Reply = Says(408, &[("retry-after", "1")], r#"{"title": "t", "code": "empty"}"#);
const LOST: Reply = Says(410, &[], r#"{"title": "t", "code": "lease_lost"}"#);
const JOB: Reply = Says(
    200,
    &[
        ("location", "/v1/queues/q/leases/token"),
        ("awaitd-fence", "5"),
        ("awaitd-expires-in", "3600.000"),
        ("awaitd-job", "7"),
        ("awaitd-attempt", "1"),
        ("awaitd-waited", "0.000"),
        ("awaitd-enqueued-at", "2026-01-01T00:00:00Z"),
    ],
    "x",
);
const LOCK: Reply = Says(
    201,
    &[
        ("location", "/v1/locks/l/leases/token"),
        ("awaitd-fence", "5"),
        ("awaitd-expires-in", "3600.000"),
        ("awaitd-notified", "true"),
    ],
    "",
);
const DONE: Reply = Says(204, &[], "");

/// What was cut, and what was not done, is repeated as it was, under the same key.
#[tokio::test]
async fn a_repeat_is_the_same_request() {
    let busy = || Says(503, &[("retry-after", "1")], r#"{"title": "t", "code": "overloaded"}"#);
    let proxy = || Says(502, &[], "<html>");
    let peer = Peer::start([Cuts, busy(), proxy(), Cuts, PUT]).await;
    assert_eq!(peer.client.queue("q").put("body").await.expect("it is put in the end").id, 7);
    let heard = peer.heard();
    assert_eq!(heard.len(), 5);
    let key = heard[0].key.as_ref().expect("a key");
    assert!(key.len() > 30, "{key}");
    for heard in &heard {
        assert_eq!((heard.key.as_ref(), &*heard.body), (Some(key), "body"));
        assert_eq!(heard.line, "POST /v1/queues/q/jobs?wait=50000ms");
    }
}

/// Without a key, what may have been done is not done again.
#[tokio::test]
async fn what_has_no_key_is_not_repeated() {
    let peer = Peer::start([Cuts]).await;
    let cut = peer.client.queue("q").put("x").unkeyed().await.expect_err("it was cut");
    assert!(matches!(cut, Error::Unreachable { .. }), "{cut:?}");
    let peer_of_take = Peer::start([Cuts]).await;
    let cut = peer_of_take.client.queue("q").take().await.expect_err("it was cut");
    assert!(matches!(cut, Error::Unreachable { .. }), "{cut:?}");
    // But a get may be: a job that was lost on the way comes back.
    let peer_of_get = Peer::start([Cuts, JOB]).await;
    peer_of_get.client.queue("q").get().unkeyed().await.expect("a job came").leave();
    for (peer, count) in [(peer, 1), (peer_of_take, 1), (peer_of_get, 2)] {
        let heard = peer.heard();
        assert_eq!(heard.len(), count);
        assert!(heard.iter().all(|heard| heard.key.is_none()), "{heard:?}");
    }
}

/// A wait goes on under its key as long as its caller waits, and no longer.
#[tokio::test]
async fn a_wait_goes_on_under_its_key() {
    let peer = Peer::start([EMPTY, EMPTY, JOB]).await;
    peer.client.queue("q").get().await.expect("a job came").leave();
    let heard = peer.heard();
    assert_eq!(heard.len(), 3);
    assert!(heard.iter().all(|one| one.key.is_some() && one.key == heard[0].key), "{heard:?}");
    let peer = Peer::start([EMPTY, EMPTY]).await;
    let over = peer.client.queue("q").get().within(Duration::from_millis(100)).await;
    assert_eq!(over.expect_err("nothing came").code(), Some(Code::Empty));
    let lines = peer.lines();
    assert!(lines[0].contains("wait=") && lines.len() <= 2, "{lines:?}");
}

/// A lease that was over before its answer came through is asked for anew, under another key.
#[tokio::test]
async fn what_was_lost_on_the_way_is_asked_for_anew() {
    let peer = Peer::start([Cuts, LOST, JOB]).await;
    peer.client.queue("q").get().await.expect("a job came").leave();
    let keys: Vec<_> = peer.heard().into_iter().map(|heard| heard.key).collect();
    assert_eq!(keys.len(), 3);
    assert!(keys[0] == keys[1] && keys[1] != keys[2], "{keys:?}");
}

/// What is dropped is withdrawn by its key, and what had been granted by then goes back untried.
#[tokio::test]
async fn what_is_dropped_is_withdrawn() {
    let granted =
        Says(200, &[("location", "/v1/queues/q/leases/token")], r#"{"outcome": "granted"}"#);
    let peer = Peer::start([Waits, granted, DONE]).await;
    let get = tokio::spawn(peer.client.queue("q").get().into_future());
    until("it was asked", async || !peer.heard().is_empty()).await;
    get.abort();
    until("it went back", async || peer.heard().len() == 3).await;
    let key = peer.heard()[0].key.clone().expect("a key");
    let lines = peer.lines();
    assert_eq!(lines[1], format!("DELETE /v1/queues/q/waiters/{key}"));
    assert_eq!(lines[2], "POST /v1/queues/q/leases/token/nack?delay=0&defer=true");
}

/// Something else that listens there is told apart.
#[tokio::test]
async fn what_is_not_awaitd_is_told() {
    let peer = Peer::start([Says(404, &[], "<h1>Not here</h1>"), Says(200, &[], "hello")]).await;
    let refused = peer.client.queue("q").put("x").await.expect_err("that is no 201");
    let problem = refused.problem().expect("it was refused");
    assert_eq!(
        (problem.code, problem.status, &*problem.detail),
        (Code::Other, 404, "<h1>Not here</h1>")
    );
    let odd = peer.client.queue("q").state().await.expect_err("that is no state");
    assert!(matches!(odd, Error::Odd(_)), "{odd:?}");
}

/// Semaphores, barriers, conditions and shared locks are asked for as the contract says.
#[tokio::test]
async fn the_others_are_asked_for_as_the_contract_says() {
    let state = |text| Says(200, &[], text);
    let semaphore = r#"{"name": "s", "permits": 4, "bounded": false, "available": 3, "waiters": 0,
        "holders": [{"owner": null, "fence": 5, "expires_in": 1.5, "permits": 1}]}"#;
    let barrier = r#"{"name": "b", "parties": 2, "waiting": 0, "broken": false, "generation": 9}"#;
    let replies = [
        state("{}"),
        LOCK,
        DONE,
        state(semaphore),
        state("{}"),
        state(r#"{"index": 1, "generation": 9}"#),
        state(barrier),
        LOCK,
        LOCK,
        state(r#"{"woken": 2}"#),
        DONE,
        state(r#"{"holders": []}"#),
    ];
    let peer = Peer::start(replies).await;
    let semaphore = peer.client.semaphore("s");
    semaphore.configure_unbounded(3).await.expect("configured");
    let permits = semaphore.acquire().permits(2).owner("me").await.expect("granted");
    permits.release().await.expect("released");
    let state = semaphore.release(1).await.expect("one more");
    assert_eq!((state.available, state.holders[0].permits), (3, Some(1)));
    let barrier = peer.client.barrier("b");
    barrier.configure(2).await.expect("configured");
    let tripped = barrier.wait().within(Duration::ZERO).await.expect("all are there");
    assert_eq!((tripped.index, tripped.generation), (1, 9));
    assert_eq!(barrier.reset().await.expect("reset").parties, 2);
    let lock = peer.client.lock("l");
    let condition = lock.condition("c");
    let guard = lock.acquire().shared().await.expect("granted");
    let woken = condition.wait(guard).lease(Duration::from_mins(1)).await.expect("notified");
    assert!(woken.notified);
    assert_eq!(condition.notify_all(&woken.guard).await.expect("they wait"), 2);
    woken.guard.release().await.expect("released");
    assert_eq!(lock.take_away().await.expect("it is free"), []);
    assert_eq!(
        peer.lines(),
        [
            "PUT /v1/semaphores/s",
            "POST /v1/semaphores/s/acquire?permits=2&owner=me&wait=50000ms",
            "DELETE /v1/locks/l/leases/token",
            "POST /v1/semaphores/s/release?permits=1",
            "PUT /v1/barriers/b",
            "POST /v1/barriers/b/wait",
            "POST /v1/barriers/b/reset",
            "POST /v1/locks/l/acquire?mode=shared&wait=50000ms",
            "POST /v1/locks/l/conditions/c/wait?held=%2Fv1%2Flocks%2Fl%2Fleases%2Ftoken&lease=60000ms&wait=50000ms",
            "POST /v1/locks/l/conditions/c/notify?held=%2Fv1%2Flocks%2Fl%2Fleases%2Ftoken&n=all",
            "DELETE /v1/locks/l/leases/token",
            "POST /v1/locks/l/break",
        ]
    );
    assert_eq!(peer.heard()[0].body, r#"{"bounded":false,"permits":3}"#);
}
