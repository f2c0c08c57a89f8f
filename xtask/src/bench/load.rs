//! Loads: what the connections do, and what that cost the server.

use std::io;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::client::{Connection, post};
use super::progress;
use super::server::Server;

/// The payload of every job and every echo.
pub(super) const BODY: [u8; 200] = [b'x'; 200];

/// The queue that is measured.
pub(super) const QUEUE: &str = "bench";

/// The semaphore that is measured.
const SEMAPHORE: &str = "bench";

/// What one connection does again and again.
#[derive(Clone, Copy)]
pub(super) enum Load {
    /// Three times POST /echo, as many requests as a cycle has.
    Echoes,
    /// Put, get, done.
    Cycle,
    /// Put, get and done of a hundred jobs in three requests.
    Batches,
    /// Acquires a permit, for which it may have to wait, and releases it.
    Permit,
}

/// What a load did and what it cost.
#[derive(Default)]
pub(super) struct Cost {
    /// Echoes three at a time, cycles, permits, or requests.
    pub(super) done: usize,
    pub(super) took: Duration,
    pub(super) cpu: Duration,
}

impl Cost {
    /// Both together.
    pub(super) fn and(self, more: &Self) -> Self {
        Self { done: self.done + more.done, took: self.took + more.took, cpu: self.cpu + more.cpu }
    }

    pub(super) fn per_second(&self) -> f64 {
        self.done as f64 / self.took.as_secs_f64()
    }

    /// Microseconds of the server's CPU for each.
    pub(super) fn cpu_each(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.done as f64
    }
}

/// The requests, written once.
pub(super) struct Requests {
    pub(super) echo: Vec<u8>,
    pub(super) put: Vec<u8>,
    pub(super) get: Vec<u8>,
    pub(super) get_and_wait: Vec<u8>,
    pub(super) acquire: Vec<u8>,
    pub(super) put_many: Vec<u8>,
    pub(super) get_many: Vec<u8>,
}

impl Requests {
    pub(super) fn new() -> Arc<Self> {
        Arc::new(Self {
            echo: post("/echo", &BODY),
            put: post(&format!("/v1/queues/{QUEUE}/jobs"), &BODY),
            get: post(&format!("/v1/queues/{QUEUE}/get"), b""),
            get_and_wait: post(&format!("/v1/queues/{QUEUE}/get?wait=50s"), b""),
            put_many: post(&format!("/v1/queues/{QUEUE}/jobs/batch"), &lines()),
            get_many: post(&format!("/v1/queues/{QUEUE}/get?max={BATCH}"), b""),
            acquire: post(&format!("/v1/semaphores/{SEMAPHORE}/acquire?wait=50s"), b""),
        })
    }
}

/// The jobs of one batch.
pub(super) const BATCH: usize = 100;

/// The body of a job, as a text.
pub(super) fn text() -> &'static str {
    str::from_utf8(&BODY).expect("it is a text")
}

/// As a batch puts them.
fn lines() -> Vec<u8> {
    format!("{{\"body\":\"{}\"}}\n", text()).repeat(BATCH).into_bytes()
}

/// How many jobs were got by a get of many, and the end of all their leases.
pub(super) fn done_many(got: &[u8]) -> io::Result<(usize, Vec<u8>)> {
    let got = str::from_utf8(got).map_err(io::Error::other)?;
    let leases = got.split("\"lease\":\"").skip(1).filter_map(|rest| rest.split('"').next());
    let leases: Vec<&str> = leases.collect();
    let wanted = serde_json::json!({ "done": leases }).to_string();
    Ok((leases.len(), post(&format!("/v1/queues/{QUEUE}/settle"), wanted.as_bytes())))
}

/// The end of a lease.
pub(super) fn done(lease: &str) -> Vec<u8> {
    format!("DELETE {lease} HTTP/1.1\r\nHost: localhost\r\n\r\n").into_bytes()
}

