//! `cargo xtask bench`: what a cycle, a hand-off, a parked get and a queued job cost.
//!
//! The server is the release binary in a process of its own, and so are the other queues that it is
//! compared with; the load comes from one thread of this process over loopback. Costs are the server's
//! CPU time, compared with an echo or a peer in the same minute, since rates alone say more about the
//! machine than about the program. Nothing here passes or fails on time.

mod batches;
mod client;
mod commands;
mod due;
mod folder;
mod growth;
mod load;
mod parked;
mod peers;
mod picture;
mod plan;
mod report;
mod server;
pub(crate) mod soak;
mod speed;
mod table;
mod visits;

use std::env;
use std::fs;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::process;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use serde_json::{Value, json};

use self::folder::Folder;
use self::peers::Peers;
use self::plan::Plan;
use self::report::Report;

/// `cargo xtask bench`
#[derive(clap::Args)]
pub(crate) struct Args {
    /// Takes less than three minutes: fewer rounds, smaller numbers, rougher figures
    #[arg(long)]
    quick: bool,
    /// Measures only this part; may be repeated
    #[arg(long, value_name = "PART")]
    only: Vec<Part>,
    /// Writes the figures to this file as JSON, too
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Writes the figures into this file as Markdown, too, below its line `<!-- figures -->` if it
    /// has one, and a picture of them beside it
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Measures this binary instead of building one
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    /// Put, get and done against three echoes, at 1, 16, 64 and 256 connections
    Cycle,
    /// From a put to the answer of a get that waits, alone and beside peers
    HandOff,
    /// A permit of a semaphore, for which ten, a hundred and a thousand wait
    Permits,
    /// Put, get and done of a hundred jobs in three requests, durable and not
    Batches,
    /// How long puts take while 1,000,000 delayed jobs fall due in one second
    Due,
    /// Memory of a get that waits
    Parked,
    /// Memory of a queued job; costs at depth 0, 100,000 and 1,000,000, alone and beside peers
    Depth,
    /// Memory of a queue; costs beside 1, 1,000 and 100,000 other queues
    Queues,
    /// Put, get and done beside beanstalkd and redis, durable and not
    Peers,
    /// Memory of a queued job beside peers
    Memory,
    /// Time to serve again with 1,000,000 jobs, beside peers
    Recovery,
    /// A single client's put against one write to the disk
    Disk,
    /// How long puts take while the journal is compacted
    Compaction,
    /// How long `awaitd lock NAME -- true` takes beside `flock FILE true`
    Cli,
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
    plan.fit_open_files()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let begun = Instant::now();
    let mut report = runtime.block_on(measure(&plan, &args.only))?;
    progress("");

    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let kind = if args.quick { "quick" } else { "full" };
    let took = begun.elapsed().as_secs_f64();
    let run = format!("A {kind} run in {took:.0} s on {}", machine(cores)?);
    report.notes.insert(0, run);
    print!("{report}\ndocs/benchmarks.md says how to read this.\n");
    if let Some(file) = &args.json {
        fs::write(file, format!("{:#}\n", report.json(kind, cores)))?;
    }
    if let Some(file) = &args.markdown {
        report.write_markdown(file)?;
    }
    Ok(())
}

async fn measure(plan: &Plan, only: &[Part]) -> io::Result<Report> {
    const BESIDE_PEERS: [Part; 5] =
        [Part::HandOff, Part::Depth, Part::Peers, Part::Memory, Part::Recovery];
    let wanted = |part| only.is_empty() || only.contains(&part);
    let beside_peers = BESIDE_PEERS.into_iter().any(wanted);
    let peers = if beside_peers { Peers::bring(&plan.binary) } else { Peers::none(&plan.binary) };
    let mut report = Report { notes: peers.notes.clone(), ..Report::default() };
    let tables = &mut report.tables;
    let mut memory = table::memory();
    if wanted(Part::Peers) {
        let compared = peers::cycles(plan, &peers).await?;
        tables.extend(compared.tables);
        report.bars = Some(compared.bars);
    }
    if wanted(Part::Cycle) {
        tables.push(speed::cycles(plan).await?);
    }
    if wanted(Part::HandOff) {
        tables.push(peers::hand_offs(plan, &peers).await?);
        tables.push(speed::hand_offs(plan).await?);
    }
    if wanted(Part::Permits) {
        tables.push(speed::permits(plan).await?);
    }
    if wanted(Part::Batches) {
        tables.push(batches::measure(plan).await?);
    }
    if wanted(Part::Due) {
        tables.push(due::measure(plan).await?);
    }
    if wanted(Part::Disk) {
        tables.push(peers::disk(plan, &peers).await?);
    }
    if wanted(Part::Compaction) {
        tables.extend(peers::compaction(plan, &peers).await?);
    }
    if wanted(Part::Cli) {
        tables.push(commands::measure(plan).await?);
    }
    if wanted(Part::Parked) {
        parked::measure(plan, &mut memory).await?;
    }
    if wanted(Part::Depth) {
        tables.push(peers::depth(plan, &peers).await?);
        tables.push(growth::depth(plan, &mut memory).await?);
    }
    if wanted(Part::Queues) {
        tables.push(growth::queues(plan, &mut memory).await?);
    }
    if wanted(Part::Memory) {
        tables.push(peers::memory(plan, &peers).await?);
    }
    if wanted(Part::Recovery) {
        tables.push(peers::recovery(plan, &peers).await?);
    }
    if !memory.is_empty() {
        tables.push(memory);
    }
    let aims = table::aims(tables);
    if !aims.is_empty() {
        tables.insert(0, aims);
    }
    Ok(report)
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

/// What there is to know of the machine, as far as it tells.
fn machine(cores: usize) -> io::Result<String> {
    let processors = fs::read_to_string("/proc/cpuinfo")?;
    let model =
        processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("a processor", |(_, model)| model);
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let file_system = Folder::new()?.file_system();
    let file_system = file_system.map_or(String::new(), |name| format!(", data on {name}"));
    let kernel = kernel.trim().split('-').next().unwrap_or_default();
    Ok(format!("{cores} cores of {model}, Linux {kernel}{file_system}"))
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
    permille(&values, 500)
}

/// The value that so many of a thousand sorted values do not exceed; NaN if there are none.
fn permille(sorted: &[f64], share: usize) -> f64 {
    let index = (sorted.len() * share / 1000).min(sorted.len().saturating_sub(1));
    sorted.get(index).copied().unwrap_or(f64::NAN)
}

fn micros(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e6
}

/// For a table: null if it is none.
fn number(value: f64) -> Value {
    if value.is_finite() { json!(value) } else { Value::Null }
}
