//! `cargo xtask bench`: what a cycle, a hand-off, a parked get and a queued job cost.
//!
//! The server is the release binary in a process of its own; the load comes from one thread of this
//! process over loopback. Costs are the server's CPU time, compared with an echo of the same server
//! in the same minute, since rates alone say more about the machine than about the program. Nothing
//! here passes or fails on time.

mod client;
mod growth;
mod load;
mod parked;
mod server;
mod speed;
mod table;

use std::env;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use serde_json::json;

use self::table::Table;

/// `cargo xtask bench`
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Takes less than half a minute: fewer rounds, smaller numbers, rougher figures
    #[arg(long)]
    quick: bool,
    /// Measures only this part; may be repeated
    #[arg(long, value_name = "PART")]
    only: Vec<Part>,
    /// Writes the figures to this file as JSON, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Measures this binary instead of building one
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Put, get and done against three echoes, at 1, 16, 64 and 256 connections
    Cycle,
    /// From a put to the answer of a get that waits
    HandOff,
    /// Memory of a get that waits
    Parked,
    /// Memory of a queued job; costs at depth 0, 100,000 and 1,000,000
    Depth,
    /// Memory of a queue; costs beside 1, 1,000 and 100,000 other queues
    Queues,
}

/// How much is measured.
struct Plan {
    binary: PathBuf,
    /// Each round measures everything that is compared once; a figure is the median of its rounds.
    rounds: usize,
    /// How long one load lasts in one round.
    slice: Duration,
    workers: [usize; 2],
    connections: &'static [usize],
    hand_offs: usize,
    parked: usize,
    depths: [usize; 3],
    queues: [usize; 3],
    /// Puts, gets and dones of one round at one depth.
    requests: usize,
}

impl Plan {
    fn full(binary: PathBuf) -> Self {
        Self {
            binary,
            rounds: 5,
            slice: Duration::from_secs(1),
            workers: [1, 2],
            connections: &[1, 16, 64, 256],
            hand_offs: 400,
            parked: 10_000,
            depths: [0, 100_000, 1_000_000],
            queues: [1, 1_000, 100_000],
            requests: 6_400,
        }
    }

    fn quick(binary: PathBuf) -> Self {
        Self {
            rounds: 3,
            slice: Duration::from_millis(200),
            hand_offs: 100,
            parked: 2_000,
            depths: [0, 10_000, 100_000],
            queues: [1, 100, 10_000],
            requests: 1_600,
            ..Self::full(binary)
        }
    }
}

/// Measures and prints.
pub(crate) fn run(args: &Args) -> io::Result<()> {
    if cfg!(debug_assertions) {
        return run_optimised();
    }
    let binary = match &args.binary {
        Some(binary) => binary.clone(),
        None => build()?,
    };
    let mut plan = if args.quick { Plan::quick(binary) } else { Plan::full(binary) };
    fit_open_files(&mut plan)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let begun = Instant::now();
    let tables = runtime.block_on(measure(&plan, &args.only))?;
    progress("");

    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kind = if args.quick { "quick" } else { "full" };
    println!("{kind} run in {:.0} s on {cores} cores", begun.elapsed().as_secs_f64());
    for table in &tables {
        print!("\n{table}");
    }
    println!("\ndocs/benchmarks.md says how to read this.");
    if let Some(file) = &args.json {
        let tables: Vec<_> = tables.iter().map(Table::json).collect();
        let report = json!({ "kind": kind, "cores": cores, "tables": tables });
        fs::write(file, format!("{report:#}\n"))?;
    }
    Ok(())
}

async fn measure(plan: &Plan, only: &[Part]) -> io::Result<Vec<Table>> {
    let wanted = |part| only.is_empty() || only.contains(&part);
    let mut tables = Vec::new();
    let mut memory = table::memory();
    if wanted(Part::Cycle) {
        tables.push(speed::cycles(plan).await?);
    }
    if wanted(Part::HandOff) {
        tables.push(speed::hand_offs(plan).await?);
    }
    if wanted(Part::Parked) {
        parked::measure(plan, &mut memory).await?;
    }
    if wanted(Part::Depth) {
        tables.push(growth::depth(plan, &mut memory).await?);
    }
    if wanted(Part::Queues) {
        tables.push(growth::queues(plan, &mut memory).await?);
    }
    if !memory.is_empty() {
        tables.push(memory);
    }
    Ok(tables)
}

/// The load has to be cheap beside the server, so this program runs itself again optimised, and with
/// as many open files as it may have, which the server inherits.
fn run_optimised() -> io::Result<()> {
    let status = process::Command::new("sh")
        .args(["-c", r#"ulimit -n "$(ulimit -Hn)"; exec "$@""#, "sh"])
        .arg(cargo())
        .args(["run", "--release", "--package", "xtask", "--"])
        .args(env::args_os().skip(1))
        .status()?;
    if status.success() { Ok(()) } else { Err(io::Error::other("the benchmark did not end well")) }
}

/// Builds the server and says where it is.
fn build() -> io::Result<PathBuf> {
    let built = process::Command::new(cargo())
        .args(["build", "--release", "--package", "awaitd", "--bin", "awaitd"])
        .status()?;
    if !built.success() {
        return Err(io::Error::other("the server was not built"));
    }
    Ok(env::current_exe()?.with_file_name("awaitd"))
}

fn cargo() -> String {
    env::var("CARGO").unwrap_or_else(|_| "cargo".into())
}

/// Both processes hold one file per parked get. Measures fewer gets if that is too many, and says so.
fn fit_open_files(plan: &mut Plan) -> io::Result<()> {
    const OTHERS: usize = 500;
    let limits = fs::read_to_string("/proc/self/limits")?;
    let allowed = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .and_then(|rest| rest.split_whitespace().next())
        .and_then(|soft| soft.parse::<usize>().ok())
        .unwrap_or(usize::MAX); // "unlimited"
    let fits = allowed.saturating_sub(OTHERS);
    if fits < plan.parked {
        eprintln!(
            "only {fits} gets are parked, not {}: `ulimit -n` allows {allowed} open files",
            plan.parked
        );
        plan.parked = fits;
    }
    Ok(())
}

/// Says what is going on: one line that is written over on a terminal, else a line each.
fn progress(what: &str) {
    let mut stderr = io::stderr();
    // Progress that cannot be shown is no reason to stop.
    let _ = if stderr.is_terminal() {
        write!(stderr, "\r\x1b[K{what}").and_then(|()| stderr.flush())
    } else if what.is_empty() {
        Ok(())
    } else {
        writeln!(stderr, "{what}")
    };
}

/// The middle of what several rounds measured; NaN if there were none.
fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    percentile(&values, 50)
}

/// The value that `percent` of the sorted values do not exceed; NaN if there are none.
fn percentile(sorted: &[f64], percent: usize) -> f64 {
    let index = (sorted.len() * percent / 100).min(sorted.len().saturating_sub(1));
    sorted.get(index).copied().unwrap_or(f64::NAN)
}
