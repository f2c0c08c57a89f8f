//! A durable cycle must not cost more because there is much in the queue.

use std::io;

use serde_json::{Value, json};

use super::{Peers, Target, queued, turn};
use crate::bench::plan::Plan;
use crate::bench::table::{Column, Table};
use crate::bench::{median, number, progress};

/// As many as keep a server busy without waiting in line for it.
const CONNECTIONS: usize = 16;

pub(in crate::bench) async fn measure(plan: &Plan, peers: &Peers) -> io::Result<Table> {
    const COLUMNS: &[Column] = &[
        Column { heading: "target", key: "target", decimals: 0 },
        Column { heading: "jobs", key: "jobs", decimals: 0 },
        Column { heading: "cycles/s", key: "cycles_per_second", decimals: 0 },
        Column { heading: "CPU µs a cycle", key: "cpu_us", decimals: 1 },
        Column { heading: "to the first", key: "cpu_ratio", decimals: 2 },
        Column { heading: "aim", key: "aim", decimals: 0 },
    ];
    let targets = peers.among(&[Target::Awaitd, Target::List, Target::Beanstalkd]);
    let mut running = Vec::new();
    for &target in &targets {
        for jobs in plan.depths {
            running.push(queued::filled(peers, target, jobs).await?);
        }
    }
    let mut rounds: Vec<Vec<[f64; 2]>> = Vec::new();
    for round in 1..=plan.rounds {
        progress(&format!("depth beside peers: round {round} of {}", plan.rounds));
        let mut figures = Vec::new();
        for peer in &running {
            let mut clients = peer.clients(CONNECTIONS, 200).await?;
            let turn = turn::run(peer, &mut clients, plan.turn).await?;
            figures.push([turn.per_second(), turn.cpu_each()]);
        }
        rounds.push(figures);
    }
    let title = format!(
        "Durable cycles at different depths of the queue; µs are the server's CPU, at {CONNECTIONS} connections"
    );
    let mut table = Table::new(title, COLUMNS);
    for (index, peer) in running.iter().enumerate() {
        let (shallow, step) = (index - index % plan.depths.len(), index % plan.depths.len());
        let middle = |of: &dyn Fn(&Vec<[f64; 2]>) -> f64| median(rounds.iter().map(of).collect());
        table.push(vec![
            json!(peer.target.name()),
            json!(plan.depths[step]),
            number(middle(&|round| round[index][0])),
            number(middle(&|round| round[index][1])),
            number(middle(&|round| round[index][1] / round[shallow][1])),
            if peer.target == Target::Awaitd { json!("1") } else { Value::Null },
        ]);
    }
    Ok(table)
}
