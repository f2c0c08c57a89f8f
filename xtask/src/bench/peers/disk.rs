//! What a single client waits for: its put against the least that a durable put could be, and its
//! get against the same get without a disk.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::time::Instant;

use serde_json::{Value, json};

use super::client::{Call, Client};
use super::{Peers, Target};
use crate::bench::folder::Folder;
use crate::bench::plan::Plan;
use crate::bench::table::{Column, Table};
use crate::bench::{micros, number, permille, progress};

const SIZE: usize = 200;

/// Both ratios, at most.
const AIM: f64 = 1.3;

pub(in crate::bench) async fn measure(plan: &Plan, peers: &Peers) -> io::Result<Table> {
    const COLUMNS: &[Column] = &[
        Column { heading: "what", key: "what", decimals: 0 },
        Column { heading: "p50 µs", key: "p50_us", decimals: 0 },
        Column { heading: "p99 µs", key: "p99_us", decimals: 0 },
        Column { heading: "ratio of p50", key: "ratio_p50", decimals: 2 },
        Column { heading: "aim", key: "aim", decimals: 0 },
    ];
    let durable = peers.start(Target::Awaitd).await?;
    let memory = peers.start(Target::AwaitdMemory).await?;
    let echo = Client::open(memory.server.address(), Target::Echoes.protocol(0, SIZE)).await?;
    let mut single = Single {
        durable: durable.client(0, SIZE).await?,
        memory: memory.client(0, SIZE).await?,
        echo,
        file: Prepared::new(plan.singles + plan.singles / 10)?,
    };
    // The first tenth warms up.
    for _ in 0..plan.singles / 10 {
        single.all(&mut Times::default()).await?;
    }
    let mut times = Times::default();
    for done in 0..plan.singles {
        if done.is_multiple_of(500) {
            progress(&format!("disk: {done} of {}", plan.singles));
        }
        single.all(&mut times).await?;
    }
    let mut table =
        Table::new("A single client with jobs of 200 bytes, one call after the other", COLUMNS);
    let mut row = |what: &str, times: &mut Vec<f64>, than: f64| {
        times.sort_by(f64::total_cmp);
        let p50 = permille(times, 500);
        let aim = if than.is_nan() { Value::Null } else { json!(format!("≤ {AIM}")) };
        table.push(vec![
            json!(what),
            number(p50),
            number(permille(times, 990)),
            number(p50 / than),
            aim,
        ]);
        p50
    };
    let echo = row("echo", &mut times.echo, f64::NAN);
    let written = row("write and fdatasync of the same bytes", &mut times.written, f64::NAN);
    row("put, against these two together", &mut times.put, echo + written);
    let in_memory = row("get, --memory", &mut times.get_memory, f64::NAN);
    row("get, against the one with --memory", &mut times.get, in_memory);
    row("done", &mut times.done, f64::NAN);
    Ok(table)
}

/// Microseconds.
#[derive(Default)]
struct Times {
    echo: Vec<f64>,
    written: Vec<f64>,
    put: Vec<f64>,
    get: Vec<f64>,
    done: Vec<f64>,
    get_memory: Vec<f64>,
}

struct Single {
    durable: Client,
    memory: Client,
    echo: Client,
    file: Prepared,
}

impl Single {
    /// Everything once: call by call in turns, for neither the machine nor its disk is equally fast for long.
    async fn all(&mut self, times: &mut Times) -> io::Result<()> {
        times.echo.push(timed(&mut self.echo, Call::Put).await?);
        times.put.push(timed(&mut self.durable, Call::Put).await?);
        times.get.push(timed(&mut self.durable, Call::Get).await?);
        times.done.push(timed(&mut self.durable, Call::Done).await?);
        timed(&mut self.memory, Call::Put).await?;
        // Both gets follow on a wait for the disk, in which the cores fell asleep: to wake them up
        // takes longer than a get.
        times.written.push(self.file.write()?);
        times.get_memory.push(timed(&mut self.memory, Call::Get).await?);
        timed(&mut self.memory, Call::Done).await?;
        Ok(())
    }
}

async fn timed(client: &mut Client, call: Call) -> io::Result<f64> {
    let begun = Instant::now();
    client.call(call).await?;
    Ok(micros(begun.elapsed()))
}

/// A file whose blocks are there already, so that a sync need not write down where they are.
struct Prepared {
    file: File,
    at: u64,
    /// Removed with it.
    _folder: Folder,
}

impl Prepared {
    /// Beside the server's folder, with room for so many writes.
    fn new(writes: usize) -> io::Result<Self> {
        let folder = Folder::new()?;
        let mut file = File::create_new(folder.path().join("prepared"))?;
        file.write_all(&vec![0; writes * SIZE])?;
        file.sync_all()?;
        Ok(Self { file, at: 0, _folder: folder })
    }

    /// Microseconds of one write and its sync.
    fn write(&mut self) -> io::Result<f64> {
        let begun = Instant::now();
        self.file.write_all_at(&[b'x'; SIZE], self.at)?;
        self.file.sync_data()?;
        self.at += SIZE as u64;
        Ok(micros(begun.elapsed()))
    }
}
