//! An open loop of visits: each comes when it is due, whether or not those before have been served. Most put a job
//! and do one; some jobs are delayed, given back or left, and events and locks are used in between.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::client::{Connection, post};
use super::load::{self, BODY};

/// The queue that is visited; that of [`load`] is left as it was.
pub(super) const QUEUE: &str = "soak";

/// A number that connections count up.
#[derive(Default)]
pub(super) struct Count(AtomicU64);

impl Count {
    pub(super) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get().fmt(f)
    }
}

/// What was told to visitors.
#[derive(Default)]
pub(super) struct Counts {
    /// Jobs of which the server said that it has them.
    pub(super) put: Count,
    /// Jobs of which it said that they are done.
    pub(super) done: Count,
    /// Leases that nobody ended.
    pub(super) left: Count,
    requests: Count,
    over: AtomicBool,
    /// Milliseconds of the visits since they were last taken, each from when it was due.
    waits: Mutex<Vec<f64>>,
}

/// The visitors.
pub(super) struct Visits {
    counts: Arc<Counts>,
    tasks: JoinSet<io::Result<()>>,
    seen: AtomicU64,
}

impl Visits {
    /// So many visits a second, dealt out to the connections.
    pub(super) fn start(connections: Vec<Connection>, rate: f64) -> Self {
        let counts = Arc::<Counts>::default();
        let mut tasks = JoinSet::new();
        let lanes = connections.len() as f64;
        for (lane, connection) in connections.into_iter().enumerate() {
            let first = Instant::now() + Duration::from_secs_f64(lane as f64 / rate);
            let each = Duration::from_secs_f64(lanes / rate);
            tasks.spawn(visit_on(connection, Arc::clone(&counts), lane, first, each));
        }
        Self { counts, tasks, seen: AtomicU64::new(0) }
    }

    /// An error as soon as a visitor has met one.
    pub(super) fn expect_running(&mut self) -> io::Result<()> {
        match self.tasks.try_join_next() {
            None => Ok(()),
            Some(ended) => ended.map_err(io::Error::other)?,
        }
    }

    /// Requests since this was last asked, and how long visits took.
    pub(super) fn since_last(&self) -> (u64, Vec<f64>) {
        let requests = self.counts.requests.get();
        let before = self.seen.swap(requests, Ordering::Relaxed);
        let mut waits = self.counts.waits.lock().unwrap_or_else(PoisonError::into_inner);
        (requests - before, std::mem::take(&mut *waits))
    }

    /// Lets the visits that have begun come to their end.
    pub(super) async fn end(mut self) -> io::Result<Arc<Counts>> {
        self.counts.over.store(true, Ordering::Relaxed);
        while let Some(ended) = self.tasks.join_next().await {
            ended.map_err(io::Error::other)??;
        }
        Ok(self.counts)
    }
}

async fn visit_on(
    mut connection: Connection,
    counts: Arc<Counts>,
    lane: usize,
    first: Instant,
    each: Duration,
) -> io::Result<()> {
    let mut due = first;
    let mut random = fastrand::Rng::with_seed(lane as u64);
    while !counts.over.load(Ordering::Relaxed) {
        tokio::time::sleep_until(due.into()).await;
        let mut visit = Visit { connection: &mut connection, counts: &counts };
        match random.u32(..100) {
            0..70 => {
                visit.put("").await?;
                visit.take("done").await?;
            }
            70..75 => {
                visit.put("?delay=3s").await?;
                visit.take("done").await?;
            }
            75..80 => {
                visit.put("").await?;
                visit.take("nack?delay=2s").await?;
            }
            80 => {
                visit.put("").await?;
                visit.take("").await?;
            }
            // What came back has to go as well, or the queue would grow.
            81..91 => visit.take("done").await?,
            91..96 => visit.event().await?,
            _ => visit.lock(lane).await?,
        }
        let wait = due.elapsed().as_secs_f64() * 1e3;
        counts.waits.lock().unwrap_or_else(PoisonError::into_inner).push(wait);
        due += each;
    }
    Ok(())
}

/// One visit.
struct Visit<'a> {
    connection: &'a mut Connection,
    counts: &'a Counts,
}

impl Visit<'_> {
    async fn ask(&mut self, request: &[u8]) -> io::Result<super::client::Answer> {
        self.counts.requests.add();
        self.connection.ask(request).await
    }

    async fn put(&mut self, how: &str) -> io::Result<()> {
        self.ask(&post(&format!("/v1/queues/{QUEUE}/jobs{how}"), &BODY)).await?.expect(201)?;
        self.counts.put.add();
        Ok(())
    }

    /// Gets a job if there is one, which then is done, given back, or left to run out (no `end`).
    async fn take(&mut self, end: &str) -> io::Result<()> {
        let got = self.ask(&post(&format!("/v1/queues/{QUEUE}/get?lease=5s"), b"")).await?;
        if got.status == 204 {
            return Ok(());
        }
        let lease = got.expect(200)?.lease()?;
        let ended = match end {
            "" => {
                self.counts.left.add();
                return Ok(());
            }
            "done" => self.ask(&load::done(&lease)).await?,
            how => self.ask(&post(&format!("{lease}/{how}"), b"soak")).await?,
        };
        // On a stalled machine five seconds may be over before the lease is ended.
        match ended.status {
            410 => Ok(()),
            204 if end == "done" => {
                self.counts.done.add();
                Ok(())
            }
            _ => ended.expect(204).map(|_| ()),
        }
    }

    /// Sets an event of all, waits for it, and clears it.
    async fn event(&mut self) -> io::Result<()> {
        let head = |method: &str| {
            format!(
                "{method} /v1/events/soak HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
            )
        };
        self.ask(head("PUT").as_bytes()).await?.expect(200)?;
        let seen = self.ask(head("GET").as_bytes()).await?;
        if seen.status != 408 {
            seen.expect(200)?;
        }
        self.ask(head("DELETE").as_bytes()).await?.expect(204).map(|_| ())
    }

    /// Holds a lock that a few share.
    async fn lock(&mut self, lane: usize) -> io::Result<()> {
        let path = format!("/v1/locks/soak-{}/acquire?wait=30s&lease=5s", lane % 8);
        let held = self.ask(&post(&path, b"")).await?;
        if held.status == 408 {
            return Ok(());
        }
        let lease = held.expect(201)?.lease()?;
        let ended = self.ask(&load::done(&lease)).await?;
        if ended.status == 410 { Ok(()) } else { ended.expect(204).map(|_| ()) }
    }
}
