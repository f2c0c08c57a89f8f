//! What is put is got, what is set is heard, what is locked is held by one.

use std::time::Duration;

use awaitd_client::{Client, Code, Error, Order, QueueConfig};
use awaitd_tests::Server;

use super::{LONG, client};

/// A get that waits has the job that is put then, byte for byte, and `done` is the end of it.
#[tokio::test]
async fn a_get_waits_for_a_put() {
    let server = Server::start();
    let emails = client(&server).queue("emails");
    let get = tokio::spawn(emails.get().within(LONG).into_future());
    server.until_waiting("queue", "emails", "get", 1).await;
    let put = emails.put(&b"\x00\xff"[..]).content_type("image/x").await.expect("there is room");
    let job = get.await.expect("no panic").expect("a job came");
    assert_eq!((&job.body()[..], job.attempt()), (&b"\x00\xff"[..], 1));
    assert_eq!((job.facts().id, &*job.facts().content_type), (put.id, "image/x"));
    assert_eq!(emails.state().await.expect("it is there").leased, 1);
    job.done().await.expect("it is ours");
    emails.join().await.expect("all is done");
}

/// A put waits while the queue is full, and goes in when there is room.
#[tokio::test]
async fn a_put_waits_for_room() {
    let server = Server::start();
    let queue = client(&server).queue("q");
    let config = QueueConfig { maxsize: Some(1), ..QueueConfig::default() };
    queue.configure(&config).await.expect("a good configuration");
    queue.try_put("first").await.expect("there is room");
    let full = queue.try_put("second").await.expect_err("it is full");
    assert_eq!((full.code(), full.is_not_yet()), (Some(Code::QueueFull), true));
    let put = tokio::spawn(queue.put("second").within(LONG).into_future());
    server.until_waiting("queue", "q", "put", 1).await;
    let first = queue.take().await.expect("there is one");
    assert_eq!(first.text(), Ok("first"));
    put.await.expect("no panic").expect("there was room");
    assert_eq!(queue.try_get().unkeyed().await.expect("it is there").text(), Ok("second"));
}

/// Without a wait, and after one, what does not come is an error with the contract's code.
#[tokio::test]
async fn what_does_not_come_has_a_code() {
    let server = Server::start();
    let client = client(&server);
    let moment = Duration::from_millis(20);
    let code = |error: Error| error.code().expect("the server refused");
    let queue = client.queue("q");
    assert_eq!(code(queue.try_get().await.expect_err("empty")), Code::Empty);
    assert_eq!(code(queue.get().within(moment).await.expect_err("empty")), Code::Empty);
    assert_eq!(code(queue.take().within(moment).await.expect_err("empty")), Code::Empty);
    queue.put("x").await.expect("there is room");
    let undrained = queue.join().within(moment).await.expect_err("one is not done");
    assert_eq!(undrained.problem().expect("a refusal").unfinished, Some(1));
    assert_eq!(code(undrained), Code::NotDrained);
    let unset = client.event("e").wait().within(moment).await.expect_err("not set");
    assert_eq!(code(unset), Code::NotSet);
    let _held = client.lock("l").acquire().owner("me & you").await.expect("free");
    for acquire in [client.lock("l").try_acquire(), client.lock("l").acquire().within(moment)] {
        let locked = acquire.await.expect_err("held");
        let problem = locked.problem().expect("a refusal");
        assert_eq!((problem.code, problem.owner.as_deref()), (Code::Locked, Some("me & you")));
        assert!(problem.expires_in.is_some_and(|left| left > Duration::from_secs(9)));
    }
    let exists = queue.create(&QueueConfig::default()).await.map_err(code);
    assert_eq!(exists, Err(Code::Exists));
    assert_eq!(code(client.queue("a/b").state().await.expect_err("no name")), Code::InvalidName);
    assert_eq!(code(client.queue("r").state().await.expect_err("unknown")), Code::NotFound);
}

