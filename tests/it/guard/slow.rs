//! A thousand connections that send or read slowly, as slowhttptest makes them, beside a client that
//! means well: it is served throughout. `cargo xtask siege` says how fast.

use std::env;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use awaitd_tests::{Process, Raw, Server, tool, until};

/// Connections of an attack.
const ATTACKERS: &str = "1000";

/// Jobs that the client puts, gets and finishes in one turn.
const JOBS: usize = 10;

/// Turns with all of the attack there.
const TURNS: u32 = 10;

/// What slowhttptest does, and to what.
const ATTACKS: [(&str, &[&str], &str); 3] = [
    ("slow headers", &["-H"], "/v1/queues/slow"),
    ("slow bodies", &["-B", "-t", "POST", "-s", "65536"], "/v1/queues/slow/jobs"),
    ("slow reading", &["-X", "-w", "10", "-y", "20"], "/v1/queues/large/jobs/1"),
];

/// Starts an attack that goes on until it is dropped.
fn attack(slowhttptest: &Path, server: &Server, args: &[&str], path: &str) -> Process {
    let mut command = Command::new(slowhttptest);
    command.args(args).args(["-c", ATTACKERS, "-r", ATTACKERS, "-l", "240", "-i", "2"]);
    command.args(["-u", &format!("{}{path}", server.base())]);
    Process::start(command)
}

/// Puts, gets and finishes a few jobs, each of which has to succeed, and says how long each request took.
async fn work(server: &Server) -> Vec<Duration> {
    let mut raw = Raw::connect(server.at()).await.expect("the server listens");
    let mut took = Vec::new();
    for _ in 0..JOBS {
        let mut lease = String::new();
        for (path, status) in
            [("/v1/queues/well/jobs", 201), ("/v1/queues/well/get", 200), ("{lease}/done", 204)]
        {
            let path = path.replace("{lease}", &lease);
            let begun = Instant::now();
            raw.ask("POST", &path, "job").await.expect("the server reads");
            let heard = raw.answer("POST", &path).await;
            took.push(begun.elapsed());
            let heard = heard.expect(status);
            if status == 200 {
                lease = heard.location();
            }
        }
    }
    took
}

/// The same beside an attack, from its first connection on until most of them have been there for a while.
async fn work_besieged(server: &Server) -> Vec<Duration> {
    let (mut took, mut turns) = (Vec::new(), 0);
    until("most of the thousand are there, and the work goes on", async || {
        took.extend(work(server).await);
        let there = server.scrape().await.count("awaitd_connections", &[]);
        turns += u32::from(there > 900);
        turns == TURNS
    })
    .await;
    took
}

/// What ninety-nine of a hundred do not exceed, in milliseconds.
fn p99(mut took: Vec<Duration>) -> f64 {
    took.sort();
    took[took.len() * 99 / 100].as_secs_f64() * 1_000.0
}

/// Each request of a client succeeds while a thousand connections keep the server waiting, from the
/// first of them on.
#[tokio::test]
async fn a_client_is_served_beside_a_thousand_slow_ones() {
    let Some(slowhttptest) = tool("slowhttptest") else { return };
    let rounds = env::var("AWAITD_SIEGE_ROUNDS").map_or(1, |text| text.parse().expect("a number"));
    for (what, args, path) in ATTACKS {
        let (mut quiet, mut besieged) = (Vec::new(), Vec::new());
        for _ in 0..rounds {
            let server = Server::start();
            server.client().post("/v1/queues/large/jobs", vec![b'x'; 1 << 16]).await.expect(201);
            work(&server).await;
            for _ in 0..TURNS {
                quiet.extend(work(&server).await);
            }
            let _attack = attack(&slowhttptest, &server, args, path);
            besieged.extend(work_besieged(&server).await);
        }
        let (quiet, besieged) = (p99(quiet), p99(besieged));
        let apart = besieged / quiet;
        println!("{what}: p99 {quiet:.2} ms without, {besieged:.2} ms with them: {apart:.2} times");
    }
}
