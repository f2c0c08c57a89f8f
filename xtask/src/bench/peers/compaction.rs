//! How long puts take while the journal is compacted, and how large its folder becomes.

use std::io;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::client::{Call, Client};
use super::{Peer, Peers, Target, awaitd, turn};
use crate::bench::client::Connection;
use crate::bench::plan::Plan;
use crate::bench::table::{Column, Table};
use crate::bench::{number, permille, progress};

/// Large jobs, so that the folder turns over quickly.
const SIZE: usize = 4096;

const CONNECTIONS: usize = 64;

/// One of so many jobs stays: no segment becomes empty by itself, and what lives in it must be copied.
const STAYS: usize = 8;

/// p99 while copying to p99 otherwise, at most.
const AIM: f64 = 2.0;

/// Short enough that copying goes on in some windows only.
const WINDOW: Duration = Duration::from_millis(100);

/// What `/metrics` says of the journal.
#[derive(Clone, Copy)]
struct Journal {
    bytes: f64,
    live: f64,
    segments: f64,
    copied: f64,
}

pub(in crate::bench) async fn measure(plan: &Plan, peers: &Peers) -> io::Result<Table> {
    const COLUMNS: &[Column] = &[
        Column { heading: "windows of 100 ms", key: "windows", decimals: 0 },
        Column { heading: "how many", key: "count", decimals: 0 },
        Column { heading: "puts", key: "puts", decimals: 0 },
        Column { heading: "put p50 µs", key: "p50_us", decimals: 0 },
        Column { heading: "p99 µs", key: "p99_us", decimals: 0 },
        Column { heading: "p99.9 µs", key: "p999_us", decimals: 0 },
        Column { heading: "ratio of p99", key: "ratio_p99", decimals: 2 },
        Column { heading: "aim", key: "aim", decimals: 0 },
    ];
    let peer = peers.start(Target::Awaitd).await?;
    let mut clients = peer.clients(CONNECTIONS, SIZE).await?;
    let mut keepers = keepers(&peer).await?;
    let (mut calm, mut copying) = (Kind::default(), Kind::default());
    let (mut last, mut largest) = (None, None::<Journal>);
    let begun = Instant::now();
    while begun.elapsed() < plan.turnover {
        let before = journal(&peer).await?;
        let turn = turn::run(&peer, &mut clients, WINDOW).await?;
        let after = journal(&peer).await?;
        let copied = before.zip(after).is_some_and(|(before, after)| after.copied > before.copied);
        let kind = if copied { &mut copying } else { &mut calm };
        kind.windows += 1;
        kind.puts.extend(&turn.times[0]);
        turn::put_all(&mut keepers, turn.cycles / STAYS).await?;
        last = after;
        largest = after.into_iter().chain(largest).max_by(|a, b| a.bytes.total_cmp(&b.bytes));
        if (calm.windows + copying.windows).is_multiple_of(20) {
            progress(&format!(
                "compaction: {:.0} s of {:.0}, copying in {} of {} windows",
                begun.elapsed().as_secs_f64(),
                plan.turnover.as_secs_f64(),
                copying.windows,
                copying.windows + calm.windows
            ));
        }
    }
    let mut table = Table::new(title(last, largest), COLUMNS);
    let calm_p99 = calm.row("without copying", f64::NAN, &mut table);
    copying.row("while the journal copies", calm_p99, &mut table);
    Ok(table)
}

/// The windows of one kind, and microseconds of each put in them.
#[derive(Default)]
struct Kind {
    windows: usize,
    puts: Vec<f64>,
}

impl Kind {
    /// Shows itself beside another p99 and returns its own.
    fn row(&mut self, what: &str, than: f64, table: &mut Table) -> f64 {
        self.puts.sort_by(f64::total_cmp);
        let [p50, p99, p999] = [500, 990, 999].map(|share| permille(&self.puts, share));
        table.push(vec![
            json!(what),
            json!(self.windows),
            json!(self.puts.len()),
            number(p50),
            number(p99),
            number(p999),
            number(p99 / than),
            if than.is_nan() { Value::Null } else { json!(format!("≤ {AIM}")) },
        ]);
        p99
    }
}

fn title(last: Option<Journal>, largest: Option<Journal>) -> String {
    let Some((last, largest)) = last.zip(largest) else {
        return "Puts and compaction: this server tells nothing of a journal".to_owned();
    };
    let megabytes = |bytes: f64| format!("{:.0} MB", bytes / 1e6);
    format!(
        "Puts of 4 KiB while one job of {STAYS} stays; {CONNECTIONS} connections, {} copied; at most {} in {} segments, when {} lived",
        megabytes(last.copied),
        megabytes(largest.bytes),
        largest.segments,
        megabytes(largest.live),
    )
}

/// Those who put jobs that nobody is going to get.
async fn keepers(peer: &Peer) -> io::Result<Vec<Client>> {
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        let protocol = Box::new(awaitd::Awaitd::new("kept", SIZE));
        clients.push(Client::open(peer.server.address(), protocol).await?);
    }
    clients[0].call(Call::Prepare).await?;
    Ok(clients)
}

/// `None` if the server tells nothing of it.
async fn journal(peer: &Peer) -> io::Result<Option<Journal>> {
    let mut connection = Connection::open(&peer.server).await?;
    let answer = connection.ask(b"GET /metrics HTTP/1.1\r\nHost: bench\r\n\r\n").await?;
    let answer = answer.expect(200)?.body;
    let text = String::from_utf8_lossy(&answer);
    let value = |name: &str| {
        let named = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        named.and_then(|value| value.parse().ok())
    };
    let journal = || {
        Some(Journal {
            bytes: value("awaitd_journal_bytes")?,
            live: value("awaitd_journal_live_bytes")?,
            segments: value("awaitd_journal_segments")?,
            copied: value("awaitd_journal_copied_bytes_total")?,
        })
    };
    Ok(journal())
}