/// Ten who wait are told of a set that is cleared at once, with its value; `after` misses none.
#[tokio::test]
async fn a_set_is_heard_by_all() {
    let server = Server::start();
    let doors = client(&server).event("doors");
    let waits = [(); 10].map(|()| tokio::spawn(doors.wait().within(LONG).into_future()));
    server.until_waiting("event", "doors", "wait", 10).await;
    let generation = doors.set().value("come in").await.expect("set");
    doors.clear().await.expect("cleared");
    for wait in waits {
        let told = wait.await.expect("no panic").expect("it was set");
        assert_eq!((told.text(), told.generation), (Ok("come in"), generation));
    }
    assert!(!doors.is_set().await.expect("an answer"));
    let late = doors.wait().after(generation - 1).await.expect("it was set after that");
    assert_eq!(late.generation, generation);
    doors.set_once().value("first").await.expect("it is not set");
    let second = doors.set_once().value("second").await.expect_err("it is set");
    assert_eq!(second.code(), Some(Code::AlreadySet));
    assert_eq!(doors.look().await.expect("an answer").expect("set").text(), Ok("first"));
}

/// Of many who add to a number under a lock, none overwrites what another did.
#[tokio::test(flavor = "multi_thread")]
async fn a_lock_is_held_by_one() {
    let server = Server::start();
    let number = std::sync::Arc::new(std::sync::Mutex::new(0));
    let add_one = async |client: Client, number: std::sync::Arc<std::sync::Mutex<u32>>| {
        let guard = client.lock("number").acquire().await.expect("its turn comes");
        let before = *number.lock().expect("no panic");
        tokio::time::sleep(Duration::from_millis(fastrand::u64(..5))).await;
        *number.lock().expect("no panic") = before + 1;
        let fence = guard.fence();
        guard.release().await.expect("it was held all the time");
        fence
    };
    let client = client(&server);
    let adding: Vec<_> =
        (0..20).map(|_| add_one(client.clone(), std::sync::Arc::clone(&number))).collect();
    let mut tasks = tokio::task::JoinSet::new();
    for adding in adding {
        tasks.spawn(adding);
    }
    let fences: std::collections::BTreeSet<_> = tasks.join_all().await.into_iter().collect();
    assert_eq!((*number.lock().expect("no panic"), fences.len()), (20, 20));
    assert!(!client.lock("number").state().await.expect("it is known").locked);
}

/// What a queue is, and how many there are, is told as it is.
#[tokio::test]
async fn states_are_told() {
    let server = Server::start();
    let client = client(&server);
    let lease = Some(Duration::from_millis(2_500));
    let order = Some(Order::Fifo);
    let config = QueueConfig { maxsize: Some(7), order, lease, ..QueueConfig::default() };
    for name in ["a:1", "a:2", "b"] {
        client.queue(name).create(&config).await.expect("it is new");
    }
    let listed = client.queues("a:").await.expect("an answer");
    let names: Vec<_> = listed.iter().map(|queue| queue.name.as_str()).collect();
    assert_eq!(names, ["a:1", "a:2"]);
    let QueueConfig { maxsize, order, lease, .. } = listed[0].config.clone();
    assert_eq!((maxsize, order, lease), (config.maxsize, config.order, config.lease));
    assert_eq!(client.queues("").await.expect("an answer").len(), 3);
    client.queue("b").shutdown_now().await.expect("it is there");
    let down = client.queue("b").put("x").await.expect_err("it takes no more");
    assert_eq!(down.code(), Some(Code::QueueShutDown));
    client.queue("b").delete().await.expect("it is there");
    client.ready().await.expect("the server is");
}

/// An address that cannot be asked is refused before anything is sent.
#[test]
fn an_address_that_is_none_is_refused() {
    for url in ["", "nowhere", "127.0.0.1:29248", "https://", "unix:relative", "ftp://localhost"] {
        let error = Client::new(url).expect_err("none");
        assert!(error.to_string().contains("http://127.0.0.1:29248"), "{url}: {error}");
    }
}
