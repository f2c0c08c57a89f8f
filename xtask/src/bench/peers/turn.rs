//! What the connections of one target do in their turn, and what that took.

use std::io;
use std::time::{Duration, Instant};

use tokio::task::JoinSet;

use super::client::{Call, Client};
use super::{Peer, Target};
use crate::bench::{micros, permille, progress};

/// The calls of a cycle, as they stand in tables.
pub(super) const CALLS: usize = 3;

/// What a turn took.
pub(super) struct Turn {
    pub(super) cycles: usize,
    pub(super) took: Duration,
    /// Of the server.
    pub(super) cpu: Duration,
    /// Bytes to the disk, by whomever; NaN if that is not known.
    pub(super) written: f64,
    /// Microseconds of each put, get and done. A get that settles stands for both.
    pub(super) times: [Vec<f64>; CALLS],
}

impl Turn {
    pub(super) fn per_second(&self) -> f64 {
        self.cycles as f64 / self.took.as_secs_f64()
    }

    /// Microseconds of the server's CPU for each cycle.
    pub(super) fn cpu_each(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.cycles as f64
    }

    /// p50, p99 and p99.9 of each call, in microseconds; NaN of a call that was not made.
    pub(super) fn tails(&mut self) -> [[f64; 3]; CALLS] {
        self.times.each_mut().map(|times| {
            times.sort_by(f64::total_cmp);
            [500, 990, 999].map(|share| permille(times, share))
        })
    }
}

/// Puts, gets and finishes again and again for about `length`, each connection for itself.
pub(super) async fn run(
    peer: &Peer,
    clients: &mut Vec<Client>,
    length: Duration,
) -> io::Result<Turn> {
    let settles = peer.target == Target::AwaitdSettle;
    let mut times: [Vec<f64>; CALLS] = Default::default();
    let written = peer.folder.written();
    let cpu = peer.server.cpu()?;
    let begun = Instant::now();
    let until = begun + length;
    let mut tasks = JoinSet::new();
    for mut client in clients.drain(..) {
        tasks.spawn(async move {
            let mut times: [Vec<f64>; CALLS] = Default::default();
            while times[0].is_empty() || Instant::now() < until {
                cycle(&mut client, settles, &mut times).await?;
            }
            io::Result::Ok((client, times))
        });
    }
    while let Some(ended) = tasks.join_next().await {
        let (client, its) = ended.map_err(io::Error::other)??;
        clients.push(client);
        for (all, its) in times.iter_mut().zip(its) {
            all.extend(its);
        }
    }
    let turn = Turn {
        cycles: times[0].len(),
        took: begun.elapsed(),
        cpu: cpu.until(&peer.server.cpu()?),
        written: peer.folder.written() - written,
        times,
    };
    // Whoever settles with the next get has a job left.
    for client in clients {
        if client.holds() {
            client.call(Call::Done).await?;
        }
    }
    Ok(turn)
}

async fn cycle(
    client: &mut Client,
    settles: bool,
    times: &mut [Vec<f64>; CALLS],
) -> io::Result<()> {
    let begun = Instant::now();
    client.call(Call::Put).await?;
    let put = Instant::now();
    // There is a job: each connection puts before it gets.
    client.call(if settles && client.holds() { Call::GetAndSettle } else { Call::Get }).await?;
    let got = Instant::now();
    times[0].push(micros(put - begun));
    times[1].push(micros(got - put));
    if !settles {
        client.call(Call::Done).await?;
        times[2].push(micros(got.elapsed()));
    }
    Ok(())
}

/// The connections of a fill.
pub(super) const LANES: usize = 256;

/// Puts so many jobs in pipelines, on many connections: a server that answers each put from the disk
/// needs many to work on at a time.
pub(super) async fn fill(peer: &Peer, jobs: usize, size: usize) -> io::Result<()> {
    progress(&format!("putting {jobs} jobs into {}", peer.target.name()));
    put_all(&mut peer.clients(LANES, size).await?, jobs).await
}

/// Puts so many jobs with these.
pub(super) async fn put_all(clients: &mut Vec<Client>, jobs: usize) -> io::Result<()> {
    // Requests and answers of one batch fit into the sockets' buffers, so neither side blocks the other.
    const BATCH: usize = 50;
    let lanes = clients.len();
    let mut tasks = JoinSet::new();
    for (lane, mut client) in clients.drain(..).enumerate() {
        let mut left = (jobs + lanes - 1 - lane) / lanes;
        tasks.spawn(async move {
            while left > 0 {
                let batch = left.min(BATCH);
                client.send(Call::Put, batch).await?;
                for _ in 0..batch {
                    client.hear(Call::Put).await?;
                }
                left -= batch;
            }
            io::Result::Ok(client)
        });
    }
    while let Some(ended) = tasks.join_next().await {
        clients.push(ended.map_err(io::Error::other)??);
    }
    Ok(())
}
