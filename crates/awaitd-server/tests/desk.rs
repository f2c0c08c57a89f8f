//! The loop behind the desk, without HTTP: who is told what and when, and what becomes of an answer
//! that nobody takes. Time stands still unless it is moved.

mod slow;

use std::future::{Ready, ready};
use std::sync::Arc;
use std::time::Duration;

use awaitd_journal::{Appended, Journal, JournalError, Kept};
use awaitd_primitives::{
    Answer, Ask, Command, Delay, Entry, GetMode, Got, Key, LeaseRef, Name, Payload, Record,
    Refusal, State, Thing,
};
use awaitd_server::desk::{Asked, Desk, Told};
use awaitd_server::{Clock, Config, Server};
use axum::body::Body;
use axum::http::{Request, StatusCode};
use tokio::sync::Semaphore;
use tower::ServiceExt;

use slow::{Slow, is_a_start};

const MINUTE: Duration = Duration::from_mins(1);

fn queue() -> Name {
    "q".parse().unwrap()
}

fn ask(command: Command) -> Ask {
    Ask { command, key: None }
}

fn put(desk: &Desk, wait: Duration) -> Asked {
    let payload = Payload { body: b"job"[..].into(), content_type: None };
    desk.ask(
        ask(Command::Put {
            queue: queue(),
            payload,
            delay: Delay::NONE,
            rank: None,
            ttl: None,
            traits: Vec::new(),
        }),
        wait,
    )
}

fn get(desk: &Desk, wait: Duration) -> Asked {
    let mode = GetMode::Leased(None);
    desk.ask(ask(Command::Get { queue: queue(), mode, settle: None, most: 1 }), wait)
}

fn got(told: &Told) -> &Got {
    match &told.told {
        Ok(Answer::Got(got)) => got,
        other => panic!("no job: {other:?}"),
    }
}

fn server(journal: impl Journal) -> (Server, Clock, Desk) {
    let clock = Clock::manual();
    let server = Server::with_journal(Config::default(), clock.clone(), journal);
    let desk = server.app().desk.clone();
    (server, clock, desk)
}

/// A get that waits has the job the moment it is put.
#[tokio::test]
async fn a_put_answers_who_waits() {
    let (_server, _clock, desk) = server(Kept::default());
    let waiting = get(&desk, MINUTE);
    assert_eq!(desk.census().await.waits, 1);
    assert!(matches!(put(&desk, Duration::ZERO).await.told, Ok(Answer::Placed { .. })));
    let told = waiting.await;
    assert_eq!(got(&told).payload.body, b"job"[..].into());
    told.delivery.expect("a lease is delivered").taken();
    let census = desk.census().await;
    assert_eq!((census.waits, census.undelivered, census.queues[0].0.leased), (0, 0, 1));
}

/// A wait is over when its time is, by the server's clock.
#[tokio::test]
async fn a_wait_ends() {
    let (_server, clock, desk) = server(Kept::default());
    let waiting = get(&desk, MINUTE);
    assert_eq!(desk.census().await.waits, 1);
    clock.advance(MINUTE);
    assert_eq!(waiting.await.told, Err(Refusal::Empty));
}

/// Whoever goes away while waiting has never been there.
#[tokio::test]
async fn a_wait_that_is_dropped_is_withdrawn() {
    let (_server, _clock, desk) = server(Kept::default());
    drop(get(&desk, MINUTE));
    assert_eq!(desk.census().await.waits, 0);
    drop(put(&desk, Duration::ZERO).await);
    assert_eq!(desk.census().await.queues[0].0.ready, 1);
}

/// A job goes back at once, untried, if its answer was sent and nobody received it, or if it was
/// received and the connection did not take it.
#[tokio::test]
async fn what_nobody_takes_goes_back() {
    let (_server, _clock, desk) = server(Kept::default());
    drop(put(&desk, Duration::ZERO).await);
    let unread = get(&desk, Duration::ZERO);
    assert_eq!(desk.census().await.undelivered, 1);
    drop(unread);
    assert_eq!(desk.census().await.queues[0].0.ready, 1);

    drop(get(&desk, Duration::ZERO).await);
    let census = desk.census().await;
    assert_eq!((census.undelivered, census.queues[0].0.ready), (0, 1));
    assert_eq!(got(&get(&desk, Duration::ZERO).await).attempt, 1);
}

