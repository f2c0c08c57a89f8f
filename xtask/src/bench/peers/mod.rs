//! What is compared: awaitd, other queues, and an echo, each as a process of its own.
//!
//! They are driven by one loop in one thread, over raw sockets, with one request in flight on a
//! connection. Only the words differ, and those are in one file for each program.

mod awaitd;
mod beanstalkd;
mod client;
mod compaction;
mod cycles;
mod depth;
mod disk;
mod hand_off;
mod queued;
mod redis;
mod turn;

use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use self::client::{Call, Client, Protocol};
use super::folder::Folder;
use super::load::QUEUE;
use super::progress;
use super::server::{self, Server};

pub(super) use self::compaction::measure as compaction;
pub(super) use self::cycles::measure as cycles;
pub(super) use self::depth::measure as depth;
pub(super) use self::disk::measure as disk;
pub(super) use self::hand_off::measure as hand_offs;
pub(super) use self::queued::{memory, recovery};

/// A program in one of its modes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Target {
    /// Three echoes of awaitd instead of a cycle.
    Echoes,
    Awaitd,
    /// The same, with a get that settles the lease before: two requests a cycle.
    AwaitdSettle,
    /// The same with room in memory for a few bodies only.
    AwaitdOverBudget,
    AwaitdMemory,
    Beanstalkd,
    BeanstalkdMemory,
    List,
    Stream,
    ListMemory,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Program {
    Awaitd,
    Beanstalkd,
    Redis,
}

impl Target {
    /// Those whose speed is compared, in the order in which they are shown.
    const ALL: [Self; 9] = [
        Self::Awaitd,
        Self::AwaitdSettle,
        Self::List,
        Self::Stream,
        Self::Beanstalkd,
        Self::AwaitdMemory,
        Self::ListMemory,
        Self::BeanstalkdMemory,
        Self::Echoes,
    ];

    fn name(self) -> &'static str {
        match self {
            Self::Echoes => "three echoes",
            Self::Awaitd => "awaitd",
            Self::AwaitdSettle => "awaitd, settle=",
            Self::AwaitdOverBudget => "awaitd, above --memory-budget",
            Self::AwaitdMemory => "awaitd --memory",
            Self::Beanstalkd => "beanstalkd -f0",
            Self::BeanstalkdMemory => "beanstalkd, no binlog",
            Self::List => "redis list, always",
            Self::Stream => "redis stream, always",
            Self::ListMemory => "redis list, no AOF",
        }
    }

    fn program(self) -> Program {
        match self {
            Self::Echoes
            | Self::Awaitd
            | Self::AwaitdSettle
            | Self::AwaitdOverBudget
            | Self::AwaitdMemory => Program::Awaitd,
            Self::Beanstalkd | Self::BeanstalkdMemory => Program::Beanstalkd,
            Self::List | Self::Stream | Self::ListMemory => Program::Redis,
        }
    }

    /// Whether what it has acknowledged is on the disk.
    fn durable(self) -> bool {
        match self {
            Self::Awaitd
            | Self::AwaitdSettle
            | Self::AwaitdOverBudget
            | Self::Beanstalkd
            | Self::List
            | Self::Stream => true,
            Self::Echoes | Self::AwaitdMemory | Self::BeanstalkdMemory | Self::ListMemory => false,
        }
    }

    /// How a worker speaks with it, who is one of several, about jobs of this size.
    fn protocol(self, worker: usize, size: usize) -> Box<dyn Protocol> {
        match self {
            Self::Echoes => Box::new(awaitd::Echo::new(size)),
            Self::Awaitd | Self::AwaitdSettle | Self::AwaitdOverBudget | Self::AwaitdMemory => {
                Box::new(awaitd::Awaitd::new(QUEUE, size))
            }
            Self::Beanstalkd | Self::BeanstalkdMemory => {
                Box::new(beanstalkd::Beanstalkd::new(size))
            }
            Self::List | Self::ListMemory => Box::new(redis::List::new(worker, size)),
            Self::Stream => Box::new(redis::Stream::new(worker, size)),
        }
    }
}

/// The programs that are there.
pub(super) struct Peers {
    binary: PathBuf,
    beanstalkd: bool,
    redis: bool,
    /// What was brought and in which version, or why not.
    pub(super) notes: Vec<String>,
}

impl Peers {
    /// Brings the other programs from Debian if they are not there. What cannot be brought is left out.
    pub(super) fn bring(binary: &Path) -> Self {
        let mut notes = vec![version(binary, "--version").unwrap_or_else(|error| error)];
        let mut bring = |program: &str, package: &str, flag| {
            let found = version(Path::new(program), flag).or_else(|_| {
                progress(&format!("installing {package}"));
                install(package)?;
                version(Path::new(program), flag)
            });
            let there = found.is_ok();
            let left_out = |error| format!("{program} is left out: {error}");
            notes.push(found.unwrap_or_else(left_out));
            there
        };
        let beanstalkd = bring("beanstalkd", "beanstalkd", "-v");
        let redis = bring("redis-server", "redis-server", "--version");
        Self { binary: binary.to_owned(), beanstalkd, redis, notes }
    }

