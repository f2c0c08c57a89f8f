//! `cargo xtask soak`: a server with a journal under a steady mixed load for about an hour. Does its memory grow,
//! do its descriptors, does an operation become dearer, and is every job there that was put?

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::folder::Folder;
use super::load::{self, Load};
use super::report::Report;
use super::server::Server;
use super::table::{Column, Table};
use super::visits::{Counts, QUEUE, Visits};
use super::{build, machine, number, permille, progress, run_optimised};

/// How much of what the machine can do is asked of it: a server is not run at its limit.
const SHARE: f64 = 0.6;

/// How long the machine is asked what it can do.
const CALIBRATION: Duration = Duration::from_secs(20);

const CONNECTIONS: usize = 64;

/// Descriptors may come and go by so many, as segments of the journal do.
const DESCRIPTORS: f64 = 8.0;

/// For a slope: what a server makes in its first minutes says nothing about its years.
const MINUTES_MIN: usize = 10;

/// `cargo xtask soak`
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How long, such as 90s, 55m or 8h
    #[arg(long = "for", value_name = "LENGTH", default_value = "55m", value_parser = length)]
    length: Duration,
    /// Writes the figures into this file as Markdown, too, below its line `<!-- figures -->` if it has one
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Runs this binary instead of building one
    #[arg(long, value_name = "FILE")]
    binary: Option<PathBuf>,
}

fn length(text: &str) -> Result<Duration, String> {
    let unit = text.chars().last().unwrap_or(' ');
    let seconds = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        _ => return Err("a number with s, m or h behind it".to_owned()),
    };
    let count = text[..text.len() - 1].parse::<u32>().map_err(|error| error.to_string())?;
    Ok(Duration::from_secs(seconds * u64::from(count)))
}

/// What a minute was like.
struct Minute {
    /// Hours since the load began.
    at: f64,
    resident: f64,
    descriptors: f64,
}

/// Loads, and says how it went; an error if descriptors grew or jobs were lost.
pub(crate) fn run(args: &Args) -> io::Result<()> {
    if cfg!(debug_assertions) {
        return run_optimised();
    }
    let binary = args.binary.clone().map_or_else(build, Ok)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (report, wrong) = runtime.block_on(soak(&binary, args.length))?;
    progress("");
    print!("{report}");
    if let Some(file) = &args.markdown {
        report.write_markdown(file)?;
    }
    if wrong.is_empty() { Ok(()) } else { Err(io::Error::other(wrong.join("; "))) }
}