/// Who is dismissed is told nothing if he still waited, or else what there was to tell.
#[tokio::test]
async fn who_is_dismissed_is_told_what_was_done() {
    let (_server, _clock, desk) = server(Kept::default());
    assert!(get(&desk, MINUTE).dismissed().await.is_none());
    assert_eq!(desk.census().await.waits, 0);
    let placed = put(&desk, MINUTE).dismissed().await.expect("it was answered");
    assert!(matches!(placed.told, Ok(Answer::Placed { .. })));
    drop(get(&desk, MINUTE).dismissed().await.expect("it was answered"));
    assert_eq!(got(&get(&desk, MINUTE).await).attempt, 1, "it went back untried");
}

/// A lease that ends gives its job back, without anybody asking.
#[tokio::test]
async fn a_lease_that_ends_wakes_the_loop() {
    let (_server, clock, desk) = server(Kept::default());
    drop(put(&desk, Duration::ZERO).await);
    get(&desk, Duration::ZERO).await.delivery.expect("a lease is delivered").taken();
    let waiting = get(&desk, 2 * MINUTE);
    assert_eq!(desk.census().await.waits, 1);
    clock.advance(MINUTE);
    assert_eq!(got(&waiting.await).attempt, 2);
}

/// When the server goes, all who wait are told; who comes later is told as well.
#[tokio::test]
async fn the_end_is_told() {
    let (_server, _clock, desk) = server(Kept::default());
    let waiting = get(&desk, MINUTE);
    desk.close();
    assert_eq!(waiting.await.told, Err(Refusal::ShuttingDown));
    assert_eq!(get(&desk, MINUTE).await.told, Err(Refusal::ShuttingDown));
    assert!(matches!(put(&desk, MINUTE).await.told, Ok(Answer::Placed { .. })));
}

/// A server that is going says that it is not ready, so that nobody sends it more.
#[tokio::test]
async fn who_is_going_is_not_ready() {
    let (server, _clock, desk) = server(Kept::default());
    let router = awaitd_server::http::router(server.app().clone());
    let ready = async || {
        let request =
            Request::get("/readyz").header("host", "localhost").body(Body::empty()).unwrap();
        router.clone().oneshot(request).await.unwrap().status()
    };
    assert_eq!(ready().await, StatusCode::OK);
    desk.close();
    assert_eq!(ready().await, StatusCode::SERVICE_UNAVAILABLE);
}

/// What was recorded gives what is there.
#[tokio::test]
async fn the_journal_has_it_all() {
    let kept = Kept::default();
    let (_server, _clock, desk) = server(kept.clone());
    drop(put(&desk, Duration::ZERO).await);
    drop(put(&desk, Duration::ZERO).await);
    get(&desk, Duration::ZERO).await.delivery.expect("a lease is delivered").taken();
    let entries = kept.entries();
    let records: Vec<&Record> = entries.iter().flat_map(|entry| &entry.records).collect();
    let placed = records.iter().filter(|record| matches!(record, Record::Placed { .. })).count();
    let leased = records.iter().filter(|record| matches!(record, Record::Leased { .. })).count();
    assert_eq!((placed, leased), (2, 1), "{records:?}");
    assert_ne!(State::replay(entries), State::new());
}

/// Nobody is told of what is not durable, not even by a read that comes after it.
#[tokio::test]
async fn nobody_is_told_before_the_append() {
    let allowed = Arc::new(Semaphore::new(0));
    let (_server, _clock, desk) = server(Slow(Arc::clone(&allowed)));
    let mut putting = put(&desk, Duration::ZERO);
    let mut reading = desk.ask(ask(Command::Read { thing: Thing::Queue(queue()) }), Duration::ZERO);
    // As far as the loop gets: each yield lets everything else on this runtime run.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(is_pending(&mut putting) && is_pending(&mut reading));
    allowed.add_permits(1);
    assert!(matches!(putting.await.told, Ok(Answer::Placed { .. })));
    assert!(matches!(reading.await.told, Ok(Answer::State(_))));
}

/// A loop that was held up by its disk hears a renewal that came in time, whatever lies before it in
/// the inbox, before time may end the lease.
#[tokio::test]
async fn a_renewal_that_lies_in_the_inbox_came_in_time() {
    let allowed = Arc::new(Semaphore::new(4));
    let (_server, clock, desk) = server(Slow(Arc::clone(&allowed)));
    for _ in 0..2 {
        drop(put(&desk, Duration::ZERO).await);
    }
    let mine = get(&desk, Duration::ZERO).await;
    let lease = LeaseRef { id: got(&mine).lease, thing: None };
    mine.delivery.expect("a lease is delivered").taken();
    let unheard = get(&desk, Duration::ZERO).await;

    let held_up = put(&desk, Duration::ZERO);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    drop(unheard);
    let renewal = desk.ask(ask(Command::Extend { lease, length: None }), Duration::ZERO);
    clock.advance(2 * MINUTE);
    allowed.add_permits(9);
    drop(held_up.await);
    assert!(matches!(renewal.await.told, Ok(Answer::Extended(_))));
}

