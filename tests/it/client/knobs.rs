//! What is said of a queue and of a job is so, and is told to whoever gets the job.

use std::time::Duration;

use awaitd_client::{Backoff, Code, NewJob, Order, QueueConfig, Rate, WhenFull};
use awaitd_tests::Server;

use super::client;

/// A queue is shown as it was configured.
#[tokio::test]
async fn a_queue_is_as_it_was_configured() {
    let server = Server::start();
    let queue = client(&server).queue("q");
    let config = QueueConfig {
        maxsize: Some(7),
        order: Some(Order::Priority),
        lease: Some(Duration::from_millis(2_500)),
        max_attempts: Some(3),
        backoff: Some(Backoff {
            min: Some(Duration::ZERO),
            max: Some(Duration::from_hours(1)),
            factor: Some(1.5),
            jitter: Some(0.25),
        }),
        dead_letter: Some("dead".into()),
        ttl: Some(Duration::from_hours(2)),
        full: Some(WhenFull::DropOldest),
        max_bytes: Some(1_000),
        max_leased: Some(50),
        max_dead: Some(60),
        rate: Some(Rate { per_second: 0.5, burst: Some(10) }),
        concurrency: Some(40),
        key_concurrency: Some(2),
        fair: Some(true),
        retain: Some(Duration::from_mins(10)),
    };
    queue.configure(&config).await.expect("a good configuration");
    assert_eq!(queue.state().await.expect("it is there").config, config);
    let itself = QueueConfig { dead_letter: Some("q".into()), ..QueueConfig::default() };
    let refused =
        queue.configure(&itself).await.expect_err("no queue is its own dead letter queue");
    assert_eq!(refused.code(), Some(Code::Conflict));
    // What is left out has its default.
    queue.configure(&QueueConfig::default()).await.expect("a good configuration");
    let plain = queue.state().await.expect("it is there").config;
    assert_eq!((plain.maxsize, plain.max_attempts, plain.ttl), (Some(1_000), Some(25), None));
}

/// As long as a job is not done, its unique value stands for it.
#[tokio::test]
async fn a_unique_job_is_put_once() {
    let server = Server::start();
    let queue = client(&server).queue("q");
    let first = queue.put("first").unique("u").await.expect("there is room");
    let second = queue.put("second").unique("u").await.expect("it is there");
    assert_eq!((first.existed, second.existed, second.id), (false, true, first.id));
    queue.try_get().await.expect("it is there").done().await.expect("it is ours");
    let third = queue.put("third").unique("u").await.expect("there is room");
    assert!(!third.existed && third.id > first.id, "{third:?}");
}

/// Jobs of one key come one after the other, others pass, and all is told that was put with them.
#[tokio::test]
async fn a_job_tells_what_was_put_with_it() {
    let server = Server::start();
    let queue = client(&server).queue("q");
    let past = "2026-01-01T00:00:00+01:00";
    let put = queue.put("a1").key("ä b").header("Job-Tenant", "7 %").at(past);
    put.content_type("text/css").await.expect("there is room");
    queue.put("a2").key("ä b").await.expect("there is room");
    queue.put("c1").lease(Duration::from_hours(1)).await.expect("there is room");
    queue.put("later").delay(Duration::from_hours(1)).await.expect("there is room");
    let first = queue.try_get().await.expect("it is there");
    let facts = first.facts();
    assert_eq!((facts.key.as_deref(), &*facts.queue), (Some("ä b"), "q"));
    assert_eq!(facts.headers.get("job-tenant").map(String::as_str), Some("7 %"));
    let other = queue.try_get().await.expect("it passes");
    assert_eq!((other.text(), other.facts().key.as_ref()), (Ok("c1"), None));
    assert!(other.lease().left() > Duration::from_mins(59), "its own lease");
    assert_eq!(queue.try_get().await.expect_err("a1 holds its key").code(), Some(Code::Empty));
    first.done().await.expect("it is ours");
    assert_eq!(queue.try_get().await.expect("it is its turn").text(), Ok("a2"));
}

/// Whoever gets a job from a dead letter queue reads how it died.
#[tokio::test]
async fn a_dead_job_tells_how_it_died() {
    let server = Server::start();
    let client = client(&server);
    let queue = client.queue("q");
    let config = QueueConfig { dead_letter: Some("dead".into()), ..QueueConfig::default() };
    queue.configure(&config).await.expect("a good configuration");
    queue.put("x").max_attempts(1).await.expect("there is room");
    let job = queue.try_get().await.expect("it is there");
    job.nack().error("too hot:\n100 %, \u{e4}").await.expect("it is ours");
    // One alone is told in headers, one of many in JSON.
    let dead = client.queue("dead");
    let one = dead.try_get().await.expect("it came there");
    let died = one.facts().died.clone().expect("it died");
    assert_eq!((&*died.queue, &*died.reason, died.attempts), ("q", "max_attempts", 1));
    assert!(
        died.error.is_some_and(|error| error.starts_with("too hot:")),
        "the first line at least"
    );
    one.nack().delay(Duration::ZERO).defer().await.expect("it is ours");
    let many = dead.get_many(9).await.expect("it is back");
    let died = many[0].facts().died.clone().expect("it died");
    assert_eq!(died.error.as_deref(), Some("too hot:\n100 %, \u{e4}"));
}

/// What is not worth another attempt dies at once.
#[tokio::test]
async fn a_job_can_be_given_up() {
    let server = Server::start();
    let client = client(&server);
    let queue = client.queue("q");
    let config = QueueConfig { dead_letter: Some("dead".into()), ..QueueConfig::default() };
    queue.configure(&config).await.expect("a good configuration");
    queue.put("x").await.expect("there is room");
    let job = queue.try_get().await.expect("it is there");
    job.nack().dead().error("no such user").await.expect("it is ours");
    let dead = client.queue("dead").try_get().await.expect("it came there");
    let died = dead.facts().died.clone().expect("it died");
    assert_eq!((&*died.reason, died.error.as_deref()), ("nack", Some("no such user")));
}

/// What cannot be put says so, before or after it was sent.
#[tokio::test]
async fn what_cannot_be_put_is_refused() {
    let server = Server::start();
    let queue = client(&server).queue("q");
    let config = QueueConfig { max_bytes: Some(3), ..QueueConfig::default() };
    queue.configure(&config).await.expect("a good configuration");
    let large = queue.put("four").await.expect_err("it never fits");
    assert_eq!((large.code(), large.is_not_yet()), (Some(Code::TooLarge), false));
    queue.put("abc").await.expect("it fits");
    let full = queue.try_put("d").await.expect_err("no bytes are left");
    assert!(full.is_not_yet(), "{full}");
    let both = NewJob::new("").delay(Duration::from_secs(1)).at("2026-01-01T00:00:00Z");
    let both = queue.put(both).await.expect_err("one of them is wrong");
    assert_eq!(both.code(), Some(Code::InvalidParameter));
    let header = queue.put("").header("Job Tenant", "7").await.expect_err("that is no name");
    assert_eq!(header.code(), None);
}
