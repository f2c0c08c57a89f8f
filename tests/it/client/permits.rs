//! Semaphores, shared locks, barriers, conditions, and queues in the order of priorities.

use std::time::Duration;

use awaitd_client::{Code, Mode, Order, QueueConfig};
use awaitd_tests::Server;
use tokio::task::JoinSet;

use super::{LONG, client};

/// There are never more permits out than there are, and who asks for many is not starved by who asks for one.
#[tokio::test]
async fn permits_are_handed_on() {
    let server = Server::start();
    let semaphore = client(&server).semaphore("s");
    let unknown = semaphore.try_acquire().await.expect_err("it was never configured");
    assert_eq!(unknown.code(), Some(Code::NotFound));
    semaphore.configure(3).await.expect("configured");
    assert_eq!(semaphore.create(4).await.expect_err("it exists").code(), Some(Code::Exists));
    let one = semaphore.acquire().owner("ann").await.expect("one of three");
    let many = tokio::spawn(semaphore.acquire().permits(3).within(LONG).into_future());
    server.until_waiting("semaphore", "s", "acquire", 1).await;
    let overtaking = semaphore.try_acquire().await.expect_err("somebody is before us");
    assert_eq!(overtaking.code(), Some(Code::Locked));
    let state = semaphore.state().await.expect("it is known");
    assert_eq!((state.permits, state.available, state.waiters), (3, 2, 1));
    assert_eq!(
        (state.holders[0].owner.as_deref(), state.holders[0].permits),
        (Some("ann"), Some(1))
    );
    one.release().await.expect("it was held");
    let many = many.await.expect("no panic").expect("all three");
    assert!(semaphore.try_acquire().await.expect_err("none is left").is_not_yet());
    drop(many);
    let _one = semaphore.acquire().within(LONG).await.expect("they went back");
    let over = semaphore.acquire().permits(4).await.expect_err("there are three");
    assert_eq!(over.code(), Some(Code::OverBound));
    assert_eq!(semaphore.release(1).await.expect_err("bounded").code(), Some(Code::OverBound));
    assert_eq!(semaphore.delete(false).await.expect_err("held").code(), Some(Code::Held));
    semaphore.delete(true).await.expect("by force");
}

/// One that is not bounded grows by a release.
#[tokio::test]
async fn an_unbounded_semaphore_grows() {
    let server = Server::start();
    let client = client(&server);
    let semaphore = client.semaphore("s");
    semaphore.configure_unbounded(0).await.expect("configured");
    let waits = tokio::spawn(semaphore.acquire().within(LONG).into_future());
    server.until_waiting("semaphore", "s", "acquire", 1).await;
    semaphore.release(1).await.expect("it is not bounded");
    waits.await.expect("no panic").expect("a permit").release().await.expect("it was held");
    let listed = client.semaphores("").await.expect("an answer");
    assert_eq!((listed.len(), listed[0].bounded, listed[0].available), (1, false, 1));
}

/// An acquire that is dropped leaves its permits to others.
#[tokio::test(flavor = "multi_thread")]
async fn dropped_acquires_leave_all_permits() {
    let server = Server::start();
    let client = client(&server);
    let semaphore = client.semaphore("s");
    semaphore.configure(2).await.expect("configured");
    for _ in 0..100 {
        let held = semaphore.acquire().permits(2).within(LONG).await.expect("all are there");
        let acquire = semaphore.acquire().lease(Duration::from_hours(1)).into_future();
        let moment = Duration::from_micros(fastrand::u64(..6_000));
        let (dropped, released) =
            tokio::join!(tokio::time::timeout(moment, acquire), held.release());
        released.expect("it was held");
        drop(dropped);
    }
    client.settled().await;
    assert_eq!(semaphore.state().await.expect("it is known").available, 2);
}

/// Many share a lock, and who wants it alone comes after them and before those who come later.
#[tokio::test]
async fn a_lock_is_shared() {
    let server = Server::start();
    let client = client(&server);
    let lock = client.lock("l");
    let readers = [lock.acquire().shared().await, lock.acquire().shared().await];
    let state = lock.state().await.expect("it is known");
    assert_eq!((state.mode, state.holders.len()), (Some(Mode::Shared), 2));
    let writer = tokio::spawn(lock.acquire().owner("writer").within(LONG).into_future());
    server.until_waiting("lock", "l", "acquire", 1).await;
    assert!(lock.try_acquire().shared().await.expect_err("a writer waits").is_not_yet());
    for reader in readers {
        reader.expect("shared").release().await.expect("it was held");
    }
    let writer = writer.await.expect("no panic").expect("its turn came");
    assert_eq!(lock.state().await.expect("it is known").mode, Some(Mode::Exclusive));
    let lost = writer.lost();
    let writer_lease = writer.lease().location().to_owned();
    let taken = lock.take_away().await.expect("it is known");
    assert_eq!(taken[0].owner.as_deref(), Some("writer"));
    let renewed = client.lease(writer_lease).renew(None).await.expect_err("it was taken away");
    assert!(renewed.is_lost());
    let release = writer.release().await.expect_err("it was taken away");
    assert!(release.is_lost());
    drop(lost);
    assert_eq!(client.locks("").await.expect("an answer").len(), 1);
}

