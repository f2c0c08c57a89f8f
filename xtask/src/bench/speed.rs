//! A cycle against three echoes, the way from a put to a get that waits, and a permit for which many wait.

use std::io;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::Connection;
use super::load::{self, Cost, Load, Requests};
use super::plan::Plan;
use super::server::Server;
use super::table::{Column, Table};
use super::{median, micros, permille, progress};

/// The aim for a cycle against three echoes, and at how many connections it is meant.
const AIM: (f64, usize) = (1.3, 64);

/// Put, get and done against three echoes of the same server.
pub(super) async fn cycles(plan: &Plan) -> io::Result<Table> {
    const COLUMNS: &[Column] = &[
        Column { heading: "workers", key: "workers", decimals: 0 },
        Column { heading: "connections", key: "connections", decimals: 0 },
        Column { heading: "echoes/s", key: "echo_requests_per_second", decimals: 0 },
        Column { heading: "requests/s", key: "cycle_requests_per_second", decimals: 0 },
        Column { heading: "µs 3 echoes", key: "echoes_cpu_us", decimals: 1 },
        Column { heading: "µs a cycle", key: "cycle_cpu_us", decimals: 1 },
        Column { heading: "ratio", key: "ratio", decimals: 2 },
        Column { heading: "least", key: "ratio_least", decimals: 2 },
        Column { heading: "most", key: "ratio_most", decimals: 2 },
        Column { heading: "aim", key: "aim", decimals: 2 },
    ];
    let title =
        "A cycle (put, get, done of 200 bytes) against three echoes; µs are the server's CPU";
    let mut table = Table::new(title, COLUMNS);
    let servers = start(plan).await?;
    let cells: Vec<(usize, usize)> = (0..plan.connections.len())
        .flat_map(|connections| (0..servers.len()).map(move |server| (server, connections)))
        .collect();
    let mut measured: Vec<Vec<(Cost, Cost)>> = cells.iter().map(|_| Vec::new()).collect();
    for round in 1..=plan.rounds {
        for (&(server, connections), costs) in cells.iter().zip(&mut measured) {
            let connections = plan.connections[connections];
            progress(&format!(
                "cycle: round {round} of {}, {connections} connections",
                plan.rounds
            ));
            costs.push(echoes_and_cycles(&servers[server], connections, plan.slice).await?);
        }
    }
    let mut rows: Vec<_> = cells.into_iter().zip(measured).collect();
    rows.sort_by_key(|&(cell, _)| cell);
    for ((server, connections), costs) in rows {
        table.push(cycle_row(plan.workers[server], plan.connections[connections], &costs));
    }
    Ok(table)
}

/// Both loads for `slice` each, in short turns: the machine is not equally fast for long.
async fn echoes_and_cycles(
    server: &Server,
    connections: usize,
    slice: Duration,
) -> io::Result<(Cost, Cost)> {
    const TURNS: u32 = 5;
    let mut connections = load::open(server, connections).await?;
    let (mut echoes, mut cycles) = (Cost::default(), Cost::default());
    for _ in 0..TURNS {
        let turn = slice / TURNS;
        echoes = echoes.and(&load::run(server, Load::Echoes, &mut connections, turn).await?);
        cycles = cycles.and(&load::run(server, Load::Cycle, &mut connections, turn).await?);
    }
    Ok((echoes, cycles))
}

fn cycle_row(workers: usize, connections: usize, costs: &[(Cost, Cost)]) -> Vec<Value> {
    let middle = |of: &dyn Fn(&(Cost, Cost)) -> f64| median(costs.iter().map(of).collect());
    let ratios: Vec<f64> =
        costs.iter().map(|(echoes, cycle)| cycle.cpu_each() / echoes.cpu_each()).collect();
    vec![
        json!(workers),
        json!(connections),
        json!(middle(&|(echoes, _)| echoes.per_second() * 3.0)),
        json!(middle(&|(_, cycle)| cycle.per_second() * 3.0)),
        json!(middle(&|(echoes, _)| echoes.cpu_each())),
        json!(middle(&|(_, cycle)| cycle.cpu_each())),
        json!(median(ratios.clone())),
        json!(ratios.iter().copied().fold(f64::INFINITY, f64::min)),
        json!(ratios.iter().copied().fold(0.0, f64::max)),
        if connections == AIM.1 { json!(AIM.0) } else { Value::Null },
    ]
}

