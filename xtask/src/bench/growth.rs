//! What is in the server must not make a put, a get or a done dearer.

use std::io;
use std::time::Instant;

use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::client::Connection;
use super::load::{self, Cost, QUEUE, Requests};
use super::plan::Plan;
use super::server::Server;
use super::table::{Column, Table};
use super::{median, progress};

/// The aims for a queued job of 200 bytes all told, in bytes.
const JOB_AIMS: (usize, usize) = (400, 300);

/// As many as keep a server busy without waiting in line for it.
const CONNECTIONS: usize = 16;

/// At different depths of the queue; what a queued job takes is measured on the way.
pub(super) async fn depth(plan: &Plan, memory: &mut Table) -> io::Result<Table> {
    let mut servers = Vec::new();
    for depth in plan.depths {
        let (server, each) = filled(plan, depth, |_| QUEUE.to_owned()).await?;
        servers.push(server);
        if depth == plan.depths[2] {
            let what = json!("queued job of 200 bytes");
            memory.push(vec![
                what,
                json!(depth),
                json!(each),
                json!(JOB_AIMS.0),
                json!(JOB_AIMS.1),
            ]);
        }
    }
    let mut table = table("Costs at different depths of the queue");
    compare(plan, &servers, plan.depths.map(|depth| json!(depth)), &mut table).await?;
    Ok(table)
}

/// Beside different numbers of other queues with a job each.
pub(super) async fn queues(plan: &Plan, memory: &mut Table) -> io::Result<Table> {
    let mut servers = Vec::new();
    for queues in plan.queues {
        let (server, each) = filled(plan, queues, |number| format!("other-{number}")).await?;
        servers.push(server);
        if queues == plan.queues[2] {
            let what = json!("queue with one such job");
            memory.push(vec![what, json!(queues), json!(each), Value::Null, Value::Null]);
        }
    }
    let mut table = table("Costs beside other queues");
    compare(plan, &servers, plan.queues.map(|queues| json!(queues)), &mut table).await?;
    Ok(table)
}

/// A server with so many jobs in it, and the bytes that each took.
async fn filled(plan: &Plan, jobs: usize, queue: fn(usize) -> String) -> io::Result<(Server, f64)> {
    let server = Server::start(&plan.binary, None).await?;
    load::configure(&server).await?;
    load::warm_up(&server, plan.slice).await?;
    let before = server.resident()?;
    load::fill(&server, jobs, queue).await?;
    let each = (server.resident()? - before) / jobs as f64;
    Ok((server, each))
}

fn table(title: &str) -> Table {
    const COLUMNS: &[Column] = &[
        Column { heading: "present", key: "present", decimals: 0 },
        Column { heading: "µs a put", key: "put_cpu_us", decimals: 1 },
        Column { heading: "to the first", key: "put_ratio", decimals: 2 },
        Column { heading: "µs a get", key: "get_cpu_us", decimals: 1 },
        Column { heading: "to the first", key: "get_ratio", decimals: 2 },
        Column { heading: "µs a done", key: "done_cpu_us", decimals: 1 },
        Column { heading: "to the first", key: "done_ratio", decimals: 2 },
        Column { heading: "aim", key: "aim", decimals: 2 },
    ];
    Table::new(format!("{title}; µs are the server's CPU, at {CONNECTIONS} connections"), COLUMNS)
}

/// Loads the servers in turns and compares each with the first of the same round.
async fn compare<const N: usize>(
    plan: &Plan,
    servers: &[Server],
    present: [Value; N],
    table: &mut Table,
) -> io::Result<()> {
    let mut rounds: Vec<Vec<[f64; 3]>> = Vec::new();
    // Short turns, and more of them: the machine is not equally fast for long.
    let count = plan.rounds * 3;
    for round in 1..=count {
        progress(&format!("costs: round {round} of {count}"));
        let mut costs = Vec::new();
        for server in servers {
            costs.push(put_get_done(server, plan.requests).await?.map(|cost| cost.cpu_each()));
        }
        rounds.push(costs);
    }
    for (index, present) in present.into_iter().enumerate() {
        let mut row = vec![present];
        for step in 0..3 {
            row.push(json!(median(rounds.iter().map(|costs| costs[index][step]).collect())));
            let ratio = |costs: &Vec<[f64; 3]>| costs[index][step] / costs[0][step];
            row.push(json!(median(rounds.iter().map(ratio).collect())));
        }
        row.push(json!(1));
        table.push(row);
    }
    Ok(())
}

/// So many puts, then as many gets, then as many dones, each measured alone.
async fn put_get_done(server: &Server, requests: usize) -> io::Result<[Cost; 3]> {
    let written = Requests::new();
    let each = requests / CONNECTIONS;
    let mut connections = load::open(server, CONNECTIONS).await?;
    let puts: Vec<Vec<Vec<u8>>> = vec![vec![written.put.clone(); each]; CONNECTIONS];
    let (put, _) = all(server, &mut connections, puts, 201).await?;
    let gets: Vec<Vec<Vec<u8>>> = vec![vec![written.get.clone(); each]; CONNECTIONS];
    let (get, leases) = all(server, &mut connections, gets, 200).await?;
    let dones = leases.iter().map(|lane| lane.iter().map(|lease| load::done(lease)).collect());
    let (done, _) = all(server, &mut connections, dones.collect(), 204).await?;
    Ok([put, get, done])
}

/// Each connection works off its list. Returns the `Location`s as well, list by list.
async fn all(
    server: &Server,
    connections: &mut Vec<Connection>,
    lists: Vec<Vec<Vec<u8>>>,
    status: u16,
) -> io::Result<(Cost, Vec<Vec<String>>)> {
    let total = lists.iter().map(Vec::len).sum();
    let before = server.cpu()?;
    let begun = Instant::now();
    let mut tasks = JoinSet::new();
    for (mut connection, list) in connections.drain(..).zip(lists) {
        tasks.spawn(async move {
            let mut locations = Vec::with_capacity(list.len());
            for request in &list {
                locations.extend(connection.ask(request).await?.expect(status)?.location);
            }
            io::Result::Ok((connection, locations))
        });
    }
    let mut locations = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        let (connection, list) = ended.map_err(io::Error::other)??;
        connections.push(connection);
        locations.push(list);
    }
    let cost = Cost { done: total, took: begun.elapsed(), cpu: before.until(&server.cpu()?) };
    Ok((cost, locations))
}