/// The place of one who hangs up with a key is kept from that moment on, also if the loop had nothing
/// to do for long.
#[tokio::test]
async fn a_place_is_kept_from_the_moment_of_the_hang_up() {
    let (_server, clock, desk) = server(Kept::default());
    let keyed = || {
        let mode = GetMode::Leased(None);
        let command = Command::Get { queue: queue(), mode, settle: None, most: 1 };
        let key = Some(Key { text: "k".into(), fingerprint: 1 });
        desk.ask(Ask { command, key }, MINUTE)
    };
    let first = keyed();
    let second = get(&desk, MINUTE);
    assert_eq!(desk.census().await.waits, 2);
    clock.advance(MINUTE / 2);
    drop(first);
    assert_eq!(desk.census().await.waits, 1);
    clock.advance(Duration::from_secs(9));
    let again = keyed();
    assert_eq!(desk.census().await.waits, 2);
    drop(put(&desk, Duration::ZERO).await);
    tokio::select! {
        told = again => assert_eq!(got(&told).attempt, 1),
        _ = second => panic!("the place was lost"),
    }
}

/// Fails at once.
struct Broken;

impl Journal for Broken {
    type Appending = Ready<Result<Appended, JournalError>>;

    fn append(&mut self, entries: Vec<Entry>, _: bool) -> Self::Appending {
        ready(if is_a_start(&entries) {
            Ok(Appended { entries, ..Appended::default() })
        } else {
            Err(JournalError("the disk is gone".into()))
        })
    }

    fn seal(&mut self) -> Self::Appending {
        ready(Ok(Appended::default()))
    }

    fn key(&self) -> [u8; 32] {
        [7; 32]
    }
}

/// A broken journal ends the server, and nobody is told anything about what lay in the append.
#[tokio::test]
async fn a_broken_journal_ends_the_server() {
    let (server, _clock, desk) = server(Broken);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut putting = put(&desk, Duration::ZERO);
    let ended = server.serve(listener, std::future::pending()).await.unwrap_err();
    assert_eq!(ended.to_string(), "the disk is gone");
    assert!(is_pending(&mut putting));
}

/// A time of day that is noted while there is more to do than a turn takes is that of the moment up to which time
/// is worked off.
#[tokio::test]
async fn a_time_of_day_is_that_of_its_moment() {
    let kept = Kept::default();
    let (_server, clock, desk) = server(kept.clone());
    let (body, ttl) = (b"job"[..].into(), Some(Duration::from_secs(1)));
    let payload = Payload { body, content_type: None };
    for queue in ["a", "b", "c", "d", "e"].map(|queue| queue.parse::<Name>().unwrap()) {
        let (payload, traits) = (payload.clone(), Vec::new());
        let put = Command::Put { queue, payload, delay: Delay::NONE, rank: None, ttl, traits };
        desk.ask_all(vec![ask(put); 1_000]).await;
    }
    clock.advance(2 * MINUTE);
    put(&desk, Duration::ZERO).await.told.unwrap();
    let entries = kept.entries();
    let tied = |entry: &Entry| match entry.records[0] {
        Record::Tied { wall, .. } => Some(wall - entry.at.micros()),
        _ => None,
    };
    let tied: Vec<u64> = entries.iter().filter_map(tied).collect();
    assert!(tied.len() > 1 && tied.iter().all(|it| *it == tied[0]), "{tied:?}");
}

/// Is done with the append, and then is not.
struct Panics;

impl Journal for Panics {
    type Appending = Ready<Result<Appended, JournalError>>;

    fn append(&mut self, entries: Vec<Entry>, _: bool) -> Self::Appending {
        assert!(is_a_start(&entries), "after all was written");
        ready(Ok(Appended { entries, ..Appended::default() }))
    }

    fn seal(&mut self) -> Self::Appending {
        ready(Ok(Appended::default()))
    }

    fn key(&self) -> [u8; 32] {
        [7; 32]
    }
}

/// A loop that panics tells nobody that nothing was done: it may have been.
#[tokio::test]
async fn a_panic_of_the_loop_tells_nobody_anything() {
    let (server, _clock, desk) = server(Panics);
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut putting = put(&desk, Duration::ZERO);
    let serving = tokio::spawn(server.serve(listener, std::future::pending()));
    assert!(serving.await.unwrap_err().is_panic());
    assert!(is_pending(&mut putting) && is_pending(&mut put(&desk, Duration::ZERO)));
}

fn is_pending(asked: &mut Asked) -> bool {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    std::pin::Pin::new(asked).poll(&mut context).is_pending()
}
