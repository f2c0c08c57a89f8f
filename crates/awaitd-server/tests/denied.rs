//! What is told to who waits with a token that is good no more. Time stands still unless it is moved.

mod slow;

use std::path::PathBuf;
use std::process::id;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use std::{env, fs};

use awaitd_journal::Journal;
use awaitd_primitives::{Ask, Command, Payload};
use awaitd_server::access::{Access, Book, Entry, Secret, Stamp};
use awaitd_server::{Clock, Config, Server};
use axum::Router;
use axum::body::Body;
use axum::http::Request;
use axum::http::header::AUTHORIZATION;
use tokio::sync::Semaphore;
use tokio::task::{JoinHandle, yield_now};
use tower::ServiceExt;

use slow::Slow;

/// A server that one token opens, for ten seconds.
struct Guarded {
    path: PathBuf,
    secret: Secret,
    clock: Clock,
    server: Server,
    router: Router,
}

impl Drop for Guarded {
    fn drop(&mut self) {
        _ = fs::remove_file(&self.path);
    }
}

impl Guarded {
    fn new(name: &str, journal: impl Journal) -> Self {
        let (secret, clock) = (Secret::new(), Clock::manual());
        let path = env::temp_dir().join(format!("awaitd-denied-{name}-{}", id()));
        let ends = Stamp::of(clock.wall(clock.now()) + Duration::from_secs(10));
        let all = vec!["*:*:*".parse().unwrap()];
        let entry = Entry::of_token("all", &secret, all, SystemTime::UNIX_EPOCH, Some(ends));
        write(&path, vec![entry]);
        let access = Arc::new(Access::at(&path).unwrap());
        let config = Config { access, ..Config::default() };
        let server = Server::with_journal(config, clock.clone(), journal);
        let router = awaitd_server::http::router(server.app().clone());
        Self { path, secret, clock, server, router }
    }

    /// Asks, and goes on once that has been heard; the status comes later.
    async fn ask(&self, method: &str, path: &str) -> JoinHandle<u16> {
        let shown = format!("Bearer {}", self.secret.reveal());
        let head = Request::builder().method(method).uri(path).header("host", "localhost");
        let request = head.header(AUTHORIZATION, shown).body(Body::empty()).unwrap();
        let answer = self.router.clone().oneshot(request);
        let told = tokio::spawn(async { answer.await.unwrap().status().as_u16() });
        settled().await;
        told
    }

    async fn revoke(&self) {
        write(&self.path, Vec::new());
        self.server.app().config.access.reload().unwrap();
        settled().await;
    }
}

fn write(path: &std::path::Path, entries: Vec<Entry>) {
    let edited = Book::edit(path, |book| {
        book.entries = entries;
        Ok(())
    });
    edited.unwrap();
}

/// As far as all get: each yield lets everything else on this runtime run.
async fn settled() {
    for _ in 0..100 {
        yield_now().await;
    }
}

/// Whose token goes while what he did becomes durable is told that it was done, but is handed nothing.
#[tokio::test]
async fn what_was_done_is_not_refused() {
    let allowed = Arc::new(Semaphore::new(0));
    let guarded = Guarded::new("done", Slow(Arc::clone(&allowed)));
    let put = guarded.ask("POST", "/v1/queues/q/jobs?wait=30s").await;
    let get = guarded.ask("POST", "/v1/queues/q/get?wait=30s").await;
    let waits = guarded.ask("POST", "/v1/queues/other/get?wait=30s").await;
    guarded.revoke().await;
    assert_eq!(waits.await.unwrap(), 401);
    allowed.add_permits(9);
    assert_eq!(put.await.unwrap(), 201);
    assert_eq!(get.await.unwrap(), 401);
    let census = guarded.server.app().desk.census().await;
    let ready: u64 = census.queues.iter().map(|(queue, _)| queue.ready).sum();
    assert_eq!((census.waits, census.undelivered, ready), (0, 0, 1), "{census:?}");
}

/// What there is to see is not shown to whose token ended while he waited for it.
#[tokio::test]
async fn nothing_is_shown_to_whose_time_is_over() {
    let allowed = Arc::new(Semaphore::new(1));
    let guarded = Guarded::new("shown", Slow(Arc::clone(&allowed)));
    assert_eq!(guarded.ask("POST", "/v1/queues/q/jobs").await.await.unwrap(), 201);
    let waits = [
        guarded.ask("GET", "/v1/events/e?wait=30s").await,
        guarded.ask("GET", "/v1/queues/q/jobs/1/result?wait=30s").await,
        guarded.ask("GET", "/v1/queues/q/join?wait=30s").await,
    ];
    let desk = &guarded.server.app().desk;
    assert_eq!(desk.census().await.waits, 3);
    let (event, queue) = ("e".parse().unwrap(), "q".parse().unwrap());
    let value = Payload { body: b"value"[..].into(), content_type: None };
    let set = Command::SetEvent { event, value, only_unset: false };
    let purge = Command::Purge { queue, state: None };
    let done = [set, purge].map(|command| desk.ask(Ask { command, key: None }, Duration::ZERO));
    settled().await;
    // While that is written.
    guarded.clock.advance(Duration::from_secs(10));
    allowed.add_permits(9);
    for done in done {
        done.await.told.unwrap();
    }
    for waits in waits {
        assert_eq!(waits.await.unwrap(), 401);
    }
}
