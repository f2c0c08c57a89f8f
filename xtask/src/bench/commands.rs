//! What a shell waits for: `awaitd lock NAME -- true` on a lock that is free, against `flock FILE true`.

use std::io;
use std::process::{Command, Stdio};
use std::time::Instant;

use serde_json::{Value, json};

use super::folder::Folder;
use super::plan::Plan;
use super::server::Server;
use super::table::{Column, Table};
use super::{micros, number, permille, progress};

/// Milliseconds above `flock`, at most.
const AIM: f64 = 15.0;

pub(super) async fn measure(plan: &Plan) -> io::Result<Table> {
    const COLUMNS: &[Column] = &[
        Column { heading: "what", key: "what", decimals: 0 },
        Column { heading: "p50 ms", key: "p50_ms", decimals: 2 },
        Column { heading: "p99 ms", key: "p99_ms", decimals: 2 },
        Column { heading: "p50 above flock, ms", key: "above_ms", decimals: 2 },
        Column { heading: "aim", key: "aim", decimals: 0 },
    ];
    let server = Server::start(&plan.binary, Some(1)).await?;
    let folder = Folder::new()?;
    let binary = plan.binary.display().to_string();
    let file = folder.path().join("lock").display().to_string();
    let url = format!("http://{}", server.address());
    // The command alone is what both have in common.
    let commands: [(&str, &[&str]); 4] = [
        ("true", &["true"]),
        ("flock FILE true", &["flock", &file, "true"]),
        ("awaitd lock NAME -- true", &[&binary, "lock", "bench", "--url", &url, "--", "true"]),
        ("awaitd health", &[&binary, "health", "--url", &url]),
    ];
    let mut times: [Vec<f64>; 4] = Default::default();
    let rounds = plan.hand_offs + plan.hand_offs / 10;
    for round in 0..rounds {
        if round.is_multiple_of(50) {
            progress(&format!("commands: {round} of {rounds}"));
        }
        for ((_, words), times) in commands.iter().zip(&mut times) {
            let took = timed(words)?;
            // The first tenth warms up.
            if round >= plan.hand_offs / 10 {
                times.push(took);
            }
        }
    }
    let mut table = Table::new("Commands, from their start to their end", COLUMNS);
    for times in &mut times {
        times.sort_by(f64::total_cmp);
    }
    let flock = permille(&times[1], 500);
    for (index, ((what, _), times)) in commands.iter().zip(&times).enumerate() {
        let p50 = permille(times, 500);
        let above = if index == 2 { number(p50 - flock) } else { Value::Null };
        let aim = if index == 2 { json!(format!("≤ {AIM}")) } else { Value::Null };
        table.push(vec![json!(what), number(p50), number(permille(times, 990)), above, aim]);
    }
    Ok(table)
}

/// Milliseconds.
fn timed(words: &[&str]) -> io::Result<f64> {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).stdin(Stdio::null()).stdout(Stdio::null());
    let begun = Instant::now();
    let status = command.status()?;
    let took = micros(begun.elapsed()) / 1_000.0;
    if status.success() { Ok(took) } else { Err(io::Error::other(format!("{words:?}: {status}"))) }
}
