//! Put, get and done side by side, with all targets in turns.

use std::io;

use serde_json::{Value, json};

use super::turn::{self, CALLS};
use super::{Peers, Target};
use crate::bench::picture::{Bars, Group};
use crate::bench::plan::Plan;
use crate::bench::table::{Column, Table};
use crate::bench::{median, number, progress};

/// Bytes of a job's body. The aims are meant for the first.
const SIZES: [usize; 2] = [200, 4096];

/// Where the ratios are wanted, and at least how high at which number of connections.
struct Aim {
    target: Target,
    connections: usize,
    to_beanstalkd: Option<f64>,
    to_redis: Option<f64>,
    /// CPU against three echoes, at most.
    to_echoes: Option<f64>,
}

const AIMS: [Aim; 3] = [
    Aim {
        target: Target::Awaitd,
        connections: 1,
        to_beanstalkd: None,
        to_redis: Some(1.2),
        to_echoes: None,
    },
    Aim {
        target: Target::Awaitd,
        connections: 64,
        to_beanstalkd: Some(6.0),
        to_redis: Some(1.1),
        to_echoes: Some(1.6),
    },
    Aim {
        target: Target::AwaitdSettle,
        connections: 64,
        to_beanstalkd: None,
        to_redis: Some(1.5),
        to_echoes: None,
    },
];

/// What one target did in one turn.
struct Figures {
    per_second: f64,
    cpu: f64,
    written: f64,
    tails: [[f64; 3]; CALLS],
}

/// The turns of all targets with so many connections and such jobs: round by round, in their order.
struct Cell {
    size: usize,
    connections: usize,
    rounds: Vec<Vec<Figures>>,
}

/// The figures, and what is drawn of them.
pub(in crate::bench) struct Compared {
    pub(in crate::bench) tables: Vec<Table>,
    pub(in crate::bench) bars: Bars,
}

pub(in crate::bench) async fn measure(plan: &Plan, peers: &Peers) -> io::Result<Compared> {
    let targets = peers.among(&Target::ALL);
    let running = peers.start_all(&targets, plan.turn).await?;
    let mut cells: Vec<Cell> = SIZES
        .into_iter()
        .flat_map(|size| plan.connections.iter().map(move |&connections| (size, connections)))
        .map(|(size, connections)| Cell { size, connections, rounds: Vec::new() })
        .collect();
    for round in 0..plan.rounds {
        for cell in &mut cells {
            progress(&format!(
                "peers: round {} of {}, {} connections, {} bytes",
                round + 1,
                plan.rounds,
                cell.connections,
                cell.size
            ));
            let mut figures: Vec<Option<Figures>> = targets.iter().map(|_| None).collect();
            for step in 0..targets.len() {
                // Nobody always follows the same one.
                let index = (step + round) % targets.len();
                let peer = &running[index];
                let mut clients = peer.clients(cell.connections, cell.size).await?;
                let mut turn = turn::run(peer, &mut clients, plan.turn).await?;
                figures[index] = Some(Figures {
                    per_second: turn.per_second(),
                    cpu: turn.cpu_each(),
                    written: turn.written / turn.cycles as f64,
                    tails: turn.tails(),
                });
            }
            cell.rounds.push(figures.into_iter().flatten().collect());
        }
    }
    Ok(Compared {
        tables: vec![speeds(&targets, &cells), tails(&targets, &cells)],
        bars: bars(&targets, &cells),
    })
}

impl Cell {
    /// The median of the rounds.
    fn middle(&self, target: usize, of: impl Fn(&Figures) -> f64) -> f64 {
        median(self.rounds.iter().map(|figures| of(&figures[target])).collect())
    }

    /// The median of the ratios to another target in the same round; NaN if that is left out.
    fn ratio(&self, target: usize, to: Option<usize>, of: impl Fn(&Figures) -> f64) -> f64 {
        let ratio = |figures: &Vec<Figures>| {
            to.map_or(f64::NAN, |to| of(&figures[target]) / of(&figures[to]))
        };
        median(self.rounds.iter().map(ratio).collect())
    }

    fn aim(&self, target: Target) -> Option<&'static Aim> {
        let meant = |aim: &&Aim| aim.target == target && aim.connections == self.connections;
        AIMS.iter().find(meant).filter(|_| self.size == SIZES[0])
    }
}