    /// awaitd alone.
    pub(super) fn none(binary: &Path) -> Self {
        Self { binary: binary.to_owned(), beanstalkd: false, redis: false, notes: Vec::new() }
    }

    /// Those of the wanted that are there.
    fn among(&self, wanted: &[Target]) -> Vec<Target> {
        let there = |target: &Target| match target.program() {
            Program::Awaitd => true,
            Program::Beanstalkd => self.beanstalkd,
            Program::Redis => self.redis,
        };
        wanted.iter().copied().filter(there).collect()
    }

    /// Starts one, with an empty queue.
    async fn start(&self, target: Target) -> io::Result<Peer> {
        let peer = self.start_in(target, Folder::new()?, target.durable()).await?;
        peer.client(0, 1).await?.call(Call::Prepare).await?;
        if target.durable() && peer.folder.bytes()? == 0 {
            let name = target.name();
            return Err(io::Error::other(format!("{name} writes nothing: it is not durable")));
        }
        Ok(peer)
    }

    /// Starts one in a folder that it may have been in before, and waits until it serves. Without
    /// `sync` beanstalkd keeps its log but waits for no disk.
    async fn start_in(&self, target: Target, folder: Folder, sync: bool) -> io::Result<Peer> {
        let address = server::free_address()?;
        let data = target.durable().then(|| folder.path());
        let mut command = match target.program() {
            Program::Awaitd => awaitd::command(&self.binary, address, data),
            Program::Beanstalkd => beanstalkd::command(address, data, sync),
            Program::Redis => redis::command(address, folder.path(), target.durable()),
        };
        if target == Target::AwaitdOverBudget {
            command.args(["--memory-budget", "1MiB"]);
        }
        let server = Server::spawn(&mut command, address)?;
        let mut peer = Peer { target, server, folder };
        peer.ready().await?;
        Ok(peer)
    }

    /// Warms all of them up a little: what a server does first is dearer than what it does later.
    async fn start_all(&self, targets: &[Target], warm_up: Duration) -> io::Result<Vec<Peer>> {
        let mut peers = Vec::new();
        for &target in targets {
            progress(&format!("starting {}", target.name()));
            let peer = self.start(target).await?;
            let mut clients = peer.clients(64, 200).await?;
            turn::run(&peer, &mut clients, warm_up).await?;
            peers.push(peer);
        }
        Ok(peers)
    }
}

/// A target that runs, and where it keeps what it keeps.
struct Peer {
    target: Target,
    server: Server,
    folder: Folder,
}

impl Peer {
    /// Returns when it serves, which after a start with much to read may take its time.
    async fn ready(&mut self) -> io::Result<()> {
        let begun = Instant::now();
        loop {
            self.server.expect_running()?;
            if let Ok(mut client) = self.client(0, 1).await
                && client.call(Call::Ready).await.is_ok()
            {
                return Ok(());
            }
            if begun.elapsed() > Duration::from_mins(2) {
                let name = self.target.name();
                return Err(io::Error::other(format!("{name} did not serve within two minutes")));
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    async fn client(&self, worker: usize, size: usize) -> io::Result<Client> {
        Client::open(self.server.address(), self.target.protocol(worker, size)).await
    }

    async fn clients(&self, count: usize, size: usize) -> io::Result<Vec<Client>> {
        let mut clients = Vec::with_capacity(count);
        for worker in 0..count {
            clients.push(self.client(worker, size).await?);
        }
        Ok(clients)
    }
}

/// What the program says of its version.
fn version(program: &Path, flag: &str) -> Result<String, String> {
    let output = Command::new(program).arg(flag).stdin(Stdio::null()).output();
    let output = output.map_err(|error| format!("{}: {error}", program.display()))?;
    let said = String::from_utf8_lossy(&output.stdout);
    // redis goes on with its hash and its allocator.
    let line = said.lines().next().unwrap_or_default().split(" sha=").next().unwrap_or_default();
    Ok(line.to_owned())
}

/// Installs a package of Debian's, which only root may.
fn install(package: &str) -> Result<(), String> {
    let install = format!(
        "apt-get install --yes --no-install-recommends {package} || \
         {{ apt-get update && apt-get install --yes --no-install-recommends {package}; }}"
    );
    let mut shell = Command::new("sh");
    shell.args(["-c", &install]).env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null());
    let output = shell.output().map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    Err(said.lines().last().unwrap_or("apt-get failed").to_owned())
}
