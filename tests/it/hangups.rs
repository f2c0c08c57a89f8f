//! Clients that go away at random moments around a hand-off: nothing is lost, nothing is done
//! twice, nobody is left standing in a line.
//!
//! Whether an answer was "delivered" only the server can say, since its kernel may hold what the
//! client never read. But what a client has read was delivered for certain, and what the server
//! says must agree with what became of each job and each lock.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use awaitd_tests::{Client, HangUp, Raw, Server, until};
use fastrand::Rng;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

/// Rounds of each kind: 10,000 hang-ups in all of these.
const GETS: u64 = 3_400;
const PUTS: u64 = 3_300;
const ACQUIRES: u64 = 3_300;

/// Rounds of each of the other things that can be held.
const HOLDINGS: u64 = 400;

/// Rounds at one time. Most of those of acquires last for the second of a lease.
const LANES: usize = 128;

/// How a round went that a client hung up on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ended {
    /// The client had read the whole answer, and it gave what was asked for.
    Read,
    /// The client had not read a whole answer, or one that gives nothing.
    Unread,
}

/// What happens in a round, drawn beforehand so that the seed tells it all.
#[derive(Clone, Copy, Debug)]
struct Plan {
    round: u64,
    how: HangUp,
    /// From the moment when the request is sent.
    hang_up_after: Duration,
    /// From the moment when the request is sent.
    hand_off_after: Duration,
}

impl Plan {
    fn draw(round: u64, rng: &mut Rng) -> Self {
        let hand_off = rng.u64(0..50_000);
        // One half within 50 ms of the hand-off, the other right at it, where the races are.
        let spread = if rng.bool() { 50_000 } else { 1_500 };
        let hang_up = (hand_off + rng.u64(0..2 * spread)).saturating_sub(spread);
        Self {
            round,
            how: rng.choice([HangUp::Fin, HangUp::Rst, HangUp::Half]).expect("there are three"),
            hang_up_after: Duration::from_micros(hang_up),
            hand_off_after: Duration::from_micros(hand_off),
        }
    }

    /// Sends the request, hangs up when it is time.
    async fn hang_up(self, at: SocketAddr, path: &str) -> Ended {
        let mut raw = Raw::connect(at).await.expect("the server listens");
        raw.ask("POST", path, "job").await.expect("the server reads");
        tokio::time::sleep(self.hang_up_after).await;
        match raw.hang_up(self.how).await {
            Some(heard) if matches!(heard.status, 200 | 201) => Ended::Read,
            Some(heard) => panic!("this call gives or waits: {}", heard.shown()),
            None => Ended::Unread,
        }
    }
}

/// Runs the rounds of one kind, some at a time, and returns what each of them found.
async fn rounds<F, T>(count: u64, rng: &mut Rng, mut round: impl FnMut(Plan) -> F) -> Vec<T>
where
    F: Future<Output = T> + Send + 'static,
    T: Send + 'static,
{
    let lanes = Arc::new(Semaphore::new(LANES));
    let mut running = JoinSet::new();
    for number in 0..count {
        let lane = Arc::clone(&lanes).acquire_owned().await.expect("never closed");
        let work = round(Plan::draw(number, rng));
        running.spawn(async move {
            let found = work.await;
            drop(lane);
            found
        });
    }
    running.join_all().await
}

fn seed() -> Rng {
    let given = std::env::var("AWAITD_TEST_SEED").ok().and_then(|seed| seed.parse().ok());
    let seed = given.unwrap_or_else(|| fastrand::u64(..));
    println!("AWAITD_TEST_SEED={seed}");
    Rng::with_seed(seed)
}

