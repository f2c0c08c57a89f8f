//! Jobs that are put, got and finished a hundred at a time, beside those that go one by one.

use std::io;

use serde_json::json;

use super::folder::Folder;
use super::load::{self, BATCH, Cost, Load};
use super::plan::Plan;
use super::server::Server;
use super::table::{Column, Table};
use super::{median, progress};

/// The aim for one job of a batch that is put, got and finished, in microseconds of the server's CPU, durable.
const AIM: &str = "≤ 4";

const CONNECTIONS: usize = 16;

/// Put, get and done of many, durable and in memory, in turns with as many single ones.
pub(super) async fn measure(plan: &Plan) -> io::Result<Table> {
    const COLUMNS: &[Column] = &[
        Column { heading: "target", key: "target", decimals: 0 },
        Column { heading: "jobs/s", key: "jobs_per_second", decimals: 0 },
        Column { heading: "CPU µs a job", key: "job_cpu_us", decimals: 2 },
        Column { heading: "aim", key: "aim", decimals: 0 },
        Column { heading: "one by one: µs", key: "single_cpu_us", decimals: 1 },
    ];
    let title = format!(
        "Batches: put, get and done of 200-byte jobs, {BATCH} in a request, on {CONNECTIONS} connections; µs are \
         the server's CPU"
    );
    let mut table = Table::new(title, COLUMNS);
    let folder = Folder::new()?;
    for (name, folder, aim) in
        [("awaitd", Some(folder.path()), json!(AIM)), ("awaitd --memory", None, json!(null))]
    {
        let server = Server::start_in(folder, &plan.binary, None).await?;
        load::configure(&server).await?;
        load::warm_up(&server, plan.slice).await?;
        let mut connections = load::open(&server, CONNECTIONS).await?;
        let mut costs: Vec<(Cost, Cost)> = Vec::new();
        for round in 1..=plan.rounds {
            progress(&format!("batches: round {round} of {}, {name}", plan.rounds));
            let many = load::run(&server, Load::Batches, &mut connections, plan.slice).await?;
            let single = load::run(&server, Load::Cycle, &mut connections, plan.slice).await?;
            costs.push((many, single));
        }
        let middle = |of: &dyn Fn(&(Cost, Cost)) -> f64| median(costs.iter().map(of).collect());
        table.push(vec![
            json!(name),
            json!(middle(&|(many, _)| many.per_second() * BATCH as f64)),
            json!(middle(&|(many, _)| many.cpu_each() / BATCH as f64)),
            aim,
            json!(middle(&|(_, single)| single.cpu_each())),
        ]);
    }
    Ok(table)
}
