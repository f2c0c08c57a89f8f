//! Many jobs at one time, and several queues.

use std::time::Duration;

use awaitd_client::{Code, NewJob, QueueConfig};
use awaitd_tests::{Server, until};

use super::{LONG, client};

/// Each job of a batch is taken or refused by itself, in order.
#[tokio::test]
async fn a_batch_is_told_job_by_job() {
    let server = Server::start();
    let queue = client(&server).queue("q");
    queue
        .configure(&QueueConfig { maxsize: Some(3), ..QueueConfig::default() })
        .await
        .expect("good");
    let jobs = [
        NewJob::new("one").key("k").header("Job-Tenant", "7"),
        NewJob::new(&b"\xff"[..]).unique("u"),
        NewJob::new("same").unique("u"),
        NewJob::new("").delay(Duration::from_secs(1)).at("2026-01-01T00:00:00Z"),
        NewJob::new("later").delay(Duration::from_hours(1)),
        NewJob::new("too many"),
    ];
    let told = queue.put_many(jobs).await.expect("an answer");
    let said: Vec<_> = told.iter().map(|put| put.as_ref().map(|put| put.existed)).collect();
    assert!(
        matches!(said[..], [Ok(false), Ok(false), Ok(true), Err(_), Ok(false), Err(_)]),
        "{told:?}"
    );
    let codes = [3, 5].map(|place| told[place].as_ref().err().and_then(awaitd_client::Error::code));
    assert_eq!(codes, [Some(Code::InvalidParameter), Some(Code::QueueFull)]);
    let got = queue.take_many(9).within(Duration::ZERO).await.expect("two are ready");
    let bodies: Vec<_> = got.iter().map(|job| &job.body[..]).collect();
    assert_eq!(bodies, [&b"one"[..], b"\xff"]);
    assert_eq!((got[0].key.as_deref(), got[0].headers.len()), (Some("k"), 1));
}

/// More jobs than anybody holds in one piece go one way while their answers come the other.
#[tokio::test]
async fn a_batch_is_a_stream() {
    let server = Server::start();
    let queue = client(&server).queue("q");
    queue
        .configure(&QueueConfig { maxsize: Some(0), ..QueueConfig::default() })
        .await
        .expect("good");
    let (jobs, mut answers) = queue.batch();
    let first = async {
        jobs.send(NewJob::new("first")).await.expect("it is read");
        // It is answered while the request goes on.
        answers.next().await.expect("an answer").expect("one at least").expect("there is room").id
    };
    let first = first.await;
    let sending = tokio::spawn(async move {
        for number in 0..5_000 {
            jobs.send(NewJob::new(number.to_string())).await.expect("it is read");
        }
    });
    let mut last = first;
    while let Some(answer) = answers.next().await.expect("it goes on") {
        let id = answer.expect("there is room").id;
        assert!(id > last, "in their order");
        last = id;
    }
    sending.await.expect("no panic");
    assert_eq!(queue.state().await.expect("it is there").ready, 5_001);
}

/// What refuses a batch as a whole says so, and so does a server that is away.
#[tokio::test]
async fn a_batch_that_is_refused_says_so() {
    let server = Server::start();
    let unnamed =
        client(&server).queue("no name").put_many(["x"]).await.expect_err("that is no name");
    assert_eq!(unnamed.code(), Some(Code::InvalidName));
    let queue = client(&server).queue("q");
    drop(server);
    let away = queue.put_many(["x"]).await.expect_err("nobody is there");
    assert_eq!(away.code(), None, "{away}");
}

