//! Guards renew what they hold, give it back when they go, and tell when it is lost.

use std::time::{Duration, Instant};

use awaitd_client::Code;
use awaitd_tests::{Server, until};

use super::{LONG, client};

const SHORT: Duration = Duration::from_secs(1);

/// A job and a lock are held for longer than their leases, and nobody else has them.
#[tokio::test]
async fn guards_renew() {
    let server = Server::start();
    let client = client(&server);
    client.queue("q").put("x").await.expect("there is room");
    let job = client.queue("q").get().lease(SHORT).await.expect("it is there");
    let lock = client.lock("l").acquire().lease(SHORT).await.expect("it is free");
    let (first, began) = (job.lease().deadline(), Instant::now());
    assert!(first > began && first <= began + SHORT);
    for lease in [job.lease(), lock.lease()] {
        until("it was renewed a few times", async || lease.deadline() > first + 3 * SHORT).await;
        assert!(!lease.is_lost());
    }
    assert!(client.queue("q").try_get().await.expect_err("it is held").is_not_yet());
    job.done().await.expect("it is ours");
    lock.release().await.expect("it is ours");
}

/// Whoever waited for longer than the lease has a whole one.
#[tokio::test]
async fn a_grant_after_a_wait_is_a_whole_lease() {
    let server = Server::start();
    let lock = client(&server).lock("l");
    let held = lock.acquire().await.expect("it is free");
    let next = tokio::spawn(lock.acquire().lease(SHORT).within(LONG).into_future());
    server.until_waiting("lock", "l", "acquire", 1).await;
    tokio::time::sleep(2 * SHORT).await;
    held.release().await.expect("it was held");
    let next = next.await.expect("no panic").expect("its turn came");
    let fence = lock.state().await.expect("it is known").fence;
    assert_eq!(fence, Some(next.fence()));
    until("it is renewed", async || {
        next.lease().deadline() > Instant::now() + SHORT / 2 && !next.lease().is_lost()
    })
    .await;
}

/// Dropped guards give back at once: a job with an attempt counted, a lock to the next in line.
#[tokio::test]
async fn dropped_guards_give_back() {
    let server = Server::start();
    let client = client(&server);
    let hour = Duration::from_hours(1);
    let queue = client.queue("q");
    queue.put("x").await.expect("there is room");
    let job = queue.get().lease(hour).await.expect("it is there");
    drop(job);
    let job = queue.get().within(LONG).await.expect("it came back");
    assert_eq!(job.attempt(), 2);
    let lock = client.lock("l").acquire().lease(hour).await.expect("it is free");
    drop(lock);
    let lock = client.lock("l").acquire().within(LONG).await.expect("it was released");
    drop((job, lock));
    client.settled().await;
    assert_eq!(queue.state().await.expect("it is known").ready, 1);
    assert!(!client.lock("l").state().await.expect("it is known").locked);
}

/// A job that is given back says why, comes when it shall, and counts its attempt unless it shall not.
#[tokio::test]
async fn jobs_are_given_back_as_said() {
    let server = Server::start();
    let queue = client(&server).queue("q");
    queue.put("x").await.expect("there is room");
    let job = queue.try_get().await.expect("it is there");
    job.nack().delay(Duration::ZERO).defer().await.expect("it is ours");
    let job = queue.try_get().await.expect("it is back");
    assert_eq!(job.attempt(), 1);
    job.nack().delay(Duration::from_hours(1)).error("too hot").await.expect("it is ours");
    assert_eq!(queue.state().await.expect("it is known").delayed, 1);
}

/// A lease whose thing was deleted is lost: who holds it is told, and so is who ends it.
#[tokio::test]
async fn a_lost_lease_is_told() {
    let server = Server::start();
    let client = client(&server);
    let lock = client.lock("l").acquire().lease(SHORT).await.expect("it is free");
    client.queue("q").put("x").await.expect("there is room");
    let job = client.queue("q").get().lease(SHORT).await.expect("it is there");
    let (lock_lost, job_lost) = (lock.lost(), job.lost());
    client.lock("l").delete(true).await.expect("it is there");
    client.queue("q").delete().await.expect("it is there");
    tokio::join!(lock_lost, job_lost);
    assert!(lock.lease().is_lost() && job.lease().is_lost());
    assert!(lock.lease().deadline() <= Instant::now());
    let ends = [lock.release().await, job.done().await];
    for end in ends {
        let code = end.expect_err("it was lost").code();
        assert!(matches!(code, Some(Code::LeaseLost | Code::Deleted)), "{code:?}");
    }
}

/// A server that is away ends leases by the holder's own clock, before it could give them to others.
#[tokio::test]
async fn a_lease_that_cannot_be_renewed_is_lost() {
    let server = Server::start();
    let lock = client(&server).lock("l").acquire().lease(SHORT).await.expect("it is free");
    let lost = lock.lost();
    server.signal("STOP");
    lost.await;
    // The server's time is as good as over, whenever it goes on.
    assert!(lock.lease().is_lost());
    server.signal("CONT");
    let release = lock.release().await;
    assert!(release.is_ok() || release.is_err_and(|error| error.is_lost()));
}

/// Who gives back what it holds is not told that it was lost.
#[tokio::test]
async fn what_is_given_back_is_not_lost() {
    let server = Server::start();
    let lock = client(&server).lock("l").acquire().lease(SHORT).await.expect("it is free");
    let lost = lock.lost();
    lock.release().await.expect("it is ours");
    let waited = tokio::time::timeout(2 * SHORT, lost).await;
    waited.expect_err("it was given back");
}

/// What is dropped after its runtime cannot be given back: nothing panics, and its lease runs out.
#[test]
fn a_guard_may_outlive_its_runtime() {
    let server = Server::start();
    let lock = client(&server).lock("l");
    let runtime = || tokio::runtime::Runtime::new().expect("there are threads");
    let first = runtime();
    let guard = first.block_on(lock.acquire().lease(SHORT).into_future()).expect("it is free");
    drop(first);
    drop(guard);
    let next = runtime().block_on(lock.acquire().within(LONG).into_future());
    drop(next.expect("the lease ran out"));
}

/// A lease can be handed on by its path: to another program, for instance.
#[tokio::test]
async fn leases_are_known_by_their_paths() {
    let server = Server::start();
    let client = client(&server);
    let queue = client.queue("q");
    queue.put("x").await.expect("there is room");
    let job = queue.try_get().await.expect("it is there");
    let lease = client.lease(job.lease().location());
    job.leave();
    let left = lease.renew(Some(Duration::from_hours(1))).await.expect("it is held");
    assert!(left > Duration::from_mins(59), "{left:?}");
    lease.done().await.expect("it is held");
    lease.done().await.expect("again is no error");
    assert!(lease.nack().await.expect_err("it is done").is_lost());
    let none = client.lease("/v1/queues/q").done().await.expect_err("that would delete the queue");
    assert!(none.to_string().contains("is no lease"), "{none}");
    queue.state().await.expect("it is still there");
}