/// Makes the measured queue unbounded.
pub(super) async fn configure(server: &Server) -> io::Result<()> {
    put(server, &format!("/v1/queues/{QUEUE}"), r#"{"maxsize": 0}"#).await
}

/// Gives the measured semaphore so many permits.
pub(super) async fn permit(server: &Server, permits: usize) -> io::Result<()> {
    let body = format!(r#"{{"permits": {permits}}}"#);
    put(server, &format!("/v1/semaphores/{SEMAPHORE}"), &body).await
}

/// Makes a thing that is not there yet.
pub(super) async fn put(server: &Server, path: &str, body: &str) -> io::Result<()> {
    let request = format!(
        "PUT {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len(),
    );
    Connection::open(server).await?.ask(request.as_bytes()).await?.expect(201)?;
    Ok(())
}

/// New connections, each with an echo behind it.
pub(super) async fn open(server: &Server, connections: usize) -> io::Result<Vec<Connection>> {
    let requests = Requests::new();
    let mut open = Vec::with_capacity(connections);
    for _ in 0..connections {
        let mut connection = Connection::open(server).await?;
        connection.ask(&requests.echo).await?.expect(200)?;
        open.push(connection);
    }
    Ok(open)
}

/// Runs the load for about `length` on these connections.
pub(super) async fn run(
    server: &Server,
    load: Load,
    connections: &mut Vec<Connection>,
    length: Duration,
) -> io::Result<Cost> {
    let requests = Requests::new();
    let before = server.cpu()?;
    let begun = Instant::now();
    let until = begun + length;
    let mut tasks = JoinSet::new();
    for mut connection in connections.drain(..) {
        let requests = Arc::clone(&requests);
        tasks.spawn(async move {
            let mut done = 0;
            while done == 0 || Instant::now() < until {
                once(&mut connection, load, &requests).await?;
                done += 1;
            }
            io::Result::Ok((connection, done))
        });
    }
    let mut total: usize = 0;
    while let Some(ended) = tasks.join_next().await {
        let (connection, done) = ended.map_err(io::Error::other)??;
        connections.push(connection);
        total += done;
    }
    Ok(Cost { done: total, took: begun.elapsed(), cpu: before.until(&server.cpu()?) })
}

/// What a server does first is dearer than what it does later.
pub(super) async fn warm_up(server: &Server, length: Duration) -> io::Result<()> {
    let mut connections = open(server, 64).await?;
    run(server, Load::Echoes, &mut connections, length).await?;
    run(server, Load::Cycle, &mut connections, length).await?;
    Ok(())
}

async fn once(connection: &mut Connection, load: Load, requests: &Requests) -> io::Result<()> {
    match load {
        Load::Echoes => {
            for _ in 0..3 {
                connection.ask(&requests.echo).await?.expect(200)?;
            }
        }
        Load::Cycle => {
            connection.ask(&requests.put).await?.expect(201)?;
            // There is a job: each connection puts before it gets.
            let lease = connection.ask(&requests.get).await?.expect(200)?.lease()?;
            connection.ask(&done(&lease)).await?.expect(204)?;
        }
        Load::Batches => {
            let put = connection.ask(&requests.put_many).await?.expect(200)?;
            expect_each(&put.body, "{\"status\":201")?;
            // There are as many: each connection puts before it gets.
            let got = connection.ask(&requests.get_many).await?.expect(200)?;
            let (_, done) = done_many(&got.body)?;
            let settled = connection.ask(&done).await?.expect(200)?;
            expect_each(&settled.body, "{\"status\":204")?;
        }
        Load::Permit => {
            let lease = connection.ask(&requests.acquire).await?.expect(201)?.lease()?;
            connection.ask(&done(&lease)).await?.expect(204)?;
        }
    }
    Ok(())
}

/// An error unless all of a batch ended so.
pub(super) fn expect_each(body: &[u8], end: &str) -> io::Result<()> {
    expect(body, end, BATCH)
}

/// An error unless so many ended so.
pub(super) fn expect(body: &[u8], end: &str, all: usize) -> io::Result<()> {
    let text = str::from_utf8(body).map_err(io::Error::other)?;
    let ended = text.matches(end).count();
    if ended == all { Ok(()) } else { Err(io::Error::other(format!("{ended} times {end}"))) }
}

/// Puts a job into each of so many queues, named by `queue`, quickly: in pipelines on a few connections.
pub(super) async fn fill(
    server: &Server,
    jobs: usize,
    queue: fn(usize) -> String,
) -> io::Result<()> {
    const LANES: usize = 32;
    // Requests and answers of one batch fit into the sockets' buffers, so neither side blocks the other.
    const BATCH: usize = 100;
    let mut tasks = JoinSet::new();
    for lane in 0..LANES {
        let mut connection = Connection::open(server).await?;
        tasks.spawn(async move {
            let share: Vec<usize> = (lane..jobs).step_by(LANES).collect();
            for (index, batch) in share.chunks(BATCH).enumerate() {
                let put = |&number| post(&format!("/v1/queues/{}/jobs", queue(number)), &BODY);
                connection.send(&batch.iter().flat_map(put).collect::<Vec<u8>>()).await?;
                for _ in batch {
                    connection.answer().await?.expect(201)?;
                }
                if lane == 0 && index.is_multiple_of(25) {
                    progress(&format!(
                        "putting {jobs} jobs: {}%",
                        index * BATCH * 100 / share.len()
                    ));
                }
            }
            io::Result::Ok(())
        });
    }
    while let Some(ended) = tasks.join_next().await {
        ended.map_err(io::Error::other)??;
    }
    Ok(())
}
