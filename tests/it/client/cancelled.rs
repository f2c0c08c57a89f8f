//! A wait that is dropped gives nothing to nobody, and loses nothing.

use std::time::Duration;

use awaitd_client::QueueConfig;
use awaitd_tests::{Server, until};
use tokio::time::timeout;

use super::{LONG, client};

/// Rounds in which a get or an acquire is dropped about when it is granted.
const ROUNDS: u64 = 300;

/// Gets are dropped about when their jobs come: each job is got in the end, the first time it is tried,
/// and long before any lease ends.
#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_get_loses_no_job() {
    let server = Server::start();
    let client = client(&server);
    let mut got = 0;
    for round in 0..ROUNDS {
        let queue = client.queue(format!("q{round}"));
        let get = queue.get().lease(Duration::from_hours(1));
        let mut get = Box::pin(get.into_future());
        // Some are dropped before they were sent, some when the answer is on its way.
        let (dropped, put) = tokio::join!(
            timeout(Duration::from_micros(fastrand::u64(..6_000)), &mut get),
            queue.put("x"),
        );
        put.expect("there is room");
        drop(get);
        if let Ok(job) = dropped {
            job.expect("a job came").done().await.expect("it is ours");
            got += 1;
        } else {
            let job = queue.get().within(LONG).await.expect("it went back");
            assert_eq!(job.attempt(), 1, "round {round}: nobody had it");
            job.done().await.expect("it is ours");
        }
    }
    println!("{got} of {ROUNDS} gets were answered before they were dropped");
    client.settled().await;
    let scrape = server.scrape().await;
    assert_eq!(scrape.count("awaitd_queue_unfinished", &[]), 0);
    assert_eq!(scrape.count("awaitd_waiters", &[]), 0);
}

/// Acquires are dropped about when the lock is released: it is free at once, not when a lease ends.
#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_acquire_holds_nothing() {
    let server = Server::start();
    let client = client(&server);
    let lock = client.lock("l");
    for round in 0..ROUNDS {
        let held = lock.acquire().within(LONG).await;
        let held = held.unwrap_or_else(|error| panic!("round {round}: {error}"));
        let mut acquire = Box::pin(lock.acquire().lease(Duration::from_hours(1)).into_future());
        let (_, released) = tokio::join!(
            timeout(Duration::from_micros(fastrand::u64(..6_000)), &mut acquire),
            held.release(),
        );
        released.expect("it was held");
        // With it goes the guard, if there is one.
        drop(acquire);
    }
    client.settled().await;
    let state = lock.state().await.expect("it is known");
    assert!(!state.locked && state.waiters == 0, "{state:?}");
}

/// A put that is dropped while it waits for room is never put.
#[tokio::test]
async fn a_dropped_put_is_taken_back() {
    let server = Server::start();
    let client = client(&server);
    let queue = client.queue("q");
    let config = QueueConfig { maxsize: Some(1), ..QueueConfig::default() };
    queue.configure(&config).await.expect("a good configuration");
    queue.put("first").await.expect("there is room");
    let put = tokio::spawn(queue.put("second").into_future());
    server.until_waiting("queue", "q", "put", 1).await;
    put.abort();
    put.await.expect_err("it was aborted");
    client.settled().await;
    server.until_waiting("queue", "q", "put", 0).await;
    queue.take().await.expect("the first");
    assert!(queue.try_get().await.expect_err("it was taken back").is_not_yet());
}

/// Whoever waits for an event and is dropped is not counted among those who wait.
#[tokio::test]
async fn a_dropped_wait_is_over() {
    let server = Server::start();
    let event = client(&server).event("e");
    let wait = tokio::spawn(event.wait().into_future());
    server.until_waiting("event", "e", "wait", 1).await;
    wait.abort();
    server.until_waiting("event", "e", "wait", 0).await;
}

/// `timeout` around a call is as good as `within`.
#[tokio::test]
async fn a_timeout_is_a_cancellation() {
    let server = Server::start();
    let client = client(&server);
    let queue = client.queue("q");
    timeout(Duration::from_millis(50), queue.get().into_future()).await.expect_err("nothing comes");
    queue.put("x").await.expect("there is room");
    let mut state = queue.state().await.expect("it is known");
    until("the job is ready, and nobody waits", async || {
        state = queue.state().await.expect("it is known");
        state.ready == 1 && state.waiters.get == 0
    })
    .await;
}