/// Many are got at once, each with a lease that is renewed, and settled in one call.
#[tokio::test]
async fn many_are_got_and_settled() {
    let server = Server::start();
    let queue = client(&server).queue("q");
    queue.put_many(["a", "b", "c", "d"]).await.expect("an answer");
    let mut jobs = queue.get_many(3).lease(Duration::from_secs(1)).await.expect("they are there");
    assert_eq!(jobs.iter().map(|job| job.text()).collect::<Vec<_>>(), [Ok("a"), Ok("b"), Ok("c")]);
    let first = jobs[0].lease().deadline();
    until("they are renewed", async || {
        jobs.iter().all(|job| job.lease().deadline() > first + Duration::from_secs(2))
    })
    .await;
    let client = client(&server);
    let lost = client.lease(jobs[2].lease().location());
    lost.nack().delay(Duration::from_hours(1)).await.expect("it is held");
    let (c, b, a) = (jobs.pop().unwrap(), jobs.pop().unwrap(), jobs.pop().unwrap());
    let fourth = queue.try_get().lease(Duration::from_secs(1)).await.expect("it is there");
    let renewed = client.lease(fourth.lease().location());
    let settle = queue.settle().done(a).done(c).nack(b.nack().delay(Duration::ZERO).error("again"));
    let settled = settle.renew(renewed, Some(Duration::from_hours(1))).await.expect("an answer");
    assert!(settled.done[0].is_ok() && settled.nack[0].is_ok(), "{settled:?}");
    assert!(settled.done[1].as_ref().is_err_and(awaitd_client::Error::is_lost), "{settled:?}");
    let left = settled.renew[0].as_ref().expect("it is held");
    assert!(*left > Duration::from_mins(59), "{left:?}");
    let again = queue.try_get().await.expect("it is back");
    assert_eq!((again.text(), again.attempt()), (Ok("b"), 2));
}

/// After a wait that was longer than their leases, all are whole.
#[tokio::test]
async fn many_after_a_wait_are_held() {
    let server = Server::start();
    let queue = client(&server).queue("q");
    let get = queue.get_many(10).lease(Duration::from_secs(1)).within(LONG);
    let get = tokio::spawn(get.into_future());
    server.until_waiting("queue", "q", "get", 1).await;
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    queue.put("x").await.expect("there is room");
    let jobs = get.await.expect("no panic").expect("one came");
    assert_eq!(jobs.len(), 1);
    for job in jobs {
        job.done().await.expect("it is held");
    }
}

/// Dropped jobs go back, also those of many.
#[tokio::test]
async fn many_that_are_dropped_go_back() {
    let server = Server::start();
    let client = client(&server);
    let queue = client.queue("q");
    queue.put_many(["a", "b"]).await.expect("an answer");
    let config = QueueConfig::default();
    drop(queue.get_many(2).lease(Duration::from_hours(1)).await.expect("they are there"));
    client.settled().await;
    let state = queue.state().await.expect("it is there");
    assert_eq!((state.ready, state.leased, config.maxsize), (2, 0, None));
}

/// Of several queues the first that has a job gives it, or they take turns.
#[tokio::test]
async fn several_queues_are_asked() {
    let server = Server::start();
    let client = client(&server);
    for queue in ["a", "b"] {
        client.queue(queue).put_many(["1", "2"]).await.expect("an answer");
    }
    let strict = client.any_of(["a", "b"]);
    let first = strict.take_many(9).await.expect("they are there");
    assert_eq!(first.iter().map(|job| &*job.queue).collect::<Vec<_>>(), ["a", "a"]);
    let job = strict.try_get().await.expect("b has some");
    assert_eq!(job.facts().queue, "b");
    job.done().await.expect("it is ours");
    client.queue("a").put_many(["3", "4"]).await.expect("an answer");
    client.queue("b").put("3").await.expect("there is room");
    let fair = client.any_of(["a", "b"]).fair();
    let mut turns = Vec::new();
    for _ in 0..4 {
        turns.push(fair.take().within(Duration::ZERO).await.expect("there are four").queue);
    }
    assert!(turns[0] != turns[1] && turns[1] != turns[2], "{turns:?}");
    let none = strict.try_get().await.expect_err("all are gone");
    assert_eq!(none.code(), Some(Code::Empty));
    let get = tokio::spawn(strict.get().within(LONG).into_future());
    server.until_waiting("queue", "b", "get", 1).await;
    client.queue("b").put("5").await.expect("there is room");
    assert_eq!(get.await.expect("no panic").expect("it came").text(), Ok("5"));
}