/// All parties go on together, each with an index of its own; one that is dropped has left.
#[tokio::test]
async fn parties_meet() {
    let server = Server::start();
    let client = client(&server);
    let barrier = client.barrier("b");
    barrier.configure(3).await.expect("configured");
    let left = tokio::spawn(barrier.wait().into_future());
    server.until_waiting("barrier", "b", "wait", 1).await;
    left.abort();
    left.await.expect_err("it was aborted");
    client.settled().await;
    let over = barrier.wait().within(Duration::from_millis(20)).await.expect_err("nobody came");
    assert_eq!(over.code(), Some(Code::NotTripped));
    let mut parties = JoinSet::new();
    for _ in 0..3 {
        parties.spawn(barrier.wait().within(LONG).into_future());
    }
    let met: Vec<_> = parties.join_all().await.into_iter().map(|met| met.expect("all")).collect();
    let mut indexes: Vec<_> = met.iter().map(|met| met.index).collect();
    indexes.sort_unstable();
    assert_eq!(indexes, [0, 1, 2]);
    assert!(met.iter().all(|one| one.generation == met[0].generation), "{met:?}");
    let waits = tokio::spawn(barrier.wait().into_future());
    server.until_waiting("barrier", "b", "wait", 1).await;
    assert!(barrier.abort().await.expect("it is known").broken);
    assert_eq!(waits.await.expect("no panic").expect_err("broken").code(), Some(Code::Broken));
    assert!(!barrier.reset().await.expect("it is known").broken);
    assert_eq!(client.barriers("").await.expect("an answer")[0].parties, 3);
    barrier.delete().await.expect("it is there");
}

/// Who waits for a condition has given up the lock, and has it again when it is notified.
#[tokio::test]
async fn a_condition_is_waited_for_under_its_lock() {
    let server = Server::start();
    let client = client(&server);
    let lock = client.lock("l");
    let condition = lock.condition("filled");
    let guard = lock.acquire().await.expect("it is free");
    let fence = guard.fence();
    let waits = tokio::spawn(condition.wait(guard).within(LONG).into_future());
    server.until_waiting("lock", "l", "wait", 1).await;
    let guard = lock.acquire().within(LONG).await.expect("it was given up");
    assert_eq!(condition.state().await.expect("it is known").waiters, 1);
    assert_eq!(condition.notify(&guard, 1).await.expect("we hold it"), 1);
    guard.release().await.expect("we hold it");
    let woken = waits.await.expect("no panic").expect("it was notified");
    assert!(woken.notified && woken.guard.fence() > fence);
    let moment = Duration::from_millis(20);
    let woken = condition.wait(woken.guard).within(moment).await.expect("the lock again");
    assert!(!woken.notified, "nobody did");
    assert_eq!(condition.notify_all(&woken.guard).await.expect("we hold it"), 0);
    woken.guard.release().await.expect("we hold it");
    let reader = lock.acquire().shared().await.expect("it is free");
    let shared = condition.wait(reader).await.expect_err("it is shared");
    assert_eq!(shared.code(), Some(Code::NotExclusive));
}

/// A wait for a condition that is dropped gives the lock up for good.
#[tokio::test(flavor = "multi_thread")]
async fn a_dropped_wait_for_a_condition_holds_nothing() {
    let server = Server::start();
    let client = client(&server);
    let lock = client.lock("l");
    let condition = lock.condition("c");
    let hour = Duration::from_hours(1);
    for round in 0..100 {
        let guard = lock.acquire().lease(hour).within(LONG).await;
        let guard = guard.unwrap_or_else(|error| panic!("round {round}: {error}"));
        let wait = condition.wait(guard).lease(hour).into_future();
        let notify = async {
            let guard = lock.acquire().lease(hour).within(LONG).await.expect("it was given up");
            condition.notify_all(&guard).await.expect("we hold it");
            guard.release().await.expect("we hold it");
        };
        let moment = Duration::from_micros(fastrand::u64(..12_000));
        let (dropped, ()) = tokio::join!(tokio::time::timeout(moment, wait), notify);
        drop(dropped);
    }
    client.settled().await;
    let state = lock.state().await.expect("it is known");
    assert!(!state.locked && state.waiters == 0, "{state:?}");
    assert_eq!(condition.state().await.map_or(0, |state| state.waiters), 0);
}

/// Jobs are handed out in the order that the queue has.
#[tokio::test]
async fn queues_have_orders() {
    let server = Server::start();
    let client = client(&server);
    let table = [(Order::Fifo, ["a", "b", "c"]), (Order::Lifo, ["c", "b", "a"])];
    for (order, expected) in table {
        let queue = client.queue(format!("{order:?}"));
        let config = QueueConfig { order: Some(order), ..QueueConfig::default() };
        queue.create(&config).await.expect("it is new");
        for body in ["a", "b", "c"] {
            queue.put(body).await.expect("there is room");
        }
        for body in expected {
            assert_eq!(queue.take().await.expect("it is there").text(), Ok(body), "{order:?}");
        }
    }
    let queue = client.queue("q");
    let config = QueueConfig { order: Some(Order::Priority), ..QueueConfig::default() };
    queue.create(&config).await.expect("it is new");
    for priority in [3, -1, i64::MAX, i64::MIN, 0] {
        queue.put(priority.to_string()).priority(priority).await.expect("there is room");
    }
    for priority in [i64::MIN, -1, 0, 3, i64::MAX] {
        let job = queue.take().await.expect("it is there");
        assert_eq!(job.text(), Ok(&*priority.to_string()));
    }
    for key in ["b", "ab", "a"] {
        queue.put(key).priority_key(key).await.expect("there is room");
    }
    for key in ["a", "ab", "b"] {
        assert_eq!(queue.take().await.expect("it is there").text(), Ok(key));
    }
    let fifo = client.queue("Fifo").put("x").priority(1).await.expect_err("it has another order");
    assert_eq!(fifo.code(), Some(Code::Conflict));
}
