//! What many queued jobs cost: memory while they are there, and time to read them again.

use std::io;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::Call;
use super::{Peer, Peers, Target, turn};
use crate::bench::folder::Folder;
use crate::bench::plan::Plan;
use crate::bench::table::{Column, Table};
use crate::bench::{number, progress};

const SIZE: usize = 200;

/// Memory beyond a job's body: at most, and if we can.
const MEMORY_AIMS: (usize, usize) = (200, 120);

pub(in crate::bench) async fn memory(plan: &Plan, peers: &Peers) -> io::Result<Table> {
    const COLUMNS: &[Column] = &[
        Column { heading: "target", key: "target", decimals: 0 },
        Column { heading: "jobs", key: "jobs", decimals: 0 },
        Column { heading: "resident bytes each", key: "bytes_each", decimals: 0 },
        Column { heading: "beyond a body that is there", key: "beyond_the_body", decimals: 0 },
        Column { heading: "aim", key: "aim", decimals: 0 },
        Column { heading: "if we can", key: "stretch", decimals: 0 },
    ];
    // The log of beanstalkd changes nothing in its memory, and would wait a million times for the disk.
    const TARGETS: [Target; 6] = [
        Target::Awaitd,
        Target::AwaitdOverBudget,
        Target::AwaitdMemory,
        Target::ListMemory,
        Target::Stream,
        Target::BeanstalkdMemory,
    ];
    let mut table = Table::new("Memory of a queued job of 200 bytes, beside peers", COLUMNS);
    let jobs = plan.depths[2];
    for target in peers.among(&TARGETS) {
        let peer = peers.start(target).await?;
        let mut clients = peer.clients(turn::LANES, SIZE).await?;
        turn::run(&peer, &mut clients, plan.turn).await?;
        let before = peer.server.resident()?;
        turn::fill(&peer, jobs, SIZE).await?;
        let each = (peer.server.resident()? - before) / jobs as f64;
        // Above the budget the body is on the disk alone.
        let body = if target == Target::AwaitdOverBudget { 0 } else { SIZE };
        let aimed = matches!(target, Target::Awaitd | Target::AwaitdOverBudget);
        table.push(vec![
            json!(target.name()),
            json!(jobs),
            number(each),
            number(each - body as f64),
            if aimed { json!(format!("≤ {}", MEMORY_AIMS.0)) } else { Value::Null },
            if aimed { json!(format!("≤ {}", MEMORY_AIMS.1)) } else { Value::Null },
        ]);
    }
    Ok(table)
}

pub(in crate::bench) async fn recovery(plan: &Plan, peers: &Peers) -> io::Result<Table> {
    const COLUMNS: &[Column] = &[
        Column { heading: "target", key: "target", decimals: 0 },
        Column { heading: "ended by", key: "ended_by", decimals: 0 },
        Column { heading: "jobs", key: "jobs", decimals: 0 },
        Column { heading: "MB on disk", key: "megabytes", decimals: 0 },
        Column { heading: "seconds", key: "seconds", decimals: 2 },
        Column { heading: "seconds of CPU", key: "cpu_seconds", decimals: 2 },
        Column { heading: "aim", key: "aim", decimals: 0 },
    ];
    let mut table =
        Table::new("Recovery: from the start until it serves, with jobs of 200 bytes", COLUMNS);
    let jobs = plan.depths[2];
    for target in peers.among(&[Target::Awaitd, Target::List, Target::Beanstalkd]) {
        let mut peer = filled(peers, target, jobs).await?;
        for ended_by in ["SIGTERM", "SIGKILL"] {
            progress(&format!("recovery: {} after {ended_by}", target.name()));
            let Peer { server, folder, .. } = peer;
            match ended_by {
                "SIGTERM" => server.terminate()?,
                _ => drop(server),
            }
            let bytes = folder.bytes()?;
            let begun = Instant::now();
            peer = peers.start_in(target, folder, true).await?;
            let took = begun.elapsed();
            let cpu = peer.server.cpu_since_start()?;
            // Not to be quick about nothing.
            let mut client = peer.client(0, SIZE).await?;
            let got = tokio::time::timeout(Duration::from_secs(5), client.call(Call::Get)).await;
            if !matches!(got, Ok(Ok(()))) {
                let name = target.name();
                return Err(io::Error::other(format!("{name} has lost its jobs: {got:?}")));
            }
            // As many seconds as there are millions of jobs, three times.
            let aim = 3.0 * jobs as f64 / 1e6;
            table.push(vec![
                json!(target.name()),
                json!(ended_by),
                json!(jobs),
                number(bytes as f64 / 1e6),
                number(took.as_secs_f64()),
                number(cpu.as_secs_f64()),
                if target == Target::Awaitd { json!(format!("≤ {aim}")) } else { Value::Null },
            ]);
        }
    }
    Ok(table)
}

/// A target with so many jobs in it. beanstalkd would take minutes for a million puts that each wait
/// for the disk, so there they are put without, and it is started again.
pub(super) async fn filled(peers: &Peers, target: Target, jobs: usize) -> io::Result<Peer> {
    if jobs == 0 || target != Target::Beanstalkd {
        let peer = peers.start(target).await?;
        turn::fill(&peer, jobs, SIZE).await?;
        return Ok(peer);
    }
    let peer = peers.start_in(target, Folder::new()?, false).await?;
    turn::fill(&peer, jobs, SIZE).await?;
    peer.server.terminate()?;
    peers.start_in(target, peer.folder, true).await
}