async fn soak(binary: &Path, length: Duration) -> io::Result<(Report, Vec<String>)> {
    let folder = Folder::new()?;
    let server = Server::start_in(Some(folder.path()), binary, None).await?;
    for queue in [load::QUEUE, QUEUE] {
        load::put(&server, &format!("/v1/queues/{queue}"), r#"{"maxsize": 0}"#).await?;
    }
    progress("calibrating");
    let mut connections = load::open(&server, CONNECTIONS).await?;
    let can = load::run(&server, Load::Cycle, &mut connections, CALIBRATION).await?.per_second();
    let rate = can * SHARE;
    let mut visits = Visits::start(connections, rate);

    let mut table = table();
    let mut minutes = Vec::new();
    let begun = Instant::now();
    let mut before = (begun, server.cpu_since_start()?);
    while begun.elapsed() < length {
        let left = length.saturating_sub(begun.elapsed());
        tokio::time::sleep(left.min(Duration::from_mins(1))).await;
        visits.expect_running()?;
        let (now, cpu) = (Instant::now(), server.cpu_since_start()?);
        let (requests, mut waits) = visits.since_last();
        let minute = Minute {
            at: begun.elapsed().as_secs_f64() / 3_600.0,
            resident: server.resident()?,
            descriptors: server.descriptors()? as f64,
        };
        waits.sort_by(f64::total_cmp);
        let seconds = (now - before.0).as_secs_f64();
        let row = vec![
            json!(minute.at * 60.0),
            json!(requests as f64 / seconds),
            json!(minute.resident / MIB),
            json!(minute.descriptors),
            number(cpu.saturating_sub(before.1).as_secs_f64() * 1e6 / requests as f64),
            number(permille(&waits, 500)),
            number(permille(&waits, 990)),
        ];
        progress(&row.iter().map(shown).collect::<Vec<_>>().join("  "));
        table.push(row);
        minutes.push(minute);
        before = (now, cpu);
    }
    let counts = visits.end().await?;
    let mut wrong = Vec::new();
    let lost = lost(&server, &counts).await?;
    if lost != 0 {
        wrong.push(format!("{lost} jobs were lost, or came from nowhere if that is below 0"));
    }
    if grew(&minutes) {
        wrong.push("there are more open descriptors at the end than at the beginning".to_owned());
    }
    let slope = slope(&minutes[minutes.len() / 2..]);
    let slope = slope.map_or("too few minutes for a slope".to_owned(), |bytes| {
        format!("resident memory over the last half: {:+.2} MiB an hour", bytes / MIB)
    });
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let notes = vec![
        format!("{:.0} minutes on {}", length.as_secs_f64() / 60.0, machine(cores)?),
        format!("{rate:.0} visits a second, {SHARE} of the {can:.0} cycles that were possible"),
        format!(
            "{} jobs put, {} done, {lost} lost (the others are in the queue); {} leases were left to run out",
            counts.put, counts.done, counts.left
        ),
        slope,
    ];
    Ok((Report { notes, tables: vec![table], ..Report::default() }, wrong))
}

const MIB: f64 = 1_048_576.0;

fn table() -> Table {
    const COLUMNS: &[Column] = &[
        Column { heading: "minute", key: "minute", decimals: 1 },
        Column { heading: "requests a second", key: "per_second", decimals: 0 },
        Column { heading: "resident MiB", key: "resident_mib", decimals: 1 },
        Column { heading: "descriptors", key: "descriptors", decimals: 0 },
        Column { heading: "µs of CPU a request", key: "cpu_us", decimals: 1 },
        Column { heading: "p50 ms a visit", key: "p50_ms", decimals: 2 },
        Column { heading: "p99 ms a visit", key: "p99_ms", decimals: 2 },
    ];
    Table::new("A steady mixed load, minute by minute", COLUMNS)
}

fn shown(value: &Value) -> String {
    value.as_f64().map_or_else(|| "-".to_owned(), |value| format!("{value:.2}"))
}

/// Jobs that were put, were not done, and are not there.
async fn lost(server: &Server, counts: &Arc<Counts>) -> io::Result<i64> {
    let request = format!("GET /v1/queues/{QUEUE} HTTP/1.1\r\nHost: localhost\r\n\r\n");
    let mut connections = load::open(server, 1).await?;
    let state = connections[0].ask(request.as_bytes()).await?.expect(200)?.body;
    let state: Value = serde_json::from_slice(&state)?;
    let there = ["ready", "delayed", "leased", "dead"].map(|what| state[what].as_i64());
    let there: Option<i64> = there.into_iter().sum();
    let there = there.ok_or_else(|| io::Error::other(format!("no counts in {state}")))?;
    Ok(counts.put.get().cast_signed() - counts.done.get().cast_signed() - there)
}

/// Whether the last third of the run had more descriptors than the first.
fn grew(minutes: &[Minute]) -> bool {
    let third = minutes.len().div_ceil(3);
    let middle = |part: &[Minute]| super::median(part.iter().map(|it| it.descriptors).collect());
    middle(&minutes[minutes.len() - third..]) > middle(&minutes[..third]) + DESCRIPTORS
}

/// Bytes an hour, by least squares; nothing if there are too few to tell.
fn slope(minutes: &[Minute]) -> Option<f64> {
    if minutes.len() < MINUTES_MIN {
        return None;
    }
    let count = minutes.len() as f64;
    let mean = |of: fn(&Minute) -> f64| minutes.iter().map(of).sum::<f64>() / count;
    let (at, resident) = (mean(|it| it.at), mean(|it| it.resident));
    let rise: f64 = minutes.iter().map(|it| (it.at - at) * (it.resident - resident)).sum();
    let run: f64 = minutes.iter().map(|it| (it.at - at).powi(2)).sum();
    Some(rise / run)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn minutes(of: impl Fn(f64) -> (f64, f64)) -> Vec<Minute> {
        let minute = |number: u32| {
            let (resident, descriptors) = of(f64::from(number));
            Minute { at: f64::from(number) / 60.0, resident, descriptors }
        };
        (0..30).map(minute).collect()
    }

    /// A leak of a byte a minute is one of sixty an hour, whatever it starts from.
    #[test]
    fn what_grows_is_seen() {
        let leak = minutes(|number| (1e6 + number, 20.0 + number));
        assert!((slope(&leak).expect("many") - 60.0).abs() < 1e-6);
        assert!(grew(&leak));
        let steady = minutes(|number| (1e6, 20.0 + number % 5.0));
        assert!(slope(&steady).expect("many").abs() < 1e-6);
        assert!(!grew(&steady));
        assert!(slope(&steady[..3]).is_none(), "three minutes say nothing");
    }
}