/// A get parks, its job is put, and the client hangs up about then. A second job is put behind.
async fn round_of_get(at: SocketAddr, client: Client, plan: Plan) -> (u64, Ended) {
    let queue = format!("/v1/queues/get-{}", plan.round);
    let get = format!("{queue}/get?wait=20s&lease=1s");
    // A lease that ends brings its job back at once, so that its place can be seen.
    client.put(&queue, r#"{"backoff": {"min": "0s"}}"#).await.expect(201);
    let hand_off = async {
        tokio::time::sleep(plan.hand_off_after).await;
        client.post(&format!("{queue}/jobs"), "first").await.expect(201);
        client.post(&format!("{queue}/jobs"), "second").await.expect(201);
    };
    let (ended, ()) = tokio::join!(plan.hang_up(at, &get), hand_off);
    (plan.round, ended)
}

/// Both jobs are had again, the first before the second; says how often the first was tried.
async fn first_before_second(client: &Client, round: u64) -> u64 {
    let queue = format!("/v1/queues/get-{round}");
    let get = format!("{queue}/get?wait=20s&lease=1h");
    let first = client.post(&get, "").await.expect(200);
    let second = client.post(&get, "").await.expect(200);
    assert_eq!((first.text(), second.text()), ("first", "second"), "round {round}: its old place");
    assert_eq!(second.number("awaitd-attempt"), 1, "round {round}: nobody had it");
    client.delete(&first.location()).await.expect(204);
    client.delete(&second.location()).await.expect(204);
    first.number("awaitd-attempt") - 1
}

#[tokio::test(flavor = "multi_thread")]
async fn gets_that_hang_up_lose_no_job() {
    let mut rng = seed();
    let server = Server::start();
    let (at, client) = (server.at(), server.client());
    let ended = rounds(GETS, &mut rng, |plan| round_of_get(at, client.clone(), plan)).await;
    let nobody_left = async || {
        let scrape = server.scrape().await;
        let leased = scrape.count("awaitd_queue_depth", &[("state", "leased")]);
        leased == 0 && scrape.count("awaitd_waiters", &[]) == 0
    };
    until("every lease has ended and every wait is over", nobody_left).await;
    let before = server.scrape().await;
    let jobs = |event| before.count("awaitd_jobs_total", &[("event", event)]);
    let (expired, undelivered) = (jobs("expired"), jobs("undelivered"));
    assert_eq!(jobs("put"), 2 * GETS);
    assert_eq!(before.count("awaitd_queue_depth", &[("state", "ready")]), 2 * GETS);

    let mut tried = 0;
    for (round, ended) in ended.iter().copied() {
        let attempts = first_before_second(&client, round).await;
        assert!(attempts <= 1, "round {round}: one get makes at most one attempt");
        if ended == Ended::Read {
            assert_eq!(attempts, 1, "round {round}: what was read was delivered");
        }
        tried += attempts;
    }
    let read = ended.iter().filter(|(_, ended)| *ended == Ended::Read).count();
    println!("{GETS} gets: {read} read, {expired} expired, {undelivered} went back undelivered");
    assert_eq!(tried, expired, "an attempt is counted where a delivered lease ended, only there");
    assert!(read > 0 && undelivered > 0, "both kinds happened");
    let after = server.scrape().await;
    assert_eq!(after.count("awaitd_queue_unfinished", &[]), 0);
    let done = after.count("awaitd_jobs_total", &[("event", "done")]);
    assert_eq!(done, 2 * GETS, "each job was done once");
}

/// A put parks at a full queue, room is made, and the client hangs up about then.
async fn round_of_put(at: SocketAddr, client: Client, plan: Plan) -> (u64, Ended) {
    let queue = format!("/v1/queues/put-{}", plan.round);
    client.put(&queue, r#"{"maxsize": 1}"#).await.expect(201);
    client.post(&format!("{queue}/jobs"), "full").await.expect(201);
    let hand_off = async {
        tokio::time::sleep(plan.hand_off_after).await;
        client.post(&format!("{queue}/get?ack=true"), "").await.expect(200);
    };
    let put = format!("{queue}/jobs?wait=20s");
    let (ended, ()) = tokio::join!(plan.hang_up(at, &put), hand_off);
    (plan.round, ended)
}

#[tokio::test(flavor = "multi_thread")]
async fn puts_that_hang_up_are_put_once_or_never() {
    let mut rng = seed();
    let server = Server::start();
    let (at, client) = (server.at(), server.client());
    let ended = rounds(PUTS, &mut rng, |plan| round_of_put(at, client.clone(), plan)).await;
    let no_waiter = async || server.scrape().await.count("awaitd_waiters", &[]) == 0;
    until("every wait is over", no_waiter).await;
    let scrape = server.scrape().await;
    let put = scrape.count("awaitd_jobs_total", &[("event", "put")]);
    let mut admitted = 0;
    for (round, ended) in ended.iter().copied() {
        let got = client.post(&format!("/v1/queues/put-{round}/get?ack=true"), "").await;
        if ended == Ended::Read || got.status == 200 {
            assert_eq!(got.expect(200).text(), "job", "round {round}: what was admitted stays");
            admitted += 1;
        } else {
            got.expect(204);
        }
        client.post(&format!("/v1/queues/put-{round}/get"), "").await.expect(204);
    }
    let read = ended.iter().filter(|(_, ended)| *ended == Ended::Read).count();
    println!("{PUTS} puts: {read} read, {admitted} admitted");
    assert_eq!(put, PUTS + admitted, "what the server counted is what was there");
    assert!(read > 0 && admitted < PUTS, "both kinds happened");
    let drained = async || server.scrape().await.count("awaitd_queue_unfinished", &[]) == 0;
    until("every job is done", drained).await;
}

/// An acquire parks behind a holder, one more behind it; the holder releases, and the client hangs
/// up about then. The one behind gets the lock in any case.
async fn round_of_acquire(at: SocketAddr, client: Client, plan: Plan) -> Ended {
    let lock = format!("/v1/locks/lock-{}", plan.round);
    let held = client.post(&format!("{lock}/acquire?lease=1h"), "").await.expect(201);
    let hand_off = async {
        tokio::time::sleep(plan.hand_off_after).await;
        client.delete(&held.location()).await.expect(204);
        let behind = format!("{lock}/acquire?lease=1h&wait=20s");
        let behind = client.post(&behind, "").await.expect(201);
        assert!(behind.number("awaitd-fence") > held.number("awaitd-fence"));
        client.delete(&behind.location()).await.expect(204);
    };
    let acquire = format!("{lock}/acquire?lease=1s&wait=20s");
    let (ended, ()) = tokio::join!(plan.hang_up(at, &acquire), hand_off);
    ended
}

#[tokio::test(flavor = "multi_thread")]
async fn acquires_that_hang_up_hold_no_lock() {
    let mut rng = seed();
    let server = Server::start();
    let (at, client) = (server.at(), server.client());
    let ended = rounds(ACQUIRES, &mut rng, |plan| round_of_acquire(at, client.clone(), plan)).await;
    let read = ended.iter().filter(|ended| **ended == Ended::Read).count();
    println!("{ACQUIRES} acquires: {read} read");
    assert!(read > 0, "both kinds happened");
    // A hang-up long after its hand-off leaves a lease of one second: the lock comes free with it.
    for round in 0..ACQUIRES {
        let lock = format!("/v1/locks/lock-{round}");
        let free = async || client.get(&lock).await.expect(200).json()["locked"] == false;
        until("every lock is free", free).await;
    }
    let scrape = server.scrape().await;
    assert_eq!(scrape.count("awaitd_waiters", &[]), 0);
}

/// What somebody waits for who hangs up.
#[derive(Clone, Copy, Debug)]
enum Holding {
    /// One permit of a semaphore that has one.
    Permit,
    /// A lock, shared.
    Share,
    /// A lock, after a wait for a condition of it.
    Woken,
}

/// As with acquires of a lock: one waits, what it waits for is handed over, and it hangs up about then.
/// The one behind has it in any case.
async fn round_of_holding(at: SocketAddr, client: Client, plan: Plan, what: Holding) -> Ended {
    let round = plan.round;
    let lock = format!("/v1/locks/{what:?}-{round}");
    let acquire = |thing: &str| client.post(&format!("{thing}/acquire?lease=1h&wait=20s"), "");
    let mut raw = Raw::connect(at).await.expect("the server listens");
    let (thing, path, held) = match what {
        Holding::Permit => {
            let semaphore = format!("/v1/semaphores/{what:?}-{round}");
            client.put(&semaphore, r#"{"permits": 1}"#).await.expect(201);
            let held = acquire(&semaphore).await.expect(201);
            let path = format!("{semaphore}/acquire?wait=20s&lease=1s");
            raw.ask("POST", &path, "").await.expect("the server reads");
            (semaphore, path, held)
        }
        Holding::Share => {
            let held = acquire(&lock).await.expect(201);
            let path = format!("{lock}/acquire?mode=shared&wait=20s&lease=1s");
            raw.ask("POST", &path, "").await.expect("the server reads");
            (lock.clone(), path, held)
        }
        Holding::Woken => {
            let held = acquire(&lock).await.expect(201).location().replace('/', "%2F");
            let path = format!("{lock}/conditions/c/wait?held={held}&wait=20s&lease=1s");
            raw.ask("POST", &path, "").await.expect("the server reads");
            // Whoever waits for a condition has let the lock go as it began to.
            (lock.clone(), path, acquire(&lock).await.expect(201))
        }
    };
    let leave = async {
        // Some stay until they have heard, however slow the machine is.
        if round.is_multiple_of(8) {
            raw.answer("POST", &path).await.expect(201);
            return Ended::Read;
        }
        tokio::time::sleep(plan.hang_up_after).await;
        if raw.hang_up(plan.how).await.is_some() { Ended::Read } else { Ended::Unread }
    };
    let hand_off = async {
        tokio::time::sleep(plan.hand_off_after).await;
        if matches!(what, Holding::Woken) {
            let token = held.location().replace('/', "%2F");
            let notify = format!("{lock}/conditions/c/notify?held={token}&n=all");
            client.post(&notify, "").await.expect(200);
        }
        client.delete(&held.location()).await.expect(204);
        let behind = acquire(&thing).await.expect(201);
        assert!(behind.number("awaitd-fence") > held.number("awaitd-fence"));
        client.delete(&behind.location()).await.expect(204);
    };
    let (ended, ()) = tokio::join!(leave, hand_off);
    ended
}

/// What was not delivered is had by the next, be it a permit, a share or a lock after a condition.
#[tokio::test(flavor = "multi_thread")]
async fn who_hangs_up_holds_no_permit_no_share_and_no_lock_after_a_condition() {
    let mut rng = seed();
    let server = Server::start();
    let (at, client) = (server.at(), server.client());
    for what in [Holding::Permit, Holding::Share, Holding::Woken] {
        let round = |plan| round_of_holding(at, client.clone(), plan, what);
        let ended = rounds(HOLDINGS, &mut rng, round).await;
        let read = ended.iter().filter(|ended| **ended == Ended::Read).count();
        println!("{HOLDINGS} of {what:?}: {read} read");
        assert!((read as u64) < HOLDINGS, "somebody hung up before");
    }
    let nobody = async || {
        let lists = [client.get("/v1/locks?limit=1000"), client.get("/v1/semaphores?limit=1000")];
        let mut held = 0;
        for list in lists {
            let list = list.await.expect(200).json();
            let items = list["items"].as_array().expect("a list");
            let holders = |item: &serde_json::Value| item["holders"].as_array().map_or(0, Vec::len);
            held += items.iter().map(holders).sum::<usize>();
        }
        held == 0
    };
    // A hang-up long after its hand-off leaves a lease of one second.
    until("nobody holds anything", nobody).await;
    assert_eq!(server.scrape().await.count("awaitd_waiters", &[]), 0);
}

/// A job whose answer was never taken whole is back at once, not when its lease ends, and untried.
#[tokio::test]
async fn what_was_not_delivered_is_back_at_once() {
    let server = Server::with_args(&["--max-body", "32MiB"]);
    let client = server.client();
    let large = vec![b'x'; 24 * 1024 * 1024];
    client.post("/v1/queues/large/jobs", large).await.expect(201);

    let mut deaf = tokio::net::TcpStream::connect(server.at()).await.expect("the server listens");
    let ask = b"POST /v1/queues/large/get?lease=1h HTTP/1.1\r\nHost: localhost\r\n\r\n";
    tokio::io::AsyncWriteExt::write_all(&mut deaf, ask).await.expect("the server reads");
    let leased = [("queue", "large"), ("state", "leased")];
    let got = async || server.scrape().await.count("awaitd_queue_depth", &leased) == 1;
    until("the job is on its way", got).await;
    socket2::SockRef::from(&deaf).set_linger(Some(Duration::ZERO)).expect("it is open");
    drop(deaf);

    let again = client.post("/v1/queues/large/get?wait=40s", "").await.expect(200);
    assert_eq!(again.number("awaitd-attempt"), 1);
    let undelivered = [("queue", "large"), ("event", "undelivered")];
    assert_eq!(server.scrape().await.count("awaitd_jobs_total", &undelivered), 1);
}
