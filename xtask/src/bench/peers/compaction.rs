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

/// The folder against 2 × what lives and four segments, at most.
const SPACE_AIM: f64 = 1.0;

/// Short enough that what the journal does in one is one thing.
const WINDOW: Duration = Duration::from_millis(100);

/// What `/metrics` says of the journal.
#[derive(Clone, Copy)]
struct Journal {
    bytes: f64,
    live: f64,
    segments: f64,
    copied: f64,
}

/// Two servers in turns: in one every job is done and nothing has to be copied, in the other some stay.
pub(in crate::bench) async fn measure(plan: &Plan, peers: &Peers) -> io::Result<Vec<Table>> {
    const COLUMNS: &[Column] = &[
        Column { heading: "what stays", key: "load", decimals: 0 },
        Column { heading: "windows of 100 ms", key: "windows", decimals: 0 },
        Column { heading: "puts", key: "puts", decimals: 0 },
        Column { heading: "MB copied", key: "copied_megabytes", decimals: 0 },
        Column { heading: "put p50 µs", key: "p50_us", decimals: 0 },
        Column { heading: "p99.9 µs", key: "p999_us", decimals: 0 },
        Column { heading: "p99 µs", key: "p99_us", decimals: 0 },
        Column { heading: "ratio of p99", key: "ratio_p99", decimals: 2 },
        Column { heading: "aim", key: "aim", decimals: 0 },
    ];
    let (calm, busy) = (peers.start(Target::Awaitd).await?, peers.start(Target::Awaitd).await?);
    let mut calm_clients = calm.clients(CONNECTIONS, SIZE).await?;
    let mut busy_clients = busy.clients(CONNECTIONS, SIZE).await?;
    let mut keepers = keepers(&busy).await?;
    let [mut nothing_stays, mut resting, mut copying] =
        [Kind::default(), Kind::default(), Kind::default()];
    let mut fullest = Fullest::default();
    let begun = Instant::now();
    while begun.elapsed() < plan.turnover {
        nothing_stays.add(&window(&calm, &mut calm_clients).await?);
        let seen = window(&busy, &mut busy_clients).await?;
        let kind = if seen.copied > 0.0 { &mut copying } else { &mut resting };
        kind.add(&seen);
        turn::put_all(&mut keepers, seen.puts.len() / STAYS).await?;
        if let Some(journal) = journal(&busy).await? {
            fullest.see(&journal, busy.folder.bytes()? as f64);
        }
        if (resting.windows + copying.windows).is_multiple_of(20) {
            let (elapsed, length) = (begun.elapsed().as_secs(), plan.turnover.as_secs());
            progress(&format!("compaction: {elapsed} s of {length}"));
        }
    }
    let title = format!("Puts while the journal is compacted: 4 KiB, {CONNECTIONS} connections");
    let mut table = Table::new(title, COLUMNS);
    let p99 = nothing_stays.row("nothing", None, &mut table);
    resting.row(&format!("one job of {STAYS}, while nothing is copied"), None, &mut table);
    copying.row(&format!("one job of {STAYS}, while it is copied"), Some(p99), &mut table);
    Ok(vec![table, fullest.table()])
}

struct Seen {
    puts: Vec<f64>,
    copied: f64,
}

async fn window(peer: &Peer, clients: &mut Vec<Client>) -> io::Result<Seen> {
    let copied = |journal: Option<Journal>| journal.map_or(0.0, |journal| journal.copied);
    let before = copied(journal(peer).await?);
    let turn = turn::run(peer, clients, WINDOW).await?;
    let copied = copied(journal(peer).await?) - before;
    let [puts, ..] = turn.times;
    Ok(Seen { puts, copied })
}

/// The windows of one kind, and microseconds of each put in them.
#[derive(Default)]
struct Kind {
    windows: usize,
    puts: Vec<f64>,
    copied: f64,
}

impl Kind {
    fn add(&mut self, seen: &Seen) {
        self.windows += 1;
        self.puts.extend(&seen.puts);
        self.copied += seen.copied;
    }

    /// Shows itself, beside another p99 if there is one, and returns its own.
    fn row(&mut self, what: &str, than: Option<f64>, table: &mut Table) -> f64 {
        self.puts.sort_by(f64::total_cmp);
        let [p50, p99, p999] = [500, 990, 999].map(|share| permille(&self.puts, share));
        table.push(vec![
            json!(what),
            json!(self.windows),
            json!(self.puts.len()),
            number(self.copied / 1e6),
            number(p50),
            number(p999),
            number(p99),
            than.map_or(Value::Null, |than| number(p99 / than)),
            than.map_or(Value::Null, |_| json!(format!("≤ {AIM}"))),
        ]);
        p99
    }
}

/// The moment at which the folder was largest for what lived.
#[derive(Default)]
struct Fullest {
    bytes: f64,
    live: f64,
    bound: f64,
}

impl Fullest {
    fn see(&mut self, journal: &Journal, bytes: f64) {
        let bound = 2.0 * journal.live + 4.0 * journal.bytes / journal.segments;
        if self.bound == 0.0 || bytes / bound > self.bytes / self.bound {
            *self = Self { bytes, live: journal.live, bound };
        }
    }

    fn table(&self) -> Table {
        const COLUMNS: &[Column] = &[
            Column { heading: "what", key: "what", decimals: 0 },
            Column { heading: "MB on disk", key: "megabytes", decimals: 1 },
            Column { heading: "MB that lived", key: "live_megabytes", decimals: 1 },
            Column { heading: "to 2 × that + 4 segments", key: "ratio", decimals: 2 },
            Column { heading: "aim", key: "aim", decimals: 0 },
        ];
        let mut table = Table::new("Space in these turns", COLUMNS);
        if self.bound > 0.0 {
            table.push(vec![
                json!("the folder when it was fullest"),
                number(self.bytes / 1e6),
                number(self.live / 1e6),
                number(self.bytes / self.bound),
                json!(format!("≤ {SPACE_AIM}")),
            ]);
        }
        table
    }
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
    let answer = connection.ask(b"GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n").await?;
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