/// From the moment a put is sent to the moment the waiting get is answered, one at a time.
pub(super) async fn hand_offs(plan: &Plan) -> io::Result<Table> {
    const COLUMNS: &[Column] = &[
        Column { heading: "workers", key: "workers", decimals: 0 },
        Column { heading: "echo p50 µs", key: "echo_p50_us", decimals: 0 },
        Column { heading: "p99 µs", key: "echo_p99_us", decimals: 0 },
        Column { heading: "hand-off p50 µs", key: "hand_off_p50_us", decimals: 0 },
        Column { heading: "p99 µs", key: "hand_off_p99_us", decimals: 0 },
        Column { heading: "ratio of p50", key: "ratio_p50", decimals: 2 },
        Column { heading: "how many", key: "count", decimals: 0 },
    ];
    let mut table =
        Table::new("Hand-off: put sent to waiting get answered, with pauses of 1 to 2 ms", COLUMNS);
    let servers = start(plan).await?;
    let mut echoes: Vec<Vec<f64>> = vec![Vec::new(); servers.len()];
    let mut hand_offs = echoes.clone();
    for round in 1..=plan.rounds {
        progress(&format!("hand-off: round {round} of {}", plan.rounds));
        for (index, server) in servers.iter().enumerate() {
            echoes[index].extend(time_echoes(server, plan.hand_offs).await?);
            hand_offs[index].extend(time_hand_offs(server, plan.hand_offs).await?);
        }
    }
    for (index, workers) in plan.workers.into_iter().enumerate() {
        let (echoes, hand_offs) = (&mut echoes[index], &mut hand_offs[index]);
        echoes.sort_by(f64::total_cmp);
        hand_offs.sort_by(f64::total_cmp);
        table.push(vec![
            json!(workers),
            json!(permille(echoes, 500)),
            json!(permille(echoes, 990)),
            json!(permille(hand_offs, 500)),
            json!(permille(hand_offs, 990)),
            json!(permille(hand_offs, 500) / permille(echoes, 500)),
            json!(hand_offs.len()),
        ]);
    }
    Ok(table)
}

/// Permits of a semaphore, each handed on to the next of few or of many who wait.
pub(super) async fn permits(plan: &Plan) -> io::Result<Table> {
    const PERMITS: usize = 10;
    const COLUMNS: &[Column] = &[
        Column { heading: "waiting", key: "waiting", decimals: 0 },
        Column { heading: "grants/s", key: "grants_per_second", decimals: 0 },
        Column { heading: "µs 3 echoes", key: "echoes_cpu_us", decimals: 1 },
        Column { heading: "µs a grant", key: "grant_cpu_us", decimals: 1 },
        Column { heading: "ratio", key: "ratio", decimals: 2 },
    ];
    let title = "Permits of a semaphore of 10, acquired and released, against three echoes; µs are the \
                 server's CPU";
    let mut table = Table::new(title, COLUMNS);
    let server = Server::start(&plan.binary, Some(1)).await?;
    load::permit(&server, PERMITS).await?;
    load::warm_up(&server, plan.slice).await?;
    let mut measured: Vec<Vec<(Cost, Cost)>> = plan.waiting.iter().map(|_| Vec::new()).collect();
    for round in 1..=plan.rounds {
        for (waiting, costs) in plan.waiting.iter().zip(&mut measured) {
            progress(&format!("permits: round {round} of {}, {waiting} wait", plan.rounds));
            let mut connections = load::open(&server, PERMITS + waiting).await?;
            let echoes = load::run(&server, Load::Echoes, &mut connections, plan.slice).await?;
            let grants = load::run(&server, Load::Permit, &mut connections, plan.slice).await?;
            costs.push((echoes, grants));
        }
    }
    for (waiting, costs) in plan.waiting.iter().zip(&measured) {
        let middle = |of: &dyn Fn(&(Cost, Cost)) -> f64| median(costs.iter().map(of).collect());
        table.push(vec![
            json!(waiting),
            json!(middle(&|(_, grants)| grants.per_second())),
            json!(middle(&|(echoes, _)| echoes.cpu_each())),
            json!(middle(&|(_, grants)| grants.cpu_each())),
            json!(middle(&|(echoes, grants)| grants.cpu_each() / echoes.cpu_each())),
        ]);
    }
    Ok(table)
}

/// One server for each number of workers; those that are not loaded take no CPU.
async fn start(plan: &Plan) -> io::Result<Vec<Server>> {
    let mut servers = Vec::new();
    for workers in plan.workers {
        let server = Server::start(&plan.binary, Some(workers)).await?;
        load::configure(&server).await?;
        load::warm_up(&server, plan.slice).await?;
        servers.push(server);
    }
    Ok(servers)
}

async fn time_echoes(server: &Server, count: usize) -> io::Result<Vec<f64>> {
    let requests = Requests::new();
    let mut connection = Connection::open(server).await?;
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        pause().await;
        let sent = Instant::now();
        connection.ask(&requests.echo).await?.expect(200)?;
        times.push(micros(sent.elapsed()));
    }
    Ok(times)
}

async fn time_hand_offs(server: &Server, count: usize) -> io::Result<Vec<f64>> {
    let requests = Requests::new();
    let mut producer = Connection::open(server).await?;
    let mut consumer = Connection::open(server).await?;
    let mut times = Vec::with_capacity(count);
    for _ in 0..count {
        consumer.send(&requests.get_and_wait).await?;
        pause().await; // the get waits by then; if ever it did not, this one figure would be higher
        let sent = Instant::now();
        producer.send(&requests.put).await?;
        let got = async { consumer.answer().await.map(|answer| (answer, sent.elapsed())) };
        let (got, put) = tokio::join!(got, producer.answer());
        let (answer, took) = got?;
        put?.expect(201)?;
        times.push(micros(took));
        let lease = answer.expect(200)?.lease()?;
        consumer.ask(&load::done(&lease)).await?.expect(204)?;
    }
    Ok(times)
}

/// The pause is part of the load: what is measured is a server that is awake but idle.
pub(super) async fn pause() {
    tokio::time::sleep(Duration::from_millis(1)).await;
}