fn speeds(targets: &[Target], cells: &[Cell]) -> Table {
    const COLUMNS: &[Column] = &[
        Column { heading: "bytes", key: "bytes", decimals: 0 },
        Column { heading: "connections", key: "connections", decimals: 0 },
        Column { heading: "target", key: "target", decimals: 0 },
        Column { heading: "cycles/s", key: "cycles_per_second", decimals: 0 },
        Column { heading: "× beanstalkd -f0", key: "ratio_to_beanstalkd", decimals: 2 },
        Column { heading: "aim", key: "aim_to_beanstalkd", decimals: 1 },
        Column { heading: "× redis list", key: "ratio_to_redis", decimals: 2 },
        Column { heading: "aim", key: "aim_to_redis", decimals: 1 },
        Column { heading: "CPU µs a cycle", key: "cpu_us", decimals: 1 },
        Column { heading: "CPU × 3 echoes", key: "cpu_ratio_to_echoes", decimals: 2 },
        Column { heading: "aim", key: "aim_to_echoes", decimals: 1 },
        Column { heading: "disk bytes a cycle", key: "disk_bytes", decimals: 0 },
    ];
    let mut table =
        Table::new("Cycles (put, get, done) side by side; µs are the server's CPU", COLUMNS);
    let place = |wanted| targets.iter().position(|&target| target == wanted);
    let [beanstalkd, redis, echoes] = [Target::Beanstalkd, Target::List, Target::Echoes].map(place);
    for cell in cells {
        for (index, &target) in targets.iter().enumerate() {
            let aim = cell.aim(target);
            let at_least =
                |aim: Option<f64>| aim.map_or(Value::Null, |aim| json!(format!("≥ {aim}")));
            let at_most =
                |aim: Option<f64>| aim.map_or(Value::Null, |aim| json!(format!("≤ {aim}")));
            table.push(vec![
                json!(cell.size),
                json!(cell.connections),
                json!(target.name()),
                number(cell.middle(index, |figures| figures.per_second)),
                number(cell.ratio(index, beanstalkd, |figures| figures.per_second)),
                at_least(aim.and_then(|aim| aim.to_beanstalkd)),
                number(cell.ratio(index, redis, |figures| figures.per_second)),
                at_least(aim.and_then(|aim| aim.to_redis)),
                number(cell.middle(index, |figures| figures.cpu)),
                number(cell.ratio(index, echoes, |figures| figures.cpu)),
                at_most(aim.and_then(|aim| aim.to_echoes)),
                number(cell.middle(index, |figures| figures.written)),
            ]);
        }
    }
    table
}

fn tails(targets: &[Target], cells: &[Cell]) -> Table {
    const COLUMNS: &[Column] = &[
        Column { heading: "bytes", key: "bytes", decimals: 0 },
        Column { heading: "connections", key: "connections", decimals: 0 },
        Column { heading: "target", key: "target", decimals: 0 },
        Column { heading: "put p50", key: "put_p50_us", decimals: 0 },
        Column { heading: "p99", key: "put_p99_us", decimals: 0 },
        Column { heading: "p99.9", key: "put_p999_us", decimals: 0 },
        Column { heading: "get p50", key: "get_p50_us", decimals: 0 },
        Column { heading: "p99", key: "get_p99_us", decimals: 0 },
        Column { heading: "p99.9", key: "get_p999_us", decimals: 0 },
        Column { heading: "done p50", key: "done_p50_us", decimals: 0 },
        Column { heading: "p99", key: "done_p99_us", decimals: 0 },
        Column { heading: "p99.9", key: "done_p999_us", decimals: 0 },
    ];
    let title = "How long each call took in these turns, in µs";
    let mut table = Table::new(title, COLUMNS);
    for cell in cells {
        for (index, &target) in targets.iter().enumerate() {
            let mut row = vec![json!(cell.size), json!(cell.connections), json!(target.name())];
            for call in 0..CALLS {
                for share in 0..3 {
                    row.push(number(cell.middle(index, |figures| figures.tails[call][share])));
                }
            }
            table.push(row);
        }
    }
    table
}

/// Cycles a second of those that are durable, with small jobs.
fn bars(targets: &[Target], cells: &[Cell]) -> Bars {
    let durable = targets.iter().enumerate().filter(|(_, target)| target.durable());
    let group = |cell: &Cell| Group {
        name: match cell.connections {
            1 => "1 connection".to_owned(),
            many => format!("{many} connections"),
        },
        values: durable
            .clone()
            .map(|(index, _)| cell.middle(index, |figures| figures.per_second))
            .collect(),
    };
    Bars {
        title: "Durable cycles a second: put, get, done of 200-byte jobs".to_owned(),
        names: durable.clone().map(|(_, target)| target.name().to_owned()).collect(),
        groups: cells.iter().filter(|cell| cell.size == SIZES[0]).map(group).collect(),
    }
}
