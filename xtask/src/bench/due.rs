//! How long puts take while a great many delayed jobs fall due in the same second.

use std::io;
use std::process::Command;
use std::rc::Rc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use tokio::task::{JoinSet, LocalSet};
use tokio::time::sleep;

use super::client::{Connection, post};
use super::folder::Folder;
use super::load::{self, BATCH, QUEUE};
use super::plan::Plan;
use super::server::Server;
use super::table::{Column, Table};
use super::{permille, progress};

/// How much longer a put may take than before, in milliseconds.
const AIM: f64 = 50.0;

/// Who fills the queue, and who empties it then.
const CONNECTIONS: usize = 4;

/// Each puts one job after the other into another queue.
const PUTS: usize = 4;

/// The queue of those who put meanwhile.
const BESIDE: &str = "beside";

/// Between two puts of one connection.
const PAUSE: Duration = Duration::from_millis(1);

/// So long before the moment puts are measured alone.
const BEFORE: Duration = Duration::from_secs(3);

/// Fills a queue with jobs of one moment, and hands all of them out when it has come.
pub(super) async fn measure(plan: &Plan) -> io::Result<Table> {
    const COLUMNS: &[Column] = &[
        Column { heading: "while", key: "while", decimals: 0 },
        Column { heading: "puts", key: "puts", decimals: 0 },
        Column { heading: "put p50 ms", key: "p50_ms", decimals: 2 },
        Column { heading: "p99 ms", key: "p99_ms", decimals: 2 },
        Column { heading: "longest ms", key: "longest_ms", decimals: 1 },
        Column { heading: "longer than before", key: "longer_ms", decimals: 1 },
        Column { heading: "aim", key: "aim", decimals: 0 },
    ];
    let jobs = plan.depths[2];
    let folder = Folder::new()?;
    let server = Server::start_in(Some(folder.path()), &plan.binary, None).await?;
    load::configure(&server).await?;
    load::put(&server, &format!("/v1/queues/{BESIDE}"), r#"{"maxsize": 0}"#).await?;
    load::warm_up(&server, plan.slice).await?;
    // Time enough to put them all, at 20,000 a second.
    let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_err(io::Error::other)?;
    let moment = wall.as_secs() + 8 + jobs as u64 / 20_000;
    let due = Instant::now() + Duration::from_secs(moment).saturating_sub(wall);
    fill(&server, jobs, &instant(moment)?).await?;
    if Instant::now() + BEFORE > due {
        return Err(io::Error::other("the jobs were due before all of them had been put"));
    }
    progress(&format!("due: waiting until {jobs} jobs are"));
    sleep(due.saturating_duration_since(Instant::now() + BEFORE)).await;
    let (puts, took) = LocalSet::new().run_until(both(&server, jobs, due)).await?;
    let millis = |during: bool| {
        let of = puts.iter().filter(|(begun, took)| (*begun + *took > due) == during);
        let mut all: Vec<f64> = of.map(|(_, took)| took.as_secs_f64() * 1e3).collect();
        all.sort_by(f64::total_cmp);
        all
    };
    let title = format!(
        "Puts while {jobs} delayed jobs fall due in one second: handed out in {:.1} s, {BATCH} in a get, durable",
        took.as_secs_f64()
    );
    let mut table = Table::new(title, COLUMNS);
    let (before, during) = (millis(false), millis(true));
    let longest = |all: &[f64]| permille(all, 1_000);
    let row = |what: &str, all: &[f64], longer: Value, aim: Value| {
        let (p50, p99) = (permille(all, 500), permille(all, 990));
        vec![
            json!(what),
            json!(all.len()),
            json!(p50),
            json!(p99),
            json!(longest(all)),
            longer,
            aim,
        ]
    };
    let longer = json!(longest(&during) - longest(&before));
    table.push(row("nothing is due", &before, Value::Null, Value::Null));
    table.push(row("they are handed out", &during, longer, json!(format!("≤ {AIM}"))));
    Ok(table)
}

/// A moment as the server takes it.
fn instant(seconds: u64) -> io::Result<String> {
    let at = format!("@{seconds}");
    let said = Command::new("date").args(["-u", "-d", &at, "+%Y-%m-%dT%H:%M:%SZ"]).output()?;
    String::from_utf8(said.stdout).map(|text| text.trim().to_owned()).map_err(io::Error::other)
}

/// Puts so many jobs that are due then.
async fn fill(server: &Server, jobs: usize, at: &str) -> io::Result<()> {
    let body = load::text();
    let lines = format!("{{\"body\":\"{body}\",\"at\":\"{at}\"}}\n").repeat(BATCH);
    let path = format!("/v1/queues/{QUEUE}/jobs/batch");
    let request: Rc<[u8]> = post(&path, lines.as_bytes()).into();
    let mut connections = load::open(server, CONNECTIONS).await?;
    for share in 0..jobs / BATCH / CONNECTIONS {
        for connection in &mut connections {
            connection.send(&request).await?;
        }
        for connection in &mut connections {
            load::expect_each(&connection.answer().await?.expect(200)?.body, "{\"status\":201")?;
        }
        if share.is_multiple_of(100) {
            progress(&format!("due: {} of {jobs} jobs put", share * BATCH * CONNECTIONS));
        }
    }
    Ok(())
}

type Puts = Vec<(Instant, Duration)>;

/// Puts all the time, and gets all jobs when they are due: when each put began and how long it took, and how long
/// after the moment the last job was got.
async fn both(server: &Server, jobs: usize, due: Instant) -> io::Result<(Puts, Duration)> {
    let (stop, stopped) = tokio::sync::watch::channel(false);
    let mut putting = JoinSet::new();
    for connection in load::open(server, PUTS).await? {
        putting.spawn_local(put(connection, stopped.clone()));
    }
    sleep(due.saturating_duration_since(Instant::now())).await;
    let mut getting = JoinSet::new();
    for connection in load::open(server, CONNECTIONS).await? {
        getting.spawn_local(get(connection, jobs / CONNECTIONS));
    }
    while let Some(ended) = getting.join_next().await {
        ended.map_err(io::Error::other)??;
    }
    let took = due.elapsed();
    stop.send_replace(true);
    let mut puts = Vec::new();
    while let Some(ended) = putting.join_next().await {
        puts.extend(ended.map_err(io::Error::other)??);
    }
    Ok((puts, took))
}

async fn put(
    mut connection: Connection,
    stopped: tokio::sync::watch::Receiver<bool>,
) -> io::Result<Puts> {
    let request = post(&format!("/v1/queues/{BESIDE}/jobs"), load::text().as_bytes());
    let mut puts = Vec::new();
    while !*stopped.borrow() {
        let begun = Instant::now();
        connection.ask(&request).await?.expect(201)?;
        puts.push((begun, begun.elapsed()));
        sleep(PAUSE).await;
    }
    Ok(puts)
}

/// Gets so many jobs and finishes them.
async fn get(mut connection: Connection, jobs: usize) -> io::Result<()> {
    let mut left = jobs;
    while left > 0 {
        let most = left.min(BATCH);
        let wanted = post(&format!("/v1/queues/{QUEUE}/get?max={most}&wait=10s"), b"");
        let got = connection.ask(&wanted).await?.expect(200)?;
        let (got, done) = load::done_many(&got.body)?;
        let settled = connection.ask(&done).await?.expect(200)?;
        load::expect(&settled.body, "{\"status\":204", got)?;
        left -= got;
    }
    Ok(())
}
